//! What a node publishes to readers: one immutable version of its applied state.

use super::status::Status;
use crate::core::control_plane::{ControlPlaneConsensus, ControlPlaneState, FollowerStatus};
use crate::core::raft::{Configuration, MemberRole, Peer};
use std::sync::Arc;

/// A node at one moment. Clones share it, so a reader neither copies the state nor holds the pump up; a later
/// version shares what did not change.
#[derive(Clone, Debug)]
pub struct View {
    version: Arc<Version>,
}

#[derive(Debug)]
struct Version {
    engine: &'static str,
    status: Status,
    state: Arc<ControlPlaneState>,
    committed: Configuration,
    configuration: Configuration,
    followers: Vec<FollowerStatus>,
    sessions: usize,
}

impl View {
    pub(super) fn of(engine: &dyn ControlPlaneConsensus) -> Self {
        let version = Version {
            engine: engine.name(),
            status: engine.status(),
            state: Arc::new(engine.state().clone()),
            committed: engine.applied().configuration().clone(),
            configuration: engine.configuration().clone(),
            followers: engine.followers(),
            sessions: engine.applied().sessions().ids().count(),
        };
        Self { version: Arc::new(version) }
    }

    /// The state after the entries that are applied on this node.
    #[must_use]
    pub fn state(&self) -> &ControlPlaneState {
        &self.version.state
    }

    /// The same, to be kept.
    #[must_use]
    pub fn shared_state(&self) -> Arc<ControlPlaneState> {
        Arc::clone(&self.version.state)
    }

    /// The name of the engine behind the driver.
    #[must_use]
    pub fn engine(&self) -> &'static str {
        self.version.engine
    }

    /// The status of the engine.
    #[must_use]
    pub fn status(&self) -> Status {
        self.version.status
    }

    /// The configuration in effect: the newest one in the log, committed or not.
    #[must_use]
    pub fn configuration(&self) -> &Configuration {
        &self.version.configuration
    }

    /// The members of the committed configuration, each with whether it votes.
    pub fn members(&self) -> impl Iterator<Item = (Peer, bool)> {
        let members = self.version.committed.members();
        members.iter().map(|member| (member.peer, member.role == MemberRole::Voter))
    }

    /// The replication progress of the other members; empty unless this node is the leader.
    #[must_use]
    pub fn followers(&self) -> &[FollowerStatus] {
        &self.version.followers
    }

    /// The number of open client sessions.
    #[must_use]
    pub fn sessions(&self) -> usize {
        self.version.sessions
    }
}
