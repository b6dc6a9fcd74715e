//! The state of each role. Its rules are in `election.rs`, `leader.rs`, `read.rs` and `transfer.rs`.

use super::configuration::Peer;
use super::io::{ProposalId, ReadId};
use super::message::Body;
use super::progress::Progress;
use crate::core::ids::Index;
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};

/// A node's role, with the state that the node keeps in this role.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub(super) enum Role {
    Follower(Follower),
    PreCandidate(VoteTracker),
    Candidate(VoteTracker),
    Leader(Leader),
}

/// A follower, with or without a known leader.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub(super) struct Follower {
    pub(super) leader: Option<Peer>,
    /// Whether a message from that leader arrived within the minimum election timeout.
    pub(super) in_contact: bool,
}

/// The name of a node's role.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum RoleName {
    /// Follows a leader, or waits for one.
    Follower,
    /// Asks for pre-votes, and would start an election if it won them.
    PreCandidate,
    /// Asks for votes in its term.
    Candidate,
    /// The leader of its term.
    Leader,
}

impl RoleName {
    /// Whether a node in this role can still handle a message of its own term. A candidate can become the leader of its
    /// term, not the other way round; an answer that fits neither is dropped.
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

/// The votes received. A vote that is received twice counts once.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub(super) struct VoteTracker {
    pub(super) granted: Vec<Peer>,
    pub(super) refused: Vec<Peer>,
    /// Whether the previous leader asked for this election, by a transfer of leadership.
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

/// A leader's state, for one term.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub(super) struct Leader {
    /// The index of the term's first entry. Until it is committed, the leader does not know the commit index.
    pub(super) opened: Index,
    /// The replication progress of the other members, by node.
    pub(super) progress: Vec<Progress>,
    /// Pending proposals with the indexes of their entries.
    pub(super) proposals: Vec<(Index, ProposalId)>,
    /// Reads that wait for a quorum.
    pub(super) reads: Vec<Waiting>,
    /// The number of the latest attempt to confirm leadership.
    pub(super) round: u64,
    /// The transfer of leadership in progress.
    pub(super) transfer: Option<PendingTransfer>,
    /// The encoded bytes of the uncommitted entries.
    pub(super) uncommitted_bytes: u32,
}

impl Leader {
    pub(super) fn of(&self, peer: Peer) -> Option<&Progress> {
        self.progress.iter().find(|progress| progress.peer == peer)
    }

    pub(super) fn of_mut(&mut self, peer: Peer) -> Option<&mut Progress> {
        self.progress.iter_mut().find(|progress| progress.peer == peer)
    }

    pub(super) fn is_active(&self, peer: Peer) -> bool {
        self.of(peer).is_some_and(|progress| progress.active)
    }

    pub(super) fn begin_quorum_check(&mut self, stable: bool) {
        for progress in &mut self.progress {
            progress.begin_quorum_check(stable);
        }
    }
}

/// A read that waits for a quorum.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub(super) struct Waiting {
    pub(super) id: ReadId,
    /// The commit index when the read arrived.
    pub(super) index: Index,
    /// The round that confirms the read.
    pub(super) round: u64,
}

/// A transfer of leadership in progress.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub(super) struct PendingTransfer {
    /// The voter that is to lead.
    pub(super) to: Peer,
    /// Whether `TimeoutNow` was sent to that voter.
    pub(super) timeout_now_sent: bool,
}
