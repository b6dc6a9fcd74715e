//! Which rules a command violates. All of them are named, so that the table may look at them in any order.

use crate::statement::{Dropped, Ended, Prepared, Reached, Speaker};
use crate::table::command::{Change, Guarantee, Proof, Release, Seen};
use crate::table::record::{Flight, Placed, Record};
use crate::table::refusal::Refusal;
use crate::table::state::Table;
use cutover::core::ids::{Epoch, Incarnation, MigrationId, PartitionId, Placement};

/// The rules that a change of this partition violates; none: the change is to be made.
#[must_use]
pub fn violated(table: &Table, partition: PartitionId, change: &Change) -> Vec<Refusal> {
    let mut no = Violated { table, partition, found: Vec::new() };
    match change {
        Change::Create(..) => no.create(),
        Change::Settle(migration, proof) => no.settle(*migration, proof),
        Change::Retire(placement, copy) => no.retire(*placement, *copy),
        Change::WriteOff(placement, copy) => no.write_off(*placement, *copy),
        Change::Forget(dropped) => no.forget(dropped),
        Change::Open(seen, _)
        | Change::Begin(seen, _)
        | Change::StartBlock(seen, _)
        | Change::EnterCutover(seen, _)
        | Change::EnterTimedCutover(seen, _)
        | Change::RecordWatermark(seen, _)
        | Change::Complete(seen, _)
        | Change::Abort(seen, _)
        | Change::Force(seen, ..)
        | Change::Delete(seen)
        | Change::Release(seen, _) => no.on_record(*seen, change),
    }
    no.found
}

struct Violated<'a> {
    table: &'a Table,
    partition: PartitionId,
    found: Vec<Refusal>,
}

impl Violated<'_> {
    fn unless(&mut self, holds: bool, refusal: Refusal) {
        if !holds {
            self.found.push(refusal);
        }
    }

    fn create(&mut self) {
        match self.table.records.get(&self.partition) {
            // T6
            Some(record) => {
                self.unless(record.placed.is_none(), Refusal::AlreadyExists(self.partition));
                for (placement, old) in &record.old_copies {
                    self.found.push(Refusal::CopyLeft(*placement, old.copy));
                }
            }
            // T7
            None => {
                let limit = self.table.limits.partitions;
                self.unless(self.table.records.len() < limit, Refusal::PartitionCap(limit));
            }
        }
    }

    fn on_record(&mut self, seen: Seen, change: &Change) {
        // T1
        let Some(record) = self.table.records.get(&self.partition) else {
            return self.found.push(Refusal::UnknownPartition(self.partition));
        };
        let found = Seen { migration: record.migration, epoch: record.epoch };
        let is_abort = matches!(change, Change::Abort(..));
        let aborts_cutover = is_abort && cutover_of(record).is_some_and(|drained| drained == seen);
        self.unless(seen == found || aborts_cutover, Refusal::StaleExpectation { expected: seen, found });
        let Some(placed) = &record.placed else {
            return self.found.push(Refusal::UnknownPartition(self.partition));
        };
        match change {
            Change::Open(_, prepared) => self.open(record, placed, prepared),
            Change::Begin(_, to) => self.begin(record, placed, *to),
            Change::Delete(_) => self.delete(record, placed),
            Change::Release(_, how) => {
                // T31, T32
                let held = placed.flight.is_some_and(|flight| flight.held.is_some());
                self.unless(held, Refusal::NotHeld(self.partition));
                if matches!(how, Release::AcceptTarget(_)) {
                    self.no_debt(placed);
                }
            }
            Change::Create(..)
            | Change::Settle(..)
            | Change::Retire(..)
            | Change::WriteOff(..)
            | Change::Forget(_)
            | Change::StartBlock(..)
            | Change::EnterCutover(..)
            | Change::EnterTimedCutover(..)
            | Change::RecordWatermark(..)
            | Change::Complete(..)
            | Change::Abort(..)
            | Change::Force(..) => self.in_flight(record, placed, change),
        }
    }

    fn in_flight(&mut self, record: &Record, placed: &Placed, change: &Change) {
        // T14 to T21
        let Some(flight) = placed.flight else {
            return self.found.push(Refusal::NotMigrating(self.partition));
        };
        // T31
        self.unless(flight.held.is_none(), Refusal::Held(record.migration));
        match change {
            Change::StartBlock(..) => {
                // T14
                self.draining(record, flight);
                self.unless(flight.block.is_none(), Refusal::BlockStarted(record.migration));
            }
            Change::EnterCutover(_, receipt) => {
                // T15
                self.draining(record, flight);
                self.guarantee(placed, Guarantee::Sealed);
                self.speaker(receipt.by, placed.owner);
                self.migration(receipt.migration, record.migration);
                self.through(receipt.through, placed.draining(record.epoch));
            }
            Change::EnterTimedCutover(_, prepared) => {
                // T16
                self.draining(record, flight);
                self.guarantee(placed, Guarantee::Timed);
                self.prepared(record, placed, flight, prepared);
            }
            Change::RecordWatermark(_, reading) => {
                // T17
                self.unless(flight.cutover, Refusal::NotCutover(record.migration));
                self.guarantee(placed, Guarantee::Timed);
                if let Some(have) = flight.block.and_then(|block| block.watermark()) {
                    self.found.push(Refusal::WatermarkRecorded(have));
                }
                self.answer(record, reading, placed.owner);
            }
            Change::Complete(_, evidence) => self.complete(record, flight, evidence),
            Change::Force(_, ended, partial) => {
                self.ended(record, flight, ended, *partial);
                self.no_debt(placed);
            }
            // T20
            Change::Abort(..) => {}
            Change::Create(..)
            | Change::Open(..)
            | Change::Begin(..)
            | Change::Settle(..)
            | Change::Retire(..)
            | Change::Forget(_)
            | Change::Delete(_)
            | Change::WriteOff(..)
            | Change::Release(..) => {}
        }
    }

    fn open(&mut self, record: &Record, placed: &Placed, prepared: &Prepared) {
        // T9
        self.unless(!placed.opened, Refusal::AlreadyOpen(self.partition));
        self.speaker(prepared.by, placed.owner);
        self.migration(prepared.migration, record.migration);
        let needed = prepared.enforces.then(|| placed.owned_since.previous());
        self.through(prepared.closed_through, needed);
        let gives = if prepared.enforces { Guarantee::Sealed } else { Guarantee::Timed };
        self.guarantee(placed, gives);
    }

    fn begin(&mut self, record: &Record, placed: &Placed, to: Placement) {
        // T10
        self.unless(placed.opened, Refusal::NotOpen(self.partition));
        self.unless(placed.flight.is_none(), Refusal::AlreadyMigrating(record.migration));
        self.unless(to != placed.owner, Refusal::SamePlacement(to));
        // T11
        let limits = self.table.limits;
        for placement in [placed.owner, to] {
            let (have, limit) = (self.table.migrations(Some(placement)), limits.migrations_per_placement);
            self.unless(have < limit, Refusal::PlacementCap { placement, have, limit });
        }
        let (have, limit) = (self.table.migrations(None), limits.migrations_overall);
        self.unless(have < limit, Refusal::OverallCap { have, limit });
        // T12
        let listed = record.old_copies.keys().filter(|placement| **placement != to).count();
        self.unless(listed < limits.old_copies, Refusal::CopyCap(limits.old_copies));
        // T13
        if let Some(before) = record.old_copies.get(&to).and_then(|old| old.late_before) {
            self.found.push(Refusal::LateWrites { placement: to, before });
        }
    }

    fn delete(&mut self, record: &Record, placed: &Placed) {
        // T30, T31
        if let Some(flight) = placed.flight {
            self.found.push(Refusal::AlreadyMigrating(record.migration));
            self.unless(flight.held.is_none(), Refusal::Held(record.migration));
        }
        self.no_debt(placed);
        // T12
        let limit = self.table.limits.old_copies;
        self.unless(record.old_copies.len() < limit, Refusal::CopyCap(limit));
    }

    fn complete(&mut self, record: &Record, flight: Flight, evidence: &Reached) {
        // T18
        self.unless(flight.cutover, Refusal::NotCutover(record.migration));
        self.answer(record, evidence, flight.to);
        let Some(block) = flight.block else { return };
        self.incarnation(evidence.by, block.target);
        match block.last {
            None => self.found.push(Refusal::WatermarkMissing),
            Some(last) => {
                let (have, needed) = (evidence.position, last.watermark);
                self.unless(have >= needed, Refusal::NotCaughtUp { have, needed });
                let (have, expected) = (evidence.digest, last.digest);
                self.unless(have == expected, Refusal::DigestDiffers { have, expected });
            }
        }
    }

    fn settle(&mut self, migration: MigrationId, proof: &Proof) {
        // T24
        let record = self.table.records.get(&self.partition);
        let Some(debt) =
            record.and_then(|record| record.placed?.debt).filter(|debt| debt.migration == migration)
        else {
            if record.is_none_or(|record| record.placed.is_none()) {
                self.found.push(Refusal::UnknownPartition(self.partition));
            }
            return self.found.push(Refusal::NoDebt(migration));
        };
        match proof {
            Proof::Sealed(receipt) => {
                self.speaker(receipt.by, debt.placement);
                self.through(receipt.through, Some(debt.through));
                let old = record.and_then(|record| record.old_copies.get(&debt.placement));
                let is_late = old.is_some_and(|old| old.late_before.is_some());
                let (placement, through) = (debt.placement, receipt.through);
                self.unless(!is_late, Refusal::NotEnforced { placement, through });
            }
            Proof::Closed(prepared) => {
                let (placement, through) = (debt.placement, prepared.closed_through);
                self.speaker(prepared.by, placement);
                self.unless(prepared.enforces, Refusal::NotEnforced { placement, through });
                self.through(through, Some(debt.through));
            }
            Proof::Dropped(dropped) => {
                self.speaker(dropped.by, debt.placement);
                let (have, expected) = (dropped.copy, debt.copy);
                self.unless(have >= expected, Refusal::OtherMigration { have, expected });
            }
        }
    }

    fn retire(&mut self, placement: Placement, copy: MigrationId) {
        // T27
        let old = self.listed(placement);
        self.unless(old == Some(copy), Refusal::UnknownCopy(placement, copy));
    }

    fn write_off(&mut self, placement: Placement, copy: MigrationId) {
        // T29
        let old = self.listed(placement);
        let debt = self.table.records.get(&self.partition).and_then(|record| record.placed?.debt);
        let owed = debt.filter(|debt| debt.placement == placement).map(|debt| debt.copy);
        self.unless(old.or(owed) == Some(copy), Refusal::UnknownCopy(placement, copy));
    }

    fn forget(&mut self, dropped: &Dropped) {
        // T28
        let (placement, copy) = (dropped.by.store, dropped.copy);
        let old = self.listed(placement);
        self.unless(old.is_some_and(|old| old <= copy), Refusal::UnknownCopy(placement, copy));
        // T5
        self.speaker(dropped.by, placement);
    }

    /// The old copy at a placement.
    fn listed(&mut self, placement: Placement) -> Option<MigrationId> {
        let record = self.table.records.get(&self.partition);
        if record.is_none() {
            self.found.push(Refusal::UnknownPartition(self.partition));
        }
        Some(record?.old_copies.get(&placement)?.copy)
    }

    fn draining(&mut self, record: &Record, flight: Flight) {
        self.unless(!flight.cutover, Refusal::NotDraining(record.migration));
    }

    fn guarantee(&mut self, placed: &Placed, needed: Guarantee) {
        self.unless(placed.guarantee == needed, Refusal::WrongGuarantee(placed.guarantee));
    }

    fn no_debt(&mut self, placed: &Placed) {
        // T23
        if let Some(debt) = placed.debt {
            self.found.push(Refusal::Unsettled { placement: debt.placement, through: debt.through });
        }
    }

    fn prepared(&mut self, record: &Record, placed: &Placed, flight: Flight, prepared: &Prepared) {
        self.speaker(prepared.by, flight.to);
        self.migration(prepared.migration, record.migration);
        self.through(prepared.closed_through, placed.draining(record.epoch));
    }

    fn ended(&mut self, record: &Record, flight: Flight, ended: &Ended, partial: bool) {
        // T21
        self.speaker(ended.by, flight.to);
        self.migration(ended.migration, record.migration);
        self.epoch(ended.epoch, record.epoch);
        self.unless(ended.complete || partial, Refusal::Incomplete(flight.to));
    }

    fn answer(&mut self, record: &Record, answer: &Reached, by: Placement) {
        self.speaker(answer.by, by);
        self.migration(answer.migration, record.migration);
        self.epoch(answer.epoch, record.epoch);
    }

    fn epoch(&mut self, have: Epoch, expected: Epoch) {
        self.unless(have == expected, Refusal::OtherEpoch { have, expected });
    }

    fn speaker(&mut self, by: Speaker, expected: Placement) {
        // T5
        let right = by.store == expected && by.partition == self.partition;
        self.unless(right, Refusal::OtherSpeaker { by, expected });
    }

    fn incarnation(&mut self, by: Speaker, expected: Incarnation) {
        let have = by.incarnation;
        self.unless(have == expected, Refusal::OtherIncarnation { have, expected });
    }

    fn migration(&mut self, have: MigrationId, expected: MigrationId) {
        // T5
        self.unless(have == expected, Refusal::OtherMigration { have, expected });
    }

    fn through(&mut self, have: Epoch, needed: Option<Epoch>) {
        if let Some(needed) = needed {
            self.unless(have >= needed, Refusal::SealTooLow { have, needed });
        }
    }
}

/// What an abort may name in a cutover, besides the record: the migration while it was draining.
fn cutover_of(record: &Record) -> Option<Seen> {
    let flight = record.placed?.flight.filter(|flight| flight.cutover && flight.held.is_none())?;
    Some(Seen { migration: record.migration, epoch: flight.block?.draining })
}
