//! The state of each role. Its rules are in `election.rs`, `leader.rs`, `read.rs` and `transfer.rs`.

use super::configuration::Peer;
use super::io::{ProposalId, ReadId};
use super::message::Body;
use super::progress::{Flow, Progress};
use crate::core::ids::Index;
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};

/// What a node is at the moment.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub(super) enum Role {
    Follower(Follower),
    PreCandidate(VoteTracker),
    Candidate(VoteTracker),
    Leader(Leader),
}

/// A node that waits for a leader, or has one.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub(super) struct Follower {
    pub(super) leader: Option<Peer>,
    /// RemovalNotice from that leader within the shortest election timeout.
    pub(super) hears: bool,
}

/// What a node is, without the details.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum RoleName {
    /// Waits for a leader, or has one.
    Follower,
    /// Asks whether it would be elected.
    PreCandidate,
    /// Stands for election.
    Candidate,
    /// Leads.
    Leader,
}

impl RoleName {
    /// Whether a node that now has this role can still take a message of its own term. A candidate can become the leader of
    /// its term, not the other way round; an answer that no role of the term takes any more is dropped.
    #[must_use]
    pub const fn may_take<P>(self, body: &Body<P>) -> bool {
        match body {
            Body::VoteReply { .. } => matches!(self, Self::Candidate),
            Body::Appended { .. } | Body::AppendRejected { .. } => {
                matches!(self, Self::Candidate | Self::Leader)
            }
            Body::PreVote { .. }
            | Body::PreVoted { .. }
            | Body::RequestVote { .. }
            | Body::Append(_)
            | Body::Install(_)
            | Body::TimeoutNow
            | Body::StaleTerm => true,
        }
    }
}

/// Votes so far. A vote counts once, however often it is told.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub(super) struct VoteTracker {
    pub(super) granted: Vec<Peer>,
    pub(super) refused: Vec<Peer>,
    /// The leader wanted this election.
    pub(super) transfer: bool,
}

impl VoteTracker {
    pub(super) const fn new(transfer: bool) -> Self {
        Self { granted: Vec::new(), refused: Vec::new(), transfer }
    }

    pub(super) fn note(&mut self, from: Peer, granted: bool) {
        let votes = if granted { &mut self.granted } else { &mut self.refused };
        if let Err(slot) = votes.binary_search(&from) {
            votes.insert(slot, from);
        }
    }
}

/// What a leader keeps, for one term.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub(super) struct Leader {
    /// The place of the entry that opens the term: nothing is known to be committed until this is.
    pub(super) opened: Index,
    /// The others, by node.
    pub(super) progress: Vec<Progress>,
    /// Proposals that wait for their commit, by place.
    pub(super) proposals: Vec<(Index, ProposalId)>,
    /// Reads that wait for a quorum.
    pub(super) reads: Vec<Waiting>,
    /// The latest attempt to confirm that this node leads.
    pub(super) round: u64,
    /// Handing over.
    pub(super) hand_over: Option<HandOver>,
    /// Bytes of entries above the commit.
    pub(super) uncommitted_bytes: u32,
}

impl Leader {
    pub(super) fn of(&self, peer: Peer) -> Option<&Progress> {
        self.progress.iter().find(|progress| progress.peer == peer)
    }

    pub(super) fn of_mut(&mut self, peer: Peer) -> Option<&mut Progress> {
        self.progress.iter_mut().find(|progress| progress.peer == peer)
    }

    pub(super) fn has_heard(&self, peer: Peer) -> bool {
        self.of(peer).is_some_and(|progress| progress.heard)
    }

    /// Counts anew who answers; a snapshot that was not answered in all this time is sent again.
    pub(super) fn begin_listening(&mut self) {
        for progress in &mut self.progress {
            progress.heard = false;
            if matches!(progress.flow, Flow::Install { .. }) {
                progress.flow = Flow::Probe { waiting: false };
            }
        }
    }
}

/// A read that waits for a quorum.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub(super) struct Waiting {
    pub(super) id: ReadId,
    /// What was committed when it came in.
    pub(super) index: Index,
    /// Its attempt.
    pub(super) round: u64,
}

/// A leader on its way out.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub(super) struct HandOver {
    /// To whom.
    pub(super) to: Peer,
    /// It was told to stand.
    pub(super) told: bool,
}
