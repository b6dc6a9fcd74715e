//! Chooses a client's next change of a partition. Statements of stores are fabricated here: other tests check what
//! they are based on, here the log only has to record them.

use crate::options::Work;
use crate::stream::Stream;
use cutover::core::fence::{
    CatchUpEvidence, Claim, Digest, Dropped, Ended, Prepared, RowsDigest, SealReceipt, StatementOrigin,
    WatermarkReading,
};
use cutover::core::ids::{Epoch, Incarnation, MigrationId, Placement, Position};
use cutover::core::migration::{
    AbortReason, Expected, OldCopy, Operator, PartitionRecord, Placed, Reason, Release, Settlement,
    Transition,
};
use cutover::core::placement::{Guarantee, PartitionState, Phase};

fn speaker(record: &PartitionRecord, store: Placement, incarnation: Incarnation) -> StatementOrigin {
    StatementOrigin { store, partition: record.partition, incarnation }
}

const FIRST: Incarnation = Incarnation(1);

fn dropped(record: &PartitionRecord, store: Placement, copy: MigrationId) -> Claim<Dropped> {
    Dropped::reported(speaker(record, store, FIRST), copy).into()
}

fn forget(record: &PartitionRecord, old: &OldCopy) -> Transition {
    Transition::ForgetCopy { dropped: dropped(record, old.placement, old.copy) }
}

/// A target's statement that it is ready for the copy.
fn prepared(record: &PartitionRecord, to: Placement, enforces: bool) -> Claim<Prepared> {
    Prepared::reported(
        speaker(record, to, incarnation_of(to)),
        record.migration,
        record.epoch,
        enforces,
        false,
    )
    .into()
}

/// A transition that fits the record as the client knows it.
pub(super) fn next(record: Option<&PartitionRecord>, work: &Work, chance: &mut Stream) -> Transition {
    let wanted = match record {
        None => create(work, chance),
        Some(record) => match record.placed {
            None => match record.old_copies.first() {
                Some(old) => forget(record, old),
                None => create(work, chance),
            },
            Some(placed) => of_placed(record, placed, work, chance),
        },
    };
    let stale = chance.below(100) < work.stale_pc;
    if stale { spoil(wanted, chance) } else { wanted }
}

fn create(work: &Work, chance: &mut Stream) -> Transition {
    let placement = Placement(chance.below(work.placements));
    let known = work.guarantees().nth(usize::try_from(placement.0).unwrap_or(0));
    // Now and then the one that the store does not give, or a store that the log does not know.
    let placement = if chance.below(32) == 0 { Placement(work.placements + 7) } else { placement };
    let guarantee = match (known, chance.below(16)) {
        (Some(Guarantee::Timed), 1..) | (Some(Guarantee::Sealed), 0) => Guarantee::Timed,
        (Some(Guarantee::Sealed), 1..) | (Some(Guarantee::Timed) | None, _) => Guarantee::Sealed,
    };
    Transition::Create { placement, guarantee }
}

fn of_placed(record: &PartitionRecord, placed: Placed, work: &Work, chance: &mut Stream) -> Transition {
    let expected = record.expected();
    let enforces = placed.guarantee == Guarantee::Sealed;
    let luck = chance.below(100);
    if placed.held.is_some() {
        return release(expected, placed.guarantee, luck);
    }
    match placed.state {
        PartitionState::Active(at) if !placed.opened => Transition::Open {
            expected,
            prepared: Prepared::reported(
                speaker(record, at, FIRST),
                placed.copy,
                record.epoch,
                enforces,
                false,
            )
            .into(),
        },
        PartitionState::Active(at) => match (placed.debt, record.old_copies.first()) {
            (Some(debt), _) if luck < 70 => Transition::Settle {
                migration: debt.migration,
                proof: Settlement::Dropped(dropped(record, debt.placement, debt.copy)),
            },
            (_, Some(old)) if luck < 30 => {
                Transition::RetireCopy { placement: old.placement, copy: old.copy }
            }
            (_, Some(old)) if luck < 55 => forget(record, old),
            _ if luck < 62 => Transition::Delete { expected },
            _ => {
                let step = chance.between(1, work.placements.max(2) - 1);
                Transition::Begin { expected, to: Placement((at.0 + step) % work.placements.max(2)) }
            }
        },
        PartitionState::Migrating { .. } if luck < 10 => {
            Transition::Abort { expected, why: AbortReason::Operator }
        }
        PartitionState::Migrating { .. } if luck < 15 => {
            // A budget that ran out before the cutover was committed.
            let epoch = record.draining_epoch().unwrap_or(record.epoch);
            Transition::Abort { expected: Expected { epoch, ..expected }, why: AbortReason::Budget }
        }
        PartitionState::Migrating { to, .. } if luck < 20 => force(record, expected, to, chance),
        PartitionState::Migrating { to, phase: Phase::Draining, .. } if luck < 50 && !record.may_block() => {
            Transition::StartBlock { expected, target: incarnation_of(to) }
        }
        PartitionState::Migrating { from, to, phase: Phase::Draining } if enforces => {
            Transition::EnterCutover {
                expected,
                receipt: SealReceipt::reported(
                    speaker(record, from, FIRST),
                    record.migration,
                    record.epoch,
                    Position(chance.below(50)),
                    digest(chance),
                    incarnation_of(to),
                )
                .into(),
            }
        }
        PartitionState::Migrating { to, phase: Phase::Draining, .. } => {
            Transition::EnterTimedCutover { expected, prepared: prepared(record, to, false) }
        }
        PartitionState::Migrating { from, to, phase: Phase::Cutover } => {
            in_cutover(record, placed, from, to, chance)
        }
    }
}

fn in_cutover(
    record: &PartitionRecord,
    placed: Placed,
    from: Placement,
    to: Placement,
    chance: &mut Stream,
) -> Transition {
    let expected = record.expected();
    match placed.cutover.and_then(|facts| facts.watermark) {
        None => Transition::RecordWatermark {
            expected,
            reading: WatermarkReading::reported(
                speaker(record, from, FIRST),
                record.migration,
                record.epoch,
                Position(chance.below(50)),
                digest(chance),
                Epoch::ZERO,
            )
            .into(),
        },
        Some(watermark) => {
            let reached = Position((watermark.0 + chance.below(3)).saturating_sub(1));
            let said = speaker(record, to, placed.cutover.map_or(FIRST, |facts| facts.target));
            let enforces = chance.below(4) > 0;
            // Now and then the copy is not what the source had.
            let recorded = placed.cutover.and_then(|facts| facts.digest).filter(|_| chance.below(8) > 0);
            let digest = recorded.unwrap_or_else(|| digest(chance));
            let (migration, epoch) = (record.migration, record.epoch);
            let evidence = CatchUpEvidence::reported(said, migration, epoch, reached, digest, enforces);
            Transition::Complete { expected, evidence: evidence.into() }
        }
    }
}

fn incarnation_of(to: Placement) -> Incarnation {
    Incarnation(to.0 + 1)
}

/// Releases a migration that is held since a restore or a recovery.
fn release(expected: Expected, guarantee: Guarantee, luck: u64) -> Transition {
    let how = match luck {
        0..40 => Release::Resume,
        40..70 => Release::KeepSource,
        _ => Release::AcceptTarget { guarantee },
    };
    let texts = Operator::try_from("sim".to_owned())
        .ok()
        .zip(Reason::try_from("both were looked at".to_owned()).ok());
    match texts {
        Some((operator, reason)) => Transition::Release { expected, how, operator, reason },
        None => Transition::Abort { expected, why: AbortReason::Operator },
    }
}

/// A digest that a store might state.
fn digest(chance: &mut Stream) -> Digest {
    Digest { rows: RowsDigest::of(chance.below(4).into()), ids: chance.below(2).into() }
}

fn force(record: &PartitionRecord, expected: Expected, to: Placement, chance: &mut Stream) -> Transition {
    let (by, position) = (speaker(record, to, incarnation_of(to)), Position(chance.below(50)));
    let (complete, partial) = (chance.below(4) > 0, chance.below(4) == 0);
    let ended = Ended::reported(by, record.migration, record.epoch, position, complete, true).into();
    let texts =
        Operator::try_from("sim".to_owned()).ok().zip(Reason::try_from("the source is gone".to_owned()).ok());
    match texts {
        Some((operator, reason)) => Transition::Force { expected, ended, partial, operator, reason },
        None => Transition::Abort { expected, why: AbortReason::Operator },
    }
}

/// The same transition, but expecting another state than the record's.
fn spoil(mut wanted: Transition, chance: &mut Stream) -> Transition {
    let back = chance.between(1, 2);
    if let Transition::Open { expected, .. }
    | Transition::Begin { expected, .. }
    | Transition::EnterCutover { expected, .. }
    | Transition::Complete { expected, .. }
    | Transition::Abort { expected, .. }
    | Transition::Delete { expected } = &mut wanted
    {
        expected.epoch = Epoch(expected.epoch.0.saturating_sub(back));
    }
    wanted
}
