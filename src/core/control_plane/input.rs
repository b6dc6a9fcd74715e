//! What an engine is given: the one vocabulary of whoever drives it, of recordings, and of the engines.

use super::{ControlPlaneEntry, ControlPlaneError};
use crate::core::ids::NodeId;
use crate::core::raft::{BatchNumber, Content, Message, ProposalId, ReadId, Rejection, Timer};
use serde::{Deserialize, Serialize};

/// One input of an engine, with everything in it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum ControlPlaneInput {
    /// A message of another node.
    Received(Message<ControlPlaneEntry>),
    /// A timer ended.
    TimerFired(Timer),
    /// This batch is durable, and every batch before it.
    Synced(BatchNumber),
    /// Somebody wants an entry in the log, or a session opened or closed; leader only. With a ticket, a second proposal of
    /// the same is applied once. The id of a session comes with the outcome.
    Propose(Content<ControlPlaneEntry>),
    /// Somebody wants to read what is committed by now, or later; leader only.
    Read,
    /// An operator wants this node to lead.
    Transfer(NodeId),
}

/// What an engine says at once to an input that it takes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Accepted {
    /// Nothing: nobody waits for an answer.
    Event,
    /// The name of a proposal; its outcome is an [`Output::Decided`](crate::core::raft::Output::Decided).
    Proposal(ProposalId),
    /// The name of a read; its outcome is an [`Output::Read`](crate::core::raft::Output::Read).
    Read(ReadId),
}

impl Accepted {
    /// The name of a proposal.
    ///
    /// # Errors
    /// As if the engine had stopped, if it answers a proposal with anything else: it is not to be relied on.
    pub const fn proposal(self) -> Result<ProposalId, ControlPlaneError> {
        match self {
            Self::Proposal(id) => Ok(id),
            Self::Event | Self::Read(_) => Err(ControlPlaneError::Rejected(Rejection::Halted)),
        }
    }

    /// The name of a read.
    ///
    /// # Errors
    /// As if the engine had stopped, if it answers a read with anything else.
    pub const fn read(self) -> Result<ReadId, ControlPlaneError> {
        match self {
            Self::Read(id) => Ok(id),
            Self::Event | Self::Proposal(_) => Err(ControlPlaneError::Rejected(Rejection::Halted)),
        }
    }
}
