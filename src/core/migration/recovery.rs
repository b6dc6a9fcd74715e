//! The table of a cluster that was restored from a backup, or recovered after the loss of a quorum.
//!
//! What was committed after the restored state is lost, but the stores have seen it: they were prepared, sealed and written
//! to under epochs and migration ids that the table does not know. Two rules keep that harmless.
//!
//! - **The leap.** Epochs and ids go on [`EPOCH_LEAP`] and [`MIGRATION_LEAP`] above the highest ones that the table has given
//!   out, whether a record shows them or not. So no store has seen one that is given out later.
//! - **The hold.** No migration goes on under its old id: its statements of before the loss could be of a life that went on
//!   differently. Its flip may be lost, and then the target owns the partition; or its abort, and then the source has
//!   acknowledged writes beyond its receipt. The table cannot know which, so the migration gets a fresh id and is *held*:
//!   writes are refused and no controller acts, until an operator has looked at both stores and releases it (ADR 0030).

use super::{Held, PartitionRecord, PlacementTable};
use crate::core::ids::{Epoch, MigrationId};
use crate::core::placement::{PartitionState, Phase};

/// By how much epochs leap in a recovery. A lost cluster gave out fewer than this many after the restored state.
pub const EPOCH_LEAP: u64 = 1 << 32;

/// By how much migration ids leap in a recovery. A lost cluster gave out fewer than this many after the restored state.
pub const MIGRATION_LEAP: u64 = 1 << 32;

impl PlacementTable {
    /// The table for a cluster that continues from this state, after everything later was lost. `times` is 1, or more if
    /// the same state was continued from before: a second restore of one backup leaps twice as far as the first.
    #[must_use]
    pub fn recovered(mut self, times: u64) -> Self {
        let leap = |leap: u64| leap.saturating_mul(times.max(1));
        let (epoch, migration) = self.highest();
        let mut last = MigrationId(migration.0.saturating_add(leap(MIGRATION_LEAP)));
        self.records.change_all(|record| {
            // What was committed later may have given the source, or the copy, other rows.
            if let Some(placed) = record.placed.as_mut() {
                placed.kept = None;
            }
            if hold(record, last.next()) {
                last = last.next();
            }
            // A seal under the old id is refused by a source that has seen later ones.
            if let Some(debt) = record.placed.as_mut().and_then(|placed| placed.debt.as_mut()) {
                last = last.next();
                debt.migration = last;
            }
        });
        self.raise_floor(Epoch(epoch.0.saturating_add(leap(EPOCH_LEAP))), last);
        self
    }

    /// The records that wait for an operator.
    pub fn held(&self) -> impl Iterator<Item = &PartitionRecord> {
        self.records().filter(|record| record.held().is_some())
    }

    /// What a store that lost its state is started from ([`Fence::returned`](crate::core::fence::Fence::returned)): no token
    /// of the partition is above this epoch, and no migration has a higher id. It is known for every partition, also for
    /// one that has no record any more.
    #[must_use]
    pub fn returned(&self, partition: crate::core::ids::PartitionId) -> (Epoch, MigrationId) {
        let (floor, migration) = self.floor();
        (self.record(partition).map_or(floor, |record| record.epoch), migration)
    }
}

/// Turns a migration in flight into a held one, under this id. False if none is in flight.
fn hold(record: &mut PartitionRecord, fresh: MigrationId) -> bool {
    let Some(placed) = record.placed.as_mut() else { return false };
    let PartitionState::Migrating { from, to, phase } = placed.state else { return false };
    // Held before, and not released: the target's copy still has the first id.
    placed.held = placed.held.or(Some(Held {
        migration: record.migration,
        phase,
        draining: placed.cutover.map_or(record.epoch, |facts| facts.draining),
    }));
    placed.state = PartitionState::Migrating { from, to, phase: Phase::Cutover };
    placed.cutover = None;
    record.migration = fresh;
    true
}
