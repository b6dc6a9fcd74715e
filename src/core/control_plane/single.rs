//! The engine of one process: it leads from the start, and talks to nobody.

use super::{
    Accepted, ClusterVoterIdentity, ControlPlaneConsensus, ControlPlaneEntry, ControlPlaneError,
    ControlPlaneInput, ControlPlaneOutput, ControlPlaneState, ControlPlaneStatus, DurableVoteState,
    FollowerStatus, Founder, MembershipChange, Registered, ReplicatedControlPlane,
};
use crate::core::ids::{Index, NodeId};
use crate::core::raft::{
    Applied, Config, Configuration, Content, Durable, Node, Output, Peer, StartError, Timer,
};
use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// A control plane in one process: the embedded default, and that of a node without a port for peers.
///
/// It is the replicated engine with one voter, so whatever holds for a cluster holds for it, on the same disk: a node may
/// come back as [`ReplicatedControlPlane`] and grow into a cluster. What differs is what needs others. It stands for
/// election as it starts, sets no timers, takes no messages, and refuses to admit members
/// ([`ControlPlaneError::RunsAlone`]).
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct SingleNodeControlPlane {
    engine: ReplicatedControlPlane,
}

/// Why a node does not start alone.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum AloneError {
    /// Its snapshot cannot be read.
    #[error(transparent)]
    Snapshot(#[from] StartError),
    /// Its log has other members, who may decide without it.
    #[error("the members in its log are {}, expected {me} alone", list(.found))]
    OtherMembers {
        /// The node.
        me: Peer,
        /// The members of the newest configuration.
        found: Vec<Peer>,
    },
}

fn list(members: &[Peer]) -> String {
    if members.is_empty() {
        return "none".to_string();
    }
    members.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
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

    /// Starts with what is on the disk, if that is a control plane of this node alone.
    ///
    /// # Errors
    /// [`AloneError`]
    pub fn open(config: Config, disk: Durable<ControlPlaneEntry>) -> Result<Self, AloneError> {
        let single = Self::start(config, disk)?;
        let members = single.configuration().members();
        if members.iter().map(|member| member.peer).eq([config.me])
            && single.configuration().is_voter(config.me)
        {
            return Ok(single);
        }
        let found = members.iter().map(|member| member.peer).collect();
        Err(AloneError::OtherMembers { me: config.me, found })
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
        match &input {
            ControlPlaneInput::Received(_) => return Err(ControlPlaneError::RunsAlone),
            ControlPlaneInput::Propose(content) if admits(content) => {
                return Err(ControlPlaneError::RunsAlone);
            }
            ControlPlaneInput::Propose(_)
            | ControlPlaneInput::TimerFired(_)
            | ControlPlaneInput::Synced(_)
            | ControlPlaneInput::Read
            | ControlPlaneInput::Transfer(_) => {}
        }
        self.engine.handle(input)
    }

    /// Without timers: a sole voter waits for its disk and for nothing else.
    fn take_outputs(&mut self) -> Vec<ControlPlaneOutput> {
        let mut outputs = self.engine.take_outputs();
        outputs.retain(|output| !matches!(output, Output::SetTimer(_) | Output::CancelTimer(_)));
        outputs
    }
}

/// Whether this wants another member. To remove one is left to the log, which knows that there is none.
fn admits(content: &Content<ControlPlaneEntry>) -> bool {
    match content {
        Content::Payload { payload: ControlPlaneEntry::MembershipChange(change), .. } => match change {
            MembershipChange::Admit { .. } | MembershipChange::Promote { .. } => true,
            MembershipChange::Remove { .. } => false,
        },
        Content::Payload { .. } | Content::OpenSession | Content::CloseSession(_) => false,
    }
}
