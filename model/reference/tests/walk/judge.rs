//! One world: the table, its reference, and the comparison of the two.

use super::choose::Choice;
use super::dice::Dice;
use super::orders;
use super::sinks::Sinks;
use super::tally::Tally;
use cutover::core::control_plane::{
    Answer, ControlPlaneEntry, ControlPlaneState, StoreChange, StoreRefusal, Stores,
};
use cutover::core::ids::{ClusterId, Halt, Index, PartitionId};
use cutover::core::migration::{Caps, EPOCH_LEAP, Expected, PartitionRecord, Transition, TransitionKind};
use cutover::core::raft::Machine;
use cutover_reference::beside::table::TableBeside;

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
    reference: TableBeside,
    past: Vec<Expected>,
    backup: Option<(ControlPlaneState, TableBeside)>,
    step: u64,
    recoveries: u64,
    /// The step at which the log is taken for one of an older format; 0: at none.
    older_until: u64,
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
        let older_until = if dice.percent(75) { 200 } else { 0 };
        Self {
            dice,
            sinks: Sinks::default(),
            state: ControlPlaneState::new(ClusterId(1), caps, []),
            reference: TableBeside::new(&caps),
            past: Vec::new(),
            backup: None,
            step: 0,
            recoveries: 0,
            older_until,
        }
    }

    /// One command, or a recovery.
    pub fn step(&mut self, tally: &mut Tally) -> Result<(), String> {
        self.step += 1;
        if self.step == self.older_until {
            // All so far was in a log that knew no stores, which is read now: records name numbers that no store has.
            self.state = self.state.clone().with_stores(Stores::unknown_so_far());
            self.reference.is_unaware_of_stores();
            self.backup = None;
        }
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
            directory: self.state.directory(),
            stores: self.state.stores(),
            orders: self.state.orders(),
            changes_stores: true,
            past: &self.past,
        };
        let entry = choice.entry();
        self.apply(&entry, tally)
    }

    fn apply(&mut self, entry: &ControlPlaneEntry, tally: &mut Tally) -> Result<(), String> {
        let at = Index(self.step);
        let subject = subject(entry, &self.state);
        let before = subject.and_then(|partition| self.state.table().record(partition).cloned());
        let unchanged = (self.dice.below(32) == 0).then(|| self.state.clone());
        let mut halt: Option<Halt> = None;
        // The table is given what a log gives back.
        let read = read_back(entry)?;
        let answer = self.state.apply(at, &read, &mut halt);
        let say = |what: &str| {
            format!(
                "step {}: {what}\ncommand: {entry:?}\nthe table answers: {answer:?}\nbefore: {before:?}",
                at.0
            )
        };
        if let Some(halt) = halt {
            return Err(say(&format!("the table halts: {halt:?}")));
        }
        let judged = self.reference.applied(at, entry, &answer, &self.state);
        judged.map_err(|disagreement| say(&disagreement.to_string()))?;
        let refusal = match &answer {
            Answer::Refused(refusal) => Some(format!("{refusal:?}")),
            Answer::StoreRefused(StoreRefusal::InUse { used, .. }) => Some(format!("InUseAs{used:?}")),
            Answer::StoreRefused(refusal) => Some(format!("{refusal:?}")),
            Answer::OrderRefused(refusal) => Some(format!("{refusal:?}")),
            Answer::Noted | Answer::Epoch(_) | Answer::Named { .. } | Answer::Store { .. } => None,
        };
        orders::fit(&self.state).map_err(|why| say(&why))?;
        let word = refusal.as_ref().map(|text| text.split([' ', '{']).next().unwrap_or(text));
        tally.notes(kind(entry), word);
        if let (Some(partition), None) = (subject, &refusal) {
            mark(tally, entry, before.as_ref(), self.state.table().record(partition));
        }
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

    /// The state, and now and then the whole audit.
    fn compare(&mut self) -> Result<(), String> {
        let whole = self.step.is_multiple_of(AUDIT_EVERY);
        let reference = &mut self.reference;
        let same =
            if whole { reference.compare(&self.state) } else { reference.compare_records(&self.state) };
        same.map_err(|difference| difference.to_string())
    }

    /// The backup, or the state itself, continues as another life.
    fn recover(&mut self) -> Result<(), String> {
        let is_held = self.state.table().held().next().is_some();
        if let Some((state, reference)) = &self.backup
            && self.dice.percent(if is_held { 20 } else { 60 })
        {
            self.state = state.clone();
            self.reference.restore(reference);
        }
        self.recoveries += 1;
        let at = Index(self.step);
        let reached = self.state.table().floor().0.0 / EPOCH_LEAP;
        let times = self.recoveries.saturating_sub(reached).max(1);
        let before = self.state.clone();
        self.state = before.clone().recovered([], times, at);
        let judged = self.reference.recovered(at, &self.state);
        judged.map_err(|disagreement| {
            let records: Vec<_> = before.table().records().collect();
            format!("step {}: recovery by {times} leaps: {disagreement}\nbefore: {records:?}", at.0)
        })
    }
}

/// The partition that a command names.
fn subject(entry: &ControlPlaneEntry, state: &ControlPlaneState) -> Option<PartitionId> {
    match entry {
        ControlPlaneEntry::OwnershipTransition(command) => Some(command.partition),
        ControlPlaneEntry::NamedTransition { name, .. } => state.directory().partition(name),
        ControlPlaneEntry::MembershipChange(_)
        | ControlPlaneEntry::StoreChange(_)
        | ControlPlaneEntry::OrderChange(_)
        | ControlPlaneEntry::LeaderConfiguration { .. } => None,
    }
}

/// What is new in the record, and was not at once to be seen.
fn mark(
    tally: &mut Tally,
    entry: &ControlPlaneEntry,
    before: Option<&PartitionRecord>,
    after: Option<&PartitionRecord>,
) {
    let (had, has) = (before.and_then(|record| record.placed), after.and_then(|record| record.placed));
    let (Some(had), Some(has)) = (had, has) else { return };
    tally.marks(match kind(entry) {
        "abort" if has.kept.is_some() => "abort keeps the copy",
        "abort" => "abort keeps no copy",
        "begin" if has.kept.is_some() => "begin goes on with a copy",
        "begin" => "begin goes on with none",
        "complete" if had.kept.is_some() => "complete of a kept copy",
        "force" if has.debt.is_some_and(|debt| debt.copied.is_some()) => "force of all rows",
        "force" => "force of a copy that lacks rows",
        _ => return,
    });
}

fn kind(entry: &ControlPlaneEntry) -> &'static str {
    let transition = match entry {
        ControlPlaneEntry::OwnershipTransition(command) => &command.transition,
        ControlPlaneEntry::NamedTransition { transition: Transition::Create { .. }, .. } => {
            return "create by name";
        }
        ControlPlaneEntry::NamedTransition { transition, .. } => transition,
        ControlPlaneEntry::StoreChange(change) => {
            return match change {
                StoreChange::Add { number: Some(_), .. } => "add a store in use",
                StoreChange::Add { number: None, .. } => "add a store",
                StoreChange::MoveEndpoints { .. } => "move a store",
                StoreChange::Remove { .. } => "remove a store",
            };
        }
        ControlPlaneEntry::OrderChange(change) => return orders::kind(change),
        ControlPlaneEntry::MembershipChange(_) | ControlPlaneEntry::LeaderConfiguration { .. } => {
            return "change of the members";
        }
    };
    match transition.kind() {
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

/// The entry after encoding and decoding, as in a log or on a network.
fn read_back(entry: &ControlPlaneEntry) -> Result<ControlPlaneEntry, String> {
    let bytes = postcard::to_allocvec(entry).map_err(|error| format!("{entry:?}: {error}"))?;
    let read = postcard::from_bytes(&bytes).map_err(|error| format!("{entry:?}: {error}"))?;
    if read == *entry { Ok(read) } else { Err(format!("proposed: {entry:?}\nread back: {read:?}")) }
}
