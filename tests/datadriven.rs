//! Scripts with the outputs of the machines: `tests/datadriven/`.
//!
//! `*.txt` are migrations of one partition, `p1`: its table, its stores (named by a letter), and controllers by
//! name (`one` unless `by=` names another). A controller's message waits until it is delivered. A controller reads
//! the newest record for each event, unless it is `paused`.
//!
//! `raft/*.txt` are runs of a cluster: nodes by name, a wire on which a message waits until it is delivered or
//! dropped, and disks that write at once unless they are `slow`. Timers fire when the script says so. A line `> `
//! shows a message that arrives, `* ` a mark that was reached.
//!
//! Run with `REWRITE=1` in the environment to record the present outputs, and check the difference.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test says what it expects by stopping")]

#[path = "scripts/arguments.rs"]
mod arguments;
#[expect(dead_code, reason = "other tests use more of it")]
#[path = "support/hosts.rs"]
mod hosts;
#[expect(dead_code, reason = "other tests use more of it")]
#[path = "support/network.rs"]
mod network;
#[path = "scripts/cluster.rs"]
mod raft;
#[path = "scripts/say.rs"]
mod say;
#[path = "support/store.rs"]
mod store;
#[path = "scripts/tell.rs"]
mod tell;
#[path = "scripts/words.rs"]
mod words;
#[path = "scripts/world.rs"]
mod world;

use world::MigrationScript;

#[test]
fn moves() {
    let mut files = 0;
    let of_clusters = |file: &datadriven::TestFile| file.filename.contains("/raft/");
    datadriven::walk_exclusive(
        "tests/datadriven",
        |file| {
            files += 1;
            let mut world = MigrationScript::new();
            file.run(|case| world.run(case));
        },
        of_clusters,
    );
    assert!(files > 0, "no script was found");
}

#[test]
fn clusters() {
    let mut files = 0;
    datadriven::walk("tests/datadriven/raft", |file| {
        files += 1;
        let mut script = raft::ClusterScript::new();
        file.run(|case| script.run(case));
    });
    assert!(files > 0, "no script was found");
}
