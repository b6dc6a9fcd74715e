//! Errors that a control plane returns at once.

use super::ClusterVoterIdentity;
use crate::core::ids::NodeId;
use crate::core::migration::BackendFailure;
use crate::core::raft::{ReadRefusal, Rejection};
use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::String;
use thiserror::Error;

/// Why nothing was proposed. A proposal gets an outcome instead, with the other outputs.
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
        /// The identity.
        identity: ClusterVoterIdentity,
        /// The node that has it.
        by: NodeId,
    },
    /// The control plane is one process without a port for peers, so nobody can join it.
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
    /// The same as an error of a migration store. In every case nothing was committed.
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

/// The reason why a store on top of the log does not know the outcome of a command.
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
