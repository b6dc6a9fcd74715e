//! The hosts of one cluster, the wire between them, and the judge. Nothing happens by itself: the caller delivers,
//! syncs and crashes, and reads the observations ([`Observation`]).
//!
//! Every message and batch is encoded and decoded. The invariants of the registry ([`cutover::core::invariant`])
//! are judged at every step.

use cutover::core::control_plane::{ControlPlaneEntry, ControlPlaneOutput};
use cutover::core::ids::{Index, NodeId};
use cutover::core::raft::{Batch, Config, Durable, Message, Output, Peer, ReadId};
use cutover_model::host::{Earlier, Engine, Host, Judge, Unreadable, Wire, carried};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

pub type NodeMessage = Message<ControlPlaneEntry>;
pub type Disk = Durable<ControlPlaneEntry>;

/// Log index of the founding configuration.
const FOUNDED: Index = Index(1);

/// An observation from outside the nodes.
#[derive(Clone, Debug)]
#[expect(clippy::large_enum_variant, reason = "an observation is looked at, and not kept")]
pub enum Observation {
    Received(NodeMessage),
    Wrote(NodeId, Batch<ControlPlaneEntry>),
    Did(NodeId, ControlPlaneOutput),
    /// The number of batches that wait for the disk.
    Waits(NodeId, usize),
}

/// The hosts of one cluster.
#[derive(Clone, Debug)]
pub struct Hosts<E> {
    /// All hosts by node id. A host that is down is in the state in which it will start.
    hosts: cutover_model::host::Hosts<E>,
    down: BTreeSet<NodeId>,
    /// The nodes whose batches wait until the caller writes them.
    pub slow: BTreeSet<NodeId>,
    /// Messages sent and neither delivered nor dropped, oldest first.
    pub wire: Wire<NodeMessage>,
    /// Links that are cut, as pairs with the lower id first.
    pub cuts: BTreeSet<(NodeId, NodeId)>,
    pub observed: Vec<Observation>,
    judge: Judge,
    /// Ignores violations: for runs with inputs that no node would send.
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
            observed: Vec::new(),
            judge: Judge::new(FOUNDED),
            silent: false,
        }
    }

    pub fn names(&self) -> Vec<NodeId> {
        self.hosts.keys().copied().collect()
    }

    /// All hosts, running or not.
    pub fn all_mut(&mut self) -> impl Iterator<Item = &mut Host<E>> {
        self.hosts.values_mut()
    }

    /// A host, running or not.
    pub fn host(&self, at: NodeId) -> Option<&Host<E>> {
        self.hosts.get(&at)
    }

    /// A running host.
    pub fn up(&self, at: NodeId) -> Option<&Host<E>> {
        self.hosts.get(&at).filter(|_| !self.down.contains(&at))
    }

    /// Adds a node with this disk and starts it.
    pub fn put(&mut self, config: Config, disk: Disk) {
        let at = config.me.node;
        self.hosts.insert(at, Host::start(config, disk).unwrap());
        self.judge.forget_reads(at);
        self.judge.look(&self.hosts);
        self.verdict();
        self.down.insert(at);
        self.start(at);
    }

    /// Id and directory of a node, running or not.
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

    /// Crashes a node; the `keep` oldest of its waiting batches reach the disk.
    pub fn crash(&mut self, at: NodeId, keep: usize) {
        let Some(host) = self.hosts.remove(&at) else { return };
        let earlier = Earlier::of(&host);
        let config = host.engine.node().config();
        self.observed.extend(host.queued().take(keep).map(|batch| Observation::Wrote(at, batch.clone())));
        let disk = host.crash(keep).unwrap_or_else(|Unreadable(what)| panic!("{what} of {at} is lost"));
        self.hosts.insert(at, Host::start(config, disk).unwrap());
        self.down.insert(at);
        self.judge.restarted(&self.hosts, at, &earlier);
        self.verdict();
    }

    /// Calls the machine of a running node, and performs its outputs.
    pub fn call<T>(&mut self, at: NodeId, ask: impl FnOnce(&mut E) -> T) -> Option<T> {
        self.asked(at, ask, |_, _| {})
    }

    /// Requests a read at a running node, and performs the outputs.
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

    /// Gives an input to a machine, and judges its outputs.
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
            self.observed.push(Observation::Waits(at, host.queued().len() + persists));
        }
        self.judge.took(&self.hosts, at, &earlier, &outputs);
        self.verdict();
        Some((answer, outputs))
    }

    /// Performs the outputs that need not wait for a batch; on a disk that is not slow, all of them.
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
        if let Output::Send(message) = &output {
            let message = carried(message).unwrap_or_else(|| panic!("{message} does not survive its bytes"));
            if let Some(host) = self.hosts.get(&at) {
                self.judge.sent(host, &message);
            }
            self.verdict();
            self.wire.push(message);
        }
        self.observed.push(Observation::Did(at, output));
    }

    /// Writes the oldest batch without telling the node; false if there is none.
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
        self.observed.push(Observation::Wrote(at, batch));
        for message in free {
            self.did(at, Output::Send(message));
        }
        true
    }

    fn reported(&mut self, at: NodeId) -> Vec<ControlPlaneOutput> {
        let Some(host) = self.hosts.get_mut(&at) else { return Vec::new() };
        let Some(through) = host.take_unreported() else { return Vec::new() };
        self.take(at, |engine| engine.persisted(through), |_, _| {})
            .map_or_else(Vec::new, |(_, outputs)| outputs)
    }

    /// Tells the node which batches are on its disk.
    pub fn report(&mut self, at: NodeId) {
        let outputs = self.reported(at);
        self.perform(at, outputs);
    }

    /// Writes one batch, sends the messages that waited for it, and tells the node.
    pub fn sync(&mut self, at: NodeId) -> bool {
        let written = self.write(at);
        self.report(at);
        written
    }

    /// Makes the disk fast again: all waiting batches are written.
    pub fn quicken(&mut self, at: NodeId) {
        self.slow.remove(&at);
        while self.sync(at) {}
        self.report(at);
    }

    fn is_cut(&self, message: &NodeMessage) -> bool {
        let (from, to) = (message.from.node, message.to.node);
        self.cuts.contains(&(from.min(to), from.max(to)))
    }

    /// Whether a message can arrive: its receiver runs, and the link is not cut.
    pub fn arrives(&mut self, message: &NodeMessage) -> bool {
        let arrives = self.up(message.to.node).is_some() && !self.is_cut(message);
        if arrives {
            self.observed.push(Observation::Received(message.clone()));
        }
        arrives
    }

    fn verdict(&mut self) {
        let violations = self.judge.violations();
        assert!(self.silent || violations.is_empty(), "{violations:#?}");
    }
}
