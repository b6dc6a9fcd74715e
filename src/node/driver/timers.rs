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

#[cfg(test)]
mod tests {
    use super::*;
    use rand_chacha::rand_core::SeedableRng as _;

    /// Its clock counts half as fast as the operating system's.
    struct Slow;

    impl Clock for Slow {
        fn until(&self, counted: Duration) -> Duration {
            counted * 2
        }
    }

    /// The shortest and the longest duration of a timer that the configuration allows, in milliseconds.
    const fn bounds(timing: Timing, timer: Timer) -> (u64, u64) {
        let Timing { heartbeat_ms, election_timeout_ms_min: min, election_timeout_ms_max: max } = timing;
        match timer {
            Timer::Election => (min, max - 1),
            Timer::MinElectionTimeout => (min, min),
            Timer::Heartbeat => (heartbeat_ms, heartbeat_ms),
            Timer::Transfer => (max, max),
        }
    }

    fn timings() -> [Timing; 3] {
        let timing = |heartbeat_ms, election_timeout_ms_min, election_timeout_ms_max| Timing {
            heartbeat_ms,
            election_timeout_ms_min,
            election_timeout_ms_max,
        };
        [Timing::default(), timing(1, 3, 4), timing(20, 7_000, 7_010)]
    }

    #[test]
    fn every_timer_runs_as_long_as_the_configuration_says() {
        for timing in timings() {
            assert_eq!(timing.validate(), Ok(()));
            let mut timers = Timers::new(timing, Box::new(()), ChaCha8Rng::seed_from_u64(7));
            for timer in ALL {
                let (least, most) = bounds(timing, timer);
                let drawn = (0..1_000).map(|_| timers.duration(timer)).collect::<Vec<_>>();
                let (shortest, longest) = (drawn.iter().min().unwrap(), drawn.iter().max().unwrap());
                let allowed = Duration::from_millis(least)..=Duration::from_millis(most);
                assert!(allowed.contains(shortest) && allowed.contains(longest), "{timer:?} of {timing:?}");
                // Timeouts of a few values only would let nodes campaign at once.
                let reached = longest.saturating_sub(*shortest) * 10;
                assert!(reached >= (*allowed.end() - *allowed.start()) * 9, "{timer:?} of {timing:?}");
            }
        }
    }

    #[test]
    fn a_timer_that_is_set_is_due_after_its_duration_on_the_clock_of_the_node() {
        for timing in timings() {
            for timer in ALL {
                let mut timers = Timers::new(timing, Box::new(Slow), ChaCha8Rng::seed_from_u64(7));
                let (least, most) = bounds(timing, timer);
                let before = Instant::now();
                timers.set(timer);
                let due = timers.next().unwrap();
                assert!(due >= before + Duration::from_millis(2 * least), "{timer:?}");
                assert!(due <= Instant::now() + Duration::from_millis(2 * most), "{timer:?}");
                assert_eq!(timers.ended(due - Duration::from_millis(1)), None, "{timer:?} is not due yet");
                assert_eq!(timers.ended(due), Some(timer));
                assert_eq!(timers.next(), None, "{timer:?} fires once");
            }
        }
    }
}
