//! Random disks of nodes, and batches that a node could write to them next.

use super::site::{Disk as State, founder, peer};
use cutover::core::control_plane::ControlPlaneEntry;
use cutover::core::ids::{Index, NodeId, Term};
use cutover::core::migration::Caps;
use cutover::core::raft::{Batch, Content, Entry, HardState, LogPosition, Snapshot};
use proptest::prelude::*;
use std::sync::Arc;

pub type Next = Batch<ControlPlaneEntry>;

/// The founding contents of a disk.
pub fn founded() -> State {
    founder(3, Caps::PRODUCTION).disk().unwrap()
}

/// A random choice among the batches that a node could write; its meaning depends on the disk.
#[derive(Clone, Copy, Debug)]
pub struct Choice {
    pub kind: u8,
    pub some: u8,
    pub other: u8,
    /// Whether it is written in the same call as the previous batch.
    pub joins: bool,
}

pub fn choices(most: usize) -> impl Strategy<Value = Vec<Choice>> {
    let choice = (0_u8..8, any::<u8>(), any::<u8>(), any::<bool>());
    let choice = choice.prop_map(|(kind, some, other, joins)| Choice { kind, some, other, joins });
    prop::collection::vec(choice, 1..most)
}

/// Draws choices from a source of numbers.
pub fn drawn(count: usize, below: &mut dyn FnMut(usize) -> usize) -> Vec<Choice> {
    let mut byte = |bound| u8::try_from(below(bound)).unwrap();
    (0..count)
        .map(|_| Choice { kind: byte(8), some: byte(256), other: byte(256), joins: byte(2) == 0 })
        .collect()
}

/// A snapshot that ends at this position. Sizes and contents vary.
fn snapshot(last: LogPosition, size: u8) -> Arc<Snapshot> {
    let caps = Caps { partitions: u32::from(size), ..Caps::PRODUCTION };
    let disk = founder(if size.is_multiple_of(8) { 250 } else { size % 8 }, caps).disk().unwrap();
    Arc::new(Snapshot { last, ..(*disk.snapshot).clone() })
}

fn entries(term: Term, count: u8, some: u8) -> Vec<Entry<ControlPlaneEntry>> {
    let entry = |n: u8| {
        let leader = NodeId(some.wrapping_add(n));
        let payload = ControlPlaneEntry::LeaderConfiguration { term, leader };
        let content = if n.is_multiple_of(3) {
            Content::OpenSession
        } else {
            Content::Payload { ticket: None, payload }
        };
        Entry { term, content }
    };
    (0..count).map(entry).collect()
}

/// An index between two others.
fn within(first: Index, last: Index, some: u8) -> Index {
    first.plus(u64::from(some) % (last.since(first) + 1))
}

impl Choice {
    /// A batch that a node with this disk could write.
    pub fn batch(self, disk: &State) -> Next {
        let Self { kind, some, other, .. } = self;
        let nothing = Batch { hard_state: None, snapshot: None, suffix: None, base: None };
        let (last, covered, base) = (disk.log.last(), disk.snapshot.last, disk.log.base());
        let later = HardState {
            term: Term(disk.hard_state.term.0 + 1 + u64::from(some % 2)),
            voted_for: Some(peer(other)),
        };
        let position = |index: Index| LogPosition { term: disk.log.term_at(index).unwrap(), index };
        match kind {
            0 => Batch { hard_state: Some(later), ..nothing },
            // Appends entries, in the present term or in a new one.
            1 | 2 => {
                let suffix = Some((last.index.next(), entries(disk.hard_state.term, some % 5, other)));
                Batch { suffix, ..nothing }
            }
            3 => {
                let suffix = Some((last.index.next(), entries(later.term, some % 5, other)));
                Batch { hard_state: Some(later), suffix, ..nothing }
            }
            // Replaces entries from some index above the snapshot on.
            4 => {
                let from = within(covered.index.next(), last.index.next(), other);
                Batch {
                    hard_state: Some(later),
                    suffix: Some((from, entries(later.term, some % 4, other))),
                    ..nothing
                }
            }
            // Takes a snapshot, and keeps a part of the entries that it covers.
            5 | 6 => {
                let at = within(covered.index, last.index, some);
                let base = within(base.index, at, other);
                Batch { snapshot: Some(snapshot(position(at), other)), base: Some(position(base)), ..nothing }
            }
            // Replaces everything by the snapshot of another log.
            _ => {
                let at =
                    LogPosition { term: later.term, index: covered.index.plus(1 + u64::from(some % 40)) };
                let vote = Some(later);
                Batch { hard_state: vote, snapshot: Some(snapshot(at, other)), base: Some(at), suffix: None }
            }
        }
    }
}

/// The batches of each call, and the disk after each call.
pub fn calls(mut disk: State, choices: &[Choice]) -> Vec<(Vec<Next>, State)> {
    let mut calls: Vec<(Vec<Next>, State)> = Vec::new();
    for choice in choices {
        let batch = choice.batch(&disk);
        disk.write(&batch);
        match calls.last_mut().filter(|_| choice.joins) {
            Some((batches, after)) => {
                batches.push(batch);
                after.clone_from(&disk);
            }
            None => calls.push((vec![batch], disk.clone())),
        }
    }
    calls
}
