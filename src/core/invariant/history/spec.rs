//! The sequential specification: the production table with one partition, as a graph of states and steps.

use super::known::Known;
use super::operation::{Answer, Refusal, Seen};
use crate::core::ids::{Epoch, MigrationId, PartitionId};
use crate::core::migration::{
    Caps, Command, Expected, PartitionRecord, PlacementTable, Transition, TransitionKind,
};
use alloc::collections::BTreeMap;
use alloc::vec;
use alloc::vec::Vec;

/// The number of a state.
pub(super) type StateId = u32;
/// The number of a command; equal commands have one number.
pub(super) type CommandId = u32;

/// No limits. The caps of the whole table are not part of the specification of one partition.
const NO_CAPS: Caps = Caps {
    migrations_per_placement: u32::MAX,
    migrations_overall: u32::MAX,
    partitions: u32::MAX,
    old_copies_per_partition: u32::MAX,
};

/// A table with at most one partition.
struct State {
    table: PlacementTable,
    /// The last epoch that the partition had, even if it is deleted.
    epoch: Epoch,
    /// The last migration id that the partition had.
    last: MigrationId,
}

/// The effect of a command in a state.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Step {
    Refused(Refusal),
    /// The command is applied and changes nothing.
    Same(Epoch),
    /// The command is applied: the states that it can lead to, each with the epoch in its answer.
    To(Vec<(StateId, Epoch)>),
}

/// A coarse key by which commands are matched with the states that they can change.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Lever {
    Nothing,
    At(MigrationId, Epoch),
    Owing(MigrationId),
    Left(u64),
}

/// The specification, with the states and steps that were computed so far.
pub(super) struct Spec {
    partition: PartitionId,
    known: Known,
    states: Vec<State>,
    state_ids: BTreeMap<PlacementTable, StateId>,
    commands: Vec<Command>,
    command_ids: BTreeMap<Command, CommandId>,
    steps: BTreeMap<(StateId, CommandId), Step>,
}

impl Spec {
    /// The state in which the history begins.
    pub(super) const START: StateId = 0;

    pub(super) fn new(partition: PartitionId, known: Known, begins_with: Option<&PartitionRecord>) -> Self {
        let mut spec = Self {
            partition,
            known,
            states: Vec::new(),
            state_ids: BTreeMap::new(),
            commands: Vec::new(),
            command_ids: BTreeMap::new(),
            steps: BTreeMap::new(),
        };
        let table = PlacementTable::beginning_with(NO_CAPS, begins_with);
        let (epoch, last) =
            begins_with.map_or((Epoch::ZERO, MigrationId::ZERO), |record| (record.epoch, table.floor().1));
        spec.intern(State { table, epoch, last });
        spec
    }

    /// The number of a command, which is new if no equal command has one.
    pub(super) fn command(&mut self, transition: &Transition) -> CommandId {
        let command = Command { partition: self.partition, transition: transition.clone() };
        if let Some(id) = self.command_ids.get(&command) {
            return *id;
        }
        let id = small(self.commands.len());
        self.commands.push(command.clone());
        self.command_ids.insert(command, id);
        id
    }

    /// The record in a state.
    pub(super) fn record(&self, state: StateId) -> Option<&PartitionRecord> {
        self.states.get(index(state))?.table.record(self.partition)
    }

    /// The partition's last epoch in a state.
    pub(super) fn epoch(&self, state: StateId) -> Epoch {
        self.states.get(index(state)).map_or(Epoch::ZERO, |state| state.epoch)
    }

    /// Whether a read in this state returns this value.
    pub(super) fn shows(&self, state: StateId, seen: &Seen) -> bool {
        let record = self.record(state);
        match seen {
            Seen::Record(seen) => record == Some(seen),
            Seen::Nothing => record.is_none(),
            Seen::Unplaced => record.is_none_or(|record| record.placed.is_none()),
        }
    }

    /// Whether a command has this answer in a state and changes nothing.
    pub(super) fn answers(&mut self, state: StateId, command: CommandId, answer: &Answer) -> bool {
        let transition = self.commands.get(index(command)).map(|command| &command.transition);
        if let (Answer::Refused(said), Some(transition)) = (answer, transition)
            && said.is_of_a_store(transition)
        {
            return true;
        }
        let applied = match (self.step(state, command), answer) {
            (Some(Step::Same(epoch)), Answer::Ok { epoch: said }) => return epoch == said,
            (Some(Step::Refused(refusal)), Answer::Refused(said)) => {
                return refusal.reason == said.reason && (said.have.is_none() || said.have == refusal.have);
            }
            (step, _) => matches!(step, Some(Step::Same(_) | Step::To(_))),
        };
        let transition = self.commands.get(index(command)).map(|command| &command.transition);
        match (answer, transition) {
            (Answer::Refused(said), Some(transition)) => applied && said.is_of_a_cap(transition),
            (Answer::Ok { .. } | Answer::Refused(_) | Answer::Indeterminate | Answer::NotCommitted, _) => {
                false
            }
        }
    }

    /// The states that a command changes this one to, with this answer if there was one.
    pub(super) fn moves(
        &mut self,
        state: StateId,
        command: CommandId,
        answer: Option<Epoch>,
    ) -> Vec<StateId> {
        let Some(Step::To(to)) = self.step(state, command) else { return Vec::new() };
        let fits = |epoch: Epoch| answer.is_none_or(|said| said == epoch);
        to.iter().filter(|(_, epoch)| fits(*epoch)).map(|(state, _)| *state).collect()
    }

    /// The keys of the commands that can change a state.
    pub(super) fn levers(&self, state: StateId) -> Vec<Lever> {
        let Some(record) = self.record(state) else { return vec![Lever::Nothing] };
        let debt = record.placed.and_then(|placed| placed.debt);
        let mut levers = vec![Lever::At(record.migration, record.epoch)];
        // An abort in the cutover may name the draining phase.
        let draining = record.draining_epoch().filter(|epoch| *epoch != record.epoch);
        levers.extend(draining.map(|epoch| Lever::At(record.migration, epoch)));
        levers.extend(debt.map(|debt| Lever::Owing(debt.migration)));
        levers.extend(debt.map(|debt| Lever::Left(debt.placement.0)));
        levers.extend(record.old_copies.iter().map(|old| Lever::Left(old.placement.0)));
        levers
    }

    /// The key of the states that a command can change.
    pub(super) fn lever(&self, command: CommandId) -> Lever {
        let Some(command) = self.commands.get(index(command)) else { return Lever::Nothing };
        if let Some(Expected { migration, epoch }) = command.transition.expected() {
            return Lever::At(migration, epoch);
        }
        if let Transition::Settle { migration, .. } = &command.transition {
            Lever::Owing(*migration)
        } else if let Transition::RetireCopy { placement, .. } = &command.transition {
            Lever::Left(placement.0)
        } else if let Transition::WriteOff { placement, .. } = &command.transition {
            Lever::Left(placement.0)
        } else if let Transition::ForgetCopy { dropped } = &command.transition {
            Lever::Left(dropped.origin().store.0)
        } else {
            Lever::Nothing
        }
    }

    fn intern(&mut self, state: State) -> StateId {
        if let Some(id) = self.state_ids.get(&state.table) {
            return *id;
        }
        let id = small(self.states.len());
        self.state_ids.insert(state.table.clone(), id);
        self.states.push(state);
        id
    }

    fn step(&mut self, state: StateId, command: CommandId) -> Option<&Step> {
        let key = (state, command);
        if !self.steps.contains_key(&key) {
            let step = self.take(state, command)?;
            self.steps.insert(key, step);
        }
        self.steps.get(&key)
    }

    fn take(&mut self, state: StateId, command: CommandId) -> Option<Step> {
        let from = self.states.get(index(state))?;
        let command = self.commands.get(index(command))?;
        let mut table = from.table.clone();
        let epoch = match table.apply(command) {
            Ok(epoch) => epoch,
            Err(error) => return Some(Step::Refused(Refusal::of(&error))),
        };
        if table.record(self.partition) == from.table.record(self.partition) {
            return Some(Step::Same(epoch));
        }
        let kind = command.transition.kind();
        let next = if kind == TransitionKind::Create {
            let epochs = self.known.creations(from.epoch);
            epochs.into_iter().flat_map(|epoch| self.allocate(from, command, epoch, true)).collect()
        } else if kind == TransitionKind::Begin {
            self.allocate(from, command, epoch, false)
        } else {
            vec![State { table, epoch, last: from.last }]
        };
        let next: Vec<_> = next.into_iter().map(|state| (state.epoch, state)).collect();
        Some(Step::To(next.into_iter().map(|(epoch, state)| (self.intern(state), epoch)).collect()))
    }

    /// The states after a command that takes the next id: one for each id that it may get.
    fn allocate(&self, from: &State, command: &Command, epoch: Epoch, creates: bool) -> Vec<State> {
        let mut states = Vec::new();
        for id in self.known.ids(epoch, from.last) {
            let mut table = from.table.clone();
            // A floor of 0 does not change the epoch of the record.
            let floor = if creates { epoch.previous() } else { Epoch::ZERO };
            table.raise_floor(floor, MigrationId(id.0.saturating_sub(1)));
            if table.apply(command) == Ok(epoch)
                && table.record(self.partition).is_some_and(|record| record.migration == id)
            {
                states.push(State { table, epoch, last: id });
            }
        }
        states
    }
}

pub(super) fn small(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(u32::MAX)
}

pub(super) fn index(id: u32) -> usize {
    usize::try_from(id).unwrap_or(usize::MAX)
}
