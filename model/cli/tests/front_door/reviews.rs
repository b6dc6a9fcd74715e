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

/// A repository with two functions, of which one has a mutant, both changed since the commit.
fn repository(dir: &Path) {
    let git = |args: &[&str]| {
        let identity = ["-c", "user.name=ann", "-c", "user.email=ann@example.org"];
        let git =
            std::process::Command::new("git").args(identity).args(args).current_dir(dir).output().unwrap();
        assert!(git.status.success(), "{git:?}");
    };
    let write = |file: &str, text: &str| {
        std::fs::create_dir_all(dir.join(file).parent().unwrap()).unwrap();
        std::fs::write(dir.join(file), text).unwrap();
    };
    write("Cargo.toml", "[package]\nname = \"x\"\n");
    write("src/lib.rs", "fn one() {\n    a();\n}\n\nfn two() {\n    b();\n}\n");
    write(
        "tests/mutants/b-left-out.patch",
        "# rule: b is called\n# mechanism: it is not\n# invariant: any\ndiff --git a/src/lib.rs b/src/lib.rs\n\
         --- a/src/lib.rs\n+++ b/src/lib.rs\n@@ -5,4 +5,3 @@\n fn two() {\n-    b();\n     c();\n }\n",
    );
    git(&["init", "--quiet"]);
    git(&["add", "."]);
    git(&["commit", "--quiet", "--message", "first"]);
    write("src/lib.rs", "fn one() {\n    d();\n}\n\nfn two() {\n    b();\n    c();\n}\n");
}

#[test]
fn what_a_change_touches_is_listed_with_its_rules_and_mutants() {
    let dir = tempfile::tempdir().unwrap();
    check(dir.path(), "base.jsonl", &[]);
    std::fs::copy(dir.path().join("base.jsonl"), dir.path().join("head.jsonl")).unwrap();
    repository(dir.path());
    let ran = review(dir.path(), &["--since", "HEAD"]);
    let table = "\n### What the change touches\n\n| function | rules | mutants |\n| --- | --- | --- |\n\
                 | `one` in `src/lib.rs` |  | none: no check of it has been seen to fail |\n\
                 | `two` in `src/lib.rs` | b is called | `b-left-out` |\n";
    assert_eq!((ran.code, ran.stdout), (Some(0), same() + table));
    let machines = review(dir.path(), &["--since", "HEAD", "--format", "json"]);
    let lines = lines(&machines.stdout, 0);
    let two = of(&lines, "touched").into_iter().find(|line| line["function"] == "two").unwrap();
    assert_eq!(two["mutants"], serde_json::json!(["b-left-out"]));
    let ran = review(dir.path(), &["--since", "nonsense"]);
    assert_eq!(ran.code, Some(64), "{ran:?}");
    assert!(ran.stderr.contains("commit `nonsense` does not exist in this repository"), "{ran:?}");
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
