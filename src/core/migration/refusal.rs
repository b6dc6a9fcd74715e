//! Why a command is refused. A refused command changes nothing.

use crate::core::fence::{Digest, StatementOrigin};
use crate::core::ids::{Epoch, Incarnation, MigrationId, PartitionId, Placement, Position};
use crate::core::placement::Guarantee;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Why a command was refused by the table, or not committed by the store that holds the table.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize, Error)]
pub enum MigrationError {
    /// The partition was never created, or was deleted.
    #[error("partition {partition} has no placement")]
    UnknownPartition {
        /// The partition that the command names.
        partition: PartitionId,
    },
    /// `create` names a partition that exists.
    #[error("partition {partition} exists already")]
    AlreadyExists {
        /// The partition that the command names.
        partition: PartitionId,
    },
    /// The record has changed since the command was created.
    #[error("expected {expected_migration} at {expected_epoch}, the record is at {migration}, {epoch}")]
    StaleExpectation {
        /// The migration that the command names.
        expected_migration: MigrationId,
        /// The epoch that the command names.
        expected_epoch: Epoch,
        /// The migration in the record.
        migration: MigrationId,
        /// The epoch in the record.
        epoch: Epoch,
    },
    /// `begin` and `delete` need a partition without a migration in flight.
    #[error("migration {migration} is in flight")]
    AlreadyMigrating {
        /// The migration in flight.
        migration: MigrationId,
    },
    /// The transition needs a migration in flight.
    #[error("partition {partition} is not migrating")]
    NotMigrating {
        /// The partition that the command names.
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
        /// The placement of the partition, which is also the target.
        placement: Placement,
    },
    /// The partition was created but not opened: its sink has not stated that it has the copy.
    #[error("partition {partition} is not open yet")]
    NotOpen {
        /// The partition that the command names.
        partition: PartitionId,
    },
    /// The partition is already open.
    #[error("partition {partition} is open already")]
    AlreadyOpen {
        /// The partition that the command names.
        partition: PartitionId,
    },
    /// The statement comes from another sink or partition than the record requires.
    #[error("the statement is by {}, {}, the record says {placement}", origin.store, origin.partition)]
    OtherSpeaker {
        /// The copy that made the statement.
        origin: StatementOrigin,
        /// The sink that should have made it.
        placement: Placement,
    },
    /// The statement comes from another incarnation of the sink than the record requires.
    #[error("the statement is by incarnation {have}, the record names {expected}")]
    OtherIncarnation {
        /// The incarnation that made the statement.
        have: Incarnation,
        /// The incarnation in the record.
        expected: Incarnation,
    },
    /// The statement is about another migration.
    #[error("the statement is about {have}, the record is at {expected}")]
    OtherMigration {
        /// The value in the statement.
        have: MigrationId,
        /// The value in the record.
        expected: MigrationId,
    },
    /// The statement answers a query of another epoch.
    #[error("the statement answers a question of {have}, the record is at {expected}")]
    OtherEpoch {
        /// The value in the statement.
        have: Epoch,
        /// The value in the record.
        expected: Epoch,
    },
    /// The sink is not sealed, or not closed, through the epoch that the record requires.
    #[error("refuses tokens through {have}, {needed} is needed")]
    SealTooLow {
        /// The value in the statement.
        have: Epoch,
        /// The value in the record.
        needed: Epoch,
    },
    /// The target's copy does not reach the source's last write.
    #[error("the target reaches position {have}, the source's last write is {needed}")]
    NotCaughtUp {
        /// The position that the target's copy reaches.
        have: Position,
        /// The position of the source's last write.
        needed: Position,
    },
    /// The target's copy is not what the source had: it can only be aborted.
    #[error("the target's copy has the digest {have}, the source had {expected}")]
    DigestDiffers {
        /// The digest in the statement.
        have: Digest,
        /// The digest in the record.
        expected: Digest,
    },
    /// The copy at the target of `force` lacks rows.
    #[error("the copy at {placement} lacks rows, only an operator who calls the move partial may force it")]
    Incomplete {
        /// The target.
        placement: Placement,
    },
    /// Under `timed`: the position of the source's last write is not recorded yet.
    #[error("the source's last position is not recorded yet")]
    WatermarkMissing,
    /// Under `timed`: the position of the source's last write is already recorded.
    #[error("the source's last position is recorded already: {have}")]
    WatermarkRecorded {
        /// The position in the record.
        have: Position,
    },
    /// The transition is for migrations with the other guarantee.
    #[error("the source's guarantee is {have}")]
    WrongGuarantee {
        /// The value in the record.
        have: Guarantee,
    },
    /// Too many migrations in flight have this placement as source or target.
    #[error("{have} migrations touch {placement} already, at most {limit} may")]
    PlacementCap {
        /// The placement with too many migrations.
        placement: Placement,
        /// The number of migrations in flight with this placement.
        have: u32,
        /// The most migrations allowed per placement.
        limit: u32,
    },
    /// Too many migrations are in flight.
    #[error("{have} migrations are in flight, at most {limit} may be")]
    OverallCap {
        /// The number of migrations in flight.
        have: u32,
        /// The most migrations allowed in flight.
        limit: u32,
    },
    /// The table has as many partitions as allowed.
    #[error("{limit} partitions exist already")]
    PartitionCap {
        /// The most partitions allowed.
        limit: u32,
    },
    /// The partition has too many old copies; retire some first.
    #[error("{limit} old copies are left already, retire some first")]
    CopyCap {
        /// The most old copies allowed per partition.
        limit: u32,
    },
    /// The partition has a debt from an earlier forced move, which must be settled first.
    #[error("{placement} was left unsealed through {through} by a forced move, settle that first")]
    Unsettled {
        /// The source of that move, which is not sealed.
        placement: Placement,
        /// The epoch through which it may still acknowledge writes.
        through: Epoch,
    },
    /// The sink does not check tokens, so its statement that it is closed proves nothing.
    #[error("{placement} does not enforce tokens, its being closed through {through} proves nothing")]
    NotEnforced {
        /// The sink that does not check tokens.
        placement: Placement,
        /// The epoch through which the sink stated that it is closed.
        through: Epoch,
    },
    /// The partition has no debt from the migration that `settle` names.
    #[error("no forced move {migration} is to be settled")]
    NoDebt {
        /// The migration that the command names.
        migration: MigrationId,
    },
    /// The partition has no old copy like the one that the command names.
    #[error("no old copy {copy} at {placement}")]
    UnknownCopy {
        /// The placement that the command names.
        placement: Placement,
        /// The copy that the command names.
        copy: MigrationId,
    },
    /// `create` names a deleted partition of which a copy may still exist.
    #[error("an old copy {copy} is left at {placement}, it must be dropped first")]
    CopyLeft {
        /// The placement of the old copy.
        placement: Placement,
        /// The migration that made the old copy.
        copy: MigrationId,
    },
    /// The store cannot refuse writes, and those of an earlier copy there may still take effect; that copy must be dropped first.
    #[error(
        "writes from before {before} may still take effect at {placement}, its old copy must be dropped first"
    )]
    LateWrites {
        /// The store with the old copy.
        placement: Placement,
        /// Writes that were resolved before this epoch may take effect.
        before: Epoch,
    },
    /// The migration is held after a recovery, until an operator releases it.
    #[error("migration {migration} is held since a recovery, until an operator releases it")]
    Held {
        /// The migration in the record.
        migration: MigrationId,
    },
    /// `release` needs a held migration.
    #[error("partition {partition} is not held")]
    NotHeld {
        /// The partition that the command names.
        partition: PartitionId,
    },
    /// The store that holds the table could not commit the command, or its outcome is unknown.
    #[error("migration store failed: {reason}")]
    Backend {
        /// Why the store has no outcome.
        reason: BackendFailure,
    },
    /// The record says already that the migration may block writes.
    #[error("{migration} may block writes already")]
    BlockStarted {
        /// The migration in flight.
        migration: MigrationId,
    },
    /// The command is by name, and no partition has that name.
    #[error("no partition has this name")]
    UnknownName,
    /// `create` or `begin` names a store that the log does not know.
    #[error("the log has no store {store}, add it first")]
    UnknownStore {
        /// The store that the command names.
        store: Placement,
    },
    /// `create` names another guarantee than the store states.
    #[error("store {store} states the guarantee {have}, the command names {asked}")]
    StoreGuarantee {
        /// The store that the command names.
        store: Placement,
        /// The guarantee of the store.
        have: Guarantee,
        /// The guarantee that the command names.
        asked: Guarantee,
    },
}

/// Why the store that holds the table has no outcome for a command.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize, Error)]
pub enum BackendFailure {
    /// There is no leader that accepts the command. Nothing was committed.
    #[error("no leader")]
    NoLeader,
    /// No quorum is available, or too much is in progress.
    #[error("no quorum")]
    NoQuorum,
    /// The command may or may not have been committed.
    #[error("the outcome is not known")]
    Indeterminate,
    /// The log refused the command. Nothing was committed.
    #[error("the log does not take the request")]
    NotTaken,
}
