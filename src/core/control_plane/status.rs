//! What an engine says of itself to whoever runs it.

use crate::core::ids::{Index, NodeId, Revision, Term};
use crate::core::raft::{Config, Peer, RoleName};

/// An engine at one moment, in numbers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ControlPlaneStatus {
    /// Its node, and its bounds.
    pub config: Config,
    /// Its role.
    pub role: RoleName,
    /// Its term.
    pub term: Term,
    /// The leader of its term, if it knows one.
    pub leader: Option<NodeId>,
    /// The last index that it knows to be committed, and has applied.
    pub commit: Index,
    /// The last index of its log.
    pub last: Index,
    /// The last index of its log that is durable here.
    pub durable: Index,
    /// The last index that its snapshot covers.
    pub snapshot: Index,
    /// The last change of the table.
    pub revision: Revision,
    /// Whether it found an invariant broken. It takes nothing any more then.
    pub halted: bool,
}

impl ControlPlaneStatus {
    /// Whether it leads.
    #[must_use]
    pub const fn leads(&self) -> bool {
        matches!(self.role, RoleName::Leader)
    }
}

/// How far another member is, as the leader knows it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FollowerStatus {
    /// The member.
    pub peer: Peer,
    /// Whether it votes.
    pub votes: bool,
    /// The last index of its log that is known to agree with the leader's, durably.
    pub matched: Index,
}
