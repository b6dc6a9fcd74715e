//! The sink's side of the cutover protocol: which requests take effect at a sink, and what the sink may state.
//!
//! For each partition a sink keeps, durably and atomically with its data:
//!
//! - `sealed_through`: no write with a token up to it is applied; reads are served.
//! - `closed_through`: no write and no read with a token up to it, stale reads included.
//! - `newest`: the id of the migration that made the newest copy, kept when the copy is erased.
//! - the receipt of the last seal, so that a repeated seal gives the same one.
//! - the copy: its position, how far its rows go, and which writes it remembers.
//!
//! A sink that never held the partition starts as [`Fence::unknown`]; one that lost its state, as [`Fence::returned`].
//!
//! The first three never decrease: not when the copy is reset or dropped, not in a crash. A partition without a copy is
//! closed to every token. A write is applied iff its token is greater than both fences; a read is served iff its token
//! is greater than `closed_through`.
//!
//! The token check, the duplicate check and the effect are one step, [`Input::Apply`]. Admission guarantees nothing: a
//! write is checked again when it is applied (ADR 0007).
//!
//! **Order of outputs.** Effects on the data come first, then [`Output::Persist`], then what depends on it. The sink
//! makes everything before a `Persist` durable, in one atomic step with [`Fence::durable`], before it performs anything
//! after it. So a statement after a `Persist` stays true through every crash, and does not cover writes that a crash
//! could take back.
//!
//! May import: `core::ids`.

mod applied;
mod contents;
mod data;
mod digest;
mod durable;
mod export;
mod intake;
mod io;
mod moves;
mod pull;
mod refusal;
mod request;
mod rows;
mod statement;
mod text;

use alloc::vec;
use alloc::vec::Vec;
pub use applied::{AppliedIds, Known, Window};
pub use contents::Contents;
pub use digest::{Digest, RowsDigest};
pub use durable::{Copy, Durable, Size};
pub use export::{CutError, Source, View};
pub use io::{Effect, Input, Output, Reply};
pub use refusal::{ChunkFault, Measure, Refusal, Stuck};
pub use request::{
    Body, Chunk, DropCopy, End, EvidenceQuery, Export, Prepare, Read, Request, Seal, WatermarkQuery, Write,
};
pub use rows::{
    Cell, Change, EFFECTS_MAX, Frontier, KEY_BYTES_MAX, Key, MUTATION_BYTES_MAX, Mutation, MutationError,
    Row, Rows, VALUE_BYTES_MAX, Value,
};
pub use statement::{
    CatchUpEvidence, ChunkTaken, Claim, Dropped, Ended, Prepared, Reported, SealReceipt, StatementOrigin,
    Stored, WatermarkReading,
};

use crate::core::ids::{Epoch, Incarnation, MigrationId, Names, PartitionId, Placement, Relabel};
use crate::enforce;
use serde::{Deserialize, Serialize};

/// Limits of what a sink keeps for each partition.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct FenceLimits {
    /// The most sessions whose writes are remembered, at least 1.
    pub sessions_max: u32,
    /// The most writes remembered per session, at least 1. A client may have this many writes without an
    /// answer.
    pub writes_per_session_max: u32,
    /// The most writes that are admitted and not yet applied.
    pub admitted_max: u32,
    /// The most rows and changes in one chunk.
    pub chunk_items_max: u32,
    /// The most bytes of keys and values in one chunk. A single row or change may be larger, and is then alone in it.
    pub chunk_bytes_max: u32,
    /// By how much the position of a write is above that of the write before, at least 1. It is 1 unless the store's positions have
    /// gaps.
    pub positions_apart: u64,
}

impl FenceLimits {
    /// The limits of the reference sink.
    pub const PRODUCTION: Self = Self {
        sessions_max: 4096,
        writes_per_session_max: 64,
        admitted_max: 1024,
        chunk_items_max: 4096,
        chunk_bytes_max: 1 << 20,
        positions_apart: 1,
    };
}

/// Whether a sink checks the tokens of requests against its fences.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum Enforcement {
    /// Tokens are checked, so the `sealed` guarantee is possible.
    Tokens,
    /// Tokens are ignored and everything is applied, so only the `timed` guarantee is possible.
    Nothing,
}

/// The configuration of a fence.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Config {
    /// The placement id of this sink. Requests for any other sink are refused.
    pub store: Placement,
    /// The partition of this fence. Requests for any other partition are refused.
    pub partition: PartitionId,
    /// The incarnation of the sink's durable state.
    pub incarnation: Incarnation,
    /// Whether the sink checks tokens.
    pub enforcement: Enforcement,
    /// Limits of what the sink keeps for the partition.
    pub limits: FenceLimits,
}

/// The state machine of one partition at a sink.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Fence {
    config: Config,
    durable: Durable,
    admitted: Vec<Write>,
    /// Why the copy of this migration cannot go on. Not durable: a pull that begins again finds out again.
    stuck: Option<(MigrationId, Stuck)>,
    halted: bool,
}

impl Fence {
    /// A sink that never held the partition.
    #[must_use]
    pub const fn unknown(config: Config) -> Self {
        let durable = Durable {
            sealed_through: Epoch::ZERO,
            closed_through: Epoch::ZERO,
            newest: MigrationId::ZERO,
            receipt: None,
            copy: None,
        };
        Self::recover(config, durable)
    }

    /// A sink that lost its state: it was wiped, restored, or failed over to a replica without the state.
    /// `epoch` and `migration` are those of the partition's committed record, read *after* the sink came back
    /// (ADR 0011).
    ///
    /// The sink does not know which migration ids it has seen. Without that read, a delayed prepare of an old
    /// migration would open an empty copy to the tokens of a past ownership.
    #[must_use]
    pub const fn returned(config: Config, epoch: Epoch, migration: MigrationId) -> Self {
        let mut fence = Self::unknown(config);
        fence.durable.closed_through = epoch;
        fence.durable.newest = migration;
        fence
    }

    /// A sink that restarts from its durable state. Writes that were only admitted are lost; none of them was
    /// acknowledged.
    #[must_use]
    pub const fn recover(config: Config, durable: Durable) -> Self {
        Self { config, durable, admitted: Vec::new(), stuck: None, halted: false }
    }

    /// The state that must be durable at the next [`Output::Persist`].
    #[must_use]
    pub const fn durable(&self) -> &Durable {
        &self.durable
    }

    /// The sink, partition, incarnation and limits of this fence.
    #[must_use]
    pub const fn config(&self) -> &Config {
        &self.config
    }

    /// The writes that are admitted and not yet applied.
    #[must_use]
    pub fn admitted(&self) -> &[Write] {
        &self.admitted
    }

    /// Handles one input. The outputs must be performed in order. `rows`: of the copy, in its present state, those that
    /// [`Input::keys`] names, as far as they are there; others are not looked at.
    #[must_use]
    pub fn handle(&mut self, input: &Input, rows: &Rows) -> Vec<Output> {
        let store = self.config.store;
        if self.halted {
            return match input {
                Input::Request(request) => vec![refuse(request, Refusal::Halted { store })],
                Input::Apply(_) | Input::Trim { .. } | Input::Stuck { .. } => Vec::new(),
            };
        }
        let before = (self.durable.sealed_through, self.durable.closed_through, self.durable.newest);
        let mut halt = None;
        let mut outputs = match input {
            Input::Request(request) => {
                self.request(request, rows).unwrap_or_else(|refusal| vec![refuse(request, refusal)])
            }
            Input::Apply(write) => self.apply(write, rows, &mut halt),
            Input::Trim { through } => self.trim(*through),
            Input::Stuck { migration, why } => {
                self.stuck = Some((*migration, *why));
                Vec::new()
            }
        };
        let after = (self.durable.sealed_through, self.durable.closed_through, self.durable.newest);
        enforce!(
            halt,
            FenceMonotone,
            after.0 >= before.0 && after.1 >= before.1 && after.2 >= before.2,
            "fences were {before:?}; after {input:?} they would be {after:?}"
        );
        if let Some(halt) = halt {
            self.halted = true;
            outputs = vec![Output::Halt(halt)];
        }
        outputs
    }

    fn request(&mut self, request: &Request, rows: &Rows) -> Result<Vec<Output>, Refusal> {
        if request.store != self.config.store {
            return Err(Refusal::WrongStore { have: self.config.store, named: request.store });
        }
        if request.partition != self.config.partition {
            return Err(Refusal::WrongPartition { have: self.config.partition, named: request.partition });
        }
        match &request.body {
            Body::Prepare(prepare) => self.prepare(*prepare),
            Body::Seal(seal) => self.seal(*seal),
            Body::Evidence(query) => self.evidence(*query),
            Body::Watermark(query) => self.watermark(*query),
            Body::Drop(drop) => self.drop_copy(*drop),
            Body::Export(export) => self.export(export),
            Body::Chunk(chunk) => self.chunk(chunk, rows),
            Body::End(end) => self.end(*end),
            Body::Write(write) => self.admit(write.clone()),
            Body::Read(read) => self.read(read.clone()),
        }
    }

    fn origin(&self) -> StatementOrigin {
        let Config { store, partition, incarnation, .. } = self.config;
        StatementOrigin { store, partition, incarnation }
    }

    fn enforces(&self) -> bool {
        self.config.enforcement == Enforcement::Tokens
    }

    /// Refuses what waits for the copy of this migration, if that cannot go on.
    fn check_stuck(&self, migration: MigrationId) -> Result<(), Refusal> {
        match self.stuck.filter(|(stuck, _)| *stuck == migration) {
            Some((migration, why)) => Err(Refusal::Stuck { migration, why }),
            None => Ok(()),
        }
    }

    fn copy(&self) -> Result<&Copy, Refusal> {
        self.durable.copy.as_ref().ok_or(Refusal::UnknownPartition { store: self.config.store })
    }
}

/// The output for a refusal. A refusal depends on no state that a crash could undo, so it needs no `Persist`.
fn refuse(request: &Request, refusal: Refusal) -> Output {
    Output::Reply(Reply::Refused { request: request.clone(), refusal })
}

/// The outputs for an answer that depends on state: it is sent once that state is durable.
fn state(reply: Reply) -> Vec<Output> {
    vec![Output::Persist, Output::Reply(reply)]
}

impl Relabel for Fence {
    fn relabel(&self, names: &dyn Names) -> Self {
        Self { durable: self.durable.relabel(names), admitted: self.admitted.relabel(names), ..self.clone() }
    }
}
