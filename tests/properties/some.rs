//! Strategies for small values, and statements made by real sinks.

use super::store::{SMALL, Store, config};
use cutover::core::fence::{
    Body, CatchUpEvidence, Cell, Chunk, DropCopy, Dropped, End, Ended, Enforcement, EvidenceQuery, Export,
    Frontier, Input, Key, Mutation, Output, Prepare, Prepared, Reply, Request, Seal, SealReceipt, Value,
    WatermarkQuery, WatermarkReading, Write,
};
use cutover::core::ids::{
    Epoch, Incarnation, MigrationId, PartitionId, Placement, Position, Revision, Serial, SessionId, WriteId,
};
use cutover::core::placement::{Guarantee, PartitionState, Phase, Resolution};
use proptest::prelude::*;

impl Store {
    /// Sends a request with this body to the store itself.
    pub fn ask(&mut self, body: Body) -> Vec<Output> {
        let config = self.fence.config();
        let request = Request { store: config.store, partition: config.partition, body };
        self.step(&Input::Request(request))
    }

    /// Admits and applies a write.
    pub fn write(&mut self, write: Write) -> Vec<Output> {
        let mut outputs = self.ask(Body::Write(write.clone()));
        outputs.extend(self.step(&Input::Apply(write)));
        outputs
    }
}

/// The replies among the outputs.
pub fn replies(outputs: &[Output]) -> Vec<Reply> {
    outputs.iter().filter_map(Output::reply).cloned().collect()
}

/// The key of a row.
pub fn key(text: &str) -> Key {
    Key::try_from(text.as_bytes()).expect("it is short")
}

/// The value of a row.
pub fn value(text: &str) -> Value {
    Value::try_from(text.as_bytes()).expect("it is short")
}

/// One of a few keys, in whose order the empty one is the first.
pub fn some_key() -> impl Strategy<Value = Key> {
    prop::sample::select(vec!["", "a", "b", "c", "d"]).prop_map(key)
}

fn some_value() -> impl Strategy<Value = Value> {
    prop::sample::select(vec!["", "1", "2", "three"]).prop_map(value)
}

/// A key, and a value or none.
pub fn cell() -> impl Strategy<Value = Cell> {
    (some_key(), prop::option::weighted(0.7, some_value())).prop_map(|(key, value)| Cell { key, value })
}

/// A write of one row, of several, or of a row that must be as expected.
pub fn mutation() -> impl Strategy<Value = Mutation> {
    let several = prop::collection::btree_map(some_key(), prop::option::weighted(0.7, some_value()), 2..4)
        .prop_map(|cells| cells.into_iter().map(|(key, value)| Cell { key, value }).collect());
    prop_oneof![
        4 => (some_key(), some_value()).prop_map(|(key, value)| Mutation::put(key, value)),
        1 => some_key().prop_map(Mutation::delete),
        2 => (cell(), prop::option::weighted(0.7, some_value()))
            .prop_map(|(Cell { key, value: expected }, value)| Mutation::cas(key, expected, value)),
        2 => several.prop_map(|cells| Mutation::new(None, cells).expect("each key once")),
    ]
}

/// The write under this id that a test makes where it does not matter what is written: the same for every attempt.
pub fn put(id: WriteId) -> Mutation {
    let number = (id.session.0.wrapping_add(id.serial.0) % 4).to_string();
    Mutation::put(key(&number), value(&id.to_string()))
}

/// A write id of one of `sessions` sessions.
pub fn write_id(sessions: u64, serials: u64) -> impl Strategy<Value = WriteId> {
    (1..=sessions, 1..=serials)
        .prop_map(|(session, serial)| WriteId { session: SessionId(session), serial: Serial(serial) })
}

/// One of the first `count` placements.
pub fn placement(count: u64) -> impl Strategy<Value = Placement> {
    (0..count).prop_map(Placement)
}

/// Either guarantee.
pub fn guarantee() -> impl Strategy<Value = Guarantee> {
    prop_oneof![Just(Guarantee::Sealed), Just(Guarantee::Timed)]
}

/// A resolution of any kind, at a small epoch and revision.
pub fn resolution() -> impl Strategy<Value = Resolution> {
    let phase = prop_oneof![Just(Phase::Draining), Just(Phase::Cutover)];
    let state = prop_oneof![
        placement(3).prop_map(PartitionState::Active),
        (placement(3), placement(3), phase).prop_map(|(from, to, phase)| PartitionState::Migrating {
            from,
            to,
            phase
        }),
    ];
    (state, 1_u64..6, guarantee(), 1_u64..12).prop_map(|(state, epoch, guarantee, revision)| Resolution {
        partition: PartitionId(1),
        state,
        epoch: Epoch(epoch),
        guarantee,
        revision: Revision(revision),
    })
}

/// One statement of each kind, all made by one sink about one migration.
#[derive(Clone, Debug)]
pub struct Statements {
    pub prepared: Prepared,
    pub receipt: SealReceipt,
    pub evidence: CatchUpEvidence,
    pub reading: WatermarkReading,
    pub ended: Ended,
    pub dropped: Dropped,
}

/// Any number, with small and large ones equally likely.
pub fn number() -> impl Strategy<Value = u64> {
    prop_oneof![1_u64..5, 1_u64..1 << 40, Just(u64::MAX - 1)]
}

/// The statements of a sink that is asked for all of them in turn.
pub fn statements() -> impl Strategy<Value = Statements> {
    (any::<u64>(), any::<u64>(), number(), number(), number(), 0_u64..3).prop_map(
        |(store, partition, incarnation, migration, epoch, writes)| {
            let config = config(Placement(store), PartitionId(partition), Enforcement::Tokens, SMALL);
            let config = cutover::core::fence::Config { incarnation: Incarnation(incarnation), ..config };
            make(&mut Store::new(config), MigrationId(migration), Epoch(epoch), writes)
        },
    )
}

fn make(sink: &mut Store, migration: MigrationId, epoch: Epoch, writes: u64) -> Statements {
    let source = Some(Placement(1));
    let prepare = Prepare { migration, closed_through: epoch, source, keep: None };
    let mut said = sink.ask(Body::Prepare(prepare));
    said.extend(sink.ask(Body::Chunk(source_of(migration))));
    said.extend(sink.ask(Body::End(End { migration, epoch })));
    for serial in 1..=writes {
        let id = WriteId { session: SessionId(1), serial: Serial(serial) };
        let _ = sink.write(Write { id, token: epoch.next(), mutation: put(id) });
    }
    let query = EvidenceQuery { migration, epoch, at_least: Position::ZERO };
    said.extend(sink.ask(Body::Evidence(query)));
    said.extend(sink.ask(Body::Watermark(WatermarkQuery { migration, epoch })));
    let seal = Seal { migration: migration.next(), through: epoch, target: Incarnation(3) };
    said.extend(sink.ask(Body::Seal(seal)));
    said.extend(sink.ask(Body::Drop(DropCopy { copy: migration, sealed_through: Some(epoch) })));
    let said = replies(&said);
    let [
        Reply::Prepared(prepared),
        Reply::ChunkTaken(_),
        Reply::Ended(ended),
        Reply::Evidence(evidence),
        Reply::Watermark(reading),
        Reply::Sealed(receipt),
        Reply::Dropped(dropped),
    ] = said.as_slice()
    else {
        panic!("a sink answers each question once: {said:?}");
    };
    Statements {
        prepared: *prepared,
        receipt: *receipt,
        evidence: *evidence,
        reading: *reading,
        ended: *ended,
        dropped: *dropped,
    }
}

/// All of a source that has nothing.
fn source_of(migration: MigrationId) -> Chunk {
    let config = config(Placement(1), PartitionId(1), Enforcement::Tokens, SMALL);
    let mut source = Store::new(config);
    let create = Prepare { migration: MigrationId(1), closed_through: Epoch::ZERO, source: None, keep: None };
    let _ = source.ask(Body::Prepare(create));
    let export = Export { migration, after: Frontier::Nothing, position: Position::ZERO, limit: 1 };
    let _ = source.ask(Body::Export(export));
    source.handed.expect("there is no row, and all are handed over")
}
