//! The numbers that were given out. They are chosen by the table; that they are new is judged here.

use cutover::core::ids::{Epoch, MigrationId, PartitionId};
use std::collections::BTreeMap;

/// All numbers that were given out, in every life of a cluster: what a restore has lost stays in here.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Numbers {
    epochs: BTreeMap<PartitionId, Epoch>,
    epoch_floor: Epoch,
    migration: MigrationId,
    partition: PartitionId,
}

impl Numbers {
    /// Nothing was given out.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            epochs: BTreeMap::new(),
            epoch_floor: Epoch::ZERO,
            migration: MigrationId::ZERO,
            partition: PartitionId(0),
        }
    }

    /// Takes an epoch of a partition. False: it is not greater than each that the partition has had.
    pub fn takes_epoch(&mut self, partition: PartitionId, epoch: Epoch) -> bool {
        // T3
        let last = self.epochs.insert(partition, epoch);
        last.is_none_or(|last| epoch > last) && epoch > self.epoch_floor
    }

    /// Takes a migration id. False: it is not greater than each that was given out.
    pub fn takes_migration(&mut self, migration: MigrationId) -> bool {
        // T4
        let is_new = migration > self.migration;
        self.migration = self.migration.max(migration);
        is_new
    }

    /// Takes the number of a partition that was created by name. False: it is not greater than each that a partition has had.
    pub fn takes_partition(&mut self, partition: PartitionId) -> bool {
        // T8
        let is_new = partition > self.partition;
        self.notes_partition(partition);
        is_new
    }

    /// Notes the number of a partition that was created by number.
    pub fn notes_partition(&mut self, partition: PartitionId) {
        // T8
        self.partition = self.partition.max(partition);
    }

    /// From now on, no partition gets an epoch up to this one.
    pub fn raises_floor(&mut self, epoch: Epoch) {
        // T33
        self.epoch_floor = self.epoch_floor.max(epoch);
    }

    /// The highest epoch that any partition has had.
    #[must_use]
    pub fn highest_epoch(&self) -> Epoch {
        self.epochs.values().copied().max().map_or(self.epoch_floor, |highest| highest.max(self.epoch_floor))
    }

    /// The highest epoch that this partition has had, or may have had in a life that was lost.
    #[must_use]
    pub fn epoch(&self, partition: PartitionId) -> Epoch {
        self.epochs.get(&partition).copied().unwrap_or(Epoch::ZERO)
    }

    /// The partitions that have had an epoch.
    pub fn partitions(&self) -> impl Iterator<Item = PartitionId> {
        self.epochs.keys().copied()
    }

    /// The highest migration id that was given out.
    #[must_use]
    pub const fn highest_migration(&self) -> MigrationId {
        self.migration
    }
}

impl Default for Numbers {
    fn default() -> Self {
        Self::new()
    }
}
