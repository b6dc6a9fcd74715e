//! Intervals in which no client reads.
//!
//! A leader that has been deposed and does not know it holds back its first read until it learns so, and refuses
//! later reads at once. So only a first read that comes late, after another leader has committed something, shows
//! whether such a read is wrongly answered.

use crate::event_log::now_ns;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Whether clients may read now, shared by the faults that start an interval and the clients.
#[derive(Clone, Debug, Default)]
pub struct ReadPause(Arc<AtomicU64>);

impl ReadPause {
    /// Starts an interval without reads of this many milliseconds.
    pub fn begin(&self, ms: u64) {
        self.0.store(now_ns() + ms * 1_000_000, Ordering::Relaxed);
    }

    /// Whether clients must not read now.
    #[must_use]
    pub fn holds(&self) -> bool {
        now_ns() < self.0.load(Ordering::Relaxed)
    }
}
