//! The table's commands, records and refusals in the reference's types.

pub use crate::beside::statements::guarantee;
use crate::beside::statements::{self, speaker};
use crate::beside::stores;
use crate::table::command::{Change, Command, Proof, Release, Seen, Subject, Why};
use crate::table::record::{Block, Debt, Flight, Held, Last, OldCopy, Placed, Record};
use crate::table::refusal::Refusal;
use crate::table::state::{AuditEntry, Audited, Limits, MemberChange};
use cutover::core::control_plane::{self, ControlPlaneEntry, MembershipChange};
use cutover::core::migration::{self, Caps, MigrationError, PartitionRecord, Settlement, Transition};
use cutover::core::placement::{PartitionState, Phase};

pub fn size(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

pub fn limits(caps: &Caps) -> Limits {
    Limits {
        migrations_per_placement: size(caps.migrations_per_placement),
        migrations_overall: size(caps.migrations_overall),
        partitions: size(caps.partitions),
        old_copies: size(caps.old_copies_per_partition),
    }
}

/// The command on a partition, if the entry is one.
pub fn command(entry: &ControlPlaneEntry) -> Option<Command> {
    Some(match entry {
        ControlPlaneEntry::OwnershipTransition(command) => {
            on(Subject::Number(command.partition), &command.transition)
        }
        ControlPlaneEntry::NamedTransition { name, transition } => {
            on(Subject::Name(name.clone().into()), transition)
        }
        ControlPlaneEntry::MembershipChange(_)
        | ControlPlaneEntry::StoreChange(_)
        | ControlPlaneEntry::OrderChange(_)
        | ControlPlaneEntry::LeaderConfiguration { .. } => {
            return None;
        }
    })
}

/// The command on a partition by its number.
pub fn transition(command: &migration::Command) -> Command {
    on(Subject::Number(command.partition), &command.transition)
}

fn on(subject: Subject, transition: &Transition) -> Command {
    let (reported, responsible) = (is_reported(transition), responsible(transition));
    Command { subject, change: change(transition), reported, responsible }
}

/// A change of the members that was made even though it may leave no quorum.
pub fn member_change(change: &MembershipChange) -> Option<MemberChange> {
    let even_so = change.even_so()?;
    let peer = change.peer();
    Some(MemberChange {
        node: peer.node,
        directory: peer.directory,
        removed: matches!(change, MembershipChange::Remove { .. }),
        responsible: (even_so.operator.clone().into(), even_so.reason.clone().into()),
    })
}

fn change(transition: &Transition) -> Change {
    match transition {
        Transition::Create { placement, guarantee } => {
            Change::Create(*placement, self::guarantee(*guarantee))
        }
        Transition::Open { expected, prepared } => {
            Change::Open(seen(*expected), statements::prepared(prepared))
        }
        Transition::Begin { expected, to } => Change::Begin(seen(*expected), *to),
        Transition::StartBlock { expected, target } => Change::StartBlock(seen(*expected), *target),
        Transition::EnterCutover { expected, receipt } => {
            Change::EnterCutover(seen(*expected), statements::receipt(receipt))
        }
        Transition::EnterTimedCutover { expected, prepared } => {
            Change::EnterTimedCutover(seen(*expected), statements::prepared(prepared))
        }
        Transition::RecordWatermark { expected, reading } => {
            Change::RecordWatermark(seen(*expected), statements::reading(reading))
        }
        Transition::Complete { expected, evidence } => {
            Change::Complete(seen(*expected), statements::evidence(evidence))
        }
        Transition::Abort { expected, why } => Change::Abort(seen(*expected), self::why(*why)),
        Transition::Force { expected, ended, partial, .. } => {
            Change::Force(seen(*expected), statements::ended(ended), *partial)
        }
        Transition::Settle { migration, proof } => Change::Settle(*migration, self::proof(proof)),
        Transition::RetireCopy { placement, copy } => Change::Retire(*placement, *copy),
        Transition::ForgetCopy { dropped } => Change::Forget(statements::dropped(dropped)),
        Transition::Delete { expected } => Change::Delete(seen(*expected)),
        Transition::WriteOff { placement, copy, .. } => Change::WriteOff(*placement, *copy),
        Transition::Release { expected, how, .. } => Change::Release(seen(*expected), release(*how)),
    }
}

fn is_reported(transition: &Transition) -> bool {
    match transition {
        Transition::Open { prepared, .. }
        | Transition::EnterTimedCutover { prepared, .. }
        | Transition::Settle { proof: Settlement::Closed(prepared), .. } => prepared.is_reported(),
        Transition::Force { ended, .. } => ended.is_reported(),
        Transition::EnterCutover { receipt, .. }
        | Transition::Settle { proof: Settlement::Sealed(receipt), .. } => receipt.is_reported(),
        Transition::RecordWatermark { reading, .. } => reading.is_reported(),
        Transition::Complete { evidence, .. } => evidence.is_reported(),
        Transition::ForgetCopy { dropped }
        | Transition::Settle { proof: Settlement::Dropped(dropped), .. } => dropped.is_reported(),
        Transition::Create { .. }
        | Transition::Begin { .. }
        | Transition::StartBlock { .. }
        | Transition::Abort { .. }
        | Transition::RetireCopy { .. }
        | Transition::Delete { .. }
        | Transition::WriteOff { .. }
        | Transition::Release { .. } => false,
    }
}

fn responsible(transition: &Transition) -> Option<(String, String)> {
    if let Transition::Force { operator, reason, .. }
    | Transition::WriteOff { operator, reason, .. }
    | Transition::Release { operator, reason, .. } = transition
    {
        return Some((operator.clone().into(), reason.clone().into()));
    }
    None
}

fn proof(proof: &Settlement) -> Proof {
    match proof {
        Settlement::Sealed(receipt) => Proof::Sealed(statements::receipt(receipt)),
        Settlement::Closed(prepared) => Proof::Closed(statements::prepared(prepared)),
        Settlement::Dropped(dropped) => Proof::Dropped(statements::dropped(dropped)),
    }
}

const fn why(why: migration::AbortReason) -> Why {
    match why {
        migration::AbortReason::Operator => Why::Operator,
        migration::AbortReason::Budget => Why::Budget,
        migration::AbortReason::TakenOver => Why::TakenOver,
        migration::AbortReason::Refused => Why::Refused,
        migration::AbortReason::Broken => Why::Broken,
        migration::AbortReason::Ended => Why::Ended,
        migration::AbortReason::Digest => Why::Digest,
    }
}

const fn release(how: migration::Release) -> Release {
    match how {
        migration::Release::Resume => Release::Resume,
        migration::Release::KeepSource => Release::KeepSource,
        migration::Release::AcceptTarget { guarantee } => Release::AcceptTarget(self::guarantee(guarantee)),
    }
}

const fn seen(expected: migration::Expected) -> Seen {
    Seen { migration: expected.migration, epoch: expected.epoch }
}

/// The record; `None` if it is of no form that the reference knows.
pub fn record(record: &PartitionRecord) -> Option<Record> {
    let old = |old: &migration::OldCopy| {
        let (copy, sealed_through, retiring) = (old.copy, old.sealed_through, old.retiring);
        (old.placement, OldCopy { copy, sealed_through, retiring, late_before: old.late_before })
    };
    let old_copies: std::collections::BTreeMap<_, _> = record.old_copies.iter().map(old).collect();
    let placed = match &record.placed {
        None => None,
        Some(placed) => Some(self::placed(placed)?),
    };
    let one_for_each = old_copies.len() == record.old_copies.len();
    one_for_each.then_some(Record { epoch: record.epoch, migration: record.migration, placed, old_copies })
}

fn placed(placed: &migration::Placed) -> Option<Placed> {
    let block = match placed.cutover {
        None => None,
        Some(facts) => {
            let last = match (facts.watermark, facts.digest) {
                (None, None) => None,
                (Some(watermark), Some(digest)) => Some(Last { watermark, digest }),
                (Some(_), None) | (None, Some(_)) => return None,
            };
            Some(Block { draining: facts.draining, target: facts.target, last })
        }
    };
    let held = placed.held.map(|held| Held {
        migration: held.migration,
        cutover: held.phase == Phase::Cutover,
        draining: held.draining,
    });
    let (owner, flight) = match placed.state {
        PartitionState::Active(at) => {
            if block.is_some() || held.is_some() {
                return None;
            }
            (at, None)
        }
        PartitionState::Migrating { from, to, phase } => {
            (from, Some(Flight { to, cutover: phase == Phase::Cutover, block, held }))
        }
    };
    let debt = placed.debt.map(|debt| Debt {
        placement: debt.placement,
        through: debt.through,
        migration: debt.migration,
        copy: debt.copy,
        target: Some(debt.target),
        copied: debt.copied,
    });
    Some(Placed {
        owner,
        owned_since: placed.owned_since,
        copy: placed.copy,
        opened: placed.opened,
        guarantee: guarantee(placed.guarantee),
        flight,
        debt,
        kept: placed.kept.map(|kept| (kept.migration, kept.placement)),
    })
}

/// The audit entry; `None` if it is of no form that the reference knows.
pub fn audited(entry: &control_plane::AuditEntry) -> Option<AuditEntry> {
    let what = match &entry.what {
        control_plane::Audited::Transition { epoch, name, command } => Audited::Partition {
            epoch: *epoch,
            name: name.clone().map(String::from),
            partition: command.partition,
            change: change(&command.transition),
            reported: is_reported(&command.transition),
            responsible: responsible(&command.transition),
        },
        control_plane::Audited::Members(change) => Audited::Members(member_change(change)?),
        control_plane::Audited::Store { store, change } => Audited::Stores(*store, stores::asked(change)),
    };
    Some(AuditEntry { index: entry.index, what })
}

/// The refusal; `None`: it is none of a table.
pub fn refusal(error: &MigrationError) -> Option<Refusal> {
    Some(match *error {
        MigrationError::UnknownPartition { partition } => Refusal::UnknownPartition(partition),
        MigrationError::AlreadyExists { partition } => Refusal::AlreadyExists(partition),
        MigrationError::StaleExpectation { expected_migration, expected_epoch, migration, epoch } => {
            Refusal::StaleExpectation {
                expected: Seen { migration: expected_migration, epoch: expected_epoch },
                found: Seen { migration, epoch },
            }
        }
        MigrationError::AlreadyMigrating { migration } => Refusal::AlreadyMigrating(migration),
        MigrationError::NotMigrating { partition } => Refusal::NotMigrating(partition),
        MigrationError::NotDraining { migration } => Refusal::NotDraining(migration),
        MigrationError::NotCutover { migration } => Refusal::NotCutover(migration),
        MigrationError::SamePlacement { placement } => Refusal::SamePlacement(placement),
        MigrationError::NotOpen { partition } => Refusal::NotOpen(partition),
        MigrationError::AlreadyOpen { partition } => Refusal::AlreadyOpen(partition),
        MigrationError::OtherSpeaker { origin, placement } => {
            Refusal::OtherSpeaker { by: speaker(origin), expected: placement }
        }
        MigrationError::OtherIncarnation { have, expected } => Refusal::OtherIncarnation { have, expected },
        MigrationError::OtherMigration { have, expected } => Refusal::OtherMigration { have, expected },
        MigrationError::OtherEpoch { have, expected } => Refusal::OtherEpoch { have, expected },
        MigrationError::SealTooLow { have, needed } => Refusal::SealTooLow { have, needed },
        MigrationError::NotCaughtUp { have, needed } => Refusal::NotCaughtUp { have, needed },
        MigrationError::DigestDiffers { have, expected } => Refusal::DigestDiffers { have, expected },
        MigrationError::Incomplete { placement } => Refusal::Incomplete(placement),
        MigrationError::WatermarkMissing => Refusal::WatermarkMissing,
        MigrationError::WatermarkRecorded { have } => Refusal::WatermarkRecorded(have),
        MigrationError::WrongGuarantee { have } => Refusal::WrongGuarantee(guarantee(have)),
        MigrationError::PlacementCap { placement, have, limit } => {
            Refusal::PlacementCap { placement, have: size(have), limit: size(limit) }
        }
        MigrationError::OverallCap { have, limit } => {
            Refusal::OverallCap { have: size(have), limit: size(limit) }
        }
        MigrationError::PartitionCap { limit } => Refusal::PartitionCap(size(limit)),
        MigrationError::CopyCap { limit } => Refusal::CopyCap(size(limit)),
        MigrationError::Unsettled { placement, through } => Refusal::Unsettled { placement, through },
        MigrationError::NotEnforced { placement, through } => Refusal::NotEnforced { placement, through },
        MigrationError::NoDebt { migration } => Refusal::NoDebt(migration),
        MigrationError::UnknownCopy { placement, copy } => Refusal::UnknownCopy(placement, copy),
        MigrationError::CopyLeft { placement, copy } => Refusal::CopyLeft(placement, copy),
        MigrationError::LateWrites { placement, before } => Refusal::LateWrites { placement, before },
        MigrationError::Held { migration } => Refusal::Held(migration),
        MigrationError::NotHeld { partition } => Refusal::NotHeld(partition),
        MigrationError::BlockStarted { migration } => Refusal::BlockStarted(migration),
        MigrationError::UnknownName => Refusal::UnknownName,
        // Those of stores are judged before the table is asked.
        MigrationError::Backend { .. }
        | MigrationError::UnknownStore { .. }
        | MigrationError::StoreGuarantee { .. } => return None,
    })
}
