//! Random commands to the table and to its reference: the answers and the states are compared at each step.

#![expect(clippy::expect_used, clippy::panic, reason = "a test says what it expects by stopping")]

#[path = "walk/around.rs"]
mod around;
#[path = "walk/choose.rs"]
mod choose;
#[path = "support/dice.rs"]
mod dice;
#[path = "walk/floors.rs"]
mod floors;
#[path = "walk/judge.rs"]
mod judge;
#[path = "walk/orders.rs"]
mod orders;
#[path = "support/seeds.rs"]
mod seeds;
#[path = "walk/sinks.rs"]
mod sinks;
#[path = "walk/statements.rs"]
mod statements;
#[path = "walk/stores.rs"]
mod stores;
#[path = "walk/tally.rs"]
mod tally;

use judge::Walk;
use tally::Tally;

/// Worlds of one seed, and the commands in each.
const WORLDS: u64 = 12;
const STEPS: u64 = 12_000;

fn walk(seed: u64) {
    let mut tally = Tally::default();
    for world in 0..WORLDS {
        let mut walk = Walk::new(seed, world);
        for _ in 0..STEPS {
            if let Err(disagreement) = walk.step(&mut tally) {
                panic!("seed {seed}, world {world}\n{disagreement}");
            }
        }
    }
    println!("seed {seed}: {tally}");
    tally.wants_each_kind_often();
}

#[test]
fn the_table_agrees_with_its_reference_from_seed_1() {
    walk(1);
}

#[test]
fn the_table_agrees_with_its_reference_from_seed_2() {
    walk(2);
}

/// A recovery raises the floors and holds what is in flight. Here it goes on, and every command is judged after it.
#[test]
fn a_table_whose_floors_are_raised_agrees_with_its_reference() {
    let raised = floors::walk(1, 60_000).unwrap_or_else(|disagreement| panic!("{disagreement}"));
    let floors::Raised { over, blocks, taken } = raised;
    assert!(
        over > 300 && blocks > 50 && taken > 3_000,
        "{over} over a record, {blocks} block, {taken} commands"
    );
}

/// `WALK_SEEDS=1000..1100 cargo test --release -p cutover-reference --test walk -- --ignored`
#[test]
#[ignore = "as long as it is asked to"]
fn the_table_agrees_with_its_reference_from_other_seeds() {
    seeds::asked_for().for_each(walk);
}

/// A record that is raised while it drains, with its block started, drains at its new epoch: writes of that epoch are owed too.
#[test]
fn a_force_after_a_raise_owes_through_the_new_epoch() {
    use cutover::core::fence::{Ended, Prepared, StatementOrigin};
    use cutover::core::ids::{Epoch, Incarnation, MigrationId, PartitionId, Placement, Position};
    use cutover::core::migration::{Caps, Command, Expected, PlacementTable, Transition};
    use cutover::core::placement::Guarantee;
    let (partition, incarnation) = (PartitionId(1), Incarnation(1));
    let mut table = PlacementTable::new(Caps::PRODUCTION);
    let apply = |table: &mut PlacementTable, transition: &dyn Fn(Expected) -> Transition| {
        let expected = table
            .record(partition)
            .map_or(Expected { migration: MigrationId::ZERO, epoch: Epoch::ZERO }, |record| {
                record.expected()
            });
        table.apply(&Command { partition, transition: transition(expected) }).expect("it is taken")
    };
    let prepared = |store, expected: Expected, through| {
        let origin = StatementOrigin { store: Placement(store), partition, incarnation };
        Prepared::reported(origin, expected.migration, through, true, true).into()
    };
    let none = Epoch::ZERO;
    apply(&mut table, &|_| Transition::Create { placement: Placement(0), guarantee: Guarantee::Sealed });
    apply(&mut table, &|expected| Transition::Open { expected, prepared: prepared(0, expected, none) });
    apply(&mut table, &|expected| Transition::Begin { expected, to: Placement(1) });
    apply(&mut table, &|expected| Transition::StartBlock { expected, target: incarnation });
    table.raise_floor(Epoch(9), MigrationId(9));
    let raised = table.record(partition).expect("it is there").epoch;
    let origin = StatementOrigin { store: Placement(1), partition, incarnation };
    apply(&mut table, &|expected| Transition::Force {
        expected,
        ended: Ended::reported(origin, expected.migration, raised, Position(3), true, true).into(),
        partial: false,
        operator: "ann".to_owned().try_into().expect("a name"),
        reason: "it does not answer".to_owned().try_into().expect("a reason"),
    });
    let debt = table.record(partition).and_then(|record| record.placed?.debt).expect("the source owes");
    assert_eq!((raised, debt.through, debt.copied), (Epoch(10), Epoch(10), Some(Position(3))));
}

/// Rule T9: the sink is closed to all tokens from before the creation, those of a deleted partition of this number.
#[test]
fn open_needs_a_sink_that_is_closed_to_earlier_tokens() {
    use cutover::core::fence::{Prepared, StatementOrigin};
    use cutover::core::ids::{Epoch, Incarnation, MigrationId, PartitionId, Placement};
    use cutover::core::migration::{Caps, Command, Expected, MigrationError, PlacementTable, Transition};
    use cutover::core::placement::Guarantee;
    let (partition, store, incarnation) = (PartitionId(1), Placement(0), Incarnation(1));
    let mut table = PlacementTable::new(Caps::PRODUCTION);
    table.raise_floor(Epoch(6), MigrationId(3));
    let create = Transition::Create { placement: store, guarantee: Guarantee::Sealed };
    assert_eq!(table.apply(&Command { partition, transition: create }), Ok(Epoch(7)));
    let origin = StatementOrigin { store, partition, incarnation };
    let prepared = Prepared::reported(origin, MigrationId(4), Epoch(5), true, true).into();
    let expected = Expected { migration: MigrationId(4), epoch: Epoch(7) };
    let opened = table.apply(&Command { partition, transition: Transition::Open { expected, prepared } });
    assert_eq!(opened, Err(MigrationError::SealTooLow { have: Epoch(5), needed: Epoch(6) }));
}
