//! Why a sink refuses a request. Every refusal has the value found and the value requested.

use super::{Frontier, Value};
use crate::core::ids::{Epoch, Incarnation, MigrationId, PartitionId, Placement, Position, WriteId};
use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::{String, ToString};
use core::fmt;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Why a sink refuses a request. The request changed nothing.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize, Error)]
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
    /// The chunk goes on from another frontier or position than the copy's.
    #[error("the copy reaches {have} at position {at}, the chunk goes on from {after} at {from}")]
    Elsewhere {
        /// How far the copy's rows go.
        have: Frontier,
        /// The position of the copy.
        at: Position,
        /// Where the chunk's rows begin.
        after: Frontier,
        /// The position after which its changes begin.
        from: Position,
    },
    /// The copy takes no chunks: it was ended, clients have written to it, or it was sealed.
    #[error("the copy of {migration} takes no more chunks: it was ended, written to, or sealed")]
    Finished {
        /// The migration that made the copy.
        migration: MigrationId,
    },
    /// The chunk is larger than the store takes.
    #[error("the chunk has {have} {what}, at most {limit} are allowed")]
    TooLong {
        /// What there is too much of: rows and changes, or bytes.
        what: Measure,
        /// How much the chunk has.
        have: u64,
        /// How much it may have.
        limit: u64,
    },
    /// The chunk contradicts itself: no source sends such a one.
    #[error("the chunk is damaged: {0}")]
    Malformed(ChunkFault),
    /// The copy does not have all rows yet.
    #[error("the copy has the rows up to {have}, all are needed")]
    Incomplete {
        /// How far its rows go.
        have: Frontier,
    },
    /// The source no longer has all changes after the position: the copy must begin again.
    #[error("the log of changes begins after position {oldest}, changes after {asked} were asked for")]
    Trimmed {
        /// The position after which the log has all changes.
        oldest: Position,
        /// The position in the request.
        asked: Position,
    },
    /// The copy cannot go on: its pull has found out why. It must begin again.
    #[error("the copy of {migration} cannot go on: {why}")]
    Stuck {
        /// The migration that makes the copy.
        migration: MigrationId,
        /// What the pull found.
        why: Stuck,
    },
    /// The copy has all that the source has.
    #[error("nothing follows position {position}")]
    NothingNew {
        /// The position of the source.
        position: Position,
    },
    /// The row is not as the write expects it. The write has no effect, and is not remembered.
    #[error("the row is {}, the write expects another", shown(found.as_ref()))]
    Differs {
        /// The value of the row; `None`: there is no such row.
        found: Option<Value>,
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

/// Why a copy cannot go on.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize, Error)]
pub enum Stuck {
    /// The source no longer has changes that the copy needs.
    #[error("the source no longer has changes that it needs")]
    Trimmed,
    /// The source lost its state since the copy began.
    #[error("the source is another incarnation than the one that it began with")]
    OtherSource,
    /// The source has no copy, or one that lacks rows.
    #[error("the source has no copy to take it from")]
    NoSource,
}

/// What of a chunk is measured.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum Measure {
    /// Rows and changes.
    Items,
    /// Bytes of keys and values.
    Bytes,
}

impl fmt::Display for Measure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Items => "rows and changes",
            Self::Bytes => "bytes",
        })
    }
}

/// How a chunk contradicts itself.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize, Error)]
pub enum ChunkFault {
    /// It goes backwards.
    #[error("it ends before it begins")]
    Backwards,
    /// Changes do not follow each other, or lie outside.
    #[error("its changes are not in order, or not of the positions that it states")]
    Changes,
    /// Rows do not follow each other, or lie outside.
    #[error("its rows are not in order, or not of the keys and positions that it states")]
    Rows,
    /// Write ids come with the first chunk, and with no other.
    #[error("write ids must come with the first chunk, and only with it")]
    Ids,
}

/// A value in a message: long ones are cut.
fn shown(value: Option<&Value>) -> String {
    match value {
        None => "not there".to_owned(),
        Some(value) => {
            let text: String = value.to_string().chars().take(40).collect();
            format!("\"{text}\"")
        }
    }
}
