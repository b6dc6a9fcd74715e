//! Rates, and large numbers in few characters.

use std::time::Duration;

/// States per second.
#[must_use]
pub(crate) fn rate(states: u64, took: Duration) -> u64 {
    let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX).max(1);
    u64::try_from(u128::from(states) * 1_000_000 / u128::from(micros)).unwrap_or(u64::MAX)
}

/// A large number in few characters: `410234` as `410k`.
#[must_use]
pub(crate) fn short(number: u64) -> String {
    match number {
        0..=9_999 => number.to_string(),
        10_000..=9_999_999 => format!("{}k", number / 1_000),
        _ => format!("{}M", number / 1_000_000),
    }
}

/// A length as a `u64`, the type of counts in lines for machines.
pub(crate) fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}
