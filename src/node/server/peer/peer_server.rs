//! The server end of the streams between nodes: which messages of which senders are delivered.

use super::wire::{self, FRAME_BYTES, Join, Joined, LargeMessages, MESSAGE_BYTES_MAX, VOTE_BYTES_MAX};
use crate::core::control_plane::{Address, ClusterVoterIdentity, Subjects};
use crate::core::ids::NodeId;
use crate::core::raft::Config;
use crate::node::driver::{Handle, Inbox, Registry};
use crate::node::proto::v1;
use crate::node::server::api::access::{Caller, Identify};
use crate::node::server::log_limiter::LogLimiter;
use metrics::counter;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::oneshot;
use tonic::{Request, Response, Status, Streaming};

/// The addresses that peers gave in their hellos, to answer peers whose addresses are not in the log yet.
/// Clones share them.
#[derive(Clone, Debug, Default)]
pub struct PeerAddresses(Arc<Mutex<BTreeMap<NodeId, Address>>>);

impl PeerAddresses {
    /// The address from a node's latest hello, or `None` if it has sent none.
    #[must_use]
    pub fn get(&self, node: NodeId) -> Option<Address> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&node).cloned()
    }

    fn put(&self, node: NodeId, address: Address) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(node, address);
    }
}

/// Decides which certificates belong to peers.
#[derive(Clone, Debug)]
pub struct PeerRule {
    /// Subjects of the nodes that may become members. `None`: only nodes that the log names.
    pub subjects: Option<Subjects>,
}

/// Which messages of a peer are delivered to the engine.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PeerAccess {
    /// All messages: the sender is a member, or this node does not know its cluster yet.
    All,
    /// Votes and requests for votes only: the sender is not in this node's configuration, but may be in a
    /// newer one. If voters refused the votes of such a node, a cluster could be left without a leader for
    /// good (ADR 0021).
    Elections,
}

impl PeerAccess {
    const fn message_bytes_max(self) -> usize {
        match self {
            Self::All => MESSAGE_BYTES_MAX,
            Self::Elections => VOTE_BYTES_MAX,
        }
    }
}

/// The node id in the sender's hello, and the subject of its certificate; `None` without TLS.
type Sender = (NodeId, Option<ClusterVoterIdentity>);

/// The open stream of each sender. A new stream replaces the sender's earlier one, whose connection may have
/// broken unnoticed.
#[derive(Clone, Debug, Default)]
pub struct Streams(Arc<Mutex<BTreeMap<Sender, oneshot::Sender<()>>>>);

impl Streams {
    /// Registers a stream, and closes the sender's earlier one. The receiver resolves when a later stream
    /// replaces this one.
    fn open(&self, sender: Sender) -> oneshot::Receiver<()> {
        let (stream, replaced) = oneshot::channel();
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|_, stream| !stream.is_closed());
        all.insert(sender, stream);
        replaced
    }
}

impl PeerRule {
    /// Which messages are delivered from a sender whose hello names `node` and whose certificate has the
    /// subject `identity`.
    ///
    /// # Errors
    /// The message for a refusal, with what was found and what was expected.
    pub fn judge(
        &self,
        registry: &Registry,
        node: NodeId,
        identity: &ClusterVoterIdentity,
    ) -> Result<PeerAccess, String> {
        if let Some((_, known)) = registry.iter().find(|(other, _)| *other == node) {
            return if known.identity == *identity {
                Ok(PeerAccess::All)
            } else {
                Err(format!("{node} is {}, the certificate is of {identity}", known.identity))
            };
        }
        if let Some((other, _)) = registry.iter().find(|(_, known)| known.identity == *identity) {
            return Err(format!("{identity} is the certificate of {other}, expected that of {node}"));
        }
        match &self.subjects {
            // A node with an empty disk has no configuration: it learns its cluster from the first leader.
            Some(subjects) if subjects.contain(identity) && registry.is_empty() => Ok(PeerAccess::All),
            Some(subjects) if subjects.contain(identity) => Ok(PeerAccess::Elections),
            Some(subjects) => Err(format!("{identity} is not a member, and matches none of {subjects}")),
            None => Err(format!("{identity} is not a member")),
        }
    }
}

/// The gRPC service of the peer port.
#[derive(Clone)]
pub struct PeerService {
    /// Cluster and id of this node, with which a hello is compared.
    pub config: Config,
    /// The driver, for the members in the log.
    pub handle: Handle,
    /// Delivers messages to the driver.
    pub inbox: Inbox,
    /// Identifies the sender by the certificate of its connection.
    pub identify: Arc<dyn Identify>,
    /// Decides whether the certificate belongs to a peer.
    pub rule: PeerRule,
    /// Stores the addresses that peers give in their hellos.
    pub addresses: PeerAddresses,
    /// The open stream of each sender.
    pub streams: Streams,
    /// Limits the memory for messages of more than one frame.
    pub large: LargeMessages,
}

impl PeerService {
    fn access(&self, caller: &Caller, hello: &v1::PeerHello) -> Result<(NodeId, PeerAccess), Status> {
        let expected = self.config.cluster.0;
        if hello.cluster != expected {
            let found = hello.cluster;
            return Err(refuse(format!("a peer of cluster {found}, expected cluster {expected}")));
        }
        let node =
            u8::try_from(hello.node).map(NodeId).map_err(|_| refuse(format!("node {}", hello.node)))?;
        let access = match caller {
            Caller::Anybody => PeerAccess::All,
            Caller::Holder(identity) => {
                self.rule.judge(&self.handle.registry(), node, identity).map_err(refuse)?
            }
        };
        Ok((node, access))
    }
}

fn refuse(what: String) -> Status {
    refuse_as(Status::permission_denied(what))
}

fn refuse_as(status: Status) -> Status {
    static LINES: LogLimiter = LogLimiter::new();
    counter!("cutover_refused_total", "reason" => "peer").increment(1);
    if let Some(left_out) = LINES.now() {
        tracing::warn!(what = status.message(), left_out, "refused a peer");
    }
    status
}

impl PeerService {
    /// Delivers messages until the sender has closed the stream.
    async fn receive(
        &self,
        mut frames: Streaming<v1::PeerFrame>,
        caller: &Caller,
        hello: &v1::PeerHello,
    ) -> Result<(), Status> {
        let mut join = Join::new(self.large.clone());
        while let Some(frame) = frames.message().await? {
            // The sender may have become a member, or ceased to be one, since the stream was opened.
            let (node, access) = self.access(caller, hello)?;
            let bytes = match join.take(&frame.data, frame.last, access.message_bytes_max()) {
                Ok(Joined::Whole(bytes)) => bytes,
                Ok(Joined::Unfinished) => continue,
                Ok(Joined::Lost) => {
                    counter!("cutover_peer_messages_dropped_total", "where" => "large").increment(1);
                    continue;
                }
                Err(error) => return Err(refuse_as(Status::out_of_range(format!("{node}: {error}")))),
            };
            let message = wire::decode(&bytes).map_err(|error| refuse(format!("{node}: {error}")))?;
            if message.from.node != node {
                return Err(refuse(format!("{node} sent a message whose sender is {}", message.from.node)));
            }
            if let Some(why) = self.removed(&message) {
                return Err(refuse_as(Status::failed_precondition(why)));
            }
            if access == PeerAccess::All || message.body.is_election_message() {
                counter!("cutover_peer_messages_total", "way" => "in").increment(1);
                self.inbox.deliver(message);
            }
        }
        Ok(())
    }
}

#[tonic::async_trait]
impl v1::peer_server::Peer for PeerService {
    async fn exchange(
        &self,
        request: Request<Streaming<v1::PeerFrame>>,
    ) -> Result<Response<v1::PeerClosed>, Status> {
        let caller = self.identify.caller(request.extensions(), request.metadata())?;
        let mut frames = request.into_inner();
        let first = frames.message().await?.and_then(|frame| frame.hello);
        let hello = first.ok_or_else(|| refuse("the first frame is not a hello".to_owned()))?;
        wire::check_protocol(&hello).map_err(refuse)?;
        let (node, _) = self.access(&caller, &hello)?;
        if let Ok(address) = Address::try_from(hello.address.clone()) {
            self.addresses.put(node, address);
        }
        let identity = match &caller {
            Caller::Holder(identity) => Some(identity.clone()),
            Caller::Anybody => None,
        };
        let replaced = self.streams.open((node, identity));
        tokio::select! {
            biased;
            _ = replaced => Err(Status::aborted(format!("a later stream of {node} replaced this one"))),
            ended = self.receive(frames, &caller, &hello) => ended.map(|()| Response::new(v1::PeerClosed {})),
        }
    }
}

/// The service with its limit on frames, for a gRPC server.
#[must_use]
pub fn peer_service(service: PeerService) -> v1::peer_server::PeerServer<PeerService> {
    v1::peer_server::PeerServer::new(service).max_decoding_message_size(FRAME_BYTES + 4096)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::control_plane::Registered;

    fn id(text: &str) -> ClusterVoterIdentity {
        ClusterVoterIdentity::from_certificate_subject(text).unwrap()
    }

    #[test]
    fn members_may_send_all_messages_and_others_only_those_of_elections() {
        let rule = PeerRule { subjects: Subjects::beside(&id("CN=n1,OU=nodes")) };
        let one: Registered = id("CN=n1,OU=nodes").into();
        let registry = Arc::new(vec![(NodeId(1), one)]);
        let judge = |node, text: &str| rule.judge(&registry, NodeId(node), &id(text));
        assert_eq!(judge(1, "CN=n1,OU=nodes"), Ok(PeerAccess::All));
        assert_eq!(judge(2, "CN=n2,OU=nodes"), Ok(PeerAccess::Elections));
        let refusal = |found: Result<PeerAccess, String>| found.unwrap_err();
        assert_eq!(
            refusal(judge(1, "CN=n2,OU=nodes")),
            "n1 is CN=n1,OU=nodes, the certificate is of CN=n2,OU=nodes"
        );
        assert_eq!(
            refusal(judge(2, "CN=n1,OU=nodes")),
            "CN=n1,OU=nodes is the certificate of n1, expected that of n2"
        );
        assert_eq!(
            refusal(judge(2, "CN=g,OU=gw")),
            "CN=g,OU=gw is not a member, and matches none of CN=…,OU=nodes"
        );
        let empty = Registry::default();
        assert_eq!(rule.judge(&empty, NodeId(1), &id("CN=n1,OU=nodes")), Ok(PeerAccess::All));
        assert!(rule.judge(&empty, NodeId(1), &id("CN=g,OU=gw")).is_err());
        let nobody = PeerRule { subjects: None };
        assert!(nobody.judge(&empty, NodeId(1), &id("CN=n1,OU=nodes")).is_err());
    }
}
