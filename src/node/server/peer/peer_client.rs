//! The client end of the streams between nodes: one stream to each peer, reopened when it breaks.

use super::peer_rule::PeerRule;
use super::peer_server::PeerAddresses;
use super::removal_notice::RemovalNotice;
use super::wire::{self, Hello};
use crate::core::control_plane::{Address, ControlPlaneEntry};
use crate::core::ids::NodeId;
use crate::core::raft::{Body, Message, Peer};
use crate::node::driver::{Registry, Transport};
use crate::node::proto::{reasons, v1};
use crate::node::server::log_limiter::LogLimiter;
use crate::node::tls::{Expected, Security, channel};
use core::time::Duration;
use metrics::counter;
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio_stream::wrappers::ReceiverStream;
use tonic::Code;

/// Messages queued for one peer; further ones are dropped.
const QUEUE: usize = 256;
/// Frames queued for one stream.
const FRAMES: usize = 16;
/// Shortest and longest wait before a stream is reopened.
const BACKOFF: [Duration; 2] = [Duration::from_millis(50), Duration::from_secs(1)];

/// What a stream is for: another one needs another stream.
#[derive(Clone, PartialEq, Eq)]
struct Target {
    address: Address,
    hello: Hello,
}

struct Lane {
    target: Target,
    queue: mpsc::Sender<Queued>,
    /// The permit to send a snapshot. One at a time: further ones are repetitions, and would only stand in the way of
    /// heartbeats.
    snapshot: Arc<Semaphore>,
}

/// A message, with the permit of the lane if it is a snapshot.
struct Queued {
    message: Message<ControlPlaneEntry>,
    permit: Option<OwnedSemaphorePermit>,
}

impl Lane {
    /// Queues a message; returns whether it fits.
    fn send(&self, message: Message<ControlPlaneEntry>) -> bool {
        let mut permit = None;
        if let Body::Install(_) = message.body {
            let Ok(free) = Arc::clone(&self.snapshot).try_acquire_owned() else { return false };
            permit = Some(free);
        }
        self.queue.try_send(Queued { message, permit }).is_ok()
    }
}

/// Sends messages to peers over gRPC, with one stream for each peer.
pub struct GrpcTransport {
    /// The number that this process drew when it started.
    run: u64,
    /// The address of this node's peer port, which peers learn from the hello.
    own: Option<Address>,
    security: Security,
    rule: PeerRule,
    addresses: PeerAddresses,
    removal: RemovalNotice,
    registry: Registry,
    lanes: BTreeMap<NodeId, Lane>,
}

impl GrpcTransport {
    /// A transport without open streams. The first message to a peer opens its stream.
    #[must_use]
    pub fn new(
        run: u64,
        own: Option<Address>,
        security: Security,
        rule: PeerRule,
        addresses: PeerAddresses,
        removal: RemovalNotice,
    ) -> Self {
        let (registry, lanes) = (Registry::default(), BTreeMap::new());
        Self { run, own, security, rule, addresses, removal, registry, lanes }
    }

    fn address(&self, peer: Peer) -> Option<Address> {
        let known = self.registry.registered(peer);
        known
            .and_then(|registered| registered.endpoints.peer.clone())
            .or_else(|| self.addresses.get(peer.node))
    }

    fn lane(&mut self, message: &Message<ControlPlaneEntry>) -> Option<&Lane> {
        let Message { from, to, history, .. } = *message;
        let hello = Hello { from, to, cluster: self.registry.cluster, history, run: self.run };
        let target = Target { address: self.address(to)?, hello };
        if self.lanes.get(&to.node).is_none_or(|lane| lane.target != target) {
            let (queue, messages) = mpsc::channel(QUEUE);
            let link = Link {
                target: target.clone(),
                frame: wire::hello(&hello, self.own.as_ref()),
                security: self.security.clone(),
                expected: self.rule.expects(&self.registry, to),
                removal: self.removal.clone(),
            };
            tokio::spawn(link.keep_streaming(messages));
            // Inserting drops the old lane with its queue, which ends its task.
            self.lanes.insert(to.node, Lane { target, queue, snapshot: Arc::new(Semaphore::new(1)) });
        }
        self.lanes.get(&to.node)
    }
}

impl Transport for GrpcTransport {
    fn send(&mut self, message: Message<ControlPlaneEntry>) {
        let sent = self.lane(&message).is_some_and(|lane| lane.send(message));
        if !sent {
            counter!("cutover_peer_messages_dropped_total", "where" => "lane").increment(1);
        }
    }

    fn members(&mut self, registry: &Registry) {
        self.registry = registry.clone();
        let known = |node: NodeId| registry.member(node).is_some();
        // A stream to a node that is not in the log yet goes on: it answers a leader that is.
        let gone = registry.removed.iter().map(|peer| peer.node).filter(|node| !known(*node));
        for node in gone {
            self.lanes.remove(&node);
        }
    }
}

/// Why a stream to a peer ended.
enum Broken {
    /// It could not be opened, or broke, or was refused for another reason than removal.
    Lost(String),
    /// The peer refuses this node: one of the two is not the member that the other's log has, or they are of two
    /// histories.
    Removed(String),
}

impl Broken {
    fn reason(&self) -> &str {
        match self {
            Self::Lost(reason) | Self::Removed(reason) => reason,
        }
    }

    fn log(&self, node: NodeId, address: &Address) {
        match self {
            Self::Lost(error) => tracing::warn!(%node, %address, %error, "lost the stream to a peer"),
            Self::Removed(error) => tracing::error!(
                %node, %address, %error,
                "refused by a peer: one of the two is not the member that the other knows"
            ),
        }
    }
}

/// One stream to a peer, and what is needed to open it again.
struct Link {
    target: Target,
    frame: v1::PeerFrame,
    security: Security,
    expected: Expected,
    removal: RemovalNotice,
}

impl Link {
    /// Sends the queued messages to the peer. Reopens the stream when it breaks; ends when the queue is closed.
    async fn keep_streaming(self, mut messages: mpsc::Receiver<Queued>) {
        let (node, address) = (self.target.hello.to.node, &self.target.address);
        let mut wait = BACKOFF[0];
        let mut last = String::new();
        while let Some(first) = messages.recv().await {
            let began = tokio::time::Instant::now();
            let broken = match self.stream(first, &mut messages).await {
                Ok(()) => return,
                Err(broken) => broken,
            };
            if let Broken::Removed(why) = &broken {
                self.removal.put(why);
            }
            // A stream that breaks again within BACKOFF for the same reason is logged once only.
            let again = began.elapsed() < BACKOFF[1];
            if broken.reason() != last || !again {
                broken.log(node, address);
            }
            broken.reason().clone_into(&mut last);
            wait = if again { (wait * 2).min(BACKOFF[1]) } else { BACKOFF[0] };
            tokio::time::sleep(wait).await;
            // Queued messages are old by now; Raft repeats what still matters.
            while messages.try_recv().is_ok() {}
        }
    }

    async fn stream(&self, first: Queued, messages: &mut mpsc::Receiver<Queued>) -> Result<(), Broken> {
        let lost = |error: &dyn core::fmt::Display| Broken::Lost(error.to_string());
        let channel = channel(&self.target.address, &self.security, &self.expected)
            .await
            .map_err(|error| lost(&error))?;
        let mut client = v1::peer_client::PeerClient::new(channel);
        let (frames, outgoing) = mpsc::channel(FRAMES);
        frames.try_send(self.frame.clone()).map_err(|error| lost(&error))?;
        let exchange = client.exchange(ReceiverStream::new(outgoing));
        let feed = async {
            let mut next = Some(first);
            while let Some(message) = next {
                if !send(&frames, message).await {
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
}

/// Sends one message as frames. Returns false if the stream is closed.
async fn send(frames: &mpsc::Sender<v1::PeerFrame>, queued: Queued) -> bool {
    let Queued { message, permit } = queued;
    let to = message.to;
    let encoded = if permit.is_some() {
        // A snapshot takes its time, which other streams and the engine do not have.
        let encoded = tokio::task::spawn_blocking(move || wire::encode(&message)).await;
        encoded.unwrap_or_else(|error| Err(error.to_string()))
    } else {
        wire::encode(&message)
    };
    let bytes = match encoded {
        Ok(bytes) => bytes,
        Err(why) => {
            drop_message(to, &why);
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
fn drop_message(to: Peer, why: &str) {
    static LINES: LogLimiter = LogLimiter::new();
    counter!("cutover_peer_messages_dropped_total", "where" => "too long").increment(1);
    if LINES.now().is_some() {
        tracing::error!(%to, why, "cannot encode a message to a peer");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::control_plane::{ClusterVoterIdentity, ControlPlaneState, Endpoints, Registered};
    use crate::core::ids::{ClusterId, DirectoryId, HistoryId, Index, Term};
    use crate::core::migration::Caps;
    use crate::core::raft::{Configuration, Durable, SessionLimits};
    use crate::node::driver::Known;
    use std::collections::BTreeSet;

    #[test]
    fn one_snapshot_at_a_time_is_queued_for_a_peer() {
        let machine = ControlPlaneState::new(ClusterId(1), Caps::PRODUCTION, []);
        let disk =
            Durable::founding(HistoryId(1), Configuration::empty(), SessionLimits::PRODUCTION, machine);
        let snapshot = disk.unwrap().snapshot;
        let peer = |node| Peer { node: NodeId(node), directory: DirectoryId(1) };
        let (from, to, history) = (peer(1), peer(2), HistoryId(1));
        let message = |body| Message { history, from, to, admitted: Index::ZERO, term: Term(1), body };
        let hello = Hello { from, to, cluster: ClusterId(1), history, run: 1 };
        let address = Address::try_from("localhost:1".to_owned()).unwrap();
        let (queue, mut messages) = mpsc::channel(8);
        let target = Target { address, hello };
        let lane = Lane { target, queue, snapshot: Arc::new(Semaphore::new(1)) };
        let install = || message(Body::Install(Arc::clone(&snapshot)));
        assert!(lane.send(install()));
        assert!(!lane.send(install()), "the first is under way");
        assert!(lane.send(message(Body::TimeoutNow)), "other messages are not held up");
        drop(messages.try_recv().unwrap());
        assert!(lane.send(install()), "the first was sent");
    }

    const fn peer(node: u8, directory: u64) -> Peer {
        Peer { node: NodeId(node), directory: DirectoryId(directory) }
    }

    /// The members of a log, each with its directory and its port, and those that were removed.
    fn known(members: &[(u8, u64, u16)], removed: &[(u8, u64)]) -> Registry {
        let registered = |node: u8, port: u16| Registered {
            identity: ClusterVoterIdentity::from_certificate_subject(&format!("CN=n{node}")).unwrap(),
            endpoints: Endpoints { peer: Address::try_from(format!("localhost:{port}")).ok(), client: None },
        };
        Arc::new(Known {
            cluster: ClusterId(1),
            members: members
                .iter()
                .map(|&(node, at, port)| (peer(node, at), registered(node, port)))
                .collect(),
            removed: removed.iter().map(|&(node, at)| peer(node, at)).collect(),
        })
    }

    /// Gives the transport a registry, and a message of this history to each member.
    fn turn(transport: &mut GrpcTransport, registry: &Registry, history: u64) {
        transport.members(registry);
        for &(to, _) in &registry.members {
            let (from, history) = (peer(1, 1), HistoryId(history));
            let body = Body::TimeoutNow;
            transport.send(Message { history, from, to, admitted: Index::ZERO, term: Term(1), body });
        }
    }

    /// What a stream was opened for is what its hello says, so another address, directory or history needs another stream.
    #[tokio::test]
    async fn a_change_of_members_ends_the_streams_of_those_that_it_changes_and_no_other() {
        let five = [(2, 1, 1), (3, 1, 1), (4, 1, 1), (5, 1, 1), (6, 1, 1)];
        let changed = |node: u8, directory: u64, port: u16| {
            five.map(|member| if member.0 == node { (node, directory, port) } else { member })
        };
        let all = [2, 3, 4, 5, 6];
        type Case<'a> = (&'a str, Registry, u64, &'a [u8]);
        let cases: [Case<'_>; 11] = [
            ("nothing", known(&five, &[]), 1, &[]),
            ("an earlier directory was removed", known(&five, &[(2, 9), (6, 9)]), 1, &[]),
            ("one removed", known(&five[1..], &[(2, 1)]), 1, &[2]),
            ("two removed", known(&five[2..], &[(2, 1), (3, 1)]), 1, &[2, 3]),
            ("two removed, the later first", known(&five[2..], &[(3, 1), (2, 1)]), 1, &[2, 3]),
            ("all removed but one", known(&five[4..], &[(4, 1), (2, 1), (3, 1), (5, 1)]), 1, &[2, 3, 4, 5]),
            ("not in the log any more, and not removed", known(&five[1..], &[]), 1, &[]),
            ("another address", known(&changed(3, 1, 2), &[]), 1, &[3]),
            ("another directory at the address", known(&changed(4, 2, 1), &[(4, 1)]), 1, &[4]),
            ("another directory elsewhere", known(&changed(4, 2, 2), &[]), 1, &[4]),
            ("another history", known(&five, &[]), 2, &all),
        ];
        let mut wrong = Vec::new();
        for (case, after, history, ended) in cases {
            let rule = PeerRule { subjects: None };
            let (addresses, removal) = (PeerAddresses::default(), RemovalNotice::default());
            let mut transport = GrpcTransport::new(1, None, Security::Plain, rule, addresses, removal);
            turn(&mut transport, &known(&five, &[]), 1);
            // A stream ends when the last sender of its queue is dropped.
            let streams: Vec<_> =
                transport.lanes.iter().map(|(node, lane)| (node.0, lane.queue.downgrade())).collect();
            assert_eq!(streams.len(), five.len());
            turn(&mut transport, &after, history);
            let found: BTreeSet<u8> = streams
                .iter()
                .filter_map(|(node, queue)| queue.upgrade().is_none().then_some(*node))
                .collect();
            if found != ended.iter().copied().collect() {
                wrong.push((case, "ended", found));
            }
            let of = |member: &(Peer, Registered)| transport.lanes.get(&member.0.node).unwrap().target.hello;
            let hellos: Vec<_> = after.members.iter().map(of).collect();
            let other = |hello: &&Hello| {
                !after.members.iter().any(|(to, _)| *to == hello.to) || hello.history != HistoryId(history)
            };
            let old: BTreeSet<u8> = hellos.iter().filter(other).map(|hello| hello.to.node.0).collect();
            if !old.is_empty() {
                wrong.push((case, "have an old hello", old));
            }
        }
        assert_eq!(wrong, []);
    }
}
