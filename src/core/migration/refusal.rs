//! Why a command is refused. A refused command changes nothing.

use crate::core::fence::StatementOrigin;
use crate::core::ids::{Epoch, Incarnation, MigrationId, PartitionId, Placement, Position};
use crate::core::placement::Guarantee;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// A refusal by the table, or a failure of the store that holds it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize, Error)]
pub enum MigrationError {
    /// The partition was never created, or was deleted.
    #[error("partition {partition} has no placement")]
    UnknownPartition {
        /// The partition.
        partition: PartitionId,
    },
    /// `create` of a partition that exists.
    #[error("partition {partition} exists already")]
    AlreadyExists {
        /// The partition.
        partition: PartitionId,
    },
    /// The record has changed since the command was made.
    #[error("expected {expected_migration} at {expected_epoch}, the record is at {migration}, {epoch}")]
    StaleExpectation {
        /// The migration that the command names.
        expected_migration: MigrationId,
        /// The epoch that the command names.
        expected_epoch: Epoch,
        /// The record's migration.
        migration: MigrationId,
        /// The record's epoch.
        epoch: Epoch,
    },
    /// `begin` and `delete` need a settled partition.
    #[error("migration {migration} is in flight")]
    AlreadyMigrating {
        /// The migration in flight.
        migration: MigrationId,
    },
    /// The transition needs a migration in flight.
    #[error("partition {partition} is not migrating")]
    NotMigrating {
        /// The partition.
        partition: PartitionId,
    },
    /// `enter cutover` needs the draining phase.
    #[error("migration {migration} is not draining")]
    NotDraining {
        /// The migration in flight.
        migration: MigrationId,
    },
    /// `complete` and `record watermark` need the cutover phase.
    #[error("migration {migration} is not in cutover")]
    NotCutover {
        /// The migration in flight.
        migration: MigrationId,
    },
    /// The target of `begin` is the partition's placement.
    #[error("source and target are both {placement}")]
    SamePlacement {
        /// The placement.
        placement: Placement,
    },
    /// The store of a created partition has not stated yet that it has the copy.
    #[error("partition {partition} is not open yet")]
    NotOpen {
        /// The partition.
        partition: PartitionId,
    },
    /// The partition is open already.
    #[error("partition {partition} is open already")]
    AlreadyOpen {
        /// The partition.
        partition: PartitionId,
    },
    /// A statement is not by the store that the record names.
    #[error("the statement is by {}, {}, the record says {placement}", origin.store, origin.partition)]
    OtherSpeaker {
        /// The copy that made the statement.
        origin: StatementOrigin,
        /// The sink that should have made it.
        placement: Placement,
    },
    /// A statement is by another incarnation than the record names.
    #[error("the statement is by incarnation {have}, the record names {expected}")]
    OtherIncarnation {
        /// The incarnation that made the statement.
        have: Incarnation,
        /// The incarnation in the record.
        expected: Incarnation,
    },
    /// A statement is about another migration.
    #[error("the statement is about {have}, the record is at {expected}")]
    OtherMigration {
        /// The value in the statement.
        have: MigrationId,
        /// The value in the record.
        expected: MigrationId,
    },
    /// A statement answers a question asked at another epoch.
    #[error("the statement answers a question of {have}, the record is at {expected}")]
    OtherEpoch {
        /// The value in the statement.
        have: Epoch,
        /// The value in the record.
        expected: Epoch,
    },
    /// The seal or the closing does not reach far enough.
    #[error("refuses tokens through {have}, {needed} is needed")]
    SealTooLow {
        /// The value in the statement.
        have: Epoch,
        /// The value in the record.
        needed: Epoch,
    },
    /// The target has not caught up.
    #[error("the target reaches position {have}, the source's last write is {needed}")]
    NotCaughtUp {
        /// The target's position.
        have: Position,
        /// The source's last position.
        needed: Position,
    },
    /// Under `timed`, the last position is recorded only after the wait.
    #[error("the source's last position is not recorded yet")]
    WatermarkMissing,
    /// Under `timed`, the last position is recorded once.
    #[error("the source's last position is recorded already: {have}")]
    WatermarkRecorded {
        /// The recorded position.
        have: Position,
    },
    /// The transition belongs to the other guarantee.
    #[error("the source's guarantee is {have}")]
    WrongGuarantee {
        /// The value in the record.
        have: Guarantee,
    },
    /// Too many migrations touch this placement.
    #[error("{have} migrations touch {placement} already, at most {limit} may")]
    PlacementCap {
        /// The placement.
        placement: Placement,
        /// The current number.
        have: u32,
        /// The limit.
        limit: u32,
    },
    /// Too many migrations are in flight.
    #[error("{have} migrations are in flight, at most {limit} may be")]
    OverallCap {
        /// The current number.
        have: u32,
        /// The limit.
        limit: u32,
    },
    /// Too many partitions exist.
    #[error("{limit} partitions exist already")]
    PartitionCap {
        /// The limit.
        limit: u32,
    },
    /// Too many old copies are left; retire some first.
    #[error("{limit} old copies are left already, retire some first")]
    CopyCap {
        /// The limit.
        limit: u32,
    },
    /// An earlier forced move has not been settled.
    #[error("{placement} was left unsealed through {through} by a forced move, settle that first")]
    Unsettled {
        /// The source left unsealed.
        placement: Placement,
        /// The epoch through which it may still acknowledge writes.
        through: Epoch,
    },
    /// The store does not enforce tokens, so its statement that it is closed proves nothing.
    #[error("{placement} does not enforce tokens, its being closed through {through} proves nothing")]
    NotEnforced {
        /// The store.
        placement: Placement,
        /// The epoch in its statement.
        through: Epoch,
    },
    /// The partition has no such debt.
    #[error("no forced move {migration} is to be settled")]
    NoDebt {
        /// The migration named.
        migration: MigrationId,
    },
    /// The partition has no such old copy.
    #[error("no old copy {copy} at {placement}")]
    UnknownCopy {
        /// The placement named.
        placement: Placement,
        /// The copy named.
        copy: MigrationId,
    },
    /// A copy from before the deletion is left.
    #[error("an old copy {copy} is left at {placement}, it must be dropped first")]
    CopyLeft {
        /// The placement.
        placement: Placement,
        /// The copy.
        copy: MigrationId,
    },
    /// The store that holds the table is unreachable or failed.
    #[error("migration store failed: {reason}")]
    Backend {
        /// The kind of failure, without any value of the request.
        reason: BackendFailure,
    },
}

/// Why the store that holds the table does not know the outcome of a request.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize, Error)]
pub enum BackendFailure {
    /// No leader is known.
    #[error("no leader")]
    NoLeader,
    /// No quorum answered in time.
    #[error("no quorum")]
    NoQuorum,
    /// The request may or may not have been committed.
    #[error("the outcome is not known")]
    Indeterminate,
    /// The request is not acceptable to the log and was not committed.
    #[error("the log does not take the request")]
    NotTaken,
}
