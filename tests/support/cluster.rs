//! An in-memory cluster behind the seam. A seed determines everything that the test does not.
//!
//! Disks are slow: a batch is written at a random time, and the messages that wait for it are sent then. In
//! between, other nodes may do anything, and a crash loses everything that waits.

use super::hosts::{Hosts, NodeMessage, Observation};
use super::site::{CALM, Disk, Engine, Random, Weather, config, founder};
use cutover::core::control_plane::{Answer, ControlPlaneEntry, ControlPlaneError, ControlPlaneOutput};
use cutover::core::ids::{Index, NodeId, Term};
use cutover::core::migration::Caps;
use cutover::core::raft::{Batch, Effect, Outcome, Output, ProposalId, ReadId, ReadRefusal, Timer};
use std::collections::{BTreeMap, BTreeSet};

/// What the tests know of a node in its present run, apart from its host.
#[derive(Clone, Debug, Default)]
struct Beside {
    timers: BTreeSet<Timer>,
    decided: BTreeMap<ProposalId, Outcome<Answer>>,
    read: BTreeMap<ReadId, Result<Index, ReadRefusal>>,
    /// Whether it is cut off from all others.
    cut: bool,
}

/// The cluster.
#[derive(Clone, Debug)]
pub struct Cluster<C> {
    pub hosts: Hosts<C>,
    beside: BTreeMap<u8, Beside>,
    pub random: Random,
    pub weather: Weather,
    /// The effect of each applied entry, by index; from the node that applied it first.
    pub applied: BTreeMap<Index, (Term, Effect<Answer>)>,
    /// The batches written since a test last took them.
    pub written: Vec<(u8, Batch<ControlPlaneEntry>)>,
}

impl<C: Engine> Cluster<C> {
    /// Starts nodes 1 to `count`.
    pub fn new(count: u8, caps: Caps, seed: u64) -> Self {
        let founder = founder(count, caps);
        let mut cluster = Self {
            hosts: Hosts::new(),
            beside: BTreeMap::new(),
            random: Random(seed),
            weather: CALM,
            applied: BTreeMap::new(),
            written: Vec::new(),
        };
        for node in 1..=count {
            cluster.add(node, founder.disk().unwrap());
        }
        cluster
    }

    /// Starts another node from this disk; its number must be the next one.
    pub fn add(&mut self, node: u8, disk: Disk) {
        assert_eq!(self.beside.len() + 1, usize::from(node));
        self.beside.insert(node, Beside::default());
        self.hosts.slow.insert(NodeId(node));
        self.hosts.put(config(node), disk);
        self.hear();
    }

    fn beside(&mut self, node: u8) -> &mut Beside {
        self.beside.get_mut(&node).unwrap()
    }

    /// The numbers of all nodes.
    pub fn nodes(&self) -> impl Iterator<Item = u8> + use<C> {
        1..=u8::try_from(self.beside.len()).unwrap()
    }

    /// The engine of a running node.
    pub fn engine(&self, node: u8) -> &C {
        &self.hosts.up(NodeId(node)).expect("it runs").engine
    }

    /// Whether a node runs.
    pub fn is_up(&self, node: u8) -> bool {
        self.hosts.up(NodeId(node)).is_some()
    }

    /// The durable state of a node.
    pub fn disk(&self, node: u8) -> &Disk {
        &self.hosts.host(NodeId(node)).unwrap().disk
    }

    /// Calls an engine, and performs its outputs.
    pub fn call<T>(&mut self, node: u8, ask: impl FnOnce(&mut C) -> T) -> T {
        let answer = self.hosts.call(NodeId(node), ask).expect("it runs");
        self.hear();
        answer
    }

    /// Requests a read at a node.
    pub fn ask_to_read(&mut self, node: u8) -> Result<ReadId, ControlPlaneError> {
        let asked = self.hosts.read(NodeId(node), |engine| engine.read()).expect("it runs");
        self.hear();
        asked
    }

    /// Starts a node from its disk, if it does not run.
    pub fn start(&mut self, node: u8) {
        self.hosts.start(NodeId(node));
        self.hear();
    }

    /// Crashes a node; only its disk is left.
    pub fn crash(&mut self, node: u8) {
        if self.is_up(node) {
            self.hosts.crash(NodeId(node), 0);
            *self.beside(node) = Beside { cut: self.beside[&node].cut, ..Beside::default() };
        }
    }

    /// Cuts a node off from all others.
    pub fn cut(&mut self, node: u8) {
        self.beside(node).cut = true;
    }

    /// Starts all nodes and removes all cuts.
    pub fn heal(&mut self) {
        for node in self.nodes() {
            self.beside(node).cut = false;
            self.start(node);
        }
    }

    /// The outcome of a proposal made at this node in its present run.
    pub fn decided(&self, node: u8, id: ProposalId) -> Option<&Outcome<Answer>> {
        self.beside[&node].decided.get(&id)
    }

    /// The outcome of a read requested at this node in its present run.
    pub fn read(&self, node: u8, id: ReadId) -> Option<Result<Index, ReadRefusal>> {
        self.beside[&node].read.get(&id).copied()
    }

    /// The leader of the latest term among the nodes that can be reached.
    pub fn leader(&self) -> Option<u8> {
        let leads = |node: &u8| !self.beside[node].cut && self.is_up(*node) && self.engine(*node).is_leader();
        self.nodes().filter(leads).max_by_key(|node| self.engine(*node).current_term())
    }

    /// Takes one random step: a batch is written, a message arrives or is lost, a timer fires. False if nothing is
    /// possible.
    pub fn step(&mut self) -> bool {
        let busy: Vec<u8> = self.nodes().filter(|node| self.is_busy(*node)).collect();
        let choices = busy.len() + self.hosts.wire.messages().len();
        let alarm = self.weather.alarm;
        if choices == 0 || self.random.chance(alarm) {
            return self.alarm();
        }
        let choice = self.random.below(choices);
        match busy.get(choice) {
            Some(node) => self.sync(*node),
            None => self.deliver(choice - busy.len()),
        }
        true
    }

    /// Takes steps until a condition holds; false if it does not.
    pub fn run_until(&mut self, steps: usize, holds: impl Fn(&Self) -> bool) -> bool {
        for _ in 0..steps {
            if holds(self) || !self.step() {
                break;
            }
        }
        holds(self)
    }

    /// Writes and delivers until only timers are left.
    pub fn settle(&mut self) {
        let weather = std::mem::replace(&mut self.weather, CALM);
        while !self.hosts.wire.messages().is_empty() || self.nodes().any(|node| self.is_busy(node)) {
            self.step();
        }
        self.weather = weather;
    }

    /// Takes steps until all running nodes have the leader's commit index; false if that does not happen.
    pub fn converge(&mut self, steps: usize) -> bool {
        self.run_until(steps, |cluster| {
            let commit = |node: u8| cluster.engine(node).commit_index();
            let nodes: Vec<u8> = cluster.nodes().filter(|node| cluster.is_up(*node)).collect();
            cluster.leader().is_some_and(|leader| {
                let (led, done) = (commit(leader), cluster.engine(leader).current_term());
                let opened =
                    led.and_then(|at| cluster.applied.get(&at)).is_some_and(|(term, _)| *term == done);
                opened && nodes.iter().all(|node| commit(*node) == led)
            })
        })
    }

    fn is_busy(&self, node: u8) -> bool {
        self.hosts.up(NodeId(node)).is_some_and(cutover_model::host::Host::is_writing)
    }

    /// Writes the oldest batch of a node, if there is one.
    pub fn sync(&mut self, node: u8) {
        self.hosts.sync(NodeId(node));
        self.hear();
    }

    fn deliver(&mut self, at: usize) {
        let Weather { loss, repeat, .. } = self.weather;
        let Some(message) = self.hosts.wire.remove(at) else { return };
        let cut = |peer: u8| self.beside.get(&peer).is_none_or(|beside| beside.cut);
        // A node that was admitted need not exist.
        let apart = cut(message.from.node.0) || cut(message.to.node.0) || !self.is_up(message.to.node.0);
        if apart || self.random.chance(loss) {
            return;
        }
        if self.random.chance(repeat) {
            self.hosts.wire.push(message.clone());
        }
        self.receive(message);
    }

    fn receive(&mut self, message: NodeMessage) {
        if self.hosts.arrives(&message) {
            self.call(message.to.node.0, |engine| engine.receive(message));
        }
    }

    /// Fires a random timer. Heartbeats fire far more often than election timeouts.
    fn alarm(&mut self) -> bool {
        let mut running = Vec::new();
        for node in self.nodes().filter(|node| self.is_up(*node)) {
            for timer in &self.beside[&node].timers {
                let weight = if *timer == Timer::Heartbeat { 8 } else { 1 };
                running.extend(std::iter::repeat_n((node, *timer), weight));
            }
        }
        if running.is_empty() {
            return false;
        }
        let (node, timer) = running[self.random.below(running.len())];
        self.fire(node, timer);
        true
    }

    /// Fires this timer.
    pub fn fire(&mut self, node: u8, timer: Timer) {
        self.beside(node).timers.remove(&timer);
        self.call(node, |engine| engine.fire(timer));
    }

    /// Collects the observations of the hosts.
    fn hear(&mut self) {
        for told in std::mem::take(&mut self.hosts.observed) {
            match told {
                Observation::Did(node, output) => self.heard(node.0, output),
                Observation::Wrote(node, batch) => self.written.push((node.0, batch)),
                Observation::Received(_) | Observation::Waits(..) => {}
            }
        }
    }

    fn heard(&mut self, node: u8, output: ControlPlaneOutput) {
        let beside = self.beside.get_mut(&node).unwrap();
        match output {
            Output::SetTimer(timer) => _ = beside.timers.insert(timer),
            Output::CancelTimer(timer) => _ = beside.timers.remove(&timer),
            Output::Decided { id, outcome } => _ = beside.decided.insert(id, outcome),
            Output::Read { id, outcome } => _ = beside.read.insert(id, outcome),
            Output::Applied { at, effect, .. } => {
                let first = self.applied.entry(at.index).or_insert_with(|| (at.term, effect.clone()));
                assert_eq!(*first, (at.term, effect), "node {node} applied something else at {at}");
            }
            Output::Persist { .. }
            | Output::Send(_)
            | Output::Installed(_)
            | Output::Transfer(_)
            | Output::BecameLeader(_)
            | Output::Mark(_)
            | Output::Halt(_) => {}
        }
    }
}
