//! The monitor of the consensus core.
//!
//! It remembers what no state shows any more: who led, which terms and votes were revealed, what was committed.
//! Everything else is read from the nodes and their disks.

use super::cluster_fact::{ClusterFact, ControlNode, NodeNow};
use super::nodes::{
    first_told, has, is_electable, is_open, logs_match, matters, quorums_meet, rests_on_disk, states_match,
    stepped, would_vote_for,
};
use super::past::insert;
use super::{Findings, Id};
use crate::core::control_plane::{ControlPlaneEntry, ControlPlaneState};
use crate::core::ids::{Index, Names, Relabel, Serial, SessionId, Term};
use crate::core::raft::{Applied, Entry, HardState, LogPosition, Peer, RoleName, Ticket};
use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::hash::{Hash, Hasher};

/// The monitor's memory of a run.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ConsensusMonitor {
    /// The leaders of terms in which another node can still become leader.
    leaders: Vec<(Term, Peer)>,
    /// The latest term and vote that each node revealed, while its disk does not hold them.
    told: Vec<(Peer, HardState)>,
    /// The index before the first committed entry.
    founded: Index,
    /// The committed entries, each with the term in which it was committed, which may be later than its own.
    committed: Vec<(Term, Entry<ControlPlaneEntry>)>,
    /// The state after the committed entries.
    state: Option<Arc<Applied<ControlPlaneState>>>,
    effects: Vec<(SessionId, Serial, Index)>,
    /// The waiting readers, with the commit index when they asked.
    reads: Vec<(u8, Index)>,
}

impl Hash for ConsensusMonitor {
    /// Leaves out the state, which follows from the committed entries.
    fn hash<H: Hasher>(&self, into: &mut H) {
        let Self { leaders, told, founded, committed, state: _, effects, reads } = self;
        (leaders, told, founded, committed, effects, reads).hash(into);
    }
}

impl ConsensusMonitor {
    /// A monitor of a cluster that was founded at this index.
    #[must_use]
    pub const fn new(founded: Index) -> Self {
        Self {
            leaders: Vec::new(),
            told: Vec::new(),
            founded,
            committed: Vec::new(),
            state: None,
            effects: Vec::new(),
            reads: Vec::new(),
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

    /// Whether the fact changes the monitor's memory.
    #[must_use]
    pub fn remembers(&self, fact: &ClusterFact<'_>) -> bool {
        match fact {
            ClusterFact::Led(node) => !self.leaders.contains(&(node.hard_state().term, node.config().me)),
            ClusterFact::Told { by, vote } => {
                let peer = by.node.config().me;
                matters(&(peer, *vote), &[*by])
                    && self.told_by(peer).is_none_or(|told| newer(told, *vote) != told)
            }
            ClusterFact::Sent { by, message } => {
                self.remembers(&ClusterFact::Told { by: *by, vote: message.vote_claim() })
            }
            ClusterFact::Advanced { by, .. } => by.commit() > self.committed_through(),
            ClusterFact::TookEffect { .. }
            | ClusterFact::ReadInvoked(_)
            | ClusterFact::ReadServed { .. }
            | ClusterFact::ReadEnded(_) => true,
            ClusterFact::Stepped { .. } | ClusterFact::Now(_) => false,
        }
    }

    /// Adds the fact to the memory.
    pub fn remember(&mut self, fact: &ClusterFact<'_>) {
        match *fact {
            ClusterFact::Led(node) => {
                insert(&mut self.leaders, (node.hard_state().term, node.config().me));
            }
            ClusterFact::Told { by, vote } => {
                let by = by.node.config().me;
                let now = self.told_by(by).map_or(vote, |told| newer(told, vote));
                self.told.retain(|(peer, _)| *peer != by);
                insert(&mut self.told, (by, now));
            }
            ClusterFact::Sent { by, message } => {
                self.remember(&ClusterFact::Told { by, vote: message.vote_claim() });
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
            ClusterFact::ReadInvoked(reader) => self.reads.push((reader, self.committed_through())),
            ClusterFact::ReadServed { reader, .. } | ClusterFact::ReadEnded(reader) => {
                self.reads.retain(|(other, _)| *other != reader);
            }
            ClusterFact::Stepped { .. } | ClusterFact::Now(_) => {}
        }
    }

    /// Judges the fact.
    pub fn judge(&self, fact: &ClusterFact<'_>, findings: &mut Findings) {
        match *fact {
            ClusterFact::Led(node) => self.led(node, findings),
            ClusterFact::Told { by, vote } => self.told(by.node.config().me, vote, findings),
            ClusterFact::Sent { by, message } => {
                self.told(by.node.config().me, message.vote_claim(), findings);
                rests_on_disk(by.disk, message, findings);
            }
            ClusterFact::Advanced { by, entries, nodes } => self.advanced(by, entries, nodes, findings),
            ClusterFact::TookEffect { ticket, at } => self.took_effect(ticket, at, findings),
            ClusterFact::ReadServed { reader, through } => self.read_served(reader, through, findings),
            ClusterFact::Stepped { before, after, restarted } => stepped(&before, after, restarted, findings),
            ClusterFact::Now(nodes) => self.now(nodes, findings),
            ClusterFact::ReadInvoked(_) | ClusterFact::ReadEnded(_) => {}
        }
    }

    fn told_by(&self, peer: Peer) -> Option<HardState> {
        self.told.iter().find(|(other, _)| *other == peer).map(|(_, vote)| *vote)
    }

    /// Whether [`ConsensusMonitor::forget`] would change the memory.
    #[must_use]
    pub fn forgets(&self, nodes: &[NodeNow<'_>]) -> bool {
        self.told.iter().any(|told| !matters(told, nodes))
            || self.leaders.iter().any(|led| !is_open(led.0, nodes))
            || self.committed.iter().any(|(then, entry)| *then != entry.term && !is_open(*then, nodes))
    }

    /// Forgets what no continuation of the run can contradict: votes that are durable, and leaders of terms that no
    /// other node can lead any more.
    pub fn forget(&mut self, nodes: &[NodeNow<'_>]) {
        self.told.retain(|told| matters(told, nodes));
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

    fn told(&self, by: Peer, vote: HardState, findings: &mut Findings) {
        let Some(before) = self.told_by(by) else { return };
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
                first_told(by, at.index, entry, nodes, findings);
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

    /// Judges a node that could be elected like a leader, since some continuation of the run elects it. This sees one
    /// election further than the bounds of a search.
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
        let mut told: Vec<_> =
            self.told.iter().map(|(peer, vote)| (peer.relabel(names), vote.relabel(names))).collect();
        told.sort_unstable();
        Self {
            leaders,
            told,
            committed: self.committed.iter().map(|(then, entry)| (*then, entry.relabel(names))).collect(),
            state: self.state.as_ref().map(|state| Arc::new(state.relabel(names))),
            ..self.clone()
        }
    }
}
