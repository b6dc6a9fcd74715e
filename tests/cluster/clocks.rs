//! Wall clocks that jump: no behaviour may depend on them.

use super::harness::skipped;
use super::made::Cluster;
use cutover::core::ids::NodeId;
use std::fs;
use std::path::PathBuf;

/// The library of Debian's package `faketime`.
fn library() -> Option<PathBuf> {
    let architectures = fs::read_dir("/usr/lib").ok()?.flatten();
    architectures.map(|one| one.path().join("faketime/libfaketime.so.1")).find(|path| path.exists())
}

#[test]
fn a_clock_that_jumps_harms_nobody() {
    let Some(library) = library() else { return skipped("faketime is not installed") };
    let mut cluster = Cluster::of(3, false);
    let file = cluster.directory.path().join("clock");
    fs::write(&file, "+0\n").unwrap();
    for node in &mut cluster.nodes[..2] {
        node.wrapper = vec![
            "env".to_owned(),
            format!("LD_PRELOAD={}", library.display()),
            format!("FAKETIME_TIMESTAMP_FILE={}", file.display()),
            "FAKETIME_NO_CACHE=1".to_owned(),
            // The monotonic clock continues; only the wall clock jumps.
            "FAKETIME_DONT_FAKE_MONOTONIC=1".to_owned(),
            "DONT_FAKE_MONOTONIC=1".to_owned(),
        ];
    }
    let mut cluster = cluster.found();
    // On two of three nodes the wall clock jumps by years.
    let jumps = ["+900d", "-900d", "+0", "2001-02-03 04:05:06"];
    for (round, how) in jumps.into_iter().enumerate() {
        fs::write(&file, format!("{how}\n")).unwrap();
        let name = format!("acme-{round}");
        cluster.ctl(&["create", &name, "--at", "A"]).ok();
        cluster.ctl(&["open", &name]).ok();
        let number = cluster.nodes[round % 2].number;
        if cluster.leader() != round % 2 {
            cluster.run(cluster.client().transfer(Some(NodeId(number)))).unwrap();
        }
        cluster.ctl(&["begin", &name, "--to", "B"]).ok();
        cluster.ctl(&["abort", &name]).ok();
    }
    let all = cluster.ctl(&["list"]).ok();
    assert_eq!(all.lines().count(), 1 + jumps.len(), "{all}");
    // The jump took effect: the node's last log lines have the new date.
    let ended = cluster.nodes[0].terminate();
    assert!(ended.code == 0 && ended.err.contains("2001-02-03"), "{ended:?}");
}
