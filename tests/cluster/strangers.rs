//! Connections that are refused: strangers, other authorities, and other clusters.

use super::certs::{Authority, Files};
use super::harness::{Ran, cutoverd, until};
use super::made::{Cluster, NODES, address, dialer, options, security};
use cutover::client::ClientError;
use cutover::node::proto::v1::{PeerFrame, PeerHello, peer_client::PeerClient};
use cutover::node::server::PEER_PROTOCOL;
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
        .fails(1, &["CN=gw1,OU=gateway,O=example has the role gateway", "Open needs admin"]);
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
        let channel = cutover::node::tls::channel(&address(at), &security).await.unwrap();
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
    let hello = |node: u32, number| PeerHello {
        cluster: number,
        node,
        incarnation: 1,
        address: String::new(),
        protocol: PEER_PROTOCOL,
    };
    for (files, hello, words) in [
        (Some(&gateway), hello(2, node.cluster), "CN=gw1,OU=gateway,O=example is not a member"),
        (Some(&gateway), hello(1, node.cluster), "the certificate is of CN=gw1,OU=gateway,O=example"),
        (cluster.ann.as_ref(), hello(2, node.cluster), "CN=ann,OU=ops,O=example is not a member"),
        (node.files.as_ref(), hello(1, node.cluster + 1), "expected cluster"),
        (node.files.as_ref(), hello(2, node.cluster), "is the certificate of n1, expected that of n2"),
        (node.files.as_ref(), hello(1 << 9, node.cluster), "node 512"),
    ] {
        let status = speaks(&cluster, node.peer, files, hello);
        assert_eq!(status.code(), tonic::Code::PermissionDenied, "{status:?}");
        assert!(status.message().contains(words), "{words:?}: {status:?}");
    }
    node.hears("refused a peer");
    cluster.ctl(&["create", "acme", "--at", "A"]).ok();
}

#[test]
fn a_cluster_does_not_take_part_in_another() {
    let one = Cluster::plain(1);
    let two = Cluster::plain(1);
    // The second cluster is told that its next member is at the address of the first cluster's node.
    let (peer, client) = (one.nodes[0].peer.to_string(), one.nodes[0].client.to_string());
    let words = ["members", "add", "2", "--identity", "CN=n2,OU=control-plane,O=example"];
    two.ctl(&[&words[..], &["--peer", &peer, "--client", &client]].concat()).ok();
    let found =
        format!("a peer of cluster {}, expected cluster {}", two.nodes[0].cluster, one.nodes[0].cluster);
    one.nodes[0].hears(&found);
    two.nodes[0].hears(&found);
    for cluster in [&one, &two] {
        let own = vec![address(cluster.nodes[0].client)];
        let client = cutover::client::Client::new(own, dialer(None), options(10)).unwrap();
        let members = cluster.run(client.members()).unwrap();
        assert_eq!(members.members[0].client_address, cluster.nodes[0].client.to_string());
        cluster.ctl(&["create", "acme", "--at", "A"]).ok();
    }
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
