//! What stores state.

use cutover::core::fence::Digest;
use cutover::core::ids::{Epoch, Incarnation, MigrationId, PartitionId, Placement, Position};

/// The sink, partition and incarnation that a statement is by.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Speaker {
    /// The sink.
    pub store: Placement,
    /// The partition of the copy that it speaks of.
    pub partition: PartitionId,
    /// The incarnation of its state.
    pub incarnation: Incarnation,
}

/// A target is prepared.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Prepared {
    /// Who says so.
    pub by: Speaker,
    /// The migration that makes the copy.
    pub migration: MigrationId,
    /// No token up to it is served.
    pub closed_through: Epoch,
    /// Whether the sink checks tokens.
    pub enforces: bool,
    /// Whether the copy takes no chunk any more.
    pub finished: bool,
}

/// A source is sealed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Receipt {
    /// Who says so.
    pub by: Speaker,
    /// The migration that moves the partition away.
    pub migration: MigrationId,
    /// No write with a token up to it is applied.
    pub through: Epoch,
    /// The position of its last write.
    pub watermark: Position,
    /// The digest of the copy there.
    pub digest: Digest,
    /// The incarnation of the target, as the request named it.
    pub target: Incarnation,
}

/// A target has caught up, or a source was read: a position, as the answer to a question.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Reached {
    /// Who says so.
    pub by: Speaker,
    /// The migration in the question.
    pub migration: MigrationId,
    /// The epoch in the question.
    pub epoch: Epoch,
    /// The position.
    pub position: Position,
    /// The digest of the copy there.
    pub digest: Digest,
    /// Whether the sink checks tokens; nothing in a reading.
    pub enforces: bool,
}

/// A copy takes no chunk any more.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ended {
    /// Who says so.
    pub by: Speaker,
    /// The migration that made the copy.
    pub migration: MigrationId,
    /// The epoch in the question.
    pub epoch: Epoch,
    /// How far it reaches.
    pub position: Position,
    /// Whether it has all rows.
    pub complete: bool,
    /// Whether the sink checks tokens.
    pub enforces: bool,
}

/// A copy is dropped.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Dropped {
    /// Who says so.
    pub by: Speaker,
    /// The newest copy that is gone.
    pub copy: MigrationId,
}
