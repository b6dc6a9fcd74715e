//! Why a transition is refused. A refused transition leaves the table as it was.

use crate::core::fence::StatementOrigin;
use crate::core::ids::{Epoch, Incarnation, MigrationId, PartitionId, Placement, Position};
use crate::core::placement::Guarantee;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// A refusal of the table, or the failure of a backend that holds it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize, Error)]
pub enum MigrationError {
    /// Never created, or deleted.
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
    /// The record has moved on since the command was made.
    #[error("expected {expected_migration} at {expected_epoch}, the record is at {migration}, {epoch}")]
    StaleExpectation {
        /// What the command named.
        expected_migration: MigrationId,
        /// What the command named.
        expected_epoch: Epoch,
        /// What is recorded.
        migration: MigrationId,
        /// What is recorded.
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
    /// `begin` towards the placement where the partition is.
    #[error("source and target are both {placement}")]
    SamePlacement {
        /// Both.
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
    /// A statement comes from elsewhere than the record says.
    #[error("the statement is by {}, {}, the record says {placement}", said.store, said.partition)]
    OtherSpeaker {
        /// Who stated it.
        said: StatementOrigin,
        /// Who was to state it.
        placement: Placement,
    },
    /// A statement of another incarnation than the record names.
    #[error("the statement is by incarnation {have}, the record names {expected}")]
    OtherIncarnation {
        /// Who stated it.
        have: Incarnation,
        /// Who was to state it.
        expected: Incarnation,
    },
    /// A statement about another migration.
    #[error("the statement is about {have}, the record is at {expected}")]
    OtherMigration {
        /// The statement's.
        have: MigrationId,
        /// The record's.
        expected: MigrationId,
    },
    /// A statement that answers a question of another epoch.
    #[error("the statement answers a question of {have}, the record is at {expected}")]
    OtherEpoch {
        /// The statement's.
        have: Epoch,
        /// The record's.
        expected: Epoch,
    },
    /// The seal or the closing does not reach far enough.
    #[error("refuses tokens through {have}, {needed} is needed")]
    SealTooLow {
        /// The statement's.
        have: Epoch,
        /// The record's.
        needed: Epoch,
    },
    /// The target has not caught up.
    #[error("the target reaches position {have}, the source's last write is {needed}")]
    NotCaughtUp {
        /// The target's.
        have: Position,
        /// The source's.
        needed: Position,
    },
    /// Under `timed`, the last position is not known before the wait has ended.
    #[error("the source's last position is not recorded yet")]
    WatermarkMissing,
    /// Under `timed`, the last position is recorded once.
    #[error("the source's last position is recorded already: {have}")]
    WatermarkRecorded {
        /// The recorded one.
        have: Position,
    },
    /// The transition belongs to the other guarantee.
    #[error("the source's guarantee is {have}")]
    WrongGuarantee {
        /// The record's.
        have: Guarantee,
    },
    /// As many migrations touch this placement as may.
    #[error("{have} migrations touch {placement} already, at most {limit} may")]
    PlacementCap {
        /// The placement.
        placement: Placement,
        /// Now.
        have: u32,
        /// The bound.
        limit: u32,
    },
    /// As many migrations are in flight as may be.
    #[error("{have} migrations are in flight, at most {limit} may be")]
    OverallCap {
        /// Now.
        have: u32,
        /// The bound.
        limit: u32,
    },
    /// As many partitions exist as may.
    #[error("{limit} partitions exist already")]
    PartitionCap {
        /// The bound.
        limit: u32,
    },
    /// As many old copies are left as may be; retire some first.
    #[error("{limit} old copies are left already, retire some first")]
    CopyCap {
        /// The bound.
        limit: u32,
    },
    /// An earlier forced move has not been settled.
    #[error("{placement} was left unsealed through {through} by a forced move, settle that first")]
    Unsettled {
        /// The source left unsealed.
        placement: Placement,
        /// Through which epoch.
        through: Epoch,
    },
    /// The store does not hold requests against their tokens, so what it was told to close is still open.
    #[error("{placement} does not enforce tokens, its being closed through {through} proves nothing")]
    NotEnforced {
        /// The store.
        placement: Placement,
        /// What it states.
        through: Epoch,
    },
    /// There is no such debt.
    #[error("no forced move {migration} is to be settled")]
    NoDebt {
        /// The migration named.
        migration: MigrationId,
    },
    /// There is no such old copy.
    #[error("no old copy {copy} at {placement}")]
    UnknownCopy {
        /// The placement named.
        placement: Placement,
        /// The copy named.
        copy: MigrationId,
    },
    /// A copy of the partition's earlier life is left.
    #[error("an old copy {copy} is left at {placement}, it must be dropped first")]
    CopyLeft {
        /// The placement.
        placement: Placement,
        /// The copy.
        copy: MigrationId,
    },
    /// The store that holds the table could not be reached, or failed.
    #[error("migration store failed: {reason}")]
    Backend {
        /// What failed, without any value of the request.
        reason: BackendFailure,
    },
}

/// Why the store that holds the table could not say what came of a request.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize, Error)]
pub enum BackendFailure {
    /// Nobody leads, or nobody knows who.
    #[error("no leader")]
    NoLeader,
    /// No answer of a quorum in time.
    #[error("no quorum")]
    NoQuorum,
    /// The request may or may not have been committed.
    #[error("the outcome is not known")]
    Indeterminate,
    /// The request is none that the log takes, and was not committed.
    #[error("the log does not take the request")]
    NotTaken,
}
