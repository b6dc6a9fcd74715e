//! A store is emptied by one command, while leaders are killed.

use super::harness::{BINARY, until};
use super::made::Cluster;
use super::sink_process::Store;
use cutover::core::ids::Placement;
use std::collections::BTreeMap;
use std::io::Read as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// How many of the partitions are at each place and do not move.
fn placed(cluster: &Cluster) -> BTreeMap<String, usize> {
    let mut at: BTreeMap<String, usize> = BTreeMap::new();
    for line in cluster.ctl(&["--format", "json", "list"]).ok().lines() {
        let record: serde_json::Value = serde_json::from_str(line).unwrap();
        *at.entry(record["state"].as_str().unwrap().to_owned()).or_default() += 1;
    }
    at
}

/// All partitions arrive, none is moved a second time, and what was left behind is dropped.
fn drains(partitions: usize, patience: Duration) {
    let mut cluster = Cluster::of(3, true);
    for node in &mut cluster.nodes {
        "[controllers]\nrun = true\n".clone_into(&mut node.sections);
    }
    let mut cluster = cluster.found();
    let _source = Store::serving(&cluster, "eu-1", "");
    let _target = Store::serving(&cluster, "us-1", "");
    for number in 0..partitions {
        cluster.ctl(&["create", &format!("p-{number}"), "--at", "eu-1"]).ok();
    }
    until("all are opened", || {
        let list = cluster.ctl(&["list"]).out;
        (list.lines().count() == partitions + 1 && !list.contains("not opened")).then_some(())
    });
    let stores = cluster.run(cluster.client().stores()).unwrap().stores;
    let number = stores.iter().find(|store| store.name == "us-1").unwrap().store;
    let there = format!("Active({})", Placement(number));
    let began = Instant::now();
    let drain = ["migrate", "--all-from", "eu-1", "--to", "us-1", "--keep-source", "0s", "--detach"];
    cluster.ctl(&drain).ok();
    let mut killed = 0;
    loop {
        let now = placed(&cluster);
        let arrived = now.get(&there).copied().unwrap_or_default();
        if killed < 2 && arrived > partitions * (killed + 1) / 3 {
            let leader = cluster.leader();
            cluster.nodes[leader].kill();
            cluster.nodes[leader].start();
            killed += 1;
        }
        if arrived == partitions {
            break;
        }
        assert!(began.elapsed() < patience, "{now:?}: {}", cluster.ctl(&["moves"]).out);
        std::thread::sleep(Duration::from_millis(50));
    }
    println!("{partitions} partitions in {:?}, {killed} leaders killed", began.elapsed());
    assert_eq!(killed, 2, "it was too fast for the test");
    until("what was left behind is dropped, and the drain has ended", || {
        let settled = cluster.ctl(&["--format", "json", "list"]).out.lines().all(|line| {
            let record: serde_json::Value = serde_json::from_str(line).unwrap();
            record["old_copies"].as_array().unwrap().is_empty()
        });
        let moves = cluster.ctl(&["--format", "json", "moves"]).out;
        (settled && moves.is_empty()).then_some(())
    });
    // The log has given out one id for each creation and each move that began.
    let ids = cluster.ctl(&["--format", "json", "list"]).ok();
    let highest = ids.lines().map(|line| {
        let record: serde_json::Value = serde_json::from_str(line).unwrap();
        record["migration"].as_u64().unwrap()
    });
    let moves = usize::try_from(highest.max().unwrap()).unwrap() - partitions;
    assert!(
        moves <= partitions + 2 * 8,
        "{moves} moves began, each leader that was killed had at most 8 in flight"
    );
    cluster.ctl(&["stores", "remove", "eu-1"]).ok();
}

#[test]
fn a_store_is_emptied_while_leaders_are_killed() {
    drains(40, Duration::from_secs(120));
}

#[test]
#[ignore = "minutes: the ordinary run has forty partitions"]
fn a_store_of_a_thousand_partitions_is_emptied_while_leaders_are_killed() {
    drains(1_000, Duration::from_secs(1_200));
}

/// The command line is refused, in words that say what is expected.
fn misused(cluster: &Cluster, arguments: &[&str], words: &str) {
    let ran = cluster.ctl(arguments);
    assert!(ran.code == 64 && ran.err.contains(words), "{ran:?}");
}

/// An order for what is not so is refused in words that say what is.
#[test]
fn an_order_that_does_not_fit_says_why() {
    let cluster = Cluster::of(1, true).found();
    let _stores = (Store::serving(&cluster, "eu-1", ""), Store::serving(&cluster, "us-1", ""));
    cluster.ctl(&["create", "acme", "--at", "eu-1"]).ok();
    cluster.ctl(&["cutover", "acme"]).fails(1, &["acme does not move"]);
    misused(&cluster, &["migrate", "acme", "--to", "us-1", "--budget", "soon"], "500ms or 24h");
    misused(&cluster, &["migrate", "acme", "--to", "us-1", "--rate", "fast"], "50MB");
    cluster
        .ctl(&["migrate", "--all-from", "eu-1", "--to", "eu-1", "--detach"])
        .fails(1, &["is drained itself"]);
    cluster.ctl(&["migrate", "--all-from", "eu-1", "--stop"]).fails(1, &["is not drained"]);
    misused(&cluster, &["migrate", "acme", "--all-from", "eu-1", "--to", "us-1"], "cannot be used with");
    cluster.ctl(&["open", "acme", "--reported"]).ok();
    let begun = cluster.ctl(&["migrate", "acme", "--to", "us-1", "--hold", "--reason", "a test", "--detach"]);
    assert!(begun.err.contains("the leader drives no moves"), "{begun:?}");
    let shown = cluster.ctl(&["get", "acme"]).ok();
    assert!(shown.contains("held, moves for: a test"), "{shown}");
    cluster.ctl(&["pause"]).ok();
    cluster.ctl(&["cutover", "acme", "--detach"]).fails(1, &["all moves are paused"]);
    cluster.ctl(&["resume"]).ok();
    cluster.ctl(&["cutover", "acme", "--budget", "2s", "--detach"]).ok();
    let shown = cluster.ctl(&["get", "acme"]).ok();
    assert!(!shown.contains("held"), "{shown}");
    cluster.ctl(&["abort", "acme"]).ok();
    let shown = cluster.ctl(&["get", "acme"]).ok();
    assert!(shown.contains("was aborted: an operator asked for it"), "{shown}");
    cluster.ctl(&["cutover", "acme"]).fails(1, &["was aborted, an operator asked for it"]);
}

/// Ctrl-C leaves a move under way and says how to come back, also while the control plane does not answer.
#[test]
fn an_operator_may_leave_at_any_moment() {
    let cluster = Cluster::of(1, true).found();
    let _stores = (Store::serving(&cluster, "eu-1", ""), Store::serving(&cluster, "us-1", ""));
    cluster.ctl(&["create", "acme", "--at", "eu-1"]).ok();
    cluster.ctl(&["open", "acme", "--reported"]).ok();
    let mut follows = Command::new(BINARY);
    follows.arg("ctl").args(cluster.endpoints()).args([
        "--deadline",
        "60",
        "migrate",
        "acme",
        "--to",
        "us-1",
    ]);
    let mut follows = follows.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    until("the move has begun", || cluster.ctl(&["list"]).out.contains("Draining").then_some(()));
    // It looks five times a second: by now it waits for an answer.
    cluster.nodes[0].signal("-STOP");
    std::thread::sleep(Duration::from_secs(1));
    let asked = Command::new("kill").args(["-INT", &follows.id().to_string()]).status().unwrap();
    assert!(asked.success());
    let began = Instant::now();
    let ended = until("it ends", || {
        let ended = follows.try_wait().unwrap();
        if ended.is_none() && began.elapsed() > Duration::from_secs(20) {
            follows.kill().unwrap();
        }
        ended
    });
    cluster.nodes[0].signal("-CONT");
    let mut told = String::new();
    follows.stderr.take().unwrap().read_to_string(&mut told).unwrap();
    assert_eq!(ended.code(), Some(2), "{told}");
    assert!(told.contains("acme goes on without you; `cutover ctl moves`"), "{told}");
    assert!(cluster.ctl(&["list"]).ok().contains("Draining"), "the move goes on");
}

/// A drain that does not go on says which partitions wait, and for what.
#[test]
fn a_drain_that_waits_says_why() {
    let cluster = Cluster::of(1, true).found();
    let _stores = (Store::serving(&cluster, "eu-1", ""), Store::serving(&cluster, "us-1", ""));
    for name in ["a", "b", "c", "d", "e"] {
        cluster.ctl(&["create", name, "--at", "eu-1"]).ok();
        if name != "a" {
            cluster.ctl(&["open", name, "--reported"]).ok();
        }
    }
    // As many as may move at a store at a time.
    for name in ["b", "c"] {
        cluster.ctl(&["begin", name, "--to", "us-1"]).ok();
    }
    cluster.ctl(&["migrate", "--all-from", "eu-1", "--to", "us-1", "--detach"]).ok();
    let said = cluster.ctl(&["moves"]).ok();
    assert!(said.contains("is drained to") && said.contains("5 partitions are left"), "{said}");
    assert!(said.contains("a waits: its store has not stated that it is prepared"), "{said}");
    assert!(said.contains("d and 1 more wait: "), "{said}");
    let lines = cluster.ctl(&["--format", "json", "moves"]).ok();
    let drain = lines.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let drain = drain.into_iter().find(|line| line["type"] == "drain").unwrap();
    let waits: Vec<u64> =
        drain["waits"].as_array().unwrap().iter().map(|wait| wait["partitions"].as_u64().unwrap()).collect();
    assert_eq!(waits.iter().sum::<u64>(), 3, "{drain}");
    cluster.ctl(&["abort", "b"]).ok();
    let said = cluster.ctl(&["moves"]).ok();
    assert!(said.contains("its last move was aborted, and begins again: "), "{said}");
}
