//! The judgement of each answer of a table.

use crate::table::command::{Change, Command, Subject};
use crate::table::numbers::Numbers;
use crate::table::record::{Flight, Held};
use crate::table::refusal::Refusal;
use crate::table::rules::violated;
use crate::table::state::{Audited, Table};
use crate::table::transition::{advances, created, make, renames};
use cutover::core::ids::{Epoch, Index, MigrationId, PartitionId, Revision};
use std::collections::BTreeMap;

/// The answer of a table to a command.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Answer {
    /// It is made: the partition, and the epoch and migration that its record has.
    Made {
        /// The partition that was changed.
        partition: PartitionId,
        /// Its epoch now, or the last one that it had.
        epoch: Epoch,
        /// Its migration now; nothing if it is listed no more.
        migration: Option<MigrationId>,
    },
    /// It is refused.
    Refused(Refusal),
}

/// Why an answer is not one that the rules allow.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Disagreement {
    /// A command is refused that violates no rule, or not the one that the table names.
    RefusedFor {
        /// The rules that it violates.
        violated: Vec<Refusal>,
    },
    /// A command is made that violates rules.
    Violates(Vec<Refusal>),
    /// A command is made of another partition than the one that it names.
    OtherPartition {
        /// The one that it names.
        expected: PartitionId,
    },
    /// The epoch is one that the partition has had, or it has changed and should not.
    Epoch {
        /// The epoch before.
        before: Option<Epoch>,
    },
    /// The migration id was given out before, or it has changed and should not.
    Migration {
        /// The migration before.
        before: Option<MigrationId>,
    },
    /// The number was given to a partition before.
    PartitionNumber,
}

impl Table {
    /// Judges the answer to a command that was committed at this index, and makes the command if it was made.
    ///
    /// # Errors
    /// The answer is not one that the rules allow. The table is then of no use any more.
    pub fn judge(
        &mut self,
        numbers: &mut Numbers,
        at: Index,
        command: &Command,
        answer: &Answer,
    ) -> Result<(), Disagreement> {
        let named = match &command.subject {
            Subject::Number(number) => Some(*number),
            // T8, T37
            Subject::Name(name) => self.names.get(name).copied(),
        };
        let violated = match named {
            // T37
            None if !matches!(command.change, Change::Create(..)) => vec![Refusal::UnknownName],
            // A name that is new gets a number that is: whichever it is, no record has it.
            _ => violated(self, named.unwrap_or(PartitionId(u64::MAX)), &command.change),
        };
        match answer {
            // T2
            Answer::Refused(refusal) if violated.contains(refusal) => Ok(()),
            Answer::Refused(_) => Err(Disagreement::RefusedFor { violated }),
            Answer::Made { .. } if !violated.is_empty() => Err(Disagreement::Violates(violated)),
            Answer::Made { partition, epoch, migration } => {
                match named {
                    Some(expected) if expected != *partition => {
                        return Err(Disagreement::OtherPartition { expected });
                    }
                    Some(number) => numbers.notes_partition(number),
                    None if !numbers.takes_partition(*partition) => {
                        return Err(Disagreement::PartitionNumber);
                    }
                    None => {}
                }
                self.made(numbers, at, command, (*partition, *epoch, *migration))
            }
        }
    }

    fn made(
        &mut self,
        numbers: &mut Numbers,
        at: Index,
        command: &Command,
        (partition, epoch, migration): (PartitionId, Epoch, Option<MigrationId>),
    ) -> Result<(), Disagreement> {
        let change = &command.change;
        let before = self.records.get(&partition).map(|record| record.epoch);
        // T3
        let fits =
            if advances(change) { numbers.takes_epoch(partition, epoch) } else { before == Some(epoch) };
        if !fits {
            return Err(Disagreement::Epoch { before });
        }
        // T4
        let was = self.records.get(&partition).map(|record| record.migration);
        let now = migration.or(was).unwrap_or(MigrationId::ZERO);
        let fits = if renames(change) { numbers.takes_migration(now) } else { was == Some(now) };
        if !fits {
            return Err(Disagreement::Migration { before: was });
        }
        let name = match &command.subject {
            Subject::Name(name) => Some(name.clone()),
            Subject::Number(_) => self.name(partition),
        };
        match change {
            Change::Create(placement, guarantee) => {
                self.records.insert(partition, created(*placement, *guarantee, epoch, now));
                if let Subject::Name(name) = &command.subject {
                    self.names.insert(name.clone(), partition);
                }
            }
            Change::Open(..)
            | Change::Begin(..)
            | Change::StartBlock(..)
            | Change::EnterCutover(..)
            | Change::EnterTimedCutover(..)
            | Change::RecordWatermark(..)
            | Change::Complete(..)
            | Change::Abort(..)
            | Change::Force(..)
            | Change::Settle(..)
            | Change::Retire(..)
            | Change::Forget(_)
            | Change::Delete(_)
            | Change::WriteOff(..)
            | Change::Release(..) => self.changed(partition, change, epoch, now),
        }
        // T34
        if command.reported || gives_up(change) {
            let (reported, responsible) = (command.reported, command.responsible.clone());
            let change = *change;
            self.notes(at, Audited::Partition { epoch, name, partition, change, reported, responsible });
        }
        // T35
        self.revision = Revision(at.0);
        Ok(())
    }

    fn changed(&mut self, partition: PartitionId, change: &Change, epoch: Epoch, migration: MigrationId) {
        let Some(record) = self.records.get_mut(&partition) else { return };
        make(record, change, epoch, migration);
        // T30
        if record.placed.is_none() && record.old_copies.is_empty() {
            self.records.remove(&partition);
            self.names.retain(|_, named| *named != partition);
        }
    }

    /// Judges a recovery at this index. `renamed`: for each record the epoch, the migration and the migration of the debt that it
    /// has afterwards.
    ///
    /// # Errors
    /// The numbers are not ones that the rules allow.
    pub fn recover(
        &mut self,
        numbers: &mut Numbers,
        at: Index,
        renamed: &BTreeMap<PartitionId, Renamed>,
    ) -> Result<(), Disagreement> {
        // T33
        numbers.raises_floor(numbers.highest_epoch());
        let mut ids = Vec::new();
        for (partition, record) in &mut self.records {
            let before = (Some(record.epoch), Some(record.migration));
            let Some(renamed) = renamed.get(partition) else {
                return Err(Disagreement::OtherPartition { expected: *partition });
            };
            if !numbers.takes_epoch(*partition, renamed.epoch) {
                return Err(Disagreement::Epoch { before: before.0 });
            }
            let draining =
                record.placed.and_then(|placed| placed.draining(record.epoch)).unwrap_or(record.epoch);
            record.epoch = renamed.epoch;
            let Some(placed) = &mut record.placed else { continue };
            // T38
            placed.kept = None;
            if let Some(flight) = &mut placed.flight {
                hold(flight, record.migration, draining);
                record.migration = renamed.migration;
                ids.push((before.1, renamed.migration));
            }
            if let (Some(debt), Some(migration)) = (&mut placed.debt, renamed.debt) {
                debt.migration = migration;
                ids.push((before.1, migration));
            }
        }
        ids.sort_by_key(|(_, id)| *id);
        for (before, id) in ids {
            if !numbers.takes_migration(id) {
                return Err(Disagreement::Migration { before });
            }
        }
        // T35
        self.revision = Revision(at.0);
        Ok(())
    }

    /// No epoch up to this one is given out any more.
    pub fn raise(&mut self, floor: Epoch) {
        // T37
        for record in self.records.values_mut().filter(|record| record.epoch <= floor) {
            record.epoch = floor.next();
            let flight = record.placed.as_mut().and_then(|placed| placed.flight.as_mut());
            if let Some(block) =
                flight.filter(|flight| !flight.cutover).and_then(|flight| flight.block.as_mut())
            {
                block.draining = record.epoch;
            }
        }
    }
}

/// The numbers of a record after a recovery.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Renamed {
    /// Its epoch.
    pub epoch: Epoch,
    /// Its migration.
    pub migration: MigrationId,
    /// The migration of its debt.
    pub debt: Option<MigrationId>,
}

/// A held migration blocks writes as a cutover does, and keeps what it was when it was held first: its facts about the
/// block may be out of date.
fn hold(flight: &mut Flight, migration: MigrationId, draining: Epoch) {
    // T33
    let held = Held { migration, cutover: flight.cutover, draining };
    flight.held = Some(flight.held.unwrap_or(held));
    flight.cutover = true;
    flight.block = None;
}

/// Whether a change destroys or gives up something.
const fn gives_up(change: &Change) -> bool {
    // T34
    matches!(change, Change::Force(..) | Change::WriteOff(..) | Change::Release(..) | Change::Delete(_))
}
