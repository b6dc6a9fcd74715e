//! A cluster that executes random events.

use super::act::{ClusterEvent, Proposed};
use super::hosts::Observation;
use super::network::{Cluster, WIDE, identity};
use cutover::core::control_plane::{ControlPlaneEntry, Endpoints, MembershipChange};
use cutover::core::ids::{NodeId, PartitionId, Placement, Serial, SessionId, Term};
use cutover::core::migration::{Command, Transition};
use cutover::core::placement::Guarantee;
use cutover::core::raft::{
    Content, Elections, Input, LogPosition, MemberRole, NodeLimits, Peer, ProposalId, ReadId, RoleName,
    SessionLimits, Ticket, Timer,
};
use proptest::sample::Index;
use std::collections::BTreeSet;

/// Limits small enough to be reached in a run.
const NARROW: NodeLimits = NodeLimits {
    window: 2,
    append_entries_max: 2,
    uncommitted_bytes_max: 64,
    reads_max: 2,
    compact_after_entries: 4,
    keep_entries: 1,
    ..WIDE
};

/// Number of nodes: voters, and those that may join.
const NODES: u8 = 5;

const SESSIONS: SessionLimits = SessionLimits { sessions_max: 2, answers_max: 2 };

/// A cluster with a record of what was asked of it.
pub struct Run {
    pub cluster: Cluster,
    issued: u64,
}

impl Run {
    pub fn new(elections: Elections, voters: u8) -> Self {
        let mut cluster = Cluster::new(NodeLimits { elections, ..NARROW }, SESSIONS, voters);
        for node in voters + 1..=NODES {
            cluster.join(NodeId(node));
        }
        Self { cluster, issued: 0 }
    }

    fn on_the_wire(&self, which: Index) -> Option<usize> {
        let messages = self.cluster.hosts.wire.messages().len();
        (messages > 0).then(|| which.index(messages))
    }

    fn name(&self, which: Index) -> NodeId {
        let names = self.cluster.names();
        names[which.index(names.len())]
    }

    /// A node that leads; if there is none, any node.
    fn leader_or(&self, which: Index) -> NodeId {
        let leaders = self.leaders();
        if leaders.is_empty() { self.name(which) } else { leaders[which.index(leaders.len())] }
    }

    fn issue(&mut self) -> u64 {
        self.issued += 1;
        self.issued
    }

    /// Makes some node the leader.
    pub fn elect(&mut self) {
        self.cluster.step(NodeId(1), Input::TimerFired(Timer::Election));
        self.rest();
    }

    /// Executes an event and returns the observations.
    pub fn take(&mut self, act: &ClusterEvent) -> Vec<Observation> {
        match act {
            ClusterEvent::Flow(count) => {
                for _ in 0..*count {
                    self.deliver_oldest();
                }
            }
            ClusterEvent::Deliver { which, again } => {
                if let Some(at) = self.on_the_wire(*which) {
                    let message = self.cluster.hosts.wire.messages()[at].clone();
                    if !again {
                        self.cluster.hosts.wire.remove(at);
                    }
                    self.cluster.deliver(message);
                }
            }
            ClusterEvent::Drop(which) => {
                if let Some(at) = self.on_the_wire(*which) {
                    self.cluster.hosts.wire.remove(at);
                }
            }
            ClusterEvent::Timer(which, timer) => {
                // A heartbeat timer has an effect only at a leader.
                let at = if *timer == Timer::Heartbeat { self.leader_or(*which) } else { self.name(*which) };
                self.cluster.step(at, Input::TimerFired(*timer));
            }
            ClusterEvent::Propose(which, proposed) => self.propose(self.leader_or(*which), proposed),
            ClusterEvent::Read(which) => {
                let (at, id) = (self.leader_or(*which), ReadId(self.issue()));
                self.cluster.step(at, Input::Read { id });
            }
            ClusterEvent::Transfer(which, to) => {
                let (at, to) = (self.leader_or(*which), self.name(*to));
                self.cluster.step(at, Input::Transfer { to: Some(to) });
            }
            ClusterEvent::Cut(a, b) => {
                let (a, b) = (self.name(*a), self.name(*b));
                self.cluster.hosts.cuts.insert((a.min(b), a.max(b)));
            }
            ClusterEvent::Strand(which, proposals) => {
                let at = self.leader_or(*which);
                for other in self.cluster.names().into_iter().filter(|other| *other != at) {
                    self.cluster.hosts.cuts.insert((at.min(other), at.max(other)));
                }
                for proposed in proposals {
                    self.propose(at, proposed);
                }
            }
            ClusterEvent::Heal => self.cluster.hosts.cuts.clear(),
            ClusterEvent::Slow(_)
            | ClusterEvent::Fast(_)
            | ClusterEvent::Write(_)
            | ClusterEvent::Report(_) => self.disk(act),
            ClusterEvent::Crash(which, keep) => {
                let at = self.name(*which);
                self.cluster.hosts.crash(at, *keep);
            }
            ClusterEvent::Restart(which) => {
                let at = self.name(*which);
                self.cluster.hosts.start(at);
            }
            ClusterEvent::Join(which) => {
                let at = self.name(*which);
                if self.cluster.node(at).is_none() {
                    self.cluster.join(at);
                }
            }
        }
        self.cluster.observations()
    }

    fn propose(&mut self, at: NodeId, proposed: &Proposed) {
        let index = cutover::core::ids::Index(self.issue());
        let id = ProposalId(LogPosition { term: Term::GENESIS, index });
        let content = self.content(proposed);
        self.cluster.step(at, Input::Propose { id, content });
    }

    fn disk(&mut self, act: &ClusterEvent) {
        match act {
            ClusterEvent::Slow(which) => {
                let at = self.name(*which);
                self.cluster.hosts.slow.insert(at);
            }
            ClusterEvent::Fast(which) => {
                let at = self.name(*which);
                self.cluster.hosts.quicken(at);
            }
            ClusterEvent::Write(which) => {
                let at = self.name(*which);
                self.cluster.hosts.write(at);
            }
            ClusterEvent::Report(which) => {
                let at = self.name(*which);
                self.cluster.hosts.report(at);
            }
            ClusterEvent::Flow(_)
            | ClusterEvent::Deliver { .. }
            | ClusterEvent::Drop(_)
            | ClusterEvent::Timer(..)
            | ClusterEvent::Propose(..)
            | ClusterEvent::Read(_)
            | ClusterEvent::Transfer(..)
            | ClusterEvent::Crash(..)
            | ClusterEvent::Restart(_)
            | ClusterEvent::Join(_)
            | ClusterEvent::Cut(..)
            | ClusterEvent::Strand(..)
            | ClusterEvent::Heal => {}
        }
    }

    fn content(&self, proposed: &Proposed) -> Content<ControlPlaneEntry> {
        let peer = |which: &Index| {
            let at = self.name(*which);
            self.cluster.host(at).me()
        };
        let change = match proposed {
            Proposed::Create => return self.create(None),
            Proposed::Open => return Content::OpenSession,
            Proposed::Close(session) => return Content::CloseSession(SessionId(*session)),
            Proposed::Retried { session, serial, acknowledged } => {
                let session = self.session(*session);
                let (serial, acknowledged_through) = (Serial(*serial), Serial(*acknowledged));
                return self.create(Some(Ticket { session, serial, acknowledged_through }));
            }
            Proposed::Admit(which) => {
                let peer = peer(which);
                MembershipChange::Admit { peer, identity: identity(peer), endpoints: Endpoints::NONE }
            }
            Proposed::Promote(which) => {
                MembershipChange::Promote { peer: self.learner(*which).unwrap_or(peer(which)), even_so: None }
            }
            Proposed::Remove(which) => MembershipChange::Remove { peer: peer(which), even_so: None },
        };
        Content::Payload { ticket: None, payload: ControlPlaneEntry::MembershipChange(change) }
    }

    /// A learner of some node's configuration.
    fn learner(&self, which: Index) -> Option<Peer> {
        let nodes = self.cluster.names().into_iter().filter_map(|at| self.cluster.node(at));
        let members = nodes.flat_map(|node| node.configuration().members());
        let learners = members.filter(|member| member.role == MemberRole::Learner);
        let learners: BTreeSet<Peer> = learners.map(|member| member.peer).collect();
        learners.iter().copied().nth(which.index(learners.len().max(1)))
    }

    /// A session that some node knows, or an unknown one.
    fn session(&self, which: Index) -> SessionId {
        let nodes = self.cluster.names().into_iter().filter_map(|at| self.cluster.node(at));
        let mut ids: BTreeSet<SessionId> = nodes.flat_map(|node| node.applied().sessions().ids()).collect();
        ids.insert(SessionId(2));
        ids.iter().copied().nth(which.index(ids.len())).unwrap()
    }

    /// A proposal to create a partition that no other proposal creates.
    fn create(&self, ticket: Option<Ticket>) -> Content<ControlPlaneEntry> {
        let transition = Transition::Create { placement: Placement(0), guarantee: Guarantee::Sealed };
        let partition = PartitionId(self.issued);
        let payload = ControlPlaneEntry::OwnershipTransition(Command { partition, transition });
        Content::Payload { ticket, payload }
    }

    /// Delivers all messages, writes all batches and starts all nodes; elections end as they would with real
    /// timeouts.
    pub fn calm(&mut self) {
        self.cluster.hosts.cuts.clear();
        for at in self.cluster.names() {
            self.cluster.hosts.start(at);
            self.cluster.hosts.quicken(at);
        }
        self.rest();
        for round in 0..60 {
            for at in self.cluster.names() {
                self.cluster.step(at, Input::TimerFired(Timer::MinElectionTimeout));
            }
            let leaders = self.leaders();
            let stuck = |at: &NodeId| {
                self.cluster.node(*at).is_none_or(|node| node.commit() < node.log().last().index)
            };
            // Nodes without a leader, or with one that makes no progress, campaign one after the other.
            if leaders.iter().all(stuck) && (leaders.is_empty() || round % 4 == 0) {
                let names = self.cluster.names();
                self.cluster.step(names[round % names.len()], Input::TimerFired(Timer::Election));
                self.rest();
            }
            self.speak();
        }
        self.speak();
    }

    fn leaders(&self) -> Vec<NodeId> {
        let leads = |at: &NodeId| self.cluster.node(*at).is_some_and(|node| node.role() == RoleName::Leader);
        self.cluster.names().into_iter().filter(leads).collect()
    }

    /// Leaders send heartbeats and check their quorum; a lost snapshot is sent again then.
    fn speak(&mut self) {
        for at in self.leaders() {
            self.cluster.step(at, Input::TimerFired(Timer::Heartbeat));
            self.rest();
            if self.leaders().contains(&at) {
                self.cluster.step(at, Input::TimerFired(Timer::Election));
                self.rest();
            }
        }
    }

    /// Delivers the oldest message; false if there is none.
    fn deliver_oldest(&mut self) -> bool {
        let oldest = self.cluster.hosts.wire.remove(0);
        let any = oldest.is_some();
        oldest.into_iter().for_each(|message| self.cluster.deliver(message));
        any
    }

    fn rest(&mut self) {
        for _ in 0..100_000 {
            let any = self.deliver_oldest();
            let _seen = self.cluster.observations();
            if !any {
                return;
            }
        }
        panic!("the cluster does not come to rest");
    }
}
