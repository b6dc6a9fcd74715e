//! Errors that a control plane returns at once.

use super::ClusterVoterIdentity;
use crate::core::ids::NodeId;
use crate::core::migration::BackendFailure;
use crate::core::raft::{ReadRefusal, Rejection};
use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::String;
use thiserror::Error;

/// Why an engine refuses an input. For a proposal: nothing was appended, so there will be no outcome.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Error)]
pub enum ControlPlaneError {
    /// This node is not the leader. Only the leader accepts writes.
    #[error("not the control-plane leader{}", hint(leader.as_ref()))]
    NotLeader {
        /// The leader as far as this node knows.
        leader: Option<ClusterVoterIdentity>,
    },
    /// Another node has this identity.
    #[error("{identity} is the identity of {by} already")]
    IdentityTaken {
        /// The identity in the refused change.
        identity: ClusterVoterIdentity,
        /// The member that is registered with the identity.
        by: NodeId,
    },
    /// This node is a control plane of one process: it takes no messages of peers and admits no members.
    #[error("this node runs alone, without a port for peers, and admits nobody: give it a listen.peer first")]
    RunsAlone,
    /// The leader rejected the proposal.
    #[error(transparent)]
    Rejected(Rejection),
    /// The leader refused the read.
    #[error(transparent)]
    ReadRefused(ReadRefusal),
}

impl ControlPlaneError {
    /// Converts the error for a [`MigrationStore`](crate::core::migration::MigrationStore). In every case
    /// nothing was committed.
    #[must_use]
    pub const fn failure(&self) -> BackendFailure {
        match self {
            Self::NotLeader { .. } => BackendFailure::NoLeader,
            Self::IdentityTaken { .. } | Self::RunsAlone => BackendFailure::NotTaken,
            Self::Rejected(rejection) => rejected(rejection),
            Self::ReadRefused(refusal) => match refusal {
                ReadRefusal::NotLeader { .. } | ReadRefusal::Halted => BackendFailure::NoLeader,
                ReadRefusal::NotYetInTerm | ReadRefusal::Busy { .. } => BackendFailure::NoQuorum,
            },
        }
    }
}

/// Converts a rejection for a [`MigrationStore`](crate::core::migration::MigrationStore).
pub(super) const fn rejected(rejection: &Rejection) -> BackendFailure {
    match rejection {
        Rejection::NotLeader { .. } | Rejection::Transferring { .. } | Rejection::Halted => {
            BackendFailure::NoLeader
        }
        Rejection::Busy { .. } => BackendFailure::NoQuorum,
        Rejection::TooLong { .. }
        | Rejection::Change { .. }
        | Rejection::ChangeInSession { .. }
        | Rejection::OpensTerm => BackendFailure::NotTaken,
    }
}

fn hint(leader: Option<&ClusterVoterIdentity>) -> String {
    leader.map_or_else(|| ", and none is known".to_owned(), |leader| format!(", {leader} may be"))
}
