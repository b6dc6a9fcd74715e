//! What follows from the statement of a store.

use super::io::{Does, Heard};
use super::look::{asks_evidence, asks_watermark};
use super::{Controller, Driven, driven, seen};
use crate::statement::{Dropped, Prepared, Reached, Receipt, Speaker};
use crate::table::command::{Change, Guarantee, Proof, Why};
use crate::table::record::{Debt, Record};

impl Controller {
    pub(super) fn hears(&self, record: &Record, heard: &Heard, does: &mut Does) {
        match heard {
            Heard::Prepared(prepared) => self.prepared(record, prepared, does),
            Heard::Sealed(receipt) => sealed(record, receipt, does),
            Heard::Evidence(evidence) => self.evidence(record, evidence, does),
            Heard::Watermark(reading) => self.watermark(record, reading, does),
            Heard::Dropped(dropped) => dropped_copy(record, dropped, does),
            // M23
            Heard::Refused(..) | Heard::Other => {}
        }
    }

    fn prepared(&self, record: &Record, prepared: &Prepared, does: &mut Does) {
        let Some(placed) = record.placed else { return };
        let Prepared { by, migration, closed_through, enforces, finished } = *prepared;
        // M15
        if let Some(debt) = placed.debt
            && by.store == debt.placement
            && closed_through >= debt.through
            && enforces
        {
            return does.proposes(true, Change::Settle(debt.migration, Proof::Closed(*prepared)));
        }
        // M15
        if !placed.opened && migration == placed.copy {
            let gives = if enforces { Guarantee::Sealed } else { Guarantee::Timed };
            let closed = !enforces || closed_through >= placed.owned_since.previous();
            let fits = by.store == placed.owner && gives == placed.guarantee && closed;
            return does.proposes(fits, Change::Open(seen(record), *prepared));
        }
        let Some(driven) = driven(record) else { return };
        // M2
        if migration != record.migration || by.store != driven.flight.to {
            return;
        }
        // M26
        if finished {
            return does.proposes(true, Change::Abort(seen(record), Why::Ended));
        }
        if driven.flight.cutover {
            return;
        }
        // M16
        match (driven.flight.block, self.lag) {
            (None, Some(_)) => asks_watermark(record, placed.owner, does),
            (None, None) => self.starts_block(record, by, does),
            (Some(_), _) if placed.guarantee == Guarantee::Timed => {
                let fits = closed_through >= driven.draining;
                does.proposes(fits, Change::EnterTimedCutover(seen(record), *prepared));
            }
            (Some(_), _) => {}
        }
    }

    fn watermark(&self, record: &Record, reading: &Reached, does: &mut Does) {
        let Some(Driven { placed, flight, .. }) = answers(record, reading) else { return };
        let by_source = reading.by.store == placed.owner;
        // M17
        if flight.cutover {
            if self.waits.get(&(record.migration, record.epoch)) == Some(&true) {
                let missing = flight.block.is_some_and(|block| block.last.is_none());
                let fits = by_source && missing && placed.guarantee == Guarantee::Timed;
                does.proposes(fits, Change::RecordWatermark(seen(record), *reading));
            }
        } else if let (Some(driven), Some(lag)) = (answers(record, reading), self.lag)
            && flight.block.is_none()
            && by_source
        {
            asks_evidence(record, &driven, reading.position.minus(lag), does);
        }
    }

    fn starts_block(&self, record: &Record, by: Speaker, does: &mut Does) {
        // M28
        if !self.holds {
            // M16, M18
            does.proposes(true, Change::StartBlock(seen(record), by.incarnation));
        }
    }

    fn evidence(&self, record: &Record, evidence: &Reached, does: &mut Does) {
        let Some(Driven { flight, .. }) = answers(record, evidence) else { return };
        let by_target = evidence.by.store == flight.to;
        // M18
        match (flight.cutover, flight.block) {
            (true, block) => {
                let by_target =
                    by_target && block.is_some_and(|block| block.target == evidence.by.incarnation);
                let last = block.and_then(|block| block.last);
                // M27
                if by_target && last.is_some_and(|last| last.digest != evidence.digest) {
                    return does.proposes(true, Change::Abort(seen(record), Why::Digest));
                }
                let reaches = last.is_some_and(|last| evidence.position >= last.watermark);
                does.proposes(by_target && reaches, Change::Complete(seen(record), *evidence));
            }
            (false, None) if by_target => self.starts_block(record, evidence.by, does),
            (false, _) => {}
        }
    }
}

/// The driven migration, if this answers a question that the record asks.
fn answers(record: &Record, answer: &Reached) -> Option<Driven> {
    // M2
    let same = answer.migration == record.migration && answer.epoch == record.epoch;
    driven(record).filter(|_| same)
}

fn sealed(record: &Record, receipt: &Receipt, does: &mut Does) {
    let Some(placed) = record.placed else { return };
    // M19
    if let Some(debt) = placed.debt.filter(|debt| debt.migration == receipt.migration) {
        let late = record.old_copies.get(&debt.placement).is_some_and(|old| old.late_before.is_some());
        let fits = receipt.by.store == debt.placement && receipt.through >= debt.through && !late;
        return does.proposes(fits, Change::Settle(debt.migration, Proof::Sealed(*receipt)));
    }
    // M2
    if let Some(Driven { draining, flight, .. }) = driven(record)
        && receipt.migration == record.migration
        && !flight.cutover
    {
        let fits = receipt.by.store == placed.owner
            && receipt.through >= draining
            && placed.guarantee == Guarantee::Sealed;
        does.proposes(fits, Change::EnterCutover(seen(record), *receipt));
    }
}

fn dropped_copy(record: &Record, dropped: &Dropped, does: &mut Does) {
    let store = dropped.by.store;
    // M20
    let debt = record.placed.and_then(|placed| placed.debt);
    if let Some(Debt { migration, .. }) =
        debt.filter(|debt| debt.placement == store && dropped.copy >= debt.copy)
    {
        does.proposes(true, Change::Settle(migration, Proof::Dropped(*dropped)));
    }
    let listed = record.old_copies.get(&store).is_some_and(|old| old.copy <= dropped.copy);
    does.proposes(listed, Change::Forget(*dropped));
}
