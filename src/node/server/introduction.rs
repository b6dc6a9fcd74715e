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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::ids::{DirectoryId, NodeId};

    #[test]
    fn a_node_joins_with_an_empty_directory_or_with_this_history() {
        let address = Address::try_from("n4:7004".to_owned()).unwrap();
        let (ours, history) = (ClusterId(100), HistoryId(200));
        let introduction = |directory, subject, cluster, history| Introduction {
            peer: Peer { node: NodeId(4), directory: DirectoryId(directory) },
            identity: ClusterVoterIdentity::from_certificate_subject(subject).unwrap(),
            endpoints: Endpoints { peer: Some(address.clone()), client: None },
            cluster,
            history,
        };
        // Which node it is, in which directory, is judged by the log; whose data it has, here.
        for (directory, subject) in [(300, "CN=n4"), (301, "CN=n4"), (300, "CN=other")] {
            let check = |cluster, found| {
                introduction(directory, subject, cluster, found).check(&address, ours, history)
            };
            assert_eq!(check(ClusterId::NONE, HistoryId::NONE), Ok(()), "an empty directory");
            assert_eq!(check(ours, history), Ok(()), "it is admitted again");
            for (cluster, lost) in [
                // The cluster was restored from a backup, and has a new history since.
                (ours, HistoryId(201)),
                (ours, HistoryId(199)),
                (ClusterId(101), HistoryId(201)),
                // The ids are drawn, each on its own.
                (ClusterId(200), HistoryId(100)),
                (ClusterId::NONE, HistoryId(201)),
            ] {
                let why = check(cluster, lost).unwrap_err();
                let found = format!(
                    "the data directory of n4/{} at n4:7004 belongs to cluster {cluster}, history {lost};",
                    DirectoryId(directory)
                );
                assert!(why.starts_with(&found), "{why}");
                let expected = format!("expected an empty one, or cluster {ours}, history {history}.");
                assert!(why.contains(&expected), "{why}");
            }
        }
    }
}
