//! A chunk that is not as it was cut: it is refused, or does no harm, or the digest shows it at the end.

use super::copies::{CopyEvent, Copying, happening, limits};
use super::{cases, some};
use cutover::core::fence::{AppliedIds, Body, Cell, Change, Chunk, Frontier, Key, Reply, Row};
use cutover::core::ids::{Incarnation, MigrationId, Position, WriteId};
use proptest::prelude::*;
use proptest::sample::Index;

/// One thing that is different in a chunk.
#[derive(Clone, Debug)]
enum Damage {
    Migration(u64),
    Source(u64),
    After(Frontier),
    From(u64),
    Through(Frontier),
    Position(u64),
    NoChange(Index),
    ChangeTwice(Index),
    SwappedChanges,
    ChangePosition(Index, u64),
    ChangeId(Index, WriteId),
    ChangeEffects(Index, Cell),
    NoRow(Index),
    SwappedRows,
    OtherRow(Index, Row),
    MoreRow(Key, Row),
    NoIds,
    OtherIds(WriteId),
}

fn frontier() -> impl Strategy<Value = Frontier> {
    prop_oneof![
        Just(Frontier::Nothing),
        some::some_key().prop_map(Frontier::Through),
        Just(Frontier::Everything)
    ]
}

fn row() -> impl Strategy<Value = Row> {
    (0_u64..9, "[a-c]")
        .prop_map(|(position, text)| Row { value: some::value(&text), position: Position(position) })
}

/// Of those that only say where the chunk belongs.
fn label() -> impl Strategy<Value = Damage> {
    prop_oneof![
        (0_u64..5).prop_map(Damage::Migration),
        (0_u64..4).prop_map(Damage::Source),
        frontier().prop_map(Damage::After),
        (0_u64..20).prop_map(Damage::From),
    ]
}

fn content() -> impl Strategy<Value = Damage> {
    let which = any::<Index>;
    prop_oneof![
        frontier().prop_map(Damage::Through),
        (0_u64..20).prop_map(Damage::Position),
        which().prop_map(Damage::NoChange),
        which().prop_map(Damage::ChangeTwice),
        Just(Damage::SwappedChanges),
        (which(), 0_u64..20).prop_map(|(at, position)| Damage::ChangePosition(at, position)),
        (which(), some::write_id(4, 4)).prop_map(|(at, id)| Damage::ChangeId(at, id)),
        (which(), some::cell()).prop_map(|(at, cell)| Damage::ChangeEffects(at, cell)),
        which().prop_map(Damage::NoRow),
        Just(Damage::SwappedRows),
        (which(), row()).prop_map(|(at, row)| Damage::OtherRow(at, row)),
        (some::some_key(), row()).prop_map(|(key, row)| Damage::MoreRow(key, row)),
        Just(Damage::NoIds),
        some::write_id(4, 4).prop_map(Damage::OtherIds),
    ]
}

impl Damage {
    /// The chunk with this difference; `None` if it is none.
    fn of(&self, chunk: &Chunk) -> Option<Chunk> {
        let mut other = chunk.clone();
        match self {
            Self::Migration(id) => other.migration = MigrationId(*id),
            Self::Source(life) => other.source = Incarnation(*life),
            Self::After(after) => other.after = after.clone(),
            Self::From(from) => other.from = Position(*from),
            Self::Through(through) => other.through = through.clone(),
            Self::Position(position) => other.position = Position(*position),
            Self::NoChange(_)
            | Self::ChangeTwice(_)
            | Self::SwappedChanges
            | Self::ChangePosition(..)
            | Self::ChangeId(..)
            | Self::ChangeEffects(..) => self.of_changes(&mut other.changes),
            Self::NoRow(at) => {
                drop((!other.rows.is_empty()).then(|| other.rows.remove(at.index(chunk.rows.len()))));
            }
            Self::SwappedRows => other.rows.reverse(),
            Self::OtherRow(at, row) => {
                if !other.rows.is_empty() {
                    other.rows[at.index(chunk.rows.len())].1 = row.clone();
                }
            }
            Self::MoreRow(key, row) => {
                let at = other.rows.partition_point(|(before, _)| before < key);
                other.rows.insert(at, (key.clone(), row.clone()));
            }
            Self::NoIds => other.applied = chunk.applied.is_none().then(AppliedIds::new),
            Self::OtherIds(id) => {
                other.applied.iter_mut().for_each(|ids| ids.remember(*id, chunk.position, 4, 4))
            }
        }
        Some(other).filter(|other| other != chunk)
    }

    fn of_changes(&self, changes: &mut Vec<Change>) {
        let Some(last) = changes.len().checked_sub(1) else { return };
        let at = |at: &Index| at.index(last + 1);
        match self {
            Self::NoChange(which) => drop(changes.remove(at(which))),
            Self::ChangeTwice(which) => changes.insert(0, changes[at(which)].clone()),
            Self::SwappedChanges => changes.swap(0, last),
            Self::ChangePosition(which, position) => changes[at(which)].position = Position(*position),
            Self::ChangeId(which, id) => changes[at(which)].id = *id,
            Self::ChangeEffects(which, cell) => changes[at(which)].effects = [cell.clone()].into(),
            Self::Migration(_)
            | Self::Source(_)
            | Self::After(_)
            | Self::From(_)
            | Self::Through(_)
            | Self::Position(_)
            | Self::NoRow(_)
            | Self::SwappedRows
            | Self::OtherRow(..)
            | Self::MoreRow(..)
            | Self::NoIds
            | Self::OtherIds(_) => {}
        }
    }
}

/// A run up to a chunk that is under way to where it fits.
fn until_a_chunk(
    run: &mut Copying,
    happenings: &[CopyEvent],
    limit: u32,
) -> Result<Option<Chunk>, TestCaseError> {
    for what in happenings {
        run.happen(what)?;
    }
    Ok(run.cut(run.export(limit)).ok())
}

/// The target after the chunk, if it took it. A refused one changes nothing.
fn taken(run: &Copying, chunk: &Chunk) -> Result<Option<Copying>, TestCaseError> {
    let mut after = run.clone();
    let said = some::replies(&after.target.ask(Body::Chunk(chunk.clone())));
    if let [Reply::Refused { .. }] = said.as_slice() {
        prop_assert_eq!((&after.target.fence, &after.target.data), (&run.target.fence, &run.target.data));
        return Ok(None);
    }
    prop_assert!(matches!(said.as_slice(), [Reply::ChunkTaken(_)]), "{said:?}");
    Ok(Some(after))
}

proptest! {
    #![proptest_config(cases(16))]

    /// What says where a chunk belongs: if that is wrong, it is refused, or leaves the copy that the right one leaves.
    #[test]
    fn a_chunk_with_another_label_is_refused_or_leaves_the_same_copy(
        limits in limits(),
        happenings in prop::collection::vec(happening(), 0..40),
        limit in 0_u32..5,
        damage in label(),
    ) {
        let mut run = Copying::new(limits);
        let Some(chunk) = until_a_chunk(&mut run, &happenings, limit)? else { return Ok(()) };
        let right = taken(&run, &chunk)?.expect("it fits");
        let Some(after) = damage.of(&chunk).map(|other| taken(&run, &other)).transpose()?.flatten() else {
            return Ok(());
        };
        prop_assert_eq!(&after.target.data, &right.target.data);
        let parts = |run: &Copying| {
            let copy = run.copy();
            (copy.position(), copy.frontier().clone(), copy.digest(), copy.applied().clone(), copy.finished())
        };
        prop_assert_eq!(parts(&after), parts(&right));
        // A first chunk says of which life of the source the copy is; those of another are refused from then on.
        prop_assert!(after.copy().source() == right.copy().source() || chunk.after == Frontier::Nothing);
    }

    /// What a chunk contains: what is not refused, and makes another copy, does not get past the digest.
    #[test]
    fn a_copy_of_a_damaged_chunk_does_not_pass_for_its_source(
        limits in limits(),
        happenings in prop::collection::vec(happening(), 0..40),
        more in prop::collection::vec(happening(), 0..10),
        limit in 0_u32..5,
        damage in content(),
    ) {
        let mut run = Copying::new(limits);
        let Some(chunk) = until_a_chunk(&mut run, &happenings, limit)? else { return Ok(()) };
        let Some(mut after) = damage.of(&chunk).map(|other| taken(&run, &other)).transpose()?.flatten() else {
            return Ok(());
        };
        for what in &more {
            // The copy may differ, so that it is not judged in between.
            let _ = after.happen(what);
        }
        let Reply::Sealed(receipt) = after.seal() else { panic!("it has a copy, and can seal") };
        for _ in 0..60 {
            let Ok(chunk) = after.cut(after.export(3)) else { break };
            let _ = after.target.ask(Body::Chunk(chunk));
        }
        let said = after.evidence(receipt.watermark());
        if let [Reply::Evidence(evidence)] = said.as_slice()
            && evidence.digest() == receipt.digest()
        {
            prop_assert_eq!(after.target.data.rows(), after.source.data.rows());
            prop_assert_eq!(after.copy().applied(), after.original().applied());
        }
    }
}
