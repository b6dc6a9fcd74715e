//! Timers and queues of a driver.

use core::time::Duration;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The timers of a node, in milliseconds. See [`Timing::validate`] for how they depend on each other.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Timing {
    /// Interval of a leader's heartbeats.
    pub heartbeat_ms: u64,
    /// Lower bound of the election timeout, and the time for which a follower in contact with a leader grants
    /// no vote.
    pub election_timeout_ms_min: u64,
    /// Upper bound (exclusive) of the election timeout. Each timeout is drawn at random, so that nodes rarely
    /// campaign at once.
    pub election_timeout_ms_max: u64,
}

impl Default for Timing {
    fn default() -> Self {
        Self { heartbeat_ms: 100, election_timeout_ms_min: 1_000, election_timeout_ms_max: 2_000 }
    }
}

/// Why the timers of a configuration are refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
pub enum TimingError {
    /// `heartbeat_ms` is 0, or more than a third of the shortest election timeout: a few lost heartbeats
    /// would cause an election.
    #[error(
        "heartbeat_ms is {heartbeat}, at most a third of election_timeout_ms_min ({min}) is needed, and at least 1"
    )]
    Heartbeat {
        /// The configured `heartbeat_ms`.
        heartbeat: u64,
        /// The configured `election_timeout_ms_min`.
        min: u64,
    },
    /// The longest election timeout is not above the shortest.
    #[error("election_timeout_ms_max is {max}, more than election_timeout_ms_min ({min}) is needed")]
    Election {
        /// The configured `election_timeout_ms_min`.
        min: u64,
        /// The configured `election_timeout_ms_max`.
        max: u64,
    },
}

impl Timing {
    /// Checks the relations between the timers.
    ///
    /// # Errors
    /// [`TimingError`]
    pub const fn validate(&self) -> Result<(), TimingError> {
        let Self { heartbeat_ms: heartbeat, election_timeout_ms_min: min, election_timeout_ms_max: max } =
            *self;
        if heartbeat == 0 || heartbeat > min / 3 {
            return Err(TimingError::Heartbeat { heartbeat, min });
        }
        if max <= min {
            return Err(TimingError::Election { min, max });
        }
        Ok(())
    }

    /// How long the disk may make no progress before the node stops: three election timeouts.
    #[must_use]
    pub const fn disk_stall(&self) -> Duration {
        Duration::from_millis(self.election_timeout_ms_max.saturating_mul(3))
    }

    /// The upper bound of the election timeout.
    #[must_use]
    pub const fn election_timeout_max(&self) -> Duration {
        Duration::from_millis(self.election_timeout_ms_max)
    }
}

/// Queue lengths of a driver. A configuration file must give at least 1 for all but `watchers` and `history`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Queues {
    /// Messages from peers that wait for the engine; further ones are dropped.
    pub inbox: usize,
    /// Requests of callers that wait for the engine; further ones are refused.
    pub requests: usize,
    /// Batches that are not durable yet; at this number the driver takes no more messages or requests until
    /// the disk catches up.
    pub batches: usize,
    /// Changes that wait for one watcher; a watcher that exceeds it is disconnected.
    pub watch: usize,
    /// Open watches; further ones are refused.
    pub watchers: usize,
    /// Recent changes kept in memory, so that a watcher can resume without a full resync.
    pub history: usize,
}

impl Default for Queues {
    fn default() -> Self {
        Self { inbox: 4_096, requests: 1_024, batches: 256, watch: 1_024, watchers: 1_024, history: 16_384 }
    }
}

/// The configuration of a driver.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct DriverConfig {
    /// The durations of the node's timers.
    pub timing: Timing,
    /// The queue lengths of the driver.
    pub queues: Queues,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timers_that_cannot_work_are_refused() {
        assert_eq!(Timing::default().validate(), Ok(()));
        let slow = Timing { heartbeat_ms: 400, ..Timing::default() };
        assert_eq!(slow.validate(), Err(TimingError::Heartbeat { heartbeat: 400, min: 1_000 }));
        let still = Timing { heartbeat_ms: 0, ..Timing::default() };
        assert!(still.validate().is_err());
        let fixed = Timing { election_timeout_ms_max: 1_000, ..Timing::default() };
        assert_eq!(fixed.validate(), Err(TimingError::Election { min: 1_000, max: 1_000 }));
    }
}
