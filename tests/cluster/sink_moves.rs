//! A partition moves between two stores by their calls alone; the test is the controller.

use super::certs::Files;
use super::harness::until;
use super::made::Cluster;
use super::sink_process::{Store, get, prepare, put, target};
use super::sinks::callers;
use cutover::core::fence::Refusal;
use cutover::core::ids::Epoch;
use cutover::node::proto::sink::refused;
use cutover::node::proto::v1::sink_client::SinkClient;
use cutover::node::proto::v1::{self, sink_frontier::Reach};
use std::time::Duration;
use tonic::transport::Channel;

const ROWS: u64 = 400;

async fn evidence(
    client: &mut SinkClient<Channel>,
    store: u64,
    at_least: u64,
) -> Result<v1::CatchUpEvidence, tonic::Status> {
    let asked = v1::SinkEvidenceRequest { target: target(store), migration: 2, epoch: 3, at_least };
    client.evidence(asked).await.map(tonic::Response::into_inner)
}

/// How far the copy of the target is, in its keys.
async fn through(store: &Store, node: &Files) -> Vec<u8> {
    let copy = store.described(node).await.copy.and_then(|copy| copy.frontier).and_then(|at| at.reach);
    match copy {
        Some(Reach::Through(key)) => key,
        Some(Reach::Everything(_)) => vec![0xff; 8],
        Some(Reach::Nothing(_)) | None => Vec::new(),
    }
}

#[test]
fn a_partition_moves_while_the_target_is_killed() {
    let cluster = Cluster::secure(1);
    let (gateway, node) = callers(&cluster);
    let source = Store::serving(&cluster, "eu-1", "");
    // Ten chunks, each of which takes a tenth of a second.
    let mut there = Store::serving(&cluster, "us-1", "[pull]\nitems = 40\nrate = \"400KB\"\n");
    let from = cluster.run(source.number(&gateway));
    let to = cluster.run(there.number(&gateway));
    let value = "x".repeat(1_000);
    cluster.run(async {
        source.client(&node).await.prepare(prepare(from, 1, None)).await.unwrap();
        let mut client = source.client(&gateway).await;
        for serial in 1..=ROWS {
            client.write(put(from, serial, 2, &format!("key {serial:04}"), &value)).await.unwrap();
        }
        let begun = prepare(to, 2, Some((from, source.listen)));
        there.client(&node).await.prepare(begun).await.unwrap();
    });
    let before = until("a copy that has begun", || {
        let at = cluster.run(through(&there, &node));
        (!at.is_empty()).then_some(at)
    });
    there.kill();
    assert!(before < vec![0xff; 8], "it was whole already");
    // Writes go on meanwhile.
    cluster.run(async {
        let mut client = source.client(&gateway).await;
        client.write(put(from, ROWS + 1, 2, "key 0001", "changed")).await.unwrap();
    });
    there.start();
    cluster.run(async {
        let after = through(&there, &node).await;
        assert!(after >= before && after < vec![0xff; 8], "{before:?}, then {after:?}");
        let mut target_store = there.client(&node).await;
        // The pull died with the process: whoever drives the migration asks for it again.
        target_store.prepare(prepare(to, 2, Some((from, source.listen)))).await.unwrap();
        let seal =
            v1::SinkSealRequest { target: target(from), migration: 2, through: 2, target_incarnation: 7 };
        let receipt = source.client(&node).await.seal(seal).await.unwrap().into_inner();
        assert_eq!(receipt.watermark, ROWS + 1);
        let mut client = source.client(&gateway).await;
        let sealed = client.write(put(from, ROWS + 2, 2, "key 0002", "late")).await.unwrap_err();
        assert_eq!(refused(&sealed), Some(Refusal::Sealed { through: Epoch(2), token: Epoch(2) }));
        let found = loop {
            match evidence(&mut target_store, to, receipt.watermark).await {
                Ok(found) => break found,
                Err(status) => {
                    let why = refused(&status);
                    assert!(
                        matches!(why, Some(Refusal::Behind { .. } | Refusal::Incomplete { .. })),
                        "{status:?}"
                    );
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            }
        };
        assert_eq!((found.position, found.digest), (receipt.watermark, receipt.digest));
        // The flip.
        let mut client = there.client(&gateway).await;
        client.write(put(to, ROWS + 2, 4, "key 0002", "new")).await.unwrap();
        assert_eq!(get(&mut client, to, 4, "key 0001").await.as_deref(), Some("changed"));
        assert_eq!(get(&mut client, to, 4, "key 0002").await.as_deref(), Some("new"));
        assert_eq!(get(&mut client, to, 4, &format!("key {ROWS:04}")).await, Some(value.clone()));
        let dropped = v1::SinkDropRequest { target: target(from), copy: 1, sealed_through: Some(2) };
        assert_eq!(source.client(&node).await.drop(dropped).await.unwrap().into_inner().copy, 1);
        assert_eq!(source.described(&node).await.copy.unwrap().position, None);
    });
}

/// A source that has no certificate of a store is not copied from, whatever it would hand over.
#[test]
fn a_copy_is_not_made_of_what_a_stranger_says() {
    let cluster = Cluster::secure(1);
    let (gateway, node) = callers(&cluster);
    let mut source = Store::new(&cluster, "eu-1");
    "CN=eu-1,OU=elsewhere,O=example".clone_into(&mut source.identity);
    source.files = cluster.authority.as_ref().unwrap().issue("eu-1", &source.identity);
    source.known(&cluster, &[]).ok();
    source.init(&cluster, &[]).ok();
    source.start();
    let mut there = Store::serving(&cluster, "us-1", "");
    let from = cluster.run(source.number(&gateway));
    let to = cluster.run(there.number(&gateway));
    cluster.run(async {
        source.client(&node).await.prepare(prepare(from, 1, None)).await.unwrap();
        source.client(&gateway).await.write(put(from, 1, 2, "k", "v")).await.unwrap();
        let begun = prepare(to, 2, Some((from, source.listen)));
        there.client(&node).await.prepare(begun).await.unwrap();
        tokio::time::sleep(Duration::from_millis(500)).await;
        let none = evidence(&mut there.client(&node).await, to, 1).await.unwrap_err();
        assert!(matches!(refused(&none), Some(Refusal::Incomplete { .. })), "{none:?}");
    });
    // With the role, it is.
    let file = there.directory.join("store.toml");
    let before = std::fs::read_to_string(&file).unwrap();
    let widened = before.replace(
        "store = [\"OU=store,O=example\"]",
        "store = [\"OU=store,O=example\", \"OU=elsewhere,O=example\"]",
    );
    std::fs::write(&file, widened).unwrap();
    there.signal("-HUP");
    there.hears("loaded new roles");
    // The source wants the target's role too, which it has.
    until("a copy", || cluster.run(async { evidence(&mut there.client(&node).await, to, 1).await.ok() }));
    assert_eq!(there.terminate().code, 0);
}
