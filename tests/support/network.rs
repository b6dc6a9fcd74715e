//! A cluster of Raft nodes without the seam: requests are [`Input`]s, and outcomes are outputs.

use super::hosts::{Disk, Hosts, NodeMessage, Observation};
use cutover::core::control_plane::{
    ClusterVoterIdentity, ControlPlaneEntry, ControlPlaneOutput, ControlPlaneState, Founder,
};
use cutover::core::ids::{ClusterId, DirectoryId, HistoryId, Index, NodeId};
use cutover::core::migration::Caps;
use cutover::core::placement::Guarantee;
use cutover::core::raft::{
    BatchNumber, Config, Content, Durable, Elections, Entry, HardState, Input, Log, Node, NodeLimits,
    Outcome, Output, Payload, Peer, ProposalId, SessionLimits, StartError,
};
use cutover_model::host::{Engine, Host, known_stores};
use std::collections::{BTreeMap, BTreeSet};

/// A Raft node with its queued outputs.
#[derive(Clone, Debug)]
pub struct Participant {
    node: Node<ControlPlaneState>,
    outputs: Vec<ControlPlaneOutput>,
    /// The inputs of the node, if they are recorded.
    inputs: Option<Vec<Taken>>,
}

/// An input, and the node's state before it.
pub type Taken = (Node<ControlPlaneState>, Input<ControlPlaneEntry>);

impl Participant {
    pub fn take(&mut self, input: Input<ControlPlaneEntry>) {
        if let Some(inputs) = &mut self.inputs {
            inputs.push((self.node.clone(), input.clone()));
        }
        self.outputs.extend(self.node.handle(input));
    }
}

impl Engine for Participant {
    fn start(config: Config, disk: Disk) -> Result<Self, StartError> {
        let (node, outputs) = Node::start(config, disk)?;
        Ok(Self { node, outputs, inputs: None })
    }

    fn node(&self) -> &Node<ControlPlaneState> {
        &self.node
    }

    fn persisted(&mut self, through: BatchNumber) {
        self.take(Input::Synced(through));
    }

    fn drain_outputs(&mut self) -> Vec<ControlPlaneOutput> {
        std::mem::take(&mut self.outputs)
    }
}

/// A cluster of Raft nodes.
pub struct Cluster {
    limits: NodeLimits,
    founder: Founder,
    pub hosts: Hosts<Participant>,
    proposals: Proposals,
    /// Turns off assertions, for a run in which nodes are made to violate an invariant.
    pub broken: bool,
}

/// Limits so large that a script reaches them only if it sets them.
pub const WIDE: NodeLimits = NodeLimits {
    elections: Elections::Plain,
    window: 8,
    append_entries_max: 64,
    entry_bytes_max: 4096,
    uncommitted_bytes_max: 1 << 20,
    reads_max: 16,
    compact_after_entries: u64::MAX,
    keep_entries: 0,
    term_leap_max: 1 << 20,
};

pub fn identity(peer: Peer) -> ClusterVoterIdentity {
    let subject = format!("CN=node-{}-{},O=cutover", peer.node.0, peer.directory.0);
    ClusterVoterIdentity::from_certificate_subject(&subject).unwrap()
}

pub const fn first_life(node: NodeId) -> Peer {
    Peer { node, directory: DirectoryId(1) }
}

impl Cluster {
    /// A cluster of voters `n1`, `n2`, …, each with the founding disk.
    pub fn new(limits: NodeLimits, sessions: SessionLimits, voters: u8) -> Self {
        let peers: Vec<Peer> = (1..=voters).map(|node| first_life(NodeId(node))).collect();
        let voters = peers.iter().map(|peer| (*peer, identity(*peer).into())).collect();
        let founder = Founder {
            cluster: ClusterId(1),
            history: HistoryId(1),
            voters,
            caps: Caps::PRODUCTION,
            sessions,
            stores: known_stores([Guarantee::Sealed; 3]),
        };
        let (hosts, proposals) = (Hosts::new(), Proposals::default());
        let mut cluster = Self { limits, founder, hosts, proposals, broken: false };
        for peer in peers {
            let disk = cluster.founder.disk().unwrap();
            cluster.put(peer, disk);
        }
        cluster
    }

    fn put(&mut self, me: Peer, disk: Disk) {
        self.hosts.put(Config { me, limits: self.limits }, disk);
    }

    /// Starts a node with an empty disk. If the node exists, it is in its next directory.
    pub fn join(&mut self, node: NodeId) {
        let me = match self.hosts.peer(node) {
            Some(old) => Peer { node, directory: old.directory.next() },
            None => first_life(node),
        };
        let disk = self.founder.empty_disk().unwrap();
        self.hosts.slow.remove(&node);
        self.put(me, disk);
    }

    pub fn host(&self, at: NodeId) -> &Host<Participant> {
        self.hosts.host(at).unwrap()
    }

    /// The Raft node, if it runs.
    pub fn node(&self, at: NodeId) -> Option<&Node<ControlPlaneState>> {
        self.hosts.up(at).map(|host| host.engine.node())
    }

    /// Takes the inputs recorded since the last call, of nodes that existed then.
    pub fn inputs(&mut self) -> Vec<Taken> {
        let inputs = |host: &mut Host<Participant>| host.engine.inputs.replace(Vec::new());
        self.hosts.all_mut().filter_map(inputs).flatten().collect()
    }

    pub fn names(&self) -> Vec<NodeId> {
        self.hosts.names()
    }

    /// Gives an input to a running node, and performs the outputs.
    pub fn step(&mut self, at: NodeId, input: Input<ControlPlaneEntry>) {
        if self.hosts.up(at).is_none() {
            return;
        }
        if let Input::Propose { id, content } = &input {
            self.proposals.proposed(*id, content);
        }
        let read = if let Input::Read { id } = &input { Some(*id) } else { None };
        self.hosts.read(at, |participant| {
            participant.take(input);
            read.ok_or(())
        });
        if !self.broken {
            self.is_durable(at);
        }
    }

    /// Asserts that the disk has everything that the node takes for durable.
    fn is_durable(&self, at: NodeId) {
        let host = self.host(at);
        let (node, disk) = (host.engine.node(), &host.disk);
        let (stable, vote) = (node.stable(), node.durable_hard_state());
        assert!(vote.term <= disk.hard_state.term, "{at} takes {} for durable", vote.term);
        if let Some(term) = node.log().term_at(stable) {
            assert!(disk.log.last().index >= stable, "{at} takes {stable} for durable");
            let found = disk.log.term_at(stable).unwrap_or(term);
            assert_eq!(found, term, "{at} has another {stable} on its disk");
        }
    }

    /// Delivers a message, if its receiver runs and the link is not cut.
    pub fn deliver(&mut self, message: NodeMessage) {
        if self.hosts.arrives(&message) {
            self.step(message.to.node, Input::Received(message));
        }
    }

    /// Starts a node from the founding disk, extended by this term, vote and log.
    pub fn start_from(&mut self, at: NodeId, hard_state: HardState, log: Log<ControlPlaneEntry>) {
        let me = self.hosts.peer(at).unwrap();
        let disk = Durable { hard_state, log, ..self.founder.disk().unwrap() };
        self.put(me, disk);
    }

    /// Takes the observations since the last call.
    pub fn observations(&mut self) -> Vec<Observation> {
        let told = std::mem::take(&mut self.hosts.observed);
        for told in &told {
            if let Observation::Did(_, output) = told {
                self.proposals.did(output);
            }
        }
        if !self.broken {
            self.proposals.check();
        }
        told
    }
}

/// The proposals of a run and their outcomes.
#[derive(Default)]
pub struct Proposals {
    proposed: BTreeMap<ProposalId, Content<ControlPlaneEntry>>,
    rejected: BTreeSet<ProposalId>,
    decided: BTreeMap<ProposalId, Option<Index>>,
    applied: BTreeMap<Index, Entry<ControlPlaneEntry>>,
}

impl Proposals {
    fn proposed(&mut self, id: ProposalId, content: &Content<ControlPlaneEntry>) {
        self.proposed.insert(id, content.clone());
    }

    fn did(&mut self, output: &ControlPlaneOutput) {
        if let Output::Applied { at, entry, .. } = output {
            self.applied.insert(at.index, entry.clone());
        }
        if let Some((id, outcome)) = output.decided() {
            let index = match outcome {
                Outcome::Committed { index, .. } => Some(*index),
                Outcome::Rejected(_) => {
                    self.rejected.insert(id);
                    None
                }
                Outcome::Indeterminate => None,
            };
            assert_eq!(self.decided.insert(id, index), None, "{id} is decided twice");
        }
    }

    /// Asserts that committed proposals are at the log index of their outcome, and rejected ones in no log, as far
    /// as contents distinguish them.
    fn check(&self) {
        for (id, index) in &self.decided {
            let Some(index) = index else { continue };
            let found = self.applied.get(index).map(|entry| &entry.content);
            assert_eq!(found, self.proposed.get(id), "{id} is not at {index}");
        }
        for id in &self.rejected {
            let content = &self.proposed[id];
            let opens_term = matches!(content, Content::Payload { payload, .. } if payload.opens_term());
            if opens_term || self.proposed.values().filter(|other| *other == content).count() > 1 {
                continue;
            }
            let found = self.applied.values().any(|entry| entry.content == *content);
            assert!(!found, "{id} was rejected and is committed");
        }
    }
}
