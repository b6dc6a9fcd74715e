//! Random concurrent executions of the production table, where each command takes effect at one point in time.

use super::make::{abort, dropped, ended, evidence, prepared, reading, receipt};
use cutover::core::ids::{Incarnation, PartitionId, Placement, Revision};
use cutover::core::invariant::history::{Answer, Invocation, Operation, Seen};
use cutover::core::migration::{
    Caps, Command, Expected, Operator, PartitionRecord, Placed, PlacementTable, Reason, Settlement,
    Transition,
};
use cutover::core::placement::{Guarantee, PartitionState, Phase};
use std::collections::BTreeMap;

/// A source of random numbers below a bound.
pub type Dice<'a> = dyn FnMut(u64) -> u64 + 'a;

/// The size of an execution, and how often something goes wrong.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    pub clients: u64,
    pub partitions: u32,
    /// Total number of operations.
    pub operations: usize,
    /// Percentage of transitions that never get an answer.
    pub lost: u64,
    /// Percentage of operations that are reads.
    pub reads: u64,
}

/// A command in flight, with the position of its operation in the history.
struct Flying {
    operation: usize,
    command: Option<Command>,
    /// The table's answer, once the command has taken effect.
    said: Option<Invocation>,
}

struct Execution {
    table: PlacementTable,
    revision: Revision,
    now: u64,
    operations: Vec<Operation>,
    /// The operation in flight of each client.
    clients: Vec<Option<Flying>>,
    /// Commands in flight whose client has given up.
    adrift: Vec<Command>,
    /// The record that each client last saw of each partition.
    views: BTreeMap<(u64, PartitionId), Option<PartitionRecord>>,
}

const PLACEMENTS: u64 = 3;

const CAPS: Caps = Caps {
    migrations_per_placement: 40,
    migrations_overall: 60,
    partitions: 1000,
    old_copies_per_partition: 2,
};

/// A history of a correct system.
pub fn execute(shape: Shape, dice: &mut Dice<'_>) -> Vec<Operation> {
    let mut run = Execution {
        table: PlacementTable::new(CAPS),
        revision: Revision::ZERO,
        now: 0,
        operations: Vec::new(),
        clients: (0..shape.clients).map(|_| None).collect(),
        adrift: Vec::new(),
        views: BTreeMap::new(),
    };
    while run.operations.len() < shape.operations || run.clients.iter().any(Option::is_some) {
        run.now += dice(3).min(1);
        let client = dice(shape.clients);
        let slot = usize::try_from(client).unwrap();
        match run.clients[slot].take() {
            None if run.operations.len() < shape.operations => run.ask(client, shape, dice),
            None => {}
            Some(flying) if flying.said.is_none() => run.take_effect(slot, flying, shape, dice),
            Some(flying) => run.end(slot, flying, shape, dice),
        }
        if !run.adrift.is_empty() && dice(10) == 0 {
            let which = dice(u64::try_from(run.adrift.len()).unwrap());
            let command = run.adrift.swap_remove(usize::try_from(which).unwrap());
            run.commit(&command);
        }
    }
    run.operations
}

impl Execution {
    fn ask(&mut self, client: u64, shape: Shape, dice: &mut Dice<'_>) {
        // A client uses few partitions, so that it reads each of them again soon.
        let near = (client + dice(3)) % u64::from(shape.partitions);
        let partition = PartitionId(near + 1);
        let view = if dice(4) == 0 {
            self.views.get(&(client, partition)).cloned()
        } else {
            self.views.remove(&(client, partition))
        };
        let command = match view {
            Some(view) if dice(100) >= shape.reads => {
                Some(Command { partition, transition: transition(partition, view.as_ref(), dice) })
            }
            _ => None,
        };
        // The answer is filled in later.
        let call = match &command {
            Some(command) => {
                Invocation::Apply { transition: command.transition.clone(), answer: Answer::Indeterminate }
            }
            None => Invocation::Read { seen: Seen::Nothing, revision: None },
        };
        let operation = self.operations.len();
        self.operations.push(Operation { client, partition, invoked: self.now, completed: None, call });
        self.clients[usize::try_from(client).unwrap()] = Some(Flying { operation, command, said: None });
    }

    fn commit(&mut self, command: &Command) -> Answer {
        let result = self.table.apply(command);
        if result.is_ok() {
            self.revision = self.revision.next();
        }
        Answer::of(&result)
    }

    /// The point at which a command takes effect, if it does.
    fn take_effect(&mut self, slot: usize, mut flying: Flying, shape: Shape, dice: &mut Dice<'_>) {
        let Some(command) = flying.command.clone() else {
            let partition = self.operations[flying.operation].partition;
            let record = self.table.record(partition).cloned();
            let revision = record.is_some().then_some(self.revision);
            let seen = match record {
                Some(PartitionRecord { placed: None, .. }) if dice(2) == 0 => Seen::Unplaced,
                Some(record) => Seen::Record(record),
                None => Seen::Nothing,
            };
            flying.said = Some(Invocation::Read { seen, revision });
            self.clients[slot] = Some(flying);
            return;
        };
        if dice(100) < shape.lost {
            // The client gives up before the command takes effect, which may happen later.
            if dice(2) == 0 {
                self.adrift.push(command);
            }
            if dice(2) == 0 {
                self.operations[flying.operation].completed = Some(self.now);
            }
        } else if dice(20) == 0 {
            let transition = command.transition;
            flying.said = Some(Invocation::Apply { transition, answer: Answer::NotCommitted });
            self.clients[slot] = Some(flying);
        } else {
            let answer = self.commit(&command);
            flying.said = Some(Invocation::Apply { transition: command.transition, answer });
            self.clients[slot] = Some(flying);
        }
    }

    fn end(&mut self, slot: usize, flying: Flying, shape: Shape, dice: &mut Dice<'_>) {
        let operation = &mut self.operations[flying.operation];
        let lost = flying.command.is_some() && dice(100) < shape.lost;
        if lost {
            return;
        }
        operation.completed = Some(self.now);
        operation.call = flying.said.unwrap();
        if let Invocation::Read { seen, .. } = &operation.call {
            let record = if let Seen::Record(record) = seen { Some(record.clone()) } else { None };
            self.views.insert((u64::try_from(slot).unwrap(), operation.partition), record);
        }
    }
}

/// A transition that a client might request after it has seen this record.
fn transition(partition: PartitionId, view: Option<&PartitionRecord>, dice: &mut Dice<'_>) -> Transition {
    let placement = |dice: &mut Dice<'_>| Placement(dice(PLACEMENTS));
    let guarantee = if dice(4) == 0 { Guarantee::Timed } else { Guarantee::Sealed };
    let Some(record) = view else { return Transition::Create { placement: placement(dice), guarantee } };
    let expected = record.expected();
    if let Some(old) = record.old_copies.first().filter(|_| dice(3) == 0 || record.placed.is_none()) {
        return if dice(2) == 0 {
            Transition::RetireCopy { placement: old.placement, copy: old.copy }
        } else {
            Transition::ForgetCopy { dropped: dropped(partition, old.placement, old.copy) }
        };
    }
    let Some(placed) = record.placed else {
        return Transition::Create { placement: placement(dice), guarantee };
    };
    if let Some(debt) = placed.debt.filter(|_| dice(2) == 0) {
        let proof = Settlement::Dropped(dropped(partition, debt.placement, debt.copy));
        return Transition::Settle { migration: debt.migration, proof };
    }
    let enforces = placed.guarantee == Guarantee::Sealed;
    match placed.state {
        PartitionState::Active(store) if !placed.opened => {
            Transition::Open { expected, prepared: prepared(partition, store, expected, enforces) }
        }
        PartitionState::Active(_) if dice(4) == 0 => Transition::Delete { expected },
        PartitionState::Active(_) => Transition::Begin { expected, to: placement(dice) },
        PartitionState::Migrating { from, to, phase } => {
            migrate(partition, record, placed, (from, to, phase), dice)
        }
    }
}

fn migrate(
    partition: PartitionId,
    record: &PartitionRecord,
    placed: Placed,
    (from, to, phase): (Placement, Placement, Phase),
    dice: &mut Dice<'_>,
) -> Transition {
    let expected = record.expected();
    match dice(8) {
        0 => return abort(expected),
        1 => {
            // A budget that ran out before the cutover was committed.
            let epoch = record.draining_epoch().unwrap_or(record.epoch);
            return abort(Expected { epoch, ..expected });
        }
        3 if phase == Phase::Draining => {
            return Transition::StartBlock { expected, target: Incarnation(1) };
        }
        2 => {
            let ended = ended(partition, to, expected, dice(3));
            let operator = Operator::try_from("ann".to_owned()).unwrap();
            let reason = Reason::try_from("the source burns".to_owned()).unwrap();
            return Transition::Force { expected, ended, partial: false, operator, reason };
        }
        _ => {}
    }
    match (phase, placed.guarantee, placed.cutover.and_then(|facts| facts.watermark)) {
        (Phase::Draining, Guarantee::Sealed, _) => {
            Transition::EnterCutover { expected, receipt: receipt(partition, from, expected, dice(2)) }
        }
        (Phase::Draining, Guarantee::Timed, _) => {
            Transition::EnterTimedCutover { expected, prepared: prepared(partition, to, expected, true) }
        }
        (Phase::Cutover, Guarantee::Timed, None) => {
            Transition::RecordWatermark { expected, reading: reading(partition, from, expected, 1) }
        }
        (Phase::Cutover, _, _) => {
            Transition::Complete { expected, evidence: evidence(partition, to, expected, dice(3)) }
        }
    }
}
