//! A checker that tries every order, every fate of an unanswered operation and every number: for histories of a few
//! operations on one partition.

use cutover::core::ids::{Epoch, MigrationId, PartitionId, Revision};
use cutover::core::invariant::history::{Answer, Invocation, Operation, Refusal, Seen};
use cutover::core::migration::{Caps, Command, PartitionRecord, PlacementTable, Transition};

const CAPS: Caps = Caps {
    migrations_per_placement: u32::MAX,
    migrations_overall: u32::MAX,
    partitions: u32::MAX,
    old_copies_per_partition: u32::MAX,
};

struct Brute<'a> {
    operations: &'a [Operation],
    /// Upper limit for numbers: no history of a few operations contains a higher one.
    numbers: u64,
}

#[derive(Clone)]
struct State {
    table: PlacementTable,
    epoch: Epoch,
    last: MigrationId,
    /// The record that was last read with a revision, and that revision.
    seen: Option<(PartitionRecord, Revision)>,
}

/// Whether some order explains the history.
pub fn is_linearizable(operations: &[Operation], numbers: u64) -> bool {
    let table = PlacementTable::new(CAPS);
    let start = State { table, epoch: Epoch::ZERO, last: MigrationId::ZERO, seen: None };
    Brute { operations, numbers }.search(&start, 0)
}

impl Brute<'_> {
    fn search(&self, state: &State, placed: u32) -> bool {
        let is_open = |at: usize| placed & (1 << at) == 0;
        let needed = |at: &usize| {
            is_open(*at) && self.operations[*at].is_answered() && self.operations[*at].completed.is_some()
        };
        if !(0..self.operations.len()).any(|at| needed(&at)) {
            return true;
        }
        let first_end =
            (0..self.operations.len()).filter(needed).filter_map(|at| self.operations[at].completed).min();
        (0..self.operations.len()).filter(|at| is_open(*at)).any(|at| {
            let operation = &self.operations[at];
            first_end.is_none_or(|end| operation.invoked <= end)
                && self.after(state, operation).iter().any(|next| self.search(next, placed | 1 << at))
        })
    }

    /// The states after an operation; empty if its answer does not fit.
    fn after(&self, state: &State, operation: &Operation) -> Vec<State> {
        match &operation.call {
            Invocation::Read { .. } if operation.completed.is_none() => Vec::new(),
            Invocation::Read { seen, revision } => read(state, operation.partition, seen, *revision),
            Invocation::Apply { answer: Answer::NotCommitted, .. } => Vec::new(),
            Invocation::Apply { transition, answer } => {
                let command = Command { partition: operation.partition, transition: transition.clone() };
                self.apply(state, &command, answer)
            }
        }
    }

    fn apply(&self, state: &State, command: &Command, answer: &Answer) -> Vec<State> {
        let mut next = Vec::new();
        let allocates = matches!(command.transition, Transition::Create { .. } | Transition::Begin { .. });
        let absent = state.table.record(command.partition).is_none();
        let creates = absent && matches!(command.transition, Transition::Create { .. });
        let ids = if allocates { state.last.0 + 1..=self.numbers } else { 0..=0 };
        for id in ids {
            let epochs = if creates { state.epoch.0 + 1..=self.numbers } else { 0..=0 };
            for epoch in epochs {
                let mut after = state.clone();
                if allocates {
                    let floor = Epoch(epoch.saturating_sub(1));
                    after.table.raise_floor(floor, MigrationId(id - 1));
                }
                let result = after.table.apply(command);
                let fits = match (answer, &result) {
                    (Answer::Ok { epoch }, Ok(is)) => epoch == is,
                    (Answer::Refused(said), Err(error)) => {
                        let is = Refusal::of(error);
                        said.reason == is.reason && (said.have.is_none() || said.have == is.have)
                    }
                    (Answer::Indeterminate, _) => true,
                    _ => false,
                };
                let is_capped = matches!(answer, Answer::Refused(said) if said.reason.ends_with("Cap"));
                if is_capped && result.is_ok() {
                    next.push(state.clone());
                } else if fits {
                    if let Ok(epoch) = result {
                        after.epoch = epoch;
                        let record = after.table.record(command.partition);
                        after.last = record.map_or(after.last, |record| record.migration.max(after.last));
                    } else {
                        after = state.clone();
                    }
                    next.push(after);
                }
            }
        }
        next
    }
}

fn read(state: &State, partition: PartitionId, seen: &Seen, revision: Option<Revision>) -> Vec<State> {
    let record = state.table.record(partition);
    let fits = match seen {
        Seen::Record(seen) => record == Some(seen),
        Seen::Nothing => record.is_none(),
        Seen::Unplaced => record.is_none_or(|record| record.placed.is_none()),
    };
    let mut next = state.clone();
    if let (Some(revision), Seen::Record(record)) = (revision, seen) {
        if let Some((before, at)) = &state.seen {
            let rises = if before == record { *at <= revision } else { *at < revision };
            if !rises {
                return Vec::new();
            }
        }
        next.seen = Some((record.clone(), revision));
    }
    if fits { vec![next] } else { Vec::new() }
}
