//! What the log holds of a partition.

use crate::core::fence::{Body, Request};
use crate::core::ids::{Epoch, Incarnation, MigrationId, PartitionId, Placement, Position, Revision};
use crate::core::placement::{Guarantee, PartitionState, Resolution};
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};

/// One partition in the table. A controller, an operator and a gateway each act from such a record alone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct PartitionRecord {
    /// The partition.
    pub partition: PartitionId,
    /// Version of the placement.
    pub epoch: Epoch,
    /// The migration in flight, or the last one, or the creation.
    pub migration: MigrationId,
    /// Where it lives; `None` once deleted, as long as copies of it are left.
    pub placed: Option<Placed>,
    /// Copies that are no longer the partition, and may still lie at their stores; one at most for each placement.
    pub old_copies: Vec<OldCopy>,
}

/// A partition that exists.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Placed {
    /// Settled or moving.
    pub state: PartitionState,
    /// The epoch at which the present read placement became the owner: its tokens are this one and later ones.
    pub owned_since: Epoch,
    /// The migration or creation that made the owner's copy.
    pub copy: MigrationId,
    /// Whether the owner's store is known to have the copy. Only a creation has to wait for that.
    pub opened: bool,
    /// What the placement can promise.
    pub guarantee: Guarantee,
    /// What is known of the migration in flight, from `enter cutover` on.
    pub cutover: Option<CutoverFacts>,
    /// A source that was left unsealed.
    pub debt: Option<Debt>,
}

/// What the log knows of a migration in its cutover.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct CutoverFacts {
    /// The epoch of the draining phase: no write at the source carries a later token.
    pub draining: Epoch,
    /// The incarnation of the target that was prepared.
    pub target: Incarnation,
    /// Position of the source's last write; under `timed` unknown until it was read after the barrier.
    pub watermark: Option<Position>,
}

/// A forced move left its source unsealed: it may still acknowledge writes, and those are lost.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Debt {
    /// The source.
    pub placement: Placement,
    /// Writes with a token up to this one may still be acknowledged there.
    pub through: Epoch,
    /// The migration that was forced.
    pub migration: MigrationId,
    /// The source's copy.
    pub copy: MigrationId,
    /// The target's incarnation, which the seal request names.
    pub target: Incarnation,
}

/// A copy that is no longer the partition.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct OldCopy {
    /// The store.
    pub placement: Placement,
    /// The migration or creation that made it.
    pub copy: MigrationId,
    /// For a source: the store must be sealed through this epoch before the copy goes.
    pub sealed_through: Option<Epoch>,
    /// Whether it is decided that the copy goes.
    pub retiring: bool,
}

impl PartitionRecord {
    /// What a gateway is told; `None` for a deleted partition.
    #[must_use]
    pub fn resolution(&self, revision: Revision) -> Option<Resolution> {
        self.placed.map(|placed| Resolution {
            partition: self.partition,
            state: placed.state,
            epoch: self.epoch,
            guarantee: placed.guarantee,
            revision,
        })
    }

    /// What a command that rests on this record names.
    #[must_use]
    pub const fn expected(&self) -> super::Expected {
        super::Expected { migration: self.migration, epoch: self.epoch }
    }

    /// Whether no controller that acts on this record would send the request: it serves a migration that is not in flight, or
    /// drops a copy that is not listed. A client's request is never stale: its token is judged at the sink.
    #[must_use]
    pub fn makes_stale(&self, request: &Request) -> bool {
        if let Body::Drop(drop) = &request.body {
            return self.old_copies.iter().all(|old| old.copy != drop.copy);
        }
        let migration = request.body.migration();
        migration.is_some_and(|migration| migration != self.migration || self.draining_epoch().is_none())
    }

    /// The epoch of the draining phase, while a migration is in flight.
    #[must_use]
    pub fn draining_epoch(&self) -> Option<Epoch> {
        let placed = self.placed?;
        placed.state.is_migrating().then(|| placed.cutover.map_or(self.epoch, |facts| facts.draining))
    }
}
