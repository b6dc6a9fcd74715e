//! The inputs and outputs of a fence.

use super::{
    CatchUpEvidence, ChunkTaken, Dropped, Prepared, Read, Refusal, Request, SealReceipt, WatermarkReading,
    Write,
};
use crate::core::ids::{Halt, MigrationId, Position, WriteId};
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};

/// An input of a fence.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Input {
    /// A request arrived. A write is admitted, not applied.
    Request(Request),
    /// The store applies an admitted write.
    Apply(Write),
}

/// An output of a fence. Outputs are performed in order.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Output {
    /// Write a client's write at this position.
    Append {
        /// The position.
        position: Position,
        /// The write's id.
        id: WriteId,
    },
    /// Write copied writes from this position on.
    Import {
        /// The position of the first one.
        first: Position,
        /// The writes' ids, in order of position.
        writes: Vec<WriteId>,
    },
    /// Erase the partition's data.
    Erase,
    /// Make all effects before this durable, before any later output is performed.
    Persist,
    /// A write was admitted and waits to be applied.
    Admitted(Write),
    /// Read the data and send the value.
    Serve(Read),
    /// Read the data from `first` to `last` and send it to the mover.
    Hand {
        /// The migration that the copy is for.
        migration: MigrationId,
        /// The first position.
        first: Position,
        /// The last position, included.
        last: Position,
    },
    /// Send an answer.
    Reply(Reply),
    /// An invariant is broken: the store must stop.
    Halt(Halt),
}

impl Output {
    /// The answer in it, if it is one.
    #[must_use]
    pub const fn reply(&self) -> Option<&Reply> {
        if let Self::Reply(reply) = self { Some(reply) } else { None }
    }
}

/// An answer of a sink.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum Reply {
    /// Answers a prepare.
    Prepared(Prepared),
    /// Answers a seal.
    Sealed(SealReceipt),
    /// Answers a question for evidence.
    Evidence(CatchUpEvidence),
    /// Answers a question for the watermark.
    Watermark(WatermarkReading),
    /// Answers a drop.
    Dropped(Dropped),
    /// Answers a chunk.
    ChunkTaken(ChunkTaken),
    /// The write has taken effect, now or earlier.
    Applied {
        /// The attempt that is answered.
        write: Write,
        /// The position of the write.
        position: Position,
    },
    /// The request is refused and changed nothing.
    Refused {
        /// The request.
        request: Request,
        /// The reason.
        refusal: Refusal,
    },
}
