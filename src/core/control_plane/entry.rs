//! The entries of the control plane's log: a closed set, without a place for user data.

use super::{ClusterVoterIdentity, Endpoints, OrderChange, PartitionName, StoreChange};
use crate::core::ids::{Names, NodeId, Relabel, Term};
use crate::core::migration::{Command, Operator, Reason, Transition};
use crate::core::raft::{Change, Payload, Peer, sealed};
use serde::{Deserialize, Serialize};

/// A change of a partition's placement: a compare-and-swap that is checked when it is applied.
pub type OwnershipTransition = Command;

/// A change of the members.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum MembershipChange {
    /// Admits a node as a learner, under the subject of its certificate.
    Admit {
        /// The node id and directory of the new member.
        peer: Peer,
        /// The subject that the node's certificate must have.
        identity: ClusterVoterIdentity,
        /// The node's addresses for peers and clients.
        endpoints: Endpoints,
    },
    /// Turns a learner into a voter.
    Promote {
        /// The node id and directory of the learner.
        peer: Peer,
        /// Set if the change is wanted even if it may leave no quorum of live voters.
        even_so: Option<Override>,
    },
    /// Removes a voter or a learner.
    Remove {
        /// The node id and directory of the member.
        peer: Peer,
        /// Set if the change is wanted even if it may leave no quorum of live voters.
        even_so: Option<Override>,
    },
}

/// Who overrode the check that a quorum of the voters after a change is live, and why.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Override {
    /// The responsible operator.
    pub operator: Operator,
    /// The operator's reason.
    pub reason: Reason,
}

impl MembershipChange {
    /// The member that is admitted, promoted or removed.
    #[must_use]
    pub const fn peer(&self) -> Peer {
        match self {
            Self::Admit { peer, .. } | Self::Promote { peer, .. } | Self::Remove { peer, .. } => *peer,
        }
    }

    /// Who wants the change even if it may leave no quorum of live voters, and why.
    #[must_use]
    pub const fn even_so(&self) -> Option<&Override> {
        match self {
            Self::Admit { .. } => None,
            Self::Promote { even_so, .. } | Self::Remove { even_so, .. } => even_so.as_ref(),
        }
    }
}

/// An entry of the log. User data cannot be written as one: `bounded.rs` does not compile if there is a place for
/// bytes, however deep.
///
/// ```
/// # use cutover::core::control_plane::ControlPlaneEntry;
/// # use cutover::core::ids::{NodeId, Term};
/// let _ = ControlPlaneEntry::LeaderConfiguration { term: Term(1), leader: NodeId(1) };
/// ```
///
/// There is no variant for bytes,
///
/// ```compile_fail,E0599
/// # use cutover::core::control_plane::ControlPlaneEntry;
/// let _ = ControlPlaneEntry::UserData(vec![1, 2, 3]);
/// ```
///
/// nor any other place that takes them,
///
/// ```compile_fail,E0308
/// # use cutover::core::control_plane::ControlPlaneEntry;
/// let _ = ControlPlaneEntry::OwnershipTransition(vec![1, 2, 3]);
/// ```
///
/// nor can anybody bring an entry of their own.
///
/// ```compile_fail,E0277
/// # use cutover::core::ids::{Names, NodeId, Relabel, Term};
/// # use cutover::core::raft::{Change, Payload};
/// #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, serde::Serialize, serde::Deserialize)]
/// struct Row(Vec<u8>);
/// impl Relabel for Row {
/// fn relabel(&self, _: &dyn Names) -> Self { self.clone() }
/// }
/// impl Payload for Row {
/// fn opening(_: Term, _: NodeId) -> Self { Self(Vec::new()) }
/// fn opens_term(&self) -> bool { false }
/// fn membership(&self) -> Option<Change> { None }
/// fn forces_membership(&self) -> bool { false }
/// }
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum ControlPlaneEntry {
    /// A member admitted, promoted or removed.
    MembershipChange(MembershipChange),
    /// A change of a partition's placement.
    OwnershipTransition(OwnershipTransition),
    /// A change of the placement of the partition that has this name when the entry is applied (ADR 0038).
    NamedTransition {
        /// The partition's name.
        name: PartitionName,
        /// The change. A creation gives the partition its number: a new one, or that of a deleted partition of this name of which
        /// old copies are left.
        transition: Transition,
    },
    /// The first entry of a leader's term, appended by the leader only.
    LeaderConfiguration {
        /// The term that the entry opens.
        term: Term,
        /// The leader of that term.
        leader: NodeId,
    },
    /// A store added, moved or removed.
    StoreChange(StoreChange),
    /// How moves are to go. No transition depends on it (ADR 0044).
    OrderChange(OrderChange),
}

impl sealed::Sealed for ControlPlaneEntry {}

impl Payload for ControlPlaneEntry {
    fn opening(term: Term, leader: NodeId) -> Self {
        Self::LeaderConfiguration { term, leader }
    }

    fn opens_term(&self) -> bool {
        matches!(self, Self::LeaderConfiguration { .. })
    }

    fn membership(&self) -> Option<Change> {
        match self {
            Self::MembershipChange(MembershipChange::Admit { peer, .. }) => Some(Change::AddLearner(*peer)),
            Self::MembershipChange(MembershipChange::Promote { peer, .. }) => Some(Change::Promote(*peer)),
            Self::MembershipChange(MembershipChange::Remove { peer, .. }) => Some(Change::Remove(*peer)),
            Self::OwnershipTransition(_)
            | Self::NamedTransition { .. }
            | Self::StoreChange(_)
            | Self::OrderChange(_)
            | Self::LeaderConfiguration { .. } => None,
        }
    }

    fn forces_membership(&self) -> bool {
        match self {
            Self::MembershipChange(change) => change.even_so().is_some(),
            Self::OwnershipTransition(_)
            | Self::NamedTransition { .. }
            | Self::StoreChange(_)
            | Self::OrderChange(_)
            | Self::LeaderConfiguration { .. } => false,
        }
    }
}

impl Relabel for MembershipChange {
    fn relabel(&self, names: &dyn Names) -> Self {
        match self {
            Self::Admit { peer, identity, endpoints } => Self::Admit {
                peer: peer.relabel(names),
                identity: identity.clone(),
                endpoints: endpoints.clone(),
            },
            Self::Promote { peer, even_so } => {
                Self::Promote { peer: peer.relabel(names), even_so: even_so.clone() }
            }
            Self::Remove { peer, even_so } => {
                Self::Remove { peer: peer.relabel(names), even_so: even_so.clone() }
            }
        }
    }
}

impl Relabel for ControlPlaneEntry {
    fn relabel(&self, names: &dyn Names) -> Self {
        match self {
            Self::MembershipChange(change) => Self::MembershipChange(change.relabel(names)),
            Self::OwnershipTransition(_)
            | Self::NamedTransition { .. }
            | Self::StoreChange(_)
            | Self::OrderChange(_) => self.clone(),
            Self::LeaderConfiguration { term, leader } => {
                Self::LeaderConfiguration { term: *term, leader: names.node(*leader) }
            }
        }
    }
}
