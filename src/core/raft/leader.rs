//! A leader: appends proposals, replicates them, and advances the commit index (Raft, sections 5.3 and 5.4.2).

use super::configuration::Peer;
use super::entry::{Content, Entry, LogPosition, Payload};
use super::io::{Outcome, Output, ProposalId, ReadRefusal, Rejection, Timer, TransferRefusal};
use super::machine::{Effect, Machine};
use super::mark::Mark;
use super::message::{Append, Body};
use super::node::Elections;
use super::progress::Flow;
use super::quorum::{self, VoteWon};
use super::role::{Follower, Leader, Role};
use super::turn::Turn;
use crate::core::ids::Index;
use alloc::sync::Arc;
use alloc::vec::Vec;

impl<M: Machine> Turn<'_, M> {
    pub(super) fn leader(&mut self) -> Option<&mut Leader> {
        match &mut self.node.role {
            Role::Leader(leader) => Some(leader),
            Role::Follower(_) | Role::PreCandidate(_) | Role::Candidate(_) => None,
        }
    }

    /// Becomes leader of the current term and appends its first entry: a leader commits only through an entry of its
    /// own term.
    pub(super) fn lead(&mut self, _: VoteWon) {
        let (term, me) = (self.node.hard_state.term, self.node.config.me.node);
        let tail = self.node.log.from(self.node.commit().next(), u32::MAX);
        let uncommitted_bytes = tail.iter().map(Entry::encoded_len).fold(0, u32::saturating_add);
        self.node.role = Role::Leader(Leader {
            opened: self.node.log.last().index.next(),
            progress: Vec::new(),
            proposals: Vec::new(),
            reads: Vec::new(),
            round: 0,
            transfer: None,
            uncommitted_bytes,
        });
        self.emit(Output::BecameLeader(term));
        self.emit(Output::CancelTimer(Timer::MinElectionTimeout));
        self.emit(Output::SetTimer(Timer::Heartbeat));
        self.emit(Output::SetTimer(Timer::Election));
        self.follow_members();
        let payload = M::Payload::opening(term, me);
        self.append(Content::Payload { ticket: None, payload }, None);
    }

    /// Becomes a follower. Pending proposals get an unknown outcome, since another leader may still commit them.
    pub(super) fn step_down(&mut self, leader: Option<Peer>) {
        let in_contact = leader.is_some();
        let role = core::mem::replace(&mut self.node.role, Role::Follower(Follower { leader, in_contact }));
        let Role::Leader(was) = role else { return };
        self.emit(Output::CancelTimer(Timer::Heartbeat));
        for (_, id) in was.proposals {
            self.mark(Mark::ProposalLost);
            self.emit(Output::Decided { id, outcome: Outcome::Indeterminate });
        }
        let leader = self.hint();
        for waiting in was.reads {
            self.mark(Mark::ReadDropped);
            self.emit(Output::Read { id: waiting.id, outcome: Err(ReadRefusal::NotLeader { leader }) });
        }
        if let Some(transfer) = was.transfer {
            self.emit(Output::CancelTimer(Timer::Transfer));
            self.emit(Output::Transfer(Err(TransferRefusal::SteppedDown { to: transfer.to.node })));
        }
    }

    pub(super) fn propose(&mut self, id: ProposalId, content: Content<M::Payload>) {
        match self.check_proposal(&content) {
            Ok(()) => self.append(content, Some(id)),
            Err(rejection) => {
                self.emit(Output::Decided { id, outcome: Outcome::Rejected(rejection) });
            }
        }
    }

    fn check_proposal(&mut self, content: &Content<M::Payload>) -> Result<(), Rejection> {
        let (limits, term) = (self.node.config.limits, self.node.hard_state.term);
        let hint = self.hint();
        let Some(leader) = self.leader() else { return Err(Rejection::NotLeader { leader: hint }) };
        if let Some(to) = leader.transfer.as_ref().map(|transfer| transfer.to.node) {
            self.mark(Mark::ProposalHeldBack);
            return Err(Rejection::Transferring { to });
        }
        let entry = Entry { term, content: content.clone() };
        let bytes = entry.encoded_len();
        if bytes > limits.entry_bytes_max {
            return Err(Rejection::TooLong { have: bytes, max: limits.entry_bytes_max });
        }
        let have = leader.uncommitted_bytes.saturating_add(bytes);
        // A single entry above the limit is taken when nothing else waits: otherwise it would be refused for ever.
        if leader.uncommitted_bytes > 0 && have > limits.uncommitted_bytes_max {
            self.mark(Mark::Busy);
            return Err(Rejection::Busy { have, max: limits.uncommitted_bytes_max });
        }
        if let Content::Payload { ticket, payload } = content {
            if payload.opens_term() {
                return Err(Rejection::OpensTerm);
            }
            if let Some(change) = payload.membership() {
                if ticket.is_some() {
                    return Err(Rejection::ChangeInSession { change });
                }
                let forced = payload.forces_membership();
                self.check_change(change, forced).map_err(|refusal| Rejection::Change { change, refusal })?;
            }
        }
        Ok(())
    }

    /// Appends an entry and replicates it. The leader counts its own copy once that is durable.
    fn append(&mut self, content: Content<M::Payload>, id: Option<ProposalId>) {
        let entry = Entry { term: self.node.hard_state.term, content };
        let (bytes, change) = (entry.encoded_len(), entry.change());
        let at = self.node.log.push(entry);
        self.changed(at);
        if let Some(leader) = self.leader() {
            leader.uncommitted_bytes = leader.uncommitted_bytes.saturating_add(bytes);
            leader.proposals.extend(id.map(|id| (at, id)));
        }
        if let Some(change) = change {
            self.adopt_change(at, change);
            self.follow_members();
            // The remaining voters may have confirmed the waiting reads already, and a sole voter receives no further
            // answer.
            self.confirm_reads();
        }
        self.replicate();
    }

    /// Sends to each member what its window allows now.
    pub(super) fn replicate(&mut self) {
        for peer in self.peers() {
            self.replicate_to(peer, false);
        }
    }

    pub(super) fn peers(&mut self) -> Vec<Peer> {
        self.leader().map_or_else(Vec::new, |leader| leader.progress.iter().map(|p| p.peer).collect())
    }

    /// Sends entries as far as the window allows. `heartbeat`: sends a heartbeat if nothing else was sent.
    pub(super) fn replicate_to(&mut self, peer: Peer, heartbeat: bool) {
        let window = self.node.config.limits.window;
        let mut sent = false;
        loop {
            let (base, last) = (self.node.log.base().index, self.node.log.last().index);
            let Some(progress) = self.leader().and_then(|leader| leader.of(peer)) else { return };
            let behind = progress.next <= last || matches!(progress.flow, Flow::Probe { .. });
            if !progress.may_send(window) || !behind {
                break;
            }
            if progress.next <= base {
                return self.send_snapshot(peer);
            }
            self.send_append(peer, self.node.config.limits.append_entries_max.max(1));
            sent = true;
        }
        if heartbeat && !sent {
            self.heartbeat_to(peer);
        }
    }

    fn send_append(&mut self, peer: Peer, entries_max: u32) {
        let commit = self.node.commit();
        let Role::Leader(leader) = &mut self.node.role else { return };
        let round = leader.round;
        let Some(progress) = leader.of_mut(peer) else { return };
        let at = progress.next.previous();
        let Some(term) = self.node.log.term_at(at) else { return };
        let entries = self.node.log.from(progress.next, entries_max).to_vec();
        progress.sent(at.plus(u64::try_from(entries.len()).unwrap_or(u64::MAX)), commit);
        let prev = LogPosition { term, index: at };
        self.send(peer, Body::Append(Append { prev, entries, commit, round }));
    }

    /// Sends an append without entries. A member that waits for a snapshot gets one that matches every log. A member
    /// whose answers are outstanding while its next entries were compacted away gets a snapshot: an append that matches
    /// every log would not reveal that the earlier appends were lost.
    fn heartbeat_to(&mut self, peer: Peer) {
        let commit = self.node.commit();
        let Role::Leader(leader) = &mut self.node.role else { return };
        let round = leader.round;
        let Some(progress) = leader.of_mut(peer) else { return };
        let (prev, commit) = match progress.flow {
            Flow::Install { .. } => (LogPosition::ZERO, Index::ZERO),
            Flow::Probe { .. } | Flow::Replicate { .. } => {
                let index = progress.next.previous();
                let Some(term) = self.node.log.term_at(index) else { return self.send_snapshot(peer) };
                progress.told(index, commit);
                (LogPosition { term, index }, commit)
            }
        };
        self.send(peer, Body::Append(Append { prev, entries: Vec::new(), commit, round }));
    }

    fn send_snapshot(&mut self, peer: Peer) {
        let snapshot = Arc::clone(&self.node.snapshot);
        let (last, commit) = (snapshot.last.index, self.node.commit());
        if let Some(progress) = self.leader().and_then(|leader| leader.of_mut(peer)) {
            progress.flow = Flow::Install { last };
            progress.told(last, commit);
        }
        self.mark(Mark::SnapshotSent);
        self.send(peer, Body::Install(snapshot));
    }

    pub(super) fn heartbeat(&mut self) {
        if self.leader().is_none() {
            return;
        }
        self.emit(Output::SetTimer(Timer::Heartbeat));
        self.next_round();
        for peer in self.peers() {
            let Some(progress) = self.leader().and_then(|leader| leader.of(peer)) else { continue };
            match progress.flow {
                Flow::Probe { waiting: true } => self.probe_again(peer),
                Flow::Probe { waiting: false } | Flow::Replicate { .. } | Flow::Install { .. } => {
                    self.replicate_to(peer, true);
                }
            }
        }
    }

    /// Repeats the append to a member that is being probed, with one entry at most: it shows where the logs match, and
    /// a silent member costs no more.
    fn probe_again(&mut self, peer: Peer) {
        let base = self.node.log.base().index;
        match self.leader().and_then(|leader| leader.of(peer)) {
            Some(progress) if progress.next <= base => self.send_snapshot(peer),
            Some(_) => self.send_append(peer, 1),
            None => {}
        }
    }

    /// Sends each member what its window allows, or else a heartbeat: nothing is repeated.
    pub(super) fn broadcast(&mut self) {
        for peer in self.peers() {
            self.replicate_to(peer, true);
        }
    }

    pub(super) fn on_appended(&mut self, from: Peer, matched: Index, round: u64) {
        let last = self.node.log.last().index;
        let stable = self.node.config.limits.elections == Elections::Stable;
        let Some(progress) = self.leader().and_then(|leader| leader.of_mut(from)) else { return };
        if matched > last {
            return;
        }
        progress.has(matched);
        progress.answered(round, stable);
        self.advance_commit();
        self.confirm_reads();
        self.replicate_to(from, false);
        self.tell_commit_if_due(from);
        self.send_timeout_now_if_ready();
    }

    /// Sends the commit index to a member that was being probed, or whose window was full, when it advanced.
    fn tell_commit_if_due(&mut self, peer: Peer) {
        let window = self.node.config.limits.window;
        let Some(progress) = self.leader().and_then(|leader| leader.of(peer)) else { return };
        if progress.commit_due && progress.may_send(window) {
            self.mark(Mark::CommitTold);
            self.heartbeat_to(peer);
        }
    }

    pub(super) fn on_append_rejected(&mut self, from: Peer, at: Index, hint: LogPosition, round: u64) {
        let meets = self.node.log.last_no_higher(hint).index;
        let stable = self.node.config.limits.elections == Elections::Stable;
        let Some(progress) = self.leader().and_then(|leader| leader.of_mut(from)) else { return };
        progress.answered(round, stable);
        if progress.lacks(at) {
            progress.next = meets.min(at.previous()).max(progress.matched).next();
            self.mark(Mark::SteppedBack);
            self.replicate_to(from, false);
        }
        self.confirm_reads();
    }

    /// Advances the commit index to what is durable on a quorum of the latest configuration, if that entry is of the
    /// leader's own term. An entry of an older term on a quorum can still be overwritten (Raft, section 5.4.2, figure
    /// 8).
    pub(super) fn advance_commit(&mut self) {
        let (me, stable) = (self.node.config.me, self.node.stable);
        let Role::Leader(leader) = &self.node.role else { return };
        let has = |peer: Peer| {
            if peer == me { stable } else { leader.of(peer).map_or(Index::ZERO, |progress| progress.matched) }
        };
        let index = Index(quorum::reached(self.node.configuration(), |peer| has(peer).0));
        let commit = self.node.commit();
        if index <= commit {
            return;
        }
        if self.node.log.term_at(index) != Some(self.node.hard_state.term) {
            return self.mark(Mark::OldTermNotCounted);
        }
        if self.node.log.term_at(commit.next()) != Some(self.node.hard_state.term) {
            self.mark(Mark::OldTermCommitted);
        }
        self.commit_to(index);
        self.after_commit();
    }

    /// Sends the new commit index to the members; one that is being probed, or whose window is full, is sent it once it
    /// answers. A leader that is not in the committed configuration steps down, not earlier (thesis, section 4.2.2).
    fn after_commit(&mut self) {
        self.follow_members();
        let window = self.node.config.limits.window;
        for peer in self.peers() {
            let Some(progress) = self.leader().and_then(|leader| leader.of_mut(peer)) else { continue };
            progress.commit_due = true;
            if progress.may_send(window) {
                self.replicate_to(peer, true);
            }
        }
        let me = self.node.config.me;
        if self.node.later.is_empty() && !self.node.applied.configuration.is_member(me) {
            self.mark(Mark::LeaderRemoved);
            self.step_down(None);
        }
    }

    /// Emits the outcome of the proposal at this index, if this leader has one.
    pub(super) fn decided(&mut self, at: Index, effect: &Effect<M::Answer>) {
        let bytes = self.node.log.entry(at).map_or(0, Entry::encoded_len);
        let Some(leader) = self.leader() else { return };
        leader.uncommitted_bytes = leader.uncommitted_bytes.saturating_sub(bytes);
        let Ok(slot) = leader.proposals.binary_search_by_key(&at, |(place, _)| *place) else { return };
        let (_, id) = leader.proposals.remove(slot);
        let outcome = Outcome::Committed { index: at, effect: effect.clone() };
        self.emit(Output::Decided { id, outcome });
    }
}
