//! How long a node's disk takes: whether it stands still, since when a write is under way, and for how much of that time the
//! node's process ran. A node may stop because its disk hangs only if the disk did.

use crate::event_log::{lock, now_ns};
use core::time::Duration;
use std::sync::{Arc, Mutex};

#[derive(Debug, Default)]
struct Inner {
    stands_until_ns: u64,
    /// The last write: when it began and when it is reported.
    write: (u64, u64),
    failed: bool,
    /// The pauses of the process, oldest first; `u64::MAX` as the end of one that lasts.
    pauses: Vec<(u64, u64)>,
}

/// The times of one node's disk. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct DiskTime(Arc<Mutex<Inner>>);

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

impl DiskTime {
    /// Call when a process starts on the disk.
    pub fn started(&self) {
        let mut inner = lock(&self.0);
        *inner = Inner { stands_until_ns: inner.stands_until_ns, ..Inner::default() };
    }

    /// The disk completes no write before this time.
    pub fn stand_until(&self, until_ns: u64) {
        lock(&self.0).stands_until_ns = until_ns;
    }

    /// For how many more microseconds the disk stands still.
    #[must_use]
    pub fn stands_us(&self) -> u64 {
        lock(&self.0).stands_until_ns.saturating_sub(now_ns()) / 1_000
    }

    /// Call when a write begins that takes this long.
    pub fn writes(&self, takes: Duration) {
        lock(&self.0).write = (now_ns(), now_ns() + nanos(takes));
    }

    /// Call when a write fails.
    pub fn fails(&self) {
        lock(&self.0).failed = true;
    }

    /// Call when the process is paused, or continues.
    pub fn paused(&self, pause: bool) {
        let mut inner = lock(&self.0);
        if pause {
            inner.pauses.push((now_ns(), u64::MAX));
        } else if let Some(last) = inner.pauses.last_mut() {
            last.1 = last.1.min(now_ns());
        }
    }

    /// For how long the write under way goes on.
    #[must_use]
    pub fn left(&self) -> Duration {
        Duration::from_nanos(lock(&self.0).write.1.saturating_sub(now_ns()))
    }

    /// Whether a node that gives up a disk without progress for this long may have given this one up: a write failed, or the last
    /// one took three quarters of it while the process ran. A check before it ended may come up to a quarter late.
    #[must_use]
    pub fn may_be_given_up(&self, limit: Duration) -> bool {
        let inner = lock(&self.0);
        let (began, ends) = (inner.write.0, inner.write.1.min(now_ns()));
        let paused =
            inner.pauses.iter().map(|(from, until)| (*until).min(ends).saturating_sub((*from).max(began)));
        let ran = ends.saturating_sub(began).saturating_sub(paused.sum());
        inner.failed || ran >= nanos(limit) / 4 * 3
    }

    /// Whether a node that gives up a disk without progress for this long must have given this one up: the write under way has
    /// taken half as long again, and the process was not paused since.
    #[must_use]
    pub fn must_be_given_up(&self, limit: Duration) -> bool {
        let inner = lock(&self.0);
        let since = inner.pauses.last().map_or(0, |(_, until)| *until).max(inner.write.0);
        now_ns() < inner.write.1 && now_ns().saturating_sub(since) > nanos(limit) / 2 * 3
    }
}
