//! The status of a node.

use crate::core::control_plane::{ControlPlaneConsensus as _, ReplicatedControlPlane};
use crate::core::ids::{Index, NodeId, Revision, Term};
use crate::core::raft::Config;
pub use crate::core::raft::RoleName;
use metrics::{Gauge, gauge};

/// The status of a node at one moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Status {
    /// The node.
    pub config: Config,
    /// Its role.
    pub role: RoleName,
    /// Its term.
    pub term: Term,
    /// The leader that it follows, or itself.
    pub leader: Option<NodeId>,
    /// The index up to which it has committed and applied.
    pub commit: Index,
    /// The last index of its log.
    pub last: Index,
    /// The last index that is durable.
    pub durable: Index,
    /// The last index of its snapshot.
    pub snapshot: Index,
    /// The revision of the last change of the table.
    pub revision: Revision,
}

impl Status {
    pub(super) fn of(engine: &ReplicatedControlPlane) -> Self {
        let node = engine.node();
        Self {
            config: node.config(),
            role: node.role(),
            term: node.hard_state().term,
            leader: node.leader().map(|peer| peer.node),
            commit: node.commit(),
            last: node.log().last().index,
            durable: node.stable(),
            snapshot: node.snapshot().last.index,
            revision: engine.state().revision(),
        }
    }

    /// Whether it leads.
    #[must_use]
    pub const fn leads(&self) -> bool {
        matches!(self.role, RoleName::Leader)
    }
}

/// Sets the gauges of the status.
pub(super) struct Gauges {
    term: Gauge,
    leads: Gauge,
    commit: Gauge,
    unapplied: Gauge,
    log: Gauge,
}

impl Gauges {
    pub(super) fn new() -> Self {
        Self {
            term: gauge!("cutover_term"),
            leads: gauge!("cutover_is_leader"),
            commit: gauge!("cutover_commit_index"),
            unapplied: gauge!("cutover_uncommitted_entries"),
            log: gauge!("cutover_log_entries"),
        }
    }

    #[allow(clippy::cast_precision_loss, reason = "a monitor's numbers are floats")]
    pub(super) fn set(&self, status: &Status) {
        self.term.set(status.term.0 as f64);
        self.leads.set(if status.leads() { 1.0 } else { 0.0 });
        self.commit.set(status.commit.0 as f64);
        self.unapplied.set(status.last.since(status.commit) as f64);
        self.log.set(status.last.since(status.snapshot) as f64);
    }
}
