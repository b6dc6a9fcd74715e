//! Invalid bytes, too many bytes, and too many connections.

use super::harness::{Node, until};
use super::made::{Cluster, address, options};
use cutover::node::proto::v1::{
    OpenSessionRequest, PartitionRef, ResolveRequest, partition_ref::By, placements_client::PlacementsClient,
    sessions_client::SessionsClient,
};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore as _, SeedableRng as _};
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// Limit for the growth of a node's memory, far below what it is sent in total.
const GROWTH_KIB: u64 = 32 << 10;

/// Writes the bytes until the peer closes the connection, and reads and ignores the answers.
fn pour(at: SocketAddr, bytes: &[u8]) {
    let Ok(mut stream) = TcpStream::connect(at) else { return };
    stream.set_write_timeout(Some(Duration::from_secs(2))).unwrap();
    stream.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
    let _closed_on_the_way = stream.write_all(bytes);
    let mut back = Vec::new();
    let _closed = stream.take(1 << 20).read_to_end(&mut back);
}

fn pours(node: &Node, seed: u64) {
    pour_everything(&[node.peer, node.client, node.metrics], seed);
}

/// Writes bytes of several kinds to these ports.
pub fn pour_everything(ports: &[SocketAddr], seed: u64) {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    for at in ports.iter().copied() {
        let mut bytes = vec![0; 1 << 20];
        random.fill_bytes(&mut bytes);
        pour(at, &bytes);
        // Bytes with a valid beginning are parsed further.
        bytes[..PREFACE.len()].copy_from_slice(PREFACE);
        pour(at, &bytes);
        // A frame of HTTP/2 with the maximum length, and a TLS record likewise.
        bytes[PREFACE.len()..PREFACE.len() + 4].copy_from_slice(&[0xff, 0xff, 0xff, 0]);
        pour(at, &bytes);
        bytes[..5].copy_from_slice(&[0x16, 3, 1, 0xff, 0xff]);
        pour(at, &bytes);
        pour(at, &b"GET / HTTP/1.1\r\n".repeat(1 << 16));
    }
}

fn survives(cluster: &Cluster) {
    cluster.ctl(&["create", "acme", "--at", "A"]).ok();
    pours(&cluster.nodes[0], 1);
    let before = cluster.nodes[0].memory_kib();
    for seed in 2..6 {
        pours(&cluster.nodes[0], seed);
    }
    cluster.ctl(&["get", "acme"]).ok();
    let after = cluster.nodes[0].memory_kib();
    assert!(after < before + GROWTH_KIB, "{before} KiB, then {after} KiB");
    assert!(!cluster.nodes[0].said().contains("panicked"));
}

#[test]
fn random_bytes_are_survived() {
    survives(&Cluster::plain(1));
}

#[test]
fn random_bytes_are_survived_where_certificates_are_expected() {
    survives(&Cluster::secure(1));
}

#[test]
fn connections_have_a_bound() {
    let mut cluster = Cluster::of(1, false);
    cluster.nodes[0].sections = "[limits]\nconnections = 4\n".to_owned();
    let cluster = cluster.found();
    // A client's connection takes one place; others take the rest.
    let client = cluster.client();
    cluster.run(client.members()).unwrap();
    let mut held: Vec<TcpStream> = Vec::new();
    until("a connection that is closed at once", || {
        let mut stream = TcpStream::connect(cluster.nodes[0].client).unwrap();
        stream.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
        // A connection that is accepted receives the settings of HTTP/2.
        let refused = matches!(stream.read(&mut [0; 64]), Ok(0) | Err(_)) && {
            let mut again = [0; 1];
            matches!(stream.read(&mut again), Ok(0))
        };
        held.push(stream);
        refused.then_some(())
    });
    assert!(held.len() <= 5, "{} connections were let in", held.len());
    // Existing connections stay; new ones wait until one is closed.
    cluster.run(client.members()).unwrap();
    drop(held);
    cluster.serves();
    let metrics = scrape(cluster.nodes[0].metrics);
    assert!(metrics.contains("cutover_refused_total{reason=\"connections\"}"), "{metrics}");
}

pub fn scrape(at: SocketAddr) -> String {
    let mut stream = TcpStream::connect(at).unwrap();
    stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text
}

#[test]
fn messages_have_a_bound() {
    let cluster = Cluster::plain(1);
    let at = address(cluster.nodes[0].client);
    cluster.run(async {
        let channel =
            cutover::node::tls::channel(&at, &cutover::node::tls::Security::Plain, &super::made::anybody())
                .await
                .unwrap();
        for bytes in [128 << 10, 8 << 20] {
            let by = By::Name("x".repeat(bytes));
            let request = ResolveRequest { partition: Some(PartitionRef { by: Some(by) }) };
            let status = PlacementsClient::new(channel.clone()).resolve(request).await.unwrap_err();
            assert_eq!(status.code(), tonic::Code::OutOfRange, "{status:?}");
            assert!(status.message().contains("65536"), "{status:?}");
        }
        // A name that fits into a message but not into the log.
        let by = By::Name("x".repeat(1 << 10));
        let request = ResolveRequest { partition: Some(PartitionRef { by: Some(by) }) };
        let status = PlacementsClient::new(channel.clone()).resolve(request).await.unwrap_err();
        assert_eq!(status.code(), tonic::Code::InvalidArgument, "{status:?}");
        SessionsClient::new(channel).open(OpenSessionRequest {}).await.unwrap();
    });
    let client = cluster.client_of(None, options(3));
    cluster.run(client.members()).unwrap();
}
