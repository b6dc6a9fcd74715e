//! [`ControlPlaneConsensus`], the interface of an engine, which hides where the log is held.
//!
//! The published interface (reddb) has an `append` that returns a committed index or `NotLeader`. A leader
//! can be deposed while an entry is in flight, so that nobody knows whether it will be committed. Here a
//! proposal returns an id, and its outcome comes later among the outputs: committed, rejected, or
//! indeterminate.

use super::{
    Accepted, ClusterVoterIdentity, ControlPlaneEntry, ControlPlaneError, ControlPlaneIndex,
    ControlPlaneInput, ControlPlaneState, ControlPlaneStatus, ControlPlaneTerm, FollowerStatus, Registered,
};
use crate::core::ids::{Index, NodeId, SessionId};
use crate::core::raft::{
    Applied, BatchNumber, Configuration, Content, Message, Output, Peer, ProposalId, ReadId, Ticket, Timer,
};
use alloc::vec::Vec;

/// An output of an engine. Outputs are performed in order.
pub type ControlPlaneOutput = Output<ControlPlaneState>;

/// The durable term and vote, which keep a node from voting twice in a term across restarts.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DurableVoteState {
    /// The latest term that this node has seen.
    pub term: ControlPlaneTerm,
    /// The candidate that has this node's vote in that term.
    pub voted_for: Option<Peer>,
    /// The identity of that candidate, if this node's directory has it.
    pub identity: Option<ClusterVoterIdentity>,
}

impl DurableVoteState {
    /// The state before the first election: term 0, no vote.
    #[must_use]
    pub const fn initial() -> Self {
        Self { term: ControlPlaneTerm::GENESIS, voted_for: None, identity: None }
    }
}

/// An engine: a control plane's log and state machine, replicated or in one process. Drivers use this trait
/// only.
///
/// An engine does no I/O: it takes inputs, and emits outputs in the order in which they must take effect. An
/// [`Output::Persist`] must be durable before any later message that [depends on
/// it](crate::core::raft::Body::after_persist) is sent, and is reported with [`ControlPlaneInput::Synced`].
pub trait ControlPlaneConsensus {
    /// The name of this kind of engine. A recording stores it, so that a replay starts the same kind.
    fn name(&self) -> &'static str;

    /// Role, term, indexes and configuration of the engine at this moment.
    fn status(&self) -> ControlPlaneStatus;

    /// The applied state: state machine, sessions, and committed configuration.
    fn applied(&self) -> &Applied<ControlPlaneState>;

    /// The configurations in the log that are not known to be committed, each with its index. A configuration
    /// is in effect from its index on.
    fn uncommitted_configurations(&self) -> &[(Index, Configuration)];

    /// Those that this node may have to answer, with their certificates and addresses: the committed members, and those that
    /// an uncommitted entry admits. A configuration is in effect once appended, so a candidate may be one that this node does
    /// not know to be committed. As an uncommitted entry may be truncated, it adds to the committed members and replaces none.
    /// The committed ones come first.
    fn members(&self) -> Vec<(Peer, Registered)>;

    /// The replication progress of the other members; empty unless this node is the leader.
    fn followers(&self) -> Vec<FollowerStatus>;

    /// The durable term and vote.
    fn durable_vote(&self) -> DurableVoteState;

    /// The engine's state as bytes, without outputs that were not taken. Two engines of the same kind are in
    /// the same state iff their bytes are equal.
    ///
    /// # Errors
    /// An error of the encoder, which cannot occur for these types.
    fn encode(&self) -> Result<Vec<u8>, postcard::Error>;

    /// Handles an input. The outputs are collected for [`Self::take_outputs`].
    ///
    /// # Errors
    /// [`ControlPlaneError`]: the input is refused. A refused proposal is not in the log and never will be.
    fn handle(&mut self, input: ControlPlaneInput) -> Result<Accepted, ControlPlaneError>;

    /// Takes the outputs emitted since the last call. Called after every input.
    #[must_use = "the outputs of an engine must be performed in order"]
    fn take_outputs(&mut self) -> Vec<ControlPlaneOutput>;

    /// Proposes an entry. Returns its id; the outcome is an [`Output::Decided`] with that id.
    ///
    /// # Errors
    /// As for [`Self::handle`].
    fn propose(
        &mut self,
        entry: ControlPlaneEntry,
        ticket: Option<Ticket>,
    ) -> Result<ProposalId, ControlPlaneError> {
        let content = Content::Payload { ticket, payload: entry };
        self.handle(ControlPlaneInput::Propose(content)).and_then(Accepted::proposal)
    }

    /// Proposes to open a session. Its id comes with the outcome.
    ///
    /// # Errors
    /// As for [`Self::handle`].
    fn open_session(&mut self) -> Result<ProposalId, ControlPlaneError> {
        self.handle(ControlPlaneInput::Propose(Content::OpenSession)).and_then(Accepted::proposal)
    }

    /// Proposes to close a session. The outcome is an [`Output::Decided`].
    ///
    /// # Errors
    /// As for [`Self::handle`].
    fn close_session(&mut self, session: SessionId) -> Result<ProposalId, ControlPlaneError> {
        let content = Content::CloseSession(session);
        self.handle(ControlPlaneInput::Propose(content)).and_then(Accepted::proposal)
    }

    /// Starts a linearizable read. When the [`Output::Read`] with the returned id is `Ok`, [`Self::state`]
    /// may be read.
    ///
    /// # Errors
    /// As for [`Self::handle`].
    fn read(&mut self) -> Result<ReadId, ControlPlaneError> {
        self.handle(ControlPlaneInput::Read).and_then(Accepted::read)
    }

    /// Handles a message from another node. A message that the engine refuses is dropped.
    fn receive(&mut self, message: Message<ControlPlaneEntry>) {
        let _lost = self.handle(ControlPlaneInput::Received(message));
    }

    /// Handles the firing of a timer.
    fn fire(&mut self, timer: Timer) {
        let _nobody_waits = self.handle(ControlPlaneInput::TimerFired(timer));
    }

    /// Handles the report that this batch and all before it are durable.
    fn synced(&mut self, through: BatchNumber) {
        let _nobody_waits = self.handle(ControlPlaneInput::Synced(through));
    }

    /// Starts a transfer of leadership. The outcome is an [`Output::Transfer`].
    fn transfer(&mut self, to: Option<NodeId>) {
        let _an_output_says = self.handle(ControlPlaneInput::Transfer(to));
    }

    /// Whether this node is the leader of the current term. It may have been deposed without knowing.
    fn is_leader(&self) -> bool {
        self.status().leads()
    }

    /// The latest term that this node has seen.
    fn current_term(&self) -> ControlPlaneTerm {
        self.status().term
    }

    /// The identity of the current term's leader, if this node knows it.
    fn leader(&self) -> Option<ClusterVoterIdentity> {
        self.status().leader.and_then(|node| self.state().identity(node).cloned())
    }

    /// The last index known to be committed; `None` before the first one.
    fn commit_index(&self) -> Option<ControlPlaneIndex> {
        Some(self.applied().last().index).filter(|commit| *commit > Index::ZERO)
    }

    /// The state machine after all entries known to be committed.
    fn state(&self) -> &ControlPlaneState {
        self.applied().machine()
    }

    /// The configuration in effect: the newest one in the log, committed or not.
    fn configuration(&self) -> &Configuration {
        let newest = self.uncommitted_configurations().last();
        newest.map_or_else(|| self.applied().configuration(), |(_, configuration)| configuration)
    }
}
