//! A clock that all processes of this machine share, and that never goes back.

/// Microseconds since some moment that is the same for all processes.
pub(super) type Micros = u64;

pub(super) fn now() -> Micros {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    let (seconds, nanos) = (u64::try_from(time.tv_sec), u64::try_from(time.tv_nsec));
    seconds.unwrap_or(0) * 1_000_000 + nanos.unwrap_or(0) / 1_000
}
