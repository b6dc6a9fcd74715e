//! The directory of names: nodes and partitions by name and by id (ADR 0003).

use super::{ClusterVoterIdentity, Endpoints, PartitionName};
use crate::core::ids::{Names, NodeId, PartitionId, Relabel};
use crate::core::map::PersistentMap;
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};

/// By how much the numbers of partitions leap in a recovery. A lost cluster gave out fewer than this many after the restored
/// state.
pub const PARTITION_LEAP: u64 = 1 << 32;

/// The registration of a node: the identity that its certificate must have, and its addresses.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Registered {
    /// The subject of the node's certificate.
    pub identity: ClusterVoterIdentity,
    /// The addresses for peers and clients.
    pub endpoints: Endpoints,
}

impl From<ClusterVoterIdentity> for Registered {
    fn from(identity: ClusterVoterIdentity) -> Self {
        Self { identity, endpoints: Endpoints::NONE }
    }
}

/// The committed directory of names: identities and addresses of nodes, names of partitions.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Directory {
    /// The registered nodes, sorted by node id.
    nodes: Vec<(NodeId, Registered)>,
    partitions: PersistentMap<PartitionName, PartitionId>,
    names: PersistentMap<PartitionId, PartitionName>,
    /// The highest number that a partition has had, or that a lost cluster may have given out.
    last: PartitionId,
}

impl Directory {
    pub(super) fn new(nodes: impl IntoIterator<Item = (NodeId, Registered)>) -> Self {
        let mut nodes: Vec<_> = nodes.into_iter().collect();
        nodes.sort_unstable();
        let (partitions, names) = (PersistentMap::new(), PersistentMap::new());
        Self { nodes, partitions, names, last: PartitionId(0) }
    }

    /// The registered members, sorted by node.
    #[must_use]
    pub fn nodes(&self) -> &[(NodeId, Registered)] {
        &self.nodes
    }

    /// The registration of a node; `None` if it is not a member.
    #[must_use]
    pub fn node(&self, node: NodeId) -> Option<&Registered> {
        self.nodes.iter().find(|(other, _)| *other == node).map(|(_, registered)| registered)
    }

    /// The node that is registered with this identity.
    #[must_use]
    pub fn node_of(&self, identity: &ClusterVoterIdentity) -> Option<NodeId> {
        self.nodes.iter().find(|(_, other)| other.identity == *identity).map(|(node, _)| *node)
    }

    /// The number of the partition with this name.
    #[must_use]
    pub fn partition(&self, name: &PartitionName) -> Option<PartitionId> {
        self.partitions.get(name).copied()
    }

    /// The name of a partition; `None` if it was created by number.
    #[must_use]
    pub fn name(&self, partition: PartitionId) -> Option<&PartitionName> {
        self.names.get(&partition)
    }

    pub(super) fn put_node(&mut self, node: NodeId, registered: Registered) {
        self.remove_node(node);
        self.nodes.push((node, registered));
        self.nodes.sort_unstable();
    }

    pub(super) fn remove_node(&mut self, node: NodeId) {
        self.nodes.retain(|(other, _)| *other != node);
    }

    /// The number that a name has, or would get if it were created now: the next one that no partition has had.
    pub(super) fn number_for(
        &self,
        name: &PartitionName,
        in_use: impl Fn(PartitionId) -> bool,
    ) -> PartitionId {
        if let Some(partition) = self.partition(name) {
            return partition;
        }
        let mut next = PartitionId(self.last.0.saturating_add(1));
        while in_use(next) && next.0 < u64::MAX {
            next = PartitionId(next.0 + 1);
        }
        next
    }

    pub(super) fn put_partition(&mut self, name: &PartitionName, partition: PartitionId) {
        self.partitions.insert(name.clone(), partition);
        self.names.insert(partition, name.clone());
        self.used(partition);
    }

    /// Notes that a partition was created under this number, so that no name gets it later.
    pub(super) fn used(&mut self, partition: PartitionId) {
        self.last = self.last.max(partition);
    }

    /// Leaps over the numbers that a lost cluster may have given out.
    pub(super) fn leap(&mut self, times: u64) {
        let leap = PARTITION_LEAP.saturating_mul(times.max(1));
        self.last = PartitionId(self.last.0.saturating_add(leap));
    }

    pub(super) fn remove_partition(&mut self, partition: PartitionId) {
        if let Some(name) = self.names.remove(&partition) {
            self.partitions.remove(&name);
        }
    }
}

impl Relabel for Directory {
    fn relabel(&self, names: &dyn Names) -> Self {
        let renamed = |(node, registered): &(NodeId, Registered)| (names.node(*node), registered.clone());
        let mut nodes: Vec<_> = self.nodes.iter().map(renamed).collect();
        nodes.sort_unstable();
        Self { nodes, ..self.clone() }
    }
}
