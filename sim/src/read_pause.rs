//! Times in which nobody reads.
//!
//! The first read after a leader has lost its office waits until the leader knows, and every later one is turned down at once.
//! So only a first read that comes late, when another leader has committed something, sees whether it is answered all the same.

use crate::event_log::now_ns;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Shared by whoever begins one and whoever keeps it.
#[derive(Clone, Debug, Default)]
pub struct ReadPause(Arc<AtomicU64>);

impl ReadPause {
    /// Nobody reads for so long.
    pub fn begin(&self, ms: u64) {
        self.0.store(now_ns() + ms * 1_000_000, Ordering::Relaxed);
    }

    /// Whether nobody reads now.
    #[must_use]
    pub fn holds(&self) -> bool {
        now_ns() < self.0.load(Ordering::Relaxed)
    }
}
