//! The sink's side of the cutover protocol: which request takes effect at a store, and what the store may state.
//!
//! Per partition a sink keeps, durable and atomic with its data:
//!
//! - `sealed_through`: no write with a token up to it is applied; reads go on.
//! - `closed_through`: neither writes nor reads, the stale ones included, with a token up to it.
//! - `newest`: the id of the migration that made the newest copy, kept when the copy is erased.
//! - the last seal's receipt, so that a repeated seal gives the same one.
//! - the copy: its watermark, and which writes it holds.
//!
//! A store that never held the partition starts as [`Fence::unknown`]; one that lost its state, as
//! [`Fence::returned`].
//!
//! None of the first three ever goes back: not when the copy is reset or dropped, not in a crash. A partition
//! without a copy is closed to every token. A write is applied iff its token is greater than both fences; a read is
//! served iff its token is greater than `closed_through`.
//!
//! The token check, the duplicate check and the effect are one step, [`Input::Apply`]. A write that was admitted
//! earlier has no standing: it is judged when it is applied (ADR 0007).
//!
//! **Order of outputs.** Effects on the data, then [`Output::Persist`], then what depends on it. Whoever drives the
//! machine makes everything above a `Persist` durable, in one atomic step with [`Fence::durable`], before anything
//! below it leaves. A statement behind a `Persist` is therefore true in every later crash, and says nothing of
//! writes that a crash could still take away.
//!
//! May import: `core::ids`.

mod applied;
mod data;
mod durable;
mod io;
mod moves;
mod refusal;
mod request;
mod statement;
mod text;

use alloc::vec;
use alloc::vec::Vec;
pub use applied::{AppliedIds, Known};
pub use durable::{Copy, Durable};
pub use io::{Input, Output, Reply};
pub use refusal::Refusal;
pub use request::{
    Body, Chunk, DropCopy, EvidenceQuery, Export, Prepare, Read, Request, Seal, WatermarkQuery, Write,
};
pub use statement::{
    CatchUpEvidence, ChunkTaken, Dropped, Prepared, SealReceipt, StatementOrigin, WatermarkReading,
};
pub use text::format_write_ids;

use crate::core::ids::{Epoch, Incarnation, MigrationId, Names, PartitionId, Placement, Relabel};
use crate::enforce;
use serde::{Deserialize, Serialize};

/// Bounds on what a sink keeps per partition.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Limits {
    /// Sessions whose writes are remembered, at least 1.
    pub sessions_max: u32,
    /// Writes remembered for each session, at least 1. A client may have this many unanswered.
    pub writes_per_session_max: u32,
    /// Writes admitted and not yet applied.
    pub admitted_max: u32,
    /// Writes in one chunk.
    pub chunk_writes_max: u32,
}

impl Limits {
    /// What the reference sink uses.
    pub const PRODUCTION: Self =
        Self { sessions_max: 4096, writes_per_session_max: 64, admitted_max: 1024, chunk_writes_max: 1024 };
}

/// Whether the store can hold a write against its token.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum Enforcement {
    /// It can: the `sealed` guarantee.
    Tokens,
    /// It applies whatever arrives: only the `timed` guarantee is to be had.
    Nothing,
}

/// What a sink is told about itself.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Config {
    /// This store.
    pub store: Placement,
    /// The partition.
    pub partition: PartitionId,
    /// This life of the store's durable state.
    pub incarnation: Incarnation,
    /// Whether tokens are enforced.
    pub enforcement: Enforcement,
    /// Bounds.
    pub limits: Limits,
}

/// The sink's machine for one partition.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Fence {
    config: Config,
    durable: Durable,
    admitted: Vec<Write>,
    halted: bool,
}

impl Fence {
    /// A sink that has never heard of the partition.
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

    /// A sink that comes back without its state: wiped, restored, or failed over to a replica that lacks it. `epoch` and
    /// `migration` are those of the partition's committed record, read *after* the sink came back (ADR 0011).
    ///
    /// It has forgotten which ids it has seen. Without that read, a late prepare of a migration that is long over would
    /// open an empty copy to the tokens of an ownership that is long past.
    #[must_use]
    pub const fn returned(config: Config, epoch: Epoch, migration: MigrationId) -> Self {
        let mut fence = Self::unknown(config);
        fence.durable.closed_through = epoch;
        fence.durable.newest = migration;
        fence
    }

    /// A sink that comes back with what was durable. Admitted writes are gone: nobody was told of them.
    #[must_use]
    pub const fn recover(config: Config, durable: Durable) -> Self {
        Self { config, durable, admitted: Vec::new(), halted: false }
    }

    /// What has to be durable at the next [`Output::Persist`].
    #[must_use]
    pub const fn durable(&self) -> &Durable {
        &self.durable
    }

    /// What the sink was told about itself.
    #[must_use]
    pub const fn config(&self) -> &Config {
        &self.config
    }

    /// Writes admitted and not yet applied.
    #[must_use]
    pub fn admitted(&self) -> &[Write] {
        &self.admitted
    }

    /// Takes one input; the outputs are to be performed in order.
    #[must_use]
    pub fn handle(&mut self, input: &Input) -> Vec<Output> {
        let store = self.config.store;
        if self.halted {
            return match input {
                Input::Request(request) => vec![refuse(request, Refusal::Halted { store })],
                Input::Apply(_) => Vec::new(),
            };
        }
        let before = (self.durable.sealed_through, self.durable.closed_through, self.durable.newest);
        let mut halt = None;
        let mut outputs = match input {
            Input::Request(request) => {
                self.request(request).unwrap_or_else(|refusal| vec![refuse(request, refusal)])
            }
            Input::Apply(write) => self.apply(*write, &mut halt),
        };
        let after = (self.durable.sealed_through, self.durable.closed_through, self.durable.newest);
        enforce!(
            halt,
            "sink.fence-monotone",
            after.0 >= before.0 && after.1 >= before.1 && after.2 >= before.2,
            "fences were {before:?}; after {input:?} they would be {after:?}"
        );
        if let Some(halt) = halt {
            self.halted = true;
            outputs = vec![Output::Halt(halt)];
        }
        outputs
    }

    fn request(&mut self, request: &Request) -> Result<Vec<Output>, Refusal> {
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
            Body::Export(export) => self.export(*export),
            Body::Chunk(chunk) => self.chunk(chunk),
            Body::Write(write) => self.admit(*write),
            Body::Read(read) => self.read(*read),
        }
    }

    fn speaker(&self) -> StatementOrigin {
        let Config { store, partition, incarnation, .. } = self.config;
        StatementOrigin { store, partition, incarnation }
    }

    fn enforces(&self) -> bool {
        self.config.enforcement == Enforcement::Tokens
    }

    fn copy(&self) -> Result<&Copy, Refusal> {
        self.durable.copy.as_ref().ok_or(Refusal::UnknownPartition { store: self.config.store })
    }
}

/// An answer that rests on nothing that could still be lost.
fn refuse(request: &Request, refusal: Refusal) -> Output {
    Output::Reply(Reply::Refused { request: request.clone(), refusal })
}

/// An answer that leaves once all that it rests on is durable.
fn state(reply: Reply) -> Vec<Output> {
    vec![Output::Persist, Output::Reply(reply)]
}

impl Relabel for Fence {
    fn relabel(&self, names: &dyn Names) -> Self {
        Self { durable: self.durable.relabel(names), admitted: self.admitted.relabel(names), ..self.clone() }
    }
}
