//! Some seeds hold, and a seed gives the same run on every machine and in every process.

#![cfg(madsim)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use cutover_sim::campaign::{self, Campaign};
use cutover_sim::expand;
use cutover_sim::options::Options;
use cutover_sim::run::Verdict;
use std::path::Path;
use std::process::{Command, Output};

fn program(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_cutover-sim")).args(args).output().unwrap()
}

/// Runs a seed in a separate process and returns its events as text.
fn events(seed: &str, file: &Path) -> Vec<u8> {
    let ran = program(&["--seed", seed, "--log", file.to_str().unwrap()]);
    assert!(ran.status.success(), "{ran:?}");
    std::fs::read(file).unwrap()
}

#[test]
fn thirty_seeds_hold() {
    let campaign = Campaign { jobs: 2, check_recordings: true, ..Campaign::new(1, 30) };
    let mut ran = 0;
    campaign::all(&campaign, |seed| {
        ran += 1;
        assert_eq!(seed.outcome.verdict, Verdict::Holds, "seed {}: {:?}", seed.seed, seed.outcome.findings);
        assert_eq!(seed.differs, None, "seed {} is not deterministic", seed.seed);
        assert!(seed.outcome.simulated_ns > 20_000_000_000, "faults happen for a while");
    });
    assert_eq!(ran, 30);
}

#[test]
fn two_processes_see_the_same() {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR"));
    for seed in ["3", "0x12"] {
        let [first, second] = ["first", "second"].map(|name| events(seed, &directory.join(name)));
        assert!(first.len() > 10_000, "something happens");
        assert!(first == second, "seed {seed}: the events differ");
    }
}

#[test]
fn threads_beside_each_other_do_not_matter() {
    let options = expand::options(7);
    let alone = campaign::once(&options, false, false).hash;
    let beside: Vec<u64> = std::thread::scope(|scope| {
        let runs: Vec<_> =
            (0..3).map(|_| scope.spawn(|| campaign::once(&options, false, false).hash)).collect();
        runs.into_iter().map(|run| run.join().unwrap()).collect()
    });
    assert_eq!(beside, [alone; 3]);
}

#[test]
fn seeds_differ() {
    let hash = |seed| campaign::once(&expand::options(seed), false, false).hash;
    assert_ne!(hash(1), hash(2));
}

#[test]
fn exit_codes() {
    assert_eq!(program(&["--seeds", "0"]).status.code(), Some(4), "nothing was run");
    assert_eq!(program(&["--seed", "one"]).status.code(), Some(64));
    assert_eq!(program(&["--seed", "1", "--seeds", "2"]).status.code(), Some(64));
    assert_eq!(program(&["--list-options", "--seeds", "2"]).status.code(), Some(0));
    let said = program(&["--seed", "1", "--format", "json"]);
    assert_eq!(said.status.code(), Some(0));
    let text = String::from_utf8(said.stdout).unwrap();
    assert!(text.lines().all(|line| line.starts_with('{') && line.ends_with('}')), "{text}");
    assert!(text.lines().next().unwrap().contains("\"type\":\"run-started\""), "{text}");
}

#[test]
fn kinds_can_be_left_out() {
    let said = program(&["--seed", "6", "--without", "crash,namers", "--list-options"]);
    let options: Options = serde_json::from_slice(&said.stdout).unwrap();
    let all = expand::options(6);
    assert!(
        all.node.named("crash_ppm") > 0 && all.node.named("kill_ppm") > 0 && all.work.namers > 0,
        "a seed with all of them"
    );
    assert_eq!((options.node.named("crash_ppm"), options.work.namers), (0, 0));
    assert_eq!(
        (options.node.named("kill_ppm"), options.link.clone()),
        (all.node.named("kill_ppm"), all.link),
        "the others stay"
    );
    let wrong = program(&["--seed", "5", "--without", "crashes"]);
    assert_eq!(wrong.status.code(), Some(64));
    let text = String::from_utf8(wrong.stderr).unwrap();
    assert!(text.contains("\"crashes\"") && text.contains("crash-in-write"), "{text}");
}

/// Each line names a participant, and no line repeats what the line before it says.
#[test]
fn the_last_lines_of_a_run() {
    let log = "   0.100000000 n1 boots [1, 1] \n   \
               0.200000000 net258 goes [1f] n1->n2 t1 Vote granted\n   \
               0.300000000 net258 arrives [1f] n1->n2 t1 Vote granted\n   \
               0.300000001 n2 call [1, 2] Handle(Received(Message { .. }))\n   \
               0.400000000 net513 is lost [2f] n2->n1 t1 Appended through 3\n   \
               0.500000000 n2 call [1] Handle(TimerFired(Election))\n   \
               0.600000000 judge0 raft.monotone [] term 1; after 2\n   \
               0.700000000 n1 ends [0, 0] \n";
    let told = [
        "0.10000000  n1    ⚡ boots",
        "0.30000000  n2    t1 Vote granted, from n1 to n2, arrives",
        "0.40000000  n2    ⚡ t1 Appended through 3, from n2 to n1, is lost",
        "0.50000000  n2    Handle(TimerFired(Election))",
        "0.60000000  ✗     raft.monotone: term 1; after 2",
    ];
    assert_eq!(cutover_sim::shrink::story(log, 9), told);
    assert_eq!(cutover_sim::shrink::story(log, 1), told[4..]);
}
