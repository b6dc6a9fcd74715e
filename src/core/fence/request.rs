//! What is asked of a sink. Every request names the store it is meant for (ADR 0005).

use crate::core::ids::{
    Epoch, Incarnation, MigrationId, Names, PartitionId, Placement, Position, Relabel, WriteId,
};
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};

/// One request to one partition at one store.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Request {
    /// The store it is meant for; any other refuses it.
    pub store: Placement,
    /// The partition.
    pub partition: PartitionId,
    /// What is asked.
    pub body: Body,
}

/// What is asked of a sink.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum Body {
    /// Make ready to receive a copy, closed to every token so far.
    Prepare(Prepare),
    /// Refuse writes for good and say how far they got.
    Seal(Seal),
    /// State how far the copy reaches.
    Evidence(EvidenceQuery),
    /// State how far the writes reach, without stopping them.
    Watermark(WatermarkQuery),
    /// Erase a copy that is no longer needed.
    Drop(DropCopy),
    /// Hand writes to the mover.
    Export(Export),
    /// Take writes from the mover.
    Chunk(Chunk),
    /// Apply a client's write.
    Write(Write),
    /// Serve a client's read.
    Read(Read),
}

/// `prepare(partition, m, closed_through)`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Prepare {
    /// The migration, or creation, that makes the copy.
    pub migration: MigrationId,
    /// No write and no read with a token up to this epoch, from now on.
    pub closed_through: Epoch,
}

/// `seal(partition, m, through)`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Seal {
    /// The migration that moves the partition away.
    pub migration: MigrationId,
    /// No write with a token up to this epoch, from now on.
    pub through: Epoch,
    /// The incarnation of the target that was prepared. The receipt repeats it, so that the log learns of both ends
    /// from one statement and a controller needs no memory (ADR 0013).
    pub target: Incarnation,
}

/// Asks a target how far its copy reaches.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct EvidenceQuery {
    /// The migration that makes the copy.
    pub migration: MigrationId,
    /// The epoch of the committed record that the question rests on; the answer repeats it (ADR 0006).
    pub epoch: Epoch,
    /// Below this position there is no statement, only a refusal.
    pub at_least: Position,
}

/// Asks a source how far its writes reach.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct WatermarkQuery {
    /// The migration that moves the partition away.
    pub migration: MigrationId,
    /// The epoch of the committed record that the question rests on; the answer repeats it.
    pub epoch: Epoch,
}

/// Erases a copy.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct DropCopy {
    /// The copy that is no longer needed, with every older one.
    pub copy: MigrationId,
    /// For a source that a migration left: it must be sealed through this epoch, that migration's draining epoch.
    pub sealed_through: Option<Epoch>,
}

/// Asks for a run of writes to copy.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Export {
    /// The migration that the copy is for.
    pub migration: MigrationId,
    /// First position wanted.
    pub first: Position,
    /// At most so many writes.
    pub count: u64,
}

/// A run of writes on its way to the target; the ids travel with the writes.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Chunk {
    /// The migration that the copy is for.
    pub migration: MigrationId,
    /// The incarnation of the source that handed it out.
    pub source: Incarnation,
    /// Position of the first write.
    pub first: Position,
    /// The ids, in the order of their positions, without a gap.
    pub writes: Vec<WriteId>,
}

impl Chunk {
    /// Position of the last write; one before `first` if the chunk is empty.
    #[must_use]
    pub fn last(&self) -> Position {
        let count = u64::try_from(self.writes.len()).unwrap_or(u64::MAX);
        self.first.plus(count).minus(1)
    }
}

/// A client's write.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Write {
    /// Names the write; the same for every retry.
    pub id: WriteId,
    /// The epoch at which the gateway resolved this attempt.
    pub token: Epoch,
}

/// A client's read.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Read {
    /// The epoch at which the gateway resolved it.
    pub token: Epoch,
}

impl Relabel for Request {
    fn relabel(&self, names: &dyn Names) -> Self {
        let body = match &self.body {
            Body::Chunk(chunk) => Body::Chunk(Chunk { writes: chunk.writes.relabel(names), ..chunk.clone() }),
            Body::Write(write) => Body::Write(Write { id: write.id.relabel(names), ..*write }),
            body @ (Body::Prepare(_)
            | Body::Seal(_)
            | Body::Evidence(_)
            | Body::Watermark(_)
            | Body::Drop(_)
            | Body::Export(_)
            | Body::Read(_)) => body.clone(),
        };
        Self { body, ..*self }
    }
}

impl Body {
    /// The migration that the request serves. `None`: a client's request, or a drop, which names a copy.
    #[must_use]
    pub const fn migration(&self) -> Option<MigrationId> {
        match self {
            Self::Prepare(prepare) => Some(prepare.migration),
            Self::Seal(seal) => Some(seal.migration),
            Self::Evidence(query) => Some(query.migration),
            Self::Watermark(query) => Some(query.migration),
            Self::Export(export) => Some(export.migration),
            Self::Chunk(chunk) => Some(chunk.migration),
            Self::Drop(_) | Self::Write(_) | Self::Read(_) => None,
        }
    }
}

impl Relabel for Write {
    fn relabel(&self, names: &dyn Names) -> Self {
        Self { id: self.id.relabel(names), ..*self }
    }
}
