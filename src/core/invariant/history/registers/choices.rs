//! What can be placed next, when the answer of an operation is reached that is not placed.
//!
//! All that comes before the due operation in an order is placed now, and nothing else. So a write is placed for one of three
//! reasons: it is the due operation; something sees its value, which is open now; or another write follows at once, so that
//! nothing sees it (it is *buried*). Buried writes have no order among each other. An open operation is placed only if something
//! that is open sees its value: otherwise the order without it goes on as well.

use super::node::{Node, OVERWRITTEN};
use super::op::{Effect, Number, Slot, index};
use super::search::{Choice, Search};
use alloc::vec::Vec;

/// The values that something open would see.
struct Wanted {
    values: Vec<Number>,
    /// A refusal is open: it would see any value but this one.
    not: Option<Number>,
}

impl Wanted {
    fn has(&self, value: Number) -> bool {
        self.not.is_some_and(|not| not != value) || self.values.contains(&value)
    }
}

/// The order in which choices are tried: the first is the last to be tried.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Open,
    Bury,
    Seen,
    SeenByTheDue,
    Due,
}

impl Search {
    /// The choices, of which the last is to be tried first.
    pub(super) fn choices(&self, node: &Node, due: Slot) -> Vec<Choice> {
        let wanted = self.wanted(node);
        let sees = self.timeline.op(due).and_then(|op| op.effect.sees());
        // Where something still has to see the state, and would need an open operation for it afterwards, it mostly comes first.
        let early = |seer| node.state != OVERWRITTEN && self.needs_help(node, node.state, seer);
        let leaves_early = early(None);
        let mut choices: Vec<((bool, Rank), Choice)> = Vec::new();
        let mut buried = Vec::new();
        let mut overwrites = false;
        for slot in &node.open {
            let Some(op) = self.timeline.op(*slot) else { continue };
            let rank = |value| match () {
                () if *slot == due => Rank::Due,
                () if sees == Some(value) => Rank::SeenByTheDue,
                () => Rank::Seen,
            };
            match op.effect {
                Effect::Read(_) | Effect::Not(_) => {}
                Effect::Cas(expected, new) => {
                    if expected == node.state {
                        choices.push(((!early(Some(*slot)), rank(new)), Choice::Place(*slot)));
                    }
                }
                Effect::Write(value) => {
                    let stays = *slot == due || wanted.has(value);
                    // What is buried before it may be another value than the one that the register holds now.
                    overwrites |= stays;
                    if stays || value == node.state {
                        let stays = !leaves_early || value == node.state;
                        choices.push(((stays, rank(value)), Choice::Place(*slot)));
                    }
                    if *slot != due && value != node.state && self.complete(node, *slot).is_none() {
                        let early = leaves_early || self.needs_help(node, value, None);
                        buried.push(((!early, Rank::Bury), Choice::Bury(*slot)));
                    }
                }
            }
        }
        let opens = self.opens(node, &wanted);
        if overwrites || !opens.is_empty() {
            choices.append(&mut buried);
        }
        choices.extend(opens.into_iter().map(|class| ((!leaves_early, Rank::Open), Choice::Open(class))));
        choices.sort_by_key(|(rank, _)| *rank);
        choices.into_iter().map(|(_, choice)| choice).collect()
    }

    fn wanted(&self, node: &Node) -> Wanted {
        let mut wanted = Wanted { values: Vec::new(), not: None };
        for slot in &node.open {
            let Some(op) = self.timeline.op(*slot) else { continue };
            if let Effect::Not(value) = op.effect {
                wanted.not = Some(value);
            }
            wanted.values.extend(op.effect.sees());
        }
        // An open compare-and-swap to a wanted value wants what it expects.
        let mut at = 0;
        while let Some(value) = wanted.values.get(at).copied() {
            at += 1;
            let classes = self.timeline.facts(value).map_or(&[][..], |facts| &facts.opens);
            for class in classes.iter().filter(|class| self.is_left(node, **class)) {
                let expected = self.timeline.open(*class).and_then(|open| open.effect.sees());
                wanted.values.extend(expected.filter(|value| !wanted.values.contains(value)));
            }
        }
        wanted
    }

    /// The classes of open operations that can be placed now and write a value that is wanted.
    fn opens(&self, node: &Node, wanted: &Wanted) -> Vec<u32> {
        let mut classes: Vec<u32> = match wanted.not {
            Some(_) => (0..self.timeline.classes()).collect(),
            None => {
                let facts = wanted.values.iter().filter_map(|value| self.timeline.facts(*value));
                facts.flat_map(|facts| facts.opens.iter().copied()).collect()
            }
        };
        classes.sort_unstable();
        classes.dedup();
        // A write of the state itself can overwrite what is buried before it.
        let buries = node.open.iter().any(|slot| {
            let effect = self.timeline.op(*slot).map(|op| op.effect);
            matches!(effect, Some(Effect::Write(value)) if value != node.state)
        });
        classes.retain(|class| {
            let can = match self.timeline.open(*class).map(|open| open.effect) {
                Some(Effect::Write(value)) => (buries || value != node.state) && wanted.has(value),
                Some(Effect::Cas(expected, new)) => {
                    expected == node.state && node.state != OVERWRITTEN && wanted.has(new)
                }
                Some(Effect::Read(_) | Effect::Not(_)) | None => false,
            };
            can && self.is_left(node, *class)
        });
        // Writes of values that nothing sees or excludes from now on do the same: one of them stands for all.
        let mut is_first = true;
        classes.retain(|class| match self.timeline.open(*class).map(|open| open.effect) {
            Some(Effect::Write(value)) if self.is_past(node, value, false) => core::mem::take(&mut is_first),
            Some(_) | None => true,
        });
        classes
    }

    /// Whether an operation of a class is invoked by now and not placed.
    fn is_left(&self, node: &Node, class: u32) -> bool {
        let now = self.timeline.time(node.event);
        let open = self.timeline.open(class).and_then(|open| open.invoked.get(index(node.used(class))));
        open.is_some_and(|(invoked, _)| *invoked < now)
    }
}
