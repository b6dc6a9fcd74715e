//! The placement table and its reference.

mod adapter;

pub(super) use adapter::{record, transition as command};

use super::Disagreement;
use super::stores::StoresBeside;
use crate::table::command::{Change, Command, Subject};
use crate::table::judge::{self, Renamed};
use crate::table::numbers::Numbers;
use crate::table::record::Record;
use crate::table::state::{Audited, Table};
use cutover::core::control_plane::{Answer, ControlPlaneEntry, ControlPlaneState, Stores};
use cutover::core::ids::{Epoch, Index, MigrationId, PartitionId, Placement, Revision};
use cutover::core::migration::{self, Caps, MigrationError, PartitionRecord, PlacementTable};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// The reference of a table, beside the state of a control plane.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TableBeside {
    table: Table,
    /// All numbers that were given out, in every life of the cluster.
    numbers: Numbers,
    /// All names that a partition has had.
    names: BTreeSet<String>,
    stores: StoresBeside,
}

impl TableBeside {
    /// Beside a state without partitions and stores.
    #[must_use]
    pub fn new(caps: &Caps) -> Self {
        let (names, stores) = (BTreeSet::new(), StoresBeside::default());
        Self { table: Table::new(adapter::limits(caps)), numbers: Numbers::new(), names, stores }
    }

    /// Beside a state without partitions that knows these stores.
    #[must_use]
    pub fn knowing(caps: &Caps, stores: &Stores) -> Self {
        Self { stores: StoresBeside::knowing(stores), ..Self::new(caps) }
    }

    /// The log is taken for one that was written before stores were known.
    pub fn is_unaware_of_stores(&mut self) {
        self.stores = StoresBeside::unaware();
    }

    /// Judges one command on a table in any state. Names, the audit and the revision are not the table's, so they are not judged.
    ///
    /// # Errors
    /// The machine and the reference differ.
    pub fn transition(
        caps: &Caps,
        before: &PlacementTable,
        command: &migration::Command,
        outcome: Result<Epoch, MigrationError>,
        after: &PlacementTable,
    ) -> Result<(), Disagreement> {
        let mut beside = Self::beside(caps, before)?;
        // What was given out, a record that is gone included.
        let (epoch, migration) = before.returned(command.partition);
        beside.numbers.takes_epoch(command.partition, epoch);
        beside.numbers.takes_migration(migration);
        let abstracted = adapter::transition(command);
        let answer = match outcome {
            Ok(epoch) => {
                let migration = after.record(command.partition).map(|record| record.migration);
                judge::Answer::Made { partition: command.partition, epoch, migration }
            }
            Err(error) => judge::Answer::Refused(
                adapter::refusal(&error).ok_or_else(|| Disagreement::new("T2", error, "no such refusal"))?,
            ),
        };
        let judged = beside.table.judge(&mut beside.numbers, Index(0), &abstracted, &answer);
        judged.map_err(|disagreement| told(&abstracted, outcome, &disagreement))?;
        beside.all(rule_of(&abstracted.change), after)
    }

    /// Judges a table whose floors were raised.
    ///
    /// # Errors
    /// The machine and the reference differ.
    pub fn raised(
        caps: &Caps,
        before: &PlacementTable,
        (epoch, migration): (Epoch, MigrationId),
        after: &PlacementTable,
    ) -> Result<(), Disagreement> {
        let mut beside = Self::beside(caps, before)?;
        beside.table.raise(epoch);
        let (epochs, migrations) = after.floor();
        if epochs < epoch || migrations < migration.max(before.floor().1) {
            return Err(Disagreement::new("T37", (epochs, migrations), (epoch, migration)));
        }
        beside.all("T37", after)
    }

    /// Beside a table in any state.
    fn beside(caps: &Caps, before: &PlacementTable) -> Result<Self, Disagreement> {
        let mut beside = Self::new(caps);
        for record in before.records() {
            let abstraction = adapter::record(record)
                .ok_or_else(|| Disagreement::new("T1 to T33", record, "no record is like this one"))?;
            beside.table.records.insert(record.partition, abstraction);
        }
        Ok(beside)
    }

    /// Compares every record.
    fn all(&mut self, rule: &'static str, after: &PlacementTable) -> Result<(), Disagreement> {
        let listed = after.records().map(|record| record.partition);
        let partitions: BTreeSet<_> = listed.chain(self.table.records.keys().copied()).collect();
        partitions.into_iter().try_for_each(|partition| self.record(rule, partition, after))
    }

    /// What the reference has.
    #[must_use]
    pub const fn table(&self) -> &Table {
        &self.table
    }

    /// The numbers that were given out.
    #[must_use]
    pub const fn numbers(&self) -> &Numbers {
        &self.numbers
    }

    /// Judges the answer to an entry that was applied at this index, and the state after it: the record of its partition, and the
    /// revision. [`Self::compare`] looks at the rest.
    ///
    /// # Errors
    /// The machine and the reference differ. The reference is then of no use any more.
    pub fn applied(
        &mut self,
        at: Index,
        entry: &ControlPlaneEntry,
        answer: &Answer,
        after: &ControlPlaneState,
    ) -> Result<(), Disagreement> {
        if let ControlPlaneEntry::StoreChange(change) = entry {
            if let Some((number, asked)) = self.stores.changed(Revision(at.0), change, answer, &self.table)? {
                self.table.notes(at, Audited::Stores(number, asked));
            }
            self.stores.compare(after.stores())?;
            return self.unchanged(after);
        }
        let Some(command) = adapter::command(entry) else { return self.noted(at, entry, answer) };
        if self.stores.forbids(&command.change, answer)? {
            return self.unchanged(after);
        }
        let rule = rule_of(&command.change);
        let Some(known) = known(entry, answer, after) else {
            return Err(Disagreement::new(rule, answer, "no answer to this entry"));
        };
        let judged = self.table.judge(&mut self.numbers, at, &command, &known);
        judged.map_err(|disagreement| told(&command, answer, &disagreement))?;
        if let (Subject::Name(name), judge::Answer::Made { .. }) = (command.subject, known) {
            self.names.insert(name);
        }
        let partition = match (entry, known) {
            (_, judge::Answer::Made { partition, .. }) => Some(partition),
            (ControlPlaneEntry::OwnershipTransition(command), judge::Answer::Refused(_)) => {
                Some(command.partition)
            }
            (_, judge::Answer::Refused(_)) => None,
        };
        if let Some(partition) = partition {
            self.record(rule, partition, after.table())?;
        }
        self.unchanged(after)
    }

    /// The revision is the one that the reference has.
    fn unchanged(&self, after: &ControlPlaneState) -> Result<(), Disagreement> {
        let (have, expected) = (after.revision(), self.table.revision);
        if have == expected { Ok(()) } else { Err(Disagreement::new("T35", have, expected)) }
    }

    fn noted(&mut self, at: Index, entry: &ControlPlaneEntry, answer: &Answer) -> Result<(), Disagreement> {
        let refused = matches!((entry, answer), (ControlPlaneEntry::OrderChange(_), Answer::OrderRefused(_)));
        if *answer != Answer::Noted && !refused {
            return Err(Disagreement::new("T2", answer, Answer::Noted));
        }
        if let ControlPlaneEntry::MembershipChange(change) = entry
            && let Some(change) = adapter::member_change(change)
        {
            self.table.notes(at, Audited::Members(change));
        }
        Ok(())
    }

    /// Judges a recovery at this index, from the state that the reference has to the one after it.
    ///
    /// # Errors
    /// The machine and the reference differ.
    pub fn recovered(&mut self, at: Index, after: &ControlPlaneState) -> Result<(), Disagreement> {
        let renamed = |record: &PartitionRecord| {
            let debt = record.placed.and_then(|placed| placed.debt).map(|debt| debt.migration);
            (record.partition, Renamed { epoch: record.epoch, migration: record.migration, debt })
        };
        let renamed: BTreeMap<_, _> = after.table().records().map(renamed).collect();
        let judged = self.table.recover(&mut self.numbers, at, &renamed);
        judged.map_err(|disagreement| Disagreement::new("T33", renamed, disagreement))?;
        self.compare(after)
    }

    /// The state continues from this older one. What was given out since stays given out.
    pub fn restore(&mut self, backup: &Self) {
        self.table = backup.table.clone();
        self.stores.restore(&backup.stores);
    }

    /// Compares the whole state, and what the table says of itself.
    ///
    /// # Errors
    /// The machine and the reference differ.
    pub fn compare(&mut self, state: &ControlPlaneState) -> Result<(), Disagreement> {
        self.compare_records(state)?;
        let audit: Option<Vec<_>> = state.audit().after(Index(0)).map(adapter::audited).collect();
        if audit.as_ref() != Some(&self.table.audit) {
            return Err(Disagreement::new("T34", audit, &self.table.audit));
        }
        Ok(())
    }

    /// Compares all of the state but the audit, and what the table says of itself.
    ///
    /// # Errors
    /// The machine and the reference differ.
    pub fn compare_records(&mut self, state: &ControlPlaneState) -> Result<(), Disagreement> {
        self.all("T1 to T33", state.table())?;
        self.stores.compare(state.stores())?;
        for name in &self.names {
            let have = name.clone().try_into().ok().and_then(|name| state.directory().partition(&name));
            let expected = self.table.names.get(name).copied();
            if have != expected {
                return Err(Disagreement::new("T8", (name, have), expected));
            }
        }
        if state.revision() != self.table.revision {
            return Err(Disagreement::new("T35", state.revision(), self.table.revision));
        }
        self.tells(state)
    }

    /// Compares one record. What the reference leaves open it takes from the table.
    fn record(
        &mut self,
        rule: &'static str,
        partition: PartitionId,
        table: &PlacementTable,
    ) -> Result<(), Disagreement> {
        let record = table.record(partition);
        let have = record.map(|record| adapter::record(record).ok_or(record)).transpose();
        let expected = self.table.records.get_mut(&partition);
        let have = have.map_err(|record| Disagreement::new(rule, record, "no record is like this one"))?;
        let mut expected = expected;
        if let Some(expected) = &mut expected {
            adopts_target(expected, have.as_ref());
        }
        if have.as_ref() != expected.as_deref() {
            return Err(Disagreement::new(rule, (partition, have), expected));
        }
        Ok(())
    }

    /// What the table says of itself, and to gateways and stores.
    fn tells(&self, state: &ControlPlaneState) -> Result<(), Disagreement> {
        let table = state.table();
        let in_flight = adapter::size(table.migrations_in_flight());
        if in_flight != self.table.migrations(None) {
            return Err(Disagreement::new("T11", in_flight, self.table.migrations(None)));
        }
        if adapter::size(table.partitions()) != self.table.records.len() {
            return Err(Disagreement::new("T7", table.partitions(), self.table.records.len()));
        }
        for store in self.stores() {
            let (have, expected) = (table.migrations_touching(store), self.table.migrations(Some(store)));
            if adapter::size(have) != expected {
                return Err(Disagreement::new("T11", (store, have), expected));
            }
        }
        for record in table.records() {
            let partition = record.partition;
            let told = record.resolution(state.revision()).map(|told| {
                let (reads, writes) = (told.state.read_placement(), told.state.write_placement());
                (reads, writes, told.epoch, adapter::guarantee(told.guarantee), told.revision)
            });
            let expected = self.table.resolution(partition);
            if told != expected {
                return Err(Disagreement::new("T36", (partition, told), expected));
            }
            let name = state.directory().name(partition).cloned().map(String::from);
            if name != self.table.name(partition) {
                return Err(Disagreement::new("T8", (partition, name), self.table.name(partition)));
            }
        }
        for partition in self.numbers.partitions() {
            let (epoch, migration) = table.returned(partition);
            let (epochs, migrations) = (self.numbers.epoch(partition), self.numbers.highest_migration());
            if epoch < epochs || migration < migrations {
                return Err(Disagreement::new("T3, T4", (partition, epoch, migration), (epochs, migrations)));
            }
        }
        Ok(())
    }

    fn stores(&self) -> BTreeSet<Placement> {
        let ends = |record: &Record| {
            let placed = record.placed?;
            Some([Some(placed.owner), placed.flight.map(|flight| flight.to)])
        };
        self.table.records.values().filter_map(ends).flatten().flatten().collect()
    }
}

/// The incarnation of the target in a debt, where the rules do not say it.
fn adopts_target(expected: &mut Record, have: Option<&Record>) {
    let other = have.and_then(|have| have.placed?.debt);
    if let (Some(debt), Some(other)) =
        (expected.placed.as_mut().and_then(|placed| placed.debt.as_mut()), other)
    {
        debt.target = debt.target.or(other.target);
    }
}

/// The answer in the reference's words; `None`: it is no answer to this entry.
fn known(entry: &ControlPlaneEntry, answer: &Answer, after: &ControlPlaneState) -> Option<judge::Answer> {
    let migration = |partition: PartitionId| after.table().record(partition).map(|record| record.migration);
    match (answer, entry) {
        (Answer::Refused(refusal), _) => Some(judge::Answer::Refused(adapter::refusal(refusal)?)),
        (Answer::Epoch(epoch), ControlPlaneEntry::OwnershipTransition(command)) => {
            let (partition, epoch) = (command.partition, *epoch);
            Some(judge::Answer::Made { partition, epoch, migration: migration(partition) })
        }
        (Answer::Named { partition, epoch }, ControlPlaneEntry::NamedTransition { .. }) => {
            let (partition, epoch) = (*partition, *epoch);
            Some(judge::Answer::Made { partition, epoch, migration: migration(partition) })
        }
        (
            Answer::Noted
            | Answer::Epoch(_)
            | Answer::Named { .. }
            | Answer::Store { .. }
            | Answer::StoreRefused(_)
            | Answer::OrderRefused(_),
            _,
        ) => None,
    }
}

fn told(command: &Command, answer: impl fmt::Debug, disagreement: &judge::Disagreement) -> Disagreement {
    let rule = match disagreement {
        judge::Disagreement::RefusedFor { .. } | judge::Disagreement::Violates(_) => rule_of(&command.change),
        judge::Disagreement::OtherPartition { .. } | judge::Disagreement::PartitionNumber => "T8, T37",
        judge::Disagreement::Epoch { .. } => "T3",
        judge::Disagreement::Migration { .. } => "T4",
    };
    Disagreement::new(rule, answer, disagreement)
}

/// The rules of a change.
const fn rule_of(change: &Change) -> &'static str {
    match change {
        Change::Create(..) => "T6, T7",
        Change::Open(..) => "T9",
        Change::Begin(..) => "T10 to T13",
        Change::StartBlock(..) => "T14",
        Change::EnterCutover(..) => "T15",
        Change::EnterTimedCutover(..) => "T16",
        Change::RecordWatermark(..) => "T17",
        Change::Complete(..) => "T18",
        Change::Abort(..) => "T20, T38",
        Change::Force(..) => "T21, T22",
        Change::Settle(..) => "T24",
        Change::Retire(..) => "T27",
        Change::Forget(_) => "T28",
        Change::WriteOff(..) => "T29",
        Change::Delete(_) => "T30",
        Change::Release(..) => "T32",
    }
}
