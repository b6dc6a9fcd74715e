//! One world: the table, its reference, and the comparison of the two.

use super::adapter;
use super::choose::{Choice, NAMES};
use super::dice::Dice;
use super::sinks::{STORES, Sinks};
use super::tally::Tally;
use cutover::core::control_plane::{Answer, ControlPlaneEntry, ControlPlaneState};
use cutover::core::ids::{ClusterId, Halt, Index, PartitionId};
use cutover::core::migration::{Caps, EPOCH_LEAP, Expected, PartitionRecord, TransitionKind};
use cutover::core::raft::Machine;
use cutover_reference::judge::{self, Renamed};
use cutover_reference::numbers::Numbers;
use cutover_reference::table::Table;
use std::collections::BTreeMap;

/// Records that a late command may speak of.
const PAST: usize = 16;

/// Steps between two recoveries, and while a migration is held.
const RECOVER_EVERY: u64 = 700;
const RECOVER_HELD_EVERY: u64 = 60;

/// How often the whole audit log is compared.
const AUDIT_EVERY: u64 = 256;

pub struct Walk {
    dice: Dice,
    sinks: Sinks,
    state: ControlPlaneState,
    reference: Table,
    numbers: Numbers,
    past: Vec<Expected>,
    backup: Option<(ControlPlaneState, Table)>,
    step: u64,
    recoveries: u64,
}

impl Walk {
    pub fn new(seed: u64, world: u64) -> Self {
        let mut dice = Dice::new(seed, world);
        let mut limit = |least: u64, more: u64| u32::try_from(least + dice.below(more)).expect("it is small");
        let caps = Caps {
            migrations_per_placement: limit(1, 4),
            migrations_overall: limit(1, 4),
            partitions: limit(2, 3),
            old_copies_per_partition: limit(1, 3),
        };
        Self {
            dice,
            sinks: Sinks::default(),
            state: ControlPlaneState::new(ClusterId(1), caps, []),
            reference: Table::new(adapter::limits(&caps)),
            numbers: Numbers::new(),
            past: Vec::new(),
            backup: None,
            step: 0,
            recoveries: 0,
        }
    }

    /// One command, or a recovery.
    pub fn step(&mut self, tally: &mut Tally) -> Result<(), String> {
        self.step += 1;
        if self.dice.below(400) == 0 {
            self.backup = Some((self.state.clone(), self.reference.clone()));
        }
        // What a recovery makes of what it held before is rare otherwise.
        let every =
            if self.state.table().held().next().is_some() { RECOVER_HELD_EVERY } else { RECOVER_EVERY };
        if self.dice.below(every) == 0 {
            tally.notes_recovery();
            return self.recover();
        }
        let mut choice = Choice {
            dice: &mut self.dice,
            sinks: &mut self.sinks,
            table: self.state.table(),
            past: &self.past,
        };
        let entry = choice.entry();
        self.apply(&entry, tally)
    }

    fn apply(&mut self, entry: &ControlPlaneEntry, tally: &mut Tally) -> Result<(), String> {
        let at = Index(self.step);
        let before = named(entry).and_then(|partition| self.state.table().record(partition).cloned());
        let unchanged = (self.dice.below(32) == 0).then(|| self.state.clone());
        let mut halt: Option<Halt> = None;
        let answer = self.state.apply(at, entry, &mut halt);
        let say = |what: &str| {
            format!(
                "step {}: {what}\ncommand: {entry:?}\nthe table answers: {answer:?}\nbefore: {before:?}",
                at.0
            )
        };
        if let Some(halt) = halt {
            return Err(say(&format!("the table halts: {halt:?}")));
        }
        let known =
            self.answer(entry, &answer).ok_or_else(|| say("an answer that the reference does not know"))?;
        let judged = self.reference.judge(&mut self.numbers, at, &adapter::command(entry), &known);
        judged.map_err(|disagreement| say(&format!("the reference says: {disagreement:?}")))?;
        let refusal = match &answer {
            Answer::Refused(refusal) => Some(format!("{refusal:?}")),
            Answer::Noted | Answer::Epoch(_) | Answer::Created { .. } => None,
        };
        let word = refusal.as_ref().map(|text| text.split([' ', '{']).next().unwrap_or(text));
        tally.notes(kind(entry), word);
        if refusal.is_some() && unchanged.is_some_and(|unchanged| unchanged != self.state) {
            return Err(say("a refusal changes the state"));
        }
        self.compare().map_err(|difference| say(&difference))?;
        if let Some(before) = before
            && refusal.is_none()
        {
            self.past.push(before.expected());
            let surplus = self.past.len().saturating_sub(PAST);
            self.past.drain(..surplus);
        }
        Ok(())
    }

    fn answer(&self, entry: &ControlPlaneEntry, answer: &Answer) -> Option<judge::Answer> {
        let migration =
            |partition: PartitionId| self.state.table().record(partition).map(|record| record.migration);
        match (answer, named(entry)) {
            (Answer::Refused(refusal), _) => Some(judge::Answer::Refused(adapter::refusal(refusal)?)),
            (Answer::Epoch(epoch), Some(partition)) => {
                Some(judge::Answer::Made { partition, epoch: *epoch, migration: migration(partition) })
            }
            (Answer::Created { partition, epoch }, None) => Some(judge::Answer::Made {
                partition: *partition,
                epoch: *epoch,
                migration: migration(*partition),
            }),
            (Answer::Noted | Answer::Epoch(_) | Answer::Created { .. }, _) => None,
        }
    }

    /// The backup, or the state itself, continues as another life.
    fn recover(&mut self) -> Result<(), String> {
        let is_held = self.state.table().held().next().is_some();
        if let Some((state, reference)) = &self.backup
            && self.dice.percent(if is_held { 20 } else { 60 })
        {
            (self.state, self.reference) = (state.clone(), reference.clone());
        }
        self.recoveries += 1;
        let at = Index(self.step);
        let reached = self.state.table().floor().0.0 / EPOCH_LEAP;
        let times = self.recoveries.saturating_sub(reached).max(1);
        let before = self.state.clone();
        self.state = before.clone().recovered([], times, at);
        let renamed = |record: &PartitionRecord| {
            let debt = record.placed.and_then(|placed| placed.debt).map(|debt| debt.migration);
            (record.partition, Renamed { epoch: record.epoch, migration: record.migration, debt })
        };
        let renamed: BTreeMap<_, _> = self.state.table().records().map(renamed).collect();
        let say = |what: String| {
            let records: Vec<_> = before.table().records().collect();
            format!("step {}: recovery by {times} leaps: {what}\nbefore: {records:?}", at.0)
        };
        let judged = self.reference.recover(&mut self.numbers, at, &renamed);
        judged.map_err(|disagreement| say(format!("the reference says: {disagreement:?}")))?;
        self.compare().map_err(say)
    }

    /// The whole state, and what the table says of itself.
    fn compare(&mut self) -> Result<(), String> {
        let whole = self.step.is_multiple_of(AUDIT_EVERY);
        let table = self.state.table();
        let audit = self.state.audit();
        let newest = self.reference.audit.last().map_or(0, |entry| entry.index.0);
        let since = if whole { Index(0) } else { Index(newest.saturating_sub(1)) };
        let audit: Option<Vec<_>> = audit.after(since).map(adapter::audited).collect();
        let names = NAMES.map(str::to_owned);
        let machine =
            audit.and_then(|audit| adapter::table(&self.state, self.reference.limits, &names, audit));
        let Some(mut machine) = machine else {
            return Err(format!("a state that the reference does not know: {:?}", self.state));
        };
        for (partition, record) in &mut self.reference.records {
            let other = machine.records.get(partition).and_then(|record| record.placed?.debt);
            if let (Some(debt), Some(other)) = (record.placed.as_mut().and_then(|p| p.debt.as_mut()), other) {
                debt.target = debt.target.or(other.target);
            }
        }
        let kept =
            self.reference.audit.len() - if whole { 0 } else { self.reference.audit.len().saturating_sub(1) };
        let records = &self.reference.records;
        for partition in machine.records.keys().chain(records.keys()) {
            let (have, expected) = (machine.records.get(partition), records.get(partition));
            if have != expected {
                return Err(format!(
                    "the record of {partition} differs\nthe table has:     {have:?}\nthe reference has: {expected:?}"
                ));
            }
        }
        let tail = &self.reference.audit[self.reference.audit.len() - kept..];
        if machine.names != self.reference.names
            || machine.revision != self.reference.revision
            || machine.audit != tail
        {
            machine.records.clear();
            let expected = (&self.reference.names, self.reference.revision, tail);
            return Err(format!("the table's: {machine:?}\nthe reference's: {expected:?}"));
        }
        self.queries(table).map_err(|what| format!("{what}; the reference's records: {records:?}"))
    }

    fn queries(&self, table: &cutover::core::migration::PlacementTable) -> Result<(), String> {
        let reference = &self.reference;
        let size = |count: u32| usize::try_from(count).expect("it is small");
        let in_flight = size(table.migrations_in_flight());
        if in_flight != reference.migrations(None) {
            return Err(format!("{in_flight} migrations are said to be in flight"));
        }
        if let Some(store) = STORES
            .iter()
            .find(|store| size(table.migrations_touching(**store)) != reference.migrations(Some(**store)))
        {
            return Err(format!(
                "{} migrations are said to touch {store}",
                table.migrations_touching(*store)
            ));
        }
        if size(table.partitions()) != reference.records.len() {
            return Err(format!("{} partitions are said to be listed", table.partitions()));
        }
        for record in table.records() {
            let told = record.resolution(self.state.revision());
            let told = told.map(|told| {
                let (reads, writes) = (told.state.read_placement(), told.state.write_placement());
                (reads, writes, told.epoch, adapter::guarantee(told.guarantee), told.revision)
            });
            let expected = reference.resolution(record.partition);
            if told != expected {
                return Err(format!("gateways are told {told:?} of {}", record.partition));
            }
        }
        for partition in reference.records.keys().copied().chain((1..=4).map(PartitionId)) {
            let (epoch, migration) = table.returned(partition);
            if epoch < self.numbers.epoch(partition) || migration < self.numbers.highest_migration() {
                return Err(format!("a store that returns is told {epoch} and {migration} of {partition}"));
            }
            let name = self.state.directory().name(partition).cloned().map(String::from);
            if name != reference.name(partition) {
                return Err(format!("{partition} is said to be named {name:?}"));
            }
        }
        Ok(())
    }
}

/// The partition that a command names by its number.
fn named(entry: &ControlPlaneEntry) -> Option<PartitionId> {
    if let ControlPlaneEntry::OwnershipTransition(command) = entry { Some(command.partition) } else { None }
}

fn kind(entry: &ControlPlaneEntry) -> &'static str {
    let ControlPlaneEntry::OwnershipTransition(command) = entry else { return "create by name" };
    match command.transition.kind() {
        TransitionKind::Create => "create",
        TransitionKind::Open => "open",
        TransitionKind::Begin => "begin",
        TransitionKind::EnterCutover => "enter cutover",
        TransitionKind::EnterTimedCutover => "enter timed cutover",
        TransitionKind::RecordWatermark => "record watermark",
        TransitionKind::Complete => "complete",
        TransitionKind::Abort => "abort",
        TransitionKind::Force => "force",
        TransitionKind::Settle => "settle",
        TransitionKind::RetireCopy => "retire",
        TransitionKind::ForgetCopy => "forget",
        TransitionKind::Delete => "delete",
        TransitionKind::WriteOff => "write off",
        TransitionKind::Release => "release",
        TransitionKind::StartBlock => "start block",
    }
}
