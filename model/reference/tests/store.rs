//! Random requests to three stores and to their references: outputs, states, and what a crash leaves are compared at each step.

#![expect(clippy::expect_used, clippy::panic, reason = "a test says what it expects by stopping")]

#[path = "store/chunks.rs"]
mod chunks;
#[path = "support/dice.rs"]
mod dice;
#[path = "store/digests.rs"]
mod digests;
#[path = "store/requests.rs"]
mod requests;
#[path = "support/seeds.rs"]
mod seeds;
#[path = "support/tally.rs"]
mod tally;
#[path = "store/words.rs"]
mod words;
#[path = "store/world.rs"]
mod world;

use tally::Tally;
use world::World;

const WORLDS: u64 = 40;
const STEPS: u64 = 16_000;

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

/// F3 to F30, each done.
const KEPT: &[&str] = &[
    "prepare: a new copy",
    "prepare: again",
    "prepare: kept",
    "prepare: kept, and it has all rows",
    "prepare: pulls",
    "prepare: does not pull",
    "seal: done",
    "seal: again",
    "seal: of a copy that lacks rows",
    "evidence: done",
    "watermark: done",
    "drop: done",
    "drop: nothing there",
    "end: done",
    "end: of a copy that lacks rows",
    "export: done",
    "handed: nothing but a position",
    "handed: rows",
    "handed: changes",
    "handed: changes and rows",
    "handed: not all changes",
    "handed: all changes, and no room for a row",
    "handed: not all rows",
    "handed: write ids",
    "chunk: taken",
    "chunk: the first",
    "chunk: goes on",
    "chunk: has the last rows",
    "chunk: changes after all rows",
    "chunk: a change above the frontier",
    "chunk: a deletion below the frontier",
    "write: waits",
    "write: known",
    "apply: appended",
    "apply: as it expects",
    "apply: a batch",
    "apply: a deletion",
    "apply: to a copy that lacks rows",
    "apply: under a fence",
    "apply: known",
    "apply: does not wait",
    "read: done",
    "trim: done",
    "trim: nothing to trim",
    "stuck: noted",
    "crash: something lost",
    "crash: nothing lost",
    "crash: waiting lost",
    "wiped",
    "forgotten: a number",
    "forgotten: a session",
];

/// F1 to F30, each violated.
const VIOLATED: &[&str] = &[
    "prepare: WrongStore",
    "prepare: WrongPartition",
    "prepare: OlderMigration",
    "prepare: UnknownPartition",
    "prepare: Stuck",
    "seal: UnknownPartition",
    "seal: CannotSeal",
    "seal: OlderMigration",
    "evidence: UnknownPartition",
    "evidence: OtherCopy",
    "evidence: Incomplete",
    "evidence: Behind",
    "evidence: Stuck",
    "watermark: UnknownPartition",
    "drop: OtherCopy",
    "drop: NotSealed",
    "end: UnknownPartition",
    "end: OtherCopy",
    "export: UnknownPartition",
    "export: Incomplete",
    "export: Behind",
    "export: Trimmed",
    "export: NothingNew",
    "chunk: UnknownPartition",
    "chunk: OtherCopy",
    "chunk: Finished",
    "chunk: TooLong Items",
    "chunk: TooLong Bytes",
    "chunk: OtherSource",
    "chunk: Elsewhere",
    "chunk: Malformed Backwards",
    "chunk: Malformed Ids",
    "chunk: Malformed Changes",
    "chunk: Malformed Rows",
    "write: UnknownPartition",
    "write: Closed",
    "write: Sealed",
    "write: Forgotten",
    "write: Busy",
    "apply: UnknownPartition",
    "apply: Closed",
    "apply: Sealed",
    "apply: Forgotten",
    "apply: Differs",
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
