//! Stores with real fences, of which every third does not check tokens, and every statement that they made.

use cutover::core::fence::{
    Body, CatchUpEvidence, Chunk, Config, Contents, Digest, DropCopy, Dropped, End, Ended, Enforcement,
    EvidenceQuery, Export, Fence, FenceLimits, Input, Key, Mutation, Output, Prepare, Prepared, Reply,
    Request, RowsDigest, Seal, SealReceipt, Source, Value, WatermarkQuery, WatermarkReading, Write,
};
use cutover::core::ids::{
    Epoch, Incarnation, MigrationId, PartitionId, Placement, Position, Serial, SessionId, WriteId,
};
use cutover::core::migration::PlacementTable;
use cutover::core::placement::Guarantee;
use std::collections::BTreeMap;

pub const STORES: [Placement; 3] = [Placement(0), Placement(1), Placement(2)];

/// Whether a store does not check tokens.
pub const fn is_plain(store: Placement) -> bool {
    store.0 % 3 == 2
}

/// The guarantee that a store can give.
pub const fn gives(store: Placement) -> Guarantee {
    if is_plain(store) { Guarantee::Timed } else { Guarantee::Sealed }
}

/// How many statements of a kind are kept.
const MADE_MAX: usize = 64;

/// The newest statements of one kind, oldest first.
pub type Made<T> = Vec<(PartitionId, T)>;

#[derive(Default)]
pub struct Sinks {
    fences: BTreeMap<(Placement, PartitionId), (Fence, Contents)>,
    writes: u64,
    pub prepared: Made<Prepared>,
    pub receipts: Made<SealReceipt>,
    pub evidence: Made<CatchUpEvidence>,
    pub readings: Made<WatermarkReading>,
    pub ended: Made<Ended>,
    pub dropped: Made<Dropped>,
}

fn config(store: Placement, partition: PartitionId, incarnation: Incarnation) -> Config {
    let enforcement = if is_plain(store) { Enforcement::Nothing } else { Enforcement::Tokens };
    Config { store, partition, incarnation, enforcement, limits: FenceLimits::PRODUCTION }
}

impl Sinks {
    fn fence(&mut self, store: Placement, partition: PartitionId) -> &mut (Fence, Contents) {
        let unknown = || (Fence::unknown(config(store, partition, Incarnation(1))), Contents::default());
        self.fences.entry((store, partition)).or_insert_with(unknown)
    }

    pub fn incarnation(&mut self, store: Placement, partition: PartitionId) -> Incarnation {
        self.fence(store, partition).0.config().incarnation
    }

    /// Where a copy is, and what it is.
    pub fn end(&mut self, store: Placement, partition: PartitionId) -> (Position, Digest) {
        let nothing = Digest { rows: RowsDigest::EMPTY, ids: 0 };
        let copy = self.fence(store, partition).0.durable().copy();
        copy.map_or((Position::ZERO, nothing), |copy| (copy.position(), copy.digest()))
    }

    /// The store loses the partition's state, and reads the record when it comes back.
    pub fn wipe(&mut self, store: Placement, partition: PartitionId, table: &PlacementTable) {
        let incarnation = self.incarnation(store, partition).next();
        let (epoch, migration) = table.returned(partition);
        let fence = Fence::returned(config(store, partition, incarnation), epoch, migration);
        self.fences.insert((store, partition), (fence, Contents::default()));
    }

    pub fn prepare(&mut self, at: Placement, partition: PartitionId, prepare: Prepare) {
        self.ask(at, partition, Body::Prepare(prepare));
    }

    pub fn seal(&mut self, at: Placement, partition: PartitionId, seal: Seal) {
        self.ask(at, partition, Body::Seal(seal));
    }

    pub fn evidence_of(&mut self, at: Placement, partition: PartitionId, query: EvidenceQuery) {
        self.ask(at, partition, Body::Evidence(query));
    }

    pub fn read(&mut self, at: Placement, partition: PartitionId, query: WatermarkQuery) {
        self.ask(at, partition, Body::Watermark(query));
    }

    pub fn end_copy(&mut self, at: Placement, partition: PartitionId, end: End) {
        self.ask(at, partition, Body::End(end));
    }

    pub fn drop_copy(&mut self, at: Placement, partition: PartitionId, drop: DropCopy) {
        self.ask(at, partition, Body::Drop(drop));
    }

    /// A client writes.
    pub fn write(&mut self, at: Placement, partition: PartitionId, token: Epoch) {
        self.writes += 1;
        let id = WriteId { session: SessionId(1), serial: Serial(self.writes) };
        let key = Key::try_from([b'a' + u8::try_from(self.writes % 3).expect("it is small")].as_slice());
        let value = Value::try_from(self.writes.to_string().as_bytes()).expect("it is short");
        let mutation = Mutation::put(key.expect("it is short"), value);
        self.ask(at, partition, Body::Write(Write { id, token, mutation }));
    }

    /// The mover brings so many parts of what the target lacks.
    pub fn copy(
        &mut self,
        (from, to): (Placement, Placement),
        partition: PartitionId,
        migration: MigrationId,
        parts: u64,
    ) {
        for _ in 0..parts {
            let copy = self.fence(to, partition).0.durable().copy();
            let Some((after, position)) = copy.map(|copy| (copy.frontier().clone(), copy.position())) else {
                return;
            };
            let export = Export { migration, after, position, limit: 2 };
            let Some(chunk) = self.ask(from, partition, Body::Export(export)) else { return };
            self.ask(to, partition, Body::Chunk(chunk));
        }
    }

    fn ask(&mut self, store: Placement, partition: PartitionId, body: Body) -> Option<Chunk> {
        let (fence, contents) = self.fence(store, partition);
        let mut outputs = handle(fence, contents, &Input::Request(Request { store, partition, body }));
        let admitted: Vec<Write> = fence.admitted().to_vec();
        for write in admitted {
            outputs.extend(handle(fence, contents, &Input::Apply(write)));
        }
        let Config { store, incarnation, limits, .. } = *fence.config();
        let source = Source { store, incarnation, durable: fence.durable(), limits };
        let cut = outputs.iter().find_map(|output| {
            let Output::Hand(export) = output else { return None };
            Chunk::cut(source, export, contents).ok()
        });
        for reply in outputs.iter().filter_map(Output::reply) {
            self.keep(partition, reply);
        }
        cut
    }

    fn keep(&mut self, partition: PartitionId, reply: &Reply) {
        match reply {
            Reply::Prepared(prepared) => push(&mut self.prepared, (partition, *prepared)),
            Reply::Sealed(receipt) => push(&mut self.receipts, (partition, *receipt)),
            Reply::Evidence(evidence) => push(&mut self.evidence, (partition, *evidence)),
            Reply::Watermark(reading) => push(&mut self.readings, (partition, *reading)),
            Reply::Ended(ended) => push(&mut self.ended, (partition, *ended)),
            Reply::Dropped(dropped) => push(&mut self.dropped, (partition, *dropped)),
            Reply::ChunkTaken(_) | Reply::Applied { .. } | Reply::Refused { .. } => {}
        }
    }
}

fn handle(fence: &mut Fence, contents: &mut Contents, input: &Input) -> Vec<Output> {
    let outputs = fence.handle(input, contents.rows());
    outputs.iter().for_each(|output| contents.perform(output));
    outputs
}

fn push<T>(made: &mut Made<T>, statement: (PartitionId, T)) {
    made.push(statement);
    if made.len() > MADE_MAX {
        made.remove(0);
    }
}
