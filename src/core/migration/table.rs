//! The table of partitions: a deterministic state machine over committed commands.
//!
//! Every replica that applies the same commands in the same order has the same table. A command is checked against the
//! record when it is applied. A refused command changes nothing, by construction: a transition computes the new record
//! from the old one, and only a success stores it.

use super::records::Records;
use super::{
    Command, MigrationError, PartitionRecord, Transition, TransitionKind, copies, release, transitions,
};
use crate::core::ids::{Epoch, Halt, MigrationId, PartitionId, Placement};
use crate::enforce;
use serde::{Deserialize, Serialize};

/// Limits of the placement table.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Caps {
    /// The most migrations in flight with the same placement as source or target.
    pub migrations_per_placement: u32,
    /// The most migrations in flight.
    pub migrations_overall: u32,
    /// The most partitions, including deleted ones with old copies.
    pub partitions: u32,
    /// The most old copies of one partition.
    pub old_copies_per_partition: u32,
}

impl Caps {
    /// The limits that a cluster starts with.
    pub const PRODUCTION: Self = Self {
        migrations_per_placement: 2,
        migrations_overall: 8,
        partitions: 100_000,
        old_copies_per_partition: 8,
    };
}

/// The records of all partitions.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct PlacementTable {
    pub(super) caps: Caps,
    pub(super) records: Records,
    /// The highest migration id that was given out.
    last_migration: MigrationId,
    /// At or above every epoch of every partition that is no longer in the table.
    epoch_floor: Epoch,
}

impl PlacementTable {
    /// A table without partitions.
    #[must_use]
    pub fn new(caps: Caps) -> Self {
        let (last_migration, epoch_floor) = (MigrationId::ZERO, Epoch::ZERO);
        Self { caps, records: Records::default(), last_migration, epoch_floor }
    }

    /// A table with at most one partition, which goes on from this record.
    #[must_use]
    pub fn beginning_with(caps: Caps, record: Option<&PartitionRecord>) -> Self {
        let mut table = Self::new(caps);
        if let Some(record) = record {
            let debt =
                record.placed.and_then(|placed| placed.debt).map_or(MigrationId::ZERO, |debt| debt.migration);
            table.last_migration = record.migration.max(debt);
            table.records.insert(record.partition, record.clone());
        }
        table
    }

    /// The record of a partition. `None` if it was never created, or was deleted and has no old copies left.
    #[must_use]
    pub fn record(&self, partition: PartitionId) -> Option<&PartitionRecord> {
        self.records.get(partition)
    }

    /// All records, by partition id.
    pub fn records(&self) -> impl Iterator<Item = &PartitionRecord> {
        self.records.values()
    }

    /// The records of the partitions above this one, by partition id; all for `None`. Costs what it returns.
    pub fn records_after(&self, partition: Option<PartitionId>) -> impl Iterator<Item = &PartitionRecord> {
        self.records.after(partition)
    }

    /// The number of partitions, including deleted ones with old copies.
    #[must_use]
    pub fn partitions(&self) -> u32 {
        count(self.records.len())
    }

    /// Applies a committed command, and returns the partition's epoch after it.
    ///
    /// # Errors
    /// [`MigrationError`], with the table unchanged.
    pub fn apply(&mut self, command: &Command) -> Result<Epoch, MigrationError> {
        let mut halt = None;
        let outcome = self.apply_checked(command, &mut halt);
        debug_assert!(halt.is_none(), "{halt:?}");
        outcome
    }

    /// [`PlacementTable::apply`] with checks of the result, as a node runs it. Sets `halt` if the transition violates an invariant.
    ///
    /// # Errors
    /// [`MigrationError`], with the table unchanged.
    pub fn apply_checked(
        &mut self,
        command: &Command,
        halt: &mut Option<Halt>,
    ) -> Result<Epoch, MigrationError> {
        let partition = command.partition;
        let next = self.next_record(command)?;
        self.check(command, &next, halt);
        if let Some(migration) = next.allocated {
            self.last_migration = self.last_migration.max(migration);
        }
        let epoch = next.record.epoch;
        if next.record.placed.is_none() && next.record.old_copies.is_empty() {
            self.epoch_floor = self.epoch_floor.max(epoch);
            self.records.remove(partition);
        } else {
            self.records.insert(partition, next.record);
        }
        Ok(epoch)
    }

    /// Checks the new record against the old one: what must change has changed, and what must stay has stayed.
    fn check(&self, command: &Command, next: &Next, halt: &mut Option<Halt>) {
        let before = self.records.get(command.partition);
        let (had, has) = (before.and_then(|record| record.placed), next.record.placed);
        let (then, now) = (before.map_or(self.epoch_floor, |record| record.epoch), next.record.epoch);
        let moved = had.map(|placed| placed.state) != has.map(|placed| placed.state);
        enforce!(
            *halt,
            EpochMonotone,
            if moved { now > then } else { now == then },
            "{command} leads from {then} to {now}, the placement changed: {moved}"
        );
        enforce!(
            *halt,
            EpochMonotone,
            next.allocated.is_none_or(|id| id > self.last_migration),
            "{command} was given {:?} after {}",
            next.allocated,
            self.last_migration
        );
        let (named, kind) = (command.transition.expected(), command.transition.kind());
        enforce!(
            *halt,
            Cas,
            named.is_none_or(|named| before.is_some_and(|record| {
                let draining = record.draining_epoch().filter(|_| kind == TransitionKind::Abort);
                let epoch = if draining == Some(named.epoch) { record.epoch } else { named.epoch };
                record.expected() == super::Expected { epoch, ..named }
            })),
            "applied: {command}, the record was {:?}",
            before.map(PartitionRecord::expected)
        );
        let kept = had.is_none_or(|placed| placed.debt.is_none()) || has.is_some_and(|p| p.debt.is_some());
        let settles =
            matches!(kind, TransitionKind::Settle | TransitionKind::ForgetCopy | TransitionKind::WriteOff);
        enforce!(
            *halt,
            DebtKept,
            kept || settles,
            "{command} cleared the debt {:?}",
            had.and_then(|placed| placed.debt)
        );
    }

    /// Raises the epochs and ids that are given out next above these.
    pub fn raise_floor(&mut self, epoch: Epoch, migration: MigrationId) {
        self.epoch_floor = self.epoch_floor.max(epoch);
        self.last_migration = self.last_migration.max(migration);
        self.records.change_all(|record| {
            if record.epoch <= epoch {
                record.raise(epoch.next());
            }
        });
    }

    /// The highest epoch that a partition without a record may have had, and the highest migration id given out.
    #[must_use]
    pub const fn floor(&self) -> (Epoch, MigrationId) {
        (self.epoch_floor, self.last_migration)
    }

    /// The highest epoch and migration id that this table has given out, whether a record shows them or not.
    pub(super) fn highest(&self) -> (Epoch, MigrationId) {
        self.records.values().fold(self.floor(), |(epoch, migration), record| {
            (epoch.max(record.epoch), migration.max(record.migration))
        })
    }

    fn next_record(&self, command: &Command) -> Result<Next, MigrationError> {
        let partition = command.partition;
        let record = self.records.get(partition);
        if let Transition::Create { placement, guarantee } = &command.transition {
            self.check_partition_cap(record)?;
            let epoch = record.map_or(self.epoch_floor, |record| record.epoch.max(self.epoch_floor)).next();
            let migration = self.last_migration.next();
            let record = transitions::create(partition, record, *placement, *guarantee, epoch, migration)?;
            return Ok(Next { record, allocated: Some(migration) });
        }
        let record = record.ok_or(MigrationError::UnknownPartition { partition })?;
        let next = match &command.transition {
            Transition::Begin { expected, to } => {
                let migration = self.last_migration.next();
                let record = self.begin(record, *expected, *to, migration)?;
                return Ok(Next { record, allocated: Some(migration) });
            }
            Transition::Create { .. } => return Err(MigrationError::AlreadyExists { partition }),
            Transition::Open { expected, prepared } => transitions::open(record, *expected, prepared),
            Transition::EnterCutover { expected, receipt } => {
                transitions::enter_cutover(record, *expected, receipt)
            }
            Transition::EnterTimedCutover { expected, prepared } => {
                transitions::enter_timed_cutover(record, *expected, prepared)
            }
            Transition::RecordWatermark { expected, reading } => {
                transitions::record_watermark(record, *expected, reading)
            }
            Transition::Complete { expected, evidence } => transitions::complete(record, *expected, evidence),
            Transition::StartBlock { expected, target } => {
                transitions::start_block(record, *expected, *target)
            }
            Transition::Abort { expected, why } => transitions::abort(record, *expected, *why),
            Transition::Force { expected, ended, partial, .. } => {
                transitions::force(record, *expected, ended, *partial)
            }
            Transition::Settle { migration, proof } => copies::settle(record, *migration, proof),
            Transition::RetireCopy { placement, copy } => copies::retire_copy(record, *placement, *copy),
            Transition::ForgetCopy { dropped } => copies::forget_copy(record, dropped),
            Transition::Delete { expected } => {
                transitions::delete(record, *expected, self.caps.old_copies_per_partition)
            }
            Transition::WriteOff { placement, copy, .. } => copies::write_off(record, *placement, *copy),
            Transition::Release { expected, how, .. } => release::release(record, *expected, *how),
        }?;
        Ok(Next { record: next, allocated: None })
    }

    /// The transition `begin`, with the checks of the table's limits.
    pub(super) fn begin(
        &self,
        record: &PartitionRecord,
        expected: super::Expected,
        to: Placement,
        migration: MigrationId,
    ) -> Result<PartitionRecord, MigrationError> {
        let next = transitions::begin(record, expected, to, migration)?;
        let from = next.placed.map_or(to, |placed| placed.state.read_placement());
        for placement in [from, to] {
            let (have, limit) = (self.migrations_touching(placement), self.caps.migrations_per_placement);
            if have >= limit {
                return Err(MigrationError::PlacementCap { placement, have, limit });
            }
        }
        let (have, limit) = (self.migrations_in_flight(), self.caps.migrations_overall);
        if have >= limit {
            return Err(MigrationError::OverallCap { have, limit });
        }
        let limit = self.caps.old_copies_per_partition;
        // The migration leaves one old copy behind, whether it completes or aborts.
        if count(next.old_copies.len()) >= limit {
            return Err(MigrationError::CopyCap { limit });
        }
        Ok(next)
    }

    pub(super) const fn next_migration(&self) -> MigrationId {
        self.last_migration.next()
    }

    /// The number of migrations in flight.
    #[must_use]
    pub fn migrations_in_flight(&self) -> u32 {
        count(self.records.migrating().count())
    }

    /// The number of migrations in flight with this placement as source or target.
    #[must_use]
    pub fn migrations_touching(&self, placement: Placement) -> u32 {
        let touches = |(from, to): &(Placement, Placement)| *from == placement || *to == placement;
        count(self.records.migrating().filter(touches).count())
    }

    fn check_partition_cap(&self, record: Option<&PartitionRecord>) -> Result<(), MigrationError> {
        let limit = self.caps.partitions;
        if record.is_none() && self.partitions() >= limit {
            return Err(MigrationError::PartitionCap { limit });
        }
        Ok(())
    }
}

struct Next {
    record: PartitionRecord,
    allocated: Option<MigrationId>,
}

fn count(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::migration::{AbortReason, Debt, Expected, Placed};
    use crate::core::placement::{Guarantee, PartitionState};
    use alloc::string::{String, ToString};

    const PARTITION: PartitionId = PartitionId(1);

    fn command(transition: Transition) -> Command {
        Command { partition: PARTITION, transition }
    }

    /// A table with one partition, at A, and its record.
    fn created() -> (PlacementTable, PartitionRecord) {
        let mut table = PlacementTable::new(Caps::PRODUCTION);
        let create = Transition::Create { placement: Placement(0), guarantee: Guarantee::Sealed };
        table.apply(&command(create)).unwrap();
        let record = table.record(PARTITION).cloned().unwrap();
        (table, record)
    }

    /// What the check says of a command that leads to this record; `None`: nothing is wrong.
    fn checked(
        table: &PlacementTable,
        transition: Transition,
        record: PartitionRecord,
        allocated: Option<MigrationId>,
    ) -> Option<(&'static str, String)> {
        let mut halt = None;
        table.check(&command(transition), &Next { record, allocated }, &mut halt);
        halt.map(|halt| (halt.invariant.entry().id, halt.facts))
    }

    fn moved(record: &PartitionRecord) -> PartitionRecord {
        let placed =
            record.placed.map(|placed| Placed { state: PartitionState::Active(Placement(1)), ..placed });
        PartitionRecord { placed, ..record.clone() }
    }

    #[test]
    fn a_placement_that_changes_without_its_epoch_halts() {
        let (table, record) = created();
        let abort = Transition::Abort { expected: record.expected(), why: AbortReason::Operator };
        let right = PartitionRecord { epoch: record.epoch.next(), ..moved(&record) };
        assert_eq!(checked(&table, abort.clone(), right.clone(), None), None);
        let facts =
            "abort on m1@e1: an operator asked for it leads from e1 to e1, the placement changed: true"
                .to_string();
        let halt = checked(&table, abort.clone(), moved(&record), None);
        assert_eq!(halt, Some(("migration.epoch-monotone", facts)));
        let facts =
            "abort on m1@e1: an operator asked for it leads from e1 to e2, the placement changed: false"
                .to_string();
        let still = PartitionRecord { placed: record.placed, ..right };
        assert_eq!(checked(&table, abort, still, None), Some(("migration.epoch-monotone", facts)));
    }

    #[test]
    fn an_id_that_was_used_halts() {
        let (table, record) = created();
        let begin = Transition::Begin { expected: record.expected(), to: Placement(1) };
        let next = PartitionRecord { epoch: record.epoch.next(), ..moved(&record) };
        assert_eq!(checked(&table, begin.clone(), next.clone(), Some(MigrationId(2))), None);
        let facts = "begin >B on m1@e1 was given Some(MigrationId(1)) after m1".to_string();
        let halt = checked(&table, begin, next, Some(MigrationId(1)));
        assert_eq!(halt, Some(("migration.epoch-monotone", facts)));
    }

    #[test]
    fn a_command_that_applies_to_another_record_than_it_names_halts() {
        let (table, record) = created();
        let expected = Expected { migration: MigrationId(7), ..record.expected() };
        let (id, facts) = checked(&table, Transition::Delete { expected }, record, None).unwrap();
        assert_eq!(id, "migration.cas");
        assert!(facts.starts_with("applied: delete on m7@e1, the record was "), "{facts}");
    }

    #[test]
    fn a_debt_that_ends_without_being_settled_halts() {
        let (mut table, record) = created();
        let debt = Debt {
            placement: Placement(1),
            through: Epoch(1),
            migration: MigrationId(1),
            copy: MigrationId(1),
            target: crate::core::ids::Incarnation(1),
            copied: None,
        };
        let owes = record.placed.map(|placed| Placed { debt: Some(debt), ..placed });
        table.records.insert(PARTITION, PartitionRecord { placed: owes, ..record.clone() });
        let retire = Transition::RetireCopy { placement: Placement(1), copy: MigrationId(1) };
        let kept = PartitionRecord { placed: owes, ..record.clone() };
        assert_eq!(checked(&table, retire.clone(), kept, None), None);
        let (id, facts) = checked(&table, retire, record, None).unwrap();
        assert_eq!(id, "migration.debt-kept");
        assert!(facts.contains("cleared the debt Some(Debt"), "{facts}");
    }
}
