//! The replicated engine: a [`Node`] behind the seam.

use super::{
    Accepted, ClusterVoterIdentity, ControlPlaneConsensus, ControlPlaneEntry, ControlPlaneError,
    ControlPlaneInput, ControlPlaneOutput, ControlPlaneState, ControlPlaneStatus, DurableVoteState,
    FollowerStatus, MembershipChange, Registered,
};
use crate::core::ids::{Index, Names, NodeId, Relabel};
use crate::core::migration::Caps;
use crate::core::raft::{
    Applied, Config, Configuration, Content, Durable, Input, LogPosition, Node, Outcome, Output, Peer,
    Progress, ProposalId, ReadId, ReadRefusal, Rejection, RoleName, SessionLimits, StartError,
};
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

/// What a new cluster begins with.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Founder {
    /// Its voters, and who they are. An operator founds a cluster with one; the others join.
    pub voters: Vec<(Peer, Registered)>,
    /// Bounds of the table.
    pub caps: Caps,
    /// Bounds of the sessions.
    pub sessions: SessionLimits,
}

impl Founder {
    /// The first disk of the cluster.
    ///
    /// # Errors
    /// The codec's, which has none for these types.
    pub fn disk(&self) -> Result<Durable<ControlPlaneEntry>, StartError> {
        let voters = Configuration::of_voters(self.voters.iter().map(|(peer, _)| *peer));
        let members = self.voters.iter().map(|(peer, who)| (peer.node, who.clone()));
        Durable::founding(voters, self.sessions, ControlPlaneState::new(self.caps, members))
    }

    /// The disk of a node that is to join.
    ///
    /// # Errors
    /// The codec's, which has none for these types.
    pub fn empty_disk(&self) -> Result<Durable<ControlPlaneEntry>, StartError> {
        Durable::joining(self.sessions, ControlPlaneState::new(self.caps, []))
    }
}

/// One node of a cluster. Written down between two inputs, when its outputs are taken.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct ReplicatedControlPlane {
    node: Node<ControlPlaneState>,
    /// Reads begun since the start.
    reads: u64,
    #[serde(skip)]
    outputs: Vec<ControlPlaneOutput>,
}

impl ReplicatedControlPlane {
    /// Its name in recordings.
    pub const NAME: &'static str = "replicated";

    /// Starts with what is on the disk.
    ///
    /// # Errors
    /// [`StartError`], if its snapshot cannot be read.
    pub fn start(config: Config, durable: Durable<ControlPlaneEntry>) -> Result<Self, StartError> {
        let (node, outputs) = Node::start(config, durable)?;
        Ok(Self { node, reads: 0, outputs })
    }

    /// The node.
    #[must_use]
    pub const fn node(&self) -> &Node<ControlPlaneState> {
        &self.node
    }

    fn identity_of(&self, node: NodeId) -> Option<ClusterVoterIdentity> {
        self.state().identity(node).cloned()
    }

    /// Hands an input to the node. What it rejects at once is not among the outputs, but returned.
    fn submit(&mut self, content: Content<ControlPlaneEntry>) -> Result<ProposalId, ControlPlaneError> {
        // Where it goes if it is taken: no other proposal ever has that place in that term.
        let (term, index) = (self.node.hard_state().term, self.node.log().last().index.next());
        let id = ProposalId(LogPosition { term, index });
        let mut rejected = None;
        for output in self.node.handle(Input::Propose { id, content }) {
            if let Output::Decided { outcome: Outcome::Rejected(rejection), .. } = &output {
                rejected = Some(*rejection);
            } else {
                self.outputs.push(output);
            }
        }
        match rejected {
            None => Ok(id),
            Some(Rejection::NotLeader { leader }) => Err(self.not_leader(leader)),
            Some(rejection) => Err(ControlPlaneError::Rejected(rejection)),
        }
    }

    /// Likewise.
    fn begin_read(&mut self) -> Result<ReadId, ControlPlaneError> {
        let id = ReadId(self.reads + 1);
        let mut refused = None;
        for output in self.node.handle(Input::Read { id }) {
            if let Output::Read { id: other, outcome: Err(refusal) } = &output
                && *other == id
            {
                refused = Some(*refusal);
            } else {
                self.outputs.push(output);
            }
        }
        match refused {
            None => {
                self.reads += 1;
                Ok(id)
            }
            Some(ReadRefusal::NotLeader { leader }) => Err(self.not_leader(leader)),
            Some(refusal) => Err(ControlPlaneError::ReadRefused(refusal)),
        }
    }

    fn not_leader(&self, leader: Option<NodeId>) -> ControlPlaneError {
        ControlPlaneError::NotLeader { leader: leader.and_then(|node| self.identity_of(node)) }
    }

    /// Every member goes by an identity of its own; the directory of a leader that takes a change is complete, because no
    /// other change is on its way then.
    fn check_identity(&self, content: &Content<ControlPlaneEntry>) -> Result<(), ControlPlaneError> {
        let Content::Payload { payload: ControlPlaneEntry::MembershipChange(change), .. } = content else {
            return Ok(());
        };
        let MembershipChange::Admit { peer, identity, .. } = change else { return Ok(()) };
        match self.state().node_of(identity).filter(|by| *by != peer.node && self.is_leader()) {
            Some(by) => Err(ControlPlaneError::IdentityTaken { identity: identity.clone(), by }),
            None => Ok(()),
        }
    }
}

impl ControlPlaneConsensus for ReplicatedControlPlane {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn status(&self) -> ControlPlaneStatus {
        let node = &self.node;
        ControlPlaneStatus {
            config: node.config(),
            role: node.role(),
            term: node.hard_state().term,
            leader: node.leader().map(|peer| peer.node),
            commit: node.commit(),
            last: node.log().last().index,
            durable: node.stable(),
            snapshot: node.snapshot().last.index,
            revision: self.state().revision(),
            halted: node.is_halted(),
        }
    }

    fn is_leader(&self) -> bool {
        self.node.role() == RoleName::Leader
    }

    fn applied(&self) -> &Applied<ControlPlaneState> {
        self.node.applied()
    }

    fn uncommitted_configurations(&self) -> &[(Index, Configuration)] {
        self.node.uncommitted_configurations()
    }

    /// The members that are committed, and those that the log has on top: a configuration is in force once appended.
    fn members(&self) -> Vec<(NodeId, Registered)> {
        let mut members: Vec<(NodeId, Registered)> = self.state().directory().nodes().to_vec();
        for entry in self.node.log().from(self.node.commit().next(), u32::MAX) {
            let Content::Payload { payload: ControlPlaneEntry::MembershipChange(change), .. } =
                &entry.content
            else {
                continue;
            };
            if let MembershipChange::Admit { peer, identity, endpoints } = change {
                let registered = Registered { identity: identity.clone(), endpoints: endpoints.clone() };
                members.retain(|(node, _)| *node != peer.node);
                members.push((peer.node, registered));
            }
        }
        members.sort_unstable();
        members
    }

    fn followers(&self) -> Vec<FollowerStatus> {
        let configuration = self.node.configuration();
        let follower = |other: &Progress| FollowerStatus {
            peer: other.peer,
            votes: configuration.is_voter(other.peer),
            matched: other.matched,
        };
        self.node.progress().iter().map(follower).collect()
    }

    fn durable_vote(&self) -> DurableVoteState {
        let vote = self.node.durable_hard_state();
        let identity = vote.voted_for.and_then(|peer| self.identity_of(peer.node));
        DurableVoteState { term: vote.term, voted_for: vote.voted_for, identity }
    }

    fn encode(&self) -> Result<Vec<u8>, postcard::Error> {
        postcard::to_allocvec(self)
    }

    fn handle(&mut self, input: ControlPlaneInput) -> Result<Accepted, ControlPlaneError> {
        let input = match input {
            ControlPlaneInput::Propose(content) => {
                self.check_identity(&content)?;
                return self.submit(content).map(Accepted::Proposal);
            }
            ControlPlaneInput::Read => return self.begin_read().map(Accepted::Read),
            ControlPlaneInput::Received(message) => Input::Received(message),
            ControlPlaneInput::TimerFired(timer) => Input::TimerFired(timer),
            ControlPlaneInput::Synced(through) => Input::Synced(through),
            ControlPlaneInput::Transfer(to) => Input::Transfer { to },
        };
        self.outputs.extend(self.node.handle(input));
        Ok(Accepted::Event)
    }

    fn take_outputs(&mut self) -> Vec<ControlPlaneOutput> {
        core::mem::take(&mut self.outputs)
    }
}

impl Relabel for ReplicatedControlPlane {
    /// Outputs that were not taken yet are not renamed: there are none between two inputs.
    fn relabel(&self, names: &dyn Names) -> Self {
        Self { node: self.node.relabel(names), reads: self.reads, outputs: self.outputs.clone() }
    }
}
