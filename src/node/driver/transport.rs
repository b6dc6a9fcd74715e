//! Traits between the driver and the network.

use crate::core::control_plane::{ControlPlaneEntry, Registered};
use crate::core::ids::{ClusterId, NodeId};
use crate::core::raft::{Message, Peer};
use metrics::counter;
use std::sync::Arc;
use tokio::sync::mpsc;

/// Whom the configurations of the log name. Clones share it.
pub type Registry = Arc<Known>;

/// The cluster, its members and those that were removed, as this node's log has them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Known {
    /// The cluster of the log.
    pub cluster: ClusterId,
    /// The [members](crate::core::control_plane::ControlPlaneConsensus::members), with their certificates and addresses.
    pub members: Vec<(Peer, Registered)>,
    /// The peers that were removed, by the committed configuration.
    pub removed: Vec<Peer>,
}

impl Default for Known {
    fn default() -> Self {
        Self { cluster: ClusterId::NONE, members: Vec::new(), removed: Vec::new() }
    }
}

impl Known {
    /// The registration of this peer, or else of a member with its node id.
    #[must_use]
    pub fn registered(&self, peer: Peer) -> Option<&Registered> {
        let found = self.members.iter().find(|(other, _)| *other == peer);
        found.or_else(|| self.member(peer.node)).map(|(_, registered)| registered)
    }

    /// The member with this node id, by the newest entry that names it.
    #[must_use]
    pub fn member(&self, node: NodeId) -> Option<&(Peer, Registered)> {
        self.members.iter().rfind(|(peer, _)| peer.node == node)
    }
}

/// Sends messages to peers. It may lose, repeat and reorder them.
pub trait Transport: Send + 'static {
    /// Sends a message without waiting; drops it if a queue is full.
    fn send(&mut self, message: Message<ControlPlaneEntry>);

    /// Called when the members or their addresses change.
    fn members(&mut self, registry: &Registry);
}

/// No network: messages are dropped.
impl Transport for () {
    fn send(&mut self, _: Message<ControlPlaneEntry>) {}

    fn members(&mut self, _: &Registry) {}
}

impl Transport for Box<dyn Transport> {
    fn send(&mut self, message: Message<ControlPlaneEntry>) {
        (**self).send(message);
    }

    fn members(&mut self, registry: &Registry) {
        (**self).members(registry);
    }
}

/// Queue of messages from peers to the pump. The transport has verified the senders.
#[derive(Clone, Debug)]
pub struct Inbox {
    pub(super) sender: mpsc::Sender<Message<ControlPlaneEntry>>,
}

impl Inbox {
    /// Queues a message without waiting; drops it if the queue is full.
    pub fn deliver(&self, message: Message<ControlPlaneEntry>) {
        if self.sender.try_send(message).is_err() {
            counter!("cutover_peer_messages_dropped_total", "where" => "inbox").increment(1);
        }
    }
}
