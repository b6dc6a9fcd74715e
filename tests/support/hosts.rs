//! Hosts of one cluster, the wire between them, and the judge of all they do. Nothing happens by itself: whoever drives it
//! delivers, syncs and crashes, and reads what was [`Told`].
//!
//! Everything that leaves a node goes through its bytes. What must hold is in the registry of invariants
//! ([`cutover::core::invariant`]), and is judged at every step.

use cutover::core::control_plane::{ControlPlaneEntry, ControlPlaneOutput};
use cutover::core::ids::{Index, NodeId};
use cutover::core::raft::{Batch, Config, Durable, Message, Output, Peer, ReadId};
use cutover_model::host::{Earlier, Engine, Host, Judge, Unreadable, Wire, carried};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

pub type Letter = Message<ControlPlaneEntry>;
pub type Disk = Durable<ControlPlaneEntry>;

/// Where the founders of a cluster begin.
const FOUNDED: Index = Index(1);

/// What can be seen from outside, in order.
#[derive(Clone, Debug)]
pub enum Told {
    Received(Letter),
    Wrote(NodeId, Batch<ControlPlaneEntry>),
    Did(NodeId, ControlPlaneOutput),
    /// So many batches wait for the disk.
    Waits(NodeId, usize),
}

/// All of them.
#[derive(Clone, Debug)]
pub struct Hosts<E> {
    /// Of a node that is down, the host as it will be when it starts.
    hosts: cutover_model::host::Hosts<E>,
    down: BTreeSet<NodeId>,
    /// Whose batches wait until they are told to be written.
    pub slow: BTreeSet<NodeId>,
    /// Sent, and neither delivered nor dropped; oldest first.
    pub wire: Wire<Letter>,
    /// Nothing passes between these, lower name first.
    pub cuts: BTreeSet<(NodeId, NodeId)>,
    pub told: Vec<Told>,
    judge: Judge,
    /// What the invariants find is left out: for a run in which somebody outside does what no node would.
    pub silent: bool,
}

impl<E: Engine> Hosts<E> {
    pub fn new() -> Self {
        Self {
            hosts: BTreeMap::new(),
            down: BTreeSet::new(),
            slow: BTreeSet::new(),
            wire: Wire::default(),
            cuts: BTreeSet::new(),
            told: Vec::new(),
            judge: Judge::new(FOUNDED),
            silent: false,
        }
    }

    pub fn names(&self) -> Vec<NodeId> {
        self.hosts.keys().copied().collect()
    }

    /// All nodes.
    pub fn all_mut(&mut self) -> impl Iterator<Item = &mut Host<E>> {
        self.hosts.values_mut()
    }

    /// A node, running or not.
    pub fn host(&self, at: NodeId) -> Option<&Host<E>> {
        self.hosts.get(&at)
    }

    /// A node that runs.
    pub fn up(&self, at: NodeId) -> Option<&Host<E>> {
        self.hosts.get(&at).filter(|_| !self.down.contains(&at))
    }

    /// Puts a node there that begins with this disk.
    pub fn put(&mut self, config: Config, disk: Disk) {
        let at = config.me.node;
        self.hosts.insert(at, Host::start(config, disk).unwrap());
        self.judge.forget_reads(at);
        self.judge.look(&self.hosts);
        self.verdict();
        self.down.insert(at);
        self.start(at);
    }

    /// Who it is, running or not.
    pub fn peer(&self, at: NodeId) -> Option<Peer> {
        self.hosts.get(&at).map(Host::me)
    }

    /// Starts a node that is down.
    pub fn start(&mut self, at: NodeId) {
        if self.down.remove(&at)
            && let Some(host) = self.hosts.get_mut(&at)
        {
            let outputs = host.engine.drain_outputs();
            self.perform(at, outputs);
        }
    }

    /// The node is gone, with everything it had not done; so many more batches reach the disk.
    pub fn crash(&mut self, at: NodeId, keep: usize) {
        let Some(host) = self.hosts.remove(&at) else { return };
        let earlier = Earlier::of(&host);
        let config = host.engine.node().config();
        self.told.extend(host.queued().take(keep).map(|batch| Told::Wrote(at, batch.clone())));
        let disk = host.crash(keep).unwrap_or_else(|Unreadable(what)| panic!("{what} of {at} is lost"));
        self.hosts.insert(at, Host::start(config, disk).unwrap());
        self.down.insert(at);
        self.judge.restarted(&self.hosts, at, &earlier);
        self.verdict();
    }

    /// Asks something of a node that runs, and does what can be done.
    pub fn call<T>(&mut self, at: NodeId, ask: impl FnOnce(&mut E) -> T) -> Option<T> {
        self.asked(at, ask, |_, _| {})
    }

    /// Wants to read at a node that runs, and does what can be done.
    pub fn read<R>(
        &mut self,
        at: NodeId,
        ask: impl FnOnce(&mut E) -> Result<ReadId, R>,
    ) -> Option<Result<ReadId, R>> {
        self.asked(at, ask, |judge, taken| {
            if let Ok(id) = taken {
                judge.reading(at, *id);
            }
        })
    }

    fn asked<T>(
        &mut self,
        at: NodeId,
        ask: impl FnOnce(&mut E) -> T,
        note: impl FnOnce(&mut Judge, &T),
    ) -> Option<T> {
        self.up(at)?;
        let (answer, outputs) = self.take(at, ask, note)?;
        self.perform(at, outputs);
        Some(answer)
    }

    /// Hands something to a machine, and judges what it wants done.
    fn take<T>(
        &mut self,
        at: NodeId,
        ask: impl FnOnce(&mut E) -> T,
        note: impl FnOnce(&mut Judge, &T),
    ) -> Option<(T, Vec<ControlPlaneOutput>)> {
        let host = self.hosts.get_mut(&at)?;
        let earlier = Earlier::of(host);
        let answer = ask(&mut host.engine);
        note(&mut self.judge, &answer);
        let outputs = host.engine.drain_outputs();
        let persists = outputs.iter().filter(|output| matches!(output, Output::Persist { .. })).count();
        if self.slow.contains(&at) && persists > 0 {
            self.told.push(Told::Waits(at, host.queued().len() + persists));
        }
        self.judge.took(&self.hosts, at, &earlier, &outputs);
        self.verdict();
        Some((answer, outputs))
    }

    /// Does what waits for no batch; on a disk that is not slow, all.
    fn perform(&mut self, at: NodeId, outputs: Vec<ControlPlaneOutput>) {
        let mut outputs = VecDeque::from(outputs);
        while let Some(output) = outputs.pop_front() {
            let Some(host) = self.hosts.get_mut(&at) else { return };
            if let Some(output) = host.pass(output) {
                self.did(at, output);
            } else if !self.slow.contains(&at) {
                while self.write(at) {
                    outputs.extend(self.reported(at));
                }
            }
        }
    }

    fn did(&mut self, at: NodeId, output: ControlPlaneOutput) {
        if let Output::Send(letter) = &output {
            let letter = carried(letter).unwrap_or_else(|| panic!("{letter} does not survive its bytes"));
            if let Some(host) = self.hosts.get(&at) {
                self.judge.sent(host, &letter);
            }
            self.verdict();
            self.wire.push(letter);
        }
        self.told.push(Told::Did(at, output));
    }

    /// Writes the oldest batch, and does not report it. `false`: there is none.
    pub fn write(&mut self, at: NodeId) -> bool {
        let Some(host) = self.hosts.get_mut(&at) else { return false };
        let Some(batch) = host.queued().next().cloned() else { return false };
        let earlier = Earlier::of(host);
        let free = match host.write() {
            Some(Ok(free)) => free,
            Some(Err(Unreadable(what))) => panic!("{what} of {at} does not survive its bytes"),
            None => return false,
        };
        if let Some(host) = self.hosts.get(&at) {
            self.judge.stepped(host, &earlier);
        }
        self.verdict();
        self.told.push(Told::Wrote(at, batch));
        for letter in free {
            self.did(at, Output::Send(letter));
        }
        true
    }

    fn reported(&mut self, at: NodeId) -> Vec<ControlPlaneOutput> {
        let Some(host) = self.hosts.get_mut(&at) else { return Vec::new() };
        let Some(through) = host.take_unreported() else { return Vec::new() };
        self.take(at, |engine| engine.persisted(through), |_, _| {})
            .map_or_else(Vec::new, |(_, outputs)| outputs)
    }

    /// Tells the node of everything written.
    pub fn report(&mut self, at: NodeId) {
        let outputs = self.reported(at);
        self.perform(at, outputs);
    }

    /// Writes one batch, sends what waited for it, then tells the node.
    pub fn sync(&mut self, at: NodeId) -> bool {
        let written = self.write(at);
        self.report(at);
        written
    }

    /// From now on the disk is not slow: everything that waits is written.
    pub fn quicken(&mut self, at: NodeId) {
        self.slow.remove(&at);
        while self.sync(at) {}
        self.report(at);
    }

    fn is_cut(&self, letter: &Letter) -> bool {
        let (from, to) = (letter.from.node, letter.to.node);
        self.cuts.contains(&(from.min(to), from.max(to)))
    }

    /// Whether a message arrives: there is somebody, and no cut.
    pub fn arrives(&mut self, letter: &Letter) -> bool {
        let arrives = self.up(letter.to.node).is_some() && !self.is_cut(letter);
        if arrives {
            self.told.push(Told::Received(letter.clone()));
        }
        arrives
    }

    fn verdict(&mut self) {
        let violations = self.judge.violations();
        assert!(self.silent || violations.is_empty(), "{violations:#?}");
    }
}
