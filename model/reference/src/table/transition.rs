//! What a command that violates no rule makes of the record.

use crate::statement::Dropped;
use crate::table::command::{Change, Guarantee, Proof, Release, Why};
use crate::table::record::{Block, Debt, Flight, Last, OldCopy, Placed, Record};
use cutover::core::ids::{Epoch, Incarnation, MigrationId, Placement, Position};
use std::collections::BTreeMap;

/// Whether the change gives the record a new epoch.
#[must_use]
pub const fn advances(change: &Change) -> bool {
    // T3
    match change {
        Change::Create(..)
        | Change::Begin(..)
        | Change::EnterCutover(..)
        | Change::EnterTimedCutover(..)
        | Change::Complete(..)
        | Change::Abort(..)
        | Change::Force(..)
        | Change::Delete(_)
        | Change::Release(..) => true,
        Change::Open(..)
        | Change::StartBlock(..)
        | Change::RecordWatermark(..)
        | Change::Settle(..)
        | Change::Retire(..)
        | Change::Forget(_)
        | Change::WriteOff(..) => false,
    }
}

/// Whether the change gives the record a new migration id.
#[must_use]
pub const fn renames(change: &Change) -> bool {
    // T4
    matches!(change, Change::Create(..) | Change::Begin(..))
}

/// The record of a new partition.
#[must_use]
pub const fn created(at: Placement, guarantee: Guarantee, epoch: Epoch, migration: MigrationId) -> Record {
    // T6
    let placed = Placed {
        owner: at,
        owned_since: epoch,
        copy: migration,
        opened: false,
        guarantee,
        flight: None,
        debt: None,
        kept: None,
    };
    Record { epoch, migration, placed: Some(placed), old_copies: BTreeMap::new() }
}

/// Makes the change, at this epoch and with this id, which are the record's own where it gives no new ones.
pub fn make(record: &mut Record, change: &Change, epoch: Epoch, migration: MigrationId) {
    let before = record.epoch;
    record.epoch = epoch;
    record.migration = migration;
    if matches!(change, Change::Retire(..) | Change::Forget(_) | Change::WriteOff(..)) {
        return of_old_copy(record, change);
    }
    let Some(placed) = record.placed.as_mut() else { return };
    let draining = placed.draining(before).unwrap_or(before);
    match change {
        // T9
        Change::Open(..) => placed.opened = true,
        Change::Begin(_, to) => {
            placed.flight = Some(Flight { to: *to, cutover: false, block: None, held: None });
            // T38
            placed.kept = placed.kept.filter(|(_, at)| at == to);
            // T25
            record.old_copies.remove(to);
        }
        // T14
        Change::StartBlock(_, target) => {
            set_block(placed, false, Block { draining, target: *target, last: None })
        }
        // T15
        Change::EnterCutover(_, receipt) => {
            let last = Some(Last { watermark: receipt.watermark, digest: receipt.digest });
            set_block(placed, true, Block { draining, target: receipt.target, last });
        }
        // T16
        Change::EnterTimedCutover(_, prepared) => {
            set_block(placed, true, Block { draining, target: prepared.by.incarnation, last: None });
        }
        // T17
        Change::RecordWatermark(_, reading) => {
            if let Some(block) = placed.flight.as_mut().and_then(|flight| flight.block.as_mut()) {
                block.last = Some(Last { watermark: reading.position, digest: reading.digest });
            }
        }
        // T18
        Change::Complete(_, evidence) => flip(record, migration, of_store(evidence.enforces), draining),
        // T20
        Change::Abort(_, why) => aborted(record, migration, *why),
        Change::Force(_, ended, _) => {
            let target = Some(ended.by.incarnation);
            let guarantee = of_store(ended.enforces);
            let copied = ended.complete.then_some(ended.position);
            forced(record, (migration, migration), guarantee, (draining, draining), (target, copied));
        }
        // T24
        Change::Settle(_, Proof::Sealed(_) | Proof::Closed(_) | Proof::Dropped(_)) => placed.debt = None,
        Change::Delete(_) => deleted(record),
        Change::Release(_, how) => released(record, *how, before),
        Change::Create(..) | Change::Retire(..) | Change::Forget(_) | Change::WriteOff(..) => {}
    }
}

fn set_block(placed: &mut Placed, cutover: bool, block: Block) {
    if let Some(flight) = &mut placed.flight {
        flight.cutover = cutover;
        flight.block = Some(block);
    }
}

/// What a sink promises that checks tokens, or does not.
const fn of_store(enforces: bool) -> Guarantee {
    if enforces { Guarantee::Sealed } else { Guarantee::Timed }
}

/// The target becomes the owner, and the source has an old copy.
fn flip(record: &mut Record, copy: MigrationId, guarantee: Guarantee, sealed_through: Epoch) {
    let Some(placed) = record.placed.as_mut() else { return };
    let Some(flight) = placed.flight.take() else { return };
    // T25
    let old = OldCopy {
        copy: placed.copy,
        sealed_through: Some(sealed_through),
        retiring: false,
        late_before: None,
    };
    record.old_copies.insert(placed.owner, old);
    // T19
    let (owner, owned_since) = (flight.to, record.epoch);
    // T38
    let kept = None;
    *placed = Placed { owner, owned_since, copy, opened: true, guarantee, kept, ..*placed };
}

/// The target becomes the owner, and nobody waits for the writes at the source.
fn forced(
    record: &mut Record,
    (copy, migration): (MigrationId, MigrationId),
    guarantee: Guarantee,
    (draining, through): (Epoch, Epoch),
    (target, copied): (Option<Incarnation>, Option<Position>),
) {
    let Some(source) = record.placed else { return };
    flip(record, copy, guarantee, draining);
    // T22
    if let Some(placed) = &mut record.placed {
        let (placement, copy) = (source.owner, source.copy);
        placed.debt = Some(Debt { placement, through, migration, copy, target, copied });
    }
    // T26
    let ended = source.flight.and_then(|flight| flight.block).is_some_and(|block| block.last.is_some());
    if let Some(old) = record.old_copies.get_mut(&source.owner) {
        old.late_before = (!ended && source.guarantee == Guarantee::Timed).then_some(record.epoch);
    }
}

/// The source stays the owner. With the copy at the target, another migration may go on.
fn aborted(record: &mut Record, migration: MigrationId, why: Why) {
    // T38
    let goes_on = match why {
        Why::Operator | Why::Budget | Why::TakenOver | Why::Refused => true,
        Why::Broken | Why::Ended | Why::Digest => false,
    };
    if let Some(placed) = &mut record.placed {
        placed.kept = placed.flight.filter(|_| goes_on).map(|flight| (migration, flight.to));
    }
    end_at_source(record, migration);
}

/// The source stays the owner, and the target may have a copy.
fn end_at_source(record: &mut Record, copy: MigrationId) {
    let Some(flight) = record.placed.as_mut().and_then(|placed| placed.flight.take()) else { return };
    // T25
    let old = OldCopy { copy, sealed_through: None, retiring: false, late_before: None };
    record.old_copies.insert(flight.to, old);
}

fn deleted(record: &mut Record) {
    // T30
    let Some(placed) = record.placed.take() else { return };
    // T26
    let late_before = (placed.guarantee == Guarantee::Timed).then_some(record.epoch);
    let old = OldCopy { copy: placed.copy, sealed_through: None, retiring: true, late_before };
    record.old_copies.insert(placed.owner, old);
    for old in record.old_copies.values_mut() {
        old.retiring = true;
    }
}

fn released(record: &mut Record, how: Release, before: Epoch) {
    // T32
    let migration = record.migration;
    let Some(flight) = record.placed.as_mut().and_then(|placed| placed.flight.as_mut()) else { return };
    let Some(held) = flight.held else { return };
    match how {
        Release::Resume => *flight = Flight { to: flight.to, cutover: false, block: None, held: None },
        Release::KeepSource => end_at_source(record, held.migration),
        Release::AcceptTarget(guarantee) => {
            let target = flight.block.take().map(|block| block.target);
            forced(record, (held.migration, migration), guarantee, (before, before), (target, None));
            if let Some(placed) = &mut record.placed {
                placed.owned_since = held.draining.next();
            }
        }
    }
}

fn of_old_copy(record: &mut Record, change: &Change) {
    match change {
        // T27
        Change::Retire(placement, _) => {
            if let Some(old) = record.old_copies.get_mut(placement) {
                old.retiring = true;
            }
        }
        // T28
        Change::Forget(Dropped { by, copy }) => {
            record.old_copies.remove(&by.store);
            settle_if(record, |debt| debt.placement == by.store && *copy >= debt.copy);
        }
        // T29
        Change::WriteOff(placement, _) => {
            record.old_copies.remove(placement);
            settle_if(record, |debt| debt.placement == *placement);
        }
        Change::Create(..)
        | Change::Open(..)
        | Change::Begin(..)
        | Change::StartBlock(..)
        | Change::EnterCutover(..)
        | Change::EnterTimedCutover(..)
        | Change::RecordWatermark(..)
        | Change::Complete(..)
        | Change::Abort(..)
        | Change::Force(..)
        | Change::Settle(..)
        | Change::Delete(_)
        | Change::Release(..) => {}
    }
}

fn settle_if(record: &mut Record, over: impl Fn(&Debt) -> bool) {
    if let Some(placed) = &mut record.placed
        && placed.debt.as_ref().is_some_and(over)
    {
        placed.debt = None;
    }
}
