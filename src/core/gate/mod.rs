//! The gateway's side: resolve a partition, admit a request, send it with its token, and retry when it is refused.
//!
//! The sink is the authority. Under `sealed`, writes are safe with any cache, however stale, because a sink refuses an
//! old token. One rule depends on the gate alone: it creates no write token from a record in cutover. The seal reaches
//! through the draining epoch, and a token of the cutover's epoch would be above it.
//!
//! Reads are not safe with a cache: the source serves them during the cutover and does not know about the flip. So a
//! *strong* read resolves fresh after it was invoked, and a read from the cache is labelled [`Consistency::StaleOk`].
//! Under `timed` a write resolves fresh too, and the time in which it may take effect counts from that read of the
//! record.
//!
//! May import: `core::ids`, `core::fence`, `core::placement`.

mod cache;
mod operation;

pub use cache::{Step, Update, WatchCache, WatchEvent};
pub use operation::{Consistency, Event, Freshness, Operation, Outcome, Output, Timer, Work};

use crate::core::ids::{Epoch, PartitionId, Placement};
use crate::core::placement::{Guarantee, Resolution};
use thiserror::Error;

/// Whether a write that was resolved at an epoch may be sent.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum WriteAdmission {
    /// The write may be sent to this placement.
    Admit(Placement),
    /// The write must not be sent. Resolve the partition again and retry.
    Reject(GateRefusal),
}

/// Why the gate refuses a write. All refusals are retryable.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Error)]
pub enum GateRefusal {
    /// The partition is in cutover: no placement takes writes.
    #[error("partition {partition} is in cutover at {epoch}")]
    InCutover {
        /// The partition of the write.
        partition: PartitionId,
        /// The epoch of the gateway's view.
        epoch: Epoch,
    },
    /// The placement has changed since the write was resolved.
    #[error("the write was resolved at {got}, the view is at {have}")]
    StaleEpoch {
        /// The epoch of the gateway's view.
        have: Epoch,
        /// The epoch at which the write was resolved.
        got: Epoch,
    },
    /// The sink cannot refuse late writes, so the time in which a write may take effect counts from a fresh read of
    /// the record.
    #[error(
        "the store of partition {partition} cannot refuse a late write, so a cached view is not enough: resolve it"
    )]
    Cached {
        /// The partition of the write.
        partition: PartitionId,
    },
}

/// The write gate: checks a write resolved at `resolved_at` against the gateway's current view.
///
/// It has no state that it could leave broken, and no way to halt. What it admits is judged from outside: by
/// `migration.no-admit-stale` at each admission in a search, and by the sink, which refuses an old token. A check of the
/// result in here could only repeat the two comparisons.
#[must_use]
pub fn admit_write(view: &Resolution, resolved_at: Epoch) -> WriteAdmission {
    if resolved_at != view.epoch {
        return WriteAdmission::Reject(GateRefusal::StaleEpoch { have: view.epoch, got: resolved_at });
    }
    match view.state.write_placement() {
        Some(placement) => WriteAdmission::Admit(placement),
        None => {
            let (partition, epoch) = (view.partition, view.epoch);
            WriteAdmission::Reject(GateRefusal::InCutover { partition, epoch })
        }
    }
}

/// The write gate for a cached view, which may be outdated.
#[must_use]
pub fn admit_cached_write(view: &Resolution, resolved_at: Epoch) -> WriteAdmission {
    match view.guarantee {
        Guarantee::Sealed => admit_write(view, resolved_at),
        Guarantee::Timed => WriteAdmission::Reject(GateRefusal::Cached { partition: view.partition }),
    }
}
