//! Judges what the log decided: epochs, ids, and whether a transition had the right to apply.

use super::Id;
use super::findings::Findings;
use super::past::{Monitor, read_placement};
use crate::core::fence::StatementOrigin;
use crate::core::ids::{Epoch, MigrationId, PartitionId, Placement};
use crate::core::migration::{
    Command, Expected, MigrationError, OldCopy, PartitionRecord, Placed, Settlement, Transition,
};
use crate::core::placement::{PartitionState, Phase};
use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::{String, ToString};

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
        findings.demand(before == after, Id::Cas, || {
            (
                format!("refused: {command}; yet the record is {}", shown(after)),
                format!("it was {}", shown(before)),
            )
        });
        return;
    };
    let moved = before.map(|record| record.placed.map(|placed| placed.state))
        != after.map(|record| record.placed.map(|placed| placed.state));
    let rises =
        if moved && after.is_some() { epoch > monitor.newest_epoch } else { epoch >= monitor.newest_epoch };
    findings.demand(rises, Id::EpochMonotone, || {
        (
            format!("{command} was committed at {epoch}"),
            format!("{} was reached before", monitor.newest_epoch),
        )
    });
    if matches!(command.transition, Transition::Create { .. } | Transition::Begin { .. }) {
        let given = after.map(|record| record.migration);
        findings.demand(given > Some(monitor.newest_migration), Id::EpochMonotone, || {
            (
                format!("{command} was given {given:?}"),
                format!("{} was given before", monitor.newest_migration),
            )
        });
    }
    findings.demand(had_the_right(before, command), Id::Cas, || {
        (format!("applied: {command}"), format!("the record was {}", shown(before)))
    });
    if let (Transition::Force { .. }, Some(before)) = (&command.transition, before) {
        let owed = after.and_then(|record| record.placed).and_then(|placed| placed.debt);
        let source = before.placed.map(|placed| read_placement(placed.state));
        findings.demand(owed.map(|debt| debt.placement) == source, Id::DebtKept, || {
            (format!("{command} left the debt {owed:?}"), format!("the source {source:?} is unsealed"))
        });
    }
}

fn shown(record: Record<'_>) -> String {
    record.map_or_else(|| "none".to_owned(), ToString::to_string)
}

/// The record before a command, taken apart.
struct Before<'a> {
    record: Record<'a>,
    placed: Option<Placed>,
    partition: PartitionId,
}

impl Before<'_> {
    fn expects(&self, expected: &Expected) -> bool {
        self.record
            .is_some_and(|record| record.epoch == expected.epoch && record.migration == expected.migration)
    }

    fn by(&self, said: StatementOrigin, store: Option<Placement>) -> bool {
        Some(said.store) == store && said.partition == self.partition
    }

    /// Whether a statement is about the migration that is recorded.
    fn about(&self, migration: MigrationId) -> bool {
        self.record.is_some_and(|record| record.migration == migration)
    }

    fn at(&self, epoch: Epoch) -> bool {
        self.record.is_some_and(|record| record.epoch == epoch)
    }

    fn is(&self, wanted: Phase) -> bool {
        phase(self.placed) == Some(wanted)
    }

    fn owner(&self) -> Option<Placement> {
        self.placed.map(|placed| read_placement(placed.state))
    }

    fn target(&self) -> Option<Placement> {
        match self.placed?.state {
            PartitionState::Migrating { to, .. } => Some(to),
            PartitionState::Active(_) => None,
        }
    }

    fn settles(&self, migration: MigrationId, proof: &Settlement) -> bool {
        self.placed.and_then(|placed| placed.debt).is_some_and(|debt| {
            let at = Some(debt.placement);
            debt.migration == migration
                && match proof {
                    Settlement::Sealed(said) => self.by(said.speaker(), at) && said.through() >= debt.through,
                    Settlement::Closed(said) => {
                        let reaches = said.closed_through() >= debt.through && said.enforces();
                        self.by(said.speaker(), at) && reaches
                    }
                    Settlement::Dropped(said) => self.by(said.speaker(), at) && said.copy() >= debt.copy,
                }
        })
    }
}

/// Whether the record is in the state that the command and its statements name.
fn had_the_right(record: Record<'_>, command: &Command) -> bool {
    let placed = record.and_then(|record| record.placed);
    let was = Before { record, placed, partition: command.partition };
    match &command.transition {
        Transition::Create { .. } => {
            placed.is_none() && record.is_none_or(|record| record.old_copies.is_empty())
        }
        Transition::Open { expected, prepared } => {
            let made = placed.is_some_and(|placed| placed.copy == prepared.migration());
            was.expects(expected) && was.by(prepared.speaker(), was.owner()) && made
        }
        Transition::RetireCopy { placement, copy } => record.is_some_and(|record| {
            record.old_copies.iter().any(|old| (old.placement, old.copy) == (*placement, *copy))
        }),
        Transition::ForgetCopy { dropped } => record.is_some_and(|record| {
            let gone =
                |old: &OldCopy| was.by(dropped.speaker(), Some(old.placement)) && old.copy <= dropped.copy();
            record.old_copies.iter().any(gone)
        }),
        Transition::Delete { expected } => {
            let settled = placed.is_some_and(|placed| placed.debt.is_none() && !placed.state.is_migrating());
            was.expects(expected) && settled
        }
        Transition::Settle { migration, proof } => was.settles(*migration, proof),
        Transition::Begin { .. }
        | Transition::EnterCutover { .. }
        | Transition::EnterTimedCutover { .. }
        | Transition::RecordWatermark { .. }
        | Transition::Complete { .. }
        | Transition::Abort { .. }
        | Transition::Force { .. } => moves(&was, &command.transition),
    }
}

/// The same for the steps of a migration.
fn moves(was: &Before<'_>, transition: &Transition) -> bool {
    let placed = was.placed;
    match transition {
        Transition::Begin { expected, to } => {
            let elsewhere = was.owner().is_some_and(|from| from != *to);
            let settled = placed.is_some_and(|placed| placed.opened && !placed.state.is_migrating());
            was.expects(expected) && elsewhere && settled
        }
        Transition::EnterCutover { expected, receipt } => {
            let reaches = was.record.is_some_and(|record| receipt.through() >= record.epoch);
            was.expects(expected)
                && was.is(Phase::Draining)
                && was.by(receipt.speaker(), was.owner())
                && was.about(receipt.migration())
                && reaches
        }
        Transition::EnterTimedCutover { expected, prepared } => {
            was.expects(expected)
                && was.is(Phase::Draining)
                && was.by(prepared.speaker(), was.target())
                && was.about(prepared.migration())
        }
        Transition::RecordWatermark { expected, reading } => {
            was.expects(expected)
                && was.is(Phase::Cutover)
                && was.by(reading.speaker(), was.owner())
                && was.about(reading.migration())
                && was.at(reading.epoch())
                && placed.and_then(|placed| placed.cutover?.watermark).is_none()
        }
        Transition::Complete { expected, evidence } => {
            let caught_up = placed.and_then(|placed| placed.cutover).is_some_and(|facts| {
                evidence.speaker().incarnation == facts.target
                    && facts.watermark.is_some_and(|watermark| evidence.position() >= watermark)
            });
            was.expects(expected)
                && was.is(Phase::Cutover)
                && was.by(evidence.speaker(), was.target())
                && was.about(evidence.migration())
                && was.at(evidence.epoch())
                && caught_up
        }
        Transition::Abort { expected } => was.expects(expected) && was.target().is_some(),
        Transition::Force { expected, prepared, .. } => {
            was.expects(expected)
                && was.by(prepared.speaker(), was.target())
                && was.about(prepared.migration())
                && placed.is_some_and(|placed| placed.debt.is_none())
        }
        Transition::Create { .. }
        | Transition::Open { .. }
        | Transition::RetireCopy { .. }
        | Transition::ForgetCopy { .. }
        | Transition::Delete { .. }
        | Transition::Settle { .. } => false,
    }
}

fn phase(placed: Option<Placed>) -> Option<Phase> {
    match placed?.state {
        PartitionState::Migrating { phase, .. } => Some(phase),
        PartitionState::Active(_) => None,
    }
}
