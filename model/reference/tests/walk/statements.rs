//! Statements for a record: asked of the store, repeated from before, or made up.

use super::dice::Dice;
use super::sinks::{Made, STORES, Sinks, is_plain};
use cutover::core::fence::{
    CatchUpEvidence, Claim, DropCopy, Dropped, EvidenceQuery, Prepared, Seal, SealReceipt, StatementOrigin,
    WatermarkQuery, WatermarkReading,
};
use cutover::core::ids::{Epoch, Incarnation, MigrationId, PartitionId, Placement, Position};

pub struct Statements<'a> {
    pub dice: &'a mut Dice,
    pub sinks: &'a mut Sinks,
    pub partition: PartitionId,
}

impl Statements<'_> {
    pub fn prepared(&mut self, at: Placement, migration: MigrationId, closed: Epoch) -> Claim<Prepared> {
        if self.dice.percent(50) {
            self.sinks.prepare(at, self.partition, migration, closed);
            if let Some(made) = newest(self.dice, self.partition, &self.sinks.prepared) {
                return made.into();
            }
        }
        let origin = self.origin(at, None);
        let (migration, closed) = (self.migration(migration), self.epoch(closed));
        let enforces = is_plain(origin.store) == self.dice.percent(5);
        Prepared::reported(origin, migration, closed, enforces).into()
    }

    pub fn receipt(&mut self, at: Placement, seal: Seal) -> Claim<SealReceipt> {
        if self.dice.percent(50) {
            self.sinks.seal(at, self.partition, seal);
            if let Some(made) = newest(self.dice, self.partition, &self.sinks.receipts) {
                return made.into();
            }
        }
        let watermark = self.sinks.watermark(at, self.partition);
        let origin = self.origin(at, None);
        let (migration, through) = (self.migration(seal.migration), self.epoch(seal.through));
        let target = Incarnation(self.dice.near(seal.target.0));
        SealReceipt::reported(origin, migration, through, watermark, target).into()
    }

    /// Evidence of the target, which is mostly of this incarnation.
    pub fn evidence(
        &mut self,
        at: Placement,
        of: Option<Incarnation>,
        query: EvidenceQuery,
    ) -> Claim<CatchUpEvidence> {
        if self.dice.percent(50) {
            self.sinks.evidence_of(at, self.partition, query);
            if let Some(made) = newest(self.dice, self.partition, &self.sinks.evidence) {
                return made.into();
            }
        }
        let origin = self.origin(at, of);
        let (migration, epoch) = (self.migration(query.migration), self.epoch(query.epoch));
        let position = Position(self.dice.near(query.at_least.0));
        let enforces = is_plain(origin.store) == self.dice.percent(5);
        CatchUpEvidence::reported(origin, migration, epoch, position, enforces).into()
    }

    pub fn reading(&mut self, at: Placement, query: WatermarkQuery) -> Claim<WatermarkReading> {
        if self.dice.percent(50) {
            self.sinks.read(at, self.partition, query);
            if let Some(made) = newest(self.dice, self.partition, &self.sinks.readings) {
                return made.into();
            }
        }
        let origin = self.origin(at, None);
        let (migration, epoch) = (self.migration(query.migration), self.epoch(query.epoch));
        let position = Position(self.dice.below(4));
        WatermarkReading::reported(origin, migration, epoch, position, Epoch::ZERO).into()
    }

    pub fn dropped(&mut self, at: Placement, drop: DropCopy) -> Claim<Dropped> {
        if self.dice.percent(50) {
            self.sinks.drop_copy(at, self.partition, drop);
            if let Some(made) = newest(self.dice, self.partition, &self.sinks.dropped) {
                return made.into();
            }
        }
        let origin = self.origin(at, None);
        Dropped::reported(origin, self.migration(drop.copy)).into()
    }

    fn origin(&mut self, at: Placement, of: Option<Incarnation>) -> StatementOrigin {
        let store = if self.dice.percent(95) { at } else { self.dice.one_of(&STORES) };
        let partition = if self.dice.percent(97) { self.partition } else { PartitionId(self.dice.below(6)) };
        let incarnation = of.unwrap_or_else(|| self.sinks.incarnation(at, self.partition));
        let incarnation = Incarnation(self.dice.near(incarnation.0));
        StatementOrigin { store, partition, incarnation }
    }

    fn migration(&mut self, migration: MigrationId) -> MigrationId {
        MigrationId(self.dice.near(migration.0))
    }

    fn epoch(&mut self, epoch: Epoch) -> Epoch {
        Epoch(self.dice.near(epoch.0))
    }
}

/// Mostly the newest statement of the partition, else one of the last few, or any at all.
fn newest<T: Copy>(dice: &mut Dice, partition: PartitionId, made: &Made<T>) -> Option<T> {
    if made.is_empty() {
        return None;
    }
    let count = made.len() as u64;
    let at = match dice.below(100) {
        0..75 => return made.iter().rev().find(|(of, _)| *of == partition).map(|(_, statement)| *statement),
        75..92 => count - 1 - dice.below(count.min(8)),
        _ => dice.below(count),
    };
    made.get(usize::try_from(at).ok()?).map(|(_, statement)| *statement)
}
