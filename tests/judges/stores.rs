//! What stores hold and state, and who may change them.

use super::commits::{A, B, ONE, Story, origin};
use super::sinks::{Sink, chunk, fresh, judged, prepare, request, seal, write, writes};
use cutover::core::fence::{
    Body, CatchUpEvidence, Chunk, Claim, Config, Dropped, Fence, Prepared, Request, SealReceipt,
    WatermarkReading, Write,
};
use cutover::core::ids::{Epoch, Incarnation, MigrationId, Position};
use cutover::core::invariant::{Fact, Findings, Monitor, SinkStep, Statement};
use cutover::core::migration::{PartitionRecord, Transition};
use cutover::core::placement::Guarantee;

#[test]
fn the_fences_of_a_store_only_rise() {
    const FENCE: &str = "sink.fence-monotone";
    let stepped = |before: &Sink, after: &Sink, request: Option<&Request>| {
        let step = SinkStep { request, before: before.now(), after: after.now(), record: None };
        judged(&fresh(), &Fact::SinkStepped(step))
    };
    let low = Sink::of(A, &[prepare(1, 2)], &[]);
    let sealed = Sink::of(A, &[prepare(1, 2), seal(2, 3)], &[]);
    let closed = Sink::of(A, &[prepare(1, 4)], &[]);
    let newer = Sink::of(A, &[prepare(2, 2)], &[]);
    let asked = request(A, prepare(1, 2));
    for high in [&sealed, &closed, &newer] {
        assert_eq!(stepped(&low, high, Some(&asked)), [""; 0]);
        assert_eq!(stepped(high, &low, Some(&asked)), [FENCE]);
        assert_eq!(stepped(high, high, Some(&asked)), [""; 0]);
        // A crash takes back what was not on the disk, and no more.
        let in_memory = Sink { durable: low.durable.clone(), ..(*high).clone() };
        assert_eq!(stepped(&in_memory, &low, None), [""; 0]);
        assert_eq!(stepped(high, &low, None), [FENCE]);
    }
    // Another incarnation begins anew.
    let mut another = low.clone();
    another.fence =
        Fence::recover(Config { incarnation: Incarnation(2), ..*low.fence.config() }, low.durable.clone());
    assert_eq!(stepped(&sealed, &another, Some(&asked)), [""; 0]);
}

#[test]
fn a_stale_mover_or_controller_changes_nothing_at_the_owner() {
    const MOVER: &str = "migration.stale-mover-harmless";
    const CONTROLLER: &str = "migration.stale-controller-harmless";
    let record = Story::opened(Guarantee::Sealed).record();
    let of = |record: &PartitionRecord, store, body: Body, before: &Sink, after: &Sink| {
        let asked = request(store, body);
        let (before, after) = (before.now(), after.now());
        let step = SinkStep { request: Some(&asked), before, after, record: Some(record) };
        judged(&fresh(), &Fact::SinkStepped(step))
    };
    let owner = Sink::of(A, &[prepare(1, 0)], &[1]);
    let more = Sink { data: writes(&[1, 2]), ..owner.clone() };
    let less = Sink { data: Vec::new(), ..owner.clone() };
    let closed = Sink::of(A, &[prepare(1, 0), prepare(3, 9)], &[1]);
    let sealed = Sink::of(A, &[prepare(1, 0), seal(2, 9)], &[1]);
    assert_eq!(of(&record, A, chunk(1, &[1, 2]), &owner, &more), [MOVER]);
    assert_eq!(of(&record, A, chunk(1, &[1, 2]), &owner, &owner), [""; 0]);
    for (body, after) in [(prepare(3, 9), &closed), (seal(2, 9), &sealed), (seal(2, 9), &less)] {
        assert_eq!(of(&record, A, body.clone(), &owner, after), [CONTROLLER]);
        assert_eq!(of(&record, A, body, &owner, &owner), [""; 0]);
    }
    // The owner goes on, and what it takes more is a client's.
    assert_eq!(of(&record, A, seal(2, 1), &owner, &more), [""; 0]);
    // Before it is open, or somewhere else, a copy may be made anew.
    let mut created = record.clone();
    created.placed.as_mut().unwrap().opened = false;
    assert_eq!(of(&created, A, prepare(3, 9), &owner, &closed), [""; 0]);
    let elsewhere = Sink::of(B, &[prepare(1, 0)], &[1]);
    let emptied = Sink::of(B, &[prepare(1, 0), prepare(2, 9)], &[]);
    assert_eq!(of(&record, B, prepare(2, 9), &elsewhere, &emptied), [""; 0]);
    // Its own migration may seal it once the record says that writes may be blocked, through the record's epoch and no further.
    let mut story = Story::begun(Guarantee::Sealed);
    let epoch = story.record().epoch.0;
    let sealed = Sink::of(A, &[prepare(1, 0), seal(2, epoch)], &[1]);
    let further = Sink::of(A, &[prepare(1, 0), seal(2, epoch + 1)], &[1]);
    assert_eq!(of(&story.record(), A, seal(2, epoch), &owner, &sealed), [CONTROLLER]);
    story.right(Transition::StartBlock { expected: story.expected(), target: ONE });
    assert_eq!(of(&story.record(), A, seal(2, epoch), &owner, &sealed), [""; 0]);
    assert_eq!(of(&story.record(), A, seal(2, epoch + 1), &owner, &further), [CONTROLLER]);
    assert_eq!(of(&story.record(), A, seal(3, epoch), &owner, &sealed), [CONTROLLER]);
}

#[test]
fn what_a_store_states_survives_a_crash() {
    const DURABLE: &str = "sink.statement-durable";
    let (first, epoch) = (MigrationId(1), Epoch(3));
    let said =
        |statement: Statement<'_>, sink: &Sink| judged(&fresh(), &Fact::Stated(statement, first, sink.now()));
    let copy = Sink::of(A, &[prepare(1, 3)], &[1, 2]);
    let sealed = Sink::of(A, &[prepare(1, 2), seal(2, 3)], &[1, 2]);
    let nothing = Sink::of(A, &[], &[]);
    let newer = Sink::of(A, &[prepare(1, 3), prepare(2, 3)], &[]);
    let prepared =
        |closed| -> Claim<Prepared> { Prepared::reported(origin(A), first, Epoch(closed), true).into() };
    assert_eq!(said(Statement::Prepared(&prepared(3)), &copy), [""; 0]);
    assert_eq!(said(Statement::Prepared(&prepared(4)), &copy), [DURABLE]);
    assert_eq!(said(Statement::Prepared(&prepared(0)), &nothing), [DURABLE]);
    let receipt = |through, position| -> Claim<SealReceipt> {
        SealReceipt::reported(origin(A), MigrationId(2), Epoch(through), Position(position), ONE).into()
    };
    assert_eq!(said(Statement::Sealed(&receipt(3, 2)), &sealed), [""; 0]);
    assert_eq!(said(Statement::Sealed(&receipt(4, 2)), &sealed), [DURABLE]);
    assert_eq!(said(Statement::Sealed(&receipt(3, 3)), &sealed), [DURABLE]);
    let evidence = |migration, position| -> Claim<CatchUpEvidence> {
        CatchUpEvidence::reported(origin(A), MigrationId(migration), epoch, Position(position), true).into()
    };
    assert_eq!(said(Statement::Evidence(&evidence(1, 2)), &copy), [""; 0]);
    assert_eq!(said(Statement::Evidence(&evidence(1, 3)), &copy), [DURABLE]);
    assert_eq!(said(Statement::Evidence(&evidence(2, 2)), &copy), [DURABLE]);
    let reading = |position| -> Claim<WatermarkReading> {
        WatermarkReading::reported(origin(A), first, epoch, Position(position), Epoch::ZERO).into()
    };
    assert_eq!(said(Statement::Watermark(&reading(2)), &copy), [""; 0]);
    assert_eq!(said(Statement::Watermark(&reading(3)), &copy), [DURABLE]);
    // What was said of a copy that is gone is over.
    assert_eq!(said(Statement::Watermark(&reading(3)), &newer), [""; 0]);
    let dropped = |copy| -> Claim<Dropped> { Dropped::reported(origin(A), MigrationId(copy)).into() };
    assert_eq!(said(Statement::Dropped(&dropped(1)), &copy), [DURABLE]);
    assert_eq!(said(Statement::Dropped(&dropped(1)), &newer), [""; 0]);
    assert_eq!(said(Statement::Dropped(&dropped(2)), &newer), [DURABLE]);
    let applied = |serial| Statement::Applied(Write { id: write(serial), token: epoch });
    assert_eq!(said(applied(2), &copy), [""; 0]);
    assert_eq!(said(applied(3), &copy), [DURABLE]);
    assert_eq!(said(Statement::Read(Some(write(2))), &copy), [""; 0]);
    assert_eq!(said(Statement::Read(Some(write(3))), &copy), [DURABLE]);
    assert_eq!(said(Statement::Read(None), &copy), [""; 0]);
    let handed = |first, serials: &[u64]| Chunk {
        migration: MigrationId(2),
        source: ONE,
        first: Position(first),
        writes: writes(serials),
    };
    for (chunk, found) in [
        (handed(1, &[1, 2]), vec![]),
        (handed(2, &[2]), vec![]),
        (handed(1, &[2]), vec![DURABLE]),
        (handed(2, &[2, 3]), vec![DURABLE]),
        (handed(4, &[1]), vec![DURABLE]),
    ] {
        assert_eq!(said(Statement::Handed(&chunk), &copy), found, "{chunk:?}");
    }
    // Only the disk counts.
    let in_memory = Sink { durable: nothing.durable.clone(), durable_data: Vec::new(), ..copy };
    assert_eq!(said(Statement::Prepared(&prepared(3)), &in_memory), [DURABLE]);
}

#[test]
fn stores_hold_what_was_acknowledged_once_and_the_target_a_beginning_of_the_source() {
    let now = |monitor: &Monitor, record: &PartitionRecord, sinks: &[&Sink]| {
        let sinks: Vec<_> = sinks.iter().map(|sink| sink.now()).collect();
        judged(monitor, &Fact::Now(Some(record), &sinks))
    };
    let mut story = Story::begun(Guarantee::Sealed);
    let (record, epoch) = (story.record(), story.record().epoch.0);
    let source = Sink::of(A, &[prepare(1, 0)], &[1, 2]);
    let target = Sink::of(B, &[prepare(2, epoch)], &[1]);
    story.monitor.remember(&Fact::Acknowledged(write(1)), &mut Findings::new(false));
    assert_eq!(now(&story.monitor, &record, &[&source, &target]), [""; 0]);
    // A fence is never ahead of what was committed.
    let ahead = Sink::of(B, &[prepare(2, epoch + 1)], &[]);
    assert_eq!(now(&story.monitor, &record, &[&source, &ahead]), ["sink.fence-not-ahead"]);
    let sealed_ahead = Sink::of(A, &[prepare(1, 0), seal(2, epoch + 1)], &[1]);
    assert_eq!(now(&story.monitor, &record, &[&sealed_ahead]), ["sink.fence-not-ahead"]);
    let twice = Sink::of(A, &[prepare(1, 0)], &[1, 2, 1]);
    assert_eq!(now(&story.monitor, &record, &[&twice, &target]), ["sink.apply-once"]);
    let lost = Sink::of(A, &[prepare(1, 0)], &[2]);
    assert_eq!(now(&story.monitor, &record, &[&lost]), ["migration.no-lost-write"]);
    let other = Sink::of(B, &[prepare(2, epoch)], &[2]);
    assert_eq!(now(&story.monitor, &record, &[&source, &other]), ["sink.prefix"]);
    // The source's disk counts, and only for the copy of this migration.
    let in_memory = Sink { durable_data: Vec::new(), ..source.clone() };
    assert_eq!(now(&story.monitor, &record, &[&in_memory, &target]), ["sink.prefix"]);
    let older = Sink::of(B, &[prepare(1, epoch)], &[2]);
    assert_eq!(now(&story.monitor, &record, &[&source, &older]), [""; 0]);
    // A recovered migration waits for an operator, who says which store it is.
    let held = || {
        let mut record = record.clone();
        let placed = record.placed.as_mut().unwrap();
        placed.held = Some(cutover::core::migration::Held {
            migration: MigrationId(2),
            phase: cutover::core::placement::Phase::Draining,
            draining: Epoch(epoch),
        });
        record
    };
    assert_eq!(now(&story.monitor, &held(), &[&lost]), [""; 0]);
}

#[test]
fn the_debt_of_a_forced_move_is_kept_while_its_source_may_acknowledge() {
    let mut story = Story::begun(Guarantee::Sealed);
    let migration = story.record().migration;
    story.right(story.force(origin(B), migration));
    let record = story.record();
    let debt = record.placed.unwrap().debt.unwrap();
    let mut without = record.clone();
    without.placed.as_mut().unwrap().debt = None;
    let mut less = record.clone();
    less.placed.as_mut().unwrap().debt.as_mut().unwrap().through = Epoch(debt.through.0 - 1);
    let now = |record: &PartitionRecord, source: &Sink| {
        judged(&story.monitor, &Fact::Now(Some(record), &[source.now()]))
    };
    let open = Sink::of(A, &[prepare(1, 0)], &[]);
    let sealed = Sink::of(A, &[prepare(1, 0), seal(2, debt.through.0)], &[]);
    let short = Sink::of(A, &[prepare(1, 0), seal(2, debt.through.0 - 1)], &[]);
    let gone = Sink::of(A, &[], &[]);
    assert_eq!(now(&record, &open), [""; 0]);
    for wrong in [&without, &less] {
        assert_eq!(now(wrong, &open), ["migration.debt-kept"]);
        assert_eq!(now(wrong, &short), ["migration.debt-kept"]);
        assert_eq!(now(wrong, &sealed), [""; 0]);
        assert_eq!(now(wrong, &gone), [""; 0]);
    }
}
