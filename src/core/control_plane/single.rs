//! The engine of one process: a cluster of one, which leads from the start.

use super::{
    ClusterVoterIdentity, ControlPlaneConsensus, ControlPlaneEntry, ControlPlaneError, ControlPlaneIndex,
    ControlPlaneOutput, ControlPlaneState, ControlPlaneTerm, DurableVoteState, Event, Founder,
    ReplicatedControlPlane,
};
use crate::core::ids::SessionId;
use crate::core::raft::{Config, Durable, Node, ProposalId, ReadId, StartError, Ticket, Timer};
use alloc::vec;
use alloc::vec::Vec;

/// A control plane in one process. It is the same core with one voter, so that everything holds for it that holds for a
/// cluster; what it does not do is wait for an election timeout, or hear anybody.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct SingleNodeControlPlane {
    engine: ReplicatedControlPlane,
}

impl SingleNodeControlPlane {
    /// Founds it, and stands for the first term. It leads as soon as its vote is durable.
    ///
    /// # Errors
    /// The codec's, which has none for these types.
    pub fn bootstrap_leader(
        config: Config,
        identity: ClusterVoterIdentity,
        founder: &Founder,
    ) -> Result<(Self, Durable<ControlPlaneEntry>), StartError> {
        let founder = Founder { voters: vec![(config.me, identity.into())], ..founder.clone() };
        let disk = founder.disk()?;
        Ok((Self::start(config, disk.clone())?, disk))
    }

    /// Starts with what is on the disk, and stands for the next term.
    ///
    /// # Errors
    /// [`StartError`], if its snapshot cannot be read.
    pub fn start(config: Config, disk: Durable<ControlPlaneEntry>) -> Result<Self, StartError> {
        let mut engine = ReplicatedControlPlane::start(config, disk)?;
        engine.handle(Event::TimerFired(Timer::Election));
        Ok(Self { engine })
    }

    /// The participant in the log.
    #[must_use]
    pub const fn node(&self) -> &Node<ControlPlaneState> {
        self.engine.node()
    }
}

impl ControlPlaneConsensus for SingleNodeControlPlane {
    fn current_term(&self) -> ControlPlaneTerm {
        self.engine.current_term()
    }

    fn leader(&self) -> Option<ClusterVoterIdentity> {
        self.engine.leader()
    }

    fn is_leader(&self) -> bool {
        self.engine.is_leader()
    }

    fn durable_vote(&self) -> DurableVoteState {
        self.engine.durable_vote()
    }

    fn commit_index(&self) -> Option<ControlPlaneIndex> {
        self.engine.commit_index()
    }

    fn state(&self) -> &ControlPlaneState {
        self.engine.state()
    }

    fn propose(
        &mut self,
        entry: ControlPlaneEntry,
        ticket: Option<Ticket>,
    ) -> Result<ProposalId, ControlPlaneError> {
        self.engine.propose(entry, ticket)
    }

    fn open_session(&mut self) -> Result<ProposalId, ControlPlaneError> {
        self.engine.open_session()
    }

    fn close_session(&mut self, session: SessionId) -> Result<ProposalId, ControlPlaneError> {
        self.engine.close_session(session)
    }

    fn read(&mut self) -> Result<ReadId, ControlPlaneError> {
        self.engine.read()
    }

    fn handle(&mut self, event: Event) {
        match event {
            Event::Received(_) => {}
            other @ (Event::TimerFired(_) | Event::Synced(_) | Event::Transfer(_)) => {
                self.engine.handle(other)
            }
        }
    }

    fn take_outputs(&mut self) -> Vec<ControlPlaneOutput> {
        self.engine.take_outputs()
    }
}
