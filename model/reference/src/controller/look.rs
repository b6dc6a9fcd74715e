//! What a record asks for.

use super::io::{Does, Timer};
use super::{Controller, Driven, aborts, driven};
use crate::table::command::{Guarantee, Why};
use crate::table::record::{Debt, Placed, Record};
use cutover::core::fence::{Body, DropCopy, EvidenceQuery, Prepare, Seal, WatermarkQuery};
use cutover::core::ids::{Epoch, Incarnation, MigrationId, Placement, Position};

impl Controller {
    pub(super) fn looks(&mut self, record: &Record, does: &mut Does) {
        self.cleans_up(record, does);
        let driven = driven(record);
        match (record.placed, driven) {
            (_, Some(driven)) => self.drives(record, &driven, does),
            // M4
            (Some(placed), None) if !placed.opened => {
                let closed_through = placed.owned_since.previous();
                let prepare = Prepare { migration: placed.copy, closed_through, source: None, keep: None };
                does.asks(placed.owner, Body::Prepare(prepare));
            }
            // M25
            (Some(_) | None, None) => {}
        }
        does.asks_again(driven.is_some());
    }

    fn drives(&mut self, record: &Record, driven: &Driven, does: &mut Does) {
        let Driven { placed, flight, draining } = driven;
        // M10
        if flight.block.is_some() {
            does.sets(Timer::Budget(record.migration));
        }
        let watermark = flight.block.and_then(|block| block.watermark());
        match (flight.cutover, flight.block, placed.guarantee) {
            (true, ..) => match watermark {
                // M7
                Some(watermark) => {
                    asks_to_prepare(record, driven, does);
                    asks_evidence(record, driven, watermark, does);
                }
                // M8
                None => self.cutover_waits(record, placed, does),
            },
            // M6
            (false, Some(block), Guarantee::Sealed) => {
                does.asks(placed.owner, seal(record.migration, *draining, block.target));
            }
            // M5, M6
            (false, ..) => asks_to_prepare(record, driven, does),
        }
    }

    fn cutover_waits(&mut self, record: &Record, placed: &Placed, does: &mut Does) {
        // M8
        match self.waits.get(&(record.migration, record.epoch)) {
            None => self.begins((record.migration, record.epoch), does),
            Some(false) => {}
            Some(true) => asks_watermark(record, placed.owner, does),
        }
    }

    fn begins(&mut self, wait: (MigrationId, Epoch), does: &mut Does) {
        // M9
        if self.waits.insert(wait, false).is_none() {
            does.sets(Timer::Wait(wait.0, wait.1));
        }
    }

    /// What earlier migrations have left.
    fn cleans_up(&mut self, record: &Record, does: &mut Does) {
        // M13
        if let Some(Debt { placement, through, migration, target, .. }) =
            record.placed.and_then(|placed| placed.debt)
        {
            does.asks(placement, seal(migration, through, target.unwrap_or(Incarnation(0))));
        }
        self.drops(record, does);
    }

    fn drops(&mut self, record: &Record, does: &mut Does) {
        // M14
        for (store, old) in &record.old_copies {
            let wait = old.late_before.map(|before| (old.copy, before));
            if let Some(wait) = wait.filter(|wait| !self.waits.contains_key(wait)) {
                self.begins(wait, does);
            }
            let waited = wait.is_none_or(|wait| self.waits.get(&wait) == Some(&true));
            if old.retiring && waited {
                let drop = DropCopy { copy: old.copy, sealed_through: old.sealed_through };
                does.asks(*store, Body::Drop(drop));
            }
        }
    }

    pub(super) fn takes_over(&mut self, record: &Record, does: &mut Does) {
        // M12
        let blocked = driven(record).and_then(|driven| Some((driven, driven.flight.block?)));
        let Some((driven, block)) = blocked else { return self.looks(record, does) };
        self.cleans_up(record, does);
        match block.watermark() {
            Some(watermark) => {
                asks_evidence(record, &driven, watermark, does);
                does.sets(Timer::Overdue(record.migration));
            }
            None => aborts(record, Why::TakenOver, does),
        }
    }

    /// A wait has ended, if it runs.
    pub(super) fn waited(&mut self, record: &Record, wait: (MigrationId, Epoch), does: &mut Does) {
        // M9
        match self.waits.get_mut(&wait) {
            Some(ended) if !*ended => *ended = true,
            Some(_) | None => return,
        }
        // M24
        self.drops(record, does);
        if let Some(driven) = driven(record).filter(|driven| driven.flight.cutover)
            && wait == (record.migration, record.epoch)
        {
            asks_watermark(record, driven.placed.owner, does);
        }
        does.asks_again(false);
    }
}

const fn seal(migration: MigrationId, through: Epoch, target: Incarnation) -> Body {
    Body::Seal(Seal { migration, through, target })
}

/// The target is asked to prepare, and to go on with the copy that is kept there, if there is one.
fn asks_to_prepare(record: &Record, driven: &Driven, does: &mut Does) {
    let Driven { placed, flight, draining } = driven;
    let keep = placed.kept.map(|(migration, _)| migration);
    let (migration, closed_through, source) = (record.migration, *draining, Some(placed.owner));
    does.asks(flight.to, Body::Prepare(Prepare { migration, closed_through, source, keep }));
}

pub(super) fn asks_evidence(record: &Record, driven: &Driven, at_least: Position, does: &mut Does) {
    let (migration, epoch) = (record.migration, record.epoch);
    does.asks(driven.flight.to, Body::Evidence(EvidenceQuery { migration, epoch, at_least }));
}

pub(super) fn asks_watermark(record: &Record, source: Placement, does: &mut Does) {
    let (migration, epoch) = (record.migration, record.epoch);
    does.asks(source, Body::Watermark(WatermarkQuery { migration, epoch }));
}
