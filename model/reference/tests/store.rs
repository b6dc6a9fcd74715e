//! Random requests to three stores and to their references: outputs, states, and what a crash leaves are compared at each step.

#![expect(clippy::expect_used, clippy::panic, reason = "a test says what it expects by stopping")]

#[path = "support/dice.rs"]
mod dice;
#[path = "store/requests.rs"]
mod requests;
#[path = "support/seeds.rs"]
mod seeds;
#[path = "support/tally.rs"]
mod tally;
#[path = "store/world.rs"]
mod world;

use tally::Tally;
use world::World;

const WORLDS: u64 = 40;
const STEPS: u64 = 5_000;

fn walk(seed: u64) {
    let mut tally = Tally::default();
    for number in 0..WORLDS {
        let mut world = World::new(seed, number);
        for step in 0..STEPS {
            if let Err(disagreement) = world.step(&mut tally) {
                panic!("seed {seed}, world {number}, step {step}\n{disagreement}");
            }
        }
    }
    tally.wants(100, KEPT);
    tally.wants(20, VIOLATED);
}

/// F3 to F20, each done.
const KEPT: &[&str] = &[
    "prepare: a new copy",
    "prepare: again",
    "seal: done",
    "seal: again",
    "evidence: done",
    "watermark: done",
    "drop: done",
    "drop: nothing there",
    "export: done",
    "chunk: appended",
    "chunk: nothing lacked",
    "write: waits",
    "write: known",
    "apply: appended",
    "apply: known",
    "apply: does not wait",
    "read: done",
    "crash: something lost",
    "crash: nothing lost",
    "crash: waiting lost",
    "wiped",
    "forgotten: a number",
    "forgotten: a session",
    "under a fence: applied by a store that does not check",
];

/// F1 to F20, each violated.
const VIOLATED: &[&str] = &[
    "prepare: WrongStore",
    "prepare: WrongPartition",
    "prepare: OlderMigration",
    "prepare: UnknownPartition",
    "seal: UnknownPartition",
    "seal: CannotSeal",
    "seal: OlderMigration",
    "evidence: UnknownPartition",
    "evidence: OtherCopy",
    "evidence: Behind",
    "watermark: UnknownPartition",
    "drop: OtherCopy",
    "drop: NotSealed",
    "export: UnknownPartition",
    "export: Behind",
    "chunk: UnknownPartition",
    "chunk: OtherCopy",
    "chunk: Finished",
    "chunk: TooLong",
    "chunk: OtherSource",
    "chunk: Gap",
    "write: UnknownPartition",
    "write: Closed",
    "write: Sealed",
    "write: Forgotten",
    "write: Busy",
    "apply: UnknownPartition",
    "apply: Closed",
    "apply: Sealed",
    "apply: Forgotten",
    "read: UnknownPartition",
    "read: Closed",
];

#[test]
fn a_store_agrees_with_its_reference() {
    walk(1);
}

/// `WALK_SEEDS=1000..1100 cargo test --release -p cutover-reference --test store -- --ignored`
#[test]
#[ignore = "as long as it is asked to"]
fn a_store_agrees_with_its_reference_from_other_seeds() {
    seeds::asked_for().for_each(walk);
}
