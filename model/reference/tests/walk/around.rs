//! What a record says that the next command names.

use super::sinks::{STORES, Sinks};
use cutover::core::fence::{Digest, Prepare, RowsDigest};
use cutover::core::ids::{Epoch, Incarnation, MigrationId, Placement, Position};
use cutover::core::migration::{PartitionRecord, Placed};
use cutover::core::placement::PartitionState;

/// What the commands of a migration name.
pub struct Around {
    pub from: Placement,
    pub to: Placement,
    pub draining: Epoch,
    pub owned_since: Epoch,
    pub target: Incarnation,
    pub watermark: Position,
    pub digest: Digest,
    pub keep: Option<MigrationId>,
}

impl Around {
    pub fn of(record: &PartitionRecord, sinks: &mut Sinks) -> Self {
        let placed: Option<Placed> = record.placed;
        let (from, to) = match placed.map(|placed| placed.state) {
            None => (STORES[0], STORES[1]),
            Some(PartitionState::Active(at)) => (at, STORES[usize::from(at == STORES[0])]),
            Some(PartitionState::Migrating { from, to, .. }) => (from, to),
        };
        let facts = placed.and_then(|placed| placed.cutover);
        Self {
            from,
            to,
            draining: record.draining_epoch().unwrap_or(record.epoch),
            owned_since: placed.map_or(record.epoch, |placed| placed.owned_since),
            target: facts.map_or_else(|| sinks.incarnation(to, record.partition), |facts| facts.target),
            watermark: facts.and_then(|facts| facts.watermark).unwrap_or(Position::ZERO),
            digest: facts
                .and_then(|facts| facts.digest)
                .unwrap_or(Digest { rows: RowsDigest::EMPTY, ids: 0 }),
            keep: placed.and_then(|placed| placed.kept).map(|kept| kept.migration),
        }
    }

    /// What the target is asked.
    pub const fn prepare(&self, migration: MigrationId) -> Prepare {
        let (closed_through, source, keep) = (self.draining, Some(self.from), self.keep);
        Prepare { migration, closed_through, source, keep }
    }
}
