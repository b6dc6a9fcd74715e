//! The table as the log makes it, one entry after the other, with everything that it ever was: what clients and watchers
//! are told is held against it.

use cutover::control_plane::{Answer, ControlPlaneEntry, ControlPlaneState};
use cutover::ids::{Epoch, Index, PartitionId, Revision};
use cutover::migration::PartitionRecord;
use cutover::raft::{Content, Effect, Entry, Machine as _};
use std::collections::BTreeMap;

/// A partition from one revision on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Turn {
    /// From this place of the log on
    pub revision: Revision,
    /// this partition
    pub partition: PartitionId,
    /// has this record; none: it is gone.
    pub record: Option<PartitionRecord>,
}

/// The table, and all that it was.
#[derive(Clone, Debug)]
pub struct Table {
    state: ControlPlaneState,
    through: Index,
    turns: Vec<Turn>,
    /// The answer to each entry that a client asked for.
    answers: BTreeMap<Index, Answer>,
}

impl Table {
    /// As it was founded, at this place.
    #[must_use]
    pub const fn new(state: ControlPlaneState, founded: Index) -> Self {
        Self { state, through: founded, turns: Vec::new(), answers: BTreeMap::new() }
    }

    /// The state.
    #[must_use]
    pub const fn state(&self) -> &ControlPlaneState {
        &self.state
    }

    /// The last entry in it.
    #[must_use]
    pub const fn through(&self) -> Index {
        self.through
    }

    /// Everything that changed, in order.
    #[must_use]
    pub fn turns(&self) -> &[Turn] {
        &self.turns
    }

    /// A node has applied an entry; only the first to do so counts.
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
        let answer = self.state.apply(at, payload);
        self.answers.insert(at, answer);
        let partition = match (&answer, payload) {
            (Answer::Created { partition, .. }, _) => *partition,
            (Answer::Epoch(_), ControlPlaneEntry::OwnershipTransition(command)) => command.partition,
            _ => return,
        };
        let record = self.state.table().record(partition).cloned();
        self.turns.push(Turn { revision: Revision(at.0), partition, record });
    }

    /// The epoch that the entry at this place gave.
    #[must_use]
    pub fn epoch_at(&self, at: Index) -> Option<Epoch> {
        match self.answers.get(&at)? {
            Answer::Epoch(epoch) | Answer::Created { epoch, .. } => Some(*epoch),
            Answer::Noted | Answer::Refused(_) => None,
        }
    }
}

impl Table {
    /// The record of a partition as it was at a revision.
    #[must_use]
    pub fn record_at(&self, partition: PartitionId, revision: Revision) -> Option<PartitionRecord> {
        let until = self.turns.partition_point(|turn| turn.revision <= revision);
        let turns = self.turns.get(..until).unwrap_or_default();
        turns.iter().rev().find(|turn| turn.partition == partition)?.record.clone()
    }
}
