//! What a node knows of itself, for whoever looks.

use crate::core::control_plane::{ControlPlaneConsensus as _, ReplicatedControlPlane};
use crate::core::ids::{Index, NodeId, Revision, Term};
use crate::core::raft::Config;
pub use crate::core::raft::RoleName;
use metrics::{Gauge, gauge};

/// A node at one moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Status {
    /// Who it is.
    pub config: Config,
    /// What it is.
    pub role: RoleName,
    /// Its term.
    pub term: Term,
    /// Whom it takes for the leader.
    pub leader: Option<NodeId>,
    /// What it knows to be committed, and has applied.
    pub commit: Index,
    /// The end of its log.
    pub last: Index,
    /// The end of its log on its disk.
    pub durable: Index,
    /// The end of its snapshot.
    pub snapshot: Index,
    /// The last change of the table.
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

/// The same as numbers for a monitor.
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
