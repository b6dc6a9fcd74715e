//! The stores that the log knows, as an operator changes them.

use super::made::Cluster;
use cutover::client::ClientError;
use cutover::core::control_plane::StoreChange;
use cutover::core::placement::Guarantee;
use cutover_model::host::store_facts;

fn add<'a>(name: &'a str, endpoint: &'a str, identity: &'a str) -> [&'a str; 7] {
    ["stores", "add", name, "--endpoint", endpoint, "--identity", identity]
}

/// The store `a` of each cluster is at `a:7400`, and is `CN=a,store=1`.
#[test]
fn stores_come_and_go_and_one_in_use_stays() {
    let cluster = Cluster::secure(1);
    let listed = cluster.ctl(&add("eu-1", "eu-1:7400", "CN=eu-1 store 7")).ok();
    assert!(
        listed.contains("STORE") && listed.contains("eu-1") && listed.contains("CN=eu-1 store 7"),
        "{listed}"
    );
    for (words, told) in [
        (add("eu-1", "x:1", "CN=x"), ["eu-1: store D has this name already", "expected"]),
        (add("x", "x:1", "CN=a,store=1"), ["CN=a,store=1: store A has this identity already", "expected"]),
        (add("x", "b:7400", "CN=x"), ["b:7400: endpoint 1 is one of store B already", "expected"]),
    ] {
        cluster.ctl(&words).fails(1, &told);
    }
    cluster
        .ctl(&["stores", "move-endpoint", "eu-1", "--endpoint", "eu-2:7400", "--endpoint", "eu-3:7400"])
        .ok();
    cluster.ctl(&["create", "acme", "--at", "nowhere"]).fails(1, &["no store nowhere", "a, b, c, eu-1"]);
    cluster.ctl(&["create", "acme", "--at", "Z"]).fails(1, &["the log has no store Z"]);
    cluster.ctl(&["create", "acme", "--at", "eu-1"]).ok();
    cluster.ctl(&["open", "acme", "--reported"]).ok();
    cluster.ctl(&["plan", "acme", "--to", "Z"]).fails(1, &["the log has no store Z"]);
    cluster.ctl(&["begin", "acme", "--to", "b"]).ok();
    cluster
        .ctl(&["stores", "remove", "eu-1"])
        .fails(1, &["store D is the source of the migration of partition p1", "(acme)"]);
    cluster
        .ctl(&["stores", "remove", "b"])
        .fails(1, &["store B is the target of the migration of partition p1"]);
    cluster.ctl(&["stores", "remove", "c"]).ok();
    cluster.ctl(&["stores", "remove", "c"]).fails(1, &["no store c", "a, b, eu-1"]);
    let told = cluster.ctl(&["--format", "json", "stores", "list"]).ok();
    let stores: Vec<serde_json::Value> =
        told.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let found = |key: &str| stores.iter().map(|store| store[key].clone()).collect::<Vec<_>>();
    assert_eq!(found("name"), ["a", "b", "eu-1"]);
    assert_eq!(found("placement"), ["A", "B", "D"]);
    assert_eq!(found("partitions"), [0, 1, 1]);
    assert_eq!(stores[2]["endpoints"], serde_json::json!(["eu-2:7400", "eu-3:7400"]));
    assert_eq!(stores[2]["type"], "store");
    let audit = cluster.ctl(&["audit"]).ok();
    assert!(audit.contains("add store eu-1: reference at eu-1:7400, sealed, CN=eu-1 store 7"), "{audit}");
    assert!(audit.contains("remove store C"), "{audit}");
    // The number of the removed one is not given again.
    cluster.ctl(&add("c", "c:7400", "CN=c,store=1")).ok();
    let told = cluster.ctl(&["stores", "list"]).ok();
    assert!(told.lines().any(|line| line.starts_with("c ") && line.contains(" E ")), "{told}");
    for (words, told) in [
        (&["stores", "add", "26", "--endpoint", "x:1", "--identity", "x"][..], "digits"),
        (&["stores", "add", "x", "--endpoint", "x", "--identity", "x"], "host:port"),
        (&["stores", "add", "x", "--identity", "x"], "--endpoint"),
    ] {
        let ran = cluster.ctl(words);
        assert!(ran.code == 64 && ran.err.contains(told), "{ran:?}");
    }
}

/// Two operators look at a store, and both move it.
#[test]
fn a_change_from_an_old_look_is_refused() {
    let cluster = Cluster::plain(3);
    let client = cluster.client();
    let seen = cluster.run(client.stores()).unwrap().stores.remove(0);
    let moved = |endpoint: &str| {
        let facts = store_facts(endpoint, Guarantee::Sealed).unwrap();
        let store = cutover::core::ids::Placement(seen.store);
        let expected = cutover::core::ids::Revision(seen.revision);
        cluster.run(client.change_stores(StoreChange::MoveEndpoints {
            store,
            expected,
            endpoints: facts.endpoints,
        }))
    };
    moved("first").unwrap();
    let refused = moved("second").unwrap_err();
    let ClientError::Refused { reason, .. } = &refused else { panic!("{refused:?}") };
    assert_eq!(reason, "OtherRevision");
    let now = cluster.run(client.stores()).unwrap().stores.remove(0);
    assert_eq!(now.endpoints, ["first:7400"]);
    assert!(now.revision > seen.revision);
}
