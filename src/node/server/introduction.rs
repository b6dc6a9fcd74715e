//! What the leader learns from a node before it admits it.

use crate::core::control_plane::{Address, ClusterVoterIdentity, Endpoints};
use crate::core::ids::{ClusterId, HistoryId};
use crate::core::raft::Peer;

/// A node's own account of itself. Its subject is the one of the certificate that answered.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Introduction {
    /// The node's number, and its data directory.
    pub peer: Peer,
    /// The subject of its certificate.
    pub identity: ClusterVoterIdentity,
    /// The addresses at which the node listens.
    pub endpoints: Endpoints,
    /// The cluster in its data directory; [`ClusterId::NONE`] if the directory is empty.
    pub cluster: ClusterId,
    /// The history in its data directory; [`HistoryId::NONE`] if the directory is empty.
    pub history: HistoryId,
}

impl Introduction {
    /// Checks that the node may join this cluster: its data directory is empty, or has this history already.
    ///
    /// # Errors
    /// The reason, with both identities.
    pub fn check(&self, address: &Address, cluster: ClusterId, history: HistoryId) -> Result<(), String> {
        if self.history == HistoryId::NONE || self.history == history {
            return Ok(());
        }
        Err(format!(
            "the data directory of {} at {address} belongs to cluster {}, history {}; expected an empty one, or cluster \
             {cluster}, history {history}. Neither was changed. To use the node here, stop it, move its data directory away, \
             and start it again",
            self.peer, self.cluster, self.history
        ))
    }
}

/// Asks a node at an address who it is.
#[tonic::async_trait]
pub trait Introducer: Send + Sync + 'static {
    /// The node's account of itself.
    ///
    /// # Errors
    /// The reason: nobody answers, or not with the certificate of a node.
    async fn introduce(&self, address: &Address) -> Result<Introduction, String>;
}

/// For a node without peers: it admits nobody.
#[tonic::async_trait]
impl Introducer for () {
    async fn introduce(&self, address: &Address) -> Result<Introduction, String> {
        Err(format!("this node runs alone and cannot ask {address}: set listen.peer"))
    }
}
