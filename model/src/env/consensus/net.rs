//! Messages in flight: a sorted set of shared values.

use super::mixed;
use crate::host::Wire;
use crate::shared::Shared;
use cutover::core::control_plane::{ControlPlaneEntry, ControlPlaneState};
use cutover::core::ids::{Names, NodeId, Relabel};
use cutover::core::raft::Message;

/// A message between nodes in the control plane's log, as a value that can be renamed.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct NodeMessage(pub Message<ControlPlaneEntry>);

impl Relabel for NodeMessage {
    fn relabel(&self, names: &dyn Names) -> Self {
        Self(self.0.renamed::<ControlPlaneState>(names))
    }
}

/// Messages in flight, ordered by hash, without duplicates.
pub type Net = Wire<Shared<NodeMessage>>;

/// A node as a bit of a set.
pub(super) const fn bit(node: u8) -> u8 {
    1 << node.saturating_sub(1)
}

/// Whether a message is between the nodes that are cut off and the others.
pub(super) fn crosses(cut: u8, message: &NodeMessage) -> bool {
    let within = |node: NodeId| cut & bit(node.0) != 0;
    within(message.0.from.node) != within(message.0.to.node)
}

impl Net {
    /// Adds a message, unless an equal one is in flight.
    pub(super) fn add(&mut self, message: &Shared<NodeMessage>) {
        self.insert_by_key(message, |message| message.hash(0));
    }

    /// The hash of a symmetric image of the set.
    pub(super) fn hash(&self, image: usize) -> u64 {
        self.messages().iter().fold(0, |sum: u64, message| sum.wrapping_add(mixed(message.hash(image))))
    }
}
