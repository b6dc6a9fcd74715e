//! Both ends of an introduction: a node's own account, and asking for it.

use super::peer_rule::PeerRule;
use super::wire::PROTOCOL;
use crate::core::control_plane::{Address, ClusterVoterIdentity, Endpoints, Registered};
use crate::core::ids::{ClusterId, DirectoryId, HistoryId, NodeId};
use crate::core::raft::Peer;
use crate::node::driver::Status;
use crate::node::proto::{reasons, v1};
use crate::node::server::introduction::{Introducer, Introduction};
use crate::node::tls::{Expected, Security, channel};
use core::time::Duration;
use std::sync::{Arc, Mutex, PoisonError};

/// Limit for an introduction. A node that is starting is waited for.
const LIMIT: Duration = Duration::from_secs(4);
/// Interval between attempts.
const AGAIN: Duration = Duration::from_millis(200);

/// This node's account of itself.
pub(super) fn own(status: &Status, registered: &Registered) -> v1::IntroduceResponse {
    let me = status.config.me;
    let text = |address: Option<&Address>| address.map(ToString::to_string).unwrap_or_default();
    v1::IntroduceResponse {
        node: me.node.0.into(),
        directory: me.directory.0,
        cluster: status.cluster.0,
        history: status.history.0,
        peer_address: text(registered.endpoints.peer.as_ref()),
        client_address: text(registered.endpoints.client.as_ref()),
        protocol: PROTOCOL,
        identity: registered.identity.to_string(),
    }
}

/// Asks nodes over gRPC.
#[derive(Clone, Debug)]
pub struct GrpcIntroducer {
    /// The certificate of this node.
    pub security: Security,
    /// Which certificates are those of nodes.
    pub rule: PeerRule,
}

impl GrpcIntroducer {
    async fn ask(
        &self,
        address: &Address,
    ) -> Result<(v1::IntroduceResponse, Option<ClusterVoterIdentity>), String> {
        let answered: Arc<Mutex<Option<ClusterVoterIdentity>>> = Arc::default();
        let (seen, rule) = (Arc::clone(&answered), self.rule.clone());
        let expected: Expected = Arc::new(move |identity| {
            *seen.lock().unwrap_or_else(PoisonError::into_inner) = Some(identity.clone());
            rule.allows(identity)
        });
        let channel = channel(address, &self.security, &expected).await.map_err(|error| error.to_string())?;
        let request = v1::IntroduceRequest { protocol: PROTOCOL };
        let answer = v1::peer_client::PeerClient::new(channel).introduce(request).await;
        let answer = answer.map_err(|status| reasons(&status))?.into_inner();
        let identity = answered.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Ok((answer, identity))
    }
}

#[tonic::async_trait]
impl Introducer for GrpcIntroducer {
    async fn introduce(&self, address: &Address) -> Result<Introduction, String> {
        let mut last = format!("no answer within {} s", LIMIT.as_secs());
        let asked = tokio::time::timeout(LIMIT, async {
            loop {
                match self.ask(address).await {
                    Ok(answered) => return answered,
                    Err(error) => last = error,
                }
                tokio::time::sleep(AGAIN).await;
            }
        });
        let Ok((answer, subject)) = asked.await else { return Err(format!("{address}: {last}")) };
        read(answer, subject).map_err(|error| format!("{address}: {error}"))
    }
}

fn read(
    answer: v1::IntroduceResponse,
    subject: Option<ClusterVoterIdentity>,
) -> Result<Introduction, String> {
    if answer.protocol != PROTOCOL {
        let found = answer.protocol;
        return Err(format!(
            "the node uses version {found} of the peer protocol, expected version {PROTOCOL}"
        ));
    }
    let node = u8::try_from(answer.node).ok().filter(|node| *node > 0);
    let node = node.ok_or_else(|| format!("node {}, expected 1 to {}", answer.node, u8::MAX))?;
    let identity = match subject {
        Some(subject) => subject,
        // Without TLS nothing proves it.
        None => ClusterVoterIdentity::from_certificate_subject(&answer.identity)
            .map_err(|error| error.to_string())?,
    };
    let address = |text: String| {
        let found = format!("{text:?}");
        Address::try_from(text).map(Some).map_err(|error| format!("found address {found}: {error}"))
    };
    Ok(Introduction {
        peer: Peer { node: NodeId(node), directory: DirectoryId(answer.directory) },
        identity,
        endpoints: Endpoints { peer: address(answer.peer_address)?, client: address(answer.client_address)? },
        cluster: ClusterId(answer.cluster),
        history: HistoryId(answer.history),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(subject: &str) -> ClusterVoterIdentity {
        ClusterVoterIdentity::from_certificate_subject(subject).unwrap()
    }

    fn answer() -> v1::IntroduceResponse {
        v1::IntroduceResponse {
            node: 4,
            directory: 5,
            cluster: 6,
            history: 7,
            peer_address: "10.0.0.4:7101".to_owned(),
            client_address: "10.0.0.4:7100".to_owned(),
            protocol: PROTOCOL,
            identity: "CN=what-it-says".to_owned(),
        }
    }

    /// A node is who its certificate says. What it says of itself counts only where there are no certificates.
    #[test]
    fn the_certificate_names_the_node() {
        let proved = read(answer(), Some(identity("CN=what-is-proved"))).unwrap();
        assert_eq!(proved.identity, identity("CN=what-is-proved"));
        assert_eq!(proved.peer, Peer { node: NodeId(4), directory: DirectoryId(5) });
        assert_eq!((proved.cluster, proved.history), (ClusterId(6), HistoryId(7)));
        assert_eq!(read(answer(), None).unwrap().identity, identity("CN=what-it-says"));
    }

    #[test]
    fn an_account_that_cannot_be_is_refused_with_what_was_expected() {
        let refused = |change: fn(&mut v1::IntroduceResponse)| {
            let mut of = answer();
            change(&mut of);
            read(of, Some(identity("CN=n4"))).unwrap_err()
        };
        let protocol = refused(|of| of.protocol += 1);
        assert!(protocol.ends_with(&format!("expected version {PROTOCOL}")), "{protocol}");
        for node in [refused(|of| of.node = 0), refused(|of| of.node = 256)] {
            assert!(node.ends_with("expected 1 to 255"), "{node}");
        }
        let address = refused(|of| of.peer_address = "nowhere".to_owned());
        assert!(address.contains("nowhere"), "{address}");
    }
}
