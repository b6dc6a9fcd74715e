//! A partition moves between two stores by an operator's word alone, under load through the gateway library, while nodes and stores are
//! killed.

use super::harness::until;
use super::made::{Cluster, dialer, options};
use super::sink_process::Store;
use super::sinks::callers;
use cutover::client::gateway::{Gateway, GatewayError, GatewayOptions};
use cutover::core::fence::{Key, Value};
use cutover::core::ids::{PartitionId, Placement};
use cutover::node::proto::PartitionSelector;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::task::JoinHandle;

/// What one writer knows of its row: numbers that only it writes, in ascending order.
#[derive(Default, Debug)]
struct Written {
    sent: u64,
    acknowledged: u64,
    unknown: u64,
}

fn key(text: &str) -> Key {
    Key::try_from(text.as_bytes()).unwrap()
}

fn value(text: &str) -> Value {
    Value::try_from(text.as_bytes()).unwrap()
}

/// Writes its row again and again, and reads it in between. A read must see what was acknowledged last, or something that was sent since.
async fn writer(gateway: Gateway, of: PartitionId, row: String, stop: Arc<AtomicBool>) -> Written {
    let mut written = Written::default();
    while !stop.load(Ordering::Relaxed) {
        written.sent += 1;
        match gateway.put(of, key(&row), value(&written.sent.to_string())).await {
            Ok(_) => written.acknowledged = written.sent,
            Err(GatewayError::Unknown { .. }) => written.unknown += 1,
            Err(GatewayError::NotDone { .. }) => {}
            Err(other) => panic!("{other:?}"),
        }
        if written.sent.is_multiple_of(5)
            && let Ok(found) = gateway.get(of, key(&row)).await
        {
            in_range(&written, found.as_ref(), &row);
        }
    }
    written
}

fn in_range(written: &Written, found: Option<&Value>, row: &str) {
    let found = found.map_or(0, |found| std::str::from_utf8(found.bytes()).unwrap().parse().unwrap());
    assert!((written.acknowledged..=written.sent).contains(&found), "{row} is {found}: {written:?}");
}

/// Has the partition moved, and again if a controller aborts because it took over while writes were blocked.
fn moves(cluster: &Cluster, to: &str, mut meanwhile: impl FnMut()) {
    let listed = || cluster.ctl(&["list"]).out;
    let stores = cluster.run(cluster.client().stores()).unwrap().stores;
    let number = stores.iter().find(|store| store.name == to).unwrap().store;
    cluster.ctl(&["begin", "acme", "--to", to]).ok();
    meanwhile();
    let at = format!("Active({})", Placement(number));
    until("the partition has arrived", || {
        let now = listed();
        let line = now.lines().find(|line| line.contains("acme")).unwrap_or_default();
        if line.contains("Active(") && !line.contains(&at) {
            let _busy = cluster.ctl(&["begin", "acme", "--to", to]);
        }
        line.contains(&at).then_some(())
    });
}

#[test]
fn a_partition_moves_by_an_operators_word_while_processes_are_killed() {
    let mut cluster = Cluster::of(3, true);
    for node in &mut cluster.nodes {
        "[controllers]\nrun = true\n".clone_into(&mut node.sections);
    }
    let mut cluster = cluster.found();
    let (gateway_files, _) = callers(&cluster);
    let _source = Store::serving(&cluster, "eu-1", "");
    let mut target = Store::serving(&cluster, "us-1", "[pull]\nitems = 100\nrate = \"2MB\"\n");
    cluster.ctl(&["create", "acme", "--at", "eu-1"]).ok();
    let client = cluster.client_of(Some(&gateway_files), options(20));
    let dial = dialer(Some(&gateway_files));
    let (gateway, acme) = cluster.run(async {
        let gateway = Gateway::new(client, dial, GatewayOptions::default());
        let acme = PartitionSelector::Name("acme".to_owned().try_into().unwrap());
        let acme = gateway.partition(acme).await.unwrap();
        let padding = "x".repeat(1_000);
        // The first write waits until the store has stated that it is prepared.
        for number in 0..1_000 {
            gateway.put(acme, key(&format!("row {number:04}")), value(&padding)).await.unwrap();
        }
        (gateway, acme)
    });
    let stop = Arc::new(AtomicBool::new(false));
    let writers: Vec<JoinHandle<Written>> = cluster.run(async {
        let start = |number: u32| {
            tokio::spawn(writer(gateway.clone(), acme, format!("writer {number}"), Arc::clone(&stop)))
        };
        (0..4).map(start).collect()
    });
    let leader = cluster.leader();
    moves(&cluster, "us-1", || {
        std::thread::sleep(Duration::from_millis(100));
        target.kill();
        target.start();
    });
    cluster.nodes[leader].kill();
    moves(&cluster, "eu-1", || {});
    cluster.nodes[leader].start();
    moves(&cluster, "us-1", || {
        let leader = cluster.leader();
        cluster.ctl(&["transfer"]).ok();
        assert!(leader < 3);
    });
    stop.store(true, Ordering::Relaxed);
    cluster.run(async {
        for (number, ended) in writers.into_iter().enumerate() {
            let (written, row) = (ended.await.unwrap(), format!("writer {number}"));
            let found = gateway.get(acme, key(&row)).await.unwrap();
            in_range(&written, found.as_ref(), &row);
            assert!(written.acknowledged > 50, "{written:?}");
        }
        for number in 0..1_000 {
            let found = gateway.get(acme, key(&format!("row {number:04}"))).await.unwrap();
            assert_eq!(found.map(|found| found.bytes().len()), Some(1_000), "row {number}");
        }
    });
}
