//! The interface between a controller and the store that holds the table.
//!
//! The published interface has `begin_migration`, `enter_cutover`, `complete_migration`, `abort_migration` and `state`.
//! Its `state` cannot fail, so a failed read looks like "not in cutover" and the wait is skipped; its transitions name
//! no expected state, so a late one applies to whichever migration is there. Both are extended here. `state` takes
//! `&mut self` because a linearizable read of a replicated log needs an exchange with a quorum.

use super::{
    AbortReason, Command, Expected, MigrationError, Operator, PartitionRecord, Reason, Settlement, Transition,
};
use crate::core::fence::{CatchUpEvidence, Claim, Ended, SealReceipt};
use crate::core::ids::{Epoch, PartitionId, Placement, Revision};
use crate::core::placement::Guarantee;

/// A store that holds the placement table: one process, or a replicated log.
pub trait MigrationStore {
    /// Commits a command and applies it.
    ///
    /// # Errors
    /// The table's refusal, or [`MigrationError::Backend`]. After the latter, the command may have been committed,
    /// and repeating it is safe.
    fn propose(&mut self, command: &Command) -> Result<Epoch, MigrationError>;

    /// A linearizable read of the committed record.
    ///
    /// # Errors
    /// [`MigrationError::Backend`] if the read failed. `Ok(None)` means that the partition has no record.
    fn state(
        &mut self,
        partition: PartitionId,
    ) -> Result<Option<(PartitionRecord, Revision)>, MigrationError>;

    /// Creates a partition at a placement.
    ///
    /// # Errors
    /// As [`MigrationStore::propose`].
    fn create_partition(
        &mut self,
        partition: PartitionId,
        placement: Placement,
        guarantee: Guarantee,
    ) -> Result<Epoch, MigrationError> {
        self.propose(&Command { partition, transition: Transition::Create { placement, guarantee } })
    }

    /// Begins a migration of a partition.
    ///
    /// # Errors
    /// As [`MigrationStore::propose`].
    fn begin_migration(
        &mut self,
        partition: PartitionId,
        expected: Expected,
        to: Placement,
    ) -> Result<Epoch, MigrationError> {
        self.propose(&Command { partition, transition: Transition::Begin { expected, to } })
    }

    /// Enters the cutover, with the seal receipt of the source.
    ///
    /// # Errors
    /// As [`MigrationStore::propose`].
    fn enter_cutover(
        &mut self,
        partition: PartitionId,
        expected: Expected,
        receipt: Claim<SealReceipt>,
    ) -> Result<Epoch, MigrationError> {
        self.propose(&Command { partition, transition: Transition::EnterCutover { expected, receipt } })
    }

    /// Completes the migration (the flip), with the catch-up evidence of the target.
    ///
    /// # Errors
    /// As [`MigrationStore::propose`].
    fn complete_migration(
        &mut self,
        partition: PartitionId,
        expected: Expected,
        evidence: Claim<CatchUpEvidence>,
    ) -> Result<Epoch, MigrationError> {
        self.propose(&Command { partition, transition: Transition::Complete { expected, evidence } })
    }

    /// Aborts the migration before the flip; the source owns the partition again.
    ///
    /// # Errors
    /// As [`MigrationStore::propose`].
    fn abort_migration(
        &mut self,
        partition: PartitionId,
        expected: Expected,
        why: AbortReason,
    ) -> Result<Epoch, MigrationError> {
        self.propose(&Command { partition, transition: Transition::Abort { expected, why } })
    }

    /// Gives the partition to the target without a seal of the source. Acknowledged writes may be lost.
    ///
    /// # Errors
    /// As [`MigrationStore::propose`].
    fn force_migration(
        &mut self,
        partition: PartitionId,
        expected: Expected,
        ended: Claim<Ended>,
        partial: bool,
        operator: Operator,
        reason: Reason,
    ) -> Result<Epoch, MigrationError> {
        let transition = Transition::Force { expected, ended, partial, operator, reason };
        self.propose(&Command { partition, transition })
    }

    /// Clears the debt of a forced migration, with a statement of its source.
    ///
    /// # Errors
    /// As [`MigrationStore::propose`].
    fn settle(
        &mut self,
        partition: PartitionId,
        migration: crate::core::ids::MigrationId,
        proof: Settlement,
    ) -> Result<Epoch, MigrationError> {
        self.propose(&Command { partition, transition: Transition::Settle { migration, proof } })
    }
}
