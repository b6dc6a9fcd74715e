//! The transitions, each a function from the old record to the new one, or a refusal.

use super::{
    AbortReason, CutoverFacts, Debt, Expected, Kept, MigrationError, OldCopy, PartitionRecord, Placed,
};
use crate::core::fence::{CatchUpEvidence, Ended, Prepared, SealReceipt, StatementOrigin, WatermarkReading};
use crate::core::ids::{Epoch, Incarnation, MigrationId, PartitionId, Placement};
use crate::core::placement::{Guarantee, PartitionState, Phase};
use alloc::vec::Vec;

pub(super) type Next = Result<PartitionRecord, MigrationError>;

/// The parts of a migration in flight.
struct Flight {
    placed: Placed,
    from: Placement,
    to: Placement,
    phase: Phase,
}

pub(super) fn create(
    partition: PartitionId,
    tombstone: Option<&PartitionRecord>,
    placement: Placement,
    guarantee: Guarantee,
    epoch: Epoch,
    migration: MigrationId,
) -> Next {
    // A copy from before the deletion would still accept the tokens of that time, and, at the same sink, the new
    // tokens until it is prepared (ADR 0010).
    match tombstone {
        Some(record) if record.placed.is_some() => return Err(MigrationError::AlreadyExists { partition }),
        Some(PartitionRecord { old_copies, .. }) => {
            if let Some(OldCopy { placement, copy, .. }) = old_copies.first().copied() {
                return Err(MigrationError::CopyLeft { placement, copy });
            }
        }
        None => {}
    }
    let placed = Placed {
        state: PartitionState::Active(placement),
        owned_since: epoch,
        copy: migration,
        opened: false,
        guarantee,
        cutover: None,
        debt: None,
        held: None,
        kept: None,
    };
    Ok(PartitionRecord { partition, epoch, migration, placed: Some(placed), old_copies: Vec::new() })
}

pub(super) fn open(record: &PartitionRecord, expected: Expected, prepared: &Prepared) -> Next {
    let placed = placed(record)?;
    check_expected(record, expected)?;
    if placed.opened {
        return Err(MigrationError::AlreadyOpen { partition: record.partition });
    }
    check_origin(record, prepared.origin(), placed.state.read_placement())?;
    check_migration(placed.copy, prepared.migration())?;
    if placed.guarantee != promised(prepared.enforces()) {
        return Err(MigrationError::WrongGuarantee { have: placed.guarantee });
    }
    // Of the ownership, not of the record: a recovery raises the record's epoch, and a store that is prepared stays closed as far
    // as it was.
    if prepared.enforces() {
        check_reach(placed.owned_since.previous(), prepared.closed_through())?;
    }
    Ok(record.with(Placed { opened: true, ..placed }))
}

pub(super) fn begin(
    record: &PartitionRecord,
    expected: Expected,
    to: Placement,
    migration: MigrationId,
) -> Next {
    let placed = placed(record)?;
    check_expected(record, expected)?;
    let PartitionState::Active(from) = placed.state else {
        return Err(MigrationError::AlreadyMigrating { migration: record.migration });
    };
    if from == to {
        return Err(MigrationError::SamePlacement { placement: to });
    }
    if !placed.opened {
        return Err(MigrationError::NotOpen { partition: record.partition });
    }
    if let Some(before) =
        record.old_copies.iter().find(|old| old.placement == to).and_then(|old| old.late_before)
    {
        return Err(MigrationError::LateWrites { placement: to, before });
    }
    let state = PartitionState::Migrating { from, to, phase: Phase::Draining };
    let kept = placed.kept.filter(|kept| kept.placement == to);
    let mut next = record.with(Placed { state, kept, ..placed });
    next.epoch = record.epoch.next();
    next.migration = migration;
    // The new copy replaces any copy at the target.
    next.old_copies.retain(|old| old.placement != to);
    Ok(next)
}

pub(super) fn start_block(record: &PartitionRecord, expected: Expected, target: Incarnation) -> Next {
    let flight = flight(record, expected)?;
    if flight.phase != Phase::Draining || flight.placed.cutover.is_some() {
        return Err(MigrationError::BlockStarted { migration: record.migration });
    }
    let cutover = Some(CutoverFacts { draining: record.epoch, target, watermark: None, digest: None });
    Ok(record.with(Placed { cutover, ..flight.placed }))
}

pub(super) fn enter_cutover(record: &PartitionRecord, expected: Expected, receipt: &SealReceipt) -> Next {
    let flight = draining(record, expected, Guarantee::Sealed)?;
    check_origin(record, receipt.origin(), flight.from)?;
    check_migration(record.migration, receipt.migration())?;
    check_reach(record.epoch, receipt.through())?;
    let facts = CutoverFacts {
        draining: record.epoch,
        target: receipt.target(),
        watermark: Some(receipt.watermark()),
        digest: Some(receipt.digest()),
    };
    Ok(into_cutover(record, &flight, facts))
}

pub(super) fn enter_timed_cutover(record: &PartitionRecord, expected: Expected, prepared: &Prepared) -> Next {
    let flight = draining(record, expected, Guarantee::Timed)?;
    check_origin(record, prepared.origin(), flight.to)?;
    check_migration(record.migration, prepared.migration())?;
    check_reach(record.epoch, prepared.closed_through())?;
    let target = prepared.origin().incarnation;
    let facts = CutoverFacts { draining: record.epoch, target, watermark: None, digest: None };
    Ok(into_cutover(record, &flight, facts))
}

pub(super) fn record_watermark(
    record: &PartitionRecord,
    expected: Expected,
    reading: &WatermarkReading,
) -> Next {
    let (flight, facts) = in_cutover(record, expected)?;
    if flight.placed.guarantee != Guarantee::Timed {
        return Err(MigrationError::WrongGuarantee { have: flight.placed.guarantee });
    }
    if let Some(have) = facts.watermark {
        return Err(MigrationError::WatermarkRecorded { have });
    }
    check_origin(record, reading.origin(), flight.from)?;
    check_migration(record.migration, reading.migration())?;
    check_epoch(record.epoch, reading.epoch())?;
    let (watermark, digest) = (Some(reading.position()), Some(reading.digest()));
    let cutover = Some(CutoverFacts { watermark, digest, ..facts });
    Ok(record.with(Placed { cutover, ..flight.placed }))
}

pub(super) fn complete(record: &PartitionRecord, expected: Expected, evidence: &CatchUpEvidence) -> Next {
    let (flight, facts) = in_cutover(record, expected)?;
    check_origin(record, evidence.origin(), flight.to)?;
    if evidence.origin().incarnation != facts.target {
        let have = evidence.origin().incarnation;
        return Err(MigrationError::OtherIncarnation { have, expected: facts.target });
    }
    check_migration(record.migration, evidence.migration())?;
    check_epoch(record.epoch, evidence.epoch())?;
    let needed = facts.watermark.ok_or(MigrationError::WatermarkMissing)?;
    if evidence.position() < needed {
        return Err(MigrationError::NotCaughtUp { have: evidence.position(), needed });
    }
    // Compared also if the copy reaches further: then it has something that the source never had.
    let (have, expected) = (evidence.digest(), facts.digest.ok_or(MigrationError::WatermarkMissing)?);
    if have != expected {
        return Err(MigrationError::DigestDiffers { have, expected });
    }
    Ok(flip(record, &flight, facts.draining, evidence.enforces(), flight.placed.debt, None))
}

/// An abort that names the draining epoch holds in the cutover as well: a budget that runs out while the cutover is being
/// committed has run out, and a second one would block writes for longer.
pub(super) fn abort(record: &PartitionRecord, expected: Expected, why: AbortReason) -> Next {
    let drained = record.draining_epoch() == Some(expected.epoch) && record.migration == expected.migration;
    let flight = flight(record, if drained { record.expected() } else { expected })?;
    let state = PartitionState::Active(flight.from);
    let kept = Kept { migration: record.migration, placement: flight.to };
    let kept = Some(kept).filter(|_| why.keeps());
    let mut next = record.with(Placed { state, cutover: None, kept, ..flight.placed });
    next.epoch = record.epoch.next();
    next.leave(OldCopy {
        placement: flight.to,
        copy: record.migration,
        sealed_through: None,
        retiring: false,
        late_before: None,
    });
    Ok(next)
}

pub(super) fn force(record: &PartitionRecord, expected: Expected, ended: &Ended, partial: bool) -> Next {
    let flight = flight(record, expected)?;
    check_origin(record, ended.origin(), flight.to)?;
    check_migration(record.migration, ended.migration())?;
    check_epoch(record.epoch, ended.epoch())?;
    if let Some(Debt { placement, through, .. }) = flight.placed.debt {
        return Err(MigrationError::Unsettled { placement, through });
    }
    if !ended.complete() && !partial {
        return Err(MigrationError::Incomplete { placement: flight.to });
    }
    let draining = flight.placed.cutover.map_or(record.epoch, |facts| facts.draining);
    let debt = Debt {
        placement: flight.from,
        through: draining,
        migration: record.migration,
        copy: flight.placed.copy,
        target: ended.origin().incarnation,
        copied: Some(ended.position()).filter(|_| ended.complete()),
    };
    // A recorded watermark was read after the wait.
    let waited = flight.placed.cutover.is_some_and(|facts| facts.watermark.is_some());
    let late = late(&flight.placed, record.epoch.next()).filter(|_| !waited);
    Ok(flip(record, &flight, draining, ended.enforces(), Some(debt), late))
}

pub(super) fn delete(record: &PartitionRecord, expected: Expected, copies_max: u32) -> Next {
    let placed = placed(record)?;
    check_expected(record, expected)?;
    let PartitionState::Active(placement) = placed.state else {
        return Err(MigrationError::AlreadyMigrating { migration: record.migration });
    };
    if let Some(Debt { placement, through, .. }) = placed.debt {
        return Err(MigrationError::Unsettled { placement, through });
    }
    let mut next = record.clone();
    next.epoch = record.epoch.next();
    next.placed = None;
    next.leave(OldCopy {
        placement,
        copy: placed.copy,
        sealed_through: None,
        retiring: true,
        late_before: late(&placed, next.epoch),
    });
    if u32::try_from(next.old_copies.len()).unwrap_or(u32::MAX) > copies_max {
        return Err(MigrationError::CopyCap { limit: copies_max });
    }
    for old in &mut next.old_copies {
        old.retiring = true;
    }
    Ok(next)
}

impl PartitionRecord {
    pub(super) fn with(&self, placed: Placed) -> Self {
        Self { placed: Some(placed), ..self.clone() }
    }

    /// Adds an old copy. A placement has at most one, since a newer copy there replaces the older one.
    pub(super) fn leave(&mut self, old: OldCopy) {
        self.old_copies.retain(|other| other.placement != old.placement);
        self.old_copies.push(old);
        self.old_copies.sort();
    }
}

/// The epoch before which writes may still take effect at the owner, if it cannot refuse them.
fn late(placed: &Placed, epoch: Epoch) -> Option<Epoch> {
    (placed.guarantee == Guarantee::Timed).then_some(epoch)
}

/// The guarantee that a sink can give: `sealed` only if it checks tokens.
const fn promised(enforces: bool) -> Guarantee {
    if enforces { Guarantee::Sealed } else { Guarantee::Timed }
}

/// Moves the partition to the target, whose tokens start at the new epoch. The guarantee is that of the target's sink
/// from now on.
fn flip(
    record: &PartitionRecord,
    flight: &Flight,
    draining: Epoch,
    enforces: bool,
    debt: Option<Debt>,
    late_before: Option<Epoch>,
) -> PartitionRecord {
    let epoch = record.epoch.next();
    let placed = Placed {
        state: PartitionState::Active(flight.to),
        owned_since: epoch,
        copy: record.migration,
        guarantee: promised(enforces),
        cutover: None,
        debt,
        kept: None,
        ..flight.placed
    };
    let mut next = record.with(placed);
    next.epoch = epoch;
    next.leave(OldCopy {
        placement: flight.from,
        copy: flight.placed.copy,
        sealed_through: Some(draining),
        retiring: false,
        late_before,
    });
    next
}

fn into_cutover(record: &PartitionRecord, flight: &Flight, facts: CutoverFacts) -> PartitionRecord {
    let state = PartitionState::Migrating { from: flight.from, to: flight.to, phase: Phase::Cutover };
    let mut next = record.with(Placed { state, cutover: Some(facts), ..flight.placed });
    next.epoch = record.epoch.next();
    next
}

pub(super) fn placed(record: &PartitionRecord) -> Result<Placed, MigrationError> {
    record.placed.ok_or(MigrationError::UnknownPartition { partition: record.partition })
}

fn flight(record: &PartitionRecord, expected: Expected) -> Result<Flight, MigrationError> {
    let placed = placed(record)?;
    check_expected(record, expected)?;
    if placed.held.is_some() {
        return Err(MigrationError::Held { migration: record.migration });
    }
    match placed.state {
        PartitionState::Migrating { from, to, phase } => Ok(Flight { placed, from, to, phase }),
        PartitionState::Active(_) => Err(MigrationError::NotMigrating { partition: record.partition }),
    }
}

fn draining(record: &PartitionRecord, expected: Expected, kind: Guarantee) -> Result<Flight, MigrationError> {
    let flight = flight(record, expected)?;
    if flight.phase != Phase::Draining {
        return Err(MigrationError::NotDraining { migration: record.migration });
    }
    if flight.placed.guarantee != kind {
        return Err(MigrationError::WrongGuarantee { have: flight.placed.guarantee });
    }
    Ok(flight)
}

fn in_cutover(
    record: &PartitionRecord,
    expected: Expected,
) -> Result<(Flight, CutoverFacts), MigrationError> {
    let flight = flight(record, expected)?;
    match (flight.phase, flight.placed.cutover) {
        (Phase::Cutover, Some(facts)) => Ok((flight, facts)),
        (Phase::Draining | Phase::Cutover, _) => {
            Err(MigrationError::NotCutover { migration: record.migration })
        }
    }
}

pub(super) fn check_expected(record: &PartitionRecord, expected: Expected) -> Result<(), MigrationError> {
    if record.expected() == expected {
        return Ok(());
    }
    Err(MigrationError::StaleExpectation {
        expected_migration: expected.migration,
        expected_epoch: expected.epoch,
        migration: record.migration,
        epoch: record.epoch,
    })
}

pub(super) fn check_origin(
    record: &PartitionRecord,
    origin: StatementOrigin,
    placement: Placement,
) -> Result<(), MigrationError> {
    if origin.store == placement && origin.partition == record.partition {
        return Ok(());
    }
    Err(MigrationError::OtherSpeaker { origin, placement })
}

fn check_migration(expected: MigrationId, have: MigrationId) -> Result<(), MigrationError> {
    if have == expected { Ok(()) } else { Err(MigrationError::OtherMigration { have, expected }) }
}

fn check_epoch(expected: Epoch, have: Epoch) -> Result<(), MigrationError> {
    if have == expected { Ok(()) } else { Err(MigrationError::OtherEpoch { have, expected }) }
}

pub(super) fn check_reach(needed: Epoch, have: Epoch) -> Result<(), MigrationError> {
    if have >= needed { Ok(()) } else { Err(MigrationError::SealTooLow { have, needed }) }
}
