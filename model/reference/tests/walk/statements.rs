//! Statements for a record: asked of the store, repeated from before, or made up.

use super::dice::Dice;
use super::sinks::{Made, STORES, Sinks, is_plain};
use cutover::core::fence::{
    CatchUpEvidence, Claim, Digest, DropCopy, Dropped, End, Ended, EvidenceQuery, Prepare, Prepared, Seal,
    SealReceipt, StatementOrigin, WatermarkQuery, WatermarkReading,
};
use cutover::core::ids::{Epoch, Incarnation, MigrationId, PartitionId, Placement, Position};

pub struct Statements<'a> {
    pub dice: &'a mut Dice,
    pub sinks: &'a mut Sinks,
    pub partition: PartitionId,
}

impl Statements<'_> {
    pub fn prepared(&mut self, at: Placement, prepare: Prepare) -> Claim<Prepared> {
        let Prepare { migration, closed_through: closed, .. } = prepare;
        if self.dice.percent(50) {
            self.sinks.prepare(at, self.partition, prepare);
            if let Some(made) = newest(self.dice, self.partition, &self.sinks.prepared) {
                return made.into();
            }
        }
        let origin = self.origin(at, None);
        let (migration, closed) = (self.migration(migration), self.epoch(closed));
        let enforces = is_plain(origin.store) == self.dice.percent(5);
        Prepared::reported(origin, migration, closed, enforces, self.dice.percent(20)).into()
    }

    pub fn receipt(&mut self, at: Placement, seal: Seal) -> Claim<SealReceipt> {
        if self.dice.percent(50) {
            self.sinks.seal(at, self.partition, seal);
            if let Some(made) = newest(self.dice, self.partition, &self.sinks.receipts) {
                return made.into();
            }
        }
        let (watermark, digest) = self.sinks.end(at, self.partition);
        let origin = self.origin(at, None);
        let (migration, through) = (self.migration(seal.migration), self.epoch(seal.through));
        let target = Incarnation(self.dice.near(seal.target.0));
        SealReceipt::reported(origin, migration, through, watermark, digest, target).into()
    }

    /// Evidence of the target, which is mostly of this incarnation.
    pub fn evidence(
        &mut self,
        at: Placement,
        of: Option<Incarnation>,
        digest: Digest,
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
        let digest = self.digest(digest);
        CatchUpEvidence::reported(origin, migration, epoch, position, digest, enforces).into()
    }

    /// How far a copy of the target reaches that takes no more chunks.
    pub fn ended(&mut self, at: Placement, end: End) -> Claim<Ended> {
        if self.dice.percent(50) {
            self.sinks.end_copy(at, self.partition, end);
            if let Some(made) = newest(self.dice, self.partition, &self.sinks.ended) {
                return made.into();
            }
        }
        let (position, _) = self.sinks.end(at, self.partition);
        let origin = self.origin(at, None);
        let (migration, epoch) = (self.migration(end.migration), self.epoch(end.epoch));
        let enforces = is_plain(origin.store) == self.dice.percent(5);
        Ended::reported(origin, migration, epoch, position, self.dice.percent(70), enforces).into()
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
        let (position, digest) = self.sinks.end(at, self.partition);
        let (position, digest) = (Position(self.dice.near(position.0)), self.digest(digest));
        WatermarkReading::reported(origin, migration, epoch, position, digest, Epoch::ZERO).into()
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

    fn digest(&mut self, digest: Digest) -> Digest {
        if self.dice.percent(90) { digest } else { Digest { ids: digest.ids ^ 1, ..digest } }
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
