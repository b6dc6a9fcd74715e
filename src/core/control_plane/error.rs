//! Why a control plane says no at once.

use super::ClusterVoterIdentity;
use crate::core::ids::NodeId;
use crate::core::migration::BackendFailure;
use crate::core::raft::{ReadRefusal, Rejection};
use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::String;
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
    /// The control plane is one process without a port for peers, so nobody can join it.
    #[error("this node runs alone, without a port for peers, and admits nobody: give it a listen.peer first")]
    RunsAlone,
    /// The leader does not take it now, or never.
    #[error(transparent)]
    Rejected(Rejection),
    /// The leader does not take the read now.
    #[error(transparent)]
    ReadRefused(ReadRefusal),
}

impl ControlPlaneError {
    /// The same, as a migration's store says it. Whatever the reason, nothing was committed.
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

/// Why a store that rests on the log cannot say what came of a command.
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
