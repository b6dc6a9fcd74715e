//! The search for an order of one partition's operations.
//!
//! Events are taken in order of time. When an answer is reached whose operation is not placed yet, the search
//! chooses an operation to place next: that one, another one that changes the record, or one with an unknown
//! outcome. An operation that changes nothing is placed as soon as its answer fits the record.

use super::known::Known;
use super::operation::{Answer, Operation};
use super::spec::{Lever, Spec, StateId, index};
use super::timeline::{Kind, Slot, Timeline, Wants};
use crate::core::ids::PartitionId;
use crate::core::migration::PartitionRecord;
use alloc::borrow::ToOwned;
use alloc::collections::BTreeMap;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// For each class of operations with an unknown outcome, how many are placed, as far as that can still
/// matter.
type Used = Vec<(u32, u32)>;

/// A configuration of the search.
#[derive(Clone)]
struct Node {
    /// The number of events taken so far.
    event: usize,
    state: StateId,
    /// Operations invoked and not placed.
    open: Vec<Slot>,
    /// Operations placed whose answer has not been reached yet.
    ahead: Vec<Slot>,
    used: Used,
}

#[derive(Clone, Copy)]
enum Choice {
    Answered(Slot, StateId),
    Unknown(u32, StateId),
}

struct Frame {
    node: Node,
    choices: Vec<Choice>,
    /// Whether operations with an unknown outcome are among the choices.
    all: bool,
    placed: usize,
}

/// A placed operation: its index in the history, and the state after it.
pub(super) type Placed = (usize, StateId);

/// The result of a search.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Ended {
    Found,
    Nothing,
    Budget,
}

pub(super) struct Search<'a> {
    spec: Spec,
    timeline: Timeline<'a>,
    visited: BTreeMap<(usize, StateId, Vec<Slot>), Vec<Used>>,
    order: Vec<Placed>,
    left: u64,
}

impl<'a> Search<'a> {
    /// A search for an order of one partition's operations, given with their indexes in the whole history, from the record
    /// with which it begins.
    pub(super) fn of(
        partition: PartitionId,
        operations: &[(usize, &'a Operation)],
        begins_with: Option<&PartitionRecord>,
    ) -> Self {
        let known = Known::of(operations.iter().map(|(_, operation)| *operation));
        let mut spec = Spec::new(partition, known, begins_with);
        let timeline = Timeline::new(&mut spec, operations);
        Self { spec, timeline, visited: BTreeMap::new(), order: Vec::new(), left: 0 }
    }

    /// Searches until an order is found, all are excluded, or the budget is used up. Also returns the rest of
    /// the budget.
    pub(super) fn run(&mut self, budget: u64) -> (Ended, u64) {
        self.left = budget;
        let ended = self.search();
        (ended, self.left)
    }

    /// The order that was found.
    pub(super) fn order(&self) -> &[Placed] {
        &self.order
    }

    /// The text of the record in a state.
    pub(super) fn record(&self, state: StateId) -> String {
        self.spec.record(state).map_or_else(|| "none".to_owned(), ToString::to_string)
    }

    fn search(&mut self) -> Ended {
        let mut stack: Vec<Frame> = Vec::new();
        let mut node =
            Node { event: 0, state: Spec::START, open: Vec::new(), ahead: Vec::new(), used: Vec::new() };
        loop {
            let Some(due) = self.advance(&mut node) else { return Ended::Found };
            if self.is_new(&node) {
                let placed = self.order.len();
                let choices = self.among_answered(&node, due);
                stack.push(Frame { node, choices, all: false, placed });
            }
            node = loop {
                let Some(frame) = stack.last_mut() else { return Ended::Nothing };
                self.order.truncate(frame.placed);
                if frame.choices.is_empty() && !frame.all {
                    frame.all = true;
                    frame.choices = self.among_unknown(&frame.node);
                }
                let Some(choice) = frame.choices.pop() else {
                    stack.pop();
                    continue;
                };
                let Some(left) = self.left.checked_sub(1) else { return Ended::Budget };
                self.left = left;
                if let Some(next) = self.after(&frame.node, choice) {
                    break next;
                }
            };
        }
    }

    /// Takes events until an answer is reached whose operation is not placed; returns that operation.
    fn advance(&mut self, node: &mut Node) -> Option<Slot> {
        while let Some((kind, slot)) = self.timeline.event(node.event) {
            match kind {
                Kind::Asked if self.fits(node.state, slot) => {
                    self.place(slot, node.state);
                    node.ahead.push(slot);
                }
                Kind::Asked => node.open.push(slot),
                Kind::Answered => {
                    let at = node.ahead.iter().position(|other| *other == slot);
                    let Some(at) = at else { return Some(slot) };
                    node.ahead.swap_remove(at);
                }
            }
            node.event += 1;
        }
        None
    }

    /// Whether the operation has its answer in this state, and changes nothing.
    fn fits(&mut self, state: StateId, slot: Slot) -> bool {
        match self.timeline.wants(slot) {
            Some(Wants::Seen(seen)) => self.spec.shows(state, seen),
            Some(Wants::Answer(command, answer)) => self.spec.answers(state, *command, answer),
            None => false,
        }
    }

    fn place(&mut self, slot: Slot, state: StateId) {
        self.order.extend(self.timeline.operation(slot).map(|operation| (operation, state)));
    }

    /// Whether no visited configuration covers this one. A configuration covers another one with the same
    /// event, state and placed operations that has used as many or more operations with an unknown outcome.
    fn is_new(&mut self, node: &Node) -> bool {
        let mut ahead = node.ahead.clone();
        ahead.sort_unstable();
        let visited = self.visited.entry((node.event, node.state, ahead)).or_default();
        let covers = |old: &Used| old.iter().all(|(class, count)| used(&node.used, *class) >= *count);
        if visited.iter().any(covers) {
            return false;
        }
        visited.push(node.used.clone());
        true
    }

    /// The open operations with an answer that change the state. The last choice is tried first, which is the
    /// operation whose answer was reached (`due`).
    fn among_answered(&mut self, node: &Node, due: Slot) -> Vec<Choice> {
        let mut choices = Vec::new();
        let others = node.open.iter().copied().filter(|slot| *slot != due);
        for slot in others.chain(core::iter::once(due)) {
            if let Some(Wants::Answer(command, Answer::Ok { epoch })) = self.timeline.wants(slot) {
                let states = self.spec.moves(node.state, *command, Some(*epoch));
                choices.extend(states.into_iter().rev().map(|state| Choice::Answered(slot, state)));
            }
        }
        choices
    }

    /// The operations with an unknown outcome, invoked by now, that change the state.
    fn among_unknown(&mut self, node: &Node) -> Vec<Choice> {
        let now = self.timeline.time(node.event);
        let mut choices = Vec::new();
        for lever in self.spec.levers(node.state) {
            for class in self.timeline.opens(lever) {
                let Some(open) = self.timeline.open(*class) else { continue };
                let next = open.invoked.get(index(used(&node.used, *class)));
                if next.is_some_and(|(invoked, _)| *invoked <= now) {
                    let states = self.spec.moves(node.state, open.command, None);
                    choices.extend(states.into_iter().rev().map(|state| Choice::Unknown(*class, state)));
                }
            }
        }
        choices
    }

    /// The configuration after a choice. `None`: the epoch has passed an answer that needs an earlier one.
    fn after(&mut self, node: &Node, choice: Choice) -> Option<Node> {
        let mut next = node.clone();
        match choice {
            Choice::Answered(slot, state) => {
                next.state = state;
                next.open.retain(|other| *other != slot);
                next.ahead.push(slot);
                self.place(slot, state);
            }
            Choice::Unknown(class, state) => {
                next.state = state;
                let count = used(&next.used, class);
                let open = self.timeline.open(class).and_then(|open| open.invoked.get(index(count)));
                self.order.extend(open.map(|(_, operation)| (*operation, state)));
                next.used.retain(|(other, _)| *other != class);
                next.used.push((class, count + 1));
            }
        }
        let epoch = self.spec.epoch(next.state);
        // An epoch never returns, so a command that expects an earlier one has no effect any more. In the cutover, an abort may
        // expect that of the draining phase.
        let expected =
            self.spec.record(next.state).and_then(PartitionRecord::draining_epoch).unwrap_or(epoch);
        let lever = |class| self.timeline.open(class).map(|open| open.lever);
        next.used.retain(|(class, _)| !matches!(lever(*class), Some(Lever::At(_, at)) if at < expected));
        for slot in core::mem::take(&mut next.open) {
            if self.fits(next.state, slot) {
                self.place(slot, next.state);
                next.ahead.push(slot);
            } else {
                next.open.push(slot);
            }
        }
        let behind = self.timeline.needs_before(epoch, next.event, &next.open);
        (!behind).then_some(next)
    }
}

fn used(used: &Used, class: u32) -> u32 {
    used.iter().find(|(other, _)| *other == class).map_or(0, |(_, count)| *count)
}
