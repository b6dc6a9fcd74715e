//! Migrations that are held after a restore: the stores show whose the partitions are.

use super::harness::{cutoverd, until};
use super::made::{Cluster, dialer, options};
use super::sink_process::Store;
use super::sinks::callers;
use cutover::client::gateway::{Gateway, GatewayOptions};
use cutover::core::fence::{Key, Value};
use cutover::node::proto::PartitionSelector;

fn key() -> Key {
    Key::try_from(&b"k"[..]).unwrap()
}

fn value(text: &str) -> Value {
    Value::try_from(text.as_bytes()).unwrap()
}

fn named(name: &str) -> PartitionSelector {
    PartitionSelector::Name(name.to_owned().try_into().unwrap())
}

fn gateway(cluster: &Cluster) -> Gateway {
    let (files, _) = callers(cluster);
    let (client, dial) = (cluster.client_of(Some(&files), options(20)), dialer(Some(&files)));
    cluster.run(async { Gateway::new(client, dial, GatewayOptions::default()) })
}

fn put(cluster: &Cluster, gateway: &Gateway, name: &str, text: &str) {
    let put = async {
        let partition = gateway.partition(named(name)).await.unwrap();
        gateway.put(partition, key(), value(text)).await.unwrap();
    };
    cluster.run(put);
}

fn get(cluster: &Cluster, gateway: &Gateway, name: &str) -> Option<Value> {
    cluster.run(async {
        let partition = gateway.partition(named(name)).await.unwrap();
        gateway.get(partition, key()).await.unwrap()
    })
}

/// After the backup one move is completed and one is aborted, and clients write to both partitions: no log says so.
#[test]
fn stores_show_whose_a_partition_is_after_a_restore() {
    let mut cluster = Cluster::of(1, true);
    "[controllers]\nrun = true\n".clone_into(&mut cluster.nodes[0].sections);
    let mut cluster = cluster.found();
    let _stores = (Store::serving(&cluster, "eu-1", ""), Store::serving(&cluster, "us-1", ""));
    let writer = gateway(&cluster);
    for name in ["acme", "globex"] {
        cluster.ctl(&["create", name, "--at", "eu-1"]).ok();
        put(&cluster, &writer, name, "before");
        cluster.ctl(&["migrate", name, "--to", "us-1", "--hold"]).ok();
    }
    let file = cluster.directory.path().join("cluster.backup").display().to_string();
    let words = ["backup", "--to", &file].map(str::to_owned);
    cutoverd(&words.into_iter().chain(cluster.endpoints()).collect::<Vec<_>>()).ok();
    cluster.ctl(&["cutover", "acme"]).ok();
    cluster.ctl(&["abort", "globex"]).ok();
    for name in ["acme", "globex"] {
        put(&cluster, &writer, name, "after the backup");
    }
    cluster.nodes[0].kill();
    let node = &mut cluster.nodes[0];
    node.data = node.directory.join("restored");
    node.verb(&["restore", "--from", &file, "--operator", "ann", "--reason", "a test", "--yes"]).ok();
    node.start();
    cluster.serves();
    let said = until("the leader has asked the stores", || {
        let said = cluster.ctl(&["moves"]).out;
        (said.matches("is the owner").count() == 2).then_some(said)
    });
    let line = |name: &str| said.lines().find(|line| line.starts_with(name)).unwrap_or_default();
    assert!(line("acme").contains("ctl release acme --by-stores"), "{said}");
    assert!(line("acme").contains("has writes to 1") && line("acme").contains("writes to 2"), "{said}");
    for name in ["acme", "globex"] {
        let words = ["release", name, "--by-stores", "--operator", "ann", "--reason", "the stores say so"];
        cluster.ctl(&words).ok();
        cluster.ctl(&words).fails(1, &["no migration is held"]);
    }
    let reader = gateway(&cluster);
    for name in ["acme", "globex"] {
        assert_eq!(get(&cluster, &reader, name), Some(value("after the backup")), "{name}");
    }
    let stores = cluster.run(cluster.client().stores()).unwrap().stores;
    for (name, store) in [("acme", "us-1"), ("globex", "eu-1")] {
        let number = stores.iter().find(|known| known.name == store).unwrap().store;
        let record = cluster.run(cluster.client().resolve(named(name))).unwrap().record;
        assert_eq!(record.placed.unwrap().state.read_placement().0, number, "{name}");
    }
}
