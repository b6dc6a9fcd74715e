//! The status of an engine.

use crate::core::ids::{ClusterId, HistoryId, Index, NodeId, Revision, Term};
use crate::core::raft::{Config, Peer, RoleName};

/// The status of an engine at one moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ControlPlaneStatus {
    /// Node id, data directory and limits.
    pub config: Config,
    /// The cluster; [`ClusterId::NONE`] before the node has joined one.
    pub cluster: ClusterId,
    /// The history of the log; [`HistoryId::NONE`] before the node has joined a cluster.
    pub history: HistoryId,
    /// The node's role in its current term.
    pub role: RoleName,
    /// The latest term that the node has seen.
    pub term: Term,
    /// The leader of that term, if the node knows it.
    pub leader: Option<NodeId>,
    /// The last index known to be committed; every entry up to it is applied.
    pub commit: Index,
    /// The last index of the log.
    pub last: Index,
    /// The last index of the log that is durable on this node.
    pub durable: Index,
    /// The last index that the snapshot covers.
    pub snapshot: Index,
    /// The log index of the last change of the placement table.
    pub revision: Revision,
    /// Whether the engine halted on a violated invariant. It then handles no more inputs.
    pub halted: bool,
}

impl ControlPlaneStatus {
    /// Whether the node is the leader.
    #[must_use]
    pub const fn leads(&self) -> bool {
        matches!(self.role, RoleName::Leader)
    }

    /// Whether a ticket may be good here that names a session of this history. In another history the number of the session may
    /// be another client's.
    #[must_use]
    pub fn knows_sessions_of(&self, history: HistoryId) -> bool {
        history == self.history
    }

    /// The revision after which a stream begins for a watcher that has seen this revision of this history; 0: with everything. A
    /// revision of another history says nothing here, and one that the leader's log does not reach is of none. `None`: this node
    /// waits to be admitted, and has no table of any history.
    #[must_use]
    pub fn watch_begins(&self, history: HistoryId, seen: Revision) -> Option<Revision> {
        if self.history == HistoryId::NONE {
            return None;
        }
        let known = history == self.history && !(self.leads() && seen.0 > self.last.0);
        Some(if known { seen } else { Revision::ZERO })
    }
}

/// The replication progress of another member, as the leader knows it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FollowerStatus {
    /// The member's node id and directory.
    pub peer: Peer,
    /// Whether the member is a voter.
    pub votes: bool,
    /// The last index up to which the member's durable log is known to match the leader's.
    pub matched: Index,
    /// Whether the member has answered in one of the last two intervals of the quorum check. One that has not counts as
    /// missing.
    pub live: bool,
}
