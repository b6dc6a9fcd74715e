//! A migration's requests to a sink: prepare, seal, evidence, watermark, drop. For those that move data, see `export` and `intake`.

use super::{
    CatchUpEvidence, Copy, DropCopy, Dropped, Enforcement, EvidenceQuery, Fence, Frontier, Output, Prepare,
    Prepared, Refusal, Reply, Seal, SealReceipt, WatermarkQuery, WatermarkReading, state,
};
use crate::core::ids::Position;
use alloc::vec;
use alloc::vec::Vec;
use core::cmp::Ordering;

type Steps = Result<Vec<Output>, Refusal>;

impl Fence {
    /// Prepares for the copy of a migration. A greater migration id empties the copy, unless the request goes on with it, and closes
    /// it to every token so far; an equal id changes nothing; a lower one is refused. `sealed_through` stays, so that a new copy does not
    /// accept old tokens.
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
            // One that names no source only asks how far the copy is closed.
            Ordering::Equal if prepare.source.is_some() => self.check_stuck(newest)?,
            Ordering::Equal => {}
            Ordering::Greater => {
                self.durable.newest = prepare.migration;
                self.durable.closed_through = self.durable.closed_through.max(prepare.closed_through);
                match self.durable.copy.as_mut().filter(|_| prepare.keep == Some(newest)) {
                    Some(kept) => kept.finished = false,
                    None => {
                        self.durable.copy = Some(Copy::empty(prepare.source.is_some()));
                        outputs.push(Output::Erase);
                    }
                }
            }
        }
        let finished = self.copy()?.finished;
        let (migration, closed) = (self.durable.newest, self.durable.closed_through);
        let prepared = Prepared::new(self.origin(), migration, closed, self.enforces(), finished);
        outputs.extend(state(Reply::Prepared(prepared)));
        if let Some(source) = prepare.source.filter(|_| !finished) {
            outputs.push(Output::Pull { migration, source });
        }
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
                copy.finish();
                let (watermark, digest) = (copy.position, copy.digest());
                let (migration, through, target) = (seal.migration, seal.through, seal.target);
                let receipt = SealReceipt::new(self.origin(), migration, through, watermark, digest, target);
                self.durable.receipt = Some(receipt);
                receipt
            }
        };
        Ok(state(Reply::Sealed(receipt)))
    }

    /// States the position of the copy, if this migration made it and it has all rows.
    pub(super) fn evidence(&self, query: EvidenceQuery) -> Steps {
        let copy = self.copy()?;
        if query.migration != self.durable.newest {
            return Err(Refusal::OtherCopy { have: self.durable.newest, named: query.migration });
        }
        if copy.frontier != Frontier::Everything {
            self.check_stuck(query.migration)?;
            return Err(Refusal::Incomplete { have: copy.frontier.clone() });
        }
        let (position, digest) = (copy.position, copy.digest());
        if position < query.at_least {
            self.check_stuck(query.migration)?;
            return Err(Refusal::Behind { have: position, asked: query.at_least });
        }
        let (migration, epoch) = (query.migration, query.epoch);
        let evidence =
            CatchUpEvidence::new(self.origin(), migration, epoch, position, digest, self.enforces());
        Ok(state(Reply::Evidence(evidence)))
    }

    /// States the current position of the writes.
    pub(super) fn watermark(&self, query: WatermarkQuery) -> Steps {
        let copy = self.copy()?;
        let (migration, epoch, sealed) = (query.migration, query.epoch, self.durable.sealed_through);
        let reading =
            WatermarkReading::new(self.origin(), migration, epoch, copy.position, copy.digest(), sealed);
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

    /// Forgets the changes up to a position. A copy in the making that needs one of them must begin again.
    pub(super) fn trim(&mut self, through: Position) -> Vec<Output> {
        let Some(copy) = self.durable.copy.as_mut() else { return Vec::new() };
        let through = through.min(copy.position);
        if through <= copy.logged_after {
            return Vec::new();
        }
        copy.logged_after = through;
        vec![Output::Trim { through }]
    }
}
