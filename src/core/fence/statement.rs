//! The statements of a sink, on which the log relies. A statement is sent only once its content is durable
//! wherever the sink could fail over to, so a crash cannot make it false.
//!
//! A statement such as [`SealReceipt`] is made by a fence and by nothing else: its fields are private, and it cannot be read from
//! bytes, except out of a log or a sink's disk, to which a fence's statement was written. What a person or the client interface
//! claims is [`Reported`], another type. The log keeps which of the two it was, as a [`Claim`] (ADR 0033). A node that asks a store over a
//! connection of that store takes the answer for its fence's, see [`Claim::answering`] (ADR 0043).

use super::{Digest, Request};
use crate::core::ids::{Epoch, Incarnation, MigrationId, PartitionId, Placement, Position};
use core::ops::Deref;
use serde::{Deserialize, Deserializer, Serialize};

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

/// What a person, or the client interface, claims that a sink stated.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize)]
pub struct Reported<T>(T);

/// A statement in the log, and where it comes from. Both kinds have the same facts, and are judged alike.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize)]
pub enum Claim<T> {
    /// A fence made it.
    Stated(T),
    /// Somebody reported it.
    Reported(Reported<T>),
}

impl<T> Claim<T> {
    /// Whether somebody reported it, and no fence made it.
    pub const fn is_reported(&self) -> bool {
        matches!(self, Self::Reported(_))
    }
}

impl<T: Stored> Claim<T> {
    /// The statement of a store that answers a request, over a connection that is known to be that store's: then it is as good as
    /// if its fence had handed it over here. `None`: it is a statement of another store, or of another partition.
    pub fn answering(self, request: &Request) -> Option<T> {
        let (Self::Stated(statement) | Self::Reported(Reported(statement))) = self;
        let StatementOrigin { store, partition, .. } = statement.made_by();
        (store == request.store && partition == request.partition).then_some(statement)
    }
}

impl<T> Deref for Claim<T> {
    type Target = T;

    fn deref(&self) -> &T {
        match self {
            Self::Stated(statement) | Self::Reported(Reported(statement)) => statement,
        }
    }
}

impl<T> From<T> for Claim<T> {
    fn from(statement: T) -> Self {
        Self::Stated(statement)
    }
}

impl<T> From<Reported<T>> for Claim<T> {
    fn from(reported: Reported<T>) -> Self {
        Self::Reported(reported)
    }
}

/// A statement that can be read where a log or a disk keeps it.
pub trait Stored: Sized {
    /// Reads the fields of the statement.
    ///
    /// # Errors
    /// The error of the format.
    fn read<'de, D: Deserializer<'de>>(from: D) -> Result<Self, D::Error>;

    /// The copy that made the statement.
    fn made_by(&self) -> StatementOrigin;
}

/// The place of a statement in stored bytes.
struct Place<T>(T);

impl<'de, T: Stored> Deserialize<'de> for Place<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        T::read(from).map(Self)
    }
}

impl<'de, T: Stored> Deserialize<'de> for Claim<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(bound(deserialize = "T: Stored"))]
        enum Kind<T> {
            Stated(Place<T>),
            Reported(Place<T>),
        }
        Ok(match Kind::deserialize(from)? {
            Kind::Stated(Place(statement)) => Self::Stated(statement),
            Kind::Reported(Place(statement)) => Self::Reported(Reported(statement)),
        })
    }
}

/// Reads the receipt of a sink's disk.
pub(super) fn stored_receipt<'de, D: Deserializer<'de>>(from: D) -> Result<Option<SealReceipt>, D::Error> {
    Ok(Option::<Place<SealReceipt>>::deserialize(from)?.map(|Place(receipt)| receipt))
}

macro_rules! statement {
    ($(#[$doc:meta])* $name:ident { $($(#[$fdoc:meta])* $field:ident: $ty:ty,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize)]
        pub struct $name { origin: StatementOrigin, $($field: $ty,)* }

        impl $name {
            pub(super) const fn new(origin: StatementOrigin, $($field: $ty,)*) -> Self {
                Self { origin, $($field,)* }
            }

            /// What a caller reports of a sink. It is as reliable as the caller: the server requires the role `Admin`.
            #[must_use]
            pub const fn reported(origin: StatementOrigin, $($field: $ty,)*) -> Reported<Self> {
                Reported(Self::new(origin, $($field,)*))
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

        impl Stored for $name {
            fn read<'de, D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                #[derive(Deserialize)]
                struct Fields { origin: StatementOrigin, $($field: $ty,)* }
                let Fields { origin, $($field,)* } = Fields::deserialize(from)?;
                Ok(Self::new(origin, $($field,)*))
            }

            fn made_by(&self) -> StatementOrigin {
                self.origin
            }
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
        /// Whether the copy takes no more chunks.
        finished: bool,
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
        /// The digest of the copy at that position.
        digest: Digest,
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
        /// The copy has every row of the source at this position.
        position: Position,
        /// The digest of the copy.
        digest: Digest,
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
        /// The digest of the copy at that position.
        digest: Digest,
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
    /// States that the copy takes no more chunks, and how far it reaches.
    Ended {
        /// The migration that made the copy.
        migration: MigrationId,
        /// The epoch in the request.
        epoch: Epoch,
        /// The copy has every write of the source up to this position, and none above it, of the rows that it has.
        position: Position,
        /// Whether it has all rows.
        complete: bool,
        /// Whether the sink checks tokens.
        enforces: bool,
    }
}

statement! {
    /// States that the copy holds the rows and changes of a chunk.
    ChunkTaken {
        /// The migration that made the copy.
        migration: MigrationId,
        /// The position of the copy.
        position: Position,
        /// Whether it has all rows.
        complete: bool,
    }
}
