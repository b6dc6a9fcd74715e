//! Engines, disks and a network in memory. One seed decides everything that is not decided by the test.
//!
//! Each site performs what its engine says one output at a time, in order: an output behind a batch waits until the batch
//! is on the disk. In between anything may happen at the other sites, and a crash takes everything that waits.

use super::site::{CALM, Disk, Engine, Random, Weather, config, founder, promised};
use cutover::core::control_plane::{Answer, ControlPlaneEntry, ControlPlaneOutput};
use cutover::core::ids::{Index, Term};
use cutover::core::migration::Caps;
use cutover::core::raft::{Config, Effect, Message, Outcome, Output, ProposalId, ReadId, ReadRefusal, Timer};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// A node that runs.
#[derive(Clone, Debug)]
struct Up<C> {
    engine: C,
    /// ControlPlaneOutput, and not done yet.
    waiting: VecDeque<ControlPlaneOutput>,
    timers: BTreeSet<Timer>,
}

/// A node, running or not, and its disk.
#[derive(Clone, Debug)]
struct Site<C> {
    config: Config,
    disk: Disk,
    up: Option<Up<C>>,
    /// Hears nobody, and nobody hears it.
    cut: bool,
    decided: BTreeMap<ProposalId, Outcome<Answer>>,
    read: BTreeMap<ReadId, Result<Index, ReadRefusal>>,
}

/// All of it.
#[derive(Clone, Debug)]
pub struct Cluster<C> {
    sites: Vec<Site<C>>,
    mail: Vec<Message<ControlPlaneEntry>>,
    pub random: Random,
    pub weather: Weather,
    /// What was applied at each place, by whoever did first.
    pub applied: BTreeMap<Index, (Term, Effect<Answer>)>,
}

impl<C: Engine> Cluster<C> {
    /// Nodes 1 to `count`, just started.
    pub fn new(count: u8, caps: Caps, seed: u64) -> Self {
        let founder = founder(count, caps);
        let mut cluster = Self {
            sites: Vec::new(),
            mail: Vec::new(),
            random: Random(seed),
            weather: CALM,
            applied: BTreeMap::new(),
        };
        for node in 1..=count {
            cluster.add(node, founder.disk().unwrap());
        }
        cluster
    }

    /// Starts another node from this disk; its number must be the next one.
    pub fn add(&mut self, node: u8, disk: Disk) {
        let config = config(node);
        let (decided, read) = (BTreeMap::new(), BTreeMap::new());
        self.sites.push(Site { config, disk, up: None, cut: false, decided, read });
        assert_eq!(self.sites.len(), usize::from(node));
        self.start(node);
    }

    fn site(&self, node: u8) -> &Site<C> {
        &self.sites[usize::from(node) - 1]
    }

    fn site_mut(&mut self, node: u8) -> &mut Site<C> {
        &mut self.sites[usize::from(node) - 1]
    }

    /// All nodes.
    pub fn nodes(&self) -> impl Iterator<Item = u8> + use<C> {
        1..=u8::try_from(self.sites.len()).unwrap()
    }

    /// The engine of a node that runs.
    pub fn engine(&self, node: u8) -> &C {
        &self.site(node).up.as_ref().expect("it runs").engine
    }

    /// Whether it runs.
    pub fn is_up(&self, node: u8) -> bool {
        self.site(node).up.is_some()
    }

    /// What is on its disk.
    pub fn disk(&self, node: u8) -> &Disk {
        &self.site(node).disk
    }

    /// Lets a test ask something of an engine.
    pub fn call<T>(&mut self, node: u8, ask: impl FnOnce(&mut C) -> T) -> T {
        let up = self.site_mut(node).up.as_mut().expect("it runs");
        let answer = ask(&mut up.engine);
        up.waiting.extend(up.engine.take_outputs());
        answer
    }

    /// Starts a node from its disk, if it does not run.
    pub fn start(&mut self, node: u8) {
        let site = self.site_mut(node);
        if site.up.is_none() {
            let mut engine = C::from_disk(site.config, site.disk.clone());
            let waiting = engine.take_outputs().into();
            site.up = Some(Up { engine, waiting, timers: BTreeSet::new() });
            (site.decided, site.read) = (BTreeMap::new(), BTreeMap::new());
        }
    }

    /// Only its disk is left.
    pub fn crash(&mut self, node: u8) {
        self.site_mut(node).up = None;
    }

    /// Nothing goes in or out.
    pub fn cut(&mut self, node: u8) {
        self.site_mut(node).cut = true;
    }

    /// Everybody runs and hears everybody.
    pub fn heal(&mut self) {
        for node in self.nodes() {
            self.site_mut(node).cut = false;
            self.start(node);
        }
    }

    /// The outcome of a proposal made there, in this life.
    pub fn decided(&self, node: u8, id: ProposalId) -> Option<&Outcome<Answer>> {
        self.site(node).decided.get(&id)
    }

    /// The outcome of a read made there, in this life.
    pub fn read(&self, node: u8, id: ReadId) -> Option<Result<Index, ReadRefusal>> {
        self.site(node).read.get(&id).copied()
    }

    /// Who leads in the latest term, among those that can be reached.
    pub fn leader(&self) -> Option<u8> {
        let leads = |node: &u8| {
            let site = self.site(*node);
            !site.cut && site.up.as_ref().is_some_and(|up| up.engine.is_leader())
        };
        self.nodes().filter(leads).max_by_key(|node| self.engine(*node).current_term())
    }

    /// One thing happens: an output is performed, a message arrives or is lost, a timer ends. `false`: nothing can.
    pub fn step(&mut self) -> bool {
        let busy: Vec<u8> = self.nodes().filter(|node| self.is_busy(*node)).collect();
        let choices = busy.len() + self.mail.len();
        let alarm = self.weather.alarm;
        if choices == 0 || self.random.chance(alarm) {
            return self.alarm();
        }
        let choice = self.random.below(choices);
        match busy.get(choice) {
            Some(node) => self.perform(*node),
            None => self.deliver(choice - busy.len()),
        }
        true
    }

    /// Steps until this holds; `false` if it does not come to.
    pub fn run_until(&mut self, steps: usize, holds: impl Fn(&Self) -> bool) -> bool {
        for _ in 0..steps {
            if holds(self) || !self.step() {
                break;
            }
        }
        holds(self)
    }

    /// Performs and delivers until only timers are left.
    pub fn settle(&mut self) {
        let weather = std::mem::replace(&mut self.weather, CALM);
        while !self.mail.is_empty() || self.nodes().any(|node| self.is_busy(node)) {
            self.step();
        }
        self.weather = weather;
    }

    /// Steps until all that run know as much to be committed as the leader does; `false` if it does not come to that.
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
        self.site(node).up.as_ref().is_some_and(|up| !up.waiting.is_empty())
    }

    fn deliver(&mut self, at: usize) {
        let Weather { loss, repeat, .. } = self.weather;
        let message = self.mail.swap_remove(at);
        let (from, to) = (message.from.node.0, message.to.node.0);
        // One that was admitted need not be there.
        let absent = usize::from(to) > self.sites.len();
        let apart = absent || self.site(from).cut || self.site(to).cut || !self.is_up(to);
        if apart || self.random.chance(loss) {
            return;
        }
        if self.random.chance(repeat) {
            self.mail.push(message.clone());
        }
        self.call(to, |engine| engine.receive(message));
    }

    /// A timer ends. Leaders speak far more often than anybody's patience ends.
    fn alarm(&mut self) -> bool {
        let mut running = Vec::new();
        for node in self.nodes() {
            let timers = self.site(node).up.as_ref().map(|up| up.timers.clone()).unwrap_or_default();
            for timer in timers {
                let weight = if timer == Timer::Heartbeat { 8 } else { 1 };
                running.extend(std::iter::repeat_n((node, timer), weight));
            }
        }
        if running.is_empty() {
            return false;
        }
        let (node, timer) = running[self.random.below(running.len())];
        self.fire(node, timer);
        true
    }

    /// This timer ends.
    pub fn fire(&mut self, node: u8, timer: Timer) {
        self.site_mut(node).up.as_mut().expect("it runs").timers.remove(&timer);
        self.call(node, |engine| engine.fire(timer));
    }

    /// Performs the next output of a node, if there is any, and looks whether it may be performed yet.
    pub fn perform(&mut self, node: u8) {
        let site = self.site_mut(node);
        let Some(up) = site.up.as_mut() else { return };
        let Some(output) = up.waiting.pop_front() else { return };
        match output {
            Output::Persist { number, batch } => {
                site.disk.write(&batch);
                self.call(node, |engine| engine.synced(number));
            }
            Output::Send(message) => {
                promised(&site.disk, &message);
                self.mail.push(message);
            }
            Output::SetTimer(timer) => _ = up.timers.insert(timer),
            Output::CancelTimer(timer) => _ = up.timers.remove(&timer),
            Output::Decided { id, outcome } => {
                site.decided.insert(id, outcome.clone());
                self.durable(node, &outcome);
            }
            Output::Read { id, outcome } => _ = site.read.insert(id, outcome),
            Output::Applied { at, effect, .. } => {
                let first = self.applied.entry(at.index).or_insert_with(|| (at.term, effect.clone()));
                assert_eq!(*first, (at.term, effect), "node {node} applied something else at {at}");
            }
            Output::Halt(halt) => panic!("node {node} halted: {}: {}", halt.invariant, halt.facts),
            Output::Installed(_) | Output::Transfer(_) | Output::BecameLeader(_) | Output::Mark(_) => {}
        }
    }

    /// What is told to be committed is on the own disk, and on those of most.
    fn durable(&self, node: u8, outcome: &Outcome<Answer>) {
        let Outcome::Committed { index, .. } = outcome else { return };
        let term = |disk: &Disk| disk.log.term_at(*index);
        let covers = |disk: &Disk| disk.snapshot.last.index >= *index;
        let own = self.disk(node);
        assert!(term(own).is_some() || covers(own), "{index} is told, and not on the disk of node {node}");
        let have =
            self.sites.iter().filter(|site| covers(&site.disk) || term(&site.disk) == term(own)).count();
        assert!(2 * have > self.voters(node), "{index} is told, and on {have} disks");
    }

    fn voters(&self, node: u8) -> usize {
        self.disk(node).snapshot.configuration.voters().count()
    }
}
