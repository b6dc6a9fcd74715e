//! Timers and queues of a driver.

use core::time::Duration;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The timers of a node, in milliseconds.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Timing {
    /// The interval of heartbeats.
    pub heartbeat_ms: u64,
    /// The shortest election timeout.
    pub election_timeout_ms_min: u64,
    /// The longest. Each timeout is drawn between the two, so that two nodes rarely campaign at once.
    pub election_timeout_ms_max: u64,
}

impl Default for Timing {
    fn default() -> Self {
        Self { heartbeat_ms: 100, election_timeout_ms_min: 1_000, election_timeout_ms_max: 2_000 }
    }
}

/// Timers that cannot work.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
pub enum TimingError {
    /// Heartbeats are too rare: a follower could time out with nothing wrong.
    #[error(
        "heartbeat_ms is {heartbeat}, at most a third of election_timeout_ms_min ({min}) is needed, and at least 1"
    )]
    Heartbeat {
        /// The heartbeat.
        heartbeat: u64,
        /// The shortest election timeout.
        min: u64,
    },
    /// The longest timeout is not above the shortest.
    #[error("election_timeout_ms_max is {max}, more than election_timeout_ms_min ({min}) is needed")]
    Election {
        /// The shortest.
        min: u64,
        /// The longest.
        max: u64,
    },
}

impl Timing {
    /// Checks that the timers can work together.
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

    /// The longest election timeout.
    #[must_use]
    pub const fn election_timeout_max(&self) -> Duration {
        Duration::from_millis(self.election_timeout_ms_max)
    }
}

/// Bounds of the queues of a driver.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Queues {
    /// Queued messages of peers; further ones are dropped.
    pub inbox: usize,
    /// Queued requests of callers; further ones are refused.
    pub requests: usize,
    /// Batches that are not durable yet; at this many the driver waits for the disk.
    pub batches: usize,
    /// Changes queued for one watcher; at this many it is cut off.
    pub watch: usize,
    /// Open watchers.
    pub watchers: usize,
    /// Changes kept for watchers that resume.
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
    /// Its timers.
    pub timing: Timing,
    /// Its queues.
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
