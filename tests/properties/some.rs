//! Strategies for small values, and statements made by real sinks.

use super::store::{SMALL, Store, config};
use cutover::core::fence::{
    Body, CatchUpEvidence, DropCopy, Dropped, Enforcement, EvidenceQuery, Input, Output, Prepare, Prepared,
    Reply, Request, Seal, SealReceipt, WatermarkQuery, WatermarkReading, Write,
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
        let mut outputs = self.ask(Body::Write(write));
        outputs.extend(self.step(&Input::Apply(write)));
        outputs
    }
}

/// The replies among the outputs.
pub fn replies(outputs: &[Output]) -> Vec<Reply> {
    outputs.iter().filter_map(Output::reply).cloned().collect()
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
    let mut said = sink.ask(Body::Prepare(Prepare { migration, closed_through: epoch }));
    let chunk = cutover::core::fence::Chunk {
        migration,
        source: Incarnation(1),
        first: Position(1),
        writes: Vec::new(),
    };
    said.extend(sink.ask(Body::Chunk(chunk)));
    for serial in 1..=writes {
        let id = WriteId { session: SessionId(1), serial: Serial(serial) };
        let _ = sink.write(Write { id, token: epoch.next() });
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
        dropped: *dropped,
    }
}
