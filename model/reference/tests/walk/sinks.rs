//! Stores with real fences, of which every third does not check tokens, and every statement that they made.

use cutover::core::fence::{
    Body, CatchUpEvidence, Chunk, Config, DropCopy, Dropped, Enforcement, EvidenceQuery, Fence, FenceLimits,
    Input, Output, Prepare, Prepared, Reply, Request, Seal, SealReceipt, WatermarkQuery, WatermarkReading,
    Write,
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
    fences: BTreeMap<(Placement, PartitionId), Fence>,
    writes: u64,
    pub prepared: Made<Prepared>,
    pub receipts: Made<SealReceipt>,
    pub evidence: Made<CatchUpEvidence>,
    pub readings: Made<WatermarkReading>,
    pub dropped: Made<Dropped>,
}

fn config(store: Placement, partition: PartitionId, incarnation: Incarnation) -> Config {
    let enforcement = if is_plain(store) { Enforcement::Nothing } else { Enforcement::Tokens };
    Config { store, partition, incarnation, enforcement, limits: FenceLimits::PRODUCTION }
}

impl Sinks {
    fn fence(&mut self, store: Placement, partition: PartitionId) -> &mut Fence {
        let unknown = || Fence::unknown(config(store, partition, Incarnation(1)));
        self.fences.entry((store, partition)).or_insert_with(unknown)
    }

    pub fn incarnation(&mut self, store: Placement, partition: PartitionId) -> Incarnation {
        self.fence(store, partition).config().incarnation
    }

    pub fn watermark(&mut self, store: Placement, partition: PartitionId) -> Position {
        self.fence(store, partition).durable().copy().map_or(Position::ZERO, |copy| copy.watermark())
    }

    /// The store loses the partition's state, and reads the record when it comes back.
    pub fn wipe(&mut self, store: Placement, partition: PartitionId, table: &PlacementTable) {
        let incarnation = self.incarnation(store, partition).next();
        let (epoch, migration) = table.returned(partition);
        let fence = Fence::returned(config(store, partition, incarnation), epoch, migration);
        self.fences.insert((store, partition), fence);
    }

    pub fn prepare(
        &mut self,
        at: Placement,
        partition: PartitionId,
        migration: MigrationId,
        closed_through: Epoch,
    ) {
        self.ask(at, partition, Body::Prepare(Prepare { migration, closed_through }));
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

    pub fn drop_copy(&mut self, at: Placement, partition: PartitionId, drop: DropCopy) {
        self.ask(at, partition, Body::Drop(drop));
    }

    /// A client writes.
    pub fn write(&mut self, at: Placement, partition: PartitionId, token: Epoch) {
        let write = Write { id: self.write_id(), token };
        self.ask(at, partition, Body::Write(write));
    }

    /// The mover brings what the target lacks.
    pub fn copy(
        &mut self,
        (from, to): (Placement, Placement),
        partition: PartitionId,
        migration: MigrationId,
    ) {
        let (source, have) = (self.watermark(from, partition), self.watermark(to, partition));
        if source > have {
            let writes = (have.0..source.0.min(have.0 + 8)).map(|_| self.write_id()).collect();
            let incarnation = self.incarnation(from, partition);
            let chunk = Chunk { migration, source: incarnation, first: have.next(), writes };
            self.ask(to, partition, Body::Chunk(chunk));
        }
    }

    fn write_id(&mut self) -> WriteId {
        self.writes += 1;
        WriteId { session: SessionId(1), serial: Serial(self.writes) }
    }

    fn ask(&mut self, store: Placement, partition: PartitionId, body: Body) {
        let fence = self.fence(store, partition);
        let mut outputs = fence.handle(&Input::Request(Request { store, partition, body }));
        let admitted: Vec<Write> = fence.admitted().to_vec();
        for write in admitted {
            outputs.extend(fence.handle(&Input::Apply(write)));
        }
        for reply in outputs.iter().filter_map(Output::reply) {
            self.keep(partition, reply);
        }
    }

    fn keep(&mut self, partition: PartitionId, reply: &Reply) {
        match reply {
            Reply::Prepared(prepared) => push(&mut self.prepared, (partition, *prepared)),
            Reply::Sealed(receipt) => push(&mut self.receipts, (partition, *receipt)),
            Reply::Evidence(evidence) => push(&mut self.evidence, (partition, *evidence)),
            Reply::Watermark(reading) => push(&mut self.readings, (partition, *reading)),
            Reply::Dropped(dropped) => push(&mut self.dropped, (partition, *dropped)),
            Reply::ChunkTaken(_) | Reply::Applied { .. } | Reply::Refused { .. } => {}
        }
    }
}

fn push<T>(made: &mut Made<T>, statement: (PartitionId, T)) {
    made.push(statement);
    if made.len() > MADE_MAX {
        made.remove(0);
    }
}
