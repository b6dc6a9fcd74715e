//! One register's operations in order of time, with what the search asks of them.

use super::op::{Effect, Facts, Kind, Number, OTHER, Op, Open, Slot, index, number};
use super::refusals;
use alloc::collections::BTreeMap;
use alloc::vec;
use alloc::vec::Vec;

/// What the register holds at first, in the numbers of the operations.
#[derive(Clone, Copy, Debug)]
pub(super) enum Start {
    At(Number),
    Anywhere,
}

pub(super) struct Timeline {
    ops: Vec<Op>,
    lanes: Vec<u32>,
    /// Whether burying the operation early can take a value away from one that excludes another value.
    needed_by_refusal: Vec<bool>,
    opens: Vec<Open>,
    events: Vec<(u64, Kind, Slot)>,
    facts: Vec<Facts>,
    /// What the register holds at first; `None`: anything.
    pub(super) start: Option<Number>,
    /// The end of the last operation that excludes a value.
    pub(super) refused_until: u64,
}

impl Timeline {
    pub(super) fn new(operations: &[Op], start: Start) -> Self {
        let mut operations = operations.to_vec();
        drop_what_nobody_sees(&mut operations);
        let seen = seen(&operations);
        let small = |value: Number| seen.binary_search(&value).map_or(OTHER, |at| number(at + 1));
        operations.sort_unstable_by_key(|op| op.invoked);
        let mut timeline = Self {
            ops: Vec::new(),
            lanes: Vec::new(),
            needed_by_refusal: Vec::new(),
            opens: Vec::new(),
            events: Vec::new(),
            facts: vec![Facts::default(); seen.len() + 1],
            start: match start {
                Start::At(value) => Some(small(value)),
                Start::Anywhere => None,
            },
            refused_until: 0,
        };
        let mut classes: BTreeMap<Effect, Vec<(u64, usize)>> = BTreeMap::new();
        for mut op in operations {
            op.effect = op.effect.map(small);
            match op.completed {
                Some(completed) => timeline.answer(op, completed),
                None => classes.entry(op.effect).or_default().push((op.invoked, op.number)),
            }
        }
        for (effect, invoked) in classes {
            let class = number(timeline.opens.len());
            let facts = effect.writes().and_then(|value| timeline.facts.get_mut(index(value)));
            facts.into_iter().for_each(|facts| facts.opens.push(class));
            let facts = effect.sees().and_then(|value| timeline.facts.get_mut(index(value)));
            facts.into_iter().for_each(|facts| facts.levers.push(class));
            timeline.opens.push(Open { effect, invoked });
        }
        timeline.finish();
        timeline
    }

    fn answer(&mut self, op: Op, completed: u64) {
        let slot = number(self.ops.len());
        self.events.extend([(op.invoked, Kind::Asked, slot), (completed, Kind::Answered, slot)]);
        self.ops.push(op);
        if let Some(facts) = op.effect.writes().and_then(|value| self.facts.get_mut(index(value))) {
            facts.writers.push(op.invoked);
        }
        if let Some(facts) = op.effect.sees().and_then(|value| self.facts.get_mut(index(value))) {
            facts.observers.push((op.invoked, completed));
        }
        if let Effect::Not(value) = op.effect {
            self.refused_until = self.refused_until.max(completed);
            if let Some(facts) = self.facts.get_mut(index(value)) {
                facts.excluded_until = facts.excluded_until.max(completed);
            }
        }
    }

    fn finish(&mut self) {
        self.events.sort_unstable();
        for facts in &mut self.facts {
            let mut first = u64::MAX;
            for (_, end) in facts.observers.iter_mut().rev() {
                first = first.min(*end);
                *end = first;
            }
        }
        self.lanes = vec![0; self.ops.len()];
        let (mut free, mut lanes) = (Vec::new(), 0);
        for (_, kind, slot) in &self.events {
            let Some(lane) = self.lanes.get_mut(index(*slot)) else { continue };
            match kind {
                Kind::Asked => {
                    *lane = free.pop().unwrap_or(lanes);
                    lanes = lanes.max(*lane + 1);
                }
                Kind::Answered => free.push(*lane),
            }
        }
        self.needed_by_refusal = refusals::needed(&self.ops, &self.opens, &self.events, &self.facts);
    }

    pub(super) fn event(&self, event: usize) -> Option<(Kind, Slot)> {
        self.events.get(event).map(|(_, kind, slot)| (*kind, *slot))
    }

    /// The time of an event.
    pub(super) fn time(&self, event: usize) -> u64 {
        self.events.get(event).map_or(u64::MAX, |(time, ..)| *time)
    }

    pub(super) fn op(&self, slot: Slot) -> Option<&Op> {
        self.ops.get(index(slot))
    }

    /// A number that no other operation has that is open at the same time.
    pub(super) fn lane(&self, slot: Slot) -> u32 {
        self.lanes.get(index(slot)).copied().unwrap_or_default()
    }

    pub(super) fn is_needed_by_refusal(&self, slot: Slot) -> bool {
        self.needed_by_refusal.get(index(slot)).copied().unwrap_or(true)
    }

    pub(super) fn open(&self, class: u32) -> Option<&Open> {
        self.opens.get(index(class))
    }

    pub(super) fn classes(&self) -> u32 {
        number(self.opens.len())
    }

    pub(super) fn facts(&self, value: Number) -> Option<&Facts> {
        self.facts.get(index(value))
    }

    pub(super) fn values(&self) -> Number {
        number(self.facts.len())
    }
}

/// The values that some operation sees, expects or excludes.
fn seen(operations: &[Op]) -> Vec<Number> {
    let excludes = |effect: Effect| if let Effect::Not(value) = effect { Some(value) } else { None };
    let mut seen: Vec<Number> =
        operations.iter().filter_map(|op| op.effect.sees().or_else(|| excludes(op.effect))).collect();
    seen.sort_unstable();
    seen.dedup();
    seen
}

/// Leaves out open operations whose value no answer depends on. An order in which such a one takes effect is an order
/// without it as well: what follows it up to the next write sees nothing, since nothing sees its value. A refusal is the exception:
/// it may rest on any value but one, so nothing is left out if there are refusals.
fn drop_what_nobody_sees(operations: &mut Vec<Op>) {
    operations.retain(|op| op.completed.is_some() || op.effect.writes().is_some());
    if operations.iter().any(|op| matches!(op.effect, Effect::Not(_))) {
        return;
    }
    loop {
        let before = operations.len();
        let seen = seen(operations);
        let matters = |value: Number| seen.binary_search(&value).is_ok();
        operations.retain(|op| op.completed.is_some() || op.effect.writes().is_some_and(matters));
        if operations.len() == before {
            return;
        }
    }
}
