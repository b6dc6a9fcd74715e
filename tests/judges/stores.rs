//! What stores hold and state, and who may change them.

use super::sinks::{Sink, end, fresh, judged, prepare, prepare_copy, put, request, row, seal, set};
use super::story::{A, B, ONE, Story, origin};
use cutover::core::fence::{
    Body, CatchUpEvidence, Chunk, Claim, Config, Digest, Dropped, Ended, Fence, Frontier, Output, Prepared,
    Request, RowsDigest, SealReceipt, WatermarkReading,
};
use cutover::core::ids::{Epoch, Incarnation, MigrationId, Position};
use cutover::core::invariant::{Fact, SinkStep, Statement};
use cutover::core::migration::{PartitionRecord, Transition};
use cutover::core::placement::Guarantee;

const DURABLE: &str = "sink.statement-durable";

/// What is said of a statement about the first copy.
fn said(statement: Statement<'_>, sink: &Sink) -> Vec<&'static str> {
    judged(&fresh(), &Fact::Stated(statement, MigrationId(1), sink.now()))
}

#[test]
fn the_fences_of_a_store_only_rise() {
    const FENCE: &str = "sink.fence-monotone";
    let stepped = |before: &Sink, after: &Sink, request: Option<&Request>| {
        let step = SinkStep { request, before: before.now(), after: after.now(), record: None };
        judged(&fresh(), &Fact::SinkStepped(step))
    };
    let low = Sink::of(A, &[prepare(1, 2)]);
    let sealed = Sink::of(A, &[prepare(1, 2), seal(2, 3)]);
    let closed = Sink::of(A, &[prepare(1, 4)]);
    let newer = Sink::of(A, &[prepare(2, 2)]);
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
    let owner = Sink::of(A, &[prepare(1, 0), put(1)]);
    let more = owner.clone().altered("k2", Some(row("v2", 2)));
    let less = owner.clone().altered("k1", None);
    let other = owner.clone().altered("k1", Some(row("v9", 1)));
    let closed = Sink::of(A, &[prepare(1, 0), put(1), prepare(3, 9)]);
    let sealed = Sink::of(A, &[prepare(1, 0), put(1), seal(2, 9)]);
    let further = Sink::of(A, &[prepare(1, 0), put(1), set(2, "k1", "v1")]).altered("k1", Some(row("v1", 1)));
    let chunk = Body::Chunk(owner.cut(1, Frontier::Nothing, 0, 9));
    for after in [&more, &less, &other, &further] {
        assert_eq!(of(&record, A, chunk.clone(), &owner, after), [MOVER]);
    }
    assert_eq!(of(&record, A, chunk, &owner, &owner), [""; 0]);
    let took = [(prepare(3, 9), &closed), (seal(2, 9), &sealed), (seal(2, 9), &less), (end(1, 1), &other)];
    for (body, after) in took {
        assert_eq!(of(&record, A, body.clone(), &owner, after), [CONTROLLER]);
        assert_eq!(of(&record, A, body, &owner, &owner), [""; 0]);
    }
    // What it takes more is a client's.
    assert_eq!(of(&record, A, seal(2, 1), &owner, &more), [CONTROLLER]);
    assert_eq!(of(&record, A, put(2), &owner, &more), [""; 0]);
    // It may forget changes, and end its copy: nobody loses anything by that.
    let mut trimmed = owner.clone();
    trimmed.data.perform(&Output::Trim { through: Position(1) });
    assert_eq!(of(&record, A, end(1, 1), &owner, &trimmed), [""; 0]);
    // Before it is open, or somewhere else, a copy may be made anew.
    let mut created = record.clone();
    created.placed.as_mut().unwrap().opened = false;
    assert_eq!(of(&created, A, prepare(3, 9), &owner, &closed), [""; 0]);
    let elsewhere = Sink::of(B, &[prepare(1, 0), put(1)]);
    let emptied = Sink::of(B, &[prepare(1, 0), prepare(2, 9)]);
    assert_eq!(of(&record, B, prepare(2, 9), &elsewhere, &emptied), [""; 0]);
    // Its own migration may seal it once the record says that writes may be blocked, through the record's epoch and no further.
    let mut story = Story::begun(Guarantee::Sealed);
    let epoch = story.record().epoch.0;
    let sealed = owner.clone().with(&[seal(2, epoch)]);
    let further = owner.clone().with(&[seal(2, epoch + 1)]);
    assert_eq!(of(&story.record(), A, seal(2, epoch), &owner, &sealed), [CONTROLLER]);
    story.right(Transition::StartBlock { expected: story.expected(), target: ONE });
    assert_eq!(of(&story.record(), A, seal(2, epoch), &owner, &sealed), [""; 0]);
    assert_eq!(of(&story.record(), A, seal(2, epoch + 1), &owner, &further), [CONTROLLER]);
    assert_eq!(of(&story.record(), A, seal(3, epoch), &owner, &sealed), [CONTROLLER]);
}

#[test]
fn what_a_store_states_survives_a_crash() {
    let (first, epoch) = (MigrationId(1), Epoch(3));
    let copy = Sink::of(A, &[prepare(1, 0), put(1), put(2)]);
    let closed = Sink::of(A, &[prepare(1, 3)]);
    let nothing = Sink::of(A, &[]);
    let newer = copy.clone().with(&[prepare(2, 3)]);
    let prepared = |closed| -> Claim<Prepared> {
        Prepared::reported(origin(A), first, Epoch(closed), true, true).into()
    };
    assert_eq!(said(Statement::Prepared(&prepared(3)), &closed), [""; 0]);
    assert_eq!(said(Statement::Prepared(&prepared(4)), &closed), [DURABLE]);
    assert_eq!(said(Statement::Prepared(&prepared(0)), &nothing), [DURABLE]);
    let digest = copy.fence.durable().copy().unwrap().digest();
    let reading = |position| -> Claim<WatermarkReading> {
        let position = Position(position);
        WatermarkReading::reported(origin(A), first, epoch, position, digest, Epoch::ZERO).into()
    };
    assert_eq!(said(Statement::Watermark(&reading(2)), &copy), [""; 0]);
    assert_eq!(said(Statement::Watermark(&reading(3)), &copy), [DURABLE]);
    // What was said of a copy that is gone is over.
    assert_eq!(said(Statement::Watermark(&reading(3)), &newer), [""; 0]);
    let dropped = |copy| -> Claim<Dropped> { Dropped::reported(origin(A), MigrationId(copy)).into() };
    assert_eq!(said(Statement::Dropped(&dropped(1)), &copy), [DURABLE]);
    assert_eq!(said(Statement::Dropped(&dropped(1)), &newer), [""; 0]);
    assert_eq!(said(Statement::Dropped(&dropped(2)), &newer), [DURABLE]);
    let applied = |serial| {
        let Body::Write(write) = put(serial) else { unreachable!("it is a write") };
        said(Statement::Applied(&write), &copy)
    };
    assert_eq!(applied(2), [""; 0]);
    assert_eq!(applied(3), [DURABLE]);
    assert_eq!(said(Statement::Read(Position(2)), &copy), [""; 0]);
    assert_eq!(said(Statement::Read(Position(3)), &copy), [DURABLE]);
    let handed = copy.cut(2, Frontier::Nothing, 0, 9);
    assert_eq!(said(Statement::Handed(&handed), &copy), [""; 0]);
    assert_eq!(said(Statement::Handed(&Chunk { position: Position(3), ..handed.clone() }), &copy), [DURABLE]);
    // Only the disk counts.
    let in_memory = Sink { durable: closed.durable.clone(), durable_data: closed.data.clone(), ..copy };
    assert_eq!(said(Statement::Handed(&handed), &in_memory), [DURABLE]);
    assert_eq!(said(Statement::Read(Position(1)), &in_memory), [DURABLE]);
    let in_memory = Sink { durable: nothing.durable, ..closed };
    assert_eq!(said(Statement::Prepared(&prepared(3)), &in_memory), [DURABLE]);
}

#[test]
fn a_sealed_copy_remains_what_its_receipt_says() {
    let sealed = Sink::of(A, &[prepare(1, 0), put(1), put(2), seal(2, 3)]);
    let digest = sealed.fence.durable().copy().unwrap().digest();
    let receipt = |through, position, digest| -> Claim<SealReceipt> {
        let position = Position(position);
        SealReceipt::reported(origin(A), MigrationId(2), Epoch(through), position, digest, ONE).into()
    };
    assert_eq!(said(Statement::Sealed(&receipt(3, 2, digest)), &sealed), [""; 0]);
    assert_eq!(said(Statement::Sealed(&receipt(4, 2, digest)), &sealed), [DURABLE]);
    assert_eq!(said(Statement::Sealed(&receipt(3, 3, digest)), &sealed), [DURABLE]);
    let other = Digest { rows: RowsDigest::EMPTY, ..digest };
    assert_eq!(said(Statement::Sealed(&receipt(3, 2, other)), &sealed), [DURABLE]);
    // The rows are summed anew: what the fence takes them for does not count.
    for (key, found) in
        [("k1", None), ("k1", Some(row("v2", 1))), ("k1", Some(row("v1", 2))), ("k3", Some(row("v3", 2)))]
    {
        let damaged = sealed.clone().altered(key, found);
        assert_eq!(said(Statement::Sealed(&receipt(3, 2, digest)), &damaged), [DURABLE]);
    }
    // After an abort the source goes on, under later tokens, and its receipt tells of a state that is past.
    let past = receipt(3, 1, other);
    assert_eq!(said(Statement::Sealed(&past), &sealed), [""; 0]);
    // A sealed copy takes no chunks. This one is in the making, at a store that was sealed once.
    let open = sealed.with(&[prepare_copy(3, 3)]);
    let now =
        judged(&fresh(), &Fact::Stated(Statement::Sealed(&receipt(3, 0, other)), MigrationId(3), open.now()));
    assert_eq!(now, [DURABLE]);
}

#[test]
fn evidence_is_of_all_rows_and_an_end_is_for_good() {
    let source = Sink::of(A, &[prepare(1, 0), put(1), put(2)]);
    let second = MigrationId(2);
    let partly = |limit| {
        let chunk = source.cut(2, Frontier::Nothing, 0, limit);
        Sink::of(B, &[prepare_copy(2, 3), Body::Chunk(chunk)])
    };
    let (whole, part) = (partly(9), partly(1));
    let digest = whole.fence.durable().copy().unwrap().digest();
    let evidence = |migration, position| -> Claim<CatchUpEvidence> {
        let (migration, position) = (MigrationId(migration), Position(position));
        CatchUpEvidence::reported(origin(B), migration, Epoch(3), position, digest, true).into()
    };
    let of = |statement: Statement<'_>, sink: &Sink| {
        judged(&fresh(), &Fact::Stated(statement, second, sink.now()))
    };
    assert_eq!(of(Statement::Evidence(&evidence(2, 2)), &whole), [""; 0]);
    assert_eq!(of(Statement::Evidence(&evidence(2, 3)), &whole), [DURABLE]);
    assert_eq!(of(Statement::Evidence(&evidence(3, 2)), &whole), [DURABLE]);
    assert_eq!(of(Statement::Evidence(&evidence(2, 2)), &part), [DURABLE]);
    let ended = |position| -> Claim<Ended> {
        Ended::reported(origin(B), second, Epoch(3), Position(position), true, true).into()
    };
    let closed = whole.clone().with(&[end(2, 3)]);
    assert_eq!(of(Statement::Ended(&ended(2)), &closed), [""; 0]);
    assert_eq!(of(Statement::Ended(&ended(3)), &closed), [DURABLE]);
    assert_eq!(of(Statement::Ended(&ended(2)), &whole), [DURABLE]);
    // Of an end that is only in memory nobody may hear.
    let in_memory = Sink { durable: whole.durable.clone(), ..closed.clone() };
    assert_eq!(of(Statement::Ended(&ended(2)), &in_memory), [DURABLE]);
    // The next copy is another one.
    assert_eq!(of(Statement::Ended(&ended(2)), &closed.with(&[prepare_copy(3, 4)])), [""; 0]);
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
    let open = Sink::of(A, &[prepare(1, 0)]);
    let sealed = Sink::of(A, &[prepare(1, 0), seal(2, debt.through.0)]);
    let short = Sink::of(A, &[prepare(1, 0), seal(2, debt.through.0 - 1)]);
    let gone = Sink::of(A, &[]);
    assert_eq!(now(&record, &open), [""; 0]);
    for wrong in [&without, &less] {
        assert_eq!(now(wrong, &open), ["migration.debt-kept"]);
        assert_eq!(now(wrong, &short), ["migration.debt-kept"]);
        assert_eq!(now(wrong, &sealed), [""; 0]);
        assert_eq!(now(wrong, &gone), [""; 0]);
    }
}
