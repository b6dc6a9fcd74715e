//! The seam: what a control plane can do, whatever holds its log.
//!
//! The published seam has `append`, which returns a committed index or `NotLeader`. That cannot be: a leader may lose its
//! office while an entry is on its way, and then nobody knows whether it will be committed. So a proposal has a name, and
//! what comes of it arrives with the other outputs: committed, rejected, or indeterminate.

use super::{
    Accepted, ClusterVoterIdentity, ControlPlaneEntry, ControlPlaneError, ControlPlaneIndex,
    ControlPlaneInput, ControlPlaneState, ControlPlaneStatus, ControlPlaneTerm, FollowerStatus, Registered,
};
use crate::core::ids::{Index, NodeId, SessionId};
use crate::core::raft::{
    Applied, BatchNumber, Configuration, Content, Message, Output, Peer, ProposalId, ReadId, RoleName,
    Ticket, Timer,
};
use alloc::vec::Vec;

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

/// An engine: holds the log, in one process or in a cluster. Whoever drives it knows this trait alone.
///
/// It is sans-I/O: an input goes in, and outputs come out in the order in which they must take effect. A
/// [`Output::Persist`] is written before anything behind it that [rests on the disk](crate::core::raft::Body::after_persist)
/// leaves, and reported with [`ControlPlaneInput::Synced`].
pub trait ControlPlaneConsensus {
    /// The name of this kind of engine. A recording keeps it, to start the same kind again.
    fn name(&self) -> &'static str;

    /// The engine at this moment, in numbers.
    fn status(&self) -> ControlPlaneStatus;

    /// Everything that follows from the committed log: the state, the sessions, and the committed configuration.
    fn applied(&self) -> &Applied<ControlPlaneState>;

    /// The configurations in the log that are not committed, each in force from its place on.
    fn uncommitted_configurations(&self) -> &[(Index, Configuration)];

    /// Who the members are, and where, in the newest configuration of the log.
    fn members(&self) -> Vec<(NodeId, Registered)>;

    /// How far the other members are; empty, unless this node leads.
    fn followers(&self) -> Vec<FollowerStatus>;

    /// The term and vote on the disk.
    fn durable_vote(&self) -> DurableVoteState;

    /// All of its state in bytes; outputs that were not taken yet are left out. Two engines of one kind are in the same
    /// state if and only if their bytes are the same.
    ///
    /// # Errors
    /// The codec's, which has none for these types.
    fn encode(&self) -> Result<Vec<u8>, postcard::Error>;

    /// Takes an input.
    ///
    /// # Errors
    /// [`ControlPlaneError`]: then a proposal is not in the log, and will not be, and a read does not wait.
    fn handle(&mut self, input: ControlPlaneInput) -> Result<Accepted, ControlPlaneError>;

    /// What is to be done, in this order; asked for after every input.
    #[must_use = "what an engine wants done has to be done, in this order"]
    fn take_outputs(&mut self) -> Vec<ControlPlaneOutput>;

    /// Proposes an entry: [`ControlPlaneInput::Propose`].
    ///
    /// # Errors
    /// As [`Self::handle`].
    fn propose(
        &mut self,
        entry: ControlPlaneEntry,
        ticket: Option<Ticket>,
    ) -> Result<ProposalId, ControlPlaneError> {
        let content = Content::Payload { ticket, payload: entry };
        self.handle(ControlPlaneInput::Propose(content)).and_then(Accepted::proposal)
    }

    /// Proposes to open a session.
    ///
    /// # Errors
    /// As [`Self::handle`].
    fn open_session(&mut self) -> Result<ProposalId, ControlPlaneError> {
        self.handle(ControlPlaneInput::Propose(Content::OpenSession)).and_then(Accepted::proposal)
    }

    /// Proposes to close a session.
    ///
    /// # Errors
    /// As [`Self::handle`].
    fn close_session(&mut self, session: SessionId) -> Result<ProposalId, ControlPlaneError> {
        let content = Content::CloseSession(session);
        self.handle(ControlPlaneInput::Propose(content)).and_then(Accepted::proposal)
    }

    /// Begins a read. Once the outcome says so, [`Self::state`] is what is read.
    ///
    /// # Errors
    /// As [`Self::handle`].
    fn read(&mut self) -> Result<ReadId, ControlPlaneError> {
        self.handle(ControlPlaneInput::Read).and_then(Accepted::read)
    }

    /// Takes a message of another node. One that the engine does not take is lost.
    fn receive(&mut self, message: Message<ControlPlaneEntry>) {
        let _lost = self.handle(ControlPlaneInput::Received(message));
    }

    /// Takes the end of a timer.
    fn fire(&mut self, timer: Timer) {
        let _nobody_waits = self.handle(ControlPlaneInput::TimerFired(timer));
    }

    /// Takes word that a batch, and every batch before it, is durable.
    fn synced(&mut self, through: BatchNumber) {
        let _nobody_waits = self.handle(ControlPlaneInput::Synced(through));
    }

    /// Takes the wish that another node leads; the outcome is an [`Output::Transfer`].
    fn transfer(&mut self, to: NodeId) {
        let _an_output_says = self.handle(ControlPlaneInput::Transfer(to));
    }

    /// Whether this node leads.
    fn is_leader(&self) -> bool {
        self.status().leads()
    }

    /// The current term.
    fn current_term(&self) -> ControlPlaneTerm {
        self.status().term
    }

    /// Who leads in it, if this node knows.
    fn leader(&self) -> Option<ClusterVoterIdentity> {
        self.status().leader.and_then(|node| self.state().identity(node).cloned())
    }

    /// The last place that this node knows to be committed, from 1; `None` before there is any.
    fn commit_index(&self) -> Option<ControlPlaneIndex> {
        Some(self.applied().last().index).filter(|commit| *commit > Index::ZERO)
    }

    /// The state after everything committed up to there.
    fn state(&self) -> &ControlPlaneState {
        self.applied().machine()
    }

    /// The configuration in force: the newest one in the log.
    fn configuration(&self) -> &Configuration {
        let newest = self.uncommitted_configurations().last();
        newest.map_or_else(|| self.applied().configuration(), |(_, configuration)| configuration)
    }

    /// The voter that has most of this leader's log: the one to hand over to.
    fn successor(&self) -> Option<NodeId> {
        let voters = self.followers().into_iter().filter(|follower| follower.votes);
        voters.max_by_key(|follower| follower.matched).map(|follower| follower.peer.node)
    }

    /// Whether this node is the only voter and does not stand for election yet. Nobody else can be elected, so its election
    /// timeout may end at once.
    fn is_unelected_sole_voter(&self) -> bool {
        let (ControlPlaneStatus { role, config, .. }, configuration) = (self.status(), self.configuration());
        let alone = configuration.is_voter(config.me) && configuration.voters().count() == 1;
        alone && role == RoleName::Follower
    }
}
