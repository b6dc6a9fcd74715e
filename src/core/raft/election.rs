//! Elections: who may lead in a term (Raft, sections 5.2 and 5.4.1; thesis, sections 9.6, 6.2 and 4.2.3).

use super::configuration::Peer;
use super::durable::HardState;
use super::entry::LogPosition;
use super::io::{Output, Timer};
use super::machine::Machine;
use super::mark::Mark;
use super::message::{Body, Message};
use super::node::{Elections, Node};
use super::quorum::{self, Tally};
use super::role::{Follower, Role, VoteTracker};
use super::turn::Turn;
use crate::core::ids::Term;
use alloc::vec::Vec;

impl<M: Machine> Node<M> {
    /// Whether this node may campaign: it is a voter in a configuration that may be the committed one. A node that the
    /// latest configuration removes may campaign as long as that change is uncommitted: possibly no other node has the
    /// entry that removes it, and nodes without that entry cannot win against its log (thesis, section 4.2.2). Its own
    /// vote does not count then.
    pub(super) fn may_campaign(&self) -> bool {
        self.candidates().any(|configuration| configuration.is_voter(self.config.me))
    }
}

impl<M: Machine> Turn<'_, M> {
    /// Handles a message. Terms are compared first: a higher term is adopted; a message of a lower term is answered
    /// with this node's term or dropped (Raft, section 5.1).
    pub(super) fn receive(&mut self, message: Message<M::Payload>) {
        let me = self.node.config.me;
        if message.to != me || message.from == me {
            return self.mark(Mark::StrangerDropped);
        }
        let (from, term) = (message.from, message.term);
        if !self.is_heard(&message) {
            return;
        }
        if self.is_in_contact() && self.ends_term(term, &message.body) {
            return self.mark(Mark::Ignored);
        }
        if term > self.node.hard_state.term {
            self.finish_transfer_if_taken_over(from, &message.body);
            self.adopt(term);
        }
        if term < self.node.hard_state.term {
            return self.answer_stale_term(from, &message.body);
        }
        match message.body {
            Body::PreVote { campaign_term, last } => self.on_pre_vote(from, campaign_term, last),
            Body::PreVoted { campaign_term, granted } => self.on_pre_voted(from, campaign_term, granted),
            Body::RequestVote { last, .. } => self.on_vote(from, last),
            Body::VoteReply { granted } => self.on_vote_reply(from, granted),
            Body::Append(append) => self.on_append(from, append),
            Body::Install(snapshot) => self.on_install(from, snapshot),
            Body::Appended { matched, round } => self.on_appended(from, matched, round),
            Body::AppendRejected { at, hint, round } => self.on_append_rejected(from, at, hint, round),
            Body::TimeoutNow => self.on_timeout_now(from),
            Body::StaleTerm => {}
        }
    }

    /// Whether the message would end the term of a leader that is in contact. A campaign that the leader itself asked
    /// for (transfer of leadership) does not count as such.
    fn ends_term(&self, term: Term, body: &Body<M::Payload>) -> bool {
        match body {
            Body::PreVote { campaign_term, .. } => *campaign_term > self.node.hard_state.term,
            Body::RequestVote { transfer, .. } => !transfer && term > self.node.hard_state.term,
            Body::PreVoted { .. }
            | Body::VoteReply { .. }
            | Body::Append(_)
            | Body::Install(_)
            | Body::Appended { .. }
            | Body::AppendRejected { .. }
            | Body::TimeoutNow
            | Body::StaleTerm => false,
        }
    }

    pub(super) fn is_in_contact(&self) -> bool {
        self.node.config.limits.elections == Elections::Stable
            && match &self.node.role {
                Role::Leader(_) => true,
                Role::Follower(follower) => follower.in_contact && follower.leader.is_some(),
                Role::PreCandidate(_) | Role::Candidate(_) => false,
            }
    }

    /// Moves to a higher term as a follower, without a vote and without a known leader.
    fn adopt(&mut self, term: Term) {
        self.node.hard_state = HardState { term, voted_for: None };
        self.step_down(None);
    }

    fn answer_stale_term(&mut self, from: Peer, body: &Body<M::Payload>) {
        match body {
            Body::PreVote { campaign_term, .. } => {
                self.send(from, Body::PreVoted { campaign_term: *campaign_term, granted: false });
            }
            Body::RequestVote { .. } => self.send(from, Body::VoteReply { granted: false }),
            Body::Append(_) | Body::Install(_) => {
                self.mark(Mark::Outdated);
                self.send(from, Body::StaleTerm);
            }
            Body::PreVoted { .. }
            | Body::VoteReply { .. }
            | Body::Appended { .. }
            | Body::AppendRejected { .. }
            | Body::TimeoutNow
            | Body::StaleTerm => {}
        }
    }

    /// The first turn of a node. A sole voter campaigns: no other node can be elected, so there is nobody to wait for.
    pub(super) fn begin(&mut self) {
        if self.node.configuration().voters().eq([self.node.config.me]) {
            self.campaign(false);
        } else {
            self.emit(Output::SetTimer(Timer::Election));
        }
    }

    pub(super) fn election_timeout(&mut self) {
        self.emit(Output::SetTimer(Timer::Election));
        if matches!(self.node.role, Role::Leader(_)) {
            return self.check_quorum();
        }
        if !self.node.may_campaign() {
            self.node.role = Role::Follower(Follower { leader: None, in_contact: false });
            return;
        }
        match self.node.config.limits.elections {
            Elections::Plain => self.campaign(false),
            Elections::Stable => self.pre_vote(),
        }
    }

    pub(super) fn contact_lost(&mut self) {
        if let Role::Follower(follower) = &mut self.node.role {
            follower.in_contact = false;
        }
    }

    /// Starts a pre-vote: asks the voters whether they would grant a vote. The term does not change (thesis, section
    /// 9.6).
    fn pre_vote(&mut self) {
        let me = self.node.config.me;
        let mut votes = VoteTracker::new(false);
        votes.note(me, true);
        self.node.role = Role::PreCandidate(votes);
        let (campaign_term, last) = (self.node.hard_state.term.next(), self.node.log.last());
        for voter in self.other_voters() {
            self.send(voter, Body::PreVote { campaign_term, last });
        }
        self.count_pre_votes();
    }

    /// Starts an election in the next term (Raft, section 5.2). The node's own vote counts once it is durable.
    pub(super) fn campaign(&mut self, transfer: bool) {
        let me = self.node.config.me;
        self.node.hard_state = HardState { term: self.node.hard_state.term.next(), voted_for: Some(me) };
        self.node.role = Role::Candidate(VoteTracker::new(transfer));
        self.emit(Output::SetTimer(Timer::Election));
        let last = self.node.log.last();
        for voter in self.other_voters() {
            self.send(voter, Body::RequestVote { last, transfer });
        }
    }

    pub(super) fn vote_is_durable(&mut self) {
        let me = self.node.config.me;
        if let Role::Candidate(votes) = &mut self.node.role {
            votes.note(me, true);
            self.count_votes();
        }
    }

    fn other_voters(&self) -> Vec<Peer> {
        let me = self.node.config.me;
        self.node.configuration().voters().filter(|voter| *voter != me).collect()
    }

    /// Answered even if the candidate is not in this node's configuration, which may be older than the candidate's.
    fn on_pre_vote(&mut self, from: Peer, campaign_term: Term, last: LogPosition) {
        let granted = campaign_term > self.node.hard_state.term && last >= self.node.log.last();
        self.send(from, Body::PreVoted { campaign_term, granted });
    }

    fn on_pre_voted(&mut self, from: Peer, campaign_term: Term, granted: bool) {
        let current = campaign_term == self.node.hard_state.term.next();
        if let Role::PreCandidate(votes) = &mut self.node.role
            && current
        {
            votes.note(from, granted);
            self.count_pre_votes();
        }
    }

    fn count_pre_votes(&mut self) {
        let Role::PreCandidate(votes) = &self.node.role else { return };
        match quorum::tally(self.node.configuration(), &votes.granted, &votes.refused) {
            Tally::Pending => {}
            Tally::Lost => {
                self.mark(Mark::PreVoteLost);
                self.node.role = Role::Follower(Follower { leader: None, in_contact: false });
            }
            Tally::Won(_) => {
                self.mark(Mark::PreVoteWon);
                self.campaign(false);
            }
        }
    }

    /// Grants one vote in a term, to a candidate whose log is at least as up to date (Raft, sections 5.2 and 5.4.1).
    /// Answered even if the candidate is not in this node's configuration: refusing it could leave a cluster without a
    /// leader.
    fn on_vote(&mut self, from: Peer, last: LogPosition) {
        let free = match self.node.hard_state.voted_for {
            None => self.node.leader().is_none(),
            Some(candidate) => candidate == from,
        };
        let up_to_date = last >= self.node.log.last();
        let granted = free && up_to_date;
        if granted {
            self.node.hard_state.voted_for = Some(from);
            self.emit(Output::SetTimer(Timer::Election));
        } else {
            self.mark(if free { Mark::VoteRefusedByLog } else { Mark::VoteRefusedByVote });
        }
        self.send(from, Body::VoteReply { granted });
    }

    fn on_vote_reply(&mut self, from: Peer, granted: bool) {
        if let Role::Candidate(votes) = &mut self.node.role {
            votes.note(from, granted);
            self.count_votes();
        }
    }

    fn count_votes(&mut self) {
        let Role::Candidate(votes) = &self.node.role else { return };
        match quorum::tally(self.node.configuration(), &votes.granted, &votes.refused) {
            Tally::Pending => {}
            Tally::Lost => self.node.role = Role::Follower(Follower { leader: None, in_contact: false }),
            Tally::Won(won) => {
                if votes.transfer {
                    self.mark(Mark::TransferWon);
                }
                self.lead(won);
            }
        }
    }

    /// A leader that no quorum has answered for an election timeout steps down (thesis, section 6.2).
    fn check_quorum(&mut self) {
        let me = self.node.config.me;
        let stable = self.node.config.limits.elections == Elections::Stable;
        let configuration = self.node.configuration().clone();
        let Role::Leader(leader) = &mut self.node.role else { return };
        let active = quorum::is_quorum(&configuration, |peer| peer == me || leader.is_active(peer));
        leader.begin_quorum_check(stable);
        if stable && !active {
            self.mark(Mark::QuorumLost);
            self.step_down(None);
        }
    }
}
