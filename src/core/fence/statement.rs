//! The statements of a sink, on which the log relies. A statement is sent only once its content is durable
//! wherever the sink could fail over to, so a crash cannot make it false. The fields are private, and only
//! `fence` creates the values, so a [`SealReceipt`] comes from a sink, or from a caller with the role to
//! report one.

use crate::core::ids::{Epoch, Incarnation, MigrationId, PartitionId, Placement, Position};
use serde::{Deserialize, Serialize};

/// The origin of a statement: a partition's copy at a sink, in one incarnation.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct StatementOrigin {
    /// The sink that has the copy.
    pub store: Placement,
    /// The partition of the copy.
    pub partition: PartitionId,
    /// The incarnation of the sink's durable state.
    pub incarnation: Incarnation,
}

macro_rules! statement {
    ($(#[$doc:meta])* $name:ident { $($(#[$fdoc:meta])* $field:ident: $ty:ty,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
        pub struct $name { origin: StatementOrigin, $($field: $ty,)* }

        impl $name {
            pub(super) const fn new(origin: StatementOrigin, $($field: $ty,)*) -> Self {
                Self { origin, $($field,)* }
            }

            /// Creates a statement that a caller reports. It is as reliable as the caller: the server
            /// requires the role `Admin`.
            #[must_use]
            pub const fn reported(origin: StatementOrigin, $($field: $ty,)*) -> Self {
                Self::new(origin, $($field,)*)
            }

            /// The copy that made the statement.
            #[must_use]
            pub const fn origin(&self) -> StatementOrigin {
                self.origin
            }

            $($(#[$fdoc])*
            #[must_use]
            pub const fn $field(&self) -> $ty {
                self.$field
            })*
        }
    };
}

statement! {
    /// States that the target is prepared for the migration's copy, and closed to every token up to an epoch.
    Prepared {
        /// The migration that makes the copy.
        migration: MigrationId,
        /// Requests with a token up to this epoch are refused.
        closed_through: Epoch,
        /// Whether the sink checks tokens. If not, `closed_through` has no effect.
        enforces: bool,
    }
}

statement! {
    /// States that the source has applied the last write of the ownership that the migration ends.
    SealReceipt {
        /// The migration that moves the partition away.
        migration: MigrationId,
        /// Writes with a token up to this epoch are refused from now on.
        through: Epoch,
        /// The position of the last write. All writes up to it are durable.
        watermark: Position,
        /// The incarnation of the prepared target, as the request named it.
        target: Incarnation,
    }
}

statement! {
    /// States the durable position of the target's copy.
    CatchUpEvidence {
        /// The migration that makes the copy.
        migration: MigrationId,
        /// The epoch in the query.
        epoch: Epoch,
        /// The copy holds every write of the source up to this position.
        position: Position,
        /// Whether the sink checks tokens.
        enforces: bool,
    }
}

statement! {
    /// States the durable position of the source's writes. More writes may follow.
    WatermarkReading {
        /// The migration in the query.
        migration: MigrationId,
        /// The epoch in the query.
        epoch: Epoch,
        /// Position of the last write.
        position: Position,
        /// Writes with a token up to this epoch are refused already.
        sealed_through: Epoch,
    }
}

statement! {
    /// States that a copy and every older one are erased, and that the sink serves nothing of the partition
    /// until it is prepared again.
    Dropped {
        /// The newest copy that is erased.
        copy: MigrationId,
    }
}

statement! {
    /// States that the copy holds the writes of a chunk.
    ChunkTaken {
        /// The migration that made the copy.
        migration: MigrationId,
        /// The last position of the copy.
        position: Position,
    }
}
