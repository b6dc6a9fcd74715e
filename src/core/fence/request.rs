//! Requests to a sink. Every request names the sink that it is meant for (ADR 0005).

use super::{AppliedIds, Change, Frontier, Key, Mutation, Row};
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
    /// Prepare for a copy, and close it to every token so far.
    Prepare(Prepare),
    /// Refuse writes from now on and state the last position.
    Seal(Seal),
    /// State the last position of the copy.
    Evidence(EvidenceQuery),
    /// State the last position without stopping writes.
    Watermark(WatermarkQuery),
    /// Erase a copy that is no longer needed.
    Drop(DropCopy),
    /// Send a part of a copy to the mover.
    Export(Export),
    /// Take a part of a copy from the mover.
    Chunk(Chunk),
    /// Take no more chunks.
    End(End),
    /// Apply a client's write, if its token passes both fences.
    Write(Write),
    /// Serve a client's read, if its token is above `closed_through`.
    Read(Read),
}

/// `prepare(partition, m, closed_through, source, keep)`: asks a sink to create an empty copy, closed to all tokens so far, or to go
/// on with the one that it has.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Prepare {
    /// The migration, or creation, that makes the copy.
    pub migration: MigrationId,
    /// Reads and writes with a token up to this epoch are refused from now on.
    pub closed_through: Epoch,
    /// Where the copy's rows come from. `None`: a creation, nothing is copied.
    pub source: Option<Placement>,
    /// The migration whose copy, if it is the newest here, is gone on with instead of an empty one: it was aborted, and came from the
    /// same copy of the same source.
    pub keep: Option<MigrationId>,
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

/// Asks a source for the next part of a copy: rows after a frontier, and all changes after a position.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Export {
    /// The migration that the copy is for; the chunk repeats it.
    pub migration: MigrationId,
    /// How far the copy's rows go.
    pub after: Frontier,
    /// The position of the copy. Of no meaning if it has nothing.
    pub position: Position,
    /// The most rows and changes to send, at least 1.
    pub limit: u32,
}

/// A part of a copy: rows, and what has changed since the part before. All of it is of one durable state of the source.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Chunk {
    /// The migration that the copy is for.
    pub migration: MigrationId,
    /// The incarnation of the source.
    pub source: Incarnation,
    /// The frontier that the copy has before.
    pub after: Frontier,
    /// The position that the copy has before; 0 if it has nothing.
    pub from: Position,
    /// The frontier that it has afterwards.
    pub through: Frontier,
    /// The position that it has afterwards: the source's state that the rows are of.
    pub position: Position,
    /// All changes after `from` up to `position`, by position.
    pub changes: Vec<Change>,
    /// The rows after `after` up to `through`, by key.
    pub rows: Vec<(Key, Row)>,
    /// The write ids that the source remembers: in the first chunk only, since it has no changes.
    pub applied: Option<AppliedIds>,
}

/// `end(partition, m)`: asks a target to take no more chunks, before the partition is forced to it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct End {
    /// The migration that makes the copy.
    pub migration: MigrationId,
    /// The epoch of the committed record; the answer repeats it.
    pub epoch: Epoch,
}

/// A client's write to one partition.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Write {
    /// The id of the write, the same for every attempt.
    pub id: WriteId,
    /// The epoch at which the gateway resolved this attempt.
    pub token: Epoch,
    /// What it does, the same for every attempt.
    pub mutation: Mutation,
}

/// A client's read of one row.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Read {
    /// The epoch at which the gateway resolved the read.
    pub token: Epoch,
    /// The key of the row.
    pub key: Key,
}

impl Relabel for Request {
    fn relabel(&self, names: &dyn Names) -> Self {
        let body = match &self.body {
            Body::Chunk(chunk) => Body::Chunk(chunk.relabel(names)),
            Body::Write(write) => Body::Write(write.relabel(names)),
            body @ (Body::Prepare(_)
            | Body::Seal(_)
            | Body::Evidence(_)
            | Body::Watermark(_)
            | Body::Drop(_)
            | Body::Export(_)
            | Body::End(_)
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
            Self::End(end) => Some(end.migration),
            Self::Drop(_) | Self::Write(_) | Self::Read(_) => None,
        }
    }
}

impl Relabel for Write {
    fn relabel(&self, names: &dyn Names) -> Self {
        Self { id: self.id.relabel(names), ..self.clone() }
    }
}

impl Relabel for Chunk {
    fn relabel(&self, names: &dyn Names) -> Self {
        let (changes, applied) = (self.changes.relabel(names), self.applied.relabel(names));
        Self { changes, applied, ..self.clone() }
    }
}
