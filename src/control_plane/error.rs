//! Why a control plane says no at once.

use super::ClusterVoterIdentity;
use crate::ids::NodeId;
use crate::raft::{ReadRefusal, Rejection};
use thiserror::Error;

/// Why nothing was proposed. What was proposed has an outcome instead, which comes with the other outputs.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Error)]
pub enum ControlPlaneError {
    /// The caller does not talk to the leader. Only the leader writes.
    #[error("not the control-plane leader{}", hint(leader.as_ref()))]
    NotLeader {
        /// Who leads, as far as this node knows.
        leader: Option<ClusterVoterIdentity>,
    },
    /// Another node goes by this identity.
    #[error("{identity} is the identity of {by} already")]
    IdentityTaken {
        /// The identity.
        identity: ClusterVoterIdentity,
        /// Whose it is.
        by: NodeId,
    },
    /// The leader does not take it now, or never.
    #[error(transparent)]
    Rejected(Rejection),
    /// The leader does not take the read now.
    #[error(transparent)]
    ReadRefused(ReadRefusal),
}

fn hint(leader: Option<&ClusterVoterIdentity>) -> String {
    leader.map_or_else(|| ", and none is known".to_owned(), |leader| format!(", {leader} may be"))
}
