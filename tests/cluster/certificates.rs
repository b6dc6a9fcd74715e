//! Certificates that change, expire or are revoked while the cluster runs, and holders that are not nodes.

use super::certs::Files;
use super::harness::until;
use super::made::{Cluster, address, anybody, dialer, options, security};
use cutover::client::{Client, ClientError};
use cutover::node::proto::v1::{WatchRequest, WatchResponse, placements_client::PlacementsClient};
use cutover::node::tls::Security;
use std::time::Duration;
use tonic::Streaming;

/// A watch over a connection of its own.
fn watch(cluster: &Cluster, at: usize, files: &Files) -> Streaming<WatchResponse> {
    cluster.serves();
    let (at, security) = (address(cluster.nodes[at].client), security(Some(files)));
    cluster.run(async {
        let channel = cutover::node::tls::channel(&at, &security, &anybody()).await.unwrap();
        PlacementsClient::new(channel).watch(WatchRequest::default()).await.unwrap().into_inner()
    })
}

/// Waits until the stream ends with an error.
fn ends(cluster: &Cluster, mut stream: Streaming<WatchResponse>) {
    let end = async { while stream.message().await.is_ok_and(|message| message.is_some()) {} };
    cluster.run(async { tokio::time::timeout(super::harness::PATIENCE, end).await.expect("to end") });
}

/// Its peers and clients know a node by its subject: with another one, nobody would hear it any more.
#[test]
fn a_certificate_of_another_subject_is_not_taken_over() {
    let cluster = Cluster::secure(1);
    let authority = cluster.authority.as_ref().unwrap();
    authority.issue("n1", "CN=gw1,OU=gateway,O=example");
    cluster.nodes[0].signal("-HUP");
    cluster.nodes[0].hears("a certificate of CN=gw1,OU=gateway,O=example, expected CN=n1,OU=control-plane");
    cluster.client_of(cluster.ann.as_ref(), options(10));
    cluster.serves();
    authority.issue("n1", "CN=n1,OU=control-plane,O=example");
    cluster.nodes[0].signal("-HUP");
    cluster.nodes[0].hears("loaded new certificates");
    cluster.serves();
}

/// It would run, and nobody would take its messages.
#[test]
fn a_node_does_not_start_under_another_subject() {
    let mut cluster = Cluster::secure(2);
    let authority = cluster.authority.as_ref().unwrap();
    assert_eq!(cluster.nodes[1].terminate().code, 0);
    authority.issue("n2", "CN=n9,OU=control-plane,O=example");
    cluster.nodes[1].identity = "CN=n9,OU=control-plane,O=example".to_owned();
    cluster.nodes[1].start_to_end().fails(
        64,
        &[
            "is a member as CN=n2,OU=control-plane,O=example",
            "would run as CN=n9,OU=control-plane,O=example",
            "members replace",
        ],
    );
    cluster.authority.as_ref().unwrap().issue("n2", "CN=n2,OU=control-plane,O=example");
    cluster.nodes[1].identity = "CN=n2,OU=control-plane,O=example".to_owned();
    cluster.nodes[1].start();
    cluster.serves();
}

/// The roles of a configuration file are those of the running node, without a restart.
#[test]
fn roles_are_read_again() {
    let cluster = Cluster::secure(1);
    let node = &cluster.nodes[0];
    let gateway = cluster.authority.as_ref().unwrap().issue("gw1", "CN=gw1,OU=gateway,O=example");
    let denied = |files: &Files| {
        let asked = cluster.run(cluster.client_of(Some(files), options(10)).members());
        match asked {
            Ok(_) => false,
            Err(ClientError::Denied { .. }) => true,
            Err(error) => panic!("{error:?}"),
        }
    };
    let watched = watch(&cluster, 0, &gateway);
    assert!(!denied(&gateway));
    let file = node.directory.join("node.toml");
    let before = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, before.replace("OU=gateway,O=example", "OU=other,O=example")).unwrap();
    node.signal("-HUP");
    node.hears("loaded new roles");
    assert!(denied(&gateway));
    ends(&cluster, watched);
    // What cannot be read changes nothing.
    std::fs::write(&file, before.replace("[roles]", "[rolls]")).unwrap();
    node.signal("-HUP");
    node.hears("cannot load the new roles; the old ones stay in use");
    assert!(denied(&gateway));
    cluster.serves();
    std::fs::write(&file, before).unwrap();
    node.signal("-HUP");
    until("the role", || (!denied(&gateway)).then_some(()));
}

/// Whoever holds some certificate of the authority could answer on a node's address with records that it made up.
#[test]
fn who_is_not_a_node_is_not_spoken_to() {
    let cluster = Cluster::secure(1);
    let gateway = cluster.authority.as_ref().unwrap().issue("gw1", "CN=gw1,OU=gateway,O=example");
    let Security::Mutual(tls) = security(Some(&gateway)) else { panic!("no certificate") };
    let listener = cluster.run(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
    let pretends = listener.local_addr().unwrap();
    cluster.spawn(async move {
        let mut held = Vec::new();
        while let Ok((stream, _)) = listener.accept().await {
            held.push(tls.accept(stream).await);
        }
    });
    let dial = dialer(cluster.ann.as_ref());
    let client = Client::new(vec![address(pretends)], dial, options(2)).unwrap();
    let ClientError::Unreachable(error) = cluster.run(client.members()).unwrap_err() else { panic!() };
    let expected = "is of CN=gw1,OU=gateway,O=example, expected one of CN=…,OU=control-plane,O=example";
    assert!(error.contains(expected), "{error}");
}

#[test]
fn a_revoked_certificate_is_refused_and_its_open_connections_end() {
    let mut cluster = Cluster::of(1, true);
    let authority = cluster.authority.as_ref().unwrap();
    let (eve, bob) = (
        authority.issue_numbered("eve", "CN=eve,OU=gateway,O=example", 77),
        authority.issue_numbered("bob", "CN=bob,OU=gateway,O=example", 78),
    );
    let crl = authority.revoke(&[]);
    cluster.nodes[0].files.as_mut().unwrap().crl = Some(crl);
    let cluster = cluster.found();
    let authority = cluster.authority.as_ref().unwrap();
    let (watched, kept) = (watch(&cluster, 0, &eve), watch(&cluster, 0, &bob));
    cluster.run(cluster.client_of(Some(&eve), options(10)).members()).unwrap();
    authority.revoke(&[77]);
    cluster.nodes[0].signal("-HUP");
    ends(&cluster, watched);
    let refused = cluster.run(cluster.client_of(Some(&eve), options(2)).members()).unwrap_err();
    assert!(matches!(refused, ClientError::Unreachable(_)), "{refused:?}");
    cluster.nodes[0].hears("no longer accepted: invalid peer certificate: Revoked");
    cluster.run(cluster.client_of(Some(&bob), options(10)).members()).unwrap();
    drop(kept);
    // A damaged list has no effect.
    let path = cluster.nodes[0].files.as_ref().unwrap().crl.clone().unwrap();
    std::fs::write(path, "nothing").unwrap();
    cluster.nodes[0].signal("-HUP");
    cluster.nodes[0].hears("expected certificate revocation lists in PEM");
    let refused = cluster.run(cluster.client_of(Some(&eve), options(2)).members()).unwrap_err();
    assert!(matches!(refused, ClientError::Unreachable(_)), "{refused:?}");
}

/// A client that was given the list does not speak to a node whose certificate is revoked.
#[test]
fn a_revoked_node_is_not_spoken_to() {
    let mut cluster = Cluster::of(1, true);
    let authority = cluster.authority.as_ref().unwrap();
    cluster.nodes[0].files = Some(authority.issue_numbered("n1", "CN=n1,OU=control-plane,O=example", 11));
    let cluster = cluster.found();
    let crl = cluster.authority.as_ref().unwrap().revoke(&[11]);
    let ann = Files { crl: Some(crl), ..cluster.ann.clone().unwrap() };
    let refused = cluster.run(cluster.client_of(Some(&ann), options(2)).members()).unwrap_err();
    assert!(refused.to_string().contains("Revoked"), "{refused}");
    cluster.serves();
}

#[test]
fn a_connection_ends_when_its_certificate_expires() {
    let cluster = Cluster::secure(1);
    let authority = cluster.authority.as_ref().unwrap();
    let soon = authority.issue_for("eve", "CN=eve,OU=gateway,O=example", Duration::from_secs(4));
    let watched = watch(&cluster, 0, &soon);
    ends(&cluster, watched);
    until("the certificate to expire", || {
        cluster.run(cluster.client_of(Some(&soon), options(1)).members()).is_err().then_some(())
    });
    cluster.nodes[0].hears("no longer accepted: invalid peer certificate: certificate expired");
}

#[test]
fn a_node_without_certificates_survives_sighup() {
    let mut cluster = Cluster::plain(1);
    cluster.nodes[0].signal("-HUP");
    cluster.ctl(&["create", "acme", "--at", "A"]).ok();
    assert_eq!(cluster.nodes[0].terminate().code, 0);
}
