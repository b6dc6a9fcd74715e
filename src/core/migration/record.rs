//! The record of a partition in the log.

use crate::core::fence::{Body, Digest, Request};
use crate::core::ids::{Epoch, Incarnation, MigrationId, PartitionId, Placement, Position, Revision};
use crate::core::placement::{Guarantee, PartitionState, Phase, Resolution};
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};

/// The record of one partition. Controllers, operators and gateways act on this record only.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct PartitionRecord {
    /// The partition that the record is about.
    pub partition: PartitionId,
    /// The version of the placement.
    pub epoch: Epoch,
    /// The migration in flight, else the last one, else the creation.
    pub migration: MigrationId,
    /// The placement. `None`: deleted, with copies left to drop.
    pub placed: Option<Placed>,
    /// Copies that are no longer in use and may still exist at their sinks; at most one per placement.
    pub old_copies: Vec<OldCopy>,
}

/// The part of a record that only a partition has which is not deleted.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Placed {
    /// Where reads and writes go: one placement, or a migration between two.
    pub state: PartitionState,
    /// The epoch at which the current owner became the owner. Tokens for its sink are this epoch and later ones.
    pub owned_since: Epoch,
    /// The migration or creation that made the owner's copy.
    pub copy: MigrationId,
    /// Whether the owner's sink has stated that it has the copy. False only between a creation and its `open`.
    pub opened: bool,
    /// The guarantee of the current placement. Until the record is opened, the operator's word; then what the sink has stated.
    pub guarantee: Guarantee,
    /// Facts about the block of writes by the migration in flight; `None` before a controller may have blocked them.
    pub cutover: Option<CutoverFacts>,
    /// The debt of a forced move; `None` if there was no forced move or it is settled.
    pub debt: Option<Debt>,
    /// Set if the migration in flight was restored from a lost cluster, and waits for an operator.
    pub held: Option<Held>,
    /// The copy of an aborted migration from the owner's copy, with which the migration in flight, or the next one to the same
    /// target, goes on.
    pub kept: Option<Kept>,
}

/// A copy that an aborted migration left, and that another may go on with.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Kept {
    /// The migration that made the copy.
    pub migration: MigrationId,
    /// The store that has it.
    pub placement: Placement,
}

/// What the log keeps from the moment on at which writes may be blocked: while draining, that the source may have been asked to
/// seal; in the cutover, how its writes end.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct CutoverFacts {
    /// The epoch of the draining phase: no write at the source carries a later token.
    pub draining: Epoch,
    /// The incarnation of the prepared target.
    pub target: Incarnation,
    /// Position of the source's last write. `None` under `timed` until it was read after the wait.
    pub watermark: Option<Position>,
    /// The digest of the source's copy at that position.
    pub digest: Option<Digest>,
}

/// The debt of a forced move: its source was left unsealed and may still acknowledge writes, which are lost.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Debt {
    /// The source of the forced move.
    pub placement: Placement,
    /// Writes with a token up to this epoch may still be acknowledged at the source.
    pub through: Epoch,
    /// The migration that was forced.
    pub migration: MigrationId,
    /// The migration or creation that made the copy at the source.
    pub copy: MigrationId,
    /// The target's incarnation, which a seal request for the source must name.
    pub target: Incarnation,
    /// No write of the source up to this position is lost. `None`: not known, or the target lacked rows.
    pub copied: Option<Position>,
}

/// A copy that is no longer in use, and may still exist at its sink.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct OldCopy {
    /// The sink that has the copy.
    pub placement: Placement,
    /// The migration or creation that made the copy.
    pub copy: MigrationId,
    /// For a former source: the epoch through which the sink must be sealed before it drops the copy. `None` for others.
    pub sealed_through: Option<Epoch>,
    /// Whether an operator has marked the copy as to be dropped.
    pub retiring: bool,
    /// Set if the sink cannot refuse writes, and nobody has waited for those under way: a write that was resolved before this
    /// epoch may still take effect there. The sink gets no other copy before this one is dropped, after a wait.
    pub late_before: Option<Epoch>,
}

/// A migration that was in flight in a restored state. It waits for an operator.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Held {
    /// The id of the migration before the loss; the copy at the target has it.
    pub migration: MigrationId,
    /// The phase in which the migration was restored.
    pub phase: Phase,
    /// The epoch of its draining phase: no write at the source carried a later token, unless the migration was aborted.
    pub draining: Epoch,
}

impl PartitionRecord {
    /// Whether nothing is left to do for a controller: no migration is in flight, the copy is opened, nothing is owed, and no old copy
    /// is to be dropped. A migration that is held waits for an operator.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        let settled = |placed: &Placed| {
            let flies = placed.state.is_migrating() && placed.held.is_none();
            placed.opened && placed.debt.is_none() && !flies
        };
        self.placed.as_ref().is_none_or(settled) && self.old_copies.iter().all(|old| !old.retiring)
    }

    /// The resolution for gateways at a revision. `None` if the partition is deleted, or not opened: until its sink has stated
    /// what it can, the guarantee is the operator's word, and nobody may write by it (ADR 0039).
    #[must_use]
    pub fn resolution(&self, revision: Revision) -> Option<Resolution> {
        let placed = self.placed.filter(|placed| placed.opened)?;
        Some(Resolution {
            partition: self.partition,
            state: placed.state,
            epoch: self.epoch,
            guarantee: placed.guarantee,
            revision,
        })
    }

    /// The expected state that a command must name to apply to this record.
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

    /// The migration in flight, if it waits for an operator after a recovery.
    #[must_use]
    pub fn held(&self) -> Option<Held> {
        self.placed?.held
    }

    /// Gives the record a higher epoch.
    pub(super) fn raise(&mut self, epoch: Epoch) {
        self.epoch = epoch;
        if let Some(placed) = &mut self.placed
            && let PartitionState::Migrating { phase: Phase::Draining, .. } = placed.state
            && let Some(facts) = &mut placed.cutover
        {
            facts.draining = epoch;
        }
    }

    /// Whether writes may be blocked: a controller may have asked the source to seal, or the migration is in its cutover.
    #[must_use]
    pub fn may_block(&self) -> bool {
        self.placed.is_some_and(|placed| placed.cutover.is_some())
    }

    /// The epoch of the draining phase; `None` if no migration is in flight.
    #[must_use]
    pub fn draining_epoch(&self) -> Option<Epoch> {
        let placed = self.placed?;
        placed.state.is_migrating().then(|| placed.cutover.map_or(self.epoch, |facts| facts.draining))
    }
}
