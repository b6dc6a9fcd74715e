//! The client end of the streams between nodes: one stream to each peer, reopened when it breaks.

use super::peer_server::PeerAddresses;
use super::removal_notice::RemovalNotice;
use super::wire;
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

/// Messages queued for one peer; further ones are dropped.
const QUEUE: usize = 256;
/// Frames queued for one stream.
const FRAMES: usize = 16;
/// Shortest and longest wait before a stream is reopened.
const BACKOFF: [Duration; 2] = [Duration::from_millis(50), Duration::from_secs(1)];

struct Lane {
    address: Address,
    queue: mpsc::Sender<Message<ControlPlaneEntry>>,
}

/// Sends messages to peers over gRPC, with one stream for each peer.
pub struct GrpcTransport {
    config: Config,
    /// The address of this node's peer port, which peers learn from the hello.
    own: Option<Address>,
    security: Security,
    addresses: PeerAddresses,
    removal: RemovalNotice,
    registry: Registry,
    lanes: BTreeMap<NodeId, Lane>,
}

impl GrpcTransport {
    /// A transport without open streams. The first message to a peer opens its stream.
    #[must_use]
    pub fn new(
        config: Config,
        own: Option<Address>,
        security: Security,
        addresses: PeerAddresses,
        removal: RemovalNotice,
    ) -> Self {
        let (registry, lanes) = (Registry::default(), BTreeMap::new());
        Self { config, own, security, addresses, removal, registry, lanes }
    }

    fn address(&self, node: NodeId) -> Option<Address> {
        let known = self.registry.iter().find(|(other, _)| *other == node);
        known
            .and_then(|(_, registered)| registered.endpoints.peer.clone())
            .or_else(|| self.addresses.get(node))
    }

    fn lane(&mut self, node: NodeId) -> Option<&Lane> {
        let address = self.address(node)?;
        if self.lanes.get(&node).is_none_or(|lane| lane.address != address) {
            let (queue, messages) = mpsc::channel(QUEUE);
            let hello = wire::hello(&self.config, self.own.as_ref());
            let (security, removal) = (self.security.clone(), self.removal.clone());
            tokio::spawn(keep_streaming(node, address.clone(), security, hello, messages, removal));
            // Inserting drops the old lane with its queue, which ends its task.
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

/// Why a stream to a peer ended.
enum Broken {
    /// It could not be opened, or broke, or was refused for another reason than removal.
    Lost(String),
    /// The peer refuses this node: this node, or the incarnation of the peer that it addresses, is no longer
    /// a member.
    Removed(String),
}

impl Broken {
    fn log(&self, node: NodeId, address: &Address) {
        match self {
            Self::Lost(error) => tracing::warn!(%node, %address, %error, "lost the stream to a peer"),
            Self::Removed(error) => tracing::error!(
                %node, %address, %error,
                "refused as removed: to use this node again, admit its next incarnation, and start it with an \
                 empty directory"
            ),
        }
    }
}

/// Sends the queued messages to one peer. Reopens the stream when it breaks; ends when the queue is closed.
async fn keep_streaming(
    node: NodeId,
    address: Address,
    security: Security,
    hello: v1::PeerFrame,
    mut messages: mpsc::Receiver<Message<ControlPlaneEntry>>,
    removal: RemovalNotice,
) {
    let mut wait = BACKOFF[0];
    let mut logged = false;
    while let Some(first) = messages.recv().await {
        let began = tokio::time::Instant::now();
        let broken = match stream(&address, &security, &hello, first, &mut messages).await {
            Ok(()) => return,
            Err(broken) => broken,
        };
        if let Broken::Removed(why) = &broken {
            removal.put(why);
        }
        // A stream that breaks again within BACKOFF is logged once only.
        if !logged {
            broken.log(node, &address);
        }
        logged = began.elapsed() < BACKOFF[1];
        wait = if logged { (wait * 2).min(BACKOFF[1]) } else { BACKOFF[0] };
        tokio::time::sleep(wait).await;
        // Queued messages are old by now; Raft repeats what still matters.
        while messages.try_recv().is_ok() {}
    }
}

async fn stream(
    address: &Address,
    security: &Security,
    hello: &v1::PeerFrame,
    first: Message<ControlPlaneEntry>,
    messages: &mut mpsc::Receiver<Message<ControlPlaneEntry>>,
) -> Result<(), Broken> {
    let lost = |error: &dyn core::fmt::Display| Broken::Lost(error.to_string());
    let channel = channel(address, security).await.map_err(|error| lost(&error))?;
    let mut client = v1::peer_client::PeerClient::new(channel);
    let (frames, outgoing) = mpsc::channel(FRAMES);
    frames.try_send(hello.clone()).map_err(|error| lost(&error))?;
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
    // The response comes only with a refusal, or after this end has closed.
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
        Err(status) if status.code() == Code::FailedPrecondition => Broken::Removed(reasons(&status)),
        Err(status) => Broken::Lost(reasons(&status)),
    })
}

/// Sends one message as frames. Returns false if the stream is closed.
async fn send(frames: &mpsc::Sender<v1::PeerFrame>, message: &Message<ControlPlaneEntry>) -> bool {
    let bytes = match wire::encode(message) {
        Ok(bytes) => bytes,
        Err(why) => {
            drop_message(message, &why);
            return true;
        }
    };
    counter!("cutover_peer_messages_total", "way" => "out").increment(1);
    for frame in wire::split(&bytes) {
        if frames.send(frame).await.is_err() {
            return false;
        }
    }
    true
}

/// Logs and counts a message that exceeds the limit of the wire format. The follower that needs it falls
/// behind.
fn drop_message(message: &Message<ControlPlaneEntry>, why: &str) {
    static LINES: LogLimiter = LogLimiter::new();
    counter!("cutover_peer_messages_dropped_total", "where" => "too long").increment(1);
    if LINES.now().is_some() {
        tracing::error!(to = %message.to, why, "cannot encode a message to a peer");
    }
}
