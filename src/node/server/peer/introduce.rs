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
    let address = |text: String| Address::try_from(text).map(Some).map_err(|error| error.to_string());
    Ok(Introduction {
        peer: Peer { node: NodeId(node), directory: DirectoryId(answer.directory) },
        identity,
        endpoints: Endpoints { peer: address(answer.peer_address)?, client: address(answer.client_address)? },
        cluster: ClusterId(answer.cluster),
        history: HistoryId(answer.history),
    })
}
