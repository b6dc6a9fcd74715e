//! The timers that run at the nodes of a walk.

use super::{NODES_MAX, State};
use cutover::core::raft::Timer;

/// All timers of a node.
pub(super) const ALL: [Timer; 4] =
    [Timer::Heartbeat, Timer::MinElectionTimeout, Timer::Election, Timer::Transfer];

/// The timers that the nodes have set and not cancelled, by number of the node minus one. Empty in a search, where any timer may
/// fire at any time.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Timers([u8; NODES_MAX]);

/// A timer as a bit of a set.
pub(super) const fn bit(timer: Timer) -> u8 {
    match timer {
        Timer::Heartbeat => 1,
        Timer::MinElectionTimeout => 2,
        Timer::Election => 4,
        Timer::Transfer => 8,
    }
}

impl Timers {
    fn of(&mut self, node: u8) -> Option<&mut u8> {
        self.0.get_mut(usize::from(node).checked_sub(1)?)
    }

    /// A node sets a timer, or cancels it.
    pub(super) fn set(&mut self, node: u8, timer: Timer, runs: bool) {
        if let Some(set) = self.of(node) {
            *set = if runs { *set | bit(timer) } else { *set & !bit(timer) };
        }
    }

    /// A node does what it does with its timers, in order.
    pub(super) fn follow(&mut self, node: u8, changes: &[(Timer, bool)]) {
        for (timer, runs) in changes {
            self.set(node, *timer, *runs);
        }
    }
}

impl State {
    /// The timers that run at a node of a walk.
    pub(super) fn running(&self, node: u8) -> impl Iterator<Item = Timer> {
        let set = usize::from(node).checked_sub(1).and_then(|at| self.timers.0.get(at)).copied().unwrap_or(0);
        ALL.into_iter().filter(move |timer| set & bit(*timer) != 0)
    }
}
