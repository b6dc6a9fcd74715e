//! The single-node engine: a control plane in one process, without peers.

use super::{
    Accepted, ClusterVoterIdentity, ControlPlaneConsensus, ControlPlaneEntry, ControlPlaneError,
    ControlPlaneInput, ControlPlaneOutput, ControlPlaneState, ControlPlaneStatus, DurableVoteState,
    FollowerStatus, Founder, MembershipChange, Registered, ReplicatedControlPlane,
};
use crate::core::ids::Index;
use crate::core::raft::{Applied, Config, Configuration, Content, Durable, Node, Output, Peer, StartError};
use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// A control plane in one process: embedded in an application, or on a node without a port for peers.
///
/// It is a [`ReplicatedControlPlane`] with one voter on the same disk format, so the node can later start as
/// a replicated one and grow into a cluster. It differs where peers are concerned: it sets no timers, takes no messages, and
/// refuses to admit or promote members ([`ControlPlaneError::RunsAlone`]).
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct SingleNodeControlPlane {
    engine: ReplicatedControlPlane,
}

/// Why a disk cannot be opened by a single-node engine.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum AloneError {
    /// The snapshot cannot be decoded.
    #[error(transparent)]
    Snapshot(#[from] StartError),
    /// The log's configuration has other members than this node. They could commit entries without it.
    #[error("the members in its log are {}, expected {me} alone", list(.found))]
    OtherMembers {
        /// The node that was to start.
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
    /// The name of this kind of engine, in recordings.
    pub const NAME: &'static str = "single";

    /// Founds a control plane, and campaigns in term 1. It becomes the leader as soon as its vote is durable.
    /// Also returns the initial disk, which the caller must write first.
    ///
    /// # Errors
    /// An error of the encoder, which cannot occur for these types.
    pub fn bootstrap_leader(
        config: Config,
        identity: ClusterVoterIdentity,
        founder: &Founder,
    ) -> Result<(Self, Durable<ControlPlaneEntry>), StartError> {
        let founder = Founder { voters: vec![(config.me, identity.into())], ..founder.clone() };
        let disk = founder.disk()?;
        Ok((Self::start(config, disk.clone())?, disk))
    }

    /// Starts with the content of a disk, if this node is the only member of its configuration.
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

    /// Starts with the content of a disk, without a check of its configuration. As a sole voter, it campaigns in the next
    /// term.
    ///
    /// # Errors
    /// [`StartError`] if the snapshot cannot be decoded.
    pub fn start(config: Config, disk: Durable<ControlPlaneEntry>) -> Result<Self, StartError> {
        Ok(Self { engine: ReplicatedControlPlane::start(config, disk)? })
    }

    /// The Raft node that holds the log and the state machine; its only voter is itself.
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

    fn members(&self) -> Vec<(Peer, Registered)> {
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

    /// Takes the outputs, without those that set or cancel timers: a sole voter waits for its disk only.
    fn take_outputs(&mut self) -> Vec<ControlPlaneOutput> {
        let mut outputs = self.engine.take_outputs();
        outputs.retain(|output| !matches!(output, Output::SetTimer(_) | Output::CancelTimer(_)));
        outputs
    }
}

/// Whether a proposal would add a voter or learner. A removal is passed on: the node refuses to remove the
/// last voter.
fn admits(content: &Content<ControlPlaneEntry>) -> bool {
    match content {
        Content::Payload { payload: ControlPlaneEntry::MembershipChange(change), .. } => match change {
            MembershipChange::Admit { .. } | MembershipChange::Promote { .. } => true,
            MembershipChange::Remove { .. } => false,
        },
        Content::Payload { .. } | Content::OpenSession | Content::CloseSession(_) => false,
    }
}
