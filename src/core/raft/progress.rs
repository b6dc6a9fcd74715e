//! What a leader knows of one other member.

use super::configuration::Peer;
use crate::core::ids::Index;
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};

/// How entries flow to a member.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum Flow {
    /// One append at a time, until the place where the logs agree is found.
    Probe {
        /// It is on its way.
        waiting: bool,
    },
    /// Appends follow one another without waiting; these, by their last places, are not answered yet.
    Replicate {
        /// Oldest first.
        in_flight: Vec<Index>,
    },
    /// A snapshot up to this place is on its way.
    Install {
        /// Its last place.
        last: Index,
    },
}

/// What a leader knows of one other member.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Progress {
    /// Who.
    pub peer: Peer,
    /// Its log agrees with the leader's up to here, durably. Within a term and a life it never goes back.
    pub matched: Index,
    /// The next entry to send. Always above `matched`.
    pub next: Index,
    /// How entries flow.
    pub flow: Flow,
    /// It has answered since the leader last counted who does; kept where leaders count.
    pub heard: bool,
    /// The latest round that it has answered.
    pub round: u64,
}

impl Progress {
    /// Nothing is known; its log may be as long as the leader's (Raft, figure 2, "volatile state on leaders").
    pub(super) const fn unknown(peer: Peer, next: Index) -> Self {
        let flow = Flow::Probe { waiting: false };
        Self { peer, matched: Index::ZERO, next, flow, heard: false, round: 0 }
    }

    /// Whether an append with entries may leave now.
    pub(super) fn may_send(&self, window: u8) -> bool {
        match &self.flow {
            Flow::Probe { waiting } => !waiting,
            Flow::Replicate { in_flight } => in_flight.len() < usize::from(window.max(1)),
            Flow::Install { .. } => false,
        }
    }

    /// An append up to this place has left.
    pub(super) fn sent(&mut self, last: Index) {
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

    /// It has everything up to here. An answer that comes late says less than is known.
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

    /// It does not have the entry at `at`. `false`: an answer to an append of the past, which says nothing any more.
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
