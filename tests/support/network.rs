//! Nodes, their disks, and the wire between them. Nothing happens by itself: whoever drives it delivers, syncs and
//! crashes, and reads what was [`Told`].
//!
//! Everything that leaves a node goes through its bytes. A disk takes batches in their order; what a node said behind a
//! batch waits for it.

use super::judge::Judge;
use cutover::core::control_plane::{ClusterVoterIdentity, ControlPlaneEntry, ControlPlaneState, Founder};
use cutover::core::ids::{ClusterId, Incarnation, NodeId};
use cutover::core::migration::Caps;
use cutover::core::raft::{
    Batch, BatchNumber, Config, Durable, Elections, HardState, Input, Limits, Log, Message, Node, Output,
    Peer, SessionLimits,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

pub type Letter = Message<ControlPlaneEntry>;
pub type ControlPlaneOutput = Output<ControlPlaneState>;
pub type Disk = Durable<ControlPlaneEntry>;

/// What can be seen from outside, in order.
#[derive(Clone, Debug)]
pub enum Told {
    Received(Letter),
    Wrote(NodeId, Batch<ControlPlaneEntry>),
    Did(NodeId, ControlPlaneOutput),
    /// So many batches wait for the disk.
    Waits(NodeId, usize),
}

/// One node, and what surrounds it.
pub struct Replica {
    pub config: Config,
    /// `None` while it is down.
    pub node: Option<Node<ControlPlaneState>>,
    pub disk: Disk,
    /// ControlPlaneOutput, and not done: batches that are not written, and what waits for them.
    pub waiting: VecDeque<ControlPlaneOutput>,
    /// Durable, and the node was not told.
    pub unreported: Option<BatchNumber>,
    /// Batches wait until they are told to be written.
    pub slow: bool,
}

impl Replica {
    /// The first output that may be performed now.
    fn next(&mut self) -> Option<ControlPlaneOutput> {
        let rests = |output: &ControlPlaneOutput| match output {
            Output::Persist { .. } => true,
            Output::Send(letter) => letter.body.after_persist(),
            Output::SetTimer(_)
            | Output::CancelTimer(_)
            | Output::Applied { .. }
            | Output::Installed(_)
            | Output::Decided { .. }
            | Output::Read { .. }
            | Output::Transfer(_)
            | Output::BecameLeader(_)
            | Output::Mark(_)
            | Output::Halt(_) => false,
        };
        let batch = |output: &ControlPlaneOutput| matches!(output, Output::Persist { .. });
        let held = self.slow && self.waiting.front().is_some_and(batch);
        let at = if held { self.waiting.iter().position(|output| !rests(output))? } else { 0 };
        self.waiting.remove(at)
    }
}

/// All of them.
pub struct Cluster {
    pub limits: Limits,
    founder: Founder,
    pub replicas: BTreeMap<NodeId, Replica>,
    /// Sent, and neither delivered nor dropped; oldest first.
    pub wire: Vec<Letter>,
    /// Nothing passes between these, lower name first.
    pub cuts: BTreeSet<(NodeId, NodeId)>,
    pub told: Vec<Told>,
    pub judge: Judge,
    /// Every input, and the node as it was before it, if somebody wants them.
    pub inputs: Option<Vec<(Node<ControlPlaneState>, Input<ControlPlaneEntry>)>>,
}

/// Bounds that no script meets unless it sets them.
pub const WIDE: Limits = Limits {
    elections: Elections::Plain,
    window: 8,
    append_entries_max: 64,
    entry_bytes_max: 4096,
    uncommitted_bytes_max: 1 << 20,
    reads_max: 16,
    compact_after_entries: u64::MAX,
    keep_entries: 0,
};

pub fn identity(peer: Peer) -> ClusterVoterIdentity {
    let subject = format!("CN=node-{}-{},O=cutover", peer.node.0, peer.incarnation.0);
    ClusterVoterIdentity::from_certificate_subject(&subject).unwrap()
}

pub const fn first_life(node: NodeId) -> Peer {
    Peer { node, incarnation: Incarnation(1) }
}

/// The same value, after it was written to bytes and read back.
fn through_bytes<T: Serialize + DeserializeOwned + PartialEq + core::fmt::Debug>(value: &T) -> T {
    let bytes = postcard::to_allocvec(value).unwrap();
    let (back, rest): (T, _) = postcard::take_from_bytes(&bytes).unwrap();
    assert!(rest.is_empty() && back == *value, "{value:?} does not survive its bytes");
    back
}

impl Cluster {
    /// Voters `n1`, `n2`, …, each with the first disk of the cluster.
    pub fn new(limits: Limits, sessions: SessionLimits, voters: u8) -> Self {
        let peers: Vec<Peer> = (1..=voters).map(|node| first_life(NodeId(node))).collect();
        let voters = peers.iter().map(|peer| (*peer, identity(*peer).into())).collect();
        let founder = Founder { voters, caps: Caps::PRODUCTION, sessions };
        let mut cluster = Self {
            limits,
            founder,
            replicas: BTreeMap::new(),
            wire: Vec::new(),
            cuts: BTreeSet::new(),
            told: Vec::new(),
            judge: Judge::new(),
            inputs: None,
        };
        for peer in peers {
            let disk = cluster.founder.disk().unwrap();
            cluster.put(peer, disk);
        }
        cluster
    }

    fn put(&mut self, me: Peer, disk: Disk) {
        let config = Config { cluster: ClusterId(1), me, limits: self.limits };
        let (waiting, unreported, slow) = (VecDeque::new(), None, false);
        let replica = Replica { config, node: None, disk, waiting, unreported, slow };
        self.replicas.insert(me.node, replica);
        self.restart(me.node);
    }

    /// A node with an empty disk; under a known name, in its next life.
    pub fn join(&mut self, node: NodeId) {
        let me = match self.replicas.get(&node) {
            Some(old) => Peer { node, incarnation: old.config.me.incarnation.next() },
            None => first_life(node),
        };
        let disk = self.founder.empty_disk().unwrap();
        self.put(me, disk);
    }

    pub fn replica(&self, node: NodeId) -> &Replica {
        &self.replicas[&node]
    }

    pub fn node(&self, node: NodeId) -> Option<&Node<ControlPlaneState>> {
        self.replicas.get(&node)?.node.as_ref()
    }

    pub fn names(&self) -> Vec<NodeId> {
        self.replicas.keys().copied().collect()
    }

    /// Hands an input to a node that is up, and does what can be done.
    pub fn step(&mut self, at: NodeId, input: Input<ControlPlaneEntry>) {
        let Some(replica) = self.replicas.get_mut(&at) else { return };
        let Some(node) = &mut replica.node else { return };
        self.judge.asked(node, &input);
        if let Some(inputs) = &mut self.inputs {
            inputs.push((node.clone(), input.clone()));
        }
        let said = node.handle(input);
        let persists = said.iter().filter(|output| matches!(output, Output::Persist { .. })).count();
        self.judge.judge(node);
        self.judge.durable(node, &replica.disk);
        replica.waiting.extend(said);
        if replica.slow && persists > 0 {
            let waiting =
                replica.waiting.iter().filter(|output| matches!(output, Output::Persist { .. })).count();
            self.told.push(Told::Waits(at, waiting));
        }
        self.perform(at);
    }

    /// Does what waits for no batch; on a disk that is not slow, all.
    pub fn perform(&mut self, at: NodeId) {
        while let Some(replica) = self.replicas.get_mut(&at)
            && let Some(output) = replica.next()
        {
            match output {
                batch @ Output::Persist { .. } => {
                    replica.waiting.push_front(batch);
                    self.write(at);
                    self.report(at);
                }
                Output::Send(letter) => {
                    self.judge.sent(&letter, &replica.disk);
                    let bytes = letter.encode().unwrap();
                    assert_eq!(Message::decode(&bytes).as_ref(), Ok(&letter));
                    self.told.push(Told::Did(at, Output::Send(letter.clone())));
                    self.wire.push(letter);
                }
                other @ (Output::SetTimer(_)
                | Output::CancelTimer(_)
                | Output::Applied { .. }
                | Output::Installed(_)
                | Output::Decided { .. }
                | Output::Read { .. }
                | Output::Transfer(_)
                | Output::BecameLeader(_)
                | Output::Mark(_)
                | Output::Halt(_)) => {
                    self.judge.did(replica.config.me, &other);
                    self.told.push(Told::Did(at, other));
                }
            }
        }
    }

    /// Writes the batch in front, and does not report it. `false`: there is none.
    pub fn write(&mut self, at: NodeId) -> bool {
        let Some(replica) = self.replicas.get_mut(&at) else { return false };
        let Some(Output::Persist { number, batch }) = replica.waiting.front() else { return false };
        let (number, batch) = (*number, through_bytes(batch));
        replica.waiting.pop_front();
        replica.disk.write(&batch);
        replica.unreported = Some(number);
        self.judge.wrote(replica.config.me, &replica.disk);
        self.told.push(Told::Wrote(at, batch));
        true
    }

    /// Tells the node of everything written.
    pub fn report(&mut self, at: NodeId) {
        let Some(replica) = self.replicas.get_mut(&at) else { return };
        if let Some(through) = replica.unreported.take() {
            self.step(at, Input::Synced(through));
        }
    }

    /// Writes one batch, does what stands behind it, then tells the node.
    pub fn sync(&mut self, at: NodeId) -> bool {
        let written = self.write(at);
        self.perform(at);
        self.report(at);
        written
    }

    /// The node is gone, with everything it had not done; so many more batches reach the disk.
    pub fn crash(&mut self, at: NodeId, keep: usize) {
        let Some(replica) = self.replicas.get_mut(&at) else { return };
        let batches = replica.waiting.drain(..).filter_map(|output| match output {
            Output::Persist { batch, .. } => Some(batch),
            Output::Send(_)
            | Output::SetTimer(_)
            | Output::CancelTimer(_)
            | Output::Applied { .. }
            | Output::Installed(_)
            | Output::Decided { .. }
            | Output::Read { .. }
            | Output::Transfer(_)
            | Output::BecameLeader(_)
            | Output::Mark(_)
            | Output::Halt(_) => None,
        });
        for batch in batches.take(keep).collect::<Vec<_>>() {
            replica.disk.write(&batch);
            self.told.push(Told::Wrote(at, batch));
        }
        replica.node = None;
        replica.unreported = None;
    }

    /// Starts a node from its disk.
    pub fn restart(&mut self, at: NodeId) {
        let Some(replica) = self.replicas.get_mut(&at) else { return };
        let (node, said) = Node::start(replica.config, through_bytes(&replica.disk)).unwrap();
        self.judge.started(&node);
        replica.node = Some(node);
        replica.waiting.extend(said);
        self.perform(at);
    }

    /// Starts from the first disk of the cluster with this term and vote, and this log.
    pub fn start_from(&mut self, at: NodeId, vote: HardState, log: Log<ControlPlaneEntry>) {
        let first = self.founder.disk().unwrap();
        if let Some(replica) = self.replicas.get_mut(&at) {
            replica.disk = Durable { hard_state: vote, log, ..first };
            replica.waiting.clear();
            replica.unreported = None;
        }
        self.restart(at);
    }

    pub fn is_cut(&self, letter: &Letter) -> bool {
        let (from, to) = (letter.from.node, letter.to.node);
        self.cuts.contains(&(from.min(to), from.max(to)))
    }

    /// A message arrives, if there is somebody and no cut.
    pub fn deliver(&mut self, letter: Letter) {
        let up = self.node(letter.to.node).is_some();
        if up && !self.is_cut(&letter) {
            self.told.push(Told::Received(letter.clone()));
            self.step(letter.to.node, Input::Received(letter));
        }
    }
}
