//! The status of a node, and its gauges.

pub use crate::core::control_plane::ControlPlaneStatus as Status;
use crate::core::ids::HistoryId;
pub use crate::core::raft::RoleName;
use metrics::{Gauge, gauge};

/// The Prometheus gauges that mirror the status.
pub(super) struct Gauges {
    term: Gauge,
    leads: Gauge,
    commit: Gauge,
    unapplied: Gauge,
    log: Gauge,
    waits: Gauge,
}

impl Gauges {
    pub(super) fn new() -> Self {
        Self {
            term: gauge!("cutover_term"),
            leads: gauge!("cutover_is_leader"),
            commit: gauge!("cutover_commit_index"),
            unapplied: gauge!("cutover_uncommitted_entries"),
            log: gauge!("cutover_log_entries"),
            waits: gauge!("cutover_waits_for_admission"),
        }
    }

    #[allow(clippy::cast_precision_loss, reason = "a monitor's numbers are floats")]
    pub(super) fn set(&self, status: &Status) {
        self.term.set(status.term.0 as f64);
        self.leads.set(if status.leads() { 1.0 } else { 0.0 });
        self.commit.set(status.commit.0 as f64);
        self.unapplied.set(status.last.since(status.commit) as f64);
        self.log.set(status.last.since(status.snapshot) as f64);
        self.waits.set(if status.history == HistoryId::NONE { 1.0 } else { 0.0 });
    }
}
