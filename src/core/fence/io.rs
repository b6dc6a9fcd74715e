//! The inputs and outputs of a fence.

use super::{
    Body, CatchUpEvidence, Change, Chunk, ChunkTaken, Dropped, Ended, Export, Key, Prepared, Read, Refusal,
    Request, Row, SealReceipt, Stuck, WatermarkReading, Write,
};
use crate::core::ids::{Halt, MigrationId, Placement, Position};
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};

/// An input of a fence.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub enum Input {
    /// A request arrived. A write among them is admitted, and applied by a later `Apply`.
    Request(Request),
    /// The sink's storage applies an admitted write now.
    Apply(Write),
    /// The sink's storage forgets changes up to this position, to make room.
    Trim {
        /// The last position to forget.
        through: Position,
    },
    /// The pull of a copy found that it cannot go on.
    Stuck {
        /// The migration that the copy is for.
        migration: MigrationId,
        /// Why.
        why: Stuck,
    },
}

impl Input {
    /// The keys of the rows that must be given to [`Fence::handle`](super::Fence::handle) with this input.
    pub fn keys(&self) -> impl Iterator<Item = &Key> {
        let (written, changed) = match self {
            Self::Apply(write) => (Some(write.mutation.keys()), None),
            Self::Request(Request { body: Body::Chunk(chunk), .. }) => {
                let cells = chunk.changes.iter().flat_map(|change| change.effects.iter());
                (None, Some(cells.map(|cell| &cell.key)))
            }
            Self::Request(_) | Self::Trim { .. } | Self::Stuck { .. } => (None, None),
        };
        written.into_iter().flatten().chain(changed.into_iter().flatten())
    }
}

/// An output of a fence. Outputs are performed in order.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Output {
    /// Set and delete these rows, and append the change to the log.
    Append(Change),
    /// Set and delete copied rows.
    Import {
        /// The rows by key; `None`: to be deleted.
        rows: Vec<(Key, Option<Row>)>,
    },
    /// Forget the changes up to this position.
    Trim {
        /// The last position to forget.
        through: Position,
    },
    /// Erase the partition's rows and changes, if there are any.
    Erase,
    /// Make all earlier effects durable before any later output is performed.
    Persist,
    /// Queue a write that was admitted, to be applied later.
    Admitted(Write),
    /// Read the row, and send its value to the client.
    Serve(Read),
    /// Cut a chunk ([`Chunk::cut`](super::Chunk::cut)), and send it to the mover.
    Hand(Export),
    /// Pull the copy of this migration from its source, until it is finished or another is asked for. Not durable: the request is
    /// repeated.
    Pull {
        /// The migration that the copy is for.
        migration: MigrationId,
        /// The store to pull from.
        source: Placement,
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
    /// The answer to [`Body::End`](super::Body::End).
    Ended(Ended),
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

/// Something that a fence wants done beyond the disk, once what it rests on is durable.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Effect {
    /// An answer to whoever sent the request.
    Reply(Reply),
    /// The value that was read.
    Value {
        /// The read.
        read: Read,
        /// The row; `None` if there is none.
        row: Option<Row>,
        /// The position of the copy when the row was read.
        position: Position,
    },
    /// The chunk that was asked for, or why there is none.
    Chunk {
        /// What was asked for.
        export: Export,
        /// The chunk.
        chunk: Result<Chunk, Refusal>,
    },
    /// The copy of this migration is to be pulled from its source.
    Pull {
        /// The migration that the copy is for.
        migration: MigrationId,
        /// The store to pull from.
        source: Placement,
    },
    /// The partition's machine broke an invariant, and has stopped.
    Halt(Halt),
}
