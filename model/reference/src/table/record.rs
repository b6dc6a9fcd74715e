//! The record of a partition.

use crate::table::command::Guarantee;
use cutover::core::fence::Digest;
use cutover::core::ids::{Epoch, Incarnation, MigrationId, Placement, Position};
use std::collections::BTreeMap;

/// What the log has of one partition.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Record {
    /// The version of the placement.
    pub epoch: Epoch,
    /// The last migration or creation.
    pub migration: MigrationId,
    /// Where it is; nothing if it is deleted.
    pub placed: Option<Placed>,
    /// Copies that may exist and are not in use.
    pub old_copies: BTreeMap<Placement, OldCopy>,
}

/// Where a partition is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Placed {
    /// The sink that owns it.
    pub owner: Placement,
    /// The first epoch at which it does.
    pub owned_since: Epoch,
    /// The migration that made its copy.
    pub copy: MigrationId,
    /// Whether it has said that it has the copy.
    pub opened: bool,
    /// What it promises.
    pub guarantee: Guarantee,
    /// The migration in flight.
    pub flight: Option<Flight>,
    /// The sink that a forced move left.
    pub debt: Option<Debt>,
    /// The copy with which a migration may go on: which made it, and where it is.
    pub kept: Option<(MigrationId, Placement)>,
}

/// A migration in flight.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Flight {
    /// The target.
    pub to: Placement,
    /// Whether writes are refused.
    pub cutover: bool,
    /// Known from the moment on at which writes may be blocked.
    pub block: Option<Block>,
    /// Set while it waits for an operator.
    pub held: Option<Held>,
}

/// How the writes at the source end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Block {
    /// The epoch of the draining phase.
    pub draining: Epoch,
    /// The incarnation of the target.
    pub target: Incarnation,
    /// The last write, once it is known.
    pub last: Option<Last>,
}

/// The last write of a source.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Last {
    /// Its position.
    pub watermark: Position,
    /// The digest of the source's copy there.
    pub digest: Digest,
}

impl Block {
    /// The position of the last write, once it is known.
    #[must_use]
    pub fn watermark(&self) -> Option<Position> {
        self.last.map(|last| last.watermark)
    }
}

/// What a migration was before the loss.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Held {
    /// Its id.
    pub migration: MigrationId,
    /// Whether it was in its cutover.
    pub cutover: bool,
    /// The epoch of its draining phase.
    pub draining: Epoch,
}

/// A sink that may still acknowledge writes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Debt {
    /// The sink.
    pub placement: Placement,
    /// With tokens up to this epoch.
    pub through: Epoch,
    /// The migration that was forced.
    pub migration: MigrationId,
    /// The sink's copy.
    pub copy: MigrationId,
    /// The incarnation of the target. Nothing if it is not known: of a migration that was released to its target, and had not
    /// stated it.
    pub target: Option<Incarnation>,
    /// Up to which position nothing of the sink is lost, if that was stated.
    pub copied: Option<Position>,
}

/// A copy that is not in use.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OldCopy {
    /// The migration that made it.
    pub copy: MigrationId,
    /// How far it must be sealed before it is dropped.
    pub sealed_through: Option<Epoch>,
    /// Whether it is to be dropped.
    pub retiring: bool,
    /// Writes that were resolved before this epoch may take effect in it.
    pub late_before: Option<Epoch>,
}

impl Placed {
    /// The epoch of the draining phase of the migration in flight, for a record at this epoch.
    #[must_use]
    pub fn draining(&self, epoch: Epoch) -> Option<Epoch> {
        let flight = self.flight?;
        Some(
            flight
                .held
                .map_or_else(|| flight.block.map_or(epoch, |block| block.draining), |held| held.draining),
        )
    }
}
