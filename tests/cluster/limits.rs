//! Connections that take places: idle, half-open, too many.

use super::certs::Files;
use super::garbage::scrape;
use super::harness::until;
use super::made::{Cluster, address, anybody, security};
use cutover::node::proto::v1::{WatchRequest, WatchResponse, placements_client::PlacementsClient};
use cutover::node::tls::{Security, Tls};
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncReadExt as _;
use tonic::{Code, Streaming};

/// A connection with a completed handshake of TLS and of HTTP/2; `None` if it is closed before.
async fn connect(at: SocketAddr, tls: &Arc<Tls>) -> Option<impl Sized + use<>> {
    let stream = tokio::net::TcpStream::connect(at).await.unwrap();
    let (_, mut stream) = tls.connect("localhost", stream).await.ok()?;
    let greeted = stream.read(&mut [0; 64]).await.is_ok_and(|bytes| bytes > 0);
    greeted.then_some(stream)
}

fn tls_of(cluster: &Cluster, name: &str, subject: &str) -> Arc<Tls> {
    let files = cluster.authority.as_ref().unwrap().issue(name, subject);
    let Security::Mutual(tls) = security(Some(&files)) else { panic!("no certificate") };
    tls
}

/// Opens connections until one is refused.
fn held(cluster: &Cluster, at: SocketAddr, tls: &Arc<Tls>) -> Vec<impl Sized + use<>> {
    cluster.run(async {
        let mut held = Vec::new();
        while let Some(stream) = connect(at, tls).await {
            held.push(stream);
            assert!(held.len() < 64, "no bound");
        }
        held
    })
}

#[test]
fn one_certificate_does_not_take_all_connections_and_a_reserve_is_left_for_admins() {
    let mut cluster = Cluster::of(1, true);
    cluster.nodes[0].sections =
        "[limits]\nconnections = 12\nconnections_reserved = 4\nconnections_per_client = 6\n".to_owned();
    let cluster = cluster.found();
    let node = &cluster.nodes[0];
    let eve = tls_of(&cluster, "eve", "CN=eve,OU=elsewhere,O=example");
    let of_eve = held(&cluster, node.client, &eve);
    assert_eq!(of_eve.len(), 6);
    node.hears("CN=eve,OU=elsewhere,O=example has 6 connections, at most 6 are allowed");
    // With many certificates, all but the reserve.
    let joe = tls_of(&cluster, "joe", "CN=joe,OU=elsewhere,O=example");
    let of_joe = held(&cluster, node.client, &joe);
    assert!(of_joe.len() <= 2, "{} more", of_joe.len());
    node.hears("connections are open, at most 8 are allowed");
    cluster.ctl(&["create", "acme", "--at", "A"]).ok();
}

/// Opens watches until one is refused; returns them with the message of the refusal.
fn watched(cluster: &Cluster, files: &Files) -> (Vec<Streaming<WatchResponse>>, String) {
    let (at, security) = (address(cluster.nodes[0].client), security(Some(files)));
    cluster.run(async {
        let channel = cutover::node::tls::channel(&at, &security, &anybody()).await.unwrap();
        let mut held = Vec::new();
        loop {
            match PlacementsClient::new(channel.clone()).watch(WatchRequest::default()).await {
                Ok(stream) => held.push(stream.into_inner()),
                // On a machine that is busy elsewhere a node may lose contact with itself for a moment.
                Err(status) if status.code() == Code::Unavailable => {
                    tokio::time::sleep(core::time::Duration::from_millis(20)).await;
                }
                Err(status) => {
                    assert_eq!(status.code(), Code::ResourceExhausted, "{status:?}");
                    return (held, status.message().to_owned());
                }
            }
            assert!(held.len() < 64, "no bound");
        }
    })
}

#[test]
fn one_certificate_does_not_take_all_watches_and_a_reserve_is_left_for_admins() {
    let mut cluster = Cluster::of(1, true);
    cluster.nodes[0].sections =
        "[queues]\nwatchers = 12\n[limits]\nwatches_reserved = 4\nwatches_per_client = 6\n".to_owned();
    let cluster = cluster.found();
    let gateway = |name: &str| {
        cluster.authority.as_ref().unwrap().issue(name, &format!("CN={name},OU=gateway,O=example"))
    };
    let (of_one, refused) = watched(&cluster, &gateway("gw1"));
    assert_eq!(of_one.len(), 6);
    assert_eq!(refused, "CN=gw1,OU=gateway,O=example has 6 watches, at most 6 are allowed");
    let (of_two, refused) = watched(&cluster, &gateway("gw2"));
    assert_eq!(of_two.len(), 2);
    assert_eq!(refused, "8 watches are open, at most 8 are allowed");
    let ann = cluster.ann.clone().unwrap();
    let (of_ann, refused) = watched(&cluster, &ann);
    assert_eq!((of_ann.len(), refused.as_str()), (4, "12 watches are open, at most 12 are allowed"));
    assert!(scrape(cluster.nodes[0].metrics).contains("cutover_refused_total{reason=\"watches\"} 3"));
    // A place is free when its watch ends.
    drop((of_one, of_ann));
    until("a place", || {
        let (of_three, _) = watched(&cluster, &gateway("gw3"));
        (of_three.len() == 6).then_some(())
    });
    drop(of_two);
}

#[test]
fn idle_and_half_open_connections_end() {
    let mut cluster = Cluster::of(1, true);
    cluster.nodes[0].sections = "[limits]\nhalf_open = 4\nidle_s = 3\n".to_owned();
    let cluster = cluster.found();
    let node = &cluster.nodes[0];
    let ends = |mut stream: TcpStream| {
        stream.set_read_timeout(Some(super::harness::PATIENCE)).unwrap();
        // Closed or reset; a timeout is neither.
        !matches!(stream.read(&mut [0; 64]), Err(error) if error.kind() == std::io::ErrorKind::WouldBlock)
    };
    // Without a handshake: the fifth displaces the first.
    let mut silent: Vec<_> = (0..8).map(|_| TcpStream::connect(node.client).unwrap()).collect();
    cluster.ctl(&["create", "acme", "--at", "A"]).ok();
    assert!(silent.drain(..).all(ends));
    node.hears("too many handshakes are under way");
    node.hears("the TLS handshake took too long");
    // Without a call: a gateway's channel that is kept alive by pings. A watch is a call.
    let gateway = cluster.authority.as_ref().unwrap().issue("gw", "CN=gw,OU=gateway,O=example");
    let watching = cluster.client_of(Some(&gateway), super::made::options(10));
    let mut watch = watching.watch();
    cluster.run(watch.next()).unwrap();
    let security = security(Some(&gateway));
    let _idle =
        cluster.run(cutover::node::tls::channel(&address(node.client), &security, &anybody())).unwrap();
    let open = || {
        let status = std::fs::read_to_string(format!("/proc/{}/net/tcp", std::process::id())).unwrap();
        let port = format!(":{:04X}", node.client.port());
        // Local address and state of each connection: established ones at the node's port.
        status
            .lines()
            .filter(|line| {
                let mut fields = line.split_whitespace();
                fields.nth(1).is_some_and(|local| local.ends_with(&port)) && fields.nth(1) == Some("01")
            })
            .count()
    };
    until("the idle connection to end", || (open() <= 1).then_some(()));
    std::thread::sleep(Duration::from_secs(4));
    assert_eq!(open(), 1, "the watch goes on");
}

/// Long before it counts as idle.
#[test]
fn a_connection_that_says_nothing_after_tls_ends() {
    let cluster = Cluster::secure(1);
    let eve = tls_of(&cluster, "eve", "CN=eve,OU=elsewhere,O=example");
    let ended = cluster.run(async {
        let tcp = tokio::net::TcpStream::connect(cluster.nodes[0].client).await.unwrap();
        let (_, mut stream) = eve.connect("localhost", tcp).await.unwrap();
        let mut all = Vec::new();
        tokio::time::timeout(super::harness::PATIENCE, stream.read_to_end(&mut all)).await.is_ok()
    });
    assert!(ended, "it is still open");
}

/// With few descriptors, a stranger's connections leave enough for the disk, the peers and the metrics.
#[test]
fn limits_fit_the_descriptors_of_the_process() {
    let mut cluster = Cluster::of(1, true);
    let shell = "ulimit -n 200 && exec \"$0\" \"$@\"";
    cluster.nodes[0].wrapper = ["sh", "-c", shell].map(str::to_owned).to_vec();
    let cluster = cluster.found();
    let node = &cluster.nodes[0];
    node.hears("more than the process may open files: lowered");
    let _half_open: Vec<_> = [node.client, node.peer]
        .into_iter()
        .flat_map(|at| (0..150).map(move |_| TcpStream::connect(at).unwrap()))
        .collect();
    for _ in 0..5 {
        assert!(scrape(node.metrics).contains("cutover_commit_index"));
    }
    cluster.ctl(&["create", "acme", "--at", "A"]).ok();
    let lines = node.said().lines().count();
    assert!(lines < 100, "{lines} lines");
}

#[test]
fn the_metrics_port_ends_unfinished_requests() {
    let cluster = Cluster::plain(1);
    let (node, at) = (&cluster.nodes[0], cluster.nodes[0].metrics);
    let before = node.descriptors();
    let unfinished: Vec<_> = (0..40)
        .map(|_| {
            let mut stream = TcpStream::connect(at).unwrap();
            stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: ").unwrap();
            stream.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
            stream
        })
        .collect();
    let mut most = 0;
    for mut stream in unfinished {
        until("an unfinished request to end", || {
            most = most.max(node.descriptors());
            match stream.read(&mut [0; 64]) {
                // The answer to half a request, if there is one.
                Ok(1..) => None,
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => None,
                Ok(0) | Err(_) => Some(()),
            }
        });
    }
    assert!(most < before + 20, "{most} descriptors, {before} without connections");
    let metrics = until("the metrics", || Some(scrape(at)).filter(|text| text.contains("cutover_term")));
    assert!(metrics.starts_with("HTTP/1.1 200"), "{metrics}");
}
