//! What a command that violates no rule makes of the record.

use crate::statement::Dropped;
use crate::table::command::{Change, Guarantee, Proof, Release};
use crate::table::record::{Block, Debt, Flight, OldCopy, Placed, Record};
use cutover::core::ids::{Epoch, Incarnation, MigrationId, Placement};
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
        | Change::Abort(_)
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
            // T25
            record.old_copies.remove(to);
        }
        // T14
        Change::StartBlock(_, target) => {
            set_block(placed, false, Block { draining, target: *target, watermark: None })
        }
        // T15
        Change::EnterCutover(_, receipt) => {
            let watermark = Some(receipt.watermark);
            set_block(placed, true, Block { draining, target: receipt.target, watermark });
        }
        // T16
        Change::EnterTimedCutover(_, prepared) => {
            set_block(placed, true, Block { draining, target: prepared.by.incarnation, watermark: None });
        }
        // T17
        Change::RecordWatermark(_, reading) => {
            if let Some(block) = placed.flight.as_mut().and_then(|flight| flight.block.as_mut()) {
                block.watermark = Some(reading.position);
            }
        }
        // T18
        Change::Complete(_, evidence) => flip(record, migration, of_store(evidence.enforces), draining),
        // T20
        Change::Abort(_) => end_at_source(record, migration),
        Change::Force(_, prepared) => {
            let target = Some(prepared.by.incarnation);
            forced(record, (migration, migration), of_store(prepared.enforces), (draining, draining), target);
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
    *placed = Placed { owner, owned_since, copy, opened: true, guarantee, ..*placed };
}

/// The target becomes the owner, and nobody waits for the writes at the source.
fn forced(
    record: &mut Record,
    (copy, migration): (MigrationId, MigrationId),
    guarantee: Guarantee,
    (draining, through): (Epoch, Epoch),
    target: Option<Incarnation>,
) {
    let Some(source) = record.placed else { return };
    flip(record, copy, guarantee, draining);
    // T22
    if let Some(placed) = &mut record.placed {
        placed.debt = Some(Debt { placement: source.owner, through, migration, copy: source.copy, target });
    }
    // T26
    let ended = source.flight.and_then(|flight| flight.block).is_some_and(|block| block.watermark.is_some());
    if let Some(old) = record.old_copies.get_mut(&source.owner) {
        old.late_before = (!ended && source.guarantee == Guarantee::Timed).then_some(record.epoch);
    }
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
            forced(record, (held.migration, migration), guarantee, (before, before), target);
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
        | Change::Abort(_)
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
