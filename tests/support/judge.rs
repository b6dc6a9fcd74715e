//! What must hold of a cluster, whatever happens to it; judged from outside, after every step.
//!
//! Raft, figure 3: election safety, log matching, leader completeness, state machine safety. Leaders append only, terms
//! and commits never go back, nothing is told before it is durable, a request is applied once, a read sees what was
//! committed before it was asked for.

use super::network::{ControlPlaneOutput, Disk, Letter};
use cutover::core::control_plane::{Answer, ControlPlaneEntry, ControlPlaneState};
use cutover::core::ids::{Index, Serial, SessionId, Term};
use cutover::core::raft::{
    Applied, Body, Content, Effect, Entry, Input, LogPosition, Node, Outcome, Output, Payload, Peer,
    ProposalId, ReadId, RoleName,
};
use std::collections::{BTreeMap, BTreeSet};

type State = Applied<ControlPlaneState>;

/// What was seen.
pub struct Judge {
    /// Says nothing: for a run that is broken from outside, to see the nodes find it themselves.
    pub silent: bool,
    leaders: BTreeMap<Term, Peer>,
    votes: BTreeMap<(Peer, Term), Peer>,
    /// An entry by its place and term: what it is, and the term before it.
    entries: BTreeMap<(Index, Term), (Entry<ControlPlaneEntry>, Term)>,
    committed: BTreeMap<Index, Entry<ControlPlaneEntry>>,
    states: BTreeMap<Index, State>,
    effects: BTreeMap<Index, Effect<Answer>>,
    /// Where a request was applied, not repeated.
    applied_once: BTreeMap<(SessionId, Serial), Index>,
    /// The term and commit that a node was last seen with, in its present run.
    seen: BTreeMap<Peer, (Term, Index)>,
    /// How far a leader of a term knew a member to be.
    matched: BTreeMap<(Term, Peer), Index>,
    disks: BTreeMap<Peer, Term>,
    proposed: BTreeMap<ProposalId, Content<ControlPlaneEntry>>,
    rejected: BTreeSet<ProposalId>,
    decided: BTreeSet<ProposalId>,
    reads: BTreeMap<ReadId, Index>,
}

impl Judge {
    pub const fn new() -> Self {
        Self {
            silent: false,
            leaders: BTreeMap::new(),
            votes: BTreeMap::new(),
            entries: BTreeMap::new(),
            committed: BTreeMap::new(),
            states: BTreeMap::new(),
            effects: BTreeMap::new(),
            applied_once: BTreeMap::new(),
            seen: BTreeMap::new(),
            matched: BTreeMap::new(),
            disks: BTreeMap::new(),
            proposed: BTreeMap::new(),
            rejected: BTreeSet::new(),
            decided: BTreeSet::new(),
            reads: BTreeMap::new(),
        }
    }

    /// The greatest place known to be committed by anybody.
    pub fn commit(&self) -> Index {
        self.states.keys().next_back().copied().unwrap_or(Index::ZERO)
    }

    /// Before an input.
    pub fn asked(&mut self, node: &Node<ControlPlaneState>, input: &Input<ControlPlaneEntry>) {
        if self.silent || node.is_halted() {
            return;
        }
        match input {
            Input::Read { id } => {
                self.reads.insert(*id, self.commit());
            }
            Input::Propose { id, content } => {
                self.proposed.insert(*id, content.clone());
            }
            Input::Received(_) | Input::TimerFired(_) | Input::Synced(_) | Input::Transfer { .. } => {}
        }
    }

    /// From here on a node may know less than before.
    pub fn started(&mut self, node: &Node<ControlPlaneState>) {
        if self.silent {
            return;
        }
        let me = node.config().me;
        let durable = self.disks.get(&me).copied().unwrap_or(Term::GENESIS);
        assert!(node.hard_state().term >= durable, "{me} forgot {durable}");
        self.seen.remove(&me);
        self.judge(node);
    }

    /// After an input.
    pub fn judge(&mut self, node: &Node<ControlPlaneState>) {
        if self.silent {
            return;
        }
        assert!(!node.is_halted(), "{} halted", node.config().me);
        self.monotone(node);
        self.log_matching(node);
        self.committed_stays(node);
        if node.role() == RoleName::Leader {
            self.election_safety(node);
        }
    }

    fn monotone(&mut self, node: &Node<ControlPlaneState>) {
        let (me, now) = (node.config().me, (node.hard_state().term, node.commit()));
        if let Some(before) = self.seen.insert(me, now) {
            assert!(now.0 >= before.0 && now.1 >= before.1, "{me} went from {before:?} back to {now:?}");
        }
        assert!(node.stable() <= node.log().last().index, "{me} has more on its disk than in its log");
        for progress in node.progress() {
            let (peer, matched) = (progress.peer, progress.matched);
            assert!(progress.next > matched, "{me} is to send to {peer} what it has");
            let before = self.matched.insert((now.0, peer), matched).unwrap_or(Index::ZERO);
            assert!(matched >= before, "{me}: {peer} goes back from {before} to {matched}");
        }
        // Nothing is known of one that was removed, should it come back.
        let follows = |peer| node.progress().iter().any(|progress| progress.peer == peer);
        if node.role() == RoleName::Leader {
            self.matched.retain(|(term, peer), _| *term != now.0 || follows(*peer));
        }
    }

    fn log_matching(&mut self, node: &Node<ControlPlaneState>) {
        let (log, me) = (node.log(), node.config().me);
        let (mut at, mut before) = (log.base().index, log.base().term);
        for entry in log.entries() {
            at = at.next();
            assert!(entry.term >= before, "{me}: terms fall at {at}");
            let found = self.entries.entry((at, entry.term)).or_insert_with(|| (entry.clone(), before));
            assert_eq!(found, &(entry.clone(), before), "{me}: two logs agree at {at} and not before");
            before = entry.term;
        }
    }

    fn committed_stays(&mut self, node: &Node<ControlPlaneState>) {
        let (log, me, commit) = (node.log(), node.config().me, node.commit());
        let mut at = log.base().index.next();
        while at <= commit {
            if let Some(entry) = log.entry(at) {
                let found = self.committed.entry(at).or_insert_with(|| entry.clone());
                assert_eq!(found, entry, "{me}: another entry is committed at {at}");
            }
            at = at.next();
        }
        if commit > Index::ZERO {
            let state = self.states.entry(commit).or_insert_with(|| node.applied().clone());
            assert_eq!(state, node.applied(), "{me}: another state at {commit}");
        }
    }

    /// One leader in a term, and it has everything that was committed in an earlier one.
    fn election_safety(&mut self, node: &Node<ControlPlaneState>) {
        let (me, term) = (node.config().me, node.hard_state().term);
        let leader = *self.leaders.entry(term).or_insert(me);
        assert_eq!(leader, me, "two lead {term}");
        if self.leaders.keys().next_back() != Some(&term) {
            return;
        }
        for (at, entry) in &self.committed {
            let has = node.log().term_at(*at).is_none_or(|found| found == entry.term);
            assert!(has && *at <= node.log().last().index, "{me} leads {term} without {at}={}", entry.term);
        }
    }

    /// A message leaves; its sender's disk holds this.
    pub fn sent(&mut self, letter: &Letter, disk: &Disk) {
        if self.silent {
            return;
        }
        let (from, term) = (letter.from, letter.term);
        assert!(term <= disk.hard_state.term, "{letter:?} leaves before its term is durable");
        match &letter.body {
            Body::VoteReply { granted: true } => {
                let vote = *self.votes.entry((from, term)).or_insert(letter.to);
                assert_eq!(vote, letter.to, "{from} votes twice in {term}");
                if disk.hard_state.term == term {
                    assert_eq!(disk.hard_state.voted_for, Some(letter.to), "{from}'s vote is not durable");
                }
            }
            Body::RequestVote { .. } => {
                let vote = *self.votes.entry((from, term)).or_insert(from);
                assert_eq!(vote, from, "{from} stands in {term} after it voted");
            }
            Body::Appended { matched, .. } => {
                assert!(disk.log.last().index >= *matched, "{letter:?} leaves before it is durable");
            }
            Body::PreVote { .. }
            | Body::PreVoted { .. }
            | Body::VoteReply { granted: false }
            | Body::Append(_)
            | Body::AppendRejected { .. }
            | Body::Install(_)
            | Body::TimeoutNow
            | Body::StaleTerm => {}
        }
    }

    /// What a node takes to be on its disk is there.
    pub fn durable(&self, node: &Node<ControlPlaneState>, disk: &Disk) {
        let (me, stable, vote) = (node.config().me, node.stable(), node.durable_hard_state());
        if self.silent {
            return;
        }
        assert!(vote.term <= disk.hard_state.term, "{me} takes {} for durable", vote.term);
        if let Some(term) = node.log().term_at(stable) {
            assert!(disk.log.last().index >= stable, "{me} takes {stable} for durable");
            let found = disk.log.term_at(stable).unwrap_or(term);
            assert_eq!(found, term, "{me} has another {stable} on its disk");
        }
    }

    pub fn wrote(&mut self, me: Peer, disk: &Disk) {
        if self.silent {
            return;
        }
        let before = self.disks.insert(me, disk.hard_state.term).unwrap_or(Term::GENESIS);
        assert!(disk.hard_state.term >= before, "{me}: the disk goes back to {}", disk.hard_state.term);
        let (base, snapshot) = (disk.log.base(), disk.snapshot.last);
        assert!(
            base.index <= snapshot.index,
            "{me}: the log begins after {base}, the snapshot is at {snapshot}"
        );
        assert!(disk.log.last().index >= snapshot.index, "{me}: the log ends before the snapshot");
    }

    /// Something else leaves a node.
    pub fn did(&mut self, me: Peer, said: &ControlPlaneOutput) {
        if self.silent {
            return;
        }
        match said {
            Output::Applied { at, effect, .. } => self.applied(me, *at, effect),
            Output::Decided { id, outcome } => self.outcome(*id, outcome),
            Output::Read { id, outcome: Ok(index) } => {
                let asked = self.reads[id];
                assert!(*index >= asked, "{id} sees {index}, {asked} was committed before");
            }
            Output::Halt(halt) => panic!("{me} halts: {halt:?}"),
            Output::Persist { .. }
            | Output::Send(_)
            | Output::SetTimer(_)
            | Output::CancelTimer(_)
            | Output::Installed(_)
            | Output::Read { .. }
            | Output::Transfer(_)
            | Output::BecameLeader(_)
            | Output::Mark(_) => {}
        }
    }

    fn applied(&mut self, me: Peer, at: LogPosition, effect: &Effect<Answer>) {
        let found = self.effects.entry(at.index).or_insert_with(|| effect.clone());
        assert_eq!(found, effect, "{me}: another effect at {at}");
        // Not there if it came and was compacted away in one step.
        let Some((entry, _)) = self.entries.get(&(at.index, at.term)) else { return };
        assert_eq!(self.committed.entry(at.index).or_insert_with(|| entry.clone()), entry);
        if let (Content::Payload { ticket: Some(ticket), .. }, Effect::Answered { repeated: false, .. }) =
            (&entry.content, effect)
        {
            let first = *self.applied_once.entry((ticket.session, ticket.serial)).or_insert(at.index);
            assert_eq!(first, at.index, "{ticket} is applied twice");
        }
    }

    fn outcome(&mut self, id: ProposalId, outcome: &Outcome<Answer>) {
        assert!(self.decided.insert(id), "{id} is decided twice");
        match outcome {
            Outcome::Committed { index, effect } => {
                let mut there = self.entries.range((*index, Term::GENESIS)..(index.next(), Term::GENESIS));
                let content = &self.proposed[&id];
                assert!(there.any(|(_, (entry, _))| entry.content == *content), "{id} is not at {index}");
                let known = self.effects.get(index).is_none_or(|found| found == effect);
                assert!(known, "{id}: another effect at {index}");
            }
            Outcome::Rejected(_) => {
                self.rejected.insert(id);
            }
            Outcome::Indeterminate => {}
        }
    }

    /// What was rejected is nowhere, where contents tell proposals apart.
    pub fn rejected_are_nowhere(&self) {
        for id in self.rejected.iter().filter(|_| !self.silent) {
            let content = &self.proposed[id];
            let opens_term = matches!(content, Content::Payload { payload, .. } if payload.opens_term());
            if opens_term || self.proposed.values().filter(|other| *other == content).count() > 1 {
                continue;
            }
            let found = self.committed.values().any(|entry| entry.content == *content);
            assert!(!found, "{id} was rejected and is committed");
        }
    }
}
