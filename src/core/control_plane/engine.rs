//! The replicated engine: a Raft [`Node`] behind [`ControlPlaneConsensus`].

use super::{
    Accepted, ClusterVoterIdentity, ControlPlaneConsensus, ControlPlaneEntry, ControlPlaneError,
    ControlPlaneInput, ControlPlaneOutput, ControlPlaneState, ControlPlaneStatus, DurableVoteState,
    FollowerStatus, MembershipChange, Registered, Stores,
};
use crate::core::ids::{ClusterId, HistoryId, Index, Names, NodeId, Relabel};
use crate::core::migration::Caps;
use crate::core::raft::{
    Applied, Config, Configuration, Content, Durable, Input, LogPosition, Node, Outcome, Output, Peer,
    Progress, ProposalId, ReadId, ReadRefusal, Rejection, RoleName, SessionLimits, StartError,
};
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

/// The initial state of a new cluster.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Founder {
    /// The id of the cluster.
    pub cluster: ClusterId,
    /// The id of the cluster's first history.
    pub history: HistoryId,
    /// The voters and their registrations. A cluster is founded with one voter; other nodes join it.
    pub voters: Vec<(Peer, Registered)>,
    /// Limits of the placement table.
    pub caps: Caps,
    /// Limits on open client sessions and on the answers kept for each.
    pub sessions: SessionLimits,
    /// The stores that the log knows before its first entry: none in a cluster that operators found.
    pub stores: Stores,
}

impl Founder {
    /// The initial disk of the cluster's first node.
    ///
    /// # Errors
    /// An error of the encoder, which cannot occur for these types.
    pub fn disk(&self) -> Result<Durable<ControlPlaneEntry>, StartError> {
        let voters = Configuration::of_voters(self.voters.iter().map(|(peer, _)| *peer));
        let members = self.voters.iter().map(|(peer, who)| (peer.node, who.clone()));
        let state = ControlPlaneState::new(self.cluster, self.caps, members).with_stores(self.stores.clone());
        Ok(Durable::founding(self.history, voters, self.sessions, state)?)
    }

    /// The initial disk of a node that joins a cluster: empty, without a configuration.
    ///
    /// # Errors
    /// An error of the encoder, which cannot occur for these types.
    pub fn empty_disk(&self) -> Result<Durable<ControlPlaneEntry>, StartError> {
        Ok(Durable::joining(self.sessions, ControlPlaneState::new(ClusterId::NONE, self.caps, []))?)
    }
}

/// The engine of one node of a cluster. Serializable between two inputs, when its outputs have been taken.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct ReplicatedControlPlane {
    node: Node<ControlPlaneState>,
    /// Reads requested since the start; the last one is the newest read id.
    reads: u64,
    #[serde(skip)]
    outputs: Vec<ControlPlaneOutput>,
}

impl ReplicatedControlPlane {
    /// The name of this kind of engine, in recordings.
    pub const NAME: &'static str = "replicated";

    /// Starts a node with the content of its disk. The first outputs are left to be taken.
    ///
    /// # Errors
    /// [`StartError`] if the snapshot cannot be decoded.
    pub fn start(config: Config, durable: Durable<ControlPlaneEntry>) -> Result<Self, StartError> {
        let (node, outputs) = Node::start(config, durable)?;
        Ok(Self { node, reads: 0, outputs })
    }

    /// The Raft node that holds the log and the state machine.
    #[must_use]
    pub const fn node(&self) -> &Node<ControlPlaneState> {
        &self.node
    }

    fn identity_of(&self, node: NodeId) -> Option<ClusterVoterIdentity> {
        self.state().identity(node).cloned()
    }

    /// Passes a proposal to the node. A rejection among the outputs is returned as an error instead.
    fn submit(&mut self, content: Content<ControlPlaneEntry>) -> Result<ProposalId, ControlPlaneError> {
        // The position that the entry gets if it is accepted. It is unique: a term has one leader, which
        // fills each index once.
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

    /// Requests a read index from the node. A refusal among the outputs is returned as an error instead.
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

    /// Refuses to admit a node under another member's identity. A leader that accepts a change has all
    /// earlier changes in its directory, because it allows one uncommitted change at a time.
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
            cluster: self.state().cluster(),
            history: node.history(),
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

    fn members(&self) -> Vec<(Peer, Registered)> {
        let committed = self.applied().configuration();
        let registered =
            |(node, known): &(NodeId, Registered)| Some((committed.member(*node)?.peer, known.clone()));
        let mut members: Vec<(Peer, Registered)> =
            self.state().directory().nodes().iter().filter_map(registered).collect();
        for entry in self.node.log().from(self.node.commit().next(), u32::MAX) {
            if let Content::Payload { payload: ControlPlaneEntry::MembershipChange(change), .. } =
                &entry.content
                && let MembershipChange::Admit { peer, identity, endpoints } = change
                && !committed.is_member(*peer)
            {
                let registered = Registered { identity: identity.clone(), endpoints: endpoints.clone() };
                members.push((*peer, registered));
            }
        }
        members
    }

    fn followers(&self) -> Vec<FollowerStatus> {
        let configuration = self.node.configuration();
        let follower = |other: &Progress| FollowerStatus {
            peer: other.peer,
            votes: configuration.is_voter(other.peer),
            matched: other.matched,
            live: other.is_live(),
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
    /// Outputs that were not taken are copied without renaming; between two inputs there are none.
    fn relabel(&self, names: &dyn Names) -> Self {
        Self { node: self.node.relabel(names), reads: self.reads, outputs: self.outputs.clone() }
    }
}
