//! Which certificates belong to nodes of the cluster.

use crate::core::control_plane::{ClusterVoterIdentity, Subjects};
use crate::core::raft::Peer;
use crate::node::driver::Known;
use crate::node::tls::Expected;
use std::sync::Arc;

/// Decides which certificates belong to peers.
#[derive(Clone, Debug)]
pub struct PeerRule {
    /// Subjects of the nodes that may become members. `None`: only nodes that the log names.
    pub subjects: Option<Subjects>,
}

impl PeerRule {
    /// Checks the certificate of a sender whose hello names this peer. A sender that this node's log does not name may be a
    /// member by a newer log, or have been admitted again with another data directory; whether its messages count, the
    /// engine decides.
    ///
    /// # Errors
    /// The message for a refusal, with what was found and what was expected.
    pub fn judge(&self, known: &Known, from: Peer, identity: &ClusterVoterIdentity) -> Result<(), String> {
        let of = |peer: &Peer| known.members.iter().find(|(other, _)| other == peer);
        if let Some((_, registered)) = of(&from) {
            return if registered.identity == *identity {
                Ok(())
            } else {
                Err(format!("{from} is {}, the certificate is of {identity}", registered.identity))
            };
        }
        let holder = known
            .members
            .iter()
            .find(|(other, known)| known.identity == *identity && other.node != from.node);
        if let Some((other, _)) = holder {
            return Err(format!("{identity} is the certificate of {other}, expected that of {from}"));
        }
        self.allows(identity)
    }

    /// Checks that the certificate is one of a node, whichever.
    ///
    /// # Errors
    /// The message for a refusal.
    pub fn allows(&self, identity: &ClusterVoterIdentity) -> Result<(), String> {
        match &self.subjects {
            Some(subjects) if subjects.contain(identity) => Ok(()),
            Some(subjects) => Err(format!("{identity} is not a member, and matches none of {subjects}")),
            None => Err(format!("{identity} is not a member")),
        }
    }

    /// The check of the certificate that answers at a peer's address.
    #[must_use]
    pub fn expects(&self, known: &Known, peer: Peer) -> Expected {
        let (rule, known) = (self.clone(), known.clone());
        Arc::new(move |identity| rule.judge(&known, peer, identity))
    }
}

/// Node and data directory. `Display` of [`Peer`] omits the first directory, that of tests.
pub(super) fn full(peer: Peer) -> String {
    format!("{}/{}", peer.node, peer.directory)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::control_plane::Registered;
    use crate::core::ids::{ClusterId, DirectoryId, NodeId};

    fn id(text: &str) -> ClusterVoterIdentity {
        ClusterVoterIdentity::from_certificate_subject(text).unwrap()
    }

    fn peer(node: u8, directory: u64) -> Peer {
        Peer { node: NodeId(node), directory: DirectoryId(directory) }
    }

    #[test]
    fn a_certificate_fits_the_member_or_is_one_of_a_node() {
        let rule = PeerRule { subjects: Subjects::beside(&id("CN=n1,OU=nodes")) };
        let one: Registered = id("CN=n1,OU=nodes").into();
        let known = Known { cluster: ClusterId(1), members: vec![(peer(1, 1), one)], removed: Vec::new() };
        let judge = |peer, text: &str| rule.judge(&known, peer, &id(text));
        assert_eq!(judge(peer(1, 1), "CN=n1,OU=nodes"), Ok(()));
        assert_eq!(judge(peer(2, 1), "CN=n2,OU=nodes"), Ok(()), "it may be a member by a newer log");
        assert_eq!(
            judge(peer(1, 2), "CN=n9,OU=nodes"),
            Ok(()),
            "it may have been admitted under another subject"
        );
        let refusal = |found: Result<(), String>| found.unwrap_err();
        assert_eq!(
            refusal(judge(peer(1, 1), "CN=n2,OU=nodes")),
            "n1 is CN=n1,OU=nodes, the certificate is of CN=n2,OU=nodes"
        );
        assert_eq!(
            refusal(judge(peer(2, 1), "CN=n1,OU=nodes")),
            "CN=n1,OU=nodes is the certificate of n1, expected that of n2"
        );
        assert_eq!(
            refusal(judge(peer(2, 1), "CN=g,OU=gw")),
            "CN=g,OU=gw is not a member, and matches none of CN=…,OU=nodes"
        );
        let nobody = PeerRule { subjects: None };
        assert!(nobody.judge(&Known::default(), peer(1, 1), &id("CN=n1,OU=nodes")).is_err());
    }
}
