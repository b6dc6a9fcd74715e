//! The placement table with its whole past, computed from the log entry by entry. Answers to clients and watchers
//! are compared with it.

use cutover::core::control_plane::{Answer, ControlPlaneEntry, ControlPlaneState, PartitionName};
use cutover::core::ids::{Epoch, Index, PartitionId, Revision};
use cutover::core::migration::PartitionRecord;
use cutover::core::raft::{Content, Effect, Entry, Machine as _};
use std::collections::BTreeMap;

/// A change of a partition.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Turn {
    /// The revision of the change.
    pub revision: Revision,
    /// The partition.
    pub partition: PartitionId,
    /// The partition's record after the change; `None` if it was deleted.
    pub record: Option<PartitionRecord>,
    /// The partition's name, if it has one.
    pub name: Option<PartitionName>,
}

/// The placement table with all its past states.
#[derive(Clone, Debug)]
pub struct Table {
    state: ControlPlaneState,
    through: Index,
    turns: Vec<Turn>,
    /// The answer to each entry that a client proposed, by index.
    answers: BTreeMap<Index, Answer>,
}

impl Table {
    /// The table as founded, at log index `founded`.
    #[must_use]
    pub const fn new(state: ControlPlaneState, founded: Index) -> Self {
        Self { state, through: founded, turns: Vec::new(), answers: BTreeMap::new() }
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
    pub fn turns(&self) -> &[Turn] {
        &self.turns
    }

    /// Call when a node applies an entry. Entries that another node applied before are ignored.
    pub(crate) fn applied(&mut self, at: Index, entry: &Entry<ControlPlaneEntry>, effect: &Effect<Answer>) {
        if at != self.through.next() {
            return;
        }
        self.through = at;
        let (Content::Payload { payload, .. }, Effect::Answered { repeated, .. }) = (&entry.content, effect)
        else {
            return;
        };
        if *repeated {
            return;
        }
        // The nodes apply the same entry and report broken invariants themselves.
        let answer = self.state.apply(at, payload, &mut None);
        self.answers.insert(at, answer);
        let partition = match (&answer, payload) {
            (Answer::Created { partition, .. }, _) => *partition,
            (Answer::Epoch(_), ControlPlaneEntry::OwnershipTransition(command)) => command.partition,
            _ => return,
        };
        let record = self.state.table().record(partition).cloned();
        let name = self.state.directory().name(partition).cloned();
        self.turns.push(Turn { revision: Revision(at.0), partition, record, name });
    }

    /// The answer to the entry at an index.
    #[must_use]
    pub fn answer_at(&self, at: Index) -> Option<&Answer> {
        self.answers.get(&at)
    }

    /// The epoch that the entry at an index assigned.
    #[must_use]
    pub fn epoch_at(&self, at: Index) -> Option<Epoch> {
        match self.answers.get(&at)? {
            Answer::Epoch(epoch) | Answer::Created { epoch, .. } => Some(*epoch),
            Answer::Noted | Answer::Refused(_) => None,
        }
    }
}

impl Table {
    /// The changes up to a revision.
    fn until(&self, revision: Revision) -> &[Turn] {
        let until = self.turns.partition_point(|turn| turn.revision <= revision);
        self.turns.get(..until).unwrap_or_default()
    }

    /// The latest change of a partition up to a revision.
    fn turn_at(&self, partition: PartitionId, revision: Revision) -> Option<&Turn> {
        self.until(revision).iter().rev().find(|turn| turn.partition == partition)
    }

    /// The record of a partition at a revision.
    #[must_use]
    pub fn record_at(&self, partition: PartitionId, revision: Revision) -> Option<PartitionRecord> {
        self.turn_at(partition, revision)?.record.clone()
    }

    /// The partition that had a name at a revision, with its record.
    #[must_use]
    pub fn named_at(&self, name: &PartitionName, revision: Revision) -> Option<&Turn> {
        let turn = self.until(revision).iter().rev().find(|turn| turn.name.as_ref() == Some(name))?;
        self.turn_at(turn.partition, revision).filter(|last| last.name.as_ref() == Some(name))
    }

    /// Whether a name belonged to the same existing partition during the whole range of revisions.
    #[must_use]
    pub fn named_throughout(&self, name: &PartitionName, from: Revision, to: Revision) -> bool {
        let between = self.turns.iter().filter(|turn| turn.revision > from && turn.revision <= to);
        let mut all = between.map(|turn| turn.revision).chain([from]);
        all.all(|revision| self.named_at(name, revision).is_some())
    }

    /// All partitions that existed at a revision.
    #[must_use]
    pub fn all_at(&self, revision: Revision) -> BTreeMap<PartitionId, &Turn> {
        let last = self.until(revision).iter().map(|turn| (turn.partition, turn));
        last.collect::<BTreeMap<_, _>>().into_iter().filter(|(_, turn)| turn.record.is_some()).collect()
    }
}
