//! Random commands to the table and to its reference: the answers and the states are compared at each step.

#![expect(clippy::expect_used, clippy::panic, reason = "a test says what it expects by stopping")]

#[path = "walk/choose.rs"]
mod choose;
#[path = "support/dice.rs"]
mod dice;
#[path = "walk/judge.rs"]
mod judge;
#[path = "support/seeds.rs"]
mod seeds;
#[path = "walk/sinks.rs"]
mod sinks;
#[path = "walk/statements.rs"]
mod statements;
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

/// `WALK_SEEDS=1000..1100 cargo test --release -p cutover-reference --test walk -- --ignored`
#[test]
#[ignore = "as long as it is asked to"]
fn the_table_agrees_with_its_reference_from_other_seeds() {
    seeds::asked_for().for_each(walk);
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
    let prepared = Prepared::reported(origin, MigrationId(4), Epoch(5), true).into();
    let expected = Expected { migration: MigrationId(4), epoch: Epoch(7) };
    let opened = table.apply(&Command { partition, transition: Transition::Open { expected, prepared } });
    assert_eq!(opened, Err(MigrationError::SealTooLow { have: Epoch(5), needed: Epoch(6) }));
}
