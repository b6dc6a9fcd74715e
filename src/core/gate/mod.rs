//! The gateway's side: resolve a partition, admit a request, send it with its token, and try again when refused.
//!
//! The sink is the authority. Under `sealed`, writes are safe from any cache, however stale: a sink refuses a token
//! that is too old. One rule rests on the gate alone: it makes no write token at a record in cutover. The seal reaches
//! through the draining epoch, and a token of the cutover's would lie above it.
//!
//! Reads are not safe from a cache: the source serves them through the cutover and cannot know of the flip. So a
//! *strong* read resolves fresh after it was invoked, and a read from the cache is labelled [`Consistency::StaleOk`].
//! Under `timed` a write, too, resolves fresh, and the time for it to take effect counts from that read of the record.
//!
//! May import: `core::ids`, `core::fence`, `core::placement`.

mod cache;
mod operation;

pub use cache::{Step, Update, WatchCache, WatchEvent};
pub use operation::{Consistency, Event, Freshness, Operation, Outcome, Output, Timer, Work};

use crate::core::ids::{Epoch, PartitionId, Placement};
use crate::core::placement::{Guarantee, Resolution};
use thiserror::Error;

/// Whether a write that was resolved at some epoch may go out.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum WriteAdmission {
    /// It may, to this placement.
    Admit(Placement),
    /// It may not yet; resolve again and retry.
    Reject(GateRefusal),
}

/// Why the gate holds a write back. All of them are retryable.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Error)]
pub enum GateRefusal {
    /// No placement takes writes.
    #[error("partition {partition} is in cutover at {epoch}")]
    InCutover {
        /// The partition.
        partition: PartitionId,
        /// The view's epoch.
        epoch: Epoch,
    },
    /// The placement has changed since the write was resolved.
    #[error("the write was resolved at {got}, the view is at {have}")]
    StaleEpoch {
        /// The view's epoch.
        have: Epoch,
        /// The write's.
        got: Epoch,
    },
    /// The store cannot refuse what is late, so the time that a write may take counts from a read of the record.
    #[error(
        "the store of partition {partition} cannot refuse a late write, so a cached view is not enough: resolve it"
    )]
    Cached {
        /// The partition.
        partition: PartitionId,
    },
}

/// The write gate: judges a write resolved at `resolved_at` against the view that the gateway has now.
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

/// The same for a view that may be any earlier one.
#[must_use]
pub fn admit_cached_write(view: &Resolution, resolved_at: Epoch) -> WriteAdmission {
    match view.guarantee {
        Guarantee::Sealed => admit_write(view, resolved_at),
        Guarantee::Timed => WriteAdmission::Reject(GateRefusal::Cached { partition: view.partition }),
    }
}
