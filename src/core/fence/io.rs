//! What goes into a fence and what comes out of it.

use super::{
    CatchUpEvidence, ChunkTaken, Dropped, Prepared, Read, Refusal, Request, SealReceipt, WatermarkReading,
    Write,
};
use crate::core::ids::{Halt, MigrationId, Position, WriteId};
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};

/// What happens to a sink.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Input {
    /// A request arrived. A write is only admitted.
    Request(Request),
    /// The store gets to an admitted write.
    Apply(Write),
}

/// What a sink does, in order.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Output {
    /// Put a client's write at this position.
    Append {
        /// Its position.
        position: Position,
        /// Its id.
        id: WriteId,
    },
    /// Put copied writes from this position on.
    Import {
        /// Position of the first.
        first: Position,
        /// Their ids.
        writes: Vec<WriteId>,
    },
    /// Erase the partition's data.
    Erase,
    /// Everything above is durable before anything below leaves.
    Persist,
    /// A write waits to be applied.
    Admitted(Write),
    /// Read the data and answer.
    Serve(Read),
    /// Read the data from `first` to `last` and hand it to the mover.
    Hand {
        /// The migration that the copy is for.
        migration: MigrationId,
        /// First position.
        first: Position,
        /// Last position.
        last: Position,
    },
    /// Answer.
    Reply(Reply),
    /// An invariant is broken; stop.
    Halt(Halt),
}

impl Output {
    /// The answer in it, if it is one.
    #[must_use]
    pub const fn reply(&self) -> Option<&Reply> {
        match self {
            Self::Reply(reply) => Some(reply),
            Self::Append { .. }
            | Self::Import { .. }
            | Self::Erase
            | Self::Persist
            | Self::Admitted(_)
            | Self::Serve(_)
            | Self::Hand { .. }
            | Self::Halt(_) => None,
        }
    }
}

/// An answer.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum Reply {
    /// To a prepare.
    Prepared(Prepared),
    /// To a seal.
    Sealed(SealReceipt),
    /// To a question for evidence.
    Evidence(CatchUpEvidence),
    /// To a question for the watermark.
    Watermark(WatermarkReading),
    /// To a drop.
    Dropped(Dropped),
    /// To a chunk.
    ChunkTaken(ChunkTaken),
    /// The write has taken effect, now or earlier.
    Applied {
        /// Which attempt.
        write: Write,
        /// Where.
        position: Position,
    },
    /// No.
    Refused {
        /// The request.
        request: Request,
        /// Why.
        refusal: Refusal,
    },
}
