//! Whose messages a node takes. A certificate says that the sender may be a node of this cluster; the log says which nodes are
//! its members, and this node's log may be behind.

use super::machine::Machine;
use super::mark::Mark;
use super::message::{Body, Message};
use super::role::Role;
use super::turn::Turn;
use crate::core::ids::HistoryId;

impl<M: Machine> Turn<'_, M> {
    /// Whether the node takes a message that is addressed to it. If not, the message changes nothing, its term included.
    pub(super) fn is_heard(&mut self, message: &Message<M::Payload>) -> bool {
        let own = self.node.hard_state.term;
        if self.node.history() == HistoryId::NONE {
            return self.is_first_leader(message);
        }
        if message.history != self.node.history() {
            self.mark(Mark::StrangerDropped);
            return false;
        }
        if message.term.0 > own.0.saturating_add(self.node.config.limits.term_leap_max) {
            self.mark(Mark::TermLeap);
            return false;
        }
        if message.body.is_reply() {
            let asked = self.has_asked(message);
            // A late vote is nothing to speak of.
            if !asked && message.term > own {
                self.mark(Mark::NotAsked);
            }
            return asked;
        }
        if self.node.is_known(message.from) {
            return true;
        }
        let newer = self.may_be_newer(message);
        self.mark(if newer { Mark::NewerHeard } else { Mark::OutsiderDropped });
        newer
    }

    /// Whether the message is one that a node with an empty disk takes: what a leader sends to it. Its snapshot brings the
    /// history, and the term may be any. A node without a log has nothing to vote with: the member that the vote is asked of
    /// may be one whose disk this was.
    fn is_first_leader(&mut self, message: &Message<M::Payload>) -> bool {
        self.history = message.history;
        let leads =
            matches!(message.body, Body::Append(_) | Body::Install(_)) && message.history != HistoryId::NONE;
        if !leads {
            self.mark(Mark::OutsiderDropped);
        }
        leads
    }

    /// Whether a reply answers what this node asks in its present role, of this sender. No other reply counts, nor is its
    /// term adopted: any certificate of a node could depose the leader with one. Only a refusal may carry a higher term.
    fn has_asked(&self, message: &Message<M::Payload>) -> bool {
        let (from, own) = (message.from, self.node.hard_state.term);
        match (&message.body, &self.node.role) {
            (Body::PreVoted { granted, .. }, Role::PreCandidate(_))
            | (Body::VoteReply { granted }, Role::Candidate(_)) => {
                self.node.configuration().is_voter(from) && (!granted || message.term <= own)
            }
            (Body::Appended { .. } | Body::AppendRejected { .. }, Role::Leader(leader)) => {
                leader.of(from).is_some() && message.term <= own
            }
            (Body::StaleTerm, Role::Leader(leader)) => leader.of(from).is_some(),
            (_, Role::Follower(_) | Role::PreCandidate(_) | Role::Candidate(_) | Role::Leader(_)) => false,
        }
    }

    /// Whether a sender that is no member here may be one by a newer log (Raft, section 4.1 of the thesis: a server takes
    /// requests from a leader that is not in its configuration). A log that is behind would otherwise stay behind, and its
    /// node's vote may be the one that is missing.
    ///
    /// It is not, if its admission lies within what this node has applied: it was removed since, or never admitted. Nor is
    /// it heard while a leader is: a node in contact with a leader is not behind.
    fn may_be_newer(&self, message: &Message<M::Payload>) -> bool {
        let (from, node) = (message.from, &*self.node);
        let committed = &node.applied.configuration;
        let removed = committed.removed().contains(&from);
        let unknown_yet = message.admitted > node.commit();
        let same_term = matches!(node.role, Role::Leader(_)) && message.term == node.hard_state.term;
        let engaged = same_term || (self.is_in_contact() && node.leader() != Some(from));
        unknown_yet && !removed && !engaged
    }
}
