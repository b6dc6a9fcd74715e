//! The placement table: every command, in every state, with every kind of statement.

use super::happening::{Kind, TableEvent, happening};
use super::world::{CAPS, PARTITIONS, PLACEMENTS, TableFixture};
use super::{cases, codec};
use cutover::core::ids::{Epoch, MigrationId, PartitionId, Placement};
use cutover::core::invariant::{Fact, Findings, Monitor};
use cutover::core::migration::{
    Caps, Command, Kept, MigrationError, PartitionRecord, Placed, PlacementTable, Policy, Transition,
};
use cutover::core::placement::{Guarantee, PartitionState, Phase};
use cutover::node::proto::v1;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

/// An input of a replica of the table.
#[derive(Clone, Debug)]
pub enum Entry {
    Command(Command),
    Floor(Epoch, MigrationId),
}

/// A run, with what is needed to judge the next step.
pub struct Run {
    world: TableFixture,
    pub log: Vec<Entry>,
    /// The highest epoch so far of each partition.
    highest: BTreeMap<PartitionId, Epoch>,
    given: BTreeSet<MigrationId>,
    monitors: Vec<Monitor>,
}

impl Run {
    pub fn new() -> Self {
        Self {
            world: TableFixture::new(CAPS),
            log: Vec::new(),
            highest: BTreeMap::new(),
            given: BTreeSet::new(),
            monitors: (0..PARTITIONS).map(|_| Monitor::new(None, Vec::new())).collect(),
        }
    }

    pub fn happen(&mut self, what: &TableEvent) -> Result<(), TestCaseError> {
        match *what {
            TableEvent::Commit { partition, kind, stale, said, last } => {
                if let Kind::Begin(to) = kind {
                    self.plan(partition, to)?;
                }
                if let Some(command) = self.world.command(partition, kind, stale, said, last) {
                    self.commit(&command)?;
                }
            }
            TableEvent::Ask { partition, store, what, stale } => {
                self.world.ask_for(partition, store, what, stale)
            }
            TableEvent::Drive { partition, took_over, wait_over } => {
                for command in self.world.drive(partition, took_over, wait_over) {
                    self.commit(&command)?;
                }
            }
            TableEvent::Write { partition, store, id, behind } => {
                self.world.write(partition, store, id, behind)
            }
            TableEvent::Copy { partition } => self.world.copy(partition),
            TableEvent::Trim { partition, store, left } => self.world.trim(partition, store, left),
            TableEvent::Wipe { partition, store } => self.world.wipe(partition, store),
            TableEvent::Floor { epoch, migration } => self.floor(Epoch(epoch), MigrationId(migration))?,
        }
        Ok(())
    }

    /// Checks that a dry run predicts the outcome of the real one and changes nothing.
    fn plan(&self, partition: u64, to: Placement) -> Result<(), TestCaseError> {
        let partition = PartitionId(partition);
        let planned = self.world.table.plan(partition, to, &Policy::PRODUCTION);
        let Some(record) = self.world.table.record(partition) else {
            prop_assert_eq!(planned, Err(MigrationError::UnknownPartition { partition }));
            return Ok(());
        };
        let mut table = self.world.table.clone();
        let begin = Transition::Begin { expected: record.expected(), to };
        let begun = table.apply(&Command { partition, transition: begin });
        prop_assert_eq!(planned.as_ref().map(|plan| plan.draining), begun.as_ref().map(|epoch| *epoch));
        if let (Ok(plan), Some(after)) = (planned, table.record(partition)) {
            let placed = after.placed.expect("it is migrating");
            let state = PartitionState::Migrating { from: plan.from, to: plan.to, phase: Phase::Draining };
            prop_assert_eq!((placed.state, after.migration), (state, plan.migration));
            prop_assert_eq!((placed.guarantee, plan.expected), (plan.guarantee, record.expected()));
        }
        Ok(())
    }

    fn floor(&mut self, epoch: Epoch, migration: MigrationId) -> Result<(), TestCaseError> {
        let before = self.world.table.clone();
        self.world.table.raise_floor(epoch, migration);
        self.log.push(Entry::Floor(epoch, migration));
        prop_assert_eq!(before.records().count(), self.world.table.records().count());
        for (old, new) in before.records().zip(self.world.table.records()) {
            let raised = old.epoch.max(new.epoch);
            let mut expected = PartitionRecord { epoch: raised, ..old.clone() };
            // While draining, the facts name the same epoch.
            if let Some(Placed { cutover: Some(facts), .. }) = &mut expected.placed
                && facts.draining == old.epoch
            {
                facts.draining = raised;
            }
            prop_assert_eq!(new, &expected, "only the epoch is raised");
            prop_assert!(new.epoch > epoch, "a token of {epoch} may be out there");
            prop_assert!(old.epoch <= epoch || new.epoch == old.epoch, "no more than needed");
        }
        // The next number is higher.
        let mut table = self.world.table.clone();
        let free = (0..).map(PartitionId).find(|id| table.record(*id).is_none()).expect("ids are many");
        let create = Transition::Create { placement: Placement(0), guarantee: Guarantee::Sealed };
        if let Ok(next) = table.apply(&Command { partition: free, transition: create }) {
            let given = table.record(free).expect("it was created").migration;
            prop_assert!(
                next > epoch && given > migration,
                "{next} and {given} after {epoch} and {migration}"
            );
        }
        for record in self.world.table.records() {
            let highest = self.highest.entry(record.partition).or_insert(Epoch::ZERO);
            *highest = (*highest).max(record.epoch);
        }
        Ok(())
    }

    fn commit(&mut self, command: &Command) -> Result<(), TestCaseError> {
        let before = self.world.table.clone();
        let outcome = self.world.table.apply(command);
        self.log.push(Entry::Command(command.clone()));
        let (partition, table) = (command.partition, &self.world.table);
        let (old, new) = (before.record(partition), table.record(partition));
        let mut findings = Findings::new(true);
        let fact = Fact::Decided { before: old, command, outcome, after: new, owner: None };
        self.monitors[usize::try_from(partition.0).unwrap()].feed(&fact, &mut findings);
        prop_assert_eq!(findings.bits(), 0, "{:?}", findings.violations());
        let Ok(epoch) = outcome else {
            prop_assert_eq!(&before, table, "a refusal leaves the table as it was: {:?}", outcome);
            return Ok(());
        };
        let others = |table: &PlacementTable| -> Vec<PartitionRecord> {
            table.records().filter(|record| record.partition != partition).cloned().collect()
        };
        prop_assert_eq!(others(&before), others(table), "no other partition is touched");
        let highest = self.highest.entry(partition).or_insert(Epoch::ZERO);
        let state = |record: Option<&PartitionRecord>| {
            record.and_then(|record| record.placed).map(|placed| placed.state)
        };
        if state(old) == state(new) {
            prop_assert!(epoch >= *highest, "{epoch} after {highest}");
        } else {
            prop_assert!(
                epoch > *highest,
                "{:?} became {:?} at {}, after {}",
                state(old),
                state(new),
                epoch,
                highest
            );
        }
        prop_assert!(new.is_none_or(|record| record.epoch == epoch));
        *highest = epoch;
        if let (Transition::Create { .. } | Transition::Begin { .. }, Some(record)) =
            (&command.transition, new)
        {
            let newest = self.given.last().copied().unwrap_or(MigrationId::ZERO);
            prop_assert!(record.migration > newest, "{} after {newest}", record.migration);
            self.given.insert(record.migration);
        }
        stands(table)
    }
}

/// Properties of a table in every state.
fn stands(table: &PlacementTable) -> Result<(), TestCaseError> {
    let mut moving = Vec::new();
    let mut partitions = 0;
    for record in table.records() {
        partitions += 1;
        let told = v1::Record::of(record, None);
        let heard = PartitionRecord::try_from(&told);
        prop_assert_eq!(heard.as_ref(), Ok(record), "as clients are told");
        prop_assert!(record.placed.is_some() || !record.old_copies.is_empty(), "a tombstone without a copy");
        let places: Vec<_> = record.old_copies.iter().map(|old| old.placement).collect();
        let distinct: BTreeSet<_> = places.iter().copied().collect();
        prop_assert_eq!(places.len(), distinct.len(), "two old copies at one placement");
        let room = CAPS.old_copies_per_partition;
        prop_assert!(places.len() <= usize::try_from(room).unwrap(), "{} old copies", places.len());
        let Some(placed) = record.placed else { continue };
        let owner = placed.state.read_placement();
        prop_assert!(
            owner.0 < PLACEMENTS && !distinct.contains(&owner),
            "the owner's copy is not an old one"
        );
        let (cutover, target) = match placed.state {
            PartitionState::Active(_) => (false, None),
            PartitionState::Migrating { from, to, phase } => {
                prop_assert_ne!(from, to);
                prop_assert!(!distinct.contains(&to));
                moving.extend([from, to]);
                (phase == Phase::Cutover, Some(to))
            }
        };
        prop_assert_eq!(placed.state.write_placement(), (!cutover).then_some(owner));
        prop_assert!(placed.cutover.is_some() || !cutover, "no facts in a cutover");
        prop_assert!(placed.cutover.is_none() || target.is_some(), "facts of a cutover without a migration");
        let ahead = placed.cutover.filter(|_| !cutover);
        prop_assert!(
            ahead.is_none_or(|facts| facts.watermark.is_none() && facts.draining == record.epoch),
            "facts of a cutover that has not come"
        );
        let facts = placed.cutover;
        prop_assert!(
            facts.is_none_or(|facts| facts.watermark.is_some() == facts.digest.is_some()),
            "a last write without the digest of the copy, or one without the other: {facts:?}"
        );
        // Only the last migration's copy is gone on with, or it is that of this migration's target.
        if let Some(Kept { migration, placement }) = placed.kept {
            prop_assert_ne!(placement, owner);
            let right = match target {
                Some(to) => to == placement && migration < record.migration && migration > placed.copy,
                None => migration == record.migration,
            };
            prop_assert!(right, "{:?} is kept by {:?}", placed.kept, record);
        }
        prop_assert!(placed.copy <= record.migration && placed.owned_since <= record.epoch);
        prop_assert!(target.is_none() || placed.opened, "a migration begins once the partition is open");
    }
    let at = |placement: u64| moving.iter().filter(|place| place.0 == placement).count();
    prop_assert!(moving.len() / 2 <= usize::try_from(CAPS.migrations_overall).unwrap());
    prop_assert!(
        (0..PLACEMENTS).all(|place| at(place) <= usize::try_from(CAPS.migrations_per_placement).unwrap())
    );
    prop_assert!(partitions <= CAPS.partitions);
    prop_assert_eq!(usize::try_from(table.migrations_in_flight()).unwrap(), moving.len() / 2);
    Ok(())
}

/// Applies the log to a new replica, with commands decoded from bytes.
fn replica(log: &[Entry]) -> PlacementTable {
    let mut table = PlacementTable::new(CAPS);
    for entry in log {
        match entry {
            Entry::Command(command) => {
                let bytes = command.encode().expect("every command fits");
                let _ = table.apply(&Command::decode(&bytes).expect("it was encoded just now"));
            }
            Entry::Floor(epoch, migration) => table.raise_floor(*epoch, *migration),
        }
    }
    table
}

proptest! {
    #![proptest_config(cases(16))]

    #[test]
    fn the_table_keeps_its_promises(happenings in prop::collection::vec(happening(), 0..120)) {
        let mut run = Run::new();
        for what in &happenings {
            run.happen(what)?;
        }
        prop_assert_eq!(&replica(&run.log), &run.world.table, "a replica that read the log has the same table");
        let stored = postcard::to_allocvec(&run.world.table).expect("a table can be stored");
        prop_assert_eq!(postcard::from_bytes::<PlacementTable>(&stored).expect("and read"), run.world.table);
    }

    /// Commands with statements of foreign sinks, with arbitrary numbers.
    #[test]
    fn a_foreign_command_is_refused_or_judged_like_any_other(commands in prop::collection::vec(codec::command(), 0..12)) {
        let mut table = PlacementTable::new(Caps::PRODUCTION);
        for command in commands {
            let before = table.clone();
            let outcome = table.apply(&command);
            let creates = matches!(command.transition, Transition::Create { .. });
            prop_assert_eq!(outcome.is_ok(), creates, "only a creation rests on nothing: {:?}", outcome);
            if outcome.is_err() {
                prop_assert_eq!(&before, &table);
            }
        }
    }
}
