//! Stores as processes: what was acknowledged, who may call, whose directory it is.

use super::certs::{Authority, Files};
use super::garbage::pour_everything;
use super::harness::{cutoverd, until};
use super::made::Cluster;
use super::sink_process::{Store, get, prepare, put, target};
use cutover::core::control_plane::{StoreFacts, StoreStatement};
use cutover::core::fence::Refusal;
use cutover::core::ids::Placement;
use cutover::core::placement::Guarantee;
use cutover::node::proto::sink::refused;
use cutover::node::proto::v1;
use tonic::Code;

/// Certificates of a gateway and of a node.
pub fn callers(cluster: &Cluster) -> (Files, Files) {
    let authority = cluster.authority.as_ref().unwrap();
    (
        authority.issue("gw1", "CN=gw1,OU=gateway,O=example"),
        authority.issue("n9", "CN=n9,OU=control-plane,O=example"),
    )
}

#[test]
fn what_was_acknowledged_is_there_after_a_kill() {
    let cluster = Cluster::secure(1);
    let (gateway, node) = callers(&cluster);
    let mut store = Store::serving(&cluster, "eu-1", "");
    let before = cluster.run(store.described(&gateway));
    let me = before.store;
    cluster.run(async {
        store.client(&node).await.prepare(prepare(me, 1, None)).await.unwrap();
        let mut client = store.client(&gateway).await;
        for serial in 1..=20 {
            let written = put(me, serial, 2, &format!("key {serial}"), "value");
            assert_eq!(client.write(written).await.unwrap().into_inner().position, serial);
        }
    });
    store.kill();
    store.start();
    cluster.run(async {
        let mut client = store.client(&gateway).await;
        assert_eq!(get(&mut client, me, 2, "key 20").await.as_deref(), Some("value"));
        let retry = client.write(put(me, 20, 2, "key 20", "value")).await.unwrap().into_inner();
        assert_eq!(retry.position, 20, "the retry is answered as the write was");
        assert_eq!(get(&mut client, me, 2, "key 21").await, None);
    });
    // What answers is what the log has.
    let after = cluster.run(store.described(&gateway));
    assert_eq!((after.store, after.incarnation), (before.store, before.incarnation));
    let known = cluster.run(cluster.client().stores()).unwrap().stores;
    let known = known.into_iter().find(|known| known.store == me).unwrap();
    let guarantee = if after.enforces { Guarantee::Sealed } else { Guarantee::Timed };
    let stated = StoreStatement {
        kind: after.kind.parse().unwrap(),
        guarantee,
        identity: after.identity.parse().unwrap(),
    };
    StoreFacts::try_from(known).unwrap().check(&stated).unwrap();
    assert!(super::garbage::scrape(store.metrics).contains("cutover_sink_groups_total"));
    // A clean end, and again.
    let ended = store.terminate();
    assert!(ended.code == 0 && ended.err.contains("stopped"), "{ended:?}");
    store.start();
    assert_eq!(cluster.run(store.described(&gateway)).copy.unwrap().position, Some(20));
}

/// A store that ends has clients that stay connected, and one whose call has not begun yet.
#[test]
fn a_store_ends_in_time_whoever_is_connected() {
    let cluster = Cluster::secure(1);
    let (gateway, _) = callers(&cluster);
    let mut store = Store::serving(&cluster, "eu-1", "");
    let mut client = cluster.run(store.client(&gateway));
    let asked = v1::SinkDescribeRequest { partition: None };
    cluster.run(client.describe(asked)).unwrap();
    let began = std::time::Instant::now();
    assert_eq!(store.terminate().code, 0);
    assert!(began.elapsed() < std::time::Duration::from_secs(15), "{:?}", began.elapsed());
    assert!(cluster.run(client.describe(asked)).is_err());
}

#[test]
fn a_certificate_decides_who_may_make_which_call() {
    let cluster = Cluster::secure(1);
    let (gateway, node) = callers(&cluster);
    let authority = cluster.authority.as_ref().unwrap();
    let eve = authority.issue("eve", "CN=eve,OU=elsewhere,O=example");
    let foreign = Authority::new(&cluster.directory.path().join("foreign"));
    let foreign = foreign.issue("gw1", "CN=gw1,OU=gateway,O=example");
    let mut store = Store::serving(&cluster, "eu-1", "");
    let me = cluster.run(store.number(&gateway));
    let denied = |status: tonic::Status, told: &str| {
        assert_eq!((status.code(), status.message()), (Code::PermissionDenied, told));
    };
    cluster.run(async {
        let prepared = store.client(&gateway).await.prepare(prepare(me, 1, None)).await;
        denied(prepared.unwrap_err(), "CN=gw1,OU=gateway,O=example has gateway, Prepare needs node");
        let written = store.client(&node).await.write(put(me, 1, 2, "k", "v")).await;
        denied(written.unwrap_err(), "CN=n9,OU=control-plane,O=example has node, Write needs gateway");
        let looked = store.client(&eve).await.describe(v1::SinkDescribeRequest { partition: None }).await;
        let told = "CN=eve,OU=elsewhere,O=example has no role, Describe needs gateway or node or store";
        denied(looked.unwrap_err(), told);
        // Another authority's certificate, and none at all.
        let asked = v1::SinkDescribeRequest { partition: None };
        for files in [Some(&foreign), None] {
            let refused = match store.dial(files).await {
                Ok(mut client) => client.describe(asked).await.is_err(),
                Err(_) => true,
            };
            assert!(refused, "{files:?}");
        }
    });
    store.hears("refused a connection");
    // Roles and certificates are read again.
    let file = store.directory.join("store.toml");
    let before = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, before.replace("OU=gateway,O=example", "OU=other,O=example")).unwrap();
    store.signal("-HUP");
    store.hears("loaded new roles");
    let asked = v1::SinkDescribeRequest { partition: None };
    let looked = cluster.run(async { store.client(&gateway).await.describe(asked).await });
    assert_eq!(looked.unwrap_err().code(), Code::PermissionDenied);
    std::fs::write(&file, before).unwrap();
    authority.issue("eu-1", "CN=eu-1,OU=store,O=example");
    store.signal("-HUP");
    store.hears("loaded new certificates subject=CN=eu-1,OU=store,O=example");
    cluster.run(store.described(&gateway));
    authority.issue("eu-1", "CN=eu-2,OU=store,O=example");
    store.signal("-HUP");
    store.hears("a certificate of CN=eu-2,OU=store,O=example, expected CN=eu-1,OU=store,O=example");
    cluster.run(store.described(&gateway));
    assert_eq!(store.terminate().code, 0);
    // It would answer as somebody whom the log does not know.
    store
        .start_to_end()
        .fails(64, &["identity is CN=eu-1,OU=store,O=example", "expected CN=eu-2,OU=store,O=example"]);
}

#[test]
fn a_directory_is_that_of_one_store() {
    let mut cluster = Cluster::secure(1);
    let (gateway, node) = callers(&cluster);
    let mut store = Store::serving(&cluster, "eu-1", "");
    let me = cluster.run(store.number(&gateway));
    cluster.run(async {
        store.client(&node).await.prepare(prepare(me, 1, None)).await.unwrap();
        store.client(&gateway).await.write(put(me, 1, 2, "k", "v")).await.unwrap();
    });
    let mut other = Store::new(&cluster, "us-1");
    other.known(&cluster, &[]).ok();
    let own = std::mem::replace(&mut other.data, store.data.clone());
    other.start_to_end().fails(65, &["data", "in use"]);
    other.init(&cluster, &[]).fails(65, &["data", "log.redb"]);
    // The port of a store that runs: nobody begins anew beside it.
    store.init(&cluster, &[]).fails(69, &["cannot listen on"]);
    assert_eq!(store.terminate().code, 0);
    store.init(&cluster, &[]).fails(65, &["data", "log.redb"]);
    other.start_to_end().fails(
        65,
        &[
            "belongs to another store: found CN=eu-1,OU=store,O=example",
            "expected CN=us-1,OU=store,O=example",
        ],
    );
    // A node's directory, as it runs and afterwards; and a node in a store's.
    other.data.clone_from(&cluster.nodes[0].data);
    other.start_to_end().fails(65, &["data", "in use"]);
    assert_eq!(cluster.nodes[0].terminate().code, 0);
    other.start_to_end().fails(65, &["no table `sink`", "the file of a store that holds data"]);
    let nodes = std::mem::replace(&mut cluster.nodes[0].data, store.data.clone());
    cluster.nodes[0]
        .start_to_end()
        .fails(65, &["belongs to a store that holds data", "expected the data directory of a node"]);
    cluster.nodes[0].data = nodes;
    cluster.nodes[0].start();
    cluster.serves();
    // Nothing.
    other.data = own;
    other.start_to_end().fails(65, &["data", "found nothing", "expected a directory"]);
    store.start();
    let kept = cluster.run(async { get(&mut store.client(&gateway).await, me, 2, "k").await });
    assert_eq!(kept.as_deref(), Some("v"));
}

/// A store is created as what the log has of it, and begins where the log is.
#[test]
fn a_store_is_created_as_the_log_has_it() {
    let cluster = Cluster::secure(1);
    let (gateway, node) = callers(&cluster);
    let mut store = Store::new(&cluster, "eu-1");
    store.init(&cluster, &[]).fails(1, &["the log has no store eu-1, it has a, b, c"]);
    store.known(&cluster, &["--guarantee", "timed"]).ok();
    store
        .init(&cluster, &[])
        .fails(1, &["eu-1: the store states the guarantee sealed, the log has timed", "--cannot-seal"]);
    let right = std::mem::replace(&mut store.identity, "CN=eu-1,OU=store,O=example store 9".to_owned());
    store.init(&cluster, &["--cannot-seal"]).fails(1, &["states the identity", "store 9", "the log has"]);
    store.identity = right;
    let wrong = std::mem::replace(&mut store.sections, "[pull]\nrate = \"fast\"\n".to_owned());
    store.init(&cluster, &[]).fails(64, &["pull.rate is \"fast\", expected a size as in \"50MB\""]);
    store.sections = wrong;
    assert!(!store.data.exists());
    // Two partitions are created before the store begins: what was sent for them is too late here.
    for name in ["acme", "globex"] {
        cluster.ctl(&["create", name, "--at", "a"]).ok();
    }
    cluster.ctl(&["open", "acme", "--reported"]).ok();
    let created = store.init(&cluster, &["--cannot-seal"]).ok();
    assert!(created.contains("created store eu-1 (D/") && created.contains("begins after m2"), "{created}");
    store.start();
    cluster.run(async {
        let described = store.described(&gateway).await;
        assert!(!described.enforces);
        let mut controller = store.client(&node).await;
        let late = controller.prepare(prepare(described.store, 2, None)).await.unwrap_err();
        let have = Refusal::UnknownPartition { store: Placement(described.store) };
        assert_eq!(refused(&late), Some(have));
        controller.prepare(prepare(described.store, 3, None)).await.unwrap();
        let seal = v1::SinkSealRequest {
            target: target(described.store),
            migration: 3,
            through: 9,
            target_incarnation: 0,
        };
        let cannot = controller.seal(seal).await.unwrap_err();
        assert_eq!(refused(&cannot), Some(Refusal::CannotSeal { store: Placement(described.store) }));
    });
    // What it was created as, it stays.
    store.kill();
    store.start();
    assert!(!cluster.run(store.described(&gateway)).enforces);
}

#[test]
fn random_bytes_are_survived_by_a_store() {
    let cluster = Cluster::secure(1);
    let (gateway, node) = callers(&cluster);
    let store = Store::serving(&cluster, "eu-1", "[limits]\nconnections_per_client = 4\n");
    let me = cluster.run(store.number(&gateway));
    cluster.run(async {
        store.client(&node).await.prepare(prepare(me, 1, None)).await.unwrap();
        store.client(&gateway).await.write(put(me, 1, 2, "k", "v")).await.unwrap();
    });
    for seed in 0..3 {
        pour_everything(&[store.listen, store.metrics], seed);
    }
    store.hears("refused a connection");
    assert!(!store.said().contains("panicked"), "{}", store.said());
    until("a store that serves", || {
        cluster.run(async { Some(get(&mut store.client(&gateway).await, me, 2, "k").await? == "v") })
    });
    // No more connections of one certificate than it may have.
    // Lines on refusals are limited, and there were many just now.
    let mut held = Vec::new();
    until("a connection too many", || {
        held.push(cluster.run(store.dial(Some(&gateway))));
        store
            .said()
            .contains("CN=gw1,OU=gateway,O=example has 4 connections, at most 4 are allowed")
            .then_some(())
    });
}

/// Help and configuration say what there is.
#[test]
fn what_is_typed_wrong_is_named() {
    let ran = cutoverd(&["sink"]);
    assert_eq!(ran.code, 64, "{ran:?}");
    let help = cutoverd(&["sink", "init", "--help"]).ok();
    assert!(
        help.contains("--cannot-seal") && help.contains("cutover sink init --config eu-1.toml --store eu-1"),
        "{help}"
    );
    let cluster = Cluster::secure(1);
    let mut store = Store::new(&cluster, "eu-1");
    for (sections, told) in [
        ("[queue]\ngroup = 0\n", "queue.group is 0, expected at least 1"),
        ("[queue]\nbytes = \"0\"\n", "queue.bytes is \"0\""),
        ("[queue]\nlength = 1\n", "unknown field `length`"),
        ("[calls]\ndeadline_ms = 0\n", "calls.deadline_ms is 0"),
    ] {
        sections.clone_into(&mut store.sections);
        store.start_to_end().fails(64, &[told]);
    }
    store.sections.clear();
    let config = store.configure();
    let text = std::fs::read_to_string(&config).unwrap();
    let (_, rest) = text.split_once("[roles]").unwrap();
    let listen = format!(
        "data = {:?}\nidentity = \"eu-1\"\n[listen]\nstore = \"0.0.0.0:1\"\n[roles]{rest}",
        store.data
    );
    std::fs::write(&config, listen).unwrap();
    let config = config.display().to_string();
    cutoverd(&["sink", "serve", "--config", &config, "--check-config"])
        .fails(64, &["listen.store listens on 0.0.0.0:1 without certificates"]);
    let checked =
        cutoverd(&["sink", "serve", "--config", &store.configure().display().to_string(), "--check-config"]);
    let checked = checked.ok();
    assert!(
        checked.contains("identity  CN=eu-1,OU=store,O=example") && checked.contains("does not exist yet"),
        "{checked}"
    );
}
