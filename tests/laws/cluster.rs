//! A cluster under random inputs: loss, repetition, disorder, slow disks, crashes that keep a part of what was not
//! synced, lost disks. What must hold is in the judge, and is judged after every step.

use super::cases;
use super::network::{Cluster, WIDE, identity};
use cutover::control_plane::{ControlPlaneEntry, MembershipChange};
use cutover::ids::{NodeId, PartitionId, Placement, Serial, SessionId};
use cutover::migration::{Command, Transition};
use cutover::placement::Guarantee;
use cutover::raft::{
    Content, Elections, Input, Limits, ProposalId, ReadId, RoleName, SessionLimits, Ticket, Timer,
};
use proptest::prelude::*;
use proptest::sample::Index;

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
}

/// What is proposed, at whoever leads if there is somebody.
#[derive(Clone, Debug)]
pub enum Wish {
    Create,
    Open,
    Close(u64),
    Retried { session: u64, serial: u64, acknowledged: u64 },
    Admit(Index),
    Promote(Index),
    Remove(Index),
}

fn wish() -> impl Strategy<Value = Wish> {
    prop_oneof![
        6 => Just(Wish::Create),
        2 => Just(Wish::Open),
        1 => (2_u64..12).prop_map(Wish::Close),
        5 => (2_u64..8, 1_u64..5, 0_u64..3)
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
    ]
}

/// A cluster, and names for what is asked of it.
pub struct Run {
    pub cluster: Cluster,
    issued: u64,
}

impl Run {
    pub fn new(elections: Elections, voters: u8) -> Self {
        Self { cluster: Cluster::new(Limits { elections, ..NARROW }, SESSIONS, voters), issued: 0 }
    }

    fn name(&self, which: Index) -> NodeId {
        let names = self.cluster.names();
        names[which.index(names.len())]
    }

    /// Whoever leads the highest term, or else anybody.
    fn leader_or(&self, which: Index) -> NodeId {
        let leads = |at: &NodeId| {
            let node = self.cluster.node(*at)?;
            (node.role() == RoleName::Leader).then_some((node.vote().term, *at))
        };
        self.cluster.names().iter().filter_map(leads).max().map_or_else(|| self.name(which), |(_, at)| at)
    }

    fn issue(&mut self) -> u64 {
        self.issued += 1;
        self.issued
    }

    pub fn take(&mut self, act: &Act) {
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
            Act::Propose(which, wish) => {
                let (at, id) = (self.leader_or(*which), ProposalId(self.issue()));
                let content = self.content(wish);
                self.cluster.step(at, Input::Propose { id, content });
            }
            Act::Read(which) => {
                let (at, id) = (self.leader_or(*which), ReadId(self.issue()));
                self.cluster.step(at, Input::Read { id });
            }
            Act::Transfer(which, to) => {
                let (at, to) = (self.leader_or(*which), self.name(*to));
                self.cluster.step(at, Input::Transfer { to });
            }
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
                let at = NodeId(1 + u8::try_from(which.index(5)).unwrap());
                // A disk is lost, or there was none. Two lost disks of one majority are no fault that Raft can bear.
                if self.cluster.replicas.get(&at).is_none_or(|replica| replica.node.is_none()) && at.0 > 2 {
                    self.cluster.join(at);
                }
            }
        }
        self.cluster.told.clear();
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
            | Act::Join(_) => {}
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
                let session = SessionId(*session);
                let (serial, acknowledged_through) = (Serial(*serial), Serial(*acknowledged));
                return self.create(Some(Ticket { session, serial, acknowledged_through }));
            }
            Wish::Admit(which) => {
                let peer = peer(which);
                MembershipChange::Admit { peer, identity: identity(peer) }
            }
            Wish::Promote(which) => MembershipChange::Promote { peer: peer(which) },
            Wish::Remove(which) => MembershipChange::Remove { peer: peer(which) },
        };
        Content::Payload { ticket: None, payload: ControlPlaneEntry::MembershipChange(change) }
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
        for at in self.cluster.names() {
            if self.cluster.node(at).is_none() {
                self.cluster.restart(at);
            }
            self.cluster.replicas.get_mut(&at).unwrap().slow = false;
            self.cluster.sync(at);
            self.cluster.report(at);
        }
        self.rest();
        for round in 0..40 {
            for at in self.cluster.names() {
                self.cluster.step(at, Input::TimerFired(Timer::Contact));
            }
            let names = self.cluster.names();
            let at = names[round % names.len()];
            let leader = self.cluster.names().into_iter().find(|at| {
                self.cluster.node(*at).is_some_and(|node| node.role() == RoleName::Leader && node.commit() == node.log().last().index)
            });
            match leader {
                Some(leader) => {
                    self.cluster.step(leader, Input::TimerFired(Timer::Heartbeat));
                    self.rest();
                    // A snapshot that was lost is sent again once the leader has looked who answers.
                    self.cluster.step(leader, Input::TimerFired(Timer::Election));
                }
                None => self.cluster.step(at, Input::TimerFired(Timer::Election)),
            }
            self.rest();
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
            run.take(act);
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
            run.take(act);
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
