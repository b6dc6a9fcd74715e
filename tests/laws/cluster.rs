//! A cluster under random inputs: loss, repetition, disorder, slow disks, crashes that keep a part of what was not
//! synced, lost disks. What must hold is in the judge, and is judged after every step.

use super::cases;
use super::network::{Cluster, Told, WIDE, identity};
use cutover::control_plane::{ControlPlaneEntry, MembershipChange};
use cutover::ids::{NodeId, PartitionId, Placement, Serial, SessionId};
use cutover::migration::{Command, Transition};
use cutover::placement::Guarantee;
use cutover::raft::{
    Content, Elections, Input, Limits, Mark, Output, Peer, ProposalId, ReadId, RoleName, SessionLimits,
    Standing, Ticket, Timer,
};
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use std::collections::BTreeSet;

/// Bounds small enough to be met.
const NARROW: Limits = Limits {
    window: 2,
    append_entries_max: 2,
    uncommitted_bytes_max: 64,
    reads_max: 2,
    compact_after_entries: 4,
    keep_entries: 1,
    ..WIDE
};

/// Voters, and those that may join.
const NODES: u8 = 5;

const SESSIONS: SessionLimits = SessionLimits { sessions_max: 2, answers_max: 2 };

/// What the environment chooses. Numbers choose among what there is.
#[derive(Clone, Debug)]
pub enum Act {
    /// The oldest message arrives, and so many more.
    Flow(u8),
    Deliver {
        which: Index,
        again: bool,
    },
    Drop(Index),
    Timer(Index, Timer),
    Propose(Index, Wish),
    Read(Index),
    Transfer(Index, Index),
    Slow(Index),
    Fast(Index),
    /// One batch, and what stands behind it; the node is not told.
    Write(Index),
    Report(Index),
    Crash(Index, usize),
    Restart(Index),
    Join(Index),
    /// Nothing passes between these two.
    Cut(Index, Index),
    /// A leader is cut off from everybody, and goes on.
    Strand(Index, Vec<Wish>),
    Heal,
}

/// What is proposed, at whoever leads if there is somebody.
#[derive(Clone, Debug)]
pub enum Wish {
    Create,
    Open,
    Close(u64),
    Retried { session: Index, serial: u64, acknowledged: u64 },
    Admit(Index),
    Promote(Index),
    Remove(Index),
}

fn wish() -> impl Strategy<Value = Wish> {
    prop_oneof![
        6 => Just(Wish::Create),
        2 => Just(Wish::Open),
        1 => (2_u64..12).prop_map(Wish::Close),
        5 => (any::<Index>(), 1_u64..5, 0_u64..3)
            .prop_map(|(session, serial, acknowledged)| Wish::Retried { session, serial, acknowledged }),
        2 => any::<Index>().prop_map(Wish::Admit),
        2 => any::<Index>().prop_map(Wish::Promote),
        2 => any::<Index>().prop_map(Wish::Remove),
    ]
}

fn timer() -> impl Strategy<Value = Timer> {
    prop_oneof![
        4 => Just(Timer::Election),
        2 => Just(Timer::Contact),
        4 => Just(Timer::Heartbeat),
        1 => Just(Timer::Transfer)
    ]
}

pub fn act() -> impl Strategy<Value = Act> {
    let some = any::<Index>;
    prop_oneof![
        14 => (1_u8..20).prop_map(Act::Flow),
        8 => (some(), any::<bool>()).prop_map(|(which, again)| Act::Deliver { which, again }),
        3 => some().prop_map(Act::Drop),
        6 => (some(), timer()).prop_map(|(at, timer)| Act::Timer(at, timer)),
        10 => (some(), wish()).prop_map(|(at, wish)| Act::Propose(at, wish)),
        3 => some().prop_map(Act::Read),
        1 => (some(), some()).prop_map(|(at, to)| Act::Transfer(at, to)),
        2 => some().prop_map(Act::Slow),
        2 => some().prop_map(Act::Fast),
        3 => some().prop_map(Act::Write),
        2 => some().prop_map(Act::Report),
        2 => (some(), 0_usize..3).prop_map(|(at, keep)| Act::Crash(at, keep)),
        4 => some().prop_map(Act::Restart),
        1 => some().prop_map(Act::Join),
        3 => (some(), some()).prop_map(|(a, b)| Act::Cut(a, b)),
        1 => (some(), prop::collection::vec(wish(), 0..8)).prop_map(|(at, wishes)| Act::Strand(at, wishes)),
        2 => Just(Act::Heal),
    ]
}

/// A cluster, and names for what is asked of it.
pub struct Run {
    pub cluster: Cluster,
    issued: u64,
}

impl Run {
    pub fn new(elections: Elections, voters: u8) -> Self {
        let mut cluster = Cluster::new(Limits { elections, ..NARROW }, SESSIONS, voters);
        for node in voters + 1..=NODES {
            cluster.join(NodeId(node));
        }
        Self { cluster, issued: 0 }
    }

    fn name(&self, which: Index) -> NodeId {
        let names = self.cluster.names();
        names[which.index(names.len())]
    }

    /// Somebody who leads, or else anybody.
    fn leader_or(&self, which: Index) -> NodeId {
        let leaders = self.leaders();
        if leaders.is_empty() { self.name(which) } else { leaders[which.index(leaders.len())] }
    }

    fn issue(&mut self) -> u64 {
        self.issued += 1;
        self.issued
    }

    /// Somebody leads.
    pub fn elect(&mut self) {
        self.cluster.step(NodeId(1), Input::TimerFired(Timer::Election));
        self.rest();
    }

    /// Does it, and says what was seen.
    pub fn take(&mut self, act: &Act) -> Vec<Told> {
        match act {
            Act::Flow(count) => {
                for _ in 0..*count {
                    if !self.cluster.wire.is_empty() {
                        let letter = self.cluster.wire.remove(0);
                        self.cluster.deliver(letter);
                    }
                }
            }
            Act::Deliver { which, again } => {
                if !self.cluster.wire.is_empty() {
                    let at = which.index(self.cluster.wire.len());
                    let letter = self.cluster.wire[at].clone();
                    if !again {
                        self.cluster.wire.remove(at);
                    }
                    self.cluster.deliver(letter);
                }
            }
            Act::Drop(which) => {
                if !self.cluster.wire.is_empty() {
                    self.cluster.wire.remove(which.index(self.cluster.wire.len()));
                }
            }
            Act::Timer(which, timer) => {
                // A heartbeat says nothing but at a leader.
                let at = if *timer == Timer::Heartbeat { self.leader_or(*which) } else { self.name(*which) };
                self.cluster.step(at, Input::TimerFired(*timer));
            }
            Act::Propose(which, wish) => self.propose(self.leader_or(*which), wish),
            Act::Read(which) => {
                let (at, id) = (self.leader_or(*which), ReadId(self.issue()));
                self.cluster.step(at, Input::Read { id });
            }
            Act::Transfer(which, to) => {
                let (at, to) = (self.leader_or(*which), self.name(*to));
                self.cluster.step(at, Input::Transfer { to });
            }
            Act::Cut(a, b) => {
                let (a, b) = (self.name(*a), self.name(*b));
                self.cluster.cuts.insert((a.min(b), a.max(b)));
            }
            Act::Strand(which, wishes) => {
                let at = self.leader_or(*which);
                for other in self.cluster.names().into_iter().filter(|other| *other != at) {
                    self.cluster.cuts.insert((at.min(other), at.max(other)));
                }
                for wish in wishes {
                    self.propose(at, wish);
                }
            }
            Act::Heal => self.cluster.cuts.clear(),
            Act::Slow(_) | Act::Fast(_) | Act::Write(_) | Act::Report(_) => self.disk(act),
            Act::Crash(which, keep) => {
                let at = self.name(*which);
                self.cluster.crash(at, *keep);
            }
            Act::Restart(which) => {
                let at = self.name(*which);
                if self.cluster.node(at).is_none() {
                    self.cluster.restart(at);
                }
            }
            Act::Join(which) => {
                let at = self.name(*which);
                if self.cluster.node(at).is_none() {
                    self.cluster.join(at);
                }
            }
        }
        std::mem::take(&mut self.cluster.told)
    }

    fn propose(&mut self, at: NodeId, wish: &Wish) {
        let id = ProposalId(self.issue());
        let content = self.content(wish);
        self.cluster.step(at, Input::Propose { id, content });
    }

    fn disk(&mut self, act: &Act) {
        match act {
            Act::Slow(which) => {
                let at = self.name(*which);
                self.cluster.replicas.get_mut(&at).unwrap().slow = true;
            }
            Act::Fast(which) => {
                let at = self.name(*which);
                self.cluster.replicas.get_mut(&at).unwrap().slow = false;
                self.cluster.sync(at);
            }
            Act::Write(which) => {
                let at = self.name(*which);
                self.cluster.write(at);
                self.cluster.perform(at);
            }
            Act::Report(which) => {
                let at = self.name(*which);
                self.cluster.report(at);
            }
            Act::Flow(_)
            | Act::Deliver { .. }
            | Act::Drop(_)
            | Act::Timer(..)
            | Act::Propose(..)
            | Act::Read(_)
            | Act::Transfer(..)
            | Act::Crash(..)
            | Act::Restart(_)
            | Act::Join(_)
            | Act::Cut(..)
            | Act::Strand(..)
            | Act::Heal => {}
        }
    }

    fn content(&self, wish: &Wish) -> Content<ControlPlaneEntry> {
        let peer = |which: &Index| {
            let at = self.name(*which);
            self.cluster.replica(at).config.me
        };
        let change = match wish {
            Wish::Create => return self.create(None),
            Wish::Open => return Content::OpenSession,
            Wish::Close(session) => return Content::CloseSession(SessionId(*session)),
            Wish::Retried { session, serial, acknowledged } => {
                let session = self.session(*session);
                let (serial, acknowledged_through) = (Serial(*serial), Serial(*acknowledged));
                return self.create(Some(Ticket { session, serial, acknowledged_through }));
            }
            Wish::Admit(which) => {
                let peer = peer(which);
                MembershipChange::Admit { peer, identity: identity(peer) }
            }
            Wish::Promote(which) => {
                MembershipChange::Promote { peer: self.learner(*which).unwrap_or(peer(which)) }
            }
            Wish::Remove(which) => MembershipChange::Remove { peer: peer(which) },
        };
        Content::Payload { ticket: None, payload: ControlPlaneEntry::MembershipChange(change) }
    }

    /// A learner that somebody knows.
    fn learner(&self, which: Index) -> Option<Peer> {
        let nodes = self.cluster.names().into_iter().filter_map(|at| self.cluster.node(at));
        let members = nodes.flat_map(|node| node.configuration().members());
        let learners = members.filter(|member| member.standing == Standing::Learner);
        let learners: BTreeSet<Peer> = learners.map(|member| member.peer).collect();
        learners.iter().copied().nth(which.index(learners.len().max(1)))
    }

    /// A session that somebody knows, or one that nobody ever knew.
    fn session(&self, which: Index) -> SessionId {
        let nodes = self.cluster.names().into_iter().filter_map(|at| self.cluster.node(at));
        let mut ids: BTreeSet<SessionId> = nodes.flat_map(|node| node.applied().sessions().ids()).collect();
        ids.insert(SessionId(2));
        ids.iter().copied().nth(which.index(ids.len())).unwrap()
    }

    /// A partition that no other proposal creates.
    fn create(&self, ticket: Option<Ticket>) -> Content<ControlPlaneEntry> {
        let transition = Transition::Create { placement: Placement(0), guarantee: Guarantee::Sealed };
        let partition = PartitionId(u32::try_from(self.issued).unwrap());
        let payload = ControlPlaneEntry::OwnershipTransition(Command { partition, transition });
        Content::Payload { ticket, payload }
    }

    /// Every message arrives, every disk writes, everybody is up; elections end as time would end them.
    pub fn calm(&mut self) {
        self.cluster.cuts.clear();
        for at in self.cluster.names() {
            if self.cluster.node(at).is_none() {
                self.cluster.restart(at);
            }
            self.cluster.replicas.get_mut(&at).unwrap().slow = false;
            self.cluster.sync(at);
            self.cluster.report(at);
        }
        self.rest();
        for round in 0..60 {
            for at in self.cluster.names() {
                self.cluster.step(at, Input::TimerFired(Timer::Contact));
            }
            let leaders = self.leaders();
            let stuck = |at: &NodeId| {
                self.cluster.node(*at).is_none_or(|node| node.commit() < node.log().last().index)
            };
            // Whoever hears no leader, or one that comes to nothing, stands; one after the other.
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

    /// Leaders speak up, and look who answers; a snapshot that was lost is sent again then.
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

    fn rest(&mut self) {
        for _ in 0..100_000 {
            if self.cluster.wire.is_empty() {
                self.cluster.told.clear();
                return;
            }
            let letter = self.cluster.wire.remove(0);
            self.cluster.deliver(letter);
            self.cluster.told.clear();
        }
        panic!("the cluster does not come to rest");
    }
}

fn elections() -> impl Strategy<Value = Elections> {
    prop_oneof![Just(Elections::Plain), Just(Elections::Stable)]
}

proptest! {
    #![proptest_config(cases(8))]

    #[test]
    fn a_cluster_is_safe_whatever_happens(
        elections in elections(),
        voters in 1_u8..6,
        acts in prop::collection::vec(act(), 0..300),
    ) {
        let mut run = Run::new(elections, voters);
        for act in &acts {
            let _ = run.take(act);
        }
        run.cluster.judge.rejected_are_nowhere();
    }

    /// Without lost disks a cluster elects a leader once the faults are over, and everything comes to be committed.
    #[test]
    fn a_cluster_recovers_when_the_faults_end(
        elections in elections(),
        voters in 1_u8..6,
        acts in prop::collection::vec(act(), 0..200),
    ) {
        let mut run = Run::new(elections, voters);
        for act in acts.iter().filter(|act| !matches!(act, Act::Join(_))) {
            let _ = run.take(act);
        }
        run.calm();
        let nodes: Vec<_> = run.cluster.names().into_iter().filter_map(|at| run.cluster.node(at)).collect();
        let leaders: Vec<_> = nodes.iter().filter(|node| node.role() == RoleName::Leader).collect();
        prop_assert_eq!(leaders.len(), 1, "one leads");
        let (members, last) = (leaders[0].configuration(), leaders[0].log().last().index);
        for node in &nodes {
            let me = node.config().me;
            prop_assert!(!members.is_member(me) || node.commit() == last, "{} has everything committed", me);
        }
    }
}

/// Random inputs reach every place in the core that says when it is reached; if they did not, the laws above would hold
/// of less than they seem to.
#[test]
fn random_inputs_reach_every_place() {
    let mut missing: BTreeSet<Mark> = Mark::ALL.iter().copied().collect();
    let mut runner = TestRunner::new(cases(1));
    let strategy = (elections(), 1_u8..6, prop::collection::vec(act(), 200..300));
    for _ in 0..4000 {
        let (elections, voters, acts) = strategy.new_tree(&mut runner).unwrap().current();
        let mut run = Run::new(elections, voters);
        for told in acts.iter().flat_map(|act| run.take(act)) {
            if let Told::Did(_, Output::Mark(mark)) = told {
                missing.remove(&mark);
            }
        }
        if missing.is_empty() {
            return;
        }
    }
    panic!("not reached: {:?}", missing.iter().map(|mark| mark.text()).collect::<Vec<_>>());
}
