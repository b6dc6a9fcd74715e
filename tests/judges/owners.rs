//! Where writes are applied and reads are served, and what may be lost.

use super::sinks::{Sink, fresh, judged, key, owner, prepare, put, row, seal, set, write, writes, wrote};
use super::story::{A, B, Story, origin};
use cutover::core::fence::{Mutation, Row, Write};
use cutover::core::gate::Consistency;
use cutover::core::ids::{Epoch, MigrationId, Placement, Revision};
use cutover::core::invariant::{Fact, Findings, Monitor, ReadServed, Register};
use cutover::core::migration::{PartitionRecord, Transition};
use cutover::core::placement::{Guarantee, PartitionState};

/// A write under this number with this token.
fn under(serial: u64, token: Epoch) -> Write {
    let mutation = Mutation::put(key("k1"), row("v1", 0).value);
    Write { id: write(serial), token, mutation }
}

#[test]
fn a_write_is_applied_at_the_owner_under_a_token_of_its_ownership() {
    let apply = |record: &PartitionRecord, store: Placement, token, sink: &Sink| {
        let (write, record) = (&under(1, Epoch(token)), Some(record));
        judged(&fresh(), &Fact::Wrote { store, write, fences: sink.fence.durable(), record })
    };
    const FENCE: &str = "sink.fence-respected";
    const CUTOVER: &str = "migration.no-commit-in-cutover";
    const OWNER: &str = "migration.commit-at-owner-only";
    let opened = Story::opened(Guarantee::Sealed).record();
    let (at, sink) = (opened.epoch.0, Sink::of(A, &[prepare(1, 0)]));
    assert_eq!(apply(&opened, A, at, &sink), [""; 0]);
    assert_eq!(apply(&opened, A, at + 1, &sink), [OWNER]);
    assert_eq!(apply(&opened, B, at, &Sink::of(B, &[prepare(1, 0)])), [OWNER]);
    let mut later = opened.clone();
    later.placed.as_mut().unwrap().owned_since = Epoch(at + 1);
    later.epoch = Epoch(at + 1);
    assert_eq!(apply(&later, A, at, &sink), [OWNER]);
    for refusing in
        [Sink::of(A, &[]), Sink::of(A, &[prepare(1, at)]), Sink::of(A, &[prepare(1, 0), seal(2, at)])]
    {
        assert_eq!(apply(&opened, A, at, &refusing), [FENCE]);
    }
    let cutover = Story::begun(Guarantee::Sealed).sealed().record();
    assert_eq!(apply(&cutover, A, cutover.epoch.0, &sink), [CUTOVER]);
    // A store that cannot seal applies what comes late, until the wait is over.
    let mut timed = cutover;
    timed.placed.as_mut().unwrap().guarantee = Guarantee::Timed;
    let sealed = Sink::of(A, &[prepare(1, 0), seal(2, timed.epoch.0)]);
    assert_eq!(apply(&timed, A, timed.epoch.0, &sealed), [""; 0]);
    let mut waited = fresh();
    waited.remember(&Fact::Waited(&timed), &mut Findings::new(false));
    let write = &under(1, timed.epoch);
    let fact = Fact::Wrote { store: A, write, fences: sink.fence.durable(), record: Some(&timed) };
    assert_eq!(judged(&waited, &fact), [CUTOVER]);
}

#[test]
fn reads_are_served_where_they_belong() {
    const FENCE: &str = "sink.fence-respected";
    const SINGLE: &str = "migration.single-read-placement";
    let mut story = Story::begun(Guarantee::Sealed);
    let record = story.record();
    let sink = Sink::of(A, &[prepare(1, 0), seal(2, record.epoch.0)]);
    let read = |consistency, store, token: Epoch, sink: &Sink, copy, monitor: &Monitor| {
        let (resolved, fences) = (&record, sink.fence.durable());
        let (key, value) = (&key("k1"), Some(&row("v1", 1)));
        let read = ReadServed { reader: 0, consistency, resolved, token, store, copy, fences, key, value };
        judged(monitor, &Fact::ReadServed(read))
    };
    let (strong, stale, own) = (Consistency::Strong, Consistency::StaleOk, MigrationId(1));
    let monitor = fresh();
    assert_eq!(read(strong, A, record.epoch, &sink, own, &monitor), [""; 0]);
    assert_eq!(read(strong, B, record.epoch, &sink, own, &monitor), [SINGLE]);
    assert_eq!(read(strong, A, Epoch(record.epoch.0 - 1), &sink, own, &monitor), [SINGLE]);
    assert_eq!(read(stale, B, Epoch(record.epoch.0 - 1), &sink, own, &monitor), [""; 0]);
    let closed = Sink::of(A, &[prepare(1, record.epoch.0)]);
    assert_eq!(read(stale, A, record.epoch, &closed, own, &monitor), [FENCE]);
    assert_eq!(read(stale, A, record.epoch, &Sink::of(A, &[]), own, &monitor), [FENCE]);
    // The copy of a migration that was aborted serves nothing.
    let second = record.migration;
    story.right(story.abort());
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

/// A migration in its draining phase, and the owner after three writes.
fn begun() -> (Story, Sink) {
    let mut story = Story::begun(Guarantee::Sealed);
    let record = story.record();
    let source = owner(&mut story.monitor, &record, &[put(1), put(2), put(3)]);
    (story, source)
}

#[test]
fn what_a_forced_move_takes_away_may_be_lost_and_nothing_else() {
    let (story, source) = begun();
    let (migration, epoch) = (story.record().migration, story.record().epoch);
    let force = |story: &Story, position, complete, partial| {
        story.force_at(origin(B), migration, epoch, (position, complete), partial)
    };
    // What lies above the stated position; all of it, if the copy lacks rows.
    for (position, complete, lost) in
        [(1, true, vec![2, 3]), (3, true, vec![]), (0, true, vec![1, 2, 3]), (3, false, vec![1, 2, 3])]
    {
        let mut forced = story.clone();
        forced.right(force(&story, position, complete, !complete));
        assert_eq!(forced.monitor.exempt(), writes(&lost), "{position} {complete}");
    }
    let mut forced = story.clone();
    forced.right(force(&story, 1, true, false));
    // A late write at the source, under a token that the debt reaches, may be lost; a later one, or elsewhere, may not.
    let record = forced.record();
    let debt = record.placed.unwrap().debt.unwrap();
    let exempts = |store, token: Epoch| {
        let mut monitor = forced.monitor.clone();
        let (write, fences) = (&under(4, token), source.fence.durable());
        monitor.feed(&Fact::Wrote { store, write, fences, record: Some(&record) }, &mut Findings::new(false));
        monitor.exempt().contains(&write.id)
    };
    assert!(exempts(A, debt.through));
    assert!(!exempts(A, Epoch(debt.through.0 + 1)));
    assert!(!exempts(B, debt.through));
    // One who wants to see that a forced move loses something exempts nothing.
    let mut lossless = story.clone();
    lossless.monitor = lossless.monitor.without_exemptions();
    lossless.right(force(&story, 1, true, false));
    assert_eq!(lossless.monitor.exempt(), []);
}

#[test]
fn a_deletion_takes_everything_and_a_move_nothing() {
    let mut deleted = Story::opened(Guarantee::Sealed);
    let record = deleted.record();
    let _ = owner(&mut deleted.monitor, &record, &[put(1), put(2)]);
    deleted.right(Transition::Delete { expected: deleted.expected() });
    assert_eq!(deleted.monitor.exempt(), writes(&[1, 2]));
    let (story, _) = begun();
    let mut moved = story.sealed();
    let PartitionRecord { migration, epoch, .. } = moved.record();
    moved.right(moved.complete(origin(B), migration, epoch, 5));
    assert_eq!(moved.monitor.exempt(), []);
}

#[test]
fn acknowledged_writes_and_strong_reads_have_an_order() {
    const ORDER: &str = "history.linearizable";
    let record = Story::opened(Guarantee::Sealed).record();
    let bodies = [put(1), set(2, "k1", "v2")];
    // Two rows: `k1` is set by the first write and the second, `k3` by the third.
    let start = || {
        let of = |name: &str, serials: &[u64]| (key(name), Register::new(writes(serials)));
        let mut monitor = Monitor::new(Some(&record), vec![of("k1", &[1, 2]), of("k3", &[3])]);
        let sink = owner(&mut monitor, &record, &bodies[..1]);
        (monitor, sink)
    };
    let feed = |monitor: &mut Monitor, fact: &Fact<'_>| {
        let mut findings = Findings::new(true);
        monitor.feed(fact, &mut findings);
        findings.violations().iter().map(|found| found.id.entry().id).collect::<Vec<_>>()
    };
    let (mut monitor, sink) = start();
    let reads = |monitor: &mut Monitor, name: &str, value: Option<&Row>| {
        let (resolved, token, fences, key) = (&record, record.epoch, sink.fence.durable(), &key(name));
        let (reader, consistency, store, copy) = (0, Consistency::Strong, A, MigrationId(1));
        assert_eq!(feed(monitor, &Fact::ReadInvoked(reader)), [""; 0]);
        let read = ReadServed { reader, consistency, resolved, token, store, copy, fences, key, value };
        feed(monitor, &Fact::ReadServed(read))
    };
    assert_eq!(feed(&mut monitor, &Fact::WriteInvoked(write(1))), [""; 0]);
    assert_eq!(feed(&mut monitor, &Fact::Acknowledged(write(1))), [""; 0]);
    let before = monitor.clone();
    let of = |name: &str, value: Option<&Row>| reads(&mut before.clone(), name, value);
    assert_eq!(of("k1", Some(&row("v1", 1))), [""; 0]);
    assert_eq!(of("k1", None), [ORDER]);
    // It is no write of that row, and of what no write has set nobody knows where it comes from.
    assert_eq!(of("k3", Some(&row("v1", 1))), [ORDER]);
    assert_eq!(of("k1", Some(&row("v1", 2))), [ORDER]);
    assert_eq!(of("k3", None), [""; 0]);
    // A row that is not followed says nothing.
    assert_eq!(of("k9", Some(&row("v9", 7))), [""; 0]);
    // A write that is under way may be seen or not, and no read goes back behind it.
    let after = sink.clone().with(&bodies[1..]);
    wrote(&mut monitor, &record, (&sink, &after), &bodies[1]);
    assert_eq!(feed(&mut monitor, &Fact::WriteInvoked(write(2))), [""; 0]);
    assert_eq!(reads(&mut monitor.clone(), "k1", Some(&row("v1", 1))), [""; 0]);
    assert_eq!(reads(&mut monitor, "k1", Some(&row("v2", 2))), [""; 0]);
    assert_eq!(reads(&mut monitor, "k1", Some(&row("v1", 1))), [ORDER]);
    // What nobody has asked for is not done.
    let (mut early, _) = start();
    assert_eq!(feed(&mut early, &Fact::Acknowledged(write(2))), [ORDER]);
    // A write of no row that is followed says nothing of their order.
    let (mut other, _) = start();
    assert_eq!(feed(&mut other, &Fact::Acknowledged(write(9))), [""; 0]);
}
