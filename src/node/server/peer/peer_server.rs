//! The server end of the streams between nodes: which senders are let in. Which of their messages count, the engine decides.

use super::introduce;
use super::peer_rule::{PeerRule, full};
use super::removal_notice::RemovalNotice;
use super::runs::{Runs, Spoken};
use super::wire::{self, FRAME_BYTES, Hello, Join, JoinError, Joined, LargeMessages, MESSAGE_BYTES_MAX};
use crate::core::control_plane::{Address, ClusterVoterIdentity, ControlPlaneEntry, Registered};
use crate::core::ids::{HistoryId, NodeId};
use crate::core::raft::{Message, Peer};
use crate::node::driver::{Handle, Inbox};
use crate::node::proto::v1;
use crate::node::server::api::access::{Caller, Identify};
use crate::node::server::listen::connection_began;
use crate::node::server::log_limiter::LogLimiter;
use metrics::counter;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::oneshot;
use tokio::time::Instant;
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

/// The peer in the sender's hello, and the subject of its certificate; `None` without TLS.
type Sender = (Peer, Option<ClusterVoterIdentity>);

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

/// The gRPC service of the peer port.
#[derive(Clone)]
pub struct PeerService {
    /// The subject and the addresses of this node, for its introduction.
    pub registered: Registered,
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
    /// The processes that have spoken as each peer.
    pub runs: Runs<Instant>,
    /// What this node learns of itself from its peers.
    pub removal: RemovalNotice,
    /// Limits the memory for messages of more than one frame.
    pub large: LargeMessages,
}

impl PeerService {
    /// Checks who the sender is, whom it means, and which history it is of.
    fn check(&self, caller: &Caller, hello: &Hello) -> Result<(), Status> {
        let status = self.handle.status();
        let (Hello { from, to, .. }, me) = (*hello, status.config.me);
        if let Caller::Holder(identity) = caller {
            self.rule.judge(&self.handle.registry(), from, identity).map_err(refuse)?;
        }
        let own = (status.cluster, status.history);
        if own.1 != HistoryId::NONE && hello.history != own.1 {
            return Err(refuse_as(Status::failed_precondition(format!(
                "{} is of cluster {}, history {}; {} is of cluster {}, history {}: {}",
                full(from),
                hello.cluster,
                hello.history,
                full(me),
                own.0,
                own.1,
                if hello.cluster == own.0 {
                    "the cluster was restored or recovered since; a node of the older history has to be replaced"
                } else {
                    "two clusters were founded; neither takes anything from the other"
                }
            ))));
        }
        if to != me {
            let why = format!(
                "{} speaks to {}, but the node here is {}: its data directory is another one, as after it was lost, emptied or \
                 not mounted",
                full(from),
                full(to),
                full(me)
            );
            // It says something of this node, and nothing of the sender.
            self.removal.put(&why);
            return Err(refuse_as(Status::not_found(why)));
        }
        if self.handle.registry().removed.contains(&from) {
            return Err(refuse_as(Status::failed_precondition(format!(
                "{} was removed from the cluster",
                full(from)
            ))));
        }
        Ok(())
    }
}

fn twins(from: Peer) -> Status {
    refuse_as(Status::failed_precondition(format!(
        "two processes run with the data directory of {}: one is a copy, and neither is taken any more; stop both, and replace the \
         member",
        full(from)
    )))
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
        hello: &Hello,
    ) -> Result<(), Status> {
        let (mut join, from) = (Join::new(self.large.clone()), hello.from);
        let broken = |error: JoinError| refuse_as(Status::out_of_range(format!("{}: {error}", full(from))));
        while let Some(frame) = join.in_time(frames.message()).await.map_err(broken)?? {
            // The sender may have become a member, or ceased to be one, since the stream was opened.
            self.check(caller, hello)?;
            if self.runs.have_met(from) {
                return Err(twins(from));
            }
            let bytes = match join.take(&frame.data, frame.last, MESSAGE_BYTES_MAX) {
                Ok(Joined::Whole(bytes)) => bytes,
                Ok(Joined::Unfinished) => continue,
                Ok(Joined::Lost) => {
                    counter!("cutover_peer_messages_dropped_total", "where" => "large").increment(1);
                    continue;
                }
                Err(error) => return Err(broken(error)),
            };
            let message = decode(bytes).await.map_err(|error| refuse(format!("{}: {error}", full(from))))?;
            if message.from != from || message.history != hello.history {
                let found = format!("{} in history {}", full(message.from), message.history);
                return Err(refuse(format!("{} sent a message of {found}", full(from))));
            }
            if let Some(why) = self.removed(&message) {
                return Err(refuse_as(Status::failed_precondition(why)));
            }
            counter!("cutover_peer_messages_total", "way" => "in").increment(1);
            self.inbox.deliver(message);
        }
        Ok(())
    }
}

/// Messages of at least so many bytes are decoded on a thread that may take its time: they may hold the whole table.
const LONG: usize = 64 << 10;

async fn decode(bytes: Vec<u8>) -> Result<Message<ControlPlaneEntry>, String> {
    if bytes.len() < LONG {
        return wire::decode(&bytes);
    }
    let decoded = tokio::task::spawn_blocking(move || wire::decode(&bytes)).await;
    decoded.unwrap_or_else(|error| Err(error.to_string()))
}

#[tonic::async_trait]
impl v1::peer_server::Peer for PeerService {
    async fn exchange(
        &self,
        request: Request<Streaming<v1::PeerFrame>>,
    ) -> Result<Response<v1::PeerClosed>, Status> {
        let caller = self.identify.caller(request.extensions(), request.metadata())?;
        let began = connection_began(request.extensions());
        let mut frames = request.into_inner();
        let first = frames.message().await?.and_then(|frame| frame.hello);
        let hello = first.ok_or_else(|| refuse("the first frame is not a hello".to_owned()))?;
        let said = wire::read_hello(&hello).map_err(refuse)?;
        self.check(&caller, &said)?;
        let from = said.from;
        let read = Instant::now();
        match self.runs.hello(from, said.run, began.unwrap_or(read), read) {
            Spoken::Latest => {}
            Spoken::Twins => return Err(twins(from)),
            Spoken::Unclear => {
                let why = format!("another process of {} was heard since this one dialled", full(from));
                return Err(Status::aborted(why));
            }
        }
        if let Ok(address) = Address::try_from(hello.address) {
            self.addresses.put(from.node, address);
        }
        let identity = match &caller {
            Caller::Holder(identity) => Some(identity.clone()),
            Caller::Anybody => None,
        };
        let replaced = self.streams.open((from, identity));
        tokio::select! {
            biased;
            _ = replaced => Err(Status::aborted(format!("a later stream of {from} replaced this one"))),
            ended = self.receive(frames, &caller, &said) => ended.map(|()| Response::new(v1::PeerClosed {})),
        }
    }

    async fn introduce(
        &self,
        request: Request<v1::IntroduceRequest>,
    ) -> Result<Response<v1::IntroduceResponse>, Status> {
        if let Caller::Holder(identity) = self.identify.caller(request.extensions(), request.metadata())? {
            self.rule.allows(&identity).map_err(refuse)?;
        }
        Ok(Response::new(introduce::own(&self.handle.status(), &self.registered)))
    }
}

/// The service with its limit on frames, for a gRPC server.
#[must_use]
pub fn peer_service(service: PeerService) -> v1::peer_server::PeerServer<PeerService> {
    v1::peer_server::PeerServer::new(service).max_decoding_message_size(FRAME_BYTES + 4096)
}
