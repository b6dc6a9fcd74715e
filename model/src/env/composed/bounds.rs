//! What a scope around both bounds.

use crate::env::consensus::{self, ConsensusBounds};
use crate::env::migration::{self, MigrationBounds};
use crate::protocol::{Bounds, InvariantSet};

/// Bounds of the nodes, and of the sinks and gateways.
#[derive(Clone, Debug)]
pub struct ComposedBounds {
    /// The nodes that hold the log.
    pub nodes: ConsensusBounds,
    /// Sinks and gateways.
    pub sinks: MigrationBounds,
}

impl Bounds for ComposedBounds {
    fn text(&self) -> String {
        [self.nodes.parts(), self.sinks.parts()].concat().join(", ")
    }

    fn faults(&self) -> String {
        [self.nodes.fault_parts(), self.sinks.fault_parts("any other message")].concat().join(", ")
    }

    fn judged(&self, _: InvariantSet) -> InvariantSet {
        consensus::judged() | migration::judged()
    }
}
