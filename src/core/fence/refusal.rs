//! Why a sink refuses a request. Every refusal has the value found and the value requested.

use crate::core::ids::{Epoch, Incarnation, MigrationId, PartitionId, Placement, Position, WriteId};
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Why a sink refuses a request. The request changed nothing.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize, Error)]
pub enum Refusal {
    /// The request names another sink: it was misrouted, or one sink has two names.
    #[error("this is store {have}, the request is for {named}")]
    WrongStore {
        /// The sink that refuses.
        have: Placement,
        /// The sink that the request names.
        named: Placement,
    },
    /// The request names another partition.
    #[error("this is partition {have}, the request is for {named}")]
    WrongPartition {
        /// The partition of the fence.
        have: PartitionId,
        /// The partition that the request names.
        named: PartitionId,
    },
    /// The sink has no copy: it was never prepared, or the copy was dropped or lost.
    #[error("store {store} has no copy of the partition")]
    UnknownPartition {
        /// The sink that refuses.
        store: Placement,
    },
    /// The request's migration is older than the copy.
    #[error("the copy here was made by {have}, the request names the older {named}")]
    OlderMigration {
        /// The migration that made the copy.
        have: MigrationId,
        /// The migration that the request names.
        named: MigrationId,
    },
    /// The copy was made by another migration.
    #[error("the copy here was made by {have}, the request names {named}")]
    OtherCopy {
        /// The migration that made the copy.
        have: MigrationId,
        /// The migration that the request names.
        named: MigrationId,
    },
    /// The copy was made from another incarnation of the source.
    #[error("the copy was made from source incarnation {have}, the chunk is from {named}")]
    OtherSource {
        /// The source's incarnation from which the copy was made.
        have: Incarnation,
        /// The source's incarnation from which the chunk came.
        named: Incarnation,
    },
    /// The write's token is at or below `sealed_through`.
    #[error("sealed through {through}, the write's token is {token}")]
    Sealed {
        /// The epoch through which the sink is sealed.
        through: Epoch,
        /// The token of the write.
        token: Epoch,
    },
    /// The token of the read or write is at or below `closed_through`.
    #[error("closed through {through}, the token is {token}")]
    Closed {
        /// The epoch through which the copy is closed.
        through: Epoch,
        /// The token of the request.
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
        /// The migration that made the copy.
        migration: MigrationId,
    },
    /// The chunk holds too many writes.
    #[error("the chunk holds {have} writes, at most {limit} are allowed")]
    TooLong {
        /// The number of writes in the chunk.
        have: u64,
        /// The most writes allowed in a chunk.
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
    /// The source is not sealed as far as the drop request requires.
    #[error("sealed through {have}, the request assumes {asked}")]
    NotSealed {
        /// The epoch through which the sink is sealed.
        have: Epoch,
        /// The epoch through which the request requires the sink to be sealed.
        asked: Epoch,
    },
    /// The sink does not check tokens, so it cannot seal.
    #[error("store {store} cannot seal")]
    CannotSeal {
        /// The sink that refuses.
        store: Placement,
    },
    /// The sink no longer remembers whether it applied the write, so the write must not be applied as new.
    #[error("write {id} is older than what the store remembers")]
    Forgotten {
        /// The id of the write.
        id: WriteId,
    },
    /// The queue of admitted writes is full; the client retries later.
    #[error("{limit} writes wait already")]
    Busy {
        /// The length of the queue.
        limit: u64,
    },
    /// The fence halted on a violated invariant.
    #[error("store {store} has halted")]
    Halted {
        /// The sink that refuses.
        store: Placement,
    },
}
