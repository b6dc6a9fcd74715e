//! A recovered table gives out nothing that a store may have seen, and holds what it cannot know.

use super::statements::{A, B, BY_A, BY_B, P, apply, draining, expected};
use cutover::core::ids::{Epoch, MigrationId, PartitionId};
use cutover::core::migration::{
    AbortReason, Caps, Command, EPOCH_LEAP, MIGRATION_LEAP, MigrationError, Operator, PartitionRecord,
    PlacementTable, Reason, Release, Transition,
};
use cutover::core::placement::{Guarantee, PartitionState, Phase};

fn record(table: &PlacementTable) -> PartitionRecord {
    table.record(P).cloned().expect("it exists")
}

fn release(table: &PlacementTable, how: Release) -> Transition {
    let operator = Operator::try_from("ada".to_owned()).expect("short");
    let reason = Reason::try_from("all disks lost".to_owned()).expect("short");
    Transition::Release { expected: expected(table), how, operator, reason }
}

/// Creates the partition and returns the epoch and the id that it gets.
fn creates(table: &PlacementTable, partition: PartitionId) -> (Epoch, MigrationId) {
    let mut table = table.clone();
    let transition = Transition::Create { placement: A, guarantee: Guarantee::Sealed };
    let epoch = table.apply(&Command { partition, transition }).expect("it is free");
    (epoch, table.record(partition).expect("it was created").migration)
}

/// Each recovery leaps from what was given out, not from what the records show: an empty table too, and each further time.
#[test]
fn every_recovery_leaps() {
    let mut table = PlacementTable::new(Caps::PRODUCTION);
    for times in 1..4 {
        table = table.recovered(1);
        let leapt = (Epoch(times * EPOCH_LEAP), MigrationId(times * MIGRATION_LEAP));
        assert_eq!(table.floor(), leapt);
        assert_eq!(creates(&table, P), (leapt.0.next(), leapt.1.next()));
        assert_eq!(table.returned(P), leapt, "a store that comes back knows as much, without a record");
    }
    let twice = PlacementTable::new(Caps::PRODUCTION).recovered(2);
    assert_eq!(twice.floor(), (Epoch(2 * EPOCH_LEAP), MigrationId(2 * MIGRATION_LEAP)));
}

/// A backup is restored, lives on, is lost, and restored again: the second life repeats nothing of the first.
#[test]
fn a_second_restore_of_a_backup_of_the_first_repeats_nothing() {
    let first = draining(Guarantee::Sealed).recovered(1);
    let mut lost = first.clone();
    let keep = release(&lost, Release::KeepSource);
    assert!(apply(&mut lost, keep).is_ok());
    let begin = Transition::Begin { expected: expected(&lost), to: B };
    assert!(apply(&mut lost, begin).is_ok());
    let second = first.recovered(1);
    assert!(record(&second).epoch > record(&lost).epoch);
    assert!(record(&second).migration > record(&lost).migration);
    let (epoch, migration) = creates(&second, PartitionId(2));
    assert!(epoch > record(&lost).epoch && migration > record(&second).migration);
    assert_eq!(record(&second).held(), record(&first_held()).held(), "the copy at B still has its first id");
}

fn first_held() -> PlacementTable {
    draining(Guarantee::Sealed).recovered(1)
}

#[test]
fn a_migration_in_flight_is_held_until_it_is_released() {
    let mut cutover = draining(Guarantee::Sealed);
    let enter = Transition::EnterCutover { expected: expected(&cutover), receipt: BY_A.receipt().into() };
    assert_eq!(apply(&mut cutover, enter), Ok(Epoch(3)));
    for (table, phase) in [(draining(Guarantee::Sealed), Phase::Draining), (cutover, Phase::Cutover)] {
        let mut table = table.recovered(1);
        let held = record(&table);
        let was = held.held().expect("it was in flight");
        assert_eq!((was.migration, was.phase, was.draining), (MigrationId(2), phase, Epoch(2)));
        assert_eq!(table.held().count(), 1);
        assert_eq!(held.placed.and_then(|placed| placed.state.write_placement()), None, "writes are refused");
        let named = expected(&table);
        let stops = Err(MigrationError::Held { migration: named.migration });
        assert_eq!(
            apply(&mut table, Transition::Abort { expected: named, why: AbortReason::Operator }),
            stops
        );
        let complete = Transition::Complete { expected: named, evidence: BY_B.evidence().into() };
        assert_eq!(apply(&mut table, complete), stops);
        for (how, state) in [
            (Release::Resume, PartitionState::Migrating { from: A, to: B, phase: Phase::Draining }),
            (Release::KeepSource, PartitionState::Active(A)),
            (Release::AcceptTarget { guarantee: Guarantee::Timed }, PartitionState::Active(B)),
        ] {
            let mut table = table.clone();
            let released = release(&table, how);
            assert_eq!(apply(&mut table, released), Ok(held.epoch.next()));
            let now = record(&table);
            let placed = now.placed.expect("it is placed");
            assert_eq!((placed.state, placed.held), (state, None));
            let accepted = placed.copy == MigrationId(2) && placed.guarantee == Guarantee::Timed;
            assert_eq!(matches!(how, Release::AcceptTarget { .. }), accepted);
            let debt = placed.debt.map(|debt| (debt.placement, debt.through, debt.migration));
            let owed = accepted.then_some((A, held.epoch, held.migration));
            assert_eq!(
                debt, owed,
                "a seal that may be lost is asked for again, under an id that A has not seen"
            );
            let again = release(&table, how);
            assert_eq!(apply(&mut table, again), Err(MigrationError::NotHeld { partition: P }));
        }
    }
}
