//! The inputs of an engine, used by drivers, recordings and engines alike.

use super::{ControlPlaneEntry, ControlPlaneError};
use crate::core::ids::NodeId;
use crate::core::raft::{BatchNumber, Content, Message, ProposalId, ReadId, Rejection, Timer};
use serde::{Deserialize, Serialize};

/// An input of an engine. It has all that the engine needs to handle it, so that recorded inputs can be
/// replayed.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum ControlPlaneInput {
    /// A message from another node arrived.
    Received(Message<ControlPlaneEntry>),
    /// A timer that the engine set has fired.
    TimerFired(Timer),
    /// This batch is durable, and every batch before it.
    Synced(BatchNumber),
    /// A proposal to append an entry, or to open or close a session; only the leader accepts it. A payload
    /// that is proposed again with the same ticket is applied once. The id of a session comes with the
    /// outcome.
    Propose(Content<ControlPlaneEntry>),
    /// A linearizable read: it sees everything committed before this input. Only the leader accepts it.
    Read,
    /// A request to transfer leadership to this node; `None`: to the voter that has the most of the log, among those that
    /// answer.
    Transfer(Option<NodeId>),
}

/// What an engine returns at once for an input that it accepts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Accepted {
    /// Nothing: the input has no outcome of its own.
    Event,
    /// The id of a proposal; its outcome is an [`Output::Decided`](crate::core::raft::Output::Decided).
    Proposal(ProposalId),
    /// The id of a read; its outcome is an [`Output::Read`](crate::core::raft::Output::Read).
    Read(ReadId),
}

impl Accepted {
    /// The id of the proposal.
    ///
    /// # Errors
    /// [`Rejection::Halted`] if the engine returned anything else for a proposal, which is a bug of the
    /// engine.
    pub const fn proposal(self) -> Result<ProposalId, ControlPlaneError> {
        match self {
            Self::Proposal(id) => Ok(id),
            Self::Event | Self::Read(_) => Err(ControlPlaneError::Rejected(Rejection::Halted)),
        }
    }

    /// The id of the read.
    ///
    /// # Errors
    /// [`Rejection::Halted`] if the engine returned anything else for a read, which is a bug of the engine.
    pub const fn read(self) -> Result<ReadId, ControlPlaneError> {
        match self {
            Self::Read(id) => Ok(id),
            Self::Event | Self::Proposal(_) => Err(ControlPlaneError::Rejected(Rejection::Halted)),
        }
    }
}
