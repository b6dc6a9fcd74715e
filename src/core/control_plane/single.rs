//! The engine of one process: a cluster of one, which leads from the start.

use super::{
    ClusterVoterIdentity, ControlPlaneConsensus, ControlPlaneEntry, ControlPlaneError, ControlPlaneOutput,
    ControlPlaneState, ControlPlaneStatus, DurableVoteState, Event, FollowerStatus, Founder, Registered,
    ReplicatedControlPlane,
};
use crate::core::ids::{Index, NodeId, SessionId};
use crate::core::raft::{
    Applied, Config, Configuration, Durable, ProposalId, ReadId, StartError, Ticket, Timer,
};
use alloc::vec;
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};

/// A control plane in one process. It is the same core with one voter, so that everything holds for it that holds for a
/// cluster; what it does not do is wait for an election timeout, or hear anybody.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct SingleNodeControlPlane {
    engine: ReplicatedControlPlane,
}

impl SingleNodeControlPlane {
    /// Its name in recordings.
    pub const NAME: &'static str = "single";

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
}

impl ControlPlaneConsensus for SingleNodeControlPlane {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn status(&self) -> ControlPlaneStatus {
        self.engine.status()
    }

    fn applied(&self) -> &Applied<ControlPlaneState> {
        self.engine.applied()
    }

    fn uncommitted_configurations(&self) -> &[(Index, Configuration)] {
        self.engine.uncommitted_configurations()
    }

    fn members(&self) -> Vec<(NodeId, Registered)> {
        self.engine.members()
    }

    fn followers(&self) -> Vec<FollowerStatus> {
        self.engine.followers()
    }

    fn durable_vote(&self) -> DurableVoteState {
        self.engine.durable_vote()
    }

    fn encode(&self) -> Result<Vec<u8>, postcard::Error> {
        self.engine.encode()
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
