//! Connections that are refused: strangers, other authorities, and other clusters.

use super::certs::{Authority, Files};
use super::harness::{Ran, cutoverd, until};
use super::made::{Cluster, NODES, address, options, security};
use cutover::client::ClientError;
use cutover::core::ids::{ClusterId, HistoryId};
use cutover::node::proto::v1::{PeerFrame, PeerHello, StatusResponse, peer_client::PeerClient};
use std::io::Write as _;
use std::net::SocketAddr;

fn ctl(cluster: &Cluster, files: &Files, words: &[&str]) -> Ran {
    let Files { ca, cert, key, .. } = files;
    let mut all = vec!["ctl".to_owned(), "-e".to_owned(), cluster.nodes[0].client.to_string()];
    for (name, path) in [("--ca", ca), ("--cert", cert), ("--key", key)] {
        all.extend([name.to_owned(), path.display().to_string()]);
    }
    all.extend(["--nodes", NODES, "--deadline", "2"].map(str::to_owned));
    all.extend(words.iter().map(|word| (*word).to_owned()));
    cutoverd(&all)
}

#[test]
fn a_certificate_allows_what_its_role_may() {
    let cluster = Cluster::secure(1);
    let authority = cluster.authority.as_ref().unwrap();
    let gateway = authority.issue("gw1", "CN=gw1,OU=gateway,O=example");
    let looks = authority.issue("bob", "CN=bob,OU=looks,O=example");
    let stranger = authority.issue("eve", "CN=eve,OU=elsewhere,O=example");
    cluster.ctl(&["create", "acme", "--at", "A"]).ok();
    ctl(&cluster, &gateway, &["get", "acme"]).ok();
    ctl(&cluster, &gateway, &["members", "list"]).ok();
    ctl(&cluster, &gateway, &["create", "more", "--at", "A"])
        .fails(1, &["CN=gw1,OU=gateway,O=example has the role gateway", "Apply needs admin"]);
    ctl(&cluster, &looks, &["list"]).ok();
    ctl(&cluster, &looks, &["get", "acme"])
        .fails(1, &["CN=bob,OU=looks,O=example has the role read-only", "Resolve needs gateway"]);
    let client = cluster.client_of(Some(&stranger), options(3));
    let denied = cluster.run(client.members()).unwrap_err();
    let expected = "CN=eve,OU=elsewhere,O=example has no role, Members needs read-only";
    assert_eq!(denied, ClientError::Denied(expected.to_owned()));
    // With another authority there is no connection at all.
    let other = Authority::new(&cluster.directory.path().join("other"));
    let mut forged = other.issue("ann", "CN=ann,OU=ops,O=example");
    ctl(&cluster, &forged, &["members", "list"])
        .fails(69, &["no node can be reached", "invalid peer certificate"]);
    forged.ca = cluster.ann.as_ref().unwrap().ca.clone();
    ctl(&cluster, &forged, &["members", "list"]).fails(69, &["no node can be reached"]);
    cluster.nodes[0].hears("refused a connection");
    // Nor without a certificate.
    let plain = cutoverd(&["ctl", "-e", &cluster.nodes[0].client.to_string(), "--deadline", "2", "list"]);
    assert_ne!(plain.code, 0, "{plain:?}");
    cluster.ctl(&["get", "acme"]).ok();
}

/// Opens a stream to a peer port and returns the error.
fn speaks(cluster: &Cluster, at: SocketAddr, files: Option<&Files>, hello: PeerHello) -> tonic::Status {
    let security = security(files);
    cluster.run(async move {
        let channel =
            cutover::node::tls::channel(&address(at), &security, &super::made::anybody()).await.unwrap();
        let frame = PeerFrame { data: Vec::new(), last: false, hello: Some(hello) };
        let frames = tokio_stream::iter([frame]);
        PeerClient::new(channel).exchange(frames).await.expect_err("to be refused")
    })
}

#[test]
fn only_members_speak_on_the_peer_port() {
    let cluster = Cluster::secure(1);
    let node = &cluster.nodes[0];
    let authority = cluster.authority.as_ref().unwrap();
    let gateway = authority.issue("gw1", "CN=gw1,OU=gateway,O=example");
    let first = cluster.hello_to(0);
    let own = cluster.status(0).unwrap().directory;
    let hello = |node: u32, directory| PeerHello { node, directory, ..first.clone() };
    for (files, hello, words) in [
        (Some(&gateway), hello(2, 7), "CN=gw1,OU=gateway,O=example is not a member"),
        (Some(&gateway), hello(1, own), "the certificate is of CN=gw1,OU=gateway,O=example"),
        (cluster.ann.as_ref(), hello(2, 7), "CN=ann,OU=ops,O=example is not a member"),
        (node.files.as_ref(), hello(2, 7), "expected that of n2"),
        (node.files.as_ref(), hello(1 << 9, 7), "node 512"),
    ] {
        let status = speaks(&cluster, node.peer, files, hello);
        assert_eq!(status.code(), tonic::Code::PermissionDenied, "{status:?}");
        assert!(status.message().contains(words), "{words:?}: {status:?}");
    }
    node.hears("refused a peer");
    cluster.ctl(&["create", "acme", "--at", "A"]).ok();
}

/// The classic slip: `init` on two nodes. Neither history is touched when one is told to admit the other's node, nor when
/// they meet on a stream.
#[test]
fn two_founders_stay_two_clusters() {
    let one = Cluster::secure(1);
    let mut two = Cluster::beside(&one, 2, &one.nodes[0].directory.join("two"));
    two.nodes.remove(0);
    two.nodes[0].verb(&["init"]).ok();
    two.nodes[0].start();
    two.serves();
    two.know_stores();
    for (cluster, name) in [(&one, "acme"), (&two, "globex")] {
        cluster.ctl(&["create", name, "--at", "A"]).ok();
    }
    let (mine, other) = (one.status(0).unwrap(), two.status(0).unwrap());
    assert!(mine.cluster != other.cluster && mine.history != other.history);
    let words = |status: &StatusResponse| {
        let (cluster, history) = (ClusterId(status.cluster), HistoryId(status.history));
        format!("cluster {cluster}, history {history}")
    };
    one.ctl(&["members", "add", &two.nodes[0].peer.to_string(), "--promote"]).fails(
        1,
        &["belongs to", &words(&other), "expected an empty one", &words(&mine), "Neither was changed"],
    );
    // On a stream, the other's node as its own log has it.
    let hello = PeerHello {
        node: 2,
        directory: other.directory,
        history: other.history,
        cluster: other.cluster,
        ..one.hello_to(0)
    };
    let status = speaks(&one, one.nodes[0].peer, two.nodes[0].files.as_ref(), hello);
    assert_eq!(status.code(), tonic::Code::FailedPrecondition, "{status:?}");
    for words in ["two clusters were founded", &words(&mine), &words(&other)] {
        assert!(status.message().contains(words), "{words:?}: {status:?}");
    }
    one.nodes[0].hears("two clusters were founded");
    for (cluster, before) in [(&one, mine), (&two, other)] {
        let members = cluster.run(cluster.client().members()).unwrap().members;
        assert_eq!(members.len(), 1, "{members:?}");
        let now = cluster.status(0).unwrap();
        assert_eq!((now.term, now.history, now.partitions), (before.term, before.history, 1));
    }
    one.ctl(&["get", "acme"]).ok();
    two.ctl(&["get", "globex"]).ok();
}

/// A thousand refused connections do not fill the disk with log lines.
#[test]
fn a_flood_of_strangers_is_a_few_lines() {
    const KNOCKS: usize = 1_000;
    let cluster = Cluster::secure(1);
    let node = &cluster.nodes[0];
    for _ in 0..KNOCKS {
        let mut stream = std::net::TcpStream::connect(node.peer).unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
    }
    let counted = || {
        let metrics = super::garbage::scrape(node.metrics);
        let line = metrics.lines().find(|line| line.contains("reason=\"handshake\""))?;
        let count: usize = line.split_whitespace().last()?.parse().ok()?;
        (count >= KNOCKS).then_some(())
    };
    until("every one to be counted", counted);
    // The log limiter works in intervals, so the exact number of lines is not known; it is small.
    let lines = node.said().lines().filter(|line| line.contains("refused a connection")).count();
    assert!((1..KNOCKS / 4).contains(&lines), "{lines} lines");
}
