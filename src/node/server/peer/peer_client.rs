//! The sending end of the streams between nodes.

use super::peer_server::PeerAddresses;
use super::reassembly::{FRAME_BYTES, MESSAGE_BYTES_MAX};
use super::removal_notice::RemovalNotice;
use crate::core::control_plane::{Address, ControlPlaneEntry};
use crate::core::ids::NodeId;
use crate::core::raft::{Config, Message};
use crate::node::driver::{Registry, Transport};
use crate::node::proto::{reasons, v1};
use crate::node::server::log_limiter::LogLimiter;
use crate::node::tls::{Security, channel};
use core::time::Duration;
use metrics::counter;
use std::collections::BTreeMap;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Code;

/// Messages to one node that wait for its stream; further ones are lost.
const QUEUE: usize = 256;
/// Frames that the stream has not taken.
const FRAMES: usize = 16;
/// The first wait before a stream is opened again, and the longest.
const BACKOFF: [Duration; 2] = [Duration::from_millis(50), Duration::from_secs(1)];

struct Lane {
    address: Address,
    queue: mpsc::Sender<Message<ControlPlaneEntry>>,
}

/// Streams to the others.
pub struct GrpcTransport {
    config: Config,
    /// Where this node listens, for answers.
    own: Option<Address>,
    security: Security,
    learned: PeerAddresses,
    heard: RemovalNotice,
    registry: Registry,
    lanes: BTreeMap<NodeId, Lane>,
}

impl GrpcTransport {
    /// No streams yet; each is opened with the first message.
    #[must_use]
    pub fn new(
        config: Config,
        own: Option<Address>,
        security: Security,
        learned: PeerAddresses,
        heard: RemovalNotice,
    ) -> Self {
        let (registry, lanes) = (Registry::default(), BTreeMap::new());
        Self { config, own, security, learned, heard, registry, lanes }
    }

    fn address(&self, node: NodeId) -> Option<Address> {
        let known = self.registry.iter().find(|(other, _)| *other == node);
        known.and_then(|(_, registered)| registered.endpoints.peer.clone()).or_else(|| self.learned.get(node))
    }

    fn lane(&mut self, node: NodeId) -> Option<&Lane> {
        let address = self.address(node)?;
        if self.lanes.get(&node).is_none_or(|lane| lane.address != address) {
            let (queue, messages) = mpsc::channel(QUEUE);
            let hello = v1::PeerHello {
                cluster: self.config.cluster.0,
                node: self.config.me.node.0.into(),
                incarnation: self.config.me.incarnation.0,
                address: self.own.as_ref().map(ToString::to_string).unwrap_or_default(),
            };
            let (security, heard) = (self.security.clone(), self.heard.clone());
            tokio::spawn(carry(node, address.clone(), security, hello, messages, heard));
            // The old lane's queue is dropped, and its task ends.
            self.lanes.insert(node, Lane { address, queue });
        }
        self.lanes.get(&node)
    }
}

impl Transport for GrpcTransport {
    fn send(&mut self, message: Message<ControlPlaneEntry>) {
        let sent = self.lane(message.to.node).is_some_and(|lane| lane.queue.try_send(message).is_ok());
        if !sent {
            counter!("cutover_peer_messages_dropped_total", "where" => "lane").increment(1);
        }
    }

    fn members(&mut self, registry: &Registry) {
        let gone: Vec<NodeId> = self.registry.iter().map(|(node, _)| *node).collect();
        self.registry = registry.clone();
        for node in gone {
            if registry.iter().all(|(other, _)| *other != node) {
                self.lanes.remove(&node);
            }
        }
    }
}

/// Why a stream ended.
enum Broken {
    /// There is none, or it was refused or lost.
    Lost(String),
    /// A node that knows better says that this one, or the one that it speaks to, is of the past.
    Past(String),
}

impl Broken {
    fn tell(&self, node: NodeId, address: &Address) {
        match self {
            Self::Lost(error) => tracing::warn!(%node, %address, %error, "no stream to a peer"),
            Self::Past(error) => tracing::error!(
                %node, %address, %error,
                "not listened to: a node that was removed or lost is admitted again with its next incarnation and an \
                 empty directory"
            ),
        }
    }
}

/// Carries messages to one node until nobody sends any more.
async fn carry(
    node: NodeId,
    address: Address,
    security: Security,
    hello: v1::PeerHello,
    mut messages: mpsc::Receiver<Message<ControlPlaneEntry>>,
    heard: RemovalNotice,
) {
    let mut wait = BACKOFF[0];
    let mut told = false;
    while let Some(first) = messages.recv().await {
        let began = tokio::time::Instant::now();
        let broken = match stream(&address, &security, &hello, first, &mut messages).await {
            Ok(()) => return,
            Err(broken) => broken,
        };
        if let Broken::Past(why) = &broken {
            heard.put(why);
        }
        // The same trouble is told once, not every second.
        if !told {
            broken.tell(node, &address);
        }
        told = began.elapsed() < BACKOFF[1];
        wait = if told { (wait * 2).min(BACKOFF[1]) } else { BACKOFF[0] };
        tokio::time::sleep(wait).await;
        // What waited meanwhile is old; the machine says again what still counts.
        while messages.try_recv().is_ok() {}
    }
}

async fn stream(
    address: &Address,
    security: &Security,
    hello: &v1::PeerHello,
    first: Message<ControlPlaneEntry>,
    messages: &mut mpsc::Receiver<Message<ControlPlaneEntry>>,
) -> Result<(), Broken> {
    let lost = |error: &dyn core::fmt::Display| Broken::Lost(error.to_string());
    let channel = channel(address, security).await.map_err(|error| lost(&error))?;
    let mut client = v1::peer_client::PeerClient::new(channel);
    let (frames, outgoing) = mpsc::channel(FRAMES);
    let hello = v1::PeerFrame { data: Vec::new(), last: false, hello: Some(hello.clone()) };
    frames.try_send(hello).map_err(|error| lost(&error))?;
    let exchange = client.exchange(ReceiverStream::new(outgoing));
    let feed = async {
        let mut next = Some(first);
        while let Some(message) = next {
            if !send(&frames, &message).await {
                return false;
            }
            next = messages.recv().await;
        }
        true
    };
    // The other end answers only when it refuses, or when this end has closed.
    tokio::pin!(exchange);
    tokio::pin!(feed);
    let ended = tokio::select! {
        biased;
        ended = &mut exchange => ended,
        over = &mut feed => {
            if over {
                return Ok(());
            }
            exchange.await
        }
    };
    Err(match ended {
        Ok(_) => lost(&"the peer closed the stream"),
        Err(status) if status.code() == Code::FailedPrecondition => Broken::Past(reasons(&status)),
        Err(status) => Broken::Lost(reasons(&status)),
    })
}

/// One message in frames; false once the stream is gone.
async fn send(frames: &mpsc::Sender<v1::PeerFrame>, message: &Message<ControlPlaneEntry>) -> bool {
    let bytes = match message.encode() {
        Ok(bytes) if bytes.len() <= MESSAGE_BYTES_MAX => bytes,
        Ok(bytes) => {
            return leave_out(message, &format!("{} bytes, at most {MESSAGE_BYTES_MAX}", bytes.len()));
        }
        Err(error) => return leave_out(message, &error.to_string()),
    };
    counter!("cutover_peer_messages_total", "way" => "out").increment(1);
    let mut chunks = bytes.chunks(FRAME_BYTES).peekable();
    while let Some(chunk) = chunks.next() {
        let frame = v1::PeerFrame { data: chunk.to_vec(), last: chunks.peek().is_none(), hello: None };
        if frames.send(frame).await.is_err() {
            return false;
        }
    }
    true
}

/// Nobody would take it, however often it is sent: whoever needs it stays behind.
fn leave_out(message: &Message<ControlPlaneEntry>, why: &str) -> bool {
    static LINES: LogLimiter = LogLimiter::new();
    counter!("cutover_peer_messages_dropped_total", "where" => "too long").increment(1);
    if LINES.now().is_some() {
        tracing::error!(to = %message.to, why, "a message to a peer cannot be sent");
    }
    true
}
