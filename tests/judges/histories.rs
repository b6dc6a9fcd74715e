//! What the owner's copy, and a copy in the making, should hold: what follows from the writes that took effect.

use super::sinks::{Sink, end, judged, key, owner, prepare, prepare_copy, put, row, seal, set, write, wrote};
use super::story::{A, B, Story, origin};
use cutover::core::fence::{Body, Frontier, Mutation, Write};
use cutover::core::ids::{Epoch, MigrationId};
use cutover::core::invariant::{Fact, Findings, Monitor, SinkStep};
use cutover::core::migration::{Held, PartitionRecord};
use cutover::core::placement::{Guarantee, Phase};

const LOST: &str = "migration.no-lost-write";
const KNOWN: &str = "migration.copy-known";
const ONCE: &str = "sink.apply-once";
const PREFIX: &str = "sink.prefix";

fn now(monitor: &Monitor, record: &PartitionRecord, sinks: &[&Sink]) -> Vec<&'static str> {
    let sinks: Vec<_> = sinks.iter().map(|sink| sink.now()).collect();
    judged(monitor, &Fact::Now(Some(record), &sinks))
}

fn acknowledge(monitor: &mut Monitor, serial: u64) {
    monitor.remember(&Fact::Acknowledged(write(serial)), &mut Findings::new(false));
}

/// The deletion of a row.
fn delete(serial: u64, of: &str) -> Body {
    Body::Write(Write { id: write(serial), token: Epoch(1), mutation: Mutation::delete(key(of)) })
}

#[test]
fn a_fence_is_not_ahead_of_what_was_committed() {
    let story = Story::begun(Guarantee::Sealed);
    let (record, epoch) = (story.record(), story.record().epoch.0);
    let source = Sink::of(A, &[prepare(1, 0)]);
    let target = |closed| Sink::of(B, &[prepare_copy(2, closed)]);
    assert_eq!(now(&story.monitor, &record, &[&source, &target(epoch)]), [""; 0]);
    assert_eq!(now(&story.monitor, &record, &[&source, &target(epoch + 1)]), ["sink.fence-not-ahead"]);
    let ahead = source.with(&[seal(2, epoch + 1)]);
    assert_eq!(now(&story.monitor, &record, &[&ahead]), ["sink.fence-not-ahead"]);
}

#[test]
fn the_record_names_each_copy() {
    let mut story = Story::begun(Guarantee::Sealed);
    let (record, source) = (story.record(), Sink::of(A, &[prepare(1, 0)]));
    let (target, later) = (Sink::of(B, &[prepare_copy(2, 0)]), Sink::of(B, &[prepare_copy(3, 0)]));
    assert_eq!(now(&story.monitor, &record, &[&source, &target]), [""; 0]);
    assert_eq!(now(&story.monitor, &record, &[&source, &later]), [KNOWN], "of a migration that is to come");
    story.right(story.abort());
    let mut aborted = story.record();
    assert_eq!(now(&story.monitor, &aborted, &[&source, &target]), [""; 0], "it is to be dropped");
    let dropped = Sink::of(B, &[]);
    aborted.old_copies.clear();
    assert_eq!(now(&story.monitor, &aborted, &[&source, &target]), [KNOWN]);
    assert_eq!(now(&story.monitor, &aborted, &[&source, &dropped]), [""; 0]);
    // Of a deleted partition as well. A log that was restored may have named what the present one does not.
    aborted.placed = None;
    assert_eq!(now(&story.monitor, &aborted, &[&source]), [KNOWN]);
    story.monitor.remember(&Fact::Recovered(Some(&aborted)), &mut Findings::new(false));
    assert_eq!(now(&story.monitor, &aborted, &[&source]), [""; 0]);
}

#[test]
fn the_owner_has_each_acknowledged_write_and_the_rows_that_they_make() {
    let mut story = Story::begun(Guarantee::Sealed);
    let record = story.record();
    let bodies = [put(1), put(2), set(3, "k1", "v3"), delete(4, "k2")];
    let source = owner(&mut story.monitor, &record, &bodies);
    (1..=4).for_each(|serial| acknowledge(&mut story.monitor, serial));
    assert_eq!(now(&story.monitor, &record, &[&source]), [""; 0]);
    let mut unheard = story.monitor.clone();
    acknowledge(&mut unheard, 5);
    assert_eq!(now(&unheard, &record, &[&source]), [LOST], "an acknowledged write took no effect");
    for (key, found) in [
        ("k1", None),
        ("k1", Some(row("v1", 1))),
        ("k1", Some(row("v3", 2))),
        ("k1", Some(row("v9", 3))),
        ("k2", Some(row("v2", 2))),
        ("k3", Some(row("v3", 3))),
    ] {
        let other = source.clone().altered(key, found.clone());
        assert_eq!(now(&story.monitor, &record, &[&other]), [LOST], "{key} {found:?}");
    }
    // Its copy is there, and is the one of the record.
    assert_eq!(now(&story.monitor, &record, &[&Sink::of(A, &[])]), [LOST]);
    let newer = source.clone().with(&[prepare(2, 0)]);
    assert_eq!(now(&story.monitor, &record, &[&newer]), [KNOWN, LOST]);
    // A recovered migration waits for an operator, who says which store it is.
    let mut held = record.clone();
    let migration = MigrationId(2);
    held.placed.as_mut().unwrap().held =
        Some(Held { migration, phase: Phase::Draining, draining: record.epoch });
    assert_eq!(now(&story.monitor, &held, &[&Sink::of(A, &[])]), [""; 0]);
    // A crash takes back what was not durable.
    let crashed = Sink::of(A, &[prepare(1, 0), put(1)]);
    let step = SinkStep { request: None, before: source.now(), after: crashed.now(), record: Some(&record) };
    let mut fresh = Story::begun(Guarantee::Sealed).monitor;
    let source = owner(&mut fresh, &record, &bodies);
    acknowledge(&mut fresh, 1);
    assert!(now(&fresh, &record, &[&crashed]).contains(&LOST));
    fresh.feed(&Fact::SinkStepped(step), &mut Findings::new(false));
    assert_eq!(now(&fresh, &record, &[&crashed]), [""; 0]);
    assert_eq!(now(&fresh, &record, &[&source]), [LOST]);
}

#[test]
fn a_write_takes_effect_once_and_is_known_from_then_on() {
    let mut story = Story::begun(Guarantee::Sealed);
    let record = story.record();
    let source = owner(&mut story.monitor, &record, &[put(1), put(2)]);
    assert_eq!(now(&story.monitor, &record, &[&source]), [""; 0]);
    // The same rows, by other writes.
    let other = Sink::of(A, &[prepare(1, 0), put(1), set(9, "k2", "v2")]);
    assert_eq!(other.rows(), source.rows());
    assert_eq!(now(&story.monitor, &record, &[&other]), [ONCE]);
    // The first write once more, by a store that has forgotten it.
    let before = Sink::of(A, &[prepare(1, 0), put(8), put(2)]);
    let again = before.clone().with(&[put(1)]);
    wrote(&mut story.monitor, &record, (&before, &again), &put(1));
    let found = now(&story.monitor, &record, &[&again]);
    assert!(found.contains(&ONCE), "{found:?}");
}

/// The source at A and a copy of it at B in the making, after a part of it: `k1` and `k2` of three rows, at position 3.
fn copying() -> (Story, Sink, Sink) {
    let mut story = Story::begun(Guarantee::Sealed);
    let record = story.record();
    let source = owner(&mut story.monitor, &record, &[put(1), put(2), put(3)]);
    let part = source.cut(2, Frontier::Nothing, 0, 2);
    let target = Sink::of(B, &[prepare_copy(2, record.epoch.0), Body::Chunk(part)]);
    (story, source, target)
}

#[test]
fn a_copy_in_the_making_is_its_source_up_to_its_frontier() {
    let (story, source, target) = copying();
    let record = story.record();
    let judge = |source: &Sink, target: &Sink| now(&story.monitor, &record, &[source, target]);
    assert_eq!(judge(&source, &target), [""; 0]);
    for (key, found) in [
        ("k1", None),
        ("k2", None),
        ("k1", Some(row("v9", 1))),
        ("k1", Some(row("v1", 2))),
        ("k0", Some(row("v0", 1))),
        // It is the source's, and above the frontier.
        ("k3", Some(row("v3", 3))),
    ] {
        let other = target.clone().altered(key, found.clone());
        assert_eq!(judge(&source, &other), [PREFIX], "{key} {found:?}");
    }
    // Before its first chunk it has no row at all.
    let prepared = Sink::of(B, &[prepare_copy(2, record.epoch.0)]);
    assert_eq!(judge(&source, &prepared), [""; 0]);
    assert_eq!(judge(&source, &prepared.altered("k1", Some(row("v1", 1)))), [PREFIX]);
    // A copy of another migration is not looked at, nor one of which parts are lost on the way.
    let older = Sink::of(B, &[prepare(1, record.epoch.0), put(9)]);
    assert_eq!(judge(&source, &older), [""; 0]);
    let damaged = story.monitor.clone().with_damage();
    assert_eq!(now(&damaged, &record, &[&source, &target.altered("k1", None)]), [""; 0]);
}

#[test]
fn a_copy_in_the_making_remembers_what_its_source_remembered() {
    let (mut story, source, target) = copying();
    let record = story.record();
    // The source goes on, and the copy is what it was.
    let later = source.clone().with(&[set(4, "k1", "v4")]);
    wrote(&mut story.monitor, &record, (&source, &later), &set(4, "k1", "v4"));
    assert_eq!(now(&story.monitor, &record, &[&later, &target]), [""; 0]);
    // All changes, and a part of them: an id without its row is as wrong as a row without its id.
    let chunk = later.cut(2, Frontier::Through(key("k2")), 3, 9);
    assert_eq!(
        now(&story.monitor, &record, &[&later, &target.clone().with(&[Body::Chunk(chunk.clone())])]),
        [""; 0]
    );
    let mut unchanged = chunk.clone();
    unchanged.changes.clear();
    let other = target.clone().with(&[Body::Chunk(unchanged)]);
    assert_eq!(now(&story.monitor, &record, &[&later, &other]), [PREFIX]);
    let other = other.altered("k1", Some(row("v4", 4)));
    assert_eq!(
        now(&story.monitor, &record, &[&later, &other]),
        [PREFIX],
        "the rows are right, an id is not there"
    );
    let mut other_id = chunk;
    other_id.changes[0].id = write(9);
    let other = target.with(&[Body::Chunk(other_id)]);
    assert_eq!(now(&story.monitor, &record, &[&later, &other]), [PREFIX]);
}

#[test]
fn a_copy_in_the_making_is_not_ahead_of_its_sources_disk() {
    let (story, source, target) = copying();
    let record = story.record();
    let behind = Sink::of(A, &[prepare(1, 0), put(1), put(2)]);
    let in_memory = Sink { durable: behind.durable, durable_data: behind.durable_data, ..source.clone() };
    assert_eq!(now(&story.monitor, &record, &[&in_memory, &target]), [PREFIX]);
    // The disk of a source that has another copy, or none, has nothing of it.
    let none = Sink { durable: Sink::of(A, &[]).durable, ..source };
    assert_eq!(now(&story.monitor, &record, &[&none, &target]), [PREFIX]);
}

#[test]
fn a_moved_copy_has_what_the_source_had() {
    let (story, source, target) = copying();
    let rest = source.cut(2, Frontier::Through(key("k2")), 3, 9);
    let whole = target.clone().with(&[Body::Chunk(rest)]);
    // By a force of a whole copy: what is below the stated position is there.
    let migration = story.record().migration;
    let mut forced = story.clone();
    let ended = whole.clone().with(&[end(2, forced.record().epoch.0)]);
    let force = forced.force_at(origin(B), migration, forced.record().epoch, (3, true), false);
    forced.right_with(force, Some(ended.now()));
    assert_eq!(forced.monitor.exempt(), []);
    let record = forced.record();
    assert_eq!(now(&forced.monitor, &record, &[&ended]), [""; 0]);
    assert_eq!(now(&forced.monitor, &record, &[&ended.clone().altered("k1", None)]), [LOST]);
    // By a force of a part: it has what it has, and may lack what it lacks.
    let mut partial = story;
    let part = target.with(&[end(2, partial.record().epoch.0)]);
    let force = partial.force_at(origin(B), migration, partial.record().epoch, (3, false), true);
    partial.right_with(force, Some(part.now()));
    let record = partial.record();
    assert_eq!(now(&partial.monitor, &record, &[&part]), [""; 0]);
    assert_eq!(now(&partial.monitor, &record, &[&part.altered("k1", None)]), [LOST], "it loses what it had");
}
