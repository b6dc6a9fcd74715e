//! Messages between nodes over gRPC: one stream for each direction, which is opened again when it breaks.

use super::reassembly::{
    FRAME_BYTES, LargeMessages, MESSAGE_BYTES_MAX, Reassembled, Reassembly, VOTE_BYTES_MAX,
};
use crate::core::control_plane::{Address, ClusterVoterIdentity, ControlPlaneEntry};
use crate::core::ids::NodeId;
use crate::core::raft::{Body, Config, Message};
use crate::node::driver::{Handle, Inbox, Registry};
use crate::node::proto::v1;
use crate::node::server::api::access::{Caller, Identify, Subjects};
use crate::node::server::log_limiter::LogLimiter;
use metrics::counter;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::oneshot;
use tonic::{Request, Response, Status, Streaming};

/// Where nodes said that they listen, for those who do not know them from the log yet.
#[derive(Clone, Debug, Default)]
pub struct PeerAddresses(Arc<Mutex<BTreeMap<NodeId, Address>>>);

impl PeerAddresses {
    /// Where a node said it listens.
    #[must_use]
    pub fn get(&self, node: NodeId) -> Option<Address> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&node).cloned()
    }

    fn put(&self, node: NodeId, address: Address) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(node, address);
    }
}

/// Who may be a peer, as far as certificates go.
#[derive(Clone, Debug)]
pub struct PeerRule {
    /// Those who may become members.
    pub subjects: Option<Subjects>,
}

/// How much a peer is listened to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PeerAccess {
    /// A member: to everything.
    All,
    /// One that this node's log does not know, and that may be a member by its certificate: to what elections need. A voter
    /// that refuses strangers can leave a cluster without a leader for ever (DESIGN 3.1).
    Elections,
}

impl PeerAccess {
    /// Bytes of the longest message that is listened to.
    const fn message_bytes_max(self) -> usize {
        match self {
            Self::All => MESSAGE_BYTES_MAX,
            Self::Elections => VOTE_BYTES_MAX,
        }
    }
}

/// Who has a stream open: the node that it says to be, and the subject of its certificate.
type Speaker = (NodeId, Option<ClusterVoterIdentity>);

/// One stream for each speaker. A later one takes the place of an earlier one, whose connection may have broken unnoticed.
#[derive(Clone, Debug, Default)]
pub struct Streams(Arc<Mutex<BTreeMap<Speaker, oneshot::Sender<()>>>>);

impl Streams {
    /// Takes the place; what it returns ends when a later one does.
    fn open(&self, speaker: Speaker) -> oneshot::Receiver<()> {
        let (place, taken) = oneshot::channel();
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|_, place| !place.is_closed());
        all.insert(speaker, place);
        taken
    }
}

impl PeerRule {
    /// How much the holder of a certificate that says to be this node is listened to, or why not at all.
    ///
    /// # Errors
    /// What was found and expected.
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
            return Err(format!("{identity} is {other}, and not {node}"));
        }
        match &self.subjects {
            // An empty disk knows nobody, and takes what it is from the first leader.
            Some(subjects) if subjects.contain(identity) && registry.is_empty() => Ok(PeerAccess::All),
            Some(subjects) if subjects.contain(identity) => Ok(PeerAccess::Elections),
            Some(subjects) => Err(format!("{identity} is no member, and none of {subjects}")),
            None => Err(format!("{identity} is no member")),
        }
    }
}

/// Whether an election needs it.
const fn is_of_elections(body: &Body<ControlPlaneEntry>) -> bool {
    match body {
        Body::PreVote { .. } | Body::PreVoted { .. } | Body::RequestVote { .. } | Body::VoteReply { .. } => {
            true
        }
        Body::Append(_)
        | Body::Appended { .. }
        | Body::AppendRejected { .. }
        | Body::Install(_)
        | Body::TimeoutNow
        | Body::StaleTerm => false,
    }
}

/// The receiving end.
#[derive(Clone)]
pub struct PeerService {
    /// Who this node is.
    pub config: Config,
    /// Its members.
    pub handle: Handle,
    /// Where messages go.
    pub inbox: Inbox,
    /// Who speaks.
    pub identify: Arc<dyn Identify>,
    /// Who may.
    pub rule: PeerRule,
    /// Where answers go.
    pub learned: PeerAddresses,
    /// Who speaks now.
    pub streams: Streams,
    /// Who has more to say than one frame.
    pub large: LargeMessages,
}

impl PeerService {
    fn ear(&self, caller: &Caller, hello: &v1::PeerHello) -> Result<(NodeId, PeerAccess), Status> {
        let expected = self.config.cluster.0;
        if hello.cluster != expected {
            let found = hello.cluster;
            return Err(refuse(format!("a peer of cluster {found}, expected cluster {expected}")));
        }
        let node =
            u8::try_from(hello.node).map(NodeId).map_err(|_| refuse(format!("node {}", hello.node)))?;
        let ear = match caller {
            Caller::Anybody => PeerAccess::All,
            Caller::Holder(identity) => {
                self.rule.judge(&self.handle.registry(), node, identity).map_err(refuse)?
            }
        };
        Ok((node, ear))
    }
}

fn refuse(what: String) -> Status {
    refuse_as(Status::permission_denied(what))
}

fn refuse_as(status: Status) -> Status {
    static LINES: LogLimiter = LogLimiter::new();
    counter!("cutover_refused_total", "reason" => "peer").increment(1);
    if let Some(left_out) = LINES.now() {
        tracing::warn!(what = status.message(), left_out, "a peer was refused");
    }
    status
}

impl PeerService {
    /// Takes what a speaker says until it has said everything.
    async fn listen(
        &self,
        mut frames: Streaming<v1::PeerFrame>,
        caller: &Caller,
        hello: &v1::PeerHello,
    ) -> Result<(), Status> {
        let mut parcel = Reassembly::new(self.large.clone());
        while let Some(frame) = frames.message().await? {
            // The log may know more by now than when the stream was opened.
            let (node, ear) = self.ear(caller, hello)?;
            let taken = parcel.take(&frame.data, frame.last, ear.message_bytes_max());
            let bytes = match taken {
                Ok(Reassembled::Whole(bytes)) => bytes,
                Ok(Reassembled::Unfinished) => continue,
                Ok(Reassembled::Lost) => {
                    counter!("cutover_peer_messages_dropped_total", "where" => "large").increment(1);
                    continue;
                }
                Err(error) => return Err(refuse_as(Status::out_of_range(format!("{node}: {error}")))),
            };
            let message = Message::<ControlPlaneEntry>::decode(&bytes)
                .map_err(|error| refuse(format!("{node}: {error}")))?;
            if message.from.node != node {
                return Err(refuse(format!("{node} sends a message of {}", message.from.node)));
            }
            if let Some(why) = self.in_vain(&message).await {
                return Err(refuse_as(Status::failed_precondition(why)));
            }
            if ear == PeerAccess::All || is_of_elections(&message.body) {
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
        let hello = first.ok_or_else(|| refuse("the first frame does not say who speaks".to_owned()))?;
        let (node, _) = self.ear(&caller, &hello)?;
        if let Ok(address) = Address::try_from(hello.address.clone()) {
            self.learned.put(node, address);
        }
        let identity = match &caller {
            Caller::Holder(identity) => Some(identity.clone()),
            Caller::Anybody => None,
        };
        let later = self.streams.open((node, identity));
        tokio::select! {
            biased;
            _ = later => Err(Status::aborted(format!("a later stream of {node} took the place of this one"))),
            ended = self.listen(frames, &caller, &hello) => ended.map(|()| Response::new(v1::PeerClosed {})),
        }
    }
}

/// The service, ready for a server.
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
    fn members_are_listened_to_others_only_as_far_as_elections_need() {
        let rule = PeerRule { subjects: Subjects::beside(&id("CN=n1,OU=nodes")) };
        let one: Registered = id("CN=n1,OU=nodes").into();
        let registry = Arc::new(vec![(NodeId(1), one)]);
        let judge = |node, text: &str| rule.judge(&registry, NodeId(node), &id(text));
        assert_eq!(judge(1, "CN=n1,OU=nodes"), Ok(PeerAccess::All));
        assert_eq!(judge(2, "CN=n2,OU=nodes"), Ok(PeerAccess::Elections));
        let said = |found: Result<PeerAccess, String>| found.unwrap_err();
        assert_eq!(
            said(judge(1, "CN=n2,OU=nodes")),
            "n1 is CN=n1,OU=nodes, the certificate is of CN=n2,OU=nodes"
        );
        assert_eq!(said(judge(2, "CN=n1,OU=nodes")), "CN=n1,OU=nodes is n1, and not n2");
        assert_eq!(said(judge(2, "CN=g,OU=gw")), "CN=g,OU=gw is no member, and none of CN=…,OU=nodes");
        let empty = Registry::default();
        assert_eq!(rule.judge(&empty, NodeId(1), &id("CN=n1,OU=nodes")), Ok(PeerAccess::All));
        assert!(rule.judge(&empty, NodeId(1), &id("CN=g,OU=gw")).is_err());
        let nobody = PeerRule { subjects: None };
        assert!(nobody.judge(&empty, NodeId(1), &id("CN=n1,OU=nodes")).is_err());
    }
}
