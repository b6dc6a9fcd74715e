//! The calls of the seam as values: what a driver hands to an engine, a recording keeps, and a replay hands over again.

use super::{ControlPlaneConsensus, ControlPlaneEntry, ControlPlaneError, Event};
use crate::core::ids::SessionId;
use crate::core::raft::{ProposalId, ReadId, Ticket};
use serde::{Deserialize, Serialize};

/// One call, with everything in it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum ControlPlaneRequest {
    /// [`ControlPlaneConsensus::handle`].
    Handle(Event),
    /// [`ControlPlaneConsensus::propose`].
    Propose {
        /// The entry.
        entry: ControlPlaneEntry,
        /// Under which session.
        ticket: Option<Ticket>,
    },
    /// [`ControlPlaneConsensus::open_session`].
    OpenSession,
    /// [`ControlPlaneConsensus::close_session`].
    CloseSession(SessionId),
    /// [`ControlPlaneConsensus::read`].
    Read,
}

/// What a call returned at once.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ControlPlaneResponse {
    /// Nothing.
    Handled,
    /// The name of a proposal.
    Proposed(Result<ProposalId, ControlPlaneError>),
    /// The name of a read.
    Reading(Result<ReadId, ControlPlaneError>),
}

impl ControlPlaneRequest {
    /// Makes the call.
    pub fn make(self, engine: &mut (impl ControlPlaneConsensus + ?Sized)) -> ControlPlaneResponse {
        match self {
            Self::Handle(event) => {
                engine.handle(event);
                ControlPlaneResponse::Handled
            }
            Self::Propose { entry, ticket } => ControlPlaneResponse::Proposed(engine.propose(entry, ticket)),
            Self::OpenSession => ControlPlaneResponse::Proposed(engine.open_session()),
            Self::CloseSession(session) => ControlPlaneResponse::Proposed(engine.close_session(session)),
            Self::Read => ControlPlaneResponse::Reading(engine.read()),
        }
    }
}
