//! The numbers that one partition's history reveals, of those that all partitions share: epochs of creations,
//! and ids of migrations.

use super::operation::{Answer, Invocation, Operation, Seen};
use crate::core::fence::Dropped;
use crate::core::ids::{Epoch, MigrationId};
use crate::core::migration::{Expected, PartitionRecord, Transition};
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec;
use alloc::vec::Vec;

/// The epochs and ids that occur in one partition's history.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Known {
    /// Epochs that an answer gives for the partition.
    epochs: BTreeSet<Epoch>,
    /// The id that an answer gives for the record at an epoch.
    ids: BTreeMap<Epoch, MigrationId>,
    /// Epochs that commands of the history expect.
    expected: BTreeSet<Epoch>,
    /// All ids that occur in the history.
    named: BTreeSet<MigrationId>,
    /// Ids in statements of dropped copies. The table compares ids with these by order, with others only for
    /// equality.
    dropped: BTreeSet<MigrationId>,
}

impl Known {
    pub(super) fn of<'a>(operations: impl Iterator<Item = &'a Operation>) -> Self {
        let mut known = Self {
            epochs: BTreeSet::new(),
            ids: BTreeMap::new(),
            expected: BTreeSet::new(),
            named: BTreeSet::new(),
            dropped: BTreeSet::new(),
        };
        for operation in operations.filter(|operation| operation.says_something()) {
            match &operation.call {
                Invocation::Read { seen: Seen::Record(record), .. } => known.record(record),
                Invocation::Read { seen: Seen::Nothing | Seen::Unplaced, .. } => {}
                Invocation::Apply { transition, answer } => known.apply(transition, answer),
            }
        }
        known
    }

    fn at(&mut self, at: Expected) {
        self.epochs.insert(at.epoch);
        self.ids.entry(at.epoch).or_insert(at.migration);
        self.named.insert(at.migration);
    }

    fn record(&mut self, record: &PartitionRecord) {
        self.at(record.expected());
        self.named.extend(record.old_copies.iter().map(|old| old.copy));
        let Some(placed) = record.placed else { return };
        // The owner's copy was made by the migration that made it the owner, and a migration keeps its id
        // from draining on.
        self.at(Expected { migration: placed.copy, epoch: placed.owned_since });
        if let Some(facts) = placed.cutover {
            self.at(Expected { migration: record.migration, epoch: facts.draining });
        }
        if let Some(debt) = placed.debt {
            self.named.extend([debt.migration, debt.copy]);
        }
    }

    fn apply(&mut self, transition: &Transition, answer: &Answer) {
        let expected = transition.expected();
        let dropped = transition.dropped().map(Dropped::copy);
        self.named.extend(named_migration(transition));
        self.named.extend(dropped);
        self.dropped.extend(dropped);
        if let Some(expected) = expected {
            self.expected.insert(expected.epoch);
            self.named.insert(expected.migration);
        }
        match answer {
            Answer::Ok { epoch } => {
                self.epochs.insert(*epoch);
                if let Some(expected) = expected {
                    self.at(expected);
                    if !matches!(transition, Transition::Begin { .. }) {
                        self.at(Expected { migration: expected.migration, epoch: *epoch });
                    }
                }
            }
            Answer::Refused(refusal) => {
                if let Some(have) = refusal.have {
                    self.at(have);
                }
            }
            Answer::Indeterminate | Answer::NotCommitted => {}
        }
    }

    /// The epochs that a creation can have, above every earlier epoch of the partition (`floor`).
    pub(super) fn creations(&self, floor: Epoch) -> Vec<Epoch> {
        let next = self.epochs.range(floor.next()..).next().copied();
        let below = next.unwrap_or(Epoch(u64::MAX));
        let mut epochs: Vec<Epoch> = next.into_iter().collect();
        if floor.next() < below {
            epochs.extend(self.expected.range(floor.next()..below));
        }
        if next.is_none() {
            // No command expects it, so any number that is not expected will do.
            epochs.extend((floor.next().0..).map(Epoch).find(|epoch| !self.expected.contains(epoch)));
        }
        epochs
    }

    /// The ids that a migration or creation with this first epoch can have, above all earlier ids of the partition.
    pub(super) fn ids(&self, epoch: Epoch, last: MigrationId) -> Vec<MigrationId> {
        if let Some(id) = self.ids.get(&epoch) {
            return if *id > last { vec![*id] } else { Vec::new() };
        }
        let upper = self.ids.range(epoch..).next().map(|(_, id)| *id);
        let above = upper.map_or(MigrationId(u64::MAX), MigrationId::next);
        if above <= last.next() {
            return Vec::new();
        }
        let between = last.next()..above;
        let mut ids: Vec<MigrationId> = self.named.range(between.clone()).rev().copied().collect();
        for lower in core::iter::once(&last).chain(self.dropped.range(between.clone())) {
            let free = (lower.next().0..above.0).map(MigrationId).find(|id| !self.named.contains(id));
            ids.extend(free.filter(|id| !ids.contains(id)));
        }
        ids
    }
}

/// A migration that a transition names outside of its expected state.
pub(super) fn named_migration(transition: &Transition) -> Option<MigrationId> {
    match transition {
        Transition::Open { prepared, .. } | Transition::EnterTimedCutover { prepared, .. } => {
            Some(prepared.migration())
        }
        Transition::Force { ended, .. } => Some(ended.migration()),
        Transition::EnterCutover { receipt, .. } => Some(receipt.migration()),
        Transition::RecordWatermark { reading, .. } => Some(reading.migration()),
        Transition::Complete { evidence, .. } => Some(evidence.migration()),
        Transition::Settle { migration, .. } => Some(*migration),
        Transition::RetireCopy { copy, .. } | Transition::WriteOff { copy, .. } => Some(*copy),
        Transition::Create { .. }
        | Transition::Begin { .. }
        | Transition::StartBlock { .. }
        | Transition::Abort { .. }
        | Transition::ForgetCopy { .. }
        | Transition::Delete { .. }
        | Transition::Release { .. } => None,
    }
}
