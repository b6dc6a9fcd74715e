//! The search for an order of one register's operations.
//!
//! Events are taken in order of time. When an answer is reached whose operation is not placed yet, the search chooses what
//! to place next (`choices.rs`). Nothing else is placed before it must be, apart from what is in nobody's way (`settle.rs`).

use super::node::{Lanes, Node, OVERWRITTEN, Used};
use super::op::{Effect, Kind, Number, OTHER, Op, Slot, index};
use super::timeline::Timeline;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;

/// What to place next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Choice {
    /// An answered operation; what it writes stays.
    Place(Slot),
    /// An answered write that another write follows at once.
    Bury(Slot),
    /// The next open operation of a class.
    Open(u32),
}

struct Frame {
    node: Node,
    choices: Vec<Choice>,
    placed: usize,
}

pub(super) use super::timeline::Start;

/// The result of a search.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Ended {
    Found,
    Nothing,
    Budget,
}

pub(super) struct Search {
    pub(super) timeline: Timeline,
    visited: BTreeMap<(usize, Number, Lanes), Vec<Used>>,
    order: Vec<usize>,
    /// The last event up to which all answers had a place in some order.
    furthest: usize,
}

impl Search {
    /// A search for an order of these operations.
    pub(super) fn new(operations: &[Op], start: Start) -> Self {
        Self {
            timeline: Timeline::new(operations, start),
            visited: BTreeMap::new(),
            order: Vec::new(),
            furthest: 0,
        }
    }

    /// The order that was found, in numbers of operations.
    pub(super) fn order(&self) -> &[usize] {
        &self.order
    }

    /// The time of an answer before which all answers have a place in some order.
    pub(super) fn reached(&self) -> u64 {
        self.timeline.time(self.furthest)
    }

    /// Searches until an order is found, all are excluded, or `left` is used up.
    pub(super) fn run(&mut self, left: &mut u64) -> Ended {
        let starts = match self.timeline.start {
            Some(start) => start..start + 1,
            None => OTHER..self.timeline.values(),
        };
        for state in starts {
            let ended = self.run_from(state, left);
            if ended != Ended::Nothing {
                return ended;
            }
        }
        Ended::Nothing
    }

    fn run_from(&mut self, state: Number, left: &mut u64) -> Ended {
        let mut node = Node { event: 0, state, open: Vec::new(), ahead: Lanes::default(), used: Vec::new() };
        if (OTHER + 1..self.timeline.values()).any(|value| value != state && self.strands(&node, value)) {
            return Ended::Nothing;
        }
        let mut stack: Vec<Frame> = Vec::new();
        loop {
            let Some(due) = self.advance(&mut node) else { return Ended::Found };
            self.furthest = self.furthest.max(node.event);
            self.settle(&mut node);
            if node.ahead.has(self.timeline.lane(due)) {
                continue;
            }
            if self.is_new(&node) {
                let choices = self.choices(&node, due);
                stack.push(Frame { node, choices, placed: self.order.len() });
            }
            node = loop {
                let Some(mut frame) = stack.pop() else { return Ended::Nothing };
                self.order.truncate(frame.placed);
                let Some(choice) = frame.choices.pop() else { continue };
                let Some(rest) = left.checked_sub(1) else { return Ended::Budget };
                *left = rest;
                // What has no other choice need not be come back to.
                let next = if frame.choices.is_empty() {
                    frame.node
                } else {
                    let next = frame.node.clone();
                    stack.push(frame);
                    next
                };
                if let Some(next) = self.after(next, choice) {
                    break next;
                }
            };
        }
    }
    /// Takes events until an answer is reached whose operation is not placed; returns that operation.
    fn advance(&mut self, node: &mut Node) -> Option<Slot> {
        while let Some((kind, slot)) = self.timeline.event(node.event) {
            match kind {
                Kind::Asked if self.fits(node.state, slot) => self.place(node, slot),
                Kind::Asked => node.open.push(slot),
                Kind::Answered => {
                    let lane = self.timeline.lane(slot);
                    if !node.ahead.has(lane) {
                        return Some(slot);
                    }
                    node.ahead.remove(lane);
                }
            }
            node.event += 1;
        }
        None
    }

    /// Whether the operation has its answer in this state, and changes nothing.
    pub(super) fn fits(&self, state: Number, slot: Slot) -> bool {
        match self.timeline.op(slot).map(|op| op.effect) {
            Some(Effect::Read(value)) => value == state,
            Some(Effect::Not(value)) => value != state,
            Some(Effect::Write(_) | Effect::Cas(..)) | None => false,
        }
    }

    pub(super) fn place(&mut self, node: &mut Node, slot: Slot) {
        node.ahead.add(self.timeline.lane(slot));
        node.open.retain(|other| *other != slot);
        self.order.extend(self.timeline.op(slot).map(|op| op.number));
    }

    /// Places what changes nothing and has its answer in this state.
    pub(super) fn absorb(&mut self, node: &mut Node, state: Number) {
        let fitting: Vec<Slot> = node.open.iter().copied().filter(|slot| self.fits(state, *slot)).collect();
        for slot in fitting {
            self.place(node, slot);
        }
    }

    /// Whether no visited configuration covers this one. A configuration covers another one with the same
    /// event, state and placed operations that has used as many or more of the open ones.
    fn is_new(&mut self, node: &Node) -> bool {
        let used = self.compared(node);
        let visited = self.visited.entry((node.event, node.state, node.ahead.clone())).or_default();
        if visited.iter().any(|old| uses_no_more(old, &used)) {
            return false;
        }
        visited.push(used);
        true
    }

    /// What is used, to be compared with other configurations of the same event, state and placed operations: writes of values that nothing
    /// sees or excludes from now on do the same, so that only their number counts.
    fn compared(&self, node: &Node) -> Used {
        let (mut used, mut alike) = (Vec::new(), 0);
        for (class, count) in &node.used {
            match self.timeline.open(*class).map(|open| open.effect) {
                Some(Effect::Write(value)) if self.is_past(node, value, false) => alike += count,
                Some(_) | None => used.push((*class, *count)),
            }
        }
        if alike > 0 {
            used.push((u32::MAX, alike));
        }
        used.sort_unstable();
        used
    }

    /// The configuration after a choice; `None` if no order goes on from there.
    fn after(&mut self, mut node: Node, choice: Choice) -> Option<Node> {
        match choice {
            Choice::Place(slot) => {
                let effect = self.timeline.op(slot)?.effect;
                if let Effect::Cas(..) = effect {
                    self.place(&mut node, slot);
                }
                self.write(&mut node, effect, Some(slot))?;
            }
            Choice::Bury(slot) => {
                let written = self.timeline.op(slot)?.effect.writes()?;
                self.leave(&node)?;
                self.place(&mut node, slot);
                self.absorb(&mut node, written);
                if self.strands(&node, written) {
                    return None;
                }
                node.state = OVERWRITTEN;
            }
            Choice::Open(class) => {
                let used = node.used(class);
                let open = self.timeline.open(class)?;
                let (effect, (_, number)) = (open.effect, *open.invoked.get(index(used))?);
                node.uses(class);
                self.write(&mut node, effect, None)?;
                // What was buried on the way came before it.
                self.order.push(number);
                let state = node.state;
                self.absorb(&mut node, state);
            }
        }
        if node.state == OVERWRITTEN
            && let Some((_, due)) = self.timeline.event(node.event)
            && node.ahead.has(self.timeline.lane(due))
        {
            // The due operation is the last that is placed before its end: nothing would overwrite what it saw.
            return None;
        }
        Some(node)
    }

    /// Changes the state. `slot`: the write, if it is an answered one.
    fn write(&mut self, node: &mut Node, effect: Effect, slot: Option<Slot>) -> Option<()> {
        let new = effect.writes()?;
        if new != node.state {
            self.leave(node)?;
        }
        if let Effect::Write(_) = effect {
            self.bury_complete(node, slot);
        }
        node.state = new;
        if let (Some(slot), Effect::Write(_)) = (slot, effect) {
            self.place(node, slot);
            self.absorb(node, new);
        } else if slot.is_some() {
            self.absorb(node, new);
        }
        Some(())
    }

    /// `None` if something still has to see the state, and nothing can bring it back.
    fn leave(&self, node: &Node) -> Option<()> {
        let strands = node.state != OVERWRITTEN && self.strands(node, node.state);
        (!strands).then_some(())
    }
}

/// Whether as many or fewer are used of each class. Both are in order of the classes.
fn uses_no_more(one: &Used, other: &Used) -> bool {
    let mut other = other.iter();
    one.iter().all(|(class, count)| {
        let same = other.by_ref().find(|(at, _)| at >= class);
        same.is_some_and(|(at, most)| at == class && count <= most)
    })
}
