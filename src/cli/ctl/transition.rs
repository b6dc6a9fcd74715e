//! The transition that a command proposes. `ctl` reads the record first; statements of sinks are given as options.

use super::moves::{Proof, What};
use super::print::state;
use crate::cli::{Failed, exit};
use crate::core::fence::{
    CatchUpEvidence, Digest, Dropped, Ended, Prepared, RowsDigest, SealReceipt, StatementOrigin,
    WatermarkReading,
};
use crate::core::ids::{Epoch, Incarnation, MigrationId, Placement, Position};
use crate::core::migration::{
    AbortReason, Debt, Expected, Operator, PartitionRecord, Placed, Reason, Release, Settlement, Transition,
};
use crate::core::placement::{Guarantee, PartitionState};
use crate::node::proto::v1;

/// The digest that counts if none is given.
const NO_DIGEST: Digest = Digest { rows: RowsDigest::EMPTY, ids: 0 };

fn not(record: &PartitionRecord, what: &str) -> Failed {
    let now = state(v1::Record::of(record, None).placed.as_ref());
    Failed::new(exit::REFUSED, format!("{} is {now}, expected {what}", record.partition))
}

fn placed(record: &PartitionRecord) -> Result<Placed, Failed> {
    record.placed.ok_or_else(|| not(record, "a partition that is not deleted"))
}

fn ends(record: &PartitionRecord) -> Result<(Placement, Placement, Epoch), Failed> {
    match (placed(record)?.state, record.draining_epoch()) {
        (PartitionState::Migrating { from, to, .. }, Some(draining)) => Ok((from, to, draining)),
        _ => Err(not(record, "a partition in migration")),
    }
}

fn debt(record: &PartitionRecord) -> Result<Debt, Failed> {
    placed(record)?.debt.ok_or_else(|| not(record, "a partition with a debt from a forced move"))
}

fn text<T: TryFrom<String>>(text: String) -> Result<T, Failed>
where
    T::Error: core::fmt::Display,
{
    T::try_from(text).map_err(|error| Failed::new(exit::USAGE, error))
}

impl What {
    /// The transition that this command proposes, conditional on the record as it was read. `at`: the store that it names.
    pub(super) fn transition(
        self,
        record: &PartitionRecord,
        at: Option<Placement>,
    ) -> Result<Transition, Failed> {
        let named = || at.ok_or_else(|| not(record, "a store on the command line"));
        let expected: Expected = record.expected();
        let (partition, migration) = (record.partition, record.migration);
        let origin =
            |store, incarnation| StatementOrigin { store, partition, incarnation: Incarnation(incarnation) };
        Ok(match self {
            Self::Create { .. } | Self::Plan { .. } => return Err(not(record, "no transition")),
            Self::Open { incarnation, not_enforced, .. } => {
                let by = origin(placed(record)?.state.read_placement(), incarnation);
                let prepared =
                    Prepared::reported(by, migration, record.epoch.previous(), !not_enforced, false);
                Transition::Open { expected, prepared: prepared.into() }
            }
            Self::Begin { .. } => Transition::Begin { expected, to: named()? },
            Self::StartBlock { target_incarnation, .. } => {
                Transition::StartBlock { expected, target: Incarnation(target_incarnation) }
            }
            Self::EnterCutover { watermark, digest, incarnation, target_incarnation, .. } => {
                let (from, _, through) = ends(record)?;
                let (watermark, target) = (Position(watermark), Incarnation(target_incarnation));
                let (by, digest) = (origin(from, incarnation), digest.map_or(NO_DIGEST, |digest| digest.0));
                let receipt = SealReceipt::reported(by, migration, through, watermark, digest, target);
                Transition::EnterCutover { expected, receipt: receipt.into() }
            }
            Self::EnterTimedCutover { target_incarnation, not_enforced, .. } => {
                let (_, to, draining) = ends(record)?;
                let by = origin(to, target_incarnation);
                let prepared = Prepared::reported(by, migration, draining, !not_enforced, false);
                Transition::EnterTimedCutover { expected, prepared: prepared.into() }
            }
            Self::RecordWatermark { position, digest, incarnation, .. } => {
                let (by, position) = (origin(ends(record)?.0, incarnation), Position(position));
                let (epoch, digest) = (record.epoch, digest.map_or(NO_DIGEST, |digest| digest.0));
                let reading = WatermarkReading::reported(by, migration, epoch, position, digest, Epoch::ZERO);
                Transition::RecordWatermark { expected, reading: reading.into() }
            }
            Self::Complete { position, digest, incarnation, not_enforced, .. } => {
                let (by, at, epoch) =
                    (origin(ends(record)?.1, incarnation), Position(position), record.epoch);
                let digest = digest.map_or_else(|| recorded(record), |digest| digest.0);
                let evidence = CatchUpEvidence::reported(by, migration, epoch, at, digest, !not_enforced);
                Transition::Complete { expected, evidence: evidence.into() }
            }
            Self::Abort { .. } => Transition::Abort { expected, why: AbortReason::Operator },
            Self::Force { operator, reason, position, partial, incarnation, not_enforced, .. } => {
                let by = origin(ends(record)?.1, incarnation);
                let (position, enforces) = (Position(position), !not_enforced);
                let ended = Ended::reported(by, migration, record.epoch, position, !partial, enforces);
                let (operator, reason) = (text(operator)?, text(reason)?);
                Transition::Force { expected, ended: ended.into(), partial, operator, reason }
            }
            Self::Settle { proof, incarnation, watermark, migration, .. } => {
                settle(debt(record)?, proof, origin, (incarnation, watermark, migration))
            }
            Self::Retire { .. } => retire(record, named()?)?,
            Self::Forget { incarnation, .. } => forget(record, named()?, Incarnation(incarnation))?,
            Self::Delete { .. } => Transition::Delete { expected },
            Self::WriteOff { operator, reason, .. } => {
                write_off(record, named()?, text(operator)?, text(reason)?)?
            }
            Self::Release { resume, keep_source, not_enforced, operator, reason, .. } => {
                let (how, by) = (released(resume, keep_source, not_enforced), text(operator)?);
                Transition::Release { expected, how, operator: by, reason: text(reason)? }
            }
        })
    }
}

const fn released(resume: bool, keep_source: bool, not_enforced: bool) -> Release {
    if resume {
        return Release::Resume;
    }
    if keep_source {
        return Release::KeepSource;
    }
    let guarantee = if not_enforced { Guarantee::Timed } else { Guarantee::Sealed };
    Release::AcceptTarget { guarantee }
}

/// The transition that settles a debt: the statement that `proof` names, with the numbers the operator read
/// at the sink.
fn settle(
    debt: Debt,
    proof: Proof,
    origin: impl Fn(Placement, u64) -> StatementOrigin,
    (incarnation, watermark, later): (u64, u64, u64),
) -> Transition {
    let by = origin(debt.placement, incarnation);
    let proof = match proof {
        Proof::Sealed => {
            let (through, at) = (debt.through, Position(watermark));
            Settlement::Sealed(
                SealReceipt::reported(by, debt.migration, through, at, NO_DIGEST, debt.target).into(),
            )
        }
        Proof::Closed => {
            Settlement::Closed(Prepared::reported(by, MigrationId(later), debt.through, true, false).into())
        }
        Proof::Dropped => Settlement::Dropped(Dropped::reported(by, debt.copy).into()),
    };
    Transition::Settle { migration: debt.migration, proof }
}

/// The digest that the record has of the source.
fn recorded(record: &PartitionRecord) -> Digest {
    record.placed.and_then(|placed| placed.cutover).and_then(|facts| facts.digest).unwrap_or(NO_DIGEST)
}

fn old_or_owed_copy(record: &PartitionRecord, at: Placement) -> Result<MigrationId, Failed> {
    let owed = record.placed.and_then(|placed| placed.debt).filter(|debt| debt.placement == at);
    old_copy(record, at).or_else(|error| owed.map(|debt| debt.copy).ok_or(error))
}

fn old_copy(record: &PartitionRecord, at: Placement) -> Result<MigrationId, Failed> {
    let old = record.old_copies.iter().find(|old| old.placement == at);
    old.map(|old| old.copy)
        .ok_or_else(|| Failed::new(exit::REFUSED, format!("{} has no old copy at {at}", record.partition)))
}

fn retire(record: &PartitionRecord, placement: Placement) -> Result<Transition, Failed> {
    Ok(Transition::RetireCopy { placement, copy: old_copy(record, placement)? })
}

fn forget(
    record: &PartitionRecord,
    store: Placement,
    incarnation: Incarnation,
) -> Result<Transition, Failed> {
    let by = StatementOrigin { store, partition: record.partition, incarnation };
    Ok(Transition::ForgetCopy { dropped: Dropped::reported(by, old_copy(record, store)?).into() })
}

fn write_off(
    record: &PartitionRecord,
    placement: Placement,
    operator: Operator,
    reason: Reason,
) -> Result<Transition, Failed> {
    let copy = old_or_owed_copy(record, placement)?;
    Ok(Transition::WriteOff { placement, copy, operator, reason })
}
