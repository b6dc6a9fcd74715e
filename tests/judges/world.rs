//! Nodes that start from disks made by hand, and what the monitor of consensus says of facts about them.

use super::site::{self, founder};
use cutover::core::control_plane::{ControlPlaneEntry, ReplicatedControlPlane};
use cutover::core::ids::{DirectoryId, Index, NodeId, PartitionId, Placement, Term};
use cutover::core::invariant::{ClusterFact, ConsensusMonitor, Findings, NodeNow};
use cutover::core::migration::{Caps, Command, Transition};
use cutover::core::placement::Guarantee;
use cutover::core::raft::{Config, Content, Durable, Entry, HardState, LogPosition, Peer};

/// The index of the founding snapshot, where no entry is.
pub const FOUNDED: Index = Index(1);

pub type Disk = Durable<ControlPlaneEntry>;

/// A node as its disk makes it.
pub struct Placed {
    pub engine: ReplicatedControlPlane,
    pub disk: Disk,
}

impl Placed {
    /// Starts a node from a disk.
    pub fn start(node: u8, disk: Disk) -> Self {
        let engine = ReplicatedControlPlane::start(site::config(node), disk.clone()).unwrap();
        Self { engine, disk }
    }

    /// Starts a node in another directory.
    pub fn elsewhere(node: u8, directory: u64, disk: Disk) -> Self {
        let me = Peer { node: NodeId(node), directory: DirectoryId(directory) };
        let config = Config { me, ..site::config(node) };
        Self { engine: ReplicatedControlPlane::start(config, disk.clone()).unwrap(), disk }
    }

    /// The same node, whose disk has something else.
    pub fn with_disk(mut self, disk: Disk) -> Self {
        self.disk = disk;
        self
    }

    pub fn now(&self) -> NodeNow<'_> {
        NodeNow { node: self.engine.node(), disk: &self.disk }
    }
}

pub fn all(nodes: &[Placed]) -> Vec<NodeNow<'_>> {
    nodes.iter().map(Placed::now).collect()
}

/// A disk of a cluster of three: its term, for whom it has voted in it, and the entries after the founding.
pub fn disk(term: u64, vote: Option<u8>, entries: &[Entry<ControlPlaneEntry>]) -> Disk {
    let mut disk = founder(3, Caps::PRODUCTION).disk().unwrap();
    disk.hard_state = HardState { term: Term(term), voted_for: vote.map(site::peer) };
    for entry in entries {
        disk.log.push(entry.clone());
    }
    disk
}

/// The creation of a partition with this number.
pub fn content(number: u64) -> Content<ControlPlaneEntry> {
    let transition = Transition::Create { placement: Placement(0), guarantee: Guarantee::Sealed };
    let command = Command { partition: PartitionId(number), transition };
    Content::Payload { ticket: None, payload: ControlPlaneEntry::OwnershipTransition(command) }
}

/// An entry of this term; entries of different numbers differ.
pub fn entry(term: u64, number: u64) -> Entry<ControlPlaneEntry> {
    Entry { term: Term(term), content: content(number) }
}

pub const fn at(term: u64, index: u64) -> LogPosition {
    LogPosition { term: Term(term), index: Index(index) }
}

pub const fn monitor() -> ConsensusMonitor {
    ConsensusMonitor::new(FOUNDED)
}

/// The invariants that a fact violates.
pub fn judged(monitor: &ConsensusMonitor, fact: &ClusterFact<'_>) -> Vec<&'static str> {
    let mut findings = Findings::new(true);
    monitor.judge(fact, &mut findings);
    let mut ids: Vec<_> = findings.violations().iter().map(|found| found.id.entry().id).collect();
    ids.dedup();
    ids
}

/// Judges a fact, of which nothing may be said, and remembers it.
pub fn so(monitor: &mut ConsensusMonitor, fact: &ClusterFact<'_>) {
    assert_eq!(judged(monitor, fact), [""; 0]);
    monitor.remember(fact);
}
