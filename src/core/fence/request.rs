//! Requests to a sink. Every request names the sink that it is meant for (ADR 0005).

use crate::core::ids::{
    Epoch, Incarnation, MigrationId, Names, PartitionId, Placement, Position, Relabel, WriteId,
};
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};

/// One request to one partition at one sink.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Request {
    /// The sink that the request is meant for. Any other sink refuses it.
    pub store: Placement,
    /// The partition that the request is about.
    pub partition: PartitionId,
    /// The kind of request and its content.
    pub body: Body,
}

/// The content of a request.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum Body {
    /// Prepare for a copy: empty it, and close it to every token so far.
    Prepare(Prepare),
    /// Refuse writes from now on and state the last position.
    Seal(Seal),
    /// State the last position of the copy.
    Evidence(EvidenceQuery),
    /// State the last position without stopping writes.
    Watermark(WatermarkQuery),
    /// Erase a copy that is no longer needed.
    Drop(DropCopy),
    /// Send writes to the mover.
    Export(Export),
    /// Take writes from the mover.
    Chunk(Chunk),
    /// Apply a client's write, if its token passes both fences.
    Write(Write),
    /// Serve a client's read, if its token is above `closed_through`.
    Read(Read),
}

/// `prepare(partition, m, closed_through)`: asks a sink to create an empty copy, closed to all tokens so far.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Prepare {
    /// The migration, or creation, that makes the copy.
    pub migration: MigrationId,
    /// Reads and writes with a token up to this epoch are refused from now on.
    pub closed_through: Epoch,
}

/// `seal(partition, m, through)`: asks the source to refuse further writes, and to state where its writes
/// end.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Seal {
    /// The migration that moves the partition away.
    pub migration: MigrationId,
    /// Writes with a token up to this epoch are refused from now on.
    pub through: Epoch,
    /// The incarnation of the prepared target. The receipt repeats it, so that one statement gives the log both ends
    /// and a controller needs no memory (ADR 0013).
    pub target: Incarnation,
}

/// Asks a target for the last position of its copy.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct EvidenceQuery {
    /// The migration that makes the copy.
    pub migration: MigrationId,
    /// The epoch of the committed record; the answer repeats it (ADR 0006).
    pub epoch: Epoch,
    /// If the copy ends before this position, the answer is a refusal.
    pub at_least: Position,
}

/// Asks a source for the last position of its writes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct WatermarkQuery {
    /// The migration that moves the partition away.
    pub migration: MigrationId,
    /// The epoch of the committed record; the answer repeats it.
    pub epoch: Epoch,
}

/// Asks a sink to erase a copy.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct DropCopy {
    /// The copy to erase, with every older one.
    pub copy: MigrationId,
    /// For a former source: the epoch through which it must be sealed, which is the draining epoch of the
    /// migration away from it.
    pub sealed_through: Option<Epoch>,
}

/// Asks a sink to send consecutive writes to the mover.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Export {
    /// The migration that the copy is for.
    pub migration: MigrationId,
    /// The position of the first write to send.
    pub first: Position,
    /// The most writes to send.
    pub count: u64,
}

/// Consecutive writes for the target, by their ids.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Chunk {
    /// The migration that the copy is for.
    pub migration: MigrationId,
    /// The incarnation of the source that sent the writes.
    pub source: Incarnation,
    /// Position of the first write.
    pub first: Position,
    /// The ids, in the order of their positions, without a gap.
    pub writes: Vec<WriteId>,
}

impl Chunk {
    /// The position of the last write. One less than `first` if the chunk is empty.
    #[must_use]
    pub fn last(&self) -> Position {
        let count = u64::try_from(self.writes.len()).unwrap_or(u64::MAX);
        self.first.plus(count).minus(1)
    }
}

/// A client's write to one partition, without its data: the fence needs only id and token.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Write {
    /// The id of the write, the same for every attempt.
    pub id: WriteId,
    /// The epoch at which the gateway resolved this attempt.
    pub token: Epoch,
}

/// A client's read of one partition.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Read {
    /// The epoch at which the gateway resolved the read.
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
    /// The migration that the request serves. `None` for a client's request, and for a drop, which names a
    /// copy.
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
