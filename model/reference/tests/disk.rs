//! Three nodes whose disks are slow, and which crash between any two batches: what they write, what leaves them meanwhile, and
//! what is on their disks is compared with the reference.

#![expect(clippy::expect_used, clippy::panic, reason = "a test says what it expects by stopping")]

#[path = "support/dice.rs"]
mod dice;
#[path = "disk/refused.rs"]
mod refused;
#[path = "support/seeds.rs"]
mod seeds;
#[path = "support/tally.rs"]
mod tally;
#[path = "disk/world.rs"]
mod world;

use tally::Tally;
use world::World;

const WORLDS: u64 = 20;
const STEPS: u64 = 5_000;

fn walk(seed: u64) {
    let mut tally = Tally::default();
    for number in 0..WORLDS {
        let mut world = World::new(seed, number);
        for step in 0..STEPS {
            let judged = world.step(&mut tally);
            judged.unwrap_or_else(|what| panic!("seed {seed}, world {number}, step {step}\n{what}"));
        }
    }
    tally.wants(
        10,
        &[
            "batch: a vote",
            "batch: a term without a vote",
            "batch: a snapshot",
            "batch: entries",
            "batch: entries are replaced",
            "synced: one",
            "synced: several",
            "synced: two snapshots at once",
            "message: waits",
            "message: has to wait for nothing",
            "message: leaves before the disk",
            "crash: all is on the disk",
            "crash: a batch is lost",
            "crash: an unreported batch stays",
            "elected",
            "committed",
            "installed",
        ],
    );
}

#[test]
fn a_disk_agrees_with_its_reference() {
    walk(1);
}

/// `WALK_SEEDS=1000..1100 cargo test --release -p cutover-reference --test disk -- --ignored`
#[test]
#[ignore = "as long as it is asked to"]
fn a_disk_agrees_with_its_reference_from_other_seeds() {
    seeds::asked_for().for_each(walk);
}
