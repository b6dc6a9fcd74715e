//! Where writes are applied and reads are served, and what may be lost.

use super::commits::{A, B, P, Story, origin};
use super::sinks::{Sink, fresh, judged, prepare, seal, write, writes};
use cutover::core::fence::Write;
use cutover::core::gate::Consistency;
use cutover::core::ids::{Epoch, MigrationId, Placement, Revision};
use cutover::core::invariant::{Fact, Findings, Monitor, ReadServed, Register};
use cutover::core::migration::{PartitionRecord, Transition};
use cutover::core::placement::{Guarantee, PartitionState};

#[test]
fn a_write_is_applied_at_the_owner_under_a_token_of_its_ownership() {
    let apply = |record: &PartitionRecord, store: Placement, token, sink: &Sink| {
        let write = Write { id: write(1), token: Epoch(token) };
        let (fences, record) = (sink.fence.durable(), Some(record));
        judged(&fresh(), &Fact::Wrote { store, write, fences, record })
    };
    const FENCE: &str = "sink.fence-respected";
    const CUTOVER: &str = "migration.no-commit-in-cutover";
    const OWNER: &str = "migration.commit-at-owner-only";
    let opened = Story::opened(Guarantee::Sealed).record();
    let (at, sink) = (opened.epoch.0, Sink::of(A, &[prepare(1, 0)], &[]));
    assert_eq!(apply(&opened, A, at, &sink), [""; 0]);
    assert_eq!(apply(&opened, A, at + 1, &sink), [OWNER]);
    assert_eq!(apply(&opened, B, at, &Sink::of(B, &[prepare(1, 0)], &[])), [OWNER]);
    let mut later = opened.clone();
    later.placed.as_mut().unwrap().owned_since = Epoch(at + 1);
    later.epoch = Epoch(at + 1);
    assert_eq!(apply(&later, A, at, &sink), [OWNER]);
    for refusing in [
        Sink::of(A, &[], &[]),
        Sink::of(A, &[prepare(1, at)], &[]),
        Sink::of(A, &[prepare(1, 0), seal(2, at)], &[]),
    ] {
        assert_eq!(apply(&opened, A, at, &refusing), [FENCE]);
    }
    let cutover = Story::begun(Guarantee::Sealed).sealed().record();
    assert_eq!(apply(&cutover, A, cutover.epoch.0, &sink), [CUTOVER]);
    // A store that cannot seal applies what comes late, until the wait is over.
    let mut timed = cutover;
    timed.placed.as_mut().unwrap().guarantee = Guarantee::Timed;
    let sealed = Sink::of(A, &[prepare(1, 0), seal(2, timed.epoch.0)], &[]);
    assert_eq!(apply(&timed, A, timed.epoch.0, &sealed), [""; 0]);
    let mut waited = fresh();
    waited.remember(&Fact::Waited(&timed), &mut Findings::new(false));
    let write = Write { id: write(1), token: timed.epoch };
    let fact = Fact::Wrote { store: A, write, fences: sink.fence.durable(), record: Some(&timed) };
    assert_eq!(judged(&waited, &fact), [CUTOVER]);
}

#[test]
fn reads_are_served_where_they_belong() {
    const FENCE: &str = "sink.fence-respected";
    const SINGLE: &str = "migration.single-read-placement";
    let mut story = Story::begun(Guarantee::Sealed);
    let record = story.record();
    let sink = Sink::of(A, &[prepare(1, 0), seal(2, record.epoch.0)], &[1]);
    let read = |consistency, store, token: Epoch, sink: &Sink, copy, monitor: &Monitor| {
        let (resolved, fences) = (&record, sink.fence.durable());
        let value = Some(write(1));
        let read = ReadServed { reader: 0, consistency, resolved, token, store, copy, fences, value };
        judged(monitor, &Fact::ReadServed(read))
    };
    let (strong, stale, own) = (Consistency::Strong, Consistency::StaleOk, MigrationId(1));
    let monitor = fresh();
    assert_eq!(read(strong, A, record.epoch, &sink, own, &monitor), [""; 0]);
    assert_eq!(read(strong, B, record.epoch, &sink, own, &monitor), [SINGLE]);
    assert_eq!(read(strong, A, Epoch(record.epoch.0 - 1), &sink, own, &monitor), [SINGLE]);
    assert_eq!(read(stale, B, Epoch(record.epoch.0 - 1), &sink, own, &monitor), [""; 0]);
    let closed = Sink::of(A, &[prepare(1, record.epoch.0)], &[1]);
    assert_eq!(read(stale, A, record.epoch, &closed, own, &monitor), [FENCE]);
    assert_eq!(read(stale, A, record.epoch, &Sink::of(A, &[], &[]), own, &monitor), [FENCE]);
    // The copy of a migration that was aborted serves nothing.
    let second = record.migration;
    story.right(Transition::Abort { expected: story.expected() });
    assert_eq!(read(stale, A, record.epoch, &sink, own, &story.monitor), [""; 0]);
    assert_eq!(read(stale, B, record.epoch, &sink, second, &story.monitor), ["migration.clean-abort"]);
}

#[test]
fn a_resolution_and_a_gate_say_what_the_record_says() {
    const SINGLE: &str = "migration.single-read-placement";
    const STALE: &str = "migration.no-admit-stale";
    let story = Story::begun(Guarantee::Sealed);
    let record = story.record();
    let right = record.resolution(Revision(1)).unwrap();
    let mut placed = right;
    placed.state = PartitionState::Active(B);
    let mut older = right;
    older.epoch = Epoch(right.epoch.0 - 1);
    let resolved = |resolution| judged(&fresh(), &Fact::Resolved(&record, resolution));
    assert_eq!(resolved(&right), [""; 0]);
    assert_eq!(resolved(&placed), [SINGLE]);
    assert_eq!(resolved(&older), [SINGLE]);
    let admitted = |view, token, store| judged(&fresh(), &Fact::Admitted { view, token, store });
    assert_eq!(admitted(&right, right.epoch, A), [""; 0]);
    assert_eq!(admitted(&right, right.epoch, B), [STALE]);
    assert_eq!(admitted(&right, older.epoch, A), [STALE]);
    let cutover = story.sealed().record().resolution(Revision(2)).unwrap();
    assert_eq!(admitted(&cutover, cutover.epoch, A), [STALE]);
    assert_eq!(admitted(&cutover, cutover.epoch, B), [STALE]);
}

#[test]
fn what_a_forced_move_or_a_deletion_takes_away_may_be_lost_and_nothing_else() {
    let begun = || {
        let mut story = Story::begun(Guarantee::Sealed);
        story.monitor = Monitor::new(Some(&story.record()), Some(Register::new(writes(&[1, 2, 3]))));
        story
    };
    let (had, has) = (writes(&[1, 2]), writes(&[1]));
    let decided = |story: &mut Story, transition: Transition| {
        let before = story.record();
        let command = cutover::core::migration::Command { partition: P, transition };
        let outcome = story.table.apply(&command);
        assert!(outcome.is_ok(), "{outcome:?}");
        let after = story.table.record(P).cloned();
        let fact = Fact::Decided {
            before: Some(&before),
            command: &command,
            outcome,
            after: after.as_ref(),
            data: (&had, &has),
        };
        story.monitor.feed(&fact, &mut Findings::new(false));
    };
    let mut forced = begun();
    let force = forced.force(origin(B), forced.record().migration);
    decided(&mut forced, force);
    assert_eq!(forced.monitor.exempt(), writes(&[2]));
    // A late write at the source, under a token that the debt reaches, may be lost; a later one, or elsewhere, may not.
    let record = forced.record();
    let debt = record.placed.unwrap().debt.unwrap();
    let source = Sink::of(A, &[prepare(1, 0)], &[]);
    let exempts = |store, token: Epoch| {
        let mut monitor = forced.monitor.clone();
        let (write, fences) = (Write { id: write(3), token }, source.fence.durable());
        monitor.feed(&Fact::Wrote { store, write, fences, record: Some(&record) }, &mut Findings::new(false));
        monitor.exempt().contains(&write.id)
    };
    assert!(exempts(A, debt.through));
    assert!(!exempts(A, Epoch(debt.through.0 + 1)));
    assert!(!exempts(B, debt.through));
    // One who wants to see that a forced move loses something exempts nothing.
    let mut lossless = begun();
    lossless.monitor = lossless.monitor.without_exemptions();
    let force = lossless.force(origin(B), lossless.record().migration);
    decided(&mut lossless, force);
    assert_eq!(lossless.monitor.exempt(), writes(&[]));
    // A deletion takes everything.
    let mut deleted = Story::opened(Guarantee::Sealed);
    let delete = Transition::Delete { expected: deleted.expected() };
    decided(&mut deleted, delete);
    assert_eq!(deleted.monitor.exempt(), writes(&[1, 2]));
    // A move that completes takes nothing.
    let mut moved = Story::begun(Guarantee::Sealed).sealed();
    let PartitionRecord { migration, epoch, .. } = moved.record();
    let complete = moved.complete(origin(B), migration, epoch, 5);
    decided(&mut moved, complete);
    assert_eq!(moved.monitor.exempt(), writes(&[]));
}

#[test]
fn acknowledged_writes_and_strong_reads_have_an_order() {
    const ORDER: &str = "history.linearizable";
    let record = Story::opened(Guarantee::Sealed).record();
    let sink = Sink::of(A, &[prepare(1, 0)], &[1]);
    let start = || Monitor::new(Some(&record), Some(Register::new(writes(&[1, 2]))));
    let feed = |monitor: &mut Monitor, fact: &Fact<'_>| {
        let mut findings = Findings::new(true);
        monitor.feed(fact, &mut findings);
        findings.violations().iter().map(|found| found.id.entry().id).collect::<Vec<_>>()
    };
    let read = |value| {
        Fact::ReadServed(ReadServed {
            reader: 0,
            consistency: Consistency::Strong,
            resolved: &record,
            token: record.epoch,
            store: A,
            copy: MigrationId(1),
            fences: sink.fence.durable(),
            value,
        })
    };
    let mut monitor = start();
    assert_eq!(feed(&mut monitor, &Fact::WriteInvoked(write(1))), [""; 0]);
    assert_eq!(feed(&mut monitor, &Fact::Acknowledged(write(1))), [""; 0]);
    assert_eq!(feed(&mut monitor, &Fact::ReadInvoked(0)), [""; 0]);
    let mut misses = monitor.clone();
    assert_eq!(feed(&mut monitor, &read(Some(write(1)))), [""; 0]);
    assert_eq!(feed(&mut misses, &read(None)), [ORDER]);
    // What nobody has asked for is not done.
    let mut early = start();
    assert_eq!(feed(&mut early, &Fact::Acknowledged(write(2))), [ORDER]);
}
