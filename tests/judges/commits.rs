//! Commands that were committed: a partition goes from its creation to its deletion, and beside each right command stand those that no
//! record of that moment allows.

use super::story::{A, B, DIGEST, ONE, P, Story, of_another_partition, origin, texts};
use cutover::core::fence::{
    Digest, Dropped, Prepared, RowsDigest, SealReceipt, StatementOrigin, WatermarkReading,
};
use cutover::core::ids::{Epoch, Incarnation, MigrationId, Placement, Position};
use cutover::core::invariant::{Fact, Findings};
use cutover::core::migration::{
    AbortReason, Command, Expected, MigrationError, PartitionRecord, Release, Settlement, Transition,
};
use cutover::core::placement::Guarantee;

const CAS: &str = "migration.cas";
const EPOCHS: &str = "migration.epoch-monotone";
const DEBT: &str = "migration.debt-kept";

const fn abort(expected: Expected) -> Transition {
    Transition::Abort { expected, why: AbortReason::Operator }
}

const fn before(migration: MigrationId) -> MigrationId {
    MigrationId(migration.0 - 1)
}

const fn earlier(epoch: Epoch) -> Epoch {
    Epoch(epoch.0 - 1)
}

fn stale(expected: Expected) -> [Expected; 2] {
    let Expected { migration, epoch } = expected;
    [Expected { migration, epoch: epoch.next() }, Expected { migration: migration.next(), epoch }]
}

#[test]
fn a_partition_is_created_once_and_opened_by_its_store() {
    let mut story = Story::new();
    story.create(Guarantee::Sealed);
    let copy = story.record().migration;
    story.wrong(Transition::Create { placement: A, guarantee: Guarantee::Sealed });
    story.wrong(Transition::Begin { expected: story.expected(), to: B });
    story.wrong(story.open(origin(B), copy));
    story.wrong(story.open(origin(A), copy.next()));
    story.wrong(story.open(of_another_partition(A), copy));
    story.right(story.open(origin(A), copy));
}

#[test]
fn a_move_begins_from_an_open_owner_to_another_store() {
    let story = Story::opened(Guarantee::Sealed);
    story.wrong(Transition::Begin { expected: story.expected(), to: A });
    for expected in stale(story.expected()) {
        story.wrong(Transition::Begin { expected, to: B });
        story.wrong(Transition::Delete { expected });
    }
    story.wrong(story.abort());
    story.wrong(Transition::StartBlock { expected: story.expected(), target: ONE });
    let begun = Story::begun(Guarantee::Sealed);
    begun.wrong(Transition::Begin { expected: begun.expected(), to: Placement(2) });
    begun.wrong(Transition::Delete { expected: begun.expected() });
}

#[test]
fn a_cutover_is_entered_with_the_receipt_of_the_source() {
    let mut story = Story::begun(Guarantee::Sealed);
    let PartitionRecord { migration, epoch, .. } = story.record();
    story.wrong(story.receipt(origin(B), migration, epoch));
    story.wrong(story.receipt(of_another_partition(A), migration, epoch));
    story.wrong(story.receipt(origin(A), before(migration), epoch));
    story.wrong(story.receipt(origin(A), migration, earlier(epoch)));
    story.wrong(story.complete(origin(B), migration, epoch, 9));
    story.right(Transition::StartBlock { expected: story.expected(), target: ONE });
    story.wrong(Transition::StartBlock { expected: story.expected(), target: ONE });
    story.right(story.receipt(origin(A), migration, epoch));
    story.wrong(story.receipt(origin(A), migration, story.record().epoch));
    story.wrong(Transition::StartBlock { expected: story.expected(), target: ONE });
}

#[test]
fn a_timed_cutover_is_entered_with_the_target_and_its_watermark_read_once() {
    let mut story = Story::begun(Guarantee::Timed);
    let PartitionRecord { migration, epoch, .. } = story.record();
    let enter = |story: &Story, origin, migration| Transition::EnterTimedCutover {
        expected: story.expected(),
        prepared: Prepared::reported(origin, migration, epoch, false, false).into(),
    };
    let read = |story: &Story, origin, migration, epoch| {
        let (at, sealed) = (Position(5), Epoch::ZERO);
        let reading = WatermarkReading::reported(origin, migration, epoch, at, DIGEST, sealed).into();
        Transition::RecordWatermark { expected: story.expected(), reading }
    };
    story.wrong(enter(&story, origin(A), migration));
    story.wrong(enter(&story, origin(B), before(migration)));
    story.wrong(read(&story, origin(A), migration, epoch));
    story.right(enter(&story, origin(B), migration));
    let now = story.record().epoch;
    story.wrong(enter(&story, origin(B), migration));
    story.wrong(read(&story, origin(B), migration, now));
    story.wrong(read(&story, origin(A), before(migration), now));
    story.wrong(read(&story, origin(A), migration, earlier(now)));
    story.wrong(story.complete(origin(B), migration, now, 9));
    story.right(read(&story, origin(A), migration, now));
    story.wrong(read(&story, origin(A), migration, now));
}

#[test]
fn a_move_completes_when_its_target_has_caught_up() {
    let mut story = Story::begun(Guarantee::Sealed).sealed();
    let PartitionRecord { migration, epoch, .. } = story.record();
    let other_life = StatementOrigin { incarnation: Incarnation(2), ..origin(B) };
    story.wrong(story.complete(origin(A), migration, epoch, 5));
    story.wrong(story.complete(of_another_partition(B), migration, epoch, 5));
    story.wrong(story.complete(other_life, migration, epoch, 5));
    story.wrong(story.complete(origin(B), before(migration), epoch, 5));
    story.wrong(story.complete(origin(B), migration, earlier(epoch), 5));
    story.wrong(story.complete(origin(B), migration, epoch, 4));
    for digest in [Digest { rows: RowsDigest::EMPTY, ..DIGEST }, Digest { ids: 9, ..DIGEST }] {
        story.wrong(story.complete_with(origin(B), migration, epoch, (5, digest)));
        story.wrong(story.complete_with(origin(B), migration, epoch, (6, digest)));
    }
    story.right(story.complete(origin(B), migration, epoch, 5));
    // The old copy of the source is retired and forgotten.
    let old = story.record().old_copies[0];
    story.wrong(Transition::RetireCopy { placement: B, copy: old.copy });
    story.wrong(Transition::RetireCopy { placement: A, copy: old.copy.next() });
    let forget = |origin, copy| Transition::ForgetCopy { dropped: Dropped::reported(origin, copy).into() };
    story.wrong(forget(origin(B), old.copy));
    story.wrong(forget(of_another_partition(A), old.copy));
    story.wrong(forget(origin(A), before(old.copy)));
    let (operator, reason) = texts();
    let off = Transition::WriteOff { placement: B, copy: old.copy, operator, reason };
    story.wrong(off);
    story.right(Transition::RetireCopy { placement: A, copy: old.copy });
    story.right(forget(origin(A), old.copy.next()));
    story.right(Transition::Delete { expected: story.expected() });
}

#[test]
fn an_abort_names_the_record_or_the_epoch_of_its_draining_phase() {
    let draining = Story::begun(Guarantee::Sealed);
    let at = draining.expected();
    for expected in stale(at) {
        draining.wrong(abort(expected));
    }
    let mut cutover = draining.sealed();
    for expected in
        [Expected { epoch: earlier(at.epoch), ..at }, Expected { migration: at.migration.next(), ..at }]
    {
        cutover.wrong(abort(expected));
    }
    // Nothing but an abort may name it.
    cutover.wrong(Transition::Delete { expected: at });
    cutover.right(abort(at));
    cutover.wrong(cutover.abort());
}

#[test]
fn a_forced_move_leaves_a_debt_that_its_source_settles() {
    let mut story = Story::begun(Guarantee::Sealed);
    let PartitionRecord { migration, .. } = story.record();
    story.wrong(story.force(origin(A), migration));
    story.wrong(story.force(origin(B), before(migration)));
    story.wrong(story.force(of_another_partition(B), migration));
    // It answers the question of this epoch, and has all rows, or the operator has said that it need not.
    let epoch = story.record().epoch;
    story.wrong(story.force_at(origin(B), migration, earlier(epoch), (1, true), false));
    story.wrong(story.force_at(origin(B), migration, epoch.next(), (1, true), true));
    story.wrong(story.force_at(origin(B), migration, epoch, (1, false), false));
    for (complete, partial) in [(true, false), (true, true), (false, true)] {
        let mut story = Story::begun(Guarantee::Sealed);
        story.right(story.force_at(origin(B), migration, epoch, (1, complete), partial));
    }
    // The debt is not forgotten.
    let forced = story.force(origin(B), migration);
    let mut table = story.table.clone();
    let outcome = table.apply(&Command { partition: P, transition: forced.clone() });
    let mut without = table.record(P).unwrap().clone();
    without.placed.as_mut().unwrap().debt = None;
    assert_eq!(story.judged(forced.clone(), outcome, Some(&without)), [DEBT]);
    story.right(forced);

    let debt = story.record().placed.unwrap().debt.unwrap();
    let settle = |migration, proof| Transition::Settle { migration, proof };
    let sealed = |origin, through| {
        Settlement::Sealed(SealReceipt::reported(origin, migration, through, Position(0), DIGEST, ONE).into())
    };
    let closed = |origin, through, enforces| {
        let said = Prepared::reported(origin, migration.next(), through, enforces, true);
        Settlement::Closed(said.into())
    };
    let dropped = |origin, copy| Settlement::Dropped(Dropped::reported(origin, copy).into());
    for proof in [
        sealed(origin(A), earlier(debt.through)),
        sealed(origin(B), debt.through),
        sealed(of_another_partition(A), debt.through),
        closed(origin(A), earlier(debt.through), true),
        closed(origin(A), debt.through, false),
        closed(origin(B), debt.through, true),
        dropped(origin(A), before(debt.copy)),
        dropped(origin(B), debt.copy),
    ] {
        story.wrong(settle(debt.migration, proof));
    }
    story.wrong(settle(debt.migration.next(), sealed(origin(A), debt.through)));
    story.wrong(Transition::Delete { expected: story.expected() });
    let (operator, reason) = texts();
    let release = Transition::Release { expected: story.expected(), how: Release::Resume, operator, reason };
    story.wrong(release);
    story.right(settle(debt.migration, sealed(origin(A), debt.through)));
    story.wrong(settle(debt.migration, sealed(origin(A), debt.through)));
}

#[test]
fn epochs_and_migrations_rise_and_a_refusal_changes_nothing() {
    let story = Story::begun(Guarantee::Sealed);
    let PartitionRecord { epoch, migration, .. } = story.record();
    let abort = story.abort();
    let mut table = story.table.clone();
    table.apply(&Command { partition: P, transition: abort.clone() }).unwrap();
    let aborted = table.record(P).unwrap();
    assert_eq!(story.judged(abort.clone(), Ok(aborted.epoch), Some(aborted)), [""; 0]);
    assert_eq!(story.judged(abort.clone(), Ok(epoch), Some(aborted)), [EPOCHS]);
    assert_eq!(story.judged(abort.clone(), Ok(earlier(epoch)), Some(aborted)), [EPOCHS]);
    let refusal = Err(MigrationError::UnknownPartition { partition: P });
    assert_eq!(story.judged(abort.clone(), refusal, Some(&story.record())), [""; 0]);
    assert_eq!(story.judged(abort.clone(), refusal, Some(aborted)), [CAS]);
    assert_eq!(story.judged(abort, refusal, None), [CAS]);

    let opened = Story::opened(Guarantee::Sealed);
    let begin = Transition::Begin { expected: opened.expected(), to: B };
    let mut again = story.record();
    assert_eq!(opened.judged(begin.clone(), Ok(epoch), Some(&again)), [""; 0]);
    again.migration = before(migration);
    assert_eq!(opened.judged(begin, Ok(epoch), Some(&again)), [EPOCHS]);
}

#[test]
fn a_recovery_begins_above_everything_that_was_given_out() {
    let judged = |story: &Story, record: &PartitionRecord| {
        let mut findings = Findings::new(true);
        story.monitor.judge(&Fact::Recovered(Some(record)), &mut findings);
        findings.violations().iter().map(|found| found.id.entry().id).collect::<Vec<_>>()
    };
    let story = Story::begun(Guarantee::Sealed);
    let mut record = story.record();
    assert_eq!(judged(&story, &record), [EPOCHS]);
    record.epoch = record.epoch.next();
    assert_eq!(judged(&story, &record), [EPOCHS]);
    record.migration = record.migration.next();
    assert_eq!(judged(&story, &record), [""; 0]);
    // Without a migration in flight its number may be that of before.
    let opened = Story::opened(Guarantee::Sealed);
    let mut record = opened.record();
    record.epoch = record.epoch.next();
    assert_eq!(judged(&opened, &record), [""; 0]);
}
