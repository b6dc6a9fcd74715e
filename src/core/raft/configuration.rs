//! The configuration of a cluster: its members, and how it changes, one voter at a time.
//!
//! Stateless: a configuration and a change give the next configuration. Two configurations that differ by one voter
//! have no disjoint quorums (thesis, section 4.1).

use crate::core::ids::{DirectoryId, Index, Names, NodeId, Relabel};
use alloc::string::ToString;
use alloc::vec::Vec;
use core::fmt;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// A node with one data directory: what votes, is counted in quorums, and receives messages. A node that lost its directory
/// comes back as another peer.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Peer {
    /// The id of the node.
    pub node: NodeId,
    /// The node's data directory.
    pub directory: DirectoryId,
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.node)?;
        if self.directory == DirectoryId(1) { Ok(()) } else { write!(f, "/{}", self.directory) }
    }
}

/// The role of a member in a configuration.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum MemberRole {
    /// The member votes, and counts in every quorum.
    Voter,
    /// Receives entries; counts in no quorum (thesis, section 4.2.1).
    Learner,
}

/// A member and its role.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Member {
    /// The member's node and directory.
    pub peer: Peer,
    /// Whether the member is a voter or a learner.
    pub role: MemberRole,
    /// The index of the entry that admitted the member; 0 for those with which the history began.
    pub admitted: Index,
}

/// The members, sorted by node, and the peers that were removed. A node is a member once, with one directory.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Configuration {
    members: Vec<Member>,
    /// Removed peers, oldest first, at most [`Configuration::REMOVED_MAX`].
    removed: Vec<Peer>,
}

/// A change of one member.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum Change {
    /// Adds a member as a learner.
    AddLearner(Peer),
    /// Turns a learner into a voter.
    Promote(Peer),
    /// Removes a voter or a learner.
    Remove(Peer),
}

impl Change {
    /// The member that is added, promoted or removed.
    #[must_use]
    pub const fn peer(self) -> Peer {
        match self {
            Self::AddLearner(peer) | Self::Promote(peer) | Self::Remove(peer) => peer,
        }
    }
}

/// Why a change is refused.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize, Error)]
pub enum ChangeRefusal {
    /// The leader has not yet committed an entry of its own term (Ongaro 2015, raft-dev).
    #[error("the leader has committed nothing in its term yet")]
    NotYetInTerm,
    /// Another change is not committed yet.
    #[error("another change of the configuration is not committed yet")]
    InProgress,
    /// The node is a member already, with this directory or another.
    #[error("{found} is a member already")]
    AlreadyMember {
        /// The member that has this node id.
        found: Peer,
    },
    /// The node is not a member, or is one with another directory.
    #[error("{wanted} is no member")]
    NotMember {
        /// The peer that the change names.
        wanted: Peer,
    },
    /// The peer is a voter already.
    #[error("{found} is a voter already")]
    AlreadyVoter {
        /// The voter that was to be promoted.
        found: Peer,
    },
    /// The learner's log does not reach the commit index yet.
    #[error("{learner} has not caught up with what is committed")]
    NotCaughtUp {
        /// The learner that was to be promoted.
        learner: Peer,
    },
    /// The learner has not answered the leader recently.
    #[error("{learner} does not answer, so it may be down")]
    Silent {
        /// The learner that was to be promoted.
        learner: Peer,
    },
    /// Too few of the voters after the change are live and caught up, so it might never be committed.
    #[error("only {live} of the {voters} voters after it answer and have caught up, which is no quorum")]
    NoLiveQuorum {
        /// The number of voters after the change that answer and have caught up.
        live: u8,
        /// The number of voters after the change.
        voters: u8,
    },
    /// The data directory was a member's that was removed. It does not come back: what it remembers is of that time.
    #[error("{peer} was removed, and this data directory cannot be admitted again")]
    WasRemoved {
        /// The peer that was to be admitted.
        peer: Peer,
    },
    /// The change would remove the last voter.
    #[error("{voter} is the last voter")]
    LastVoter {
        /// The voter that was to be removed.
        voter: Peer,
    },
}

impl Configuration {
    /// Removed peers that a configuration remembers, at most.
    pub const REMOVED_MAX: usize = 64;

    /// A configuration of these voters and no learners.
    #[must_use]
    pub fn of_voters(voters: impl IntoIterator<Item = Peer>) -> Self {
        let mut members: Vec<Member> = voters
            .into_iter()
            .map(|peer| Member { peer, role: MemberRole::Voter, admitted: Index::ZERO })
            .collect();
        members.sort_unstable();
        members.dedup_by_key(|member| member.peer.node);
        Self { members, removed: Vec::new() }
    }

    /// No members: the configuration of an empty disk.
    #[must_use]
    pub const fn empty() -> Self {
        Self { members: Vec::new(), removed: Vec::new() }
    }

    /// The voters and learners, sorted by node id.
    #[must_use]
    pub fn members(&self) -> &[Member] {
        &self.members
    }

    /// The peers that were removed last, oldest first.
    #[must_use]
    pub fn removed(&self) -> &[Peer] {
        &self.removed
    }

    /// The voters, sorted by node id.
    pub fn voters(&self) -> impl Iterator<Item = Peer> {
        self.members.iter().filter(|member| member.role == MemberRole::Voter).map(|member| member.peer)
    }

    /// The member with this node id, whatever its directory.
    #[must_use]
    pub fn member(&self, node: NodeId) -> Option<Member> {
        self.members.iter().find(|member| member.peer.node == node).copied()
    }

    /// Whether the node is a voter with this directory.
    #[must_use]
    pub fn is_voter(&self, peer: Peer) -> bool {
        self.member(peer.node).is_some_and(|member| member.peer == peer && member.role == MemberRole::Voter)
    }

    /// Whether the node is a member with this directory.
    #[must_use]
    pub fn is_member(&self, peer: Peer) -> bool {
        self.member(peer.node).is_some_and(|member| member.peer == peer)
    }

    /// The next configuration, from the entry at this index.
    ///
    /// # Errors
    /// [`ChangeRefusal`] if the change does not fit the members, or would remove the last voter.
    pub fn changed(&self, change: Change, at: Index) -> Result<Self, ChangeRefusal> {
        let peer = change.peer();
        let found = self.member(peer.node);
        let named = found.filter(|member| member.peer == peer);
        let (mut members, mut removed) = (self.members.clone(), self.removed.clone());
        match change {
            Change::AddLearner(_) => {
                if let Some(member) = found {
                    return Err(ChangeRefusal::AlreadyMember { found: member.peer });
                }
                if removed.contains(&peer) {
                    return Err(ChangeRefusal::WasRemoved { peer });
                }
                members.push(Member { peer, role: MemberRole::Learner, admitted: at });
            }
            Change::Promote(_) => {
                let member = named.ok_or(ChangeRefusal::NotMember { wanted: peer })?;
                if member.role == MemberRole::Voter {
                    return Err(ChangeRefusal::AlreadyVoter { found: peer });
                }
                members.retain(|other| other.peer != peer);
                members.push(Member { role: MemberRole::Voter, ..member });
            }
            Change::Remove(_) => {
                let member = named.ok_or(ChangeRefusal::NotMember { wanted: peer })?;
                if member.role == MemberRole::Voter && self.voters().count() == 1 {
                    return Err(ChangeRefusal::LastVoter { voter: peer });
                }
                members.retain(|other| other.peer != peer);
                if removed.len() >= Self::REMOVED_MAX {
                    removed.remove(0);
                }
                removed.push(peer);
            }
        }
        members.sort_unstable();
        Ok(Self { members, removed })
    }
}

impl fmt::Display for Configuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = |role| {
            let these = self.members.iter().filter(move |member| member.role == role);
            these.map(|member| member.peer.to_string()).collect::<Vec<_>>().join(" ")
        };
        write!(f, "({})", names(MemberRole::Voter))?;
        let learners = names(MemberRole::Learner);
        if learners.is_empty() { Ok(()) } else { write!(f, " learners ({learners})") }
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AddLearner(peer) => write!(f, "add learner {peer}"),
            Self::Promote(peer) => write!(f, "promote {peer}"),
            Self::Remove(peer) => write!(f, "remove {peer}"),
        }
    }
}

impl Relabel for Peer {
    fn relabel(&self, names: &dyn Names) -> Self {
        Self { node: names.node(self.node), directory: self.directory }
    }
}

impl Relabel for Configuration {
    fn relabel(&self, names: &dyn Names) -> Self {
        let renamed = |member: &Member| Member { peer: member.peer.relabel(names), ..*member };
        let mut members: Vec<Member> = self.members.iter().map(renamed).collect();
        members.sort_unstable();
        Self { members, removed: self.removed.relabel(names) }
    }
}

impl Relabel for Change {
    fn relabel(&self, names: &dyn Names) -> Self {
        match self {
            Self::AddLearner(peer) => Self::AddLearner(peer.relabel(names)),
            Self::Promote(peer) => Self::Promote(peer.relabel(names)),
            Self::Remove(peer) => Self::Remove(peer.relabel(names)),
        }
    }
}
