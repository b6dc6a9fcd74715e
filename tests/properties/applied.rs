//! The memory of applied write ids, by which a sink recognises repeated writes.

use super::{cases, some};
use cutover::core::fence::{AppliedIds, Known};
use cutover::core::ids::{Position, WriteId};
use proptest::prelude::*;

const SESSIONS: u64 = 5;
const SERIALS: u64 = 6;

/// Applies writes as a sink does, which skips those that it remembers. Returns the applied ones in order.
fn apply(memory: &mut AppliedIds, ids: &[WriteId], sessions: u32, writes: u32) -> Vec<WriteId> {
    let mut applied = Vec::new();
    for id in ids {
        if memory.known(*id) == Known::New {
            applied.push(*id);
            memory.remember(*id, at(applied.len()), sessions, writes);
        }
    }
    applied
}

fn at(len: usize) -> Position {
    Position(u64::try_from(len).unwrap())
}

proptest! {
    #![proptest_config(cases(16))]

    #[test]
    fn a_write_once_remembered_is_never_new_again(
        ids in prop::collection::vec(some::write_id(SESSIONS, SERIALS), 0..40),
        (sessions, writes) in (0_u32..4, 0_u32..4),
    ) {
        let mut memory = AppliedIds::new();
        let mut applied: Vec<WriteId> = Vec::new();
        for id in ids {
            match memory.known(id) {
                Known::New => {
                    prop_assert!(!applied.contains(&id), "{id} was applied and is new again");
                    applied.push(id);
                    memory.remember(id, at(applied.len()), sessions, writes);
                }
                Known::Applied(position) => {
                    let found = applied.iter().position(|other| *other == id).map(|index| at(index + 1));
                    prop_assert_eq!(found, Some(position), "{} has another position", id);
                }
                Known::Forgotten => {}
            }
            for old in &applied {
                prop_assert_ne!(memory.known(*old), Known::New, "{} is new after {}", old, id);
            }
        }
    }

    /// A copy remembers the writes that it is given, even those of a session that the memory has forgotten.
    #[test]
    fn what_was_remembered_is_never_new_whoever_asked(
        ids in prop::collection::vec(some::write_id(SESSIONS, SERIALS), 0..40),
        (sessions, writes) in (0_u32..4, 0_u32..4),
    ) {
        let mut memory = AppliedIds::new();
        for (index, id) in ids.iter().enumerate() {
            memory.remember(*id, at(index + 1), sessions, writes);
            for old in &ids[..=index] {
                prop_assert_ne!(memory.known(*old), Known::New, "{} is new after {}", old, id);
            }
        }
    }

    #[test]
    fn the_memory_is_bounded_and_keeps_the_newest(
        ids in prop::collection::vec(some::write_id(SESSIONS, SERIALS), 1..40),
        (sessions, writes) in (0_u32..4, 0_u32..4),
    ) {
        let mut memory = AppliedIds::new();
        let applied = apply(&mut memory, &ids, sessions, writes);
        let held = |id: &WriteId| matches!(memory.known(*id), Known::Applied(_));
        let last = applied.last().expect("the first write is new");
        prop_assert!(held(last) || applied.iter().any(|id| id.session == last.session && id.serial > last.serial));
        let mut in_use = 0;
        for session in 1..=SESSIONS {
            let of = |id: &&WriteId| id.session.0 == session;
            let kept: Vec<_> = applied.iter().filter(of).filter(|id| held(id)).collect();
            prop_assert!(kept.len() <= usize::try_from(writes.max(1)).unwrap(), "{session} keeps {kept:?}");
            in_use += u32::from(!kept.is_empty());
            // Of each session, the newest writes are kept.
            let newest_forgotten = applied.iter().filter(of).filter(|id| !held(id)).max();
            prop_assert!(kept.iter().min().is_none_or(|least| newest_forgotten.is_none_or(|lost| lost < *least)));
        }
        prop_assert!(in_use <= sessions.max(1), "{in_use} sessions are remembered");
        // Memory is kept per session, with a window each: its size does not grow with the number of applied writes.
        let bytes = postcard::to_allocvec(&memory).expect("a memory can be stored").len();
        let entries = usize::try_from(sessions.max(1) * (writes.max(1) + 2)).unwrap();
        prop_assert!(bytes <= 2 + 3 * entries, "{bytes} bytes for {entries} entries");
    }

    #[test]
    fn the_memory_depends_on_the_applied_sequence_alone(
        ids in prop::collection::vec(some::write_id(SESSIONS, SERIALS), 0..40),
        cut in 0_usize..40,
        (sessions, writes) in (1_u32..4, 1_u32..4),
    ) {
        let mut source = AppliedIds::new();
        let applied = apply(&mut source, &ids, sessions, writes);
        // A copy gets the applied writes in order, in two chunks, without the refused ones in between.
        let mut copy = AppliedIds::new();
        let cut = cut.min(applied.len());
        for (index, id) in applied[..cut].iter().chain(&applied[cut..]).enumerate() {
            copy.remember(*id, at(index + 1), sessions, writes);
        }
        prop_assert_eq!(&copy, &source);
        let stored = postcard::to_allocvec(&source).expect("a memory can be stored");
        prop_assert_eq!(postcard::from_bytes::<AppliedIds>(&stored).expect("and read"), source);
    }
}
