//! Bounds of a scope around nodes and sinks.

use crate::env::consensus::{self, ConsensusBounds};
use crate::env::migration::{self, MigrationBounds};
use crate::protocol::{Bounds, InvariantSet};

/// Bounds of the nodes and their log, and of the sinks and gateways.
#[derive(Clone, Debug)]
pub struct ComposedBounds {
    /// Bounds of the nodes that hold the log.
    pub nodes: ConsensusBounds,
    /// Bounds of the sinks, gateways and controllers.
    pub sinks: MigrationBounds,
    /// Whether a migration has begun at the start.
    pub begun: bool,
}

impl Bounds for ComposedBounds {
    fn text(&self) -> String {
        let begun = if self.begun { vec!["a migration has begun".to_owned()] } else { Vec::new() };
        [self.nodes.parts(), self.sinks.parts(), begun].concat().join(", ")
    }

    fn faults(&self) -> String {
        [self.nodes.fault_parts(), self.sinks.fault_parts("any other message")].concat().join(", ")
    }

    fn judged(&self, _: InvariantSet) -> InvariantSet {
        consensus::judged() | migration::judged()
    }
}
