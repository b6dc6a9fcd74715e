//! The seam: what a control plane can do, whatever holds its log.
//!
//! The published seam has `append`, which returns a committed index or `NotLeader`. That cannot be: a leader may lose its
//! office while an entry is on its way, and then nobody knows whether it will be committed. So a proposal has a name, and
//! what comes of it arrives with the other outputs: committed, rejected, or indeterminate.

use super::{
    ClusterVoterIdentity, ControlPlaneEntry, ControlPlaneError, ControlPlaneIndex, ControlPlaneState,
    ControlPlaneTerm,
};
use crate::core::ids::{NodeId, SessionId};
use crate::core::raft::{BatchNumber, Message, Output, Peer, ProposalId, ReadId, Ticket, Timer};
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};

/// What the driver tells an engine.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Event {
    /// A message of another node.
    Received(Message<ControlPlaneEntry>),
    /// A timer ended.
    TimerFired(Timer),
    /// This batch is durable, and every batch before it.
    Synced(BatchNumber),
    /// An operator wants this node to lead.
    Transfer(NodeId),
}

/// What an engine wants done, in this order.
pub type ControlPlaneOutput = Output<ControlPlaneState>;

/// The term and the vote that are on the disk: what keeps a node from voting twice in a term across restarts.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DurableVoteState {
    /// The highest term that this node has taken part in.
    pub term: ControlPlaneTerm,
    /// Who has its vote in it.
    pub voted_for: Option<Peer>,
    /// Who that is by certificate, if this node knows.
    pub identity: Option<ClusterVoterIdentity>,
}

impl DurableVoteState {
    /// That of a node that has never voted.
    #[must_use]
    pub const fn initial() -> Self {
        Self { term: ControlPlaneTerm::GENESIS, voted_for: None, identity: None }
    }
}

/// Holds the log: one process, or a cluster.
pub trait ControlPlaneConsensus {
    /// The current term.
    fn current_term(&self) -> ControlPlaneTerm;

    /// Who leads in it, if this node knows.
    fn leader(&self) -> Option<ClusterVoterIdentity>;

    /// Whether this node leads.
    fn is_leader(&self) -> bool;

    /// The term and vote on the disk.
    fn durable_vote(&self) -> DurableVoteState;

    /// The last place that this node knows to be committed, from 1; `None` before there is any.
    fn commit_index(&self) -> Option<ControlPlaneIndex>;

    /// The state after everything committed up to there.
    fn state(&self) -> &ControlPlaneState;

    /// Wants an entry in the log; leader only. With a ticket, a second proposal of the same is applied once.
    ///
    /// # Errors
    /// [`ControlPlaneError`]: then it is not in the log, and will not be.
    fn propose(
        &mut self,
        entry: ControlPlaneEntry,
        ticket: Option<Ticket>,
    ) -> Result<ProposalId, ControlPlaneError>;

    /// Wants a session; leader only. Its id comes with the outcome.
    ///
    /// # Errors
    /// [`ControlPlaneError`]
    fn open_session(&mut self) -> Result<ProposalId, ControlPlaneError>;

    /// Wants a session closed; leader only.
    ///
    /// # Errors
    /// [`ControlPlaneError`]
    fn close_session(&mut self, session: SessionId) -> Result<ProposalId, ControlPlaneError>;

    /// Wants to read what is committed by now, or later; leader only. Once the outcome says so, [`Self::state`] is it.
    ///
    /// # Errors
    /// [`ControlPlaneError`]
    fn read(&mut self) -> Result<ReadId, ControlPlaneError>;

    /// Takes what happened.
    fn handle(&mut self, event: Event);

    /// What is to be done, in this order; asked for after every call of this trait that takes `&mut self`.
    #[must_use = "what an engine wants done has to be done, in this order"]
    fn take_outputs(&mut self) -> Vec<ControlPlaneOutput>;
}
