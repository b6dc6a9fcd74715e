//! A migration's requests to a sink: prepare, seal, evidence, watermark, drop, export, chunk.

use super::{
    CatchUpEvidence, Chunk, ChunkTaken, Copy, DropCopy, Dropped, Enforcement, EvidenceQuery, Export, Fence,
    Output, Prepare, Prepared, Refusal, Reply, Seal, SealReceipt, WatermarkQuery, WatermarkReading, state,
};
use crate::core::ids::Position;
use alloc::vec;
use alloc::vec::Vec;
use core::cmp::Ordering;

type Steps = Result<Vec<Output>, Refusal>;

impl Fence {
    /// Prepares for the copy of a migration. A greater migration id empties the copy and closes it to every
    /// token so far; an equal id changes nothing; a lower one is refused. `sealed_through` stays, so that a
    /// new copy does not accept old tokens.
    ///
    /// No client token for this sink lies between `closed_through` and the epoch of the flip, so the copy
    /// opens exactly at the flip, without a message.
    pub(super) fn prepare(&mut self, prepare: Prepare) -> Steps {
        let newest = self.durable.newest;
        let mut outputs = Vec::new();
        match prepare.migration.cmp(&newest) {
            Ordering::Less => {
                return Err(Refusal::OlderMigration { have: newest, named: prepare.migration });
            }
            // The copy was dropped: a repeated prepare must not create it again, empty and open.
            Ordering::Equal if self.durable.copy.is_none() => {
                return Err(Refusal::UnknownPartition { store: self.config.store });
            }
            Ordering::Equal => {}
            Ordering::Greater => {
                self.durable.newest = prepare.migration;
                self.durable.closed_through = self.durable.closed_through.max(prepare.closed_through);
                self.durable.copy = Some(Copy::empty());
                outputs.push(Output::Erase);
            }
        }
        let prepared =
            Prepared::new(self.origin(), self.durable.newest, self.durable.closed_through, self.enforces());
        outputs.extend(state(Reply::Prepared(prepared)));
        Ok(outputs)
    }

    /// Seals the source: from now on no write with a token up to `through` is applied, and no chunk is taken.
    /// The receipt has the position of the last write.
    ///
    /// The fence is raised at once. Admitted writes are checked against it when they are applied. Applied
    /// writes that are not durable yet become durable by the `Persist` before the receipt.
    pub(super) fn seal(&mut self, seal: Seal) -> Steps {
        let store = self.config.store;
        let copy = self.durable.copy.as_mut().ok_or(Refusal::UnknownPartition { store })?;
        let watermark = copy.watermark;
        if self.config.enforcement == Enforcement::Nothing {
            return Err(Refusal::CannotSeal { store });
        }
        let last = self.durable.receipt.map_or(self.durable.newest, |receipt| receipt.migration());
        let last = last.max(self.durable.newest);
        let receipt = match (seal.migration.cmp(&last), self.durable.receipt) {
            (Ordering::Equal, Some(receipt)) if receipt.migration() == seal.migration => receipt,
            (Ordering::Less | Ordering::Equal, _) => {
                return Err(Refusal::OlderMigration { have: last, named: seal.migration });
            }
            (Ordering::Greater, _) => {
                self.durable.sealed_through = self.durable.sealed_through.max(seal.through);
                // A late chunk must not extend the copy past the receipt's watermark (ADR 0012).
                copy.finished = true;
                let origin = self.origin();
                let receipt = SealReceipt::new(origin, seal.migration, seal.through, watermark, seal.target);
                self.durable.receipt = Some(receipt);
                receipt
            }
        };
        Ok(state(Reply::Sealed(receipt)))
    }

    /// States the position of the copy, if this migration made it.
    pub(super) fn evidence(&self, query: EvidenceQuery) -> Steps {
        let position = self.copy()?.watermark;
        if query.migration != self.durable.newest {
            return Err(Refusal::OtherCopy { have: self.durable.newest, named: query.migration });
        }
        if position < query.at_least {
            return Err(Refusal::Behind { have: position, asked: query.at_least });
        }
        let evidence =
            CatchUpEvidence::new(self.origin(), query.migration, query.epoch, position, self.enforces());
        Ok(state(Reply::Evidence(evidence)))
    }

    /// States the current position of the writes.
    pub(super) fn watermark(&self, query: WatermarkQuery) -> Steps {
        let position = self.copy()?.watermark;
        let sealed = self.durable.sealed_through;
        let reading = WatermarkReading::new(self.origin(), query.migration, query.epoch, position, sealed);
        Ok(state(Reply::Watermark(reading)))
    }

    /// Erases the named copy and every older one, not a newer one. Both fences and the newest id stay.
    pub(super) fn drop_copy(&mut self, drop: DropCopy) -> Steps {
        if self.durable.newest > drop.copy && self.durable.copy.is_some() {
            return Err(Refusal::OtherCopy { have: self.durable.newest, named: drop.copy });
        }
        if let Some(asked) = drop.sealed_through
            && self.durable.copy.is_some()
            && self.enforces()
            && self.durable.sealed_through < asked
        {
            return Err(Refusal::NotSealed { have: self.durable.sealed_through, asked });
        }
        self.durable.newest = self.durable.newest.max(drop.copy);
        let mut outputs = Vec::new();
        if self.durable.copy.take().is_some() {
            outputs.push(Output::Erase);
        }
        outputs.extend(state(Reply::Dropped(Dropped::new(self.origin(), drop.copy))));
        Ok(outputs)
    }

    /// Sends writes to the mover, after a `Persist`. A write that a crash could undo must not be copied,
    /// since its position could then name two writes.
    pub(super) fn export(&self, export: Export) -> Steps {
        let have = self.copy()?.watermark;
        let limit = export.count.min(u64::from(self.config.limits.chunk_writes_max)).max(1);
        let last = have.min(export.first.plus(limit).minus(1));
        if export.first > last || export.first == Position::ZERO {
            return Err(Refusal::Behind { have, asked: export.first });
        }
        Ok(vec![Output::Persist, Output::Hand { migration: export.migration, first: export.first, last }])
    }

    /// Takes the writes of a chunk that the copy lacks, if no gap remains.
    pub(super) fn chunk(&mut self, chunk: &Chunk) -> Steps {
        let (newest, limits) = (self.durable.newest, self.config.limits);
        let store = self.config.store;
        let copy = self.durable.copy.as_mut().ok_or(Refusal::UnknownPartition { store })?;
        if chunk.migration != newest {
            return Err(Refusal::OtherCopy { have: newest, named: chunk.migration });
        }
        if copy.finished {
            return Err(Refusal::Finished { migration: newest });
        }
        if chunk.writes.len() > usize::try_from(limits.chunk_writes_max).unwrap_or(usize::MAX) {
            let have = u64::try_from(chunk.writes.len()).unwrap_or(u64::MAX);
            return Err(Refusal::TooLong { have, limit: u64::from(limits.chunk_writes_max) });
        }
        if let Some(have) = copy.source.filter(|have| *have != chunk.source) {
            return Err(Refusal::OtherSource { have, named: chunk.source });
        }
        if chunk.first > copy.watermark.next() || chunk.first == Position::ZERO {
            return Err(Refusal::Gap { have: copy.watermark, first: chunk.first });
        }
        let first = copy.watermark.next();
        let known = usize::try_from(first.0.saturating_sub(chunk.first.0)).unwrap_or(usize::MAX);
        let fresh: Vec<_> = chunk.writes.iter().skip(known).copied().collect();
        copy.source = Some(chunk.source);
        for id in &fresh {
            copy.watermark = copy.watermark.next();
            copy.applied.remember(*id, copy.watermark, limits.sessions_max, limits.writes_per_session_max);
        }
        let taken = ChunkTaken::new(self.origin(), newest, self.watermark_or_zero());
        let mut outputs = Vec::new();
        if !fresh.is_empty() {
            outputs.push(Output::Import { first, writes: fresh });
        }
        outputs.extend(state(Reply::ChunkTaken(taken)));
        Ok(outputs)
    }

    fn watermark_or_zero(&self) -> Position {
        self.durable.copy.as_ref().map_or(Position::ZERO, |copy| copy.watermark)
    }
}
