//! What a sink states. A statement leaves only once it is durable wherever the store could fail over to, so it stays
//! true through a crash. The fields are private and only this module's parent makes the values: whoever holds a
//! [`SealReceipt`] knows that a sink gave it, or somebody who answers for it.

use crate::core::ids::{Epoch, Incarnation, MigrationId, PartitionId, Placement, Position};
use serde::{Deserialize, Serialize};

/// Who speaks: a partition's copy at a store, in one of its lives.
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
        pub struct $name { speaker: StatementOrigin, $($field: $ty,)* }

        impl $name {
            pub(super) const fn new(speaker: StatementOrigin, $($field: $ty,)*) -> Self {
                Self { speaker, $($field,)* }
            }

            /// A statement as somebody reports it. It is as true as whoever reports it: the server asks for a role.
            #[must_use]
            pub const fn reported(speaker: StatementOrigin, $($field: $ty,)*) -> Self {
                Self::new(speaker, $($field,)*)
            }

            /// Who states it.
            #[must_use]
            pub const fn speaker(&self) -> StatementOrigin {
                self.speaker
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
    /// The target is ready for the migration's copy, and closed to every token up to an epoch.
    Prepared {
        /// The migration.
        migration: MigrationId,
        /// No token up to this one is served.
        closed_through: Epoch,
        /// Whether the store holds writes and reads against their tokens; otherwise `closed_through` means nothing.
        enforces: bool,
    }
}

statement! {
    /// The source has taken its last write of the ownership that the migration ends.
    SealReceipt {
        /// The migration.
        migration: MigrationId,
        /// No write with a token up to this one is ever applied again.
        through: Epoch,
        /// Position of the last write; every write up to it is durable.
        watermark: Position,
        /// The incarnation of the prepared target, as the request named it.
        target: Incarnation,
    }
}

statement! {
    /// How far the target's copy reaches, durably.
    CatchUpEvidence {
        /// The migration that makes the copy.
        migration: MigrationId,
        /// The epoch that the question named.
        epoch: Epoch,
        /// Every write of the source up to here is in the copy.
        position: Position,
        /// Whether the store holds writes and reads against their tokens.
        enforces: bool,
    }
}

statement! {
    /// How far the source's writes reach, durably; more may follow.
    WatermarkReading {
        /// The migration that the question named.
        migration: MigrationId,
        /// The epoch that the question named.
        epoch: Epoch,
        /// Position of the last write.
        position: Position,
        /// Writes with a token up to this one are refused already.
        sealed_through: Epoch,
    }
}

statement! {
    /// The copy is erased, with every older one, and the store serves nothing of the partition until prepared again.
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
        /// Position that the copy has reached.
        position: Position,
    }
}
