//! Traits between the driver and the network.

use crate::core::control_plane::{ControlPlaneEntry, Registered};
use crate::core::ids::NodeId;
use crate::core::raft::Message;
use metrics::counter;
use std::sync::Arc;
use tokio::sync::mpsc;

/// The members and their addresses in the newest configuration of the log.
pub type Registry = Arc<Vec<(NodeId, Registered)>>;

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
