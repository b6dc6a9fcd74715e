//! Limits for peers: endless messages, too many streams, and too many connections.

use super::harness::until;
use super::made::{Cluster, address, security};
use cutover::node::proto::v1::{PeerClosed, PeerFrame, PeerHello, peer_client::PeerClient};
use cutover::node::server::PEER_PROTOCOL;
use cutover::node::tls::{Security, Tls};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;
use tokio_stream::StreamExt as _;

const FRAME: usize = 1 << 20;
/// Maximum size of a message, from a member or anyone else.
const MAX: usize = 80 << 20;

fn hello(cluster: &Cluster, as_node: u32) -> PeerFrame {
    let hello = PeerHello { node: as_node, ..cluster.hello_to(0) };
    PeerFrame { data: Vec::new(), last: false, hello: Some(hello) }
}

/// Opens a stream with a hello and these frames, and sends nothing more.
async fn pour(
    at: SocketAddr,
    security: &Security,
    hello: PeerFrame,
    frames: impl Iterator<Item = PeerFrame> + Send + 'static,
) -> Result<PeerClosed, tonic::Status> {
    let channel = cutover::node::tls::channel(&address(at), security, &super::made::anybody()).await.unwrap();
    let frames = tokio_stream::iter(std::iter::once(hello)).chain(tokio_stream::iter(frames));
    PeerClient::new(channel).exchange(frames).await.map(tonic::Response::into_inner)
}

fn part(bytes: usize, last: bool) -> PeerFrame {
    PeerFrame { data: vec![0xff; bytes], last, hello: None }
}

/// The hello has another version of the protocol, or none, as from an old build.
#[test]
fn a_peer_of_another_version_is_refused() {
    let cluster = Cluster::plain(1);
    let node = &cluster.nodes[0];
    for found in [0, PEER_PROTOCOL + 1] {
        let mut first = hello(&cluster, 2);
        first.hello.as_mut().unwrap().protocol = found;
        let refused = cluster.run(pour(node.peer, &Security::Plain, first, std::iter::empty())).unwrap_err();
        assert_eq!(refused.code(), tonic::Code::PermissionDenied, "{refused:?}");
        let line = format!("n2 uses version {found} of the peer protocol, expected version {PEER_PROTOCOL}");
        assert_eq!(refused.message(), line);
        node.hears(&line);
    }
    let same = cluster.run(pour(node.peer, &Security::Plain, hello(&cluster, 2), std::iter::empty()));
    assert_eq!(same.unwrap(), PeerClosed {});
}

#[track_caller]
fn says(status: &tonic::Status, words: &[String]) {
    for word in words {
        assert!(status.message().contains(word), "{word:?}: {status:?}");
    }
}

#[test]
fn a_message_without_an_end_is_refused() {
    let cluster = Cluster::plain(1);
    let node = &cluster.nodes[0];
    cluster.ctl(&["create", "acme", "--at", "A"]).ok();
    let before = node.peak_kib();
    let endless = std::iter::repeat_with(|| part(FRAME, false));
    let refused = cluster.run(pour(node.peer, &Security::Plain, hello(&cluster, 2), endless)).unwrap_err();
    assert_eq!(refused.code(), tonic::Code::OutOfRange, "{refused:?}");
    says(
        &refused,
        &[format!(
            "n2/0000000000012fd1: a message of at least {} bytes, at most {MAX} are taken",
            MAX + FRAME
        )],
    );
    node.hears("refused a peer");
    // A single frame cannot exceed the limit either.
    let frame = std::iter::once(part(2 * FRAME, true));
    let refused = cluster.run(pour(node.peer, &Security::Plain, hello(&cluster, 2), frame)).unwrap_err();
    assert_eq!(refused.code(), tonic::Code::OutOfRange, "{refused:?}");
    // Many streams at once need little more memory than one.
    let (at, first) = (node.peer, hello(&cluster, 3));
    let others: Vec<_> = (3..11)
        .map(|other| {
            let hello = PeerFrame {
                hello: first.hello.clone().map(|hello| PeerHello { node: other, ..hello }),
                ..first.clone()
            };
            let frames = (0..MAX / FRAME).map(|_| part(FRAME, false)).chain([part(0, true)]);
            cluster.spawn(async move { pour(at, &Security::Plain, hello, frames).await })
        })
        .collect();
    let lost = others.into_iter().filter_map(|other| cluster.run(other).unwrap().ok()).count();
    assert!(lost > 0, "each was kept to its end");
    let grown = node.peak_kib() - before;
    assert!(grown < 3 * (u64::try_from(MAX).unwrap() >> 10), "{grown} KiB");
    cluster.ctl(&["get", "acme"]).ok();
}

#[test]
fn who_is_no_member_has_few_connections() {
    let cluster = Cluster::secure(1);
    let node = &cluster.nodes[0];
    let authority = cluster.authority.as_ref().unwrap();
    let files = authority.issue("n2", "CN=n2,OU=control-plane,O=example");
    let other = authority.issue("n3", "CN=n3,OU=control-plane,O=example");
    let security = security(Some(&files));
    let Security::Mutual(tls) = security else { panic!("no certificate") };
    cluster.run(async {
        let mut held = Vec::new();
        let full = loop {
            match connect(node.peer, &tls).await {
                Some(stream) => held.push(stream),
                None => break held.len(),
            }
            assert!(held.len() < 64, "no bound");
        };
        assert!((7..=8).contains(&full), "{full} connections were let in");
        // Peers with another certificate can still connect.
        let Security::Mutual(other) = super::made::security(Some(&other)) else { panic!("no certificate") };
        assert!(connect(node.peer, &other).await.is_some());
    });
    node.hears("CN=n2,OU=control-plane,O=example has 8 connections, at most 8 are allowed");
    // A closed connection frees its place.
    until("a connection", || cluster.run(connect(node.peer, &tls)).map(|_| ()));
}

/// A connection with a completed HTTP/2 handshake; `None` if it is closed before.
async fn connect(at: SocketAddr, tls: &Arc<Tls>) -> Option<impl Sized> {
    let stream = TcpStream::connect(at).await.unwrap();
    let (_, mut stream) = tls.connect("localhost", stream).await.ok()?;
    let greeted = stream.read(&mut [0; 64]).await.is_ok_and(|bytes| bytes > 0);
    greeted.then_some(stream)
}

/// A process was killed while its hello was on its way. Its successor, which was heard before, is no twin of it.
#[test]
fn a_late_hello_of_an_earlier_process_is_not_taken_for_a_copy() {
    let cluster = Cluster::plain(1);
    let (at, first) = (cluster.nodes[0].peer, hello(&cluster, 2));
    let dial = || async {
        let anybody = super::made::anybody();
        PeerClient::new(cutover::node::tls::channel(&address(at), &Security::Plain, &anybody).await.unwrap())
    };
    let say = |mut client: PeerClient<tonic::transport::Channel>, run: u64| {
        let hello = first.hello.clone().map(|hello| PeerHello { run, ..hello });
        let frame = PeerFrame { hello, ..first.clone() };
        async move { client.exchange(tokio_stream::iter([frame])).await }
    };
    cluster.run(async {
        let (early, later) = (dial().await, dial().await);
        say(later, 2).await.unwrap();
        let late = say(early, 1).await.unwrap_err();
        assert_eq!(late.code(), tonic::Code::Aborted, "{late:?}");
        says(&late, &["another process of n2/0000000000012fd1 was heard since".to_owned()]);
        say(dial().await, 2).await.unwrap();
        // Whoever dials now is alive.
        say(dial().await, 1).await.unwrap();
        let twin = say(dial().await, 2).await.unwrap_err();
        says(&twin, &["two processes run with the data directory of n2/0000000000012fd1".to_owned()]);
    });
}

#[test]
fn a_later_stream_takes_the_place_of_an_earlier_one() {
    let cluster = Cluster::plain(1);
    let node = &cluster.nodes[0];
    let at = node.peer;
    let [two, three] = [2, 3].map(|node| hello(&cluster, node));
    cluster.run(async {
        let speak = |hello: PeerFrame| async move {
            let channel =
                cutover::node::tls::channel(&address(at), &Security::Plain, &super::made::anybody())
                    .await
                    .unwrap();
            let frames = tokio_stream::iter([hello]).chain(tokio_stream::pending());
            PeerClient::new(channel).exchange(frames).await
        };
        let (first, other) = (tokio::spawn(speak(two.clone())), tokio::spawn(speak(three)));
        let mut ended = None;
        for _ in 0..1_000 {
            // The first stream may not have been established yet.
            let _second = tokio::spawn(speak(two.clone()));
            tokio::time::sleep(Duration::from_millis(50)).await;
            if first.is_finished() {
                ended = Some(first.await.unwrap().unwrap_err());
                break;
            }
        }
        let ended = ended.expect("the first stream to end");
        says(&ended, &["a later stream of n2".to_owned()]);
        assert!(!other.is_finished(), "another node's goes on");
    });
}
