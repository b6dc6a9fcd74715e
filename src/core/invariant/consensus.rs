//! The monitor of the consensus invariants.
//!
//! It remembers what the nodes' states no longer show: the leaders of terms, the terms and votes that were
//! revealed, and the committed entries. Everything else is read from the nodes and their disks.

use super::calls::{Calls, ticket_of};
use super::cluster_fact::{ClusterFact, ControlNode, NodeNow};
use super::nodes::{
    check_durable_claims, check_survives_restart, check_votes, has, heard, is_electable, is_open, logs_match,
    matters, quorums_meet, states_match, stepped, would_vote_for,
};
use super::past::insert;
use super::{Findings, Id};
use crate::core::control_plane::{ControlPlaneEntry, ControlPlaneState};
use crate::core::ids::{Index, Names, Relabel, Serial, SessionId, Term};
use crate::core::raft::{Applied, Content, Entry, HardState, LogPosition, Peer, RoleName, Ticket};
use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::hash::{Hash, Hasher};

/// The memory of the consensus invariants over one run.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ConsensusMonitor {
    /// The leaders of terms in which another node can still become leader.
    leaders: Vec<(Term, Peer)>,
    /// The latest term and vote that each node revealed in a message, until its disk holds them.
    revealed: Vec<(Peer, HardState)>,
    /// The index before the first committed entry.
    founded: Index,
    /// The committed entries, each with the term in which it was committed, which may be later than its own.
    committed: Vec<(Term, Entry<ControlPlaneEntry>)>,
    /// The state after the committed entries.
    state: Option<Arc<Applied<ControlPlaneState>>>,
    effects: Vec<(SessionId, Serial, Index)>,
    /// The waiting reads: the client, and the commit index when its read was invoked.
    reads: Vec<(u8, Index)>,
    /// The calls of clients, and what each was told.
    calls: Calls,
}

impl Hash for ConsensusMonitor {
    /// Leaves out the state, which follows from the committed entries.
    fn hash<H: Hasher>(&self, into: &mut H) {
        let Self { leaders, revealed, founded, committed, state: _, effects, reads, calls } = self;
        (leaders, revealed, founded, committed, effects, reads, calls).hash(into);
    }
}

impl ConsensusMonitor {
    /// A monitor for a cluster whose initial snapshot is at this index.
    #[must_use]
    pub const fn new(founded: Index) -> Self {
        Self {
            leaders: Vec::new(),
            revealed: Vec::new(),
            founded,
            committed: Vec::new(),
            state: None,
            effects: Vec::new(),
            reads: Vec::new(),
            calls: Calls::NONE,
        }
    }

    /// The highest index that any node knows to be committed.
    #[must_use]
    pub fn committed_through(&self) -> Index {
        self.founded.plus(u64::try_from(self.committed.len()).unwrap_or(u64::MAX))
    }

    fn committed_at(&self, at: Index) -> Option<&(Term, Entry<ControlPlaneEntry>)> {
        let slot = usize::try_from(at.since(self.founded)).ok()?.checked_sub(1)?;
        self.committed.get(slot)
    }

    /// Whether [`ConsensusMonitor::remember`] would change the memory for this fact.
    #[must_use]
    pub fn remembers(&self, fact: &ClusterFact<'_>) -> bool {
        match fact {
            ClusterFact::Led { by, .. } => !self.leaders.contains(&(by.hard_state().term, by.config().me)),
            ClusterFact::Revealed { by, vote } => {
                let peer = by.node.config().me;
                matters(&(peer, *vote), &[*by])
                    && self.revealed_by(peer).is_none_or(|revealed| newer(revealed, *vote) != revealed)
            }
            ClusterFact::Sent { by, message } => {
                self.remembers(&ClusterFact::Revealed { by: *by, vote: message.vote_claim() })
            }
            ClusterFact::Advanced { by, .. } => by.commit() > self.committed_through(),
            ClusterFact::TookEffect { .. }
            | ClusterFact::CallBegan(_)
            | ClusterFact::CallEnded { .. }
            | ClusterFact::ReadInvoked(_)
            | ClusterFact::ReadServed { .. }
            | ClusterFact::ReadEnded(_) => true,
            ClusterFact::Heard { .. } | ClusterFact::Stepped { .. } | ClusterFact::Now(_) => false,
        }
    }

    /// Adds a fact to the memory.
    pub fn remember(&mut self, fact: &ClusterFact<'_>) {
        match *fact {
            ClusterFact::Led { by, .. } => {
                insert(&mut self.leaders, (by.hard_state().term, by.config().me));
            }
            ClusterFact::Revealed { by, vote } => {
                let by = by.node.config().me;
                let now = self.revealed_by(by).map_or(vote, |revealed| newer(revealed, vote));
                self.revealed.retain(|(peer, _)| *peer != by);
                insert(&mut self.revealed, (by, now));
            }
            ClusterFact::Sent { by, message } => {
                self.remember(&ClusterFact::Revealed { by, vote: message.vote_claim() });
            }
            ClusterFact::Advanced { by, entries, .. } => {
                for (at, entry) in entries {
                    if at.index == self.committed_through().next() {
                        self.committed.push((by.hard_state().term, entry.clone()));
                    }
                }
                if by.commit() == self.committed_through() {
                    self.state = Some(Arc::new(by.applied().clone()));
                }
            }
            ClusterFact::TookEffect { ticket, at } => {
                insert(&mut self.effects, (ticket.session, ticket.serial, at));
            }
            ClusterFact::CallBegan(request) => self.calls.began(request),
            ClusterFact::CallEnded { request, done } => self.calls.ended(request, done),
            ClusterFact::ReadInvoked(reader) => self.reads.push((reader, self.committed_through())),
            ClusterFact::ReadServed { reader, .. } | ClusterFact::ReadEnded(reader) => {
                self.reads.retain(|(other, _)| *other != reader);
            }
            ClusterFact::Heard { .. } | ClusterFact::Stepped { .. } | ClusterFact::Now(_) => {}
        }
    }

    /// Judges a fact against the memory, and adds violations to `findings`.
    pub fn judge(&self, fact: &ClusterFact<'_>, findings: &mut Findings) {
        match *fact {
            ClusterFact::Led { by, nodes } => {
                self.led(by, findings);
                check_votes(by, nodes, findings);
            }
            ClusterFact::Revealed { by, vote } => self.revealed(by.node.config().me, vote, findings),
            ClusterFact::Sent { by, message } => {
                self.revealed(by.node.config().me, message.vote_claim(), findings);
                check_durable_claims(by.disk, message, findings);
            }
            ClusterFact::Advanced { by, entries, nodes } => self.advanced(by, entries, nodes, findings),
            ClusterFact::TookEffect { ticket, at } => self.took_effect(ticket, at, findings),
            ClusterFact::CallEnded { request, done } => {
                let applied = self.is_applied(request);
                findings.demand(applied == done, Id::CallTruthful, || {
                    let told =
                        if done { "was told that it was done" } else { "was told that it was not done" };
                    (
                        format!("the client of {request} {told}"),
                        if applied { "it was applied" } else { "it was not applied" }.to_owned(),
                    )
                });
            }
            ClusterFact::ReadServed { reader, through } => self.read_served(reader, through, findings),
            ClusterFact::Stepped { before, after, restarted } => stepped(&before, after, restarted, findings),
            ClusterFact::Now(nodes) => self.now(nodes, findings),
            ClusterFact::Heard { by, message, idle } => heard(by, message, idle, findings),
            ClusterFact::CallBegan(_) | ClusterFact::ReadInvoked(_) | ClusterFact::ReadEnded(_) => {}
        }
    }

    /// Whether the request of a call was applied: under a ticket, for the first time; without one, whenever it was committed.
    fn is_applied(&self, request: &Content<ControlPlaneEntry>) -> bool {
        match ticket_of(request) {
            Some(ticket) => {
                let same = |(session, serial, _): &(SessionId, Serial, Index)| {
                    (*session, *serial) == (ticket.session, ticket.serial)
                };
                self.effects.iter().any(same)
            }
            None => self.committed.iter().any(|(_, entry)| entry.content == *request),
        }
    }

    fn revealed_by(&self, peer: Peer) -> Option<HardState> {
        self.revealed.iter().find(|(other, _)| *other == peer).map(|(_, vote)| *vote)
    }

    /// Whether [`ConsensusMonitor::forget`] would change the memory.
    #[must_use]
    pub fn forgets(&self, nodes: &[NodeNow<'_>]) -> bool {
        self.revealed.iter().any(|revealed| !matters(revealed, nodes))
            || self.leaders.iter().any(|led| !is_open(led.0, nodes))
            || self.committed.iter().any(|(then, entry)| *then != entry.term && !is_open(*then, nodes))
    }

    /// Drops what no continuation of the run can contradict: votes that are durable, and leaders of terms in
    /// which no other node can be elected any more.
    pub fn forget(&mut self, nodes: &[NodeNow<'_>]) {
        self.revealed.retain(|revealed| matters(revealed, nodes));
        self.leaders.retain(|led| is_open(led.0, nodes));
        for (then, entry) in self.committed.iter_mut().filter(|(then, _)| !is_open(*then, nodes)) {
            *then = entry.term;
        }
    }

    fn led(&self, node: &ControlNode, findings: &mut Findings) {
        let (term, me) = (node.hard_state().term, node.config().me);
        let other = self.leaders.iter().find(|(led, peer)| *led == term && *peer != me);
        findings.demand(other.is_none(), Id::ElectionSafety, || {
            (format!("{me} leads {term}"), format!("{} has led it", other.map_or(me, |(_, peer)| *peer)))
        });
        let mut at = self.founded.next();
        while let Some((then, entry)) = self.committed_at(at) {
            findings.demand(*then >= term || has(node, at, entry), Id::LeaderCompleteness, || {
                let found = node.log().entry(at).map_or_else(|| "nothing".to_owned(), ToString::to_string);
                (
                    format!("{me} leads {term} and has {found} at {at}"),
                    format!("committed there in {then}: {entry}"),
                )
            });
            at = at.next();
        }
    }

    fn revealed(&self, by: Peer, vote: HardState, findings: &mut Findings) {
        let Some(before) = self.revealed_by(by) else { return };
        findings.demand(vote.term >= before.term, Id::Monotone, || {
            (format!("{by} speaks in {}", vote.term), format!("it spoke in {} before", before.term))
        });
        let candidates = vote.voted_for.zip(before.voted_for).filter(|_| vote.term == before.term);
        findings.demand(candidates.is_none_or(|(now, then)| now == then), Id::VoteDurable, || {
            let (now, then) = candidates.unwrap_or((by, by));
            (format!("{by} votes for {now} in {}", vote.term), format!("it voted for {then} in that term"))
        });
    }

    fn advanced(
        &self,
        by: &ControlNode,
        entries: &[(LogPosition, Entry<ControlPlaneEntry>)],
        nodes: &[NodeNow<'_>],
        findings: &mut Findings,
    ) {
        let me = by.config().me;
        for (at, entry) in entries {
            let known = self.committed_at(at.index).map(|(_, entry)| entry);
            findings.demand(known.is_none_or(|known| known == entry), Id::StateMachineSafety, || {
                let known = known.map_or_else(String::new, ToString::to_string);
                (format!("{me} commits {entry} at {}", at.index), format!("{known} was committed there"))
            });
            if known.is_none() {
                check_survives_restart(by, at.index, entry, nodes, findings);
                let before = |(other, earlier): &(LogPosition, Entry<_>)| {
                    other.index < at.index && earlier.content == entry.content
                };
                let again = self.is_applied(&entry.content) || entries.iter().any(before);
                self.calls.committed(at.index, &entry.content, again, findings);
            }
            for NodeNow { node, .. } in nodes {
                let leads = node.role() == RoleName::Leader && node.hard_state().term > by.hard_state().term;
                findings.demand(!leads || has(node, at.index, entry), Id::LeaderCompleteness, || {
                    let found =
                        node.log().entry(at.index).map_or_else(|| "nothing".to_owned(), ToString::to_string);
                    (
                        format!("{me} commits {entry} at {} in {}", at.index, by.hard_state().term),
                        format!(
                            "{} leads {} and has {found} there",
                            node.config().me,
                            node.hard_state().term
                        ),
                    )
                });
            }
        }
        let known = self.state.as_deref().filter(|known| known.last().index == by.commit());
        states_match(by.applied(), known, me, findings);
        for NodeNow { node, .. } in nodes {
            let same = Some(node.applied()).filter(|applied| applied.last().index == by.commit());
            states_match(by.applied(), same, me, findings);
        }
    }

    fn took_effect(&self, ticket: Ticket, at: Index, findings: &mut Findings) {
        self.calls.applied(ticket, at, findings);
        let same = |(session, serial, _): &&(SessionId, Serial, Index)| {
            *session == ticket.session && *serial == ticket.serial
        };
        let other = self.effects.iter().filter(same).find(|(_, _, place)| *place != at);
        findings.demand(other.is_none(), Id::RetryOnce, || {
            let then = other.map_or(at, |(_, _, place)| *place);
            (format!("request {ticket} is applied at {at}"), format!("it was applied at {then}"))
        });
    }

    fn read_served(&self, reader: u8, through: Index, findings: &mut Findings) {
        let Some((_, wanted)) = self.reads.iter().find(|(other, _)| *other == reader) else { return };
        findings.demand(through >= *wanted, Id::ReadLinearizable, || {
            (
                format!("a read is served from what is applied through {through}"),
                format!("{wanted} was committed before it came in"),
            )
        });
    }

    fn now(&self, nodes: &[NodeNow<'_>], findings: &mut Findings) {
        for (at, one) in nodes.iter().enumerate() {
            for other in nodes.iter().skip(at + 1) {
                logs_match(one.node, other.node, findings);
            }
            self.configurations_overlap(one.node, findings);
            self.next_leader_is_complete(one.node, nodes, findings);
        }
    }

    /// Judges a node that could be elected next as if it were the leader, since some continuation of the run
    /// elects it. This checks one election beyond the bounds of a search (ADR 0018).
    fn next_leader_is_complete(&self, node: &ControlNode, nodes: &[NodeNow<'_>], findings: &mut Findings) {
        let mut at = self.committed_through();
        while let Some((_, entry)) = self.committed_at(at).filter(|(_, entry)| !has(node, at, entry)) {
            findings.demand(!is_electable(node, nodes), Id::LeaderCompleteness, || {
                let found = node.log().entry(at).map_or_else(|| "nothing".to_owned(), ToString::to_string);
                let votes: Vec<_> = would_vote_for(node, nodes).map(|peer| peer.to_string()).collect();
                let me = node.config().me;
                (
                    format!("{me} can be elected by {} and has {found} at {at}", votes.join(" and ")),
                    format!("committed there: {entry}"),
                )
            });
            at = at.previous();
        }
    }

    fn configurations_overlap(&self, node: &ControlNode, findings: &mut Findings) {
        let (me, through) = (node.config().me, self.committed_through());
        let above = node.uncommitted_configurations().iter().filter(|(at, _)| *at > through);
        let above: Vec<_> = above.map(|(at, _)| at.to_string()).collect();
        findings.demand(above.len() <= 1, Id::QuorumOverlap, || {
            (
                format!("the log of {me} changes the configuration at {}", above.join(" and ")),
                format!("committed through {through}"),
            )
        });
        let mut before = node.applied().configuration();
        for (at, next) in node.uncommitted_configurations() {
            findings.demand(quorums_meet(before, next), Id::QuorumOverlap, || {
                (format!("{me} goes to {next} at {at}"), format!("from {before}: two quorums need not meet"))
            });
            before = next;
        }
    }
}

/// The later of two: the higher term; within one term, the one with a vote.
fn newer(before: HardState, now: HardState) -> HardState {
    if now.term > before.term || (now.term == before.term && before.voted_for.is_none()) {
        now
    } else {
        before
    }
}

impl Relabel for ConsensusMonitor {
    fn relabel(&self, names: &dyn Names) -> Self {
        let mut leaders: Vec<_> =
            self.leaders.iter().map(|(term, peer)| (*term, peer.relabel(names))).collect();
        leaders.sort_unstable();
        let mut revealed: Vec<_> =
            self.revealed.iter().map(|(peer, vote)| (peer.relabel(names), vote.relabel(names))).collect();
        revealed.sort_unstable();
        Self {
            leaders,
            revealed,
            committed: self.committed.iter().map(|(then, entry)| (*then, entry.relabel(names))).collect(),
            state: self.state.as_ref().map(|state| Arc::new(state.relabel(names))),
            calls: self.calls.relabel(names),
            ..self.clone()
        }
    }
}
