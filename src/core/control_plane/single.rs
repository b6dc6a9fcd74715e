//! The engine of one process: a cluster of one, which leads from the start.

use super::{
    Accepted, ClusterVoterIdentity, ControlPlaneConsensus, ControlPlaneEntry, ControlPlaneError,
    ControlPlaneInput, ControlPlaneOutput, ControlPlaneState, ControlPlaneStatus, DurableVoteState,
    FollowerStatus, Founder, Registered, ReplicatedControlPlane,
};
use crate::core::ids::{Index, NodeId};
use crate::core::raft::{Applied, Config, Configuration, Durable, Node, StartError, Timer};
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
        engine.fire(Timer::Election);
        Ok(Self { engine })
    }

    /// The participant in the log.
    #[must_use]
    pub const fn node(&self) -> &Node<ControlPlaneState> {
        self.engine.node()
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

    fn handle(&mut self, input: ControlPlaneInput) -> Result<Accepted, ControlPlaneError> {
        match input {
            ControlPlaneInput::Received(_) => Ok(Accepted::Event),
            other @ (ControlPlaneInput::TimerFired(_)
            | ControlPlaneInput::Synced(_)
            | ControlPlaneInput::Propose(_)
            | ControlPlaneInput::Read
            | ControlPlaneInput::Transfer(_)) => self.engine.handle(other),
        }
    }

    fn take_outputs(&mut self) -> Vec<ControlPlaneOutput> {
        self.engine.take_outputs()
    }
}
