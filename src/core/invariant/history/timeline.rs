//! One partition's operations in order of time.

use super::operation::{Answer, Invocation, Operation, Seen};
use super::spec::{CommandId, Lever, Spec, index, small};
use crate::core::ids::Epoch;
use crate::core::migration::{Transition, TransitionKind};
use alloc::collections::BTreeMap;
use alloc::vec;
use alloc::vec::Vec;

/// The number of an answered operation of the partition.
pub(super) type Slot = u32;

/// What the answer of an operation requires of the state at its place in the order.
pub(super) enum Wants<'a> {
    Seen(&'a Seen),
    Answer(CommandId, &'a Answer),
}

struct Answered<'a> {
    /// The operation's index in the history.
    operation: usize,
    wants: Wants<'a>,
    /// The epoch at which the operation must be placed; `None` if the answer does not show it.
    at: Option<Epoch>,
}

/// A class of equal commands with an unknown outcome, in order of invocation. They have the same effect, and
/// the first can be placed wherever a later one can.
pub(super) struct Open {
    pub(super) command: CommandId,
    pub(super) lever: Lever,
    /// When each operation of the class was invoked, and its index in the history.
    pub(super) invoked: Vec<(u64, usize)>,
}

/// An event of an answered operation. At the same time, invocations come before answers, so the operations
/// count as concurrent.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Kind {
    Asked,
    Answered,
}

/// The operations of one partition.
pub(super) struct Timeline<'a> {
    answered: Vec<Answered<'a>>,
    opens: Vec<Open>,
    by_lever: BTreeMap<Lever, Vec<u32>>,
    events: Vec<(u64, Kind, Slot)>,
    /// For each event, the lowest epoch at which an operation that is invoked from there on must be placed.
    ahead: Vec<Epoch>,
}

impl<'a> Timeline<'a> {
    pub(super) fn new(spec: &mut Spec, operations: &[(usize, &'a Operation)]) -> Self {
        let mut timeline = Self {
            answered: Vec::new(),
            opens: Vec::new(),
            by_lever: BTreeMap::new(),
            events: Vec::new(),
            ahead: Vec::new(),
        };
        let mut fates: BTreeMap<CommandId, Vec<(u64, usize)>> = BTreeMap::new();
        for (operation, what) in operations {
            match &what.call {
                Invocation::Read { seen, .. } => {
                    timeline.answer(*operation, what, Wants::Seen(seen), epoch_seen(seen));
                }
                Invocation::Apply { transition, answer } => {
                    let command = spec.command(transition);
                    match answer {
                        Answer::Ok { .. } | Answer::Refused(_) => {
                            let at = epoch_needed(transition, spec.lever(command), answer);
                            timeline.answer(*operation, what, Wants::Answer(command, answer), at);
                        }
                        Answer::Indeterminate => {
                            fates.entry(command).or_default().push((what.invoked, *operation));
                        }
                        Answer::NotCommitted => {}
                    }
                }
            }
        }
        for (command, mut invoked) in fates {
            invoked.sort_unstable();
            let lever = spec.lever(command);
            timeline.by_lever.entry(lever).or_default().push(small(timeline.opens.len()));
            timeline.opens.push(Open { command, lever, invoked });
        }
        timeline.events.sort_unstable();
        timeline.ahead = timeline.lowest_ahead();
        timeline
    }

    fn answer(&mut self, operation: usize, what: &Operation, wants: Wants<'a>, at: Option<Epoch>) {
        let Some(completed) = what.completed else { return };
        let slot = small(self.answered.len());
        self.answered.push(Answered { operation, wants, at });
        self.events.extend([(what.invoked, Kind::Asked, slot), (completed, Kind::Answered, slot)]);
    }

    fn lowest_ahead(&self) -> Vec<Epoch> {
        let mut lowest = Epoch(u64::MAX);
        let mut ahead = vec![lowest; self.events.len()];
        for (epoch, (_, kind, slot)) in ahead.iter_mut().zip(&self.events).rev() {
            if *kind == Kind::Asked {
                lowest = lowest.min(self.must_be_at(*slot));
            }
            *epoch = lowest;
        }
        ahead
    }

    pub(super) fn event(&self, event: usize) -> Option<(Kind, Slot)> {
        self.events.get(event).map(|(_, kind, slot)| (*kind, *slot))
    }

    /// The time of an event.
    pub(super) fn time(&self, event: usize) -> u64 {
        self.events.get(event).map_or(u64::MAX, |(time, ..)| *time)
    }

    pub(super) fn wants(&self, slot: Slot) -> Option<&Wants<'a>> {
        self.answered.get(index(slot)).map(|answered| &answered.wants)
    }

    /// The operation's index in the history.
    pub(super) fn operation(&self, slot: Slot) -> Option<usize> {
        self.answered.get(index(slot)).map(|answered| answered.operation)
    }

    pub(super) fn open(&self, class: u32) -> Option<&Open> {
        self.opens.get(index(class))
    }

    /// The operations with an unknown outcome that can change a state with this key.
    pub(super) fn opens(&self, lever: Lever) -> &[u32] {
        self.by_lever.get(&lever).map_or(&[], Vec::as_slice)
    }

    /// Whether an operation that is invoked from this event on, or one of `slots`, must be placed at an
    /// earlier epoch.
    pub(super) fn needs_before(&self, epoch: Epoch, event: usize, slots: &[Slot]) -> bool {
        self.ahead.get(event).is_some_and(|lowest| *lowest < epoch)
            || slots.iter().any(|slot| self.must_be_at(*slot) < epoch)
    }

    fn must_be_at(&self, slot: Slot) -> Epoch {
        self.answered.get(index(slot)).and_then(|answered| answered.at).unwrap_or(Epoch(u64::MAX))
    }
}

fn epoch_seen(seen: &Seen) -> Option<Epoch> {
    if let Seen::Record(record) = seen { Some(record.epoch) } else { None }
}

/// The epoch at which an answer is placed, if it says.
fn epoch_needed(transition: &Transition, lever: Lever, answer: &Answer) -> Option<Epoch> {
    match (answer, lever) {
        // It names the epoch of the record that it applied to, or that of the draining phase before.
        (Answer::Ok { epoch }, Lever::At(..)) if transition.kind() == TransitionKind::Abort => {
            Some(epoch.previous())
        }
        (Answer::Ok { .. }, Lever::At(_, epoch)) => Some(epoch),
        (Answer::Refused(refusal), _) => refusal.have.map(|have| have.epoch),
        (
            Answer::Ok { .. } | Answer::Indeterminate | Answer::NotCommitted,
            Lever::At(..) | Lever::Nothing | Lever::Owing(_) | Lever::Left(_),
        ) => None,
    }
}
