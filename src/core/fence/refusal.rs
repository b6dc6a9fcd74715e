//! Why a sink refuses a request. Every refusal gives what was found and what was asked.

use crate::core::ids::{Epoch, Incarnation, MigrationId, PartitionId, Placement, Position, WriteId};
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// A sink's refusal. The request changed nothing.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize, Error)]
pub enum Refusal {
    /// The request was meant for another store: a wrong address, or two names for one store.
    #[error("this is store {have}, the request is for {named}")]
    WrongStore {
        /// The store that refuses.
        have: Placement,
        /// The one in the request.
        named: Placement,
    },
    /// The request was meant for another partition.
    #[error("this is partition {have}, the request is for {named}")]
    WrongPartition {
        /// The fence's partition.
        have: PartitionId,
        /// The one in the request.
        named: PartitionId,
    },
    /// The store has no copy: never prepared, dropped, or lost.
    #[error("store {store} has no copy of the partition")]
    UnknownPartition {
        /// The store that refuses.
        store: Placement,
    },
    /// The request's migration is older than the copy.
    #[error("the copy here was made by {have}, the request names the older {named}")]
    OlderMigration {
        /// The value of the copy.
        have: MigrationId,
        /// The value in the request.
        named: MigrationId,
    },
    /// The copy was made by another migration.
    #[error("the copy here was made by {have}, the request names {named}")]
    OtherCopy {
        /// The value of the copy.
        have: MigrationId,
        /// The value in the request.
        named: MigrationId,
    },
    /// The copy was made from another incarnation of the source.
    #[error("the copy was made from source incarnation {have}, the chunk is from {named}")]
    OtherSource {
        /// The value of the copy.
        have: Incarnation,
        /// The value in the chunk.
        named: Incarnation,
    },
    /// The store is sealed for writes with this token.
    #[error("sealed through {through}, the write's token is {token}")]
    Sealed {
        /// The fence's epoch.
        through: Epoch,
        /// The request's token.
        token: Epoch,
    },
    /// The copy is closed to reads and writes with this token.
    #[error("closed through {through}, the token is {token}")]
    Closed {
        /// The fence's epoch.
        through: Epoch,
        /// The request's token.
        token: Epoch,
    },
    /// The chunk would leave a gap.
    #[error("the copy reaches position {have}, the chunk starts at {first}")]
    Gap {
        /// The last position of the copy.
        have: Position,
        /// The first position of the chunk.
        first: Position,
    },
    /// The copy takes no chunks: clients have written to it, or it was sealed.
    #[error("the copy of {migration} is written to, or sealed, and takes no more chunks")]
    Finished {
        /// The copy's migration.
        migration: MigrationId,
    },
    /// The chunk holds too many writes.
    #[error("the chunk holds {have} writes, at most {limit} are allowed")]
    TooLong {
        /// Writes in the chunk.
        have: u64,
        /// The limit.
        limit: u64,
    },
    /// The copy does not reach the position asked for.
    #[error("the copy reaches position {have}, {asked} was asked for")]
    Behind {
        /// The last position of the copy.
        have: Position,
        /// The position in the request.
        asked: Position,
    },
    /// The source is not sealed as far as the request requires.
    #[error("sealed through {have}, the request assumes {asked}")]
    NotSealed {
        /// The fence's epoch.
        have: Epoch,
        /// The value in the request.
        asked: Epoch,
    },
    /// The store cannot check tokens.
    #[error("store {store} cannot seal")]
    CannotSeal {
        /// The store that refuses.
        store: Placement,
    },
    /// It is no longer remembered whether the write was applied, so it is not treated as new.
    #[error("write {id} is older than what the store remembers")]
    Forgotten {
        /// The write.
        id: WriteId,
    },
    /// Too many writes are waiting; retry later.
    #[error("{limit} writes wait already")]
    Busy {
        /// The limit.
        limit: u64,
    },
    /// The fence halted on a broken invariant.
    #[error("store {store} has halted")]
    Halted {
        /// The store that refuses.
        store: Placement,
    },
}
