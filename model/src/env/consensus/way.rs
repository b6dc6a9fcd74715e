//! The way on from a state of the nodes: a run without a further fault.
//!
//! What is in flight is lost, every node that lives acts, disks are quick, and the timers that are set fire in the order of
//! their durations. There is no bound: terms, entries and attempts are as many as it takes. In a walk the timers run that its
//! nodes have set. In a search, where any timer may fire at any time, at the first moment each timer that belongs to a node's
//! role runs; from then on those run that the node sets.

use super::action::HostInput;
use super::goals::{CATCH_UP, COMMIT, ELECT, END, PROMOTE};
use super::host::{ClientAnswer, Disk, Host};
use super::net::NodeMessage;
use super::timers::bit;
use super::{Clients, Consensus, Hosts, MembershipRequest, NODES_MAX, State, mixed};
use crate::protocol::GoalSet;
use crate::shared::{Memory, Shared, hasher, memory, remembered};
use crate::ways::{Way, Ways};
use cutover::core::ids::NodeId;
use cutover::core::raft::{Configuration, Elections, MemberRole, Outcome, RoleName, Timer};
use std::collections::VecDeque;

/// A write that no scope has.
const PROBE: u8 = 200;

/// A run is given up after this many steps: more than any that leads on takes, by far.
const STEPS_MAX: u64 = 4_000;

/// The number of timers that fire before a run that came nowhere is judged: some elections of every node.
const FIRED_MAX: u32 = 250;

thread_local! {
    static CALM: Memory<Shared<Clients>> = const { memory() };
}

struct Running {
    due: u64,
    node: u8,
    timer: Timer,
}

/// A run.
struct Run<'e> {
    env: &'e Consensus,
    ways: &'e Ways,
    hosts: Hosts,
    clients: Shared<Clients>,
    wire: VecDeque<Shared<NodeMessage>>,
    timers: Vec<Running>,
    now: u64,
    /// Number of election timeouts so far.
    elections: u64,
    answers: Vec<(u8, ClientAnswer)>,
    passed: Vec<u64>,
    steps: u64,
    lines: Option<Vec<String>>,
}

/// How long a timer runs. The nodes' election timeouts differ, as drawn ones do, and it is not always the same node's that is the
/// shortest: one whose requests never win must not keep the others from theirs for ever.
fn duration(timer: Timer, node: u8, elections: u64) -> u64 {
    match timer {
        Timer::Heartbeat => 2,
        Timer::MinElectionTimeout => 12,
        Timer::Election => 16 + 5 * ((u64::from(node) + elections) % 5),
        Timer::Transfer => 16,
    }
}

fn lives(hosts: &Hosts, configuration: &Configuration) -> bool {
    let alive = |peer: &cutover::core::raft::Peer| {
        let hosts = hosts.iter().flatten();
        hosts.filter(|host| host.me() == *peer && !host.engine.node().is_halted()).count() > 0
    };
    let (all, living) = (configuration.voters().count(), configuration.voters().filter(alive).count());
    all == 0 || living * 2 > all
}

impl Consensus {
    /// The goals to which no way leads on.
    pub(crate) fn stuck_in(&self, state: &State) -> GoalSet {
        let run = Run::new(self, state, false);
        self.ways.judge(run.key(), || {
            let mut run = run;
            let way = run.judge().within(run.steps, STEPS_MAX);
            (way, run.steps, run.passed)
        })
    }

    /// What the run from a state comes to, and the end of it, in words.
    pub(crate) fn waits_in(&self, state: &State) -> (String, String) {
        let mut run = Run::new(self, state, true);
        let _ = run.judge();
        let nodes = run.hosts.iter().flatten().map(|host| run.waits(host)).collect::<Vec<_>>();
        let lines = run.lines.unwrap_or_default();
        let last = lines.iter().skip(lines.len().saturating_sub(6)).cloned().collect::<Vec<_>>();
        (
            nodes.join("; "),
            format!("with no further fault, after {} steps; the last ones: {}", run.steps, last.join(", ")),
        )
    }
}

impl<'e> Run<'e> {
    fn new(env: &'e Consensus, state: &State, explain: bool) -> Self {
        let mut run = Self {
            env,
            ways: &env.ways,
            hosts: state.hosts.clone(),
            clients: remembered(&CALM, hasher().hash_one((env.key, state.clients.hash(0))), || {
                env.share(state.clients.calm())
            }),
            wire: VecDeque::new(),
            timers: Vec::new(),
            now: 0,
            elections: 0,
            answers: Vec::new(),
            passed: Vec::new(),
            steps: 0,
            lines: explain.then(Vec::new),
        };
        for (node, host) in state.hosts() {
            if env.cluster.world.is_some() {
                state.running(node).for_each(|timer| run.set(node, timer));
                continue;
            }
            let timers: &[Timer] = match host.engine.node().role() {
                RoleName::Leader => &[Timer::Heartbeat, Timer::Election, Timer::Transfer],
                RoleName::Follower | RoleName::PreCandidate | RoleName::Candidate => {
                    &[Timer::Election, Timer::MinElectionTimeout]
                }
            };
            for timer in timers {
                run.set(node, *timer);
            }
        }
        run
    }

    fn waits(&self, host: &Host) -> String {
        let node = host.engine.node();
        let me = host.me().node.0;
        let timers = self.timers.iter().filter(|running| running.node == me);
        let timers = timers.map(|running| format!("{:?}", running.timer)).collect::<Vec<_>>();
        format!(
            "n{me} {:?} in {}, log to {}, committed {}, timers {}",
            node.role(),
            node.hard_state().term,
            node.log().last(),
            node.commit(),
            if timers.is_empty() { "none".to_owned() } else { timers.join(" ") }
        )
    }

    fn set(&mut self, node: u8, timer: Timer) {
        self.cancel(node, timer);
        self.timers.push(Running { due: self.now + duration(timer, node, self.elections), node, timer });
    }

    fn cancel(&mut self, node: u8, timer: Timer) {
        self.timers.retain(|running| (running.node, running.timer) != (node, timer));
    }

    /// What the rest of the run depends on, apart from how far the timers have run.
    fn key(&self) -> u64 {
        let armed = |node: u8| {
            let own = self.timers.iter().filter(|running| running.node == node);
            own.fold(0, |bits, running| bits | u64::from(bit(running.timer)))
        };
        let image = |image: usize| {
            let hosts = self.hosts.iter().flatten();
            let hosts = hosts.fold(0u64, |sum, host| {
                sum.wrapping_add(mixed(host.hash(image) ^ mixed(armed(host.me().node.0))))
            });
            mixed(hosts ^ mixed(self.clients.hash(image)))
        };
        (0..self.clients.images()).map(image).min().unwrap_or(0)
    }

    /// A node handles an input. Returns whether it takes what is asked of it.
    fn turn(&mut self, node: u8, input: &HostInput, sent: Option<&Shared<NodeMessage>>) -> bool {
        self.steps += 1;
        let slot = usize::from(node).checked_sub(1).and_then(|at| self.hosts.get_mut(at)?.as_mut());
        let Some(slot) = slot else { return false };
        let effect = self.env.effect(slot, input, sent, Disk::Syncs);
        *slot = effect.host.clone();
        if let Some(lines) = &mut self.lines {
            let what = sent.map_or_else(|| format!("{input:?}"), |sent| sent.0.body.to_string());
            lines.push(format!("n{node} {what}"));
        }
        for (timer, runs) in &effect.timers {
            if *runs { self.set(node, *timer) } else { self.cancel(node, *timer) }
        }
        self.wire.extend(effect.sent.iter().cloned());
        for answer in &effect.answers {
            let mut clients = (*self.clients).clone();
            let _ = clients.answered(NodeId(node), answer);
            if clients != *self.clients {
                self.clients = self.env.share(clients);
            }
            self.answers.push((node, answer.clone()));
        }
        effect.proposed.as_ref().is_none_or(Result::is_ok) && effect.read.as_ref().is_none_or(Result::is_ok)
    }

    /// Delivers every message and writes every batch.
    fn rest(&mut self) {
        let writing = self.hosts.iter().flatten().filter(|host| host.is_writing());
        for node in writing.map(|host| host.me().node.0).collect::<Vec<_>>() {
            let _ = self.turn(node, &HostInput::Sync, None);
        }
        while let Some(sent) = self.wire.pop_front() {
            if self.steps > STEPS_MAX {
                return;
            }
            let _ = self.turn(sent.0.to.node.0, &HostInput::Deliver, Some(&sent));
        }
    }

    /// Lets the timers fire until something holds. `None`: a key was passed that is known.
    fn until(&mut self, follows: bool, holds: impl Fn(&Self) -> bool) -> Option<bool> {
        for _ in 0..FIRED_MAX {
            self.rest();
            if follows {
                let key = self.key();
                if self.ways.knows(key) {
                    return None;
                }
                self.passed.push(key);
            }
            if holds(self) {
                return Some(true);
            }
            let next = self.timers.iter().enumerate().min_by_key(|(_, running)| (running.due, running.node));
            let Some((at, _)) = next else { return Some(false) };
            let Running { due, node, timer } = self.timers.swap_remove(at);
            self.now = due;
            self.elections += u64::from(timer == Timer::Election);
            let _ = self.turn(node, &HostInput::Fire(timer), None);
            if self.steps > STEPS_MAX {
                return Some(false);
            }
        }
        Some(false)
    }

    /// Lets the timers fire for two heartbeats.
    fn pause(&mut self) {
        let now = self.now;
        let _ = self.until(false, |run| run.now > now + 4);
    }

    /// The leader of the highest term, with its number.
    fn leader(&self) -> Option<(u8, &Shared<Host>)> {
        let leads = |(_, host): &(u8, &Shared<Host>)| host.engine.node().role() == RoleName::Leader;
        let hosts = (1..).zip(&self.hosts).filter_map(|(node, host)| Some((node, host.as_ref()?)));
        hosts.filter(leads).max_by_key(|(_, host)| host.engine.node().hard_state().term)
    }

    /// The members of the leader's configuration that live.
    fn members<'a>(&'a self, leader: &'a Host) -> impl Iterator<Item = (&'a Shared<Host>, MemberRole)> {
        let members = leader.engine.node().configuration().members().iter();
        members.filter_map(|member| {
            let at = usize::from(member.peer.node.0).checked_sub(1)?;
            let host = self.hosts.get(at)?.as_ref()?;
            (host.me() == member.peer).then_some((host, member.role))
        })
    }

    /// The goals that the nodes are not at, of those that need no request.
    fn missing(&self) -> GoalSet {
        let Some((_, leader)) = self.leader() else { return ELECT | COMMIT | CATCH_UP };
        let node = leader.engine.node();
        let follows =
            |host: &Host| host.me() == leader.me() || host.engine.node().leader() == Some(leader.me());
        let mut missing = 0;
        if !self.members(leader).all(|(host, _)| follows(host)) {
            missing |= ELECT;
        }
        if node.commit() != node.log().last().index {
            missing |= COMMIT;
        }
        if !self.members(leader).all(|(host, _)| host.engine.node().commit() == node.commit()) {
            missing |= CATCH_UP;
        }
        missing
    }

    fn judge(&mut self) -> Way {
        let mut known = self.hosts.iter().flatten().map(|host| host.engine.node().configuration());
        let anybody = known.clone().any(|configuration| configuration.voters().next().is_some());
        if !anybody || !known.all(|configuration| lives(&self.hosts, configuration)) {
            return Way::Excused;
        }
        match self.until(true, |run| run.missing() == 0) {
            None => return Way::Leads,
            Some(false) => return Way::Stuck(self.missing()),
            Some(true) => {}
        }
        if !self.requests_end() || !self.operations_end() {
            return Way::Stuck(END);
        }
        match self.promoted() {
            false => Way::Stuck(PROMOTE),
            true if self.until(false, |run| run.missing() == 0) == Some(true) => Way::Leads,
            true => Way::Stuck(self.missing()),
        }
    }

    /// Proposes at the leader until it is taken, and waits until something holds.
    fn asks(&mut self, input: &HostInput, holds: impl Fn(&Self) -> bool) -> bool {
        for _ in 0..8 {
            self.rest();
            let Some((node, _)) = self.leader() else { return false };
            if self.turn(node, input, None) {
                return self.until(false, holds) == Some(true);
            }
            self.pause();
        }
        false
    }

    /// The calls of clients end, by answers or by further attempts.
    fn requests_end(&mut self) -> bool {
        let env = self.env;
        let follows = env.cluster.session || env.cluster.attempts > 1;
        for _ in 0..8 {
            self.rest();
            let Some(write) = self.clients.unended().filter(|_| follows) else { break };
            let Some((node, host)) = self.leader() else { return false };
            let (host, input) =
                (host.clone(), HostInput::Write { write, ticket: self.clients.ticket(write) });
            let effect = env.effect(&host, &input, None, Disk::Syncs);
            if let Some(Ok(id)) = &effect.proposed {
                let mut clients = (*self.clients).clone();
                let _ = clients.writes(write, NodeId(node), *id, true);
                self.clients = env.share(clients);
                let _ = self.turn(node, &input, None);
            }
            self.pause();
        }
        (!follows || self.clients.unended().is_none())
            && self.until(false, |run| !run.client_waits()) == Some(true)
    }

    /// Whether a client waits for a node. Without a check of its quorum, a leader that was removed and cut off does not learn
    /// that it leads nobody.
    fn client_waits(&self) -> bool {
        let stable = self.env.cluster.limits.elections == Elections::Stable;
        let leader = self.leader().map(|(_, host)| host.engine.node().configuration());
        let member = |node: NodeId| leader.is_some_and(|members| members.member(node).is_some());
        self.clients.waits_at().any(|node| stable || member(node))
    }

    fn operations_end(&mut self) -> bool {
        self.answers.clear();
        let committed = |run: &Self| {
            run.answers
                .iter()
                .any(|(_, answer)| matches!(answer, ClientAnswer::Decided(_, Outcome::Committed { .. })))
        };
        if !self.asks(&HostInput::Write { write: PROBE, ticket: None }, committed) {
            return false;
        }
        self.answers.clear();
        if !self.asks(&HostInput::Open, committed) {
            return false;
        }
        let read =
            |run: &Self| run.answers.iter().any(|(_, answer)| matches!(answer, ClientAnswer::Read(_, Ok(_))));
        self.asks(&HostInput::Read, read)
    }

    fn promoted(&mut self) -> bool {
        let learner = |run: &Self| {
            let (_, leader) = run.leader()?;
            let learner = run.members(leader).find(|(_, role)| matches!(role, MemberRole::Learner));
            learner.map(|(host, _)| host.me())
        };
        for _ in 0..=NODES_MAX {
            let Some(peer) = learner(self) else { return true };
            let input = HostInput::Change(MembershipRequest::Promote(peer.node.0), peer.directory);
            if !self.asks(&input, move |run| learner(run) != Some(peer) && run.missing() == 0) {
                return false;
            }
        }
        false
    }
}
