//! Goals beside invariants: numbers and sets of both, and what the judgement of goals costs.

use super::{Invariant, InvariantSet, Protocol, Violation};
use std::time::Duration;

/// A set of goals: bit `n` stands for row `n` of [`Protocol::goals`].
pub type GoalSet = u64;

/// What the judgement of goals has cost.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct WaysCost {
    /// Number of states whose goals were judged.
    pub judged: u64,
    /// Number of runs: the other states had a key that was known.
    pub runs: u64,
    /// Number of steps of all runs.
    pub steps: u64,
    /// Number of runs from states of which the goals were not asked.
    pub excused: u64,
    /// Number of runs that were given up.
    pub cut: u64,
    /// Time of the runs, of all threads together.
    pub took: Duration,
    /// Memory of the known keys, in bytes.
    pub bytes: u64,
}

/// The number of the invariant or goal with this id: goals come after the invariants.
#[must_use]
pub fn claim_named<P: Protocol>(id: &str) -> Option<usize> {
    P::invariants().iter().chain(P::goals()).position(|claim| claim.id == id)
}

/// The invariant or goal with this number.
#[must_use]
pub fn claim<P: Protocol>(number: usize) -> Option<&'static Invariant> {
    P::invariants().iter().chain(P::goals()).nth(number)
}

/// The sets that have the invariant or goal with this number alone.
#[must_use]
pub fn claim_alone<P: Protocol>(number: usize) -> (InvariantSet, GoalSet) {
    match number.checked_sub(P::invariants().len()) {
        None => (1 << number, 0),
        Some(goal) => (0, 1 << goal),
    }
}

/// The violation of a goal in a state, if no way leads on to it.
pub fn stuck<P: Protocol>(protocol: &P, state: &P::State, number: usize) -> Option<Violation> {
    let goal = number.checked_sub(P::invariants().len())?;
    if protocol.stuck(state) & 1 << goal == 0 {
        return None;
    }
    let (found, against) = protocol.waits(state, goal);
    Some(Violation { invariant: P::goals().get(goal)?, found, against })
}

/// The set of all goals of a protocol.
#[must_use]
pub fn all_goals<P: Protocol>() -> GoalSet {
    (0..P::goals().len()).fold(0, |set, number| set | 1 << number)
}

impl std::ops::Add for WaysCost {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            judged: self.judged.max(other.judged),
            runs: self.runs + other.runs,
            steps: self.steps + other.steps,
            excused: self.excused + other.excused,
            cut: self.cut + other.cut,
            took: self.took + other.took,
            bytes: self.bytes + other.bytes,
        }
    }
}
