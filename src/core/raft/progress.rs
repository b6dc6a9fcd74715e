//! The replication progress of one member, as its leader knows it.

use super::configuration::Peer;
use crate::core::ids::Index;
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};

/// How entries are sent to a member.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum Flow {
    /// One append at a time, until the position where the logs match is found.
    Probe {
        /// Whether an append is outstanding.
        waiting: bool,
    },
    /// Several appends may be outstanding.
    Replicate {
        /// The last indexes of unanswered appends, oldest first.
        in_flight: Vec<Index>,
    },
    /// A snapshot is outstanding; no appends with entries are sent.
    Install {
        /// The last index that the snapshot covers.
        last: Index,
    },
}

/// The replication progress of one member, as its leader knows it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Progress {
    /// The member that the progress is about.
    pub peer: Peer,
    /// The member's durable log matches the leader's up to this index. Within a term and an directory it never
    /// decreases.
    pub matched: Index,
    /// The index of the next entry to send, always above `matched`.
    pub next: Index,
    /// How entries are sent to the member now.
    pub flow: Flow,
    /// Whether the member has answered since the leader's last quorum check. Maintained with
    /// [`Elections::Stable`](super::Elections::Stable), and while a snapshot is outstanding.
    pub active: bool,
    /// Whether the member answered in the interval before that check. Maintained with
    /// [`Elections::Stable`](super::Elections::Stable).
    pub active_before: bool,
    /// The highest round that the member has answered.
    pub round: u64,
    /// Whether the leader's commit index has advanced since the last append that tells the member all of it.
    pub commit_due: bool,
}

impl Progress {
    /// The initial progress: nothing is known to match (Raft, figure 2, "volatile state on leaders").
    pub(super) const fn unknown(peer: Peer, next: Index) -> Self {
        let flow = Flow::Probe { waiting: false };
        Self {
            peer,
            matched: Index::ZERO,
            next,
            flow,
            active: false,
            active_before: false,
            round: 0,
            commit_due: false,
        }
    }

    /// Whether an append with entries may be sent now.
    pub(super) fn may_send(&self, window: u8) -> bool {
        match &self.flow {
            Flow::Probe { waiting } => !waiting,
            Flow::Replicate { in_flight } => in_flight.len() < usize::from(window.max(1)),
            Flow::Install { .. } => false,
        }
    }

    /// Whether the member has answered recently: since the last quorum check, or in the interval before it.
    #[must_use]
    pub const fn is_live(&self) -> bool {
        self.active || self.active_before
    }

    /// Whether the member lacks no more than this many of the committed entries.
    pub(super) fn keeps_up(&self, commit: Index, lag_max: u64) -> bool {
        !matches!(self.flow, Flow::Install { .. }) && commit.since(self.matched) <= lag_max
    }

    /// Starts the next interval of the quorum check. A member that answered in the last interval, but not the snapshot, is
    /// sent it again; a silent one is not.
    pub(super) fn begin_quorum_check(&mut self, stable: bool) {
        let active = core::mem::replace(&mut self.active, false);
        self.active_before = stable && active;
        if active && matches!(self.flow, Flow::Install { .. }) {
            self.flow = Flow::Probe { waiting: false };
        }
    }

    /// Records that an append up to this index, with this commit index, was sent.
    pub(super) fn sent(&mut self, last: Index, commit: Index) {
        self.told(last, commit);
        match &mut self.flow {
            Flow::Probe { waiting } => *waiting = true,
            Flow::Replicate { in_flight } => {
                if last >= self.next {
                    in_flight.push(last);
                    self.next = last.next();
                }
            }
            Flow::Install { .. } => {}
        }
    }

    /// Records that a message was sent that tells the member to commit up to the lower of these indexes.
    pub(super) fn told(&mut self, last: Index, commit: Index) {
        self.commit_due &= last < commit;
    }

    /// Records that the member has answered an append of this round.
    pub(super) fn answered(&mut self, round: u64, stable: bool) {
        self.active = stable || matches!(self.flow, Flow::Install { .. });
        self.round = self.round.max(round);
    }

    /// Records that the member's log matches up to this index. A delayed answer changes nothing.
    pub(super) fn has(&mut self, matched: Index) {
        self.matched = self.matched.max(matched);
        self.next = self.next.max(self.matched.next());
        match &mut self.flow {
            Flow::Probe { .. } => self.flow = Flow::Replicate { in_flight: Vec::new() },
            Flow::Replicate { in_flight } => in_flight.retain(|last| *last > matched),
            Flow::Install { last } => {
                if self.matched >= *last {
                    self.flow = Flow::Replicate { in_flight: Vec::new() };
                }
            }
        }
    }

    /// Records that the member lacks the entry at `at`. `false`: a delayed answer, to be ignored.
    pub(super) fn lacks(&mut self, at: Index) -> bool {
        let current = match &self.flow {
            Flow::Probe { .. } => at.next() == self.next,
            Flow::Replicate { .. } => at > self.matched && at < self.next,
            Flow::Install { .. } => false,
        };
        if current {
            self.flow = Flow::Probe { waiting: false };
        }
        current
    }
}
