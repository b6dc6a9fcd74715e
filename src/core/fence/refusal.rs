//! Why a sink says no. Every value names what was found and what was asked.

use crate::core::ids::{Epoch, Incarnation, MigrationId, PartitionId, Placement, Position, WriteId};
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// A sink's refusal; nothing was changed by the request.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize, Error)]
pub enum Refusal {
    /// The request was meant for another store: a wrong address, or two names for one store.
    #[error("this is store {have}, the request is for {named}")]
    WrongStore {
        /// This store.
        have: Placement,
        /// The one named.
        named: Placement,
    },
    /// The request was meant for another partition.
    #[error("this is partition {have}, the request is for {named}")]
    WrongPartition {
        /// This partition.
        have: PartitionId,
        /// The one named.
        named: PartitionId,
    },
    /// No copy here: never prepared, dropped, or a new incarnation.
    #[error("store {store} has no copy of the partition")]
    UnknownPartition {
        /// This store.
        store: Placement,
    },
    /// The migration is older than the copy here.
    #[error("the copy here was made by {have}, the request names the older {named}")]
    OlderMigration {
        /// The copy's.
        have: MigrationId,
        /// The request's.
        named: MigrationId,
    },
    /// The copy here was made by another migration.
    #[error("the copy here was made by {have}, the request names {named}")]
    OtherCopy {
        /// The copy's.
        have: MigrationId,
        /// The request's.
        named: MigrationId,
    },
    /// The copy was made from another incarnation of the source.
    #[error("the copy was made from source incarnation {have}, the chunk is from {named}")]
    OtherSource {
        /// The copy's.
        have: Incarnation,
        /// The chunk's.
        named: Incarnation,
    },
    /// Writes with this token are over at this store.
    #[error("sealed through {through}, the write's token is {token}")]
    Sealed {
        /// The fence.
        through: Epoch,
        /// The token.
        token: Epoch,
    },
    /// Reads and writes with this token were never, or are no longer, served by this copy.
    #[error("closed through {through}, the token is {token}")]
    Closed {
        /// The fence.
        through: Epoch,
        /// The token.
        token: Epoch,
    },
    /// The chunk would leave a gap.
    #[error("the copy reaches position {have}, the chunk starts at {first}")]
    Gap {
        /// The copy's position.
        have: Position,
        /// The chunk's first.
        first: Position,
    },
    /// Clients write to this copy already, or it was sealed.
    #[error("the copy of {migration} is written to, or sealed, and takes no more chunks")]
    Finished {
        /// The copy's migration.
        migration: MigrationId,
    },
    /// The chunk holds more writes than a chunk may.
    #[error("the chunk holds {have} writes, at most {limit} are allowed")]
    TooLong {
        /// In the chunk.
        have: u64,
        /// Allowed.
        limit: u64,
    },
    /// The copy does not reach the position asked for.
    #[error("the copy reaches position {have}, {asked} was asked for")]
    Behind {
        /// The copy's position.
        have: Position,
        /// The question's.
        asked: Position,
    },
    /// The source is not sealed as the request assumes.
    #[error("sealed through {have}, the request assumes {asked}")]
    NotSealed {
        /// The fence.
        have: Epoch,
        /// The request's.
        asked: Epoch,
    },
    /// The store has no way to refuse writes by their token.
    #[error("store {store} cannot seal")]
    CannotSeal {
        /// This store.
        store: Placement,
    },
    /// Whether this write was applied is no longer remembered, so it is not treated as new.
    #[error("write {id} is older than what the store remembers")]
    Forgotten {
        /// The write.
        id: WriteId,
    },
    /// As many writes wait here as may; try again.
    #[error("{limit} writes wait already")]
    Busy {
        /// The bound.
        limit: u64,
    },
    /// The machine found an invariant broken and takes no further input.
    #[error("store {store} has halted")]
    Halted {
        /// This store.
        store: Placement,
    },
}
