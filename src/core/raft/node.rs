//! The state of one node.

use super::configuration::{Configuration, Peer};
use super::durable::{HardState, Snapshot};
use super::io::BatchNumber;
pub use super::limits::{Elections, NodeLimits};
use super::log::Log;
use super::machine::{Applied, Machine};
use super::progress::Progress;
use super::role::{Role, RoleName};
use crate::core::ids::{HistoryId, Index};
use alloc::sync::Arc;
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};

/// The identity and the limits of a node.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Config {
    /// The node's id and data directory.
    pub me: Peer,
    /// The node's limits and election rules.
    pub limits: NodeLimits,
}

/// A batch that is not reported durable yet.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub(super) struct Unsynced {
    /// The last index that the batch makes durable; lowered when entries in it are truncated.
    pub(super) last: Index,
    /// The hard state that the batch makes durable.
    pub(super) hard_state: HardState,
}

/// One Raft node. It is serializable, so that a recording can begin with it.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(bound = "")]
pub struct Node<M: Machine> {
    pub(super) config: Config,
    pub(super) hard_state: HardState,
    pub(super) log: Log<M::Payload>,
    pub(super) snapshot: Arc<Snapshot>,
    pub(super) applied: Applied<M>,
    /// Uncommitted configurations in the log, by index, oldest first.
    pub(super) later: Vec<(Index, Configuration)>,
    pub(super) role: Role,
    /// The log up to this index is durable on this node.
    pub(super) stable: Index,
    /// The hard state that is durable on this node.
    pub(super) durable_hard_state: HardState,
    /// Batches not reported durable, oldest first.
    pub(super) unsynced: Vec<Unsynced>,
    /// The newest batch that was reported durable: the one before the oldest of those.
    pub(super) synced: BatchNumber,
    pub(super) halted: bool,
}

impl<M: Machine> Node<M> {
    /// The node's identity and limits.
    pub const fn config(&self) -> Config {
        self.config
    }

    /// The current term and vote, durable or not.
    pub const fn hard_state(&self) -> HardState {
        self.hard_state
    }

    /// The durable term and vote.
    pub const fn durable_hard_state(&self) -> HardState {
        self.durable_hard_state
    }

    /// The number of batches not reported durable yet.
    pub const fn unsynced(&self) -> usize {
        self.unsynced.len()
    }

    /// The node's role in the current term.
    pub const fn role(&self) -> RoleName {
        match &self.role {
            Role::Follower(_) => RoleName::Follower,
            Role::PreCandidate(_) => RoleName::PreCandidate,
            Role::Candidate(_) => RoleName::Candidate,
            Role::Leader(_) => RoleName::Leader,
        }
    }

    /// The leader of the current term, if the node knows it.
    pub fn leader(&self) -> Option<Peer> {
        match &self.role {
            Role::Follower(follower) => follower.leader,
            Role::Leader(_) => Some(self.config.me),
            Role::PreCandidate(_) | Role::Candidate(_) => None,
        }
    }

    /// The node's log, after the compacted prefix.
    pub const fn log(&self) -> &Log<M::Payload> {
        &self.log
    }

    /// The latest snapshot, taken by the node or received, durable or not.
    pub const fn snapshot(&self) -> &Arc<Snapshot> {
        &self.snapshot
    }

    /// The state after all entries known to be committed.
    pub const fn applied(&self) -> &Applied<M> {
        &self.applied
    }

    /// The index of the last entry known to be committed.
    pub const fn commit(&self) -> Index {
        self.applied.last.index
    }

    /// The last index of the log that is durable on this node.
    pub const fn stable(&self) -> Index {
        self.stable
    }

    /// The configuration in effect: the latest one in the log, committed or not.
    pub fn configuration(&self) -> &Configuration {
        self.later.last().map_or(&self.applied.configuration, |(_, configuration)| configuration)
    }

    /// The configurations that may be the committed one.
    pub(super) fn candidates(&self) -> impl Iterator<Item = &Configuration> {
        let later = self.later.iter().map(|(_, configuration)| configuration);
        core::iter::once(&self.applied.configuration).chain(later)
    }

    /// Whether the peer is a member, by any configuration that may be the committed one.
    pub(super) fn is_known(&self, peer: Peer) -> bool {
        self.candidates().any(|configuration| configuration.is_member(peer))
    }

    /// The index of the entry that admitted this node, or 0.
    pub(super) fn admitted(&self) -> Index {
        let me = self.config.me;
        let as_member = |configuration: &Configuration| configuration.member(me.node);
        let found = self.candidates().filter_map(as_member).find(|member| member.peer == me);
        found.map_or(Index::ZERO, |member| member.admitted)
    }

    /// The history of the log; [`HistoryId::NONE`] before a leader has sent a snapshot to an empty disk.
    pub const fn history(&self) -> HistoryId {
        self.applied.history
    }

    /// The configurations in the log not known to be committed, with their indexes.
    pub fn uncommitted_configurations(&self) -> &[(Index, Configuration)] {
        &self.later
    }

    /// The replication progress of each other member; empty unless this node is the leader.
    pub fn progress(&self) -> &[Progress] {
        match &self.role {
            Role::Leader(leader) => &leader.progress,
            Role::Follower(_) | Role::PreCandidate(_) | Role::Candidate(_) => &[],
        }
    }

    /// Whether the node halted on a violated invariant.
    pub const fn is_halted(&self) -> bool {
        self.halted
    }

    /// Finds the configurations after the snapshot; they are stored in the log only.
    pub(super) fn find_configurations(&mut self) {
        let mut at = self.applied.last.index.next();
        let mut current = self.applied.configuration.clone();
        while let Some(entry) = self.log.entry(at) {
            if let Some(Ok(next)) = entry.change().map(|change| current.changed(change, at)) {
                current = next.clone();
                self.later.push((at, next));
            }
            at = at.next();
        }
    }
}
