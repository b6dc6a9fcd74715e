//! The timers of all controllers of a node.

use crate::core::ids::PartitionId;
use crate::core::migration::{PartitionRecord, Policy, Timer};
use crate::node::driver::Clock;
use core::time::Duration;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::RngCore as _;
use std::collections::{BTreeMap, BTreeSet};
use tokio::time::Instant;

/// How often is asked again while writes may be blocked, in milliseconds: clients wait for each answer.
const BLOCKED_RETRY_MS: u64 = 5;

pub(super) struct Timers {
    clock: Box<dyn Clock>,
    jitter: ChaCha8Rng,
    running: BTreeMap<(PartitionId, Timer), Instant>,
    due: BTreeSet<(Instant, PartitionId, Timer)>,
}

/// The policy that counts for a timer.
pub(super) fn pace(record: &PartitionRecord, timer: Timer, policy: Policy) -> Policy {
    let blocks = record.placed.is_some_and(|placed| placed.cutover.is_some());
    if blocks && timer == Timer::Retry {
        return Policy { retry_ms: policy.retry_ms.min(BLOCKED_RETRY_MS), ..policy };
    }
    policy
}

impl Timers {
    pub(super) const fn new(clock: Box<dyn Clock>, jitter: ChaCha8Rng) -> Self {
        Self { clock, jitter, running: BTreeMap::new(), due: BTreeSet::new() }
    }

    /// Starts a timer, as long as the policy of the partition's move has it. One that runs is left alone, but for a retry that is due sooner now.
    pub(super) fn set(&mut self, partition: PartitionId, timer: Timer, policy: &Policy) {
        let lasts = policy.duration_ms(&timer);
        let lasts = match timer {
            // Up to half as long again: stores are not asked by all partitions at one moment.
            Timer::Retry => lasts + self.jitter.next_u64() % (lasts / 2).max(1),
            Timer::BlockedBudget { .. } | Timer::Overdue { .. } | Timer::Barrier { .. } => lasts,
        };
        let at = Instant::now() + self.clock.until(Duration::from_millis(lasts));
        if let Some(running) = self.running.get(&(partition, timer)).copied() {
            if timer != Timer::Retry || running <= at {
                return;
            }
            self.due.remove(&(running, partition, timer));
        }
        self.running.insert((partition, timer), at);
        self.due.insert((at, partition, timer));
    }

    /// When the next timer fires.
    pub(super) fn next(&self) -> Option<Instant> {
        self.due.first().map(|(at, ..)| *at)
    }

    /// Takes a timer that is due.
    pub(super) fn fired(&mut self, now: Instant) -> Option<(PartitionId, Timer)> {
        let (at, partition, timer) = *self.due.first().filter(|(at, ..)| *at <= now)?;
        self.due.remove(&(at, partition, timer));
        self.running.remove(&(partition, timer));
        Some((partition, timer))
    }

    /// Stops the timers of a partition.
    pub(super) fn stop(&mut self, partition: PartitionId) {
        while let Some((key, at)) = self.running.range((partition, Timer::Retry)..).next() {
            let ((of, timer), at) = (*key, *at);
            if of != partition {
                return;
            }
            self.running.remove(&(of, timer));
            self.due.remove(&(at, of, timer));
        }
    }

    pub(super) fn clear(&mut self) {
        self.running.clear();
        self.due.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::Timers;
    use crate::core::ids::{MigrationId, PartitionId};
    use crate::core::migration::{Policy, Timer};
    use core::time::Duration;
    use rand_chacha::ChaCha8Rng;
    use rand_chacha::rand_core::SeedableRng as _;
    use tokio::time::Instant;

    const P: PartitionId = PartitionId(1);

    fn policy(ms: u64) -> Policy {
        Policy { retry_ms: ms, blocked_budget_ms: ms, ..Policy::PRODUCTION }
    }

    /// A retry that is due sooner now is. A budget is never counted anew, nor is a retry put off.
    #[test]
    fn a_running_timer_is_left_alone_unless_a_retry_is_due_sooner() {
        let mut timers = Timers::new(Box::new(()), ChaCha8Rng::seed_from_u64(1));
        let long = Instant::now() + Duration::from_secs(1_000);
        let budget = Timer::BlockedBudget { migration: MigrationId(2) };
        for timer in [Timer::Retry, budget] {
            timers.set(P, timer, &policy(10_000_000));
        }
        assert!(timers.next().is_some_and(|at| at > long));
        timers.set(P, budget, &policy(5));
        assert!(timers.next().is_some_and(|at| at > long), "the budget runs since the block began");
        timers.set(P, Timer::Retry, &policy(5));
        let due = timers.next().unwrap();
        assert!(due < long);
        timers.set(P, Timer::Retry, &policy(10_000_000));
        assert_eq!(timers.next(), Some(due), "it is not put off");
        assert_eq!(timers.fired(due), Some((P, Timer::Retry)));
        assert_eq!(timers.fired(due), None, "once");
    }
}
