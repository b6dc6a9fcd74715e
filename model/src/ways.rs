//! The judgement of goals: from every reachable state a way must lead on to each goal, with no further fault.
//!
//! An environment shows the way by a run: what is in flight is lost (that fault is the last), everybody who lives acts, the
//! timers that are set fire in the order of their durations. The run ends when the goals are reached, or it is seen that it
//! does not get there. What the run depends on has a key, and keys from which a run has got there are kept: a run that comes to
//! one is over. ADR 0036 says why the ways are not found backwards over a stored graph.

use crate::protocol::{GoalSet, WaysCost};
use crate::search::Seen;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// What is known of the ways of a scope. Search threads share it.
#[derive(Debug, Default)]
pub struct Ways {
    known: Seen,
    judged: AtomicU64,
    distinct: AtomicU64,
    steps: AtomicU64,
    excused: AtomicU64,
    cut: AtomicU64,
    nanoseconds: AtomicU64,
}

/// How a run ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Way {
    /// It came to all goals, or to a key that is known.
    Leads,
    /// It comes to all goals but these.
    Stuck(GoalSet),
    /// The goals are not asked of the state: they suppose something, such as a living quorum, that it lacks.
    Excused,
    /// It was given up: whether it leads on is not known.
    Cut,
}

impl Way {
    /// The same, unless the run was stuck after too many steps.
    #[must_use]
    pub const fn within(self, steps: u64, most: u64) -> Self {
        match self {
            Self::Stuck(_) if steps > most => Self::Cut,
            Self::Stuck(_) | Self::Leads | Self::Excused | Self::Cut => self,
        }
    }
}

impl Ways {
    /// Whether a run from this key has got to all goals, or has come to its end here just now.
    #[must_use]
    pub fn knows(&self, key: u64) -> bool {
        self.known.contains(key)
    }

    /// Judges a state: runs, unless its key is known. `run` also gives the number of its steps, and the keys that it passed.
    pub fn judge(&self, key: u64, run: impl FnOnce() -> (Way, u64, Vec<u64>)) -> GoalSet {
        self.judged.fetch_add(1, Ordering::Relaxed);
        if self.known.contains(key) {
            return 0;
        }
        let begun = Instant::now();
        let (way, steps, passed) = run();
        self.distinct.fetch_add(1, Ordering::Relaxed);
        self.steps.fetch_add(steps, Ordering::Relaxed);
        let stuck = match way {
            Way::Leads => {
                for passed in passed {
                    self.known.insert(passed);
                }
                self.known.insert(key);
                0
            }
            // Neither leads on: a run that comes to such a key must not end there as if it did.
            Way::Excused => {
                self.excused.fetch_add(1, Ordering::Relaxed);
                0
            }
            Way::Cut => {
                self.cut.fetch_add(1, Ordering::Relaxed);
                0
            }
            Way::Stuck(goals) => goals,
        };
        let nanoseconds = u64::try_from(begun.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.nanoseconds.fetch_add(nanoseconds, Ordering::Relaxed);
        stuck
    }

    /// What the judgement has cost so far.
    #[must_use]
    pub fn cost(&self) -> WaysCost {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        WaysCost {
            judged: read(&self.judged),
            runs: read(&self.distinct),
            steps: read(&self.steps),
            excused: read(&self.excused),
            cut: read(&self.cut),
            took: Duration::from_nanos(read(&self.nanoseconds)),
            bytes: self.known.bytes(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A run that was given up, or not asked for, says nothing of another that comes to the same key.
    #[test]
    fn only_what_leads_on_is_known() {
        let ways = Ways::default();
        assert_eq!(ways.judge(1, || (Way::Cut, 9, vec![7])), 0);
        assert_eq!(ways.judge(2, || (Way::Excused, 0, Vec::new())), 0);
        assert_eq!(ways.judge(3, || (Way::Leads, 2, vec![4])), 0);
        assert_eq!([1, 2, 7, 3, 4].map(|key| ways.knows(key)), [false, false, false, true, true]);
        assert_eq!(ways.judge(1, || (Way::Stuck(2), 1, Vec::new())), 2, "it is asked again");
        let cost = ways.cost();
        assert_eq!((cost.judged, cost.runs, cost.cut, cost.excused), (4, 4, 1, 1));
    }
}
