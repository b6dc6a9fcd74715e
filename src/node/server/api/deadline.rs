//! Deadlines of calls. Each is a little shorter than the caller's, so that the caller still receives the
//! error or outcome.

use core::time::Duration;
use tokio::time::Instant;
use tonic::metadata::MetadataMap;

/// Deadline of a call without `grpc-timeout`.
const DEFAULT: Duration = Duration::from_secs(5);
/// Upper bound of every deadline.
const MAX: Duration = Duration::from_secs(60);

/// How slowly a caller may read a stream before the node ends it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct StreamTimeouts {
    /// The longest time for which a watcher may leave a message unread.
    pub watch_idle: Duration,
    /// The longest time that reading a whole backup may take.
    pub backup: Duration,
}

impl Default for StreamTimeouts {
    fn default() -> Self {
        Self { watch_idle: Duration::from_secs(30), backup: Duration::from_secs(600) }
    }
}

/// When a call on this node ends, with all its steps.
#[derive(Clone, Copy, Debug)]
pub(super) struct Deadline(Instant);

impl Deadline {
    /// From `grpc-timeout`, bounded, and shortened by a tenth but at most 20 ms.
    pub(super) fn of(metadata: &MetadataMap) -> Self {
        Self::after(of(metadata), Instant::now())
    }

    fn after(limit: Duration, now: Instant) -> Self {
        Self(now + limit)
    }

    pub(super) fn at_most(self, limit: Duration) -> Self {
        Self(self.0.min(Instant::now() + limit))
    }

    /// What is left for the next step.
    pub(super) fn left(self) -> Duration {
        self.left_at(Instant::now())
    }

    fn left_at(self, now: Instant) -> Duration {
        self.0.saturating_duration_since(now)
    }
}

fn of(metadata: &MetadataMap) -> Duration {
    let asked = metadata.get("grpc-timeout").and_then(|value| parse(value.to_str().ok()?));
    let asked = asked.map_or(DEFAULT, |asked| asked.min(MAX));
    asked - (asked / 10).min(Duration::from_millis(20))
}

/// Parses the header `grpc-timeout`: at most eight digits and a unit, as the gRPC specification has it.
fn parse(text: &str) -> Option<Duration> {
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if digits.len() > 8 {
        return None;
    }
    let value: u64 = digits.parse().ok()?;
    Some(match unit {
        "H" => Duration::from_secs(value.saturating_mul(3600)),
        "M" => Duration::from_secs(value.saturating_mul(60)),
        "S" => Duration::from_secs(value),
        "m" => Duration::from_millis(value),
        "u" => Duration::from_micros(value),
        "n" => Duration::from_nanos(value),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_steps_of_a_call_share_one_deadline() {
        let (began, seconds) = (Instant::now(), Duration::from_secs);
        let deadline = Deadline::after(seconds(3), began);
        for (passed, left) in [(0, 3), (2, 1), (3, 0), (9, 0)] {
            assert_eq!(deadline.left_at(began + seconds(passed)), seconds(left), "after {passed} s");
        }
        assert!(deadline.at_most(seconds(1)).left() <= seconds(1));
    }

    #[test]
    fn timeouts_are_read_and_bounded() {
        let of = |text: &str| {
            let mut metadata = MetadataMap::new();
            metadata.insert("grpc-timeout", text.parse().unwrap());
            super::of(&metadata)
        };
        assert_eq!(of("100m"), Duration::from_millis(90));
        assert_eq!(of("2S"), Duration::from_millis(1_980));
        assert_eq!(of("3H"), MAX - Duration::from_millis(20));
        for bad in ["", "S", "1", "1x", "123456789S", "-1S"] {
            assert_eq!(of(bad), DEFAULT - Duration::from_millis(20), "{bad:?}");
        }
        assert_eq!(super::of(&MetadataMap::new()), DEFAULT - Duration::from_millis(20));
    }
}
