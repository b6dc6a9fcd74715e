//! The timers of a node. The engine sets them by name; the driver knows their durations.

use super::config::Timing;
use crate::core::raft::Timer;
use core::time::Duration;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::RngCore as _;
use tokio::time::Instant;

/// The clock of a node. In a simulation, clocks of different nodes run at different rates.
pub trait Clock: Send + Sync + 'static {
    /// Converts a duration on this clock to real time.
    fn until(&self, counted: Duration) -> Duration {
        counted
    }
}

/// The clock of the operating system.
impl Clock for () {}

const ALL: [Timer; 4] = [Timer::Election, Timer::MinElectionTimeout, Timer::Heartbeat, Timer::Transfer];

/// The timers of one node.
pub(super) struct Timers {
    timing: Timing,
    clock: Box<dyn Clock>,
    jitter: ChaCha8Rng,
    due: [Option<Instant>; ALL.len()],
}

impl Timers {
    pub(super) fn new(timing: Timing, clock: Box<dyn Clock>, jitter: ChaCha8Rng) -> Self {
        Self { timing, clock, jitter, due: [None; ALL.len()] }
    }

    fn duration(&mut self, timer: Timer) -> Duration {
        let Timing { heartbeat_ms, election_timeout_ms_min: min, election_timeout_ms_max: max } = self.timing;
        Duration::from_millis(match timer {
            Timer::Election => min + self.jitter.next_u64() % max.saturating_sub(min).max(1),
            Timer::MinElectionTimeout => min,
            Timer::Heartbeat => heartbeat_ms,
            Timer::Transfer => max,
        })
    }

    pub(super) fn set(&mut self, timer: Timer) {
        let duration = self.duration(timer);
        self.due[slot(timer)] = Some(Instant::now() + self.clock.until(duration));
    }

    pub(super) fn cancel(&mut self, timer: Timer) {
        self.due[slot(timer)] = None;
    }

    /// When the next timer fires, or `None` if none is set.
    pub(super) fn next(&self) -> Option<Instant> {
        self.due.iter().flatten().min().copied()
    }

    /// Removes and returns the timer that is due first, if it is due by `now`.
    pub(super) fn ended(&mut self, now: Instant) -> Option<Timer> {
        let first = ALL.into_iter().filter_map(|timer| Some((self.due[slot(timer)]?, timer))).min()?;
        let (due, timer) = first;
        (due <= now).then(|| {
            self.due[slot(timer)] = None;
            timer
        })
    }
}

const fn slot(timer: Timer) -> usize {
    match timer {
        Timer::Election => 0,
        Timer::MinElectionTimeout => 1,
        Timer::Heartbeat => 2,
        Timer::Transfer => 3,
    }
}
