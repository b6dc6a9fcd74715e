//! What has happened, as nobody in the world knows it: the judge of the whole.

use cutover::core::control_plane::Answer;
use cutover::core::ids::{Epoch, HistoryId, PartitionId, Placement, Serial, SessionId, WriteId};
use std::collections::{BTreeMap, BTreeSet};
use std::hash::{Hash, Hasher};

/// A reference beside its machine. It follows from what the machine was given, so states are told apart without it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Beside<T>(pub(super) T);

impl<T> Hash for Beside<T> {
    fn hash<H: Hasher>(&self, _: &mut H) {}
}

/// Answers under tickets that are remembered.
const ANSWERS: usize = 48;

/// An answer under a ticket.
type Told = (HistoryId, SessionId, Serial, Answer);

/// The truth.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub(super) struct Truth {
    /// The writes that a client was told are done.
    pub(super) acknowledged: BTreeMap<PartitionId, BTreeSet<WriteId>>,
    /// The writes that may be lost: by an operator's decision, or with a store's or the log's memory.
    pub(super) exempt: BTreeSet<WriteId>,
    /// The writes that a client was told have never been sent.
    pub(super) not_sent: BTreeSet<WriteId>,
    /// Up to this epoch, tokens say nothing of the present record: they are of a history that is lost.
    pub(super) lost_through: BTreeMap<PartitionId, Epoch>,
    /// The owner of each partition when the last history ended.
    pub(super) owners: BTreeMap<PartitionId, Placement>,
    /// The partitions that had moved away, or were gone, when the log was lost, and whose restored record does not show it.
    pub(super) astray: BTreeSet<PartitionId>,
    answers: Vec<Told>,
}

impl Truth {
    /// The acknowledged writes of a partition that must be at its owner.
    pub(super) fn owed(&self, partition: PartitionId) -> impl Iterator<Item = WriteId> + '_ {
        let all = self.acknowledged.get(&partition).into_iter().flatten();
        all.copied().filter(|id| !self.exempt.contains(id))
    }

    /// The answer that was given under a ticket before.
    pub(super) fn told(&self, history: HistoryId, session: SessionId, serial: Serial) -> Option<&Answer> {
        let mut of =
            self.answers.iter().filter(|told| (told.0, told.1, told.2) == (history, session, serial));
        of.next().map(|told| &told.3)
    }

    pub(super) fn tell(&mut self, history: HistoryId, session: SessionId, serial: Serial, answer: Answer) {
        self.answers.push((history, session, serial, answer));
        if self.answers.len() > ANSWERS {
            self.answers.remove(0);
        }
    }
}
