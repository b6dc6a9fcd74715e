//! The seam to the network between nodes.

use crate::core::control_plane::{ControlPlaneEntry, Registered};
use crate::core::ids::NodeId;
use crate::core::raft::Message;
use metrics::counter;
use std::sync::Arc;
use tokio::sync::mpsc;

/// Who is a member, and where: as the newest configuration in the log has it.
pub type Registry = Arc<Vec<(NodeId, Registered)>>;

/// Carries messages to other nodes. It may lose them, repeat them, and mix them up.
pub trait Transport: Send + 'static {
    /// Sends a message; never waits. What does not fit into a queue is lost.
    fn send(&mut self, message: Message<ControlPlaneEntry>);

    /// The members have changed.
    fn members(&mut self, registry: &Registry);
}

/// No network: whatever is sent is lost.
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

/// Where messages of other nodes arrive. A transport has made sure who they are from.
#[derive(Clone, Debug)]
pub struct Inbox {
    pub(super) sender: mpsc::Sender<Message<ControlPlaneEntry>>,
}

impl Inbox {
    /// A message has arrived; never waits. What does not fit is lost.
    pub fn deliver(&self, message: Message<ControlPlaneEntry>) {
        if self.sender.try_send(message).is_err() {
            counter!("cutover_peer_messages_dropped_total", "where" => "inbox").increment(1);
        }
    }
}
