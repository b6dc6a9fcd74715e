//! What can be placed, or left out, without a choice.
//!
//! Each rule here replaces a configuration by one from which every order goes on that went on from the first:
//! - What changes nothing is placed as soon as it has its answer.
//! - A value that nothing has to see or exclude any more is like every other such value ([`OTHER`]).
//! - A write is *complete* if everything that has to see its value is open now, and sees it at once. Where the register holds a
//!   value that nothing has to see, or is about to be overwritten, a complete write and what sees it can be placed: take any order that
//!   goes on without them, and leave them out of it where they come later. What followed them there saw no more of them, since all
//!   that sees the value is placed; a refusal that may have rested on it is the exception (`refusals.rs`).
//! - A value is *stranded* if something has to see it that ends before anything can write it again.
//!
//! If each value is written once and nothing is refused, no choice is left: every configuration has one successor at most.

use super::node::Node;
use super::op::{Effect, Number, OTHER, Slot, index};
use super::search::Search;

impl Search {
    /// Forgets a state that does not matter any more, and places what is in nobody's way then.
    pub(super) fn settle(&mut self, node: &mut Node) {
        if node.state == super::node::OVERWRITTEN {
            return;
        }
        if node.state != OTHER && self.is_past(node, node.state, false) {
            node.state = OTHER;
        }
        if node.state == OTHER {
            self.bury_complete(node, None);
        }
        let now = self.timeline.time(node.event);
        if self.timeline.refused_until < now {
            let mut used = core::mem::take(&mut node.used);
            used.retain(|(class, _)| {
                let written = self.timeline.open(*class).and_then(|open| open.effect.writes());
                written.is_some_and(|value| !self.is_past(node, value, false))
            });
            node.used = used;
        }
        node.used.sort_unstable();
    }

    /// Places complete writes with what sees them, other than `except`.
    pub(super) fn bury_complete(&mut self, node: &mut Node, except: Option<Slot>) {
        let mut at = 0;
        while let Some(slot) = node.open.get(at).copied() {
            at += 1;
            let Some(value) = self.complete(node, slot).filter(|_| Some(slot) != except) else { continue };
            self.place(node, slot);
            self.absorb(node, value);
            at = 0;
        }
    }

    /// The value of a complete write.
    pub(super) fn complete(&self, node: &Node, slot: Slot) -> Option<Number> {
        let Effect::Write(value) = self.timeline.op(slot)?.effect else { return None };
        let is = !self.timeline.is_needed_by_refusal(slot) && self.is_past(node, value, true);
        is.then_some(value)
    }

    /// Whether nothing has to see or exclude a value from now on, or can expect it. `reads`: those that are open now do not count.
    pub(super) fn is_past(&self, node: &Node, value: Number, reads: bool) -> bool {
        if value == OTHER {
            return true;
        }
        let Some(facts) = self.timeline.facts(value) else { return false };
        let now = self.timeline.time(node.event);
        let is_ahead = facts.observers.last().is_some_and(|(invoked, _)| *invoked > now);
        if is_ahead || facts.excluded_until >= now || !facts.levers.is_empty() {
            return false;
        }
        let waits = |slot: &Slot| match self.timeline.op(*slot).map(|op| op.effect) {
            Some(Effect::Read(seen)) => !reads && seen == value,
            Some(Effect::Cas(seen, _)) => seen == value,
            Some(Effect::Not(_) | Effect::Write(_)) | None => false,
        };
        !node.open.iter().any(waits)
    }

    /// Whether something has to see this value, which the register does not hold any more, and ends before it can be written again.
    pub(super) fn strands(&self, node: &Node, value: Number) -> bool {
        if !self.needs_help(node, value, None) {
            return false;
        }
        let Some(facts) = self.timeline.facts(value) else { return false };
        let deadline = self.deadline(node, value, None);
        let unused = |class: &u32| {
            let member =
                self.timeline.open(*class).and_then(|open| open.invoked.get(index(node.used(*class))));
            member.is_some_and(|(invoked, _)| *invoked < deadline)
        };
        !facts.opens.iter().any(unused)
    }

    /// Whether that is so but for operations that may never take effect, and for one that sees the value now.
    pub(super) fn needs_help(&self, node: &Node, value: Number, seer: Option<Slot>) -> bool {
        let Some(facts) = self.timeline.facts(value).filter(|_| value != OTHER) else { return false };
        let writes =
            |slot: &Slot| self.timeline.op(*slot).is_some_and(|op| op.effect.writes() == Some(value));
        let deadline = self.deadline(node, value, seer);
        if deadline == u64::MAX || node.open.iter().any(writes) {
            return false;
        }
        let now = self.now(node);
        let next = facts.writers.partition_point(|invoked| *invoked <= now);
        facts.writers.get(next).is_none_or(|invoked| *invoked > deadline)
    }

    /// The first end of what has to see a value and is not placed, apart from one.
    fn deadline(&self, node: &Node, value: Number, but: Option<Slot>) -> u64 {
        let waiting =
            node.open.iter().filter(|slot| Some(**slot) != but).filter_map(|slot| self.timeline.op(*slot));
        let waiting = waiting.filter(|op| op.effect.sees() == Some(value)).filter_map(|op| op.completed);
        let now = self.now(node);
        let later = self.timeline.facts(value).and_then(|facts| {
            let next = facts.observers.partition_point(|(invoked, _)| *invoked <= now);
            facts.observers.get(next).map(|(_, end)| *end)
        });
        waiting.chain(later).min().unwrap_or(u64::MAX)
    }

    /// The time up to which events are taken.
    fn now(&self, node: &Node) -> u64 {
        match node.event.checked_sub(1) {
            None => 0,
            Some(before) => self.timeline.time(before),
        }
    }
}
