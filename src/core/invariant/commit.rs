//! Checks of committed commands: epochs, migration ids, and whether the transition was allowed.

use super::Id;
use super::findings::Findings;
use super::past::{Monitor, read_placement};
use crate::core::fence::{CatchUpEvidence, SealReceipt, StatementOrigin, WatermarkReading};
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

/// The record before a command.
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

    /// Whether the migration is in its cutover, and this was its draining phase.
    fn drained_at(&self, expected: &Expected) -> bool {
        self.is(Phase::Cutover)
            && self.about(expected.migration)
            && self
                .placed
                .and_then(|placed| placed.cutover)
                .is_some_and(|facts| facts.draining == expected.epoch)
    }

    fn by(&self, said: StatementOrigin, store: Option<Placement>) -> bool {
        Some(said.store) == store && said.partition == self.partition
    }

    /// Whether a statement is about the record's current migration.
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

    fn is_held(&self) -> bool {
        self.placed.is_some_and(|placed| placed.held.is_some())
    }

    fn target(&self) -> Option<Placement> {
        match self.placed?.state {
            PartitionState::Migrating { to, .. } => Some(to),
            PartitionState::Active(_) => None,
        }
    }

    fn is_sealed(&self, receipt: &SealReceipt) -> bool {
        let reaches = self.record.is_some_and(|record| receipt.through() >= record.epoch);
        self.is(Phase::Draining)
            && self.by(receipt.origin(), self.owner())
            && self.about(receipt.migration())
            && reaches
    }

    fn lacks_watermark(&self, reading: &WatermarkReading) -> bool {
        self.is(Phase::Cutover)
            && self.by(reading.origin(), self.owner())
            && self.about(reading.migration())
            && self.at(reading.epoch())
            && self.placed.and_then(|placed| placed.cutover?.watermark).is_none()
    }

    fn is_caught_up(&self, evidence: &CatchUpEvidence) -> bool {
        let reaches = self.placed.and_then(|placed| placed.cutover).is_some_and(|facts| {
            evidence.origin().incarnation == facts.target
                && facts.watermark.is_some_and(|watermark| evidence.position() >= watermark)
                && facts.digest == Some(evidence.digest())
        });
        self.is(Phase::Cutover)
            && self.by(evidence.origin(), self.target())
            && self.about(evidence.migration())
            && self.at(evidence.epoch())
            && reaches
    }

    fn settles(&self, migration: MigrationId, proof: &Settlement) -> bool {
        self.placed.and_then(|placed| placed.debt).is_some_and(|debt| {
            let at = Some(debt.placement);
            debt.migration == migration
                && match proof {
                    Settlement::Sealed(said) => self.by(said.origin(), at) && said.through() >= debt.through,
                    Settlement::Closed(said) => {
                        let reaches = said.closed_through() >= debt.through && said.enforces();
                        self.by(said.origin(), at) && reaches
                    }
                    Settlement::Dropped(said) => self.by(said.origin(), at) && said.copy() >= debt.copy,
                }
        })
    }
}

/// Whether the record was in the state that the command and its statements require.
fn had_the_right(record: Record<'_>, command: &Command) -> bool {
    let placed = record.and_then(|record| record.placed);
    let was = Before { record, placed, partition: command.partition };
    let drained = |expected: &Expected| {
        matches!(command.transition, Transition::Abort { .. }) && was.drained_at(expected)
    };
    if command.transition.expected().is_some_and(|expected| !was.expects(&expected) && !drained(&expected)) {
        return false;
    }
    match &command.transition {
        Transition::Create { .. } => {
            placed.is_none() && record.is_none_or(|record| record.old_copies.is_empty())
        }
        Transition::Open { prepared, .. } => {
            let made = placed.is_some_and(|placed| placed.copy == prepared.migration());
            was.by(prepared.origin(), was.owner()) && made
        }
        Transition::RetireCopy { placement, copy } => record.is_some_and(|record| {
            record.old_copies.iter().any(|old| (old.placement, old.copy) == (*placement, *copy))
        }),
        Transition::ForgetCopy { dropped } => record.is_some_and(|record| {
            let gone =
                |old: &OldCopy| was.by(dropped.origin(), Some(old.placement)) && old.copy <= dropped.copy();
            record.old_copies.iter().any(gone)
        }),
        Transition::Delete { .. } => {
            placed.is_some_and(|placed| placed.debt.is_none() && !placed.state.is_migrating())
        }
        Transition::Settle { migration, proof } => was.settles(*migration, proof),
        Transition::Begin { to, .. } => {
            let late = |old: &OldCopy| old.placement == *to && old.late_before.is_some();
            if record.is_some_and(|record| record.old_copies.iter().any(late)) {
                return false;
            }
            let elsewhere = was.owner().is_some_and(|from| from != *to);
            elsewhere && placed.is_some_and(|placed| placed.opened && !placed.state.is_migrating())
        }
        Transition::StartBlock { .. } => {
            was.is(Phase::Draining)
                && placed.is_some_and(|placed| placed.cutover.is_none() && placed.held.is_none())
        }
        Transition::EnterCutover { receipt, .. } => was.is_sealed(receipt),
        Transition::EnterTimedCutover { prepared, .. } => {
            was.is(Phase::Draining)
                && was.by(prepared.origin(), was.target())
                && was.about(prepared.migration())
        }
        Transition::RecordWatermark { reading, .. } => was.lacks_watermark(reading),
        Transition::Complete { evidence, .. } => was.is_caught_up(evidence),
        Transition::WriteOff { placement, copy, .. } => {
            let left = record.is_some_and(|record| {
                record.old_copies.iter().any(|old| (old.placement, old.copy) == (*placement, *copy))
            });
            left || placed.and_then(|placed| placed.debt).is_some_and(|debt| debt.placement == *placement)
        }
        Transition::Release { .. } => placed.is_some_and(|placed| placed.held.is_some()),
        Transition::Abort { .. } => was.target().is_some() && !was.is_held(),
        Transition::Force { ended, partial, .. } => {
            was.by(ended.origin(), was.target())
                && was.about(ended.migration())
                && was.at(ended.epoch())
                && (ended.complete() || *partial)
                && !was.is_held()
                && placed.is_some_and(|placed| placed.debt.is_none())
        }
    }
}

fn phase(placed: Option<Placed>) -> Option<Phase> {
    match placed?.state {
        PartitionState::Migrating { phase, .. } => Some(phase),
        PartitionState::Active(_) => None,
    }
}
