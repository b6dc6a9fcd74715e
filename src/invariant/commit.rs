//! Judges what the log decided: epochs, ids, and whether a transition had the right to apply.

use super::monitor::{Findings, Monitor};
use super::Id;
use crate::fence::Speaker;
use crate::ids::{Epoch, Placement};
use crate::migration::{Command, Expected, MigrationError, PartitionRecord, Placed, Settlement, Transition};
use crate::placement::{PartitionState, Phase};

type Record<'a> = Option<&'a PartitionRecord>;

pub(super) fn judge(
    monitor: &Monitor,
    before: Record<'_>,
    command: &Command,
    outcome: Result<Epoch, MigrationError>,
    after: Record<'_>,
    findings: &mut Findings,
) {
    let Ok(epoch) = outcome else {
        findings.expect(before == after, Id::Cas, || {
            (format!("a refused {command:?} left {after:?}"), format!("the record was {before:?}"))
        });
        return;
    };
    let moved = before.map(|record| record.placed.map(|placed| placed.state))
        != after.map(|record| record.placed.map(|placed| placed.state));
    let rises = if moved && after.is_some() { epoch > monitor.newest_epoch } else { epoch >= monitor.newest_epoch };
    findings.expect(rises, Id::EpochMonotone, || {
        (format!("{command:?} was committed at {epoch}"), format!("{} was reached before", monitor.newest_epoch))
    });
    if matches!(command.transition, Transition::Create { .. } | Transition::Begin { .. }) {
        let given = after.map(|record| record.migration);
        findings.expect(given > Some(monitor.newest_migration), Id::EpochMonotone, || {
            (format!("{command:?} was given {given:?}"), format!("{} was given before", monitor.newest_migration))
        });
    }
    findings.expect(had_the_right(before, command), Id::Cas, || {
        (format!("{command:?} was applied"), format!("the record was {before:?}"))
    });
    if let (Transition::Force { .. }, Some(before)) = (&command.transition, before) {
        let owed = after.and_then(|record| record.placed).and_then(|placed| placed.debt);
        let source = before.placed.map(|placed| super::monitor::read_placement(placed.state));
        findings.expect(owed.map(|debt| debt.placement) == source, Id::DebtKept, || {
            (format!("{command:?} left the debt {owed:?}"), format!("the source {source:?} is unsealed"))
        });
    }
}

/// Whether the record is in the state that the command and its statements name.
fn had_the_right(before: Record<'_>, command: &Command) -> bool {
    let placed = before.and_then(|record| record.placed);
    let expects = |expected: &Expected| {
        before.is_some_and(|record| record.epoch == expected.epoch && record.migration == expected.migration)
    };
    let by = |said: Speaker, store: Option<Placement>| Some(said.store) == store && said.partition == command.partition;
    let id = before.map(|record| record.migration);
    let epoch = before.map(|record| record.epoch);
    match &command.transition {
        Transition::Create { .. } => {
            placed.is_none() && before.is_none_or(|record| record.old_copies.is_empty())
        }
        Transition::Open { expected, prepared } => {
            let copy = placed.map(|placed| placed.copy);
            expects(expected) && by(prepared.speaker(), owner(placed)) && Some(prepared.migration()) == copy
        }
        Transition::Begin { expected, to } => {
            expects(expected)
                && phase(placed).is_none()
                && owner(placed).is_some_and(|from| from != *to)
                && placed.is_some_and(|placed| placed.opened)
        }
        Transition::EnterCutover { expected, receipt } => {
            expects(expected)
                && phase(placed) == Some(Phase::Draining)
                && by(receipt.speaker(), owner(placed))
                && Some(receipt.migration()) == id
                && Some(receipt.through()) >= epoch
        }
        Transition::EnterTimedCutover { expected, prepared } => {
            expects(expected)
                && phase(placed) == Some(Phase::Draining)
                && by(prepared.speaker(), target(placed))
                && Some(prepared.migration()) == id
        }
        Transition::RecordWatermark { expected, reading } => {
            expects(expected)
                && phase(placed) == Some(Phase::Cutover)
                && by(reading.speaker(), owner(placed))
                && (Some(reading.migration()), Some(reading.epoch())) == (id, epoch)
                && placed.and_then(|placed| placed.cutover?.watermark).is_none()
        }
        Transition::Complete { expected, evidence } => {
            let facts = placed.and_then(|placed| placed.cutover);
            expects(expected)
                && phase(placed) == Some(Phase::Cutover)
                && by(evidence.speaker(), target(placed))
                && (Some(evidence.migration()), Some(evidence.epoch())) == (id, epoch)
                && facts.is_some_and(|facts| {
                    evidence.speaker().incarnation == facts.target
                        && facts.watermark.is_some_and(|watermark| evidence.position() >= watermark)
                })
        }
        Transition::Abort { expected } => expects(expected) && phase(placed).is_some(),
        Transition::Force { expected, prepared, .. } => {
            expects(expected)
                && by(prepared.speaker(), target(placed))
                && Some(prepared.migration()) == id
                && placed.is_some_and(|placed| placed.debt.is_none())
        }
        Transition::Settle { migration, proof } => {
            placed.and_then(|placed| placed.debt).is_some_and(|debt| {
                let at = Some(debt.placement);
                debt.migration == *migration
                    && match proof {
                        Settlement::Sealed(said) => by(said.speaker(), at) && said.through() >= debt.through,
                        Settlement::Closed(said) => {
                            by(said.speaker(), at) && said.closed_through() >= debt.through && said.enforces()
                        }
                        Settlement::Dropped(said) => by(said.speaker(), at) && said.copy() >= debt.copy,
                    }
            })
        }
        Transition::RetireCopy { placement, copy } => before.is_some_and(|record| {
            record.old_copies.iter().any(|old| (old.placement, old.copy) == (*placement, *copy))
        }),
        Transition::ForgetCopy { dropped } => before.is_some_and(|record| {
            let gone = |old: &crate::migration::OldCopy| {
                by(dropped.speaker(), Some(old.placement)) && old.copy <= dropped.copy()
            };
            record.old_copies.iter().any(gone)
        }),
        Transition::Delete { expected } => {
            expects(expected)
                && placed.is_some_and(|placed| placed.debt.is_none() && !placed.state.is_migrating())
        }
    }
}

fn owner(placed: Option<Placed>) -> Option<Placement> {
    placed.map(|placed| super::monitor::read_placement(placed.state))
}

fn target(placed: Option<Placed>) -> Option<Placement> {
    match placed?.state {
        PartitionState::Migrating { to, .. } => Some(to),
        PartitionState::Active(_) => None,
    }
}

fn phase(placed: Option<Placed>) -> Option<Phase> {
    match placed?.state {
        PartitionState::Migrating { phase, .. } => Some(phase),
        PartitionState::Active(_) => None,
    }
}
