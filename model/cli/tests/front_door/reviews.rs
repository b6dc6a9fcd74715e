//! The verb `review`: output, files and exit codes.

use super::ran::{Ran, judged, lines, of, run};
use std::path::Path;

/// The output if nothing differs.
fn same() -> String {
    let invariants = judged().len();
    format!(
        "No observable protocol change\n\nCompared base `base.jsonl` with head `head.jsonl`: 1 scope, {invariants} \
         invariants, 0 mutants.\n"
    )
}

/// Writes the JSON output of `check` for a scope to a file.
fn check(dir: &Path, file: &str, more: &[&str]) -> String {
    let args = [&["check", "--scope", "migration/life", "--format", "json"], more].concat();
    let ran = run(dir, &args);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    std::fs::write(dir.join(file), &ran.stdout).unwrap();
    ran.stdout
}

fn review(dir: &Path, more: &[&str]) -> Ran {
    run(dir, &[&["review", "base.jsonl", "head.jsonl"], more].concat())
}

#[test]
fn two_runs_of_the_same_code_do_not_differ() {
    let dir = tempfile::tempdir().unwrap();
    check(dir.path(), "base.jsonl", &["--threads", "1"]);
    check(dir.path(), "head.jsonl", &["--threads", "2", "--budget", "10m"]);
    let ran = review(dir.path(), &[]);
    assert_eq!((ran.code, ran.stdout.as_str(), ran.stderr.as_str()), (Some(0), same().as_str(), ""));
    let machines = review(dir.path(), &["--format", "json"]);
    let lines = lines(&machines.stdout, 0);
    assert!(of(&lines, "change").is_empty(), "{machines:?}");
    assert_eq!(of(&lines, "review")[0]["outcome"], "SAME");
}

#[test]
fn a_change_is_told_to_people_and_machines_alike() {
    let dir = tempfile::tempdir().unwrap();
    let base = check(dir.path(), "base.jsonl", &[]);
    let unique = lines(&base, 0).iter().find_map(|line| line["unique"].as_u64()).unwrap();
    let head = base.replace(&format!("\"unique\":{unique}"), "\"unique\":99");
    std::fs::write(dir.path().join("head.jsonl"), head).unwrap();
    let ran = review(dir.path(), &[]);
    assert_eq!(ran.code, Some(5), "{ran:?}");
    assert!(ran.stdout.starts_with("**A decision is needed on 1 scope**\n"), "{ran:?}");
    assert!(ran.stdout.contains("| **decide** | `migration/life` | complete | complete |"), "{ran:?}");
    let machines = review(dir.path(), &["--format", "json"]);
    let lines = lines(&machines.stdout, 5);
    let [change] = of(&lines, "change")[..] else { panic!("{machines:?}") };
    assert_eq!((&change["kind"], &change["call"]), (&"unique".into(), &"decide".into()));
    assert_eq!((&change["base"], &change["head"]), (&unique.into(), &99.into()));
    assert_eq!(change["scopes"], serde_json::json!(["migration/life"]));
}

#[test]
fn the_summary_is_appended() {
    let dir = tempfile::tempdir().unwrap();
    check(dir.path(), "base.jsonl", &[]);
    std::fs::copy(dir.path().join("base.jsonl"), dir.path().join("head.jsonl")).unwrap();
    std::fs::write(dir.path().join("summary.md"), "# Before\n\n").unwrap();
    for format in ["human", "json"] {
        let ran = review(dir.path(), &["--summary", "summary.md", "--format", format]);
        assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
    }
    let summary = std::fs::read_to_string(dir.path().join("summary.md")).unwrap();
    assert_eq!(summary, format!("# Before\n\n{0}\n{0}\n", same()));
    let ran = review(dir.path(), &["--summary", "."]);
    assert_eq!(ran.code, Some(70), "{ran:?}");
    assert!(ran.stderr.contains("the summary cannot be written"), "{ran:?}");
    assert_eq!(ran.stdout, same(), "what was found is told all the same");
}

#[test]
fn other_options_are_said() {
    let dir = tempfile::tempdir().unwrap();
    check(dir.path(), "base.jsonl", &[]);
    check(dir.path(), "head.jsonl", &["--no-symmetry"]);
    let ran = review(dir.path(), &[]);
    assert_eq!(ran.code, Some(5), "{ran:?}");
    assert!(
        ran.stdout.contains("| **decide** | `migration/life` | symmetry | true | **false** |"),
        "{ran:?}"
    );
}

#[test]
fn files_with_nothing_in_common() {
    let dir = tempfile::tempdir().unwrap();
    let base = check(dir.path(), "base.jsonl", &[]);
    std::fs::write(dir.path().join("head.jsonl"), base.replace("migration/life", "migration/other")).unwrap();
    let ran = review(dir.path(), &[]);
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(4), ""));
    assert!(ran.stdout.starts_with("**Nothing was compared:"), "{ran:?}");
}
