//! The inputs and outputs of a fence.

use super::{
    CatchUpEvidence, ChunkTaken, Dropped, Prepared, Read, Refusal, Request, SealReceipt, WatermarkReading,
    Write,
};
use crate::core::ids::{Halt, MigrationId, Position, WriteId};
use alloc::vec::Vec;
use serde::Serialize;

/// An input of a fence.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Input {
    /// A request arrived. A write among them is admitted, and applied by a later `Apply`.
    Request(Request),
    /// The sink's storage applies an admitted write now.
    Apply(Write),
}

/// An output of a fence. Outputs are performed in order.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Output {
    /// Store a client's write at this position.
    Append {
        /// The position of the write in the copy.
        position: Position,
        /// The id of the write.
        id: WriteId,
    },
    /// Store copied writes from this position on.
    Import {
        /// The position of the first write.
        first: Position,
        /// The ids of the writes, in order of position.
        writes: Vec<WriteId>,
    },
    /// Erase the partition's data, if there is any.
    Erase,
    /// Make all earlier effects durable before any later output is performed.
    Persist,
    /// Queue a write that was admitted, to be applied later.
    Admitted(Write),
    /// Read the data, and send the value to the client.
    Serve(Read),
    /// Read the data from `first` to `last`, and send it to the mover.
    Hand {
        /// The migration that the copy is for.
        migration: MigrationId,
        /// The position of the first write to read.
        first: Position,
        /// The position of the last write to read.
        last: Position,
    },
    /// Send an answer to the sender of the request.
    Reply(Reply),
    /// An invariant is violated: the sink must stop.
    Halt(Halt),
}

impl Output {
    /// The answer, if this output is one.
    #[must_use]
    pub const fn reply(&self) -> Option<&Reply> {
        if let Self::Reply(reply) = self { Some(reply) } else { None }
    }
}

/// An answer of a sink to a request.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize)]
pub enum Reply {
    /// The answer to [`Body::Prepare`](super::Body::Prepare).
    Prepared(Prepared),
    /// The answer to [`Body::Seal`](super::Body::Seal).
    Sealed(SealReceipt),
    /// The answer to [`Body::Evidence`](super::Body::Evidence).
    Evidence(CatchUpEvidence),
    /// The answer to [`Body::Watermark`](super::Body::Watermark).
    Watermark(WatermarkReading),
    /// The answer to [`Body::Drop`](super::Body::Drop).
    Dropped(Dropped),
    /// The answer to [`Body::Chunk`](super::Body::Chunk).
    ChunkTaken(ChunkTaken),
    /// The write has taken effect, by this attempt or an earlier one.
    Applied {
        /// The attempt that is answered.
        write: Write,
        /// The position of the write.
        position: Position,
    },
    /// The request was refused and changed nothing.
    Refused {
        /// The request that is refused.
        request: Request,
        /// Why the request is refused.
        refusal: Refusal,
    },
}
