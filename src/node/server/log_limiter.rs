//! Rate limit for log lines that any process on the network can cause.

use core::time::Duration;
use std::sync::{Mutex, PoisonError};
use tokio::time::Instant;

/// Most lines logged per interval.
const LINES: u32 = 5;
/// Length of an interval.
const INTERVAL: Duration = Duration::from_secs(1);

/// Allows a few log lines per interval, and counts the suppressed ones.
#[derive(Debug)]
pub(super) struct LogLimiter(Mutex<Window>);

#[derive(Debug)]
struct Window {
    since: Option<Instant>,
    lines: u32,
    left_out: u64,
}

impl LogLimiter {
    pub(super) const fn new() -> Self {
        Self(Mutex::new(Window { since: None, lines: 0, left_out: 0 }))
    }

    /// `None` if the line is to be suppressed. Otherwise the number of lines suppressed since the last one
    /// logged.
    pub(super) fn now(&self) -> Option<u64> {
        self.at(Instant::now())
    }

    fn at(&self, now: Instant) -> Option<u64> {
        let mut window = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if window.since.is_none_or(|since| now.duration_since(since) >= INTERVAL) {
            (window.since, window.lines) = (Some(now), 0);
        }
        if window.lines == LINES {
            window.left_out += 1;
            return None;
        }
        window.lines += 1;
        Some(std::mem::take(&mut window.left_out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_lines_are_logged_and_the_others_counted() {
        let (limiter, began) = (LogLimiter::new(), Instant::now());
        let at = |ms| limiter.at(began + Duration::from_millis(ms));
        for ms in 0..5 {
            assert_eq!(at(ms), Some(0));
        }
        for ms in 5..900 {
            assert_eq!(at(ms), None);
        }
        assert_eq!(at(1_000), Some(895));
        assert_eq!(at(1_001), Some(0));
    }
}
