//! `walk` as a process: its lines, its exit codes, and the trace of a walk that fails.

use super::ran::{lines, of, run};

#[test]
fn walks_that_find_nothing_say_so_and_claim_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let args = ["walk", "--walks", "4", "--steps", "500", "--threads", "1"];
    let ran = run(dir.path(), &[&args[..], &["--format", "json"]].concat());
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let all = lines(&ran.stdout, 0);
    let walks = of(&all, "walk");
    let names: Vec<_> = walks.iter().map(|line| line["scope"].as_str().unwrap()).collect();
    assert_eq!(names, ["walk/nodes", "walk/system"]);
    for line in walks {
        assert_eq!((&line["walks"], &line["failed"]), (&4.into(), &serde_json::Value::Null), "{line}");
        assert!(line["steps"].as_u64().unwrap() > 500 && line["states"].as_u64().unwrap() > 5, "{line}");
    }
    // Nothing that a walk has not found is said to hold.
    assert!(of(&all, "verdict").iter().all(|line| line["verdict"] == "UNKNOWN"));
    let text = run(dir.path(), &args).stdout;
    assert!(text.contains("NOT FOUND  within") && !text.contains("HOLDS"), "{text}");
    assert_eq!(run(dir.path(), &[&args[..], &["--format", "json"]].concat()).code, Some(0));
}

#[test]
fn a_walk_that_fails_leaves_a_trace_that_replays() {
    let dir = tempfile::tempdir().unwrap();
    let ran = run(
        dir.path(),
        &["walk", "--scope", "published/unsealed-force", "--walks", "2000", "--format", "json"],
    );
    assert_eq!(ran.code, Some(1), "{ran:?}");
    let all = lines(&ran.stdout, 1);
    let [line] = of(&all, "walk")[..] else { panic!("{}", ran.stdout) };
    assert_eq!(line["invariant"], "migration.no-lost-write");
    let trace = line["trace"].as_str().unwrap();
    let replayed = run(dir.path(), &["replay", trace, "--format", "json"]);
    let all = lines(&replayed.stdout, replayed.code.unwrap());
    let [line] = of(&all, "trace")[..] else { panic!("{}", replayed.stdout) };
    assert_eq!((&line["verdict"], &line["as_recorded"]), (&"VIOLATES".into(), &true.into()));
}

#[test]
fn a_scope_that_does_not_exist_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let ran = run(dir.path(), &["walk", "--scope", "nowhere"]);
    assert_eq!(ran.code, Some(64), "{ran:?}");
    assert!(ran.stderr.contains("\"nowhere\" does not exist, expected one of"), "{}", ran.stderr);
}
