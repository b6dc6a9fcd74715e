//! The replicated state: the table of partitions, and who the nodes are.

use super::{ClusterVoterIdentity, ControlPlaneEntry, MembershipChange};
use crate::ids::{Epoch, Index, Names, NodeId, Relabel, Revision};
use crate::migration::{Caps, MigrationError, PlacementTable};
use crate::raft::Machine;
use serde::{Deserialize, Serialize};

/// Everything that follows from the committed log.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct ControlPlaneState {
    table: PlacementTable,
    /// The place in the log of the last change of the table.
    revision: Revision,
    /// Sorted by node.
    directory: Vec<(NodeId, ClusterVoterIdentity)>,
}

/// What the state says to an entry.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum Answer {
    /// Noted; there is nothing to say.
    Noted,
    /// The partition's epoch after the transition.
    Epoch(Epoch),
    /// Committed, and refused: nothing was changed.
    Refused(MigrationError),
}

impl ControlPlaneState {
    /// No partitions, and these members.
    #[must_use]
    pub fn new(caps: Caps, members: impl IntoIterator<Item = (NodeId, ClusterVoterIdentity)>) -> Self {
        let mut directory: Vec<_> = members.into_iter().collect();
        directory.sort_unstable();
        Self { table: PlacementTable::new(caps), revision: Revision::ZERO, directory }
    }

    /// The table.
    #[must_use]
    pub const fn table(&self) -> &PlacementTable {
        &self.table
    }

    /// The place in the log of the last change of the table.
    #[must_use]
    pub const fn revision(&self) -> Revision {
        self.revision
    }

    /// The members by their certificates, sorted by node.
    #[must_use]
    pub fn directory(&self) -> &[(NodeId, ClusterVoterIdentity)] {
        &self.directory
    }

    /// Who a node is.
    #[must_use]
    pub fn identity(&self, node: NodeId) -> Option<&ClusterVoterIdentity> {
        self.directory.iter().find(|(other, _)| *other == node).map(|(_, identity)| identity)
    }

    /// Which node goes by an identity.
    #[must_use]
    pub fn node_of(&self, identity: &ClusterVoterIdentity) -> Option<NodeId> {
        self.directory.iter().find(|(_, other)| other == identity).map(|(node, _)| *node)
    }
}

impl Machine for ControlPlaneState {
    type Payload = ControlPlaneEntry;
    type Answer = Answer;

    fn apply(&mut self, at: Index, payload: &ControlPlaneEntry) -> Answer {
        match payload {
            ControlPlaneEntry::MembershipChange(MembershipChange::Admit { peer, identity }) => {
                self.directory.retain(|(node, _)| *node != peer.node);
                self.directory.push((peer.node, identity.clone()));
                self.directory.sort_unstable();
                Answer::Noted
            }
            ControlPlaneEntry::MembershipChange(MembershipChange::Remove { peer }) => {
                self.directory.retain(|(node, _)| *node != peer.node);
                Answer::Noted
            }
            ControlPlaneEntry::OwnershipTransition(command) => match self.table.apply(command) {
                Ok(epoch) => {
                    self.revision = Revision(at.0);
                    Answer::Epoch(epoch)
                }
                Err(refusal) => Answer::Refused(refusal),
            },
            ControlPlaneEntry::MembershipChange(MembershipChange::Promote { .. })
            | ControlPlaneEntry::LeaderConfiguration { .. } => Answer::Noted,
        }
    }
}

impl Relabel for ControlPlaneState {
    fn relabel(&self, names: &dyn Names) -> Self {
        let renamed =
            |(node, identity): &(NodeId, ClusterVoterIdentity)| (names.node(*node), identity.clone());
        let mut directory: Vec<_> = self.directory.iter().map(renamed).collect();
        directory.sort_unstable();
        Self { directory, ..self.clone() }
    }
}
