//! The statements of a sink. A statement is sent only once it is durable wherever the store could fail over to, so it
//! stays true through a crash. The fields are private and only this module's parent creates the values, so a
//! [`SealReceipt`] comes from a sink, or from a caller with the role to report one.

use crate::core::ids::{Epoch, Incarnation, MigrationId, PartitionId, Placement, Position};
use serde::{Deserialize, Serialize};

/// The origin of a statement: a partition's copy at a store, in one incarnation.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct StatementOrigin {
    /// The store.
    pub store: Placement,
    /// The partition.
    pub partition: PartitionId,
    /// The store's incarnation.
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

            /// A statement received from outside. It is as reliable as its reporter: the server requires a role.
            #[must_use]
            pub const fn reported(origin: StatementOrigin, $($field: $ty,)*) -> Self {
                Self::new(origin, $($field,)*)
            }

            /// Its origin.
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
    /// The target is prepared for the migration's copy and closed to every token up to an epoch.
    Prepared {
        /// The migration.
        migration: MigrationId,
        /// Requests with a token up to this epoch are refused.
        closed_through: Epoch,
        /// Whether the store checks tokens; otherwise `closed_through` means nothing.
        enforces: bool,
    }
}

statement! {
    /// The source has applied the last write of the ownership that the migration ends.
    SealReceipt {
        /// The migration.
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
    /// The durable position of the target's copy.
    CatchUpEvidence {
        /// The migration that makes the copy.
        migration: MigrationId,
        /// The epoch that the question named.
        epoch: Epoch,
        /// The copy holds every write of the source up to this position.
        position: Position,
        /// Whether the store checks tokens.
        enforces: bool,
    }
}

statement! {
    /// The durable position of the source's writes. More may follow.
    WatermarkReading {
        /// The migration that the question named.
        migration: MigrationId,
        /// The epoch that the question named.
        epoch: Epoch,
        /// Position of the last write.
        position: Position,
        /// Writes with a token up to this epoch are refused already.
        sealed_through: Epoch,
    }
}

statement! {
    /// The copy and every older one are erased, and the store serves nothing of the partition until it is prepared
    /// again.
    Dropped {
        /// The copy.
        copy: MigrationId,
    }
}

statement! {
    /// The copy holds the chunk's writes.
    ChunkTaken {
        /// The migration.
        migration: MigrationId,
        /// The last position of the copy.
        position: Position,
    }
}
