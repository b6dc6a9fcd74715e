//! The timers of all controllers of a node.

use crate::core::ids::PartitionId;
use crate::core::migration::{Policy, Timer};
use crate::node::driver::Clock;
use core::time::Duration;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::RngCore as _;
use std::collections::{BTreeMap, BTreeSet};
use tokio::time::Instant;

pub(super) struct Timers {
    clock: Box<dyn Clock>,
    jitter: ChaCha8Rng,
    running: BTreeMap<(PartitionId, Timer), Instant>,
    due: BTreeSet<(Instant, PartitionId, Timer)>,
}

impl Timers {
    pub(super) const fn new(clock: Box<dyn Clock>, jitter: ChaCha8Rng) -> Self {
        Self { clock, jitter, running: BTreeMap::new(), due: BTreeSet::new() }
    }

    /// Starts a timer, as long as the policy of the partition's move has it; one that runs is left alone.
    pub(super) fn set(&mut self, partition: PartitionId, timer: Timer, policy: &Policy) {
        if self.running.contains_key(&(partition, timer)) {
            return;
        }
        let lasts = policy.duration_ms(&timer);
        let lasts = match timer {
            // Up to half as long again: stores are not asked by all partitions at one moment.
            Timer::Retry => lasts + self.jitter.next_u64() % (lasts / 2).max(1),
            Timer::BlockedBudget { .. } | Timer::Overdue { .. } | Timer::Barrier { .. } => lasts,
        };
        let at = Instant::now() + self.clock.until(Duration::from_millis(lasts));
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
