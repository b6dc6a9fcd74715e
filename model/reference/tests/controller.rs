//! Controllers of one partition beside their references: records from a table that operators and controllers walk, stores that answer, and
//! answers that are late, repeated, misrouted or made up. Outputs, their order and the waits are compared at each event.

#![expect(clippy::expect_used, clippy::panic, reason = "a test says what it expects by stopping")]

#[path = "support/dice.rs"]
mod dice;
#[path = "controller/events.rs"]
mod events;
#[path = "controller/operators.rs"]
mod operators;
#[path = "support/seeds.rs"]
mod seeds;
#[path = "controller/stores.rs"]
mod stores;
#[path = "support/tally.rs"]
mod tally;
#[path = "controller/words.rs"]
mod words;
#[path = "controller/world.rs"]
mod world;

use tally::Tally;
use world::World;

const WORLDS: u64 = 200;
const STEPS: u64 = 6_000;

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
    tally.wants(100, OFTEN);
    tally.wants(10, SELDOM);
    tally.wants(10, REFUSED);
}

/// What happens all the time: M3 to M20.
const OFTEN: &[&str] = &[
    "Observed of active: nothing",
    "Observed of active: asks Seal",
    "Observed of active: asks Drop",
    "Observed of active: sets Barrier",
    "Observed of deleted: asks Drop",
    "Observed of held: nothing",
    "Observed of held: asks Seal",
    "Observed of held: asks Drop",
    "Observed of not open: asks Prepare",
    "Observed of draining sealed: asks Prepare",
    "Observed of draining sealed: asks Seal",
    "Observed of draining timed: asks Prepare",
    "Observed of draining sealed blocked: asks Seal",
    "Observed of draining sealed blocked: sets BlockedBudget",
    "Observed of draining timed blocked: asks Prepare",
    "Observed of draining timed blocked: sets BlockedBudget",
    "Observed of draining sealed: asks Prepare and keeps",
    "Observed of draining timed: asks Prepare and keeps",
    "Observed of cutover with W: asks Evidence",
    "Observed of cutover with W: asks Prepare",
    "Observed of cutover with W: asks Prepare and keeps",
    "Observed of cutover with W: sets BlockedBudget",
    "Observed of cutover without W: sets Barrier",
    "Observed of cutover without W: sets BlockedBudget",
    "Retry, active: asks Drop",
    "Retry, draining sealed blocked: asks Seal",
    "Retry, cutover with W: asks Evidence",
    "Retry, cutover without W: sets BlockedBudget",
    "TookOver of draining sealed: asks Prepare",
    "TookOver of draining sealed blocked: proposes Abort TakenOver",
    "TookOver of draining sealed blocked: sets Overdue",
    "TookOver of cutover with W: asks Evidence",
    "TookOver of cutover with W: sets Overdue",
    "BlockedBudget, own, draining sealed blocked: proposes Abort Budget",
    "BlockedBudget, other, draining sealed: nothing",
    "Overdue, own, draining sealed: proposes Abort Budget",
    "Overdue, own, draining sealed: sets Overdue",
    "Overdue, other, draining sealed: nothing",
    "Barrier, own, active: asks Drop",
    "Barrier, own, deleted: asks Drop",
    "Barrier, other, draining sealed: nothing",
    "Prepared by another store, not open: proposes Open",
    "Prepared, draining sealed: asks Watermark",
    "Prepared, draining sealed: proposes StartBlock",
    "Prepared, draining timed: asks Watermark",
    "Prepared, draining timed: proposes StartBlock",
    "Prepared, draining sealed: proposes Settle",
    "Prepared, draining sealed blocked: nothing",
    "Prepared, draining timed blocked: proposes EnterTimedCutover",
    "Prepared, cutover with W: nothing",
    "Prepared finished, draining sealed: proposes Abort Ended",
    "Prepared of another migration, draining sealed: nothing",
    "Prepared of another migration, active: proposes Settle",
    "Watermark, draining sealed: asks Evidence",
    "Watermark, draining timed: asks Evidence",
    "Watermark of another migration, draining sealed: nothing",
    "Evidence, draining sealed: proposes StartBlock",
    "Evidence, draining timed: proposes StartBlock",
    "Evidence, draining sealed blocked: nothing",
    "Evidence, cutover with W: proposes Complete",
    "Evidence of another migration, draining sealed: nothing",
    "Sealed, draining sealed blocked: proposes EnterCutover",
    "Sealed, draining sealed: proposes EnterCutover",
    "Sealed of another migration, draining sealed: nothing",
    "Sealed of another migration, draining sealed: proposes Settle",
    "Sealed, cutover with W: nothing",
    "Dropped, active: proposes ForgetCopy",
    "Dropped, active: proposes Settle",
    "Dropped, deleted: proposes ForgetCopy",
];

/// What takes a wait that has ended, or something that was lost.
const SELDOM: &[&str] = &[
    "Observed of cutover without W: asks Watermark",
    "Retry, cutover without W: asks Watermark",
    "Prepared finished, draining sealed blocked: proposes Abort Ended",
    "Prepared finished, draining timed: proposes Abort Ended",
    "Prepared finished, cutover with W: proposes Abort Ended",
    "Prepared finished, cutover without W: proposes Abort Ended",
    "Ended, draining sealed: nothing",
    "Ended, cutover with W: nothing",
    "TookOver of cutover without W: proposes Abort TakenOver",
    "TookOver of draining timed blocked: proposes Abort TakenOver",
    "TookOver of active: asks Seal",
    "BlockedBudget, own, cutover with W: proposes Abort Budget",
    "BlockedBudget, own, cutover without W: proposes Abort Budget",
    "BlockedBudget, own, held: nothing",
    "Overdue, own, cutover with W: proposes Abort Budget",
    "Barrier, own, cutover without W: asks Watermark",
    "Barrier, own, cutover without W: nothing",
    "Watermark, cutover without W: proposes RecordWatermark",
    "Watermark, cutover without W: nothing",
    "Watermark, draining sealed blocked: nothing",
    "Watermark by another store, draining sealed: nothing",
    "Watermark of another epoch, draining sealed: nothing",
    "Watermark of another epoch, cutover without W: nothing",
    "Evidence of another digest, cutover with W: proposes Abort Digest",
    "Evidence by another store, draining sealed: nothing",
    "Evidence of another epoch, cutover with W: nothing",
    "Evidence of another epoch, draining sealed: nothing",
    "Sealed, held: nothing",
    "Sealed, active: proposes Settle",
];

/// M21 to M23: each refusal, where it counts and where it does not.
const REFUSED: &[&str] = &[
    "WrongStore to Prepare at the target in Draining: proposes Abort Refused",
    "WrongStore to Evidence at the target in Draining: proposes Abort Refused",
    "WrongStore to Seal at the source in Draining: proposes Abort Refused",
    "WrongStore to Watermark at the source in Draining: proposes Abort Refused",
    "WrongPartition to Prepare at the target in Draining: proposes Abort Refused",
    "WrongPartition to Evidence at the target in Draining: proposes Abort Refused",
    "WrongPartition to Seal at the source in Draining: proposes Abort Refused",
    "WrongPartition to Watermark at the source in Draining: proposes Abort Refused",
    "CannotSeal to Prepare at the target in Draining: proposes Abort Refused",
    "CannotSeal to Evidence at the target in Draining: proposes Abort Refused",
    "CannotSeal to Seal at the source in Draining: proposes Abort Refused",
    "CannotSeal to Watermark at the source in Draining: proposes Abort Refused",
    "OlderMigration to Prepare at the target in Draining: proposes Abort Refused",
    "OlderMigration to Seal at the source in Draining: proposes Abort Refused",
    "OlderMigration to Evidence at the target in Draining: nothing",
    "OlderMigration to Watermark at the source in Draining: nothing",
    "OlderMigration to Prepare of another migration: nothing",
    "OlderMigration to Seal for a debt: asks Prepare",
    "OlderMigration to Seal for a debt: nothing",
    "UnknownPartition to Prepare at the target in Draining: proposes Abort Refused",
    "UnknownPartition to Seal at the source in Draining: proposes Abort Refused",
    "UnknownPartition to Seal at the source in Cutover: proposes Abort Refused",
    "UnknownPartition to Watermark at the source in Draining: proposes Abort Refused",
    "UnknownPartition to Watermark at the source in Cutover: proposes Abort Refused",
    "UnknownPartition to Evidence at the target in Draining: nothing",
    "UnknownPartition to Evidence at the target in Cutover: proposes Abort Refused",
    "UnknownPartition to Chunk at the target in Draining: nothing",
    "UnknownPartition to Seal for a debt: asks Drop",
    "OtherCopy to Evidence at the target in Draining: nothing",
    "OtherCopy to Evidence at the target in Draining: proposes Abort Refused",
    "OtherCopy to Prepare at the target in Draining: nothing",
    "CannotSeal to Seal for a debt: nothing",
    "CannotSeal to Seal of another migration: nothing",
    "CannotSeal to Seal, nothing driven: nothing",
    "Behind to Evidence at the target in Draining: nothing",
    "Behind to Evidence at the target in Cutover: nothing",
    "OtherSource to Seal at the source in Draining: nothing",
    "OtherSource to Seal for a debt: nothing",
    "Sealed to Seal at the source in Draining: nothing",
    "Sealed to Seal for a debt: nothing",
    "Closed to Seal at the source in Draining: nothing",
    "Closed to Seal for a debt: nothing",
    "Stuck to Prepare at the target in Draining: proposes Abort Broken",
    "Stuck to Prepare at the target in Cutover: proposes Abort Broken",
    "Stuck to Evidence at the target in Draining: proposes Abort Broken",
    "Stuck to Evidence at the target in Cutover: proposes Abort Broken",
    "Stuck to Prepare of another migration: nothing",
    "Stuck to Seal for a debt: nothing",
    "Elsewhere to Seal at the source in Draining: nothing",
    "Elsewhere to Seal for a debt: nothing",
    "Malformed to Seal at the source in Draining: nothing",
    "Malformed to Seal for a debt: nothing",
    "Incomplete to Evidence at the target in Draining: nothing",
    "Incomplete to Evidence at the target in Cutover: nothing",
    "Incomplete to Seal for a debt: nothing",
    "Trimmed to Seal at the source in Draining: nothing",
    "Trimmed to Seal for a debt: nothing",
    "NothingNew to Seal at the source in Draining: nothing",
    "NothingNew to Seal for a debt: nothing",
    "Differs to Seal at the source in Draining: nothing",
    "Differs to Seal for a debt: nothing",
    "Finished to Seal at the source in Draining: nothing",
    "Finished to Seal for a debt: nothing",
    "TooLong to Seal at the source in Draining: nothing",
    "TooLong to Seal for a debt: nothing",
    "NotSealed to Seal at the source in Draining: nothing",
    "NotSealed to Seal for a debt: nothing",
    "Forgotten to Seal at the source in Draining: nothing",
    "Forgotten to Seal for a debt: nothing",
    "Busy to Seal at the source in Draining: nothing",
    "Busy to Seal for a debt: nothing",
    "Halted to Seal at the source in Draining: nothing",
    "Halted to Seal for a debt: nothing",
];

#[test]
fn a_controller_agrees_with_its_reference() {
    walk(1);
}

/// `WALK_SEEDS=1000..1100 cargo test --release -p cutover-reference --test controller -- --ignored`
#[test]
#[ignore = "as long as it is asked to"]
fn a_controller_agrees_with_its_reference_from_other_seeds() {
    seeds::asked_for().for_each(walk);
}
