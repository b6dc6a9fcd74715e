//! The placement table with its whole past, computed from the log entry by entry. Answers to clients and watchers
//! are compared with it.

use cutover::core::control_plane::{Answer, ControlPlaneEntry, ControlPlaneState, PartitionName};
use cutover::core::ids::{Epoch, Index, MigrationId, PartitionId, Revision, Serial, SessionId};
use cutover::core::migration::{PartitionRecord, Transition};
use cutover::core::raft::{Content, Effect, Entry, Machine as _};
use std::collections::BTreeMap;

/// A change of a partition.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TableChange {
    /// The revision of the change.
    pub revision: Revision,
    /// The partition.
    pub partition: PartitionId,
    /// The partition's record after the change; `None` if it was deleted.
    pub record: Option<PartitionRecord>,
    /// The partition's name, if it has one.
    pub name: Option<PartitionName>,
}

/// The highest numbers that were given out.
#[derive(Clone, Copy, Debug)]
struct Numbers {
    epoch: Epoch,
    migration: MigrationId,
    /// Of partitions created by name.
    partition: PartitionId,
}

impl Numbers {
    const NONE: Self = Self { epoch: Epoch::ZERO, migration: MigrationId::ZERO, partition: PartitionId(0) };

    fn max(self, other: Self) -> Self {
        Self {
            epoch: self.epoch.max(other.epoch),
            migration: self.migration.max(other.migration),
            partition: self.partition.max(other.partition),
        }
    }
}

/// A number that was given out a second time, and where it was given out.
pub type Repeated = (String, String);

/// The placement table of one history with all its past states.
#[derive(Clone, Debug)]
pub struct Table {
    state: ControlPlaneState,
    through: Index,
    changes: Vec<TableChange>,
    /// The answer to each entry that a client proposed, by index.
    answers: BTreeMap<Index, Answer>,
    /// The entry that was applied under each ticket.
    tickets: BTreeMap<(SessionId, Serial), Index>,
    /// What earlier histories of the cluster gave out.
    earlier: Numbers,
    given: Numbers,
}

impl Table {
    /// The table as founded, at log index `founded`.
    #[must_use]
    pub const fn new(state: ControlPlaneState, founded: Index) -> Self {
        Self {
            state,
            through: founded,
            changes: Vec::new(),
            answers: BTreeMap::new(),
            tickets: BTreeMap::new(),
            earlier: Numbers::NONE,
            given: Numbers::NONE,
        }
    }

    /// The table of the history after this one, which begins at an index with this state: its records are its first changes.
    #[must_use]
    pub fn continued(&self, state: ControlPlaneState, began: Index) -> (Self, Vec<Repeated>) {
        let mut next = Self::new(state, began);
        next.earlier = self.earlier.max(self.given);
        let records = next.state.table().records().map(|record| TableChange {
            revision: Revision(began.0),
            partition: record.partition,
            record: Some(record.clone()),
            name: next.state.directory().name(record.partition).cloned(),
        });
        next.changes = records.collect();
        let mut repeated = Vec::new();
        for record in next.changes.clone().into_iter().filter_map(|change| change.record) {
            // A migration that is held has a new id.
            let migration = record.held().map(|_| record.migration);
            repeated.extend(next.give(began, record.epoch, migration, None));
        }
        (next, repeated)
    }

    /// Notes numbers that were given out. Those of earlier histories never return.
    fn give(
        &mut self,
        at: Index,
        epoch: Epoch,
        migration: Option<MigrationId>,
        partition: Option<PartitionId>,
    ) -> Option<Repeated> {
        let Numbers { epoch: last_epoch, migration: last_migration, partition: last_partition } =
            self.earlier;
        let given = Numbers {
            epoch,
            migration: migration.unwrap_or(MigrationId::ZERO),
            partition: partition.unwrap_or(PartitionId(0)),
        };
        self.given = self.given.max(given);
        let found = if epoch <= last_epoch {
            format!("{at} gives out {epoch}")
        } else if let Some(migration) = migration.filter(|id| *id <= last_migration) {
            format!("{at} gives out {migration}")
        } else {
            let partition = partition.filter(|id| *id <= last_partition)?;
            format!("{at} gives out {partition}")
        };
        let against =
            format!("an earlier history gave out up to {last_epoch}, {last_migration} and {last_partition}");
        (last_epoch > Epoch::ZERO).then_some((found, against))
    }

    /// The newest state.
    #[must_use]
    pub const fn state(&self) -> &ControlPlaneState {
        &self.state
    }

    /// Index of the last applied entry.
    #[must_use]
    pub const fn through(&self) -> Index {
        self.through
    }

    /// All changes, in order.
    #[must_use]
    pub fn changes(&self) -> &[TableChange] {
        &self.changes
    }

    /// Call when a node applies an entry. Entries that another node applied before are ignored.
    pub(crate) fn applied(
        &mut self,
        at: Index,
        entry: &Entry<ControlPlaneEntry>,
        effect: &Effect<Answer>,
    ) -> Option<Repeated> {
        if at != self.through.next() {
            return None;
        }
        self.through = at;
        let (Content::Payload { payload, ticket }, Effect::Answered { repeated, .. }) =
            (&entry.content, effect)
        else {
            return None;
        };
        if *repeated {
            return None;
        }
        // The nodes apply the same entry and report broken invariants themselves.
        let answer = self.state.apply(at, payload, &mut None);
        self.answers.insert(at, answer);
        if let Some(ticket) = ticket {
            self.tickets.insert((ticket.session, ticket.serial), at);
        }
        let (partition, epoch, takes_id, numbered) = match (&answer, payload) {
            (Answer::Named { partition, epoch }, ControlPlaneEntry::NamedTransition { transition, .. }) => {
                // A name that is created again while an old copy is left keeps its number.
                let numbered = !self.changes.iter().any(|change| change.partition == *partition);
                (*partition, *epoch, takes_id(transition), numbered)
            }
            (Answer::Epoch(epoch), ControlPlaneEntry::OwnershipTransition(command)) => {
                (command.partition, *epoch, takes_id(&command.transition), false)
            }
            _ => return None,
        };
        let record = self.state.table().record(partition).cloned();
        let name = self.state.directory().name(partition).cloned();
        let migration = record.as_ref().map(|record| record.migration).filter(|_| takes_id);
        self.changes.push(TableChange { revision: Revision(at.0), partition, record, name });
        self.give(at, epoch, migration, numbered.then_some(partition))
    }

    /// The answer to the entry at an index.
    #[must_use]
    pub fn answer_at(&self, at: Index) -> Option<&Answer> {
        self.answers.get(&at)
    }

    /// The answers to the entries after an index.
    pub fn answers_after(&self, index: Index) -> impl Iterator<Item = &Answer> {
        self.answers.range(index.next()..).map(|(_, answer)| answer)
    }

    /// The entry that was applied, or refused by the table, under a ticket.
    #[must_use]
    pub fn ticket(&self, session: SessionId, serial: Serial) -> Option<Index> {
        self.tickets.get(&(session, serial)).copied()
    }

    /// The epoch that the entry at an index assigned.
    #[must_use]
    pub fn epoch_at(&self, at: Index) -> Option<Epoch> {
        match self.answers.get(&at)? {
            Answer::Epoch(epoch) | Answer::Named { epoch, .. } => Some(*epoch),
            Answer::Noted
            | Answer::Refused(_)
            | Answer::Store { .. }
            | Answer::StoreRefused(_)
            | Answer::OrderRefused(_) => None,
        }
    }
}

/// Whether a transition gives the partition a migration id.
const fn takes_id(transition: &Transition) -> bool {
    matches!(transition, Transition::Create { .. } | Transition::Begin { .. })
}

impl Table {
    /// The changes up to a revision.
    fn until(&self, revision: Revision) -> &[TableChange] {
        let until = self.changes.partition_point(|change| change.revision <= revision);
        self.changes.get(..until).unwrap_or_default()
    }

    /// The latest change of a partition up to a revision.
    fn change_at(&self, partition: PartitionId, revision: Revision) -> Option<&TableChange> {
        self.until(revision).iter().rev().find(|change| change.partition == partition)
    }

    /// The record of a partition at a revision.
    #[must_use]
    pub fn record_at(&self, partition: PartitionId, revision: Revision) -> Option<PartitionRecord> {
        self.change_at(partition, revision)?.record.clone()
    }

    /// The partition that had a name at a revision, with its record.
    #[must_use]
    pub fn named_at(&self, name: &PartitionName, revision: Revision) -> Option<&TableChange> {
        let change = self.until(revision).iter().rev().find(|change| change.name.as_ref() == Some(name))?;
        self.change_at(change.partition, revision).filter(|last| last.name.as_ref() == Some(name))
    }

    /// Whether a name belonged to the same existing partition during the whole range of revisions.
    #[must_use]
    pub fn named_throughout(&self, name: &PartitionName, from: Revision, to: Revision) -> bool {
        let between = self.changes.iter().filter(|change| change.revision > from && change.revision <= to);
        let mut all = between.map(|change| change.revision).chain([from]);
        all.all(|revision| self.named_at(name, revision).is_some())
    }

    /// All partitions that existed at a revision.
    #[must_use]
    pub fn all_at(&self, revision: Revision) -> BTreeMap<PartitionId, &TableChange> {
        let last = self.until(revision).iter().map(|change| (change.partition, change));
        last.collect::<BTreeMap<_, _>>().into_iter().filter(|(_, change)| change.record.is_some()).collect()
    }
}
