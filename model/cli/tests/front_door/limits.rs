//! Limits of a search: a search that ends early has the verdict UNKNOWN, and reports what it covered.

use super::ran::{Ran, command, judged, lines, of, run};
use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Stdio};

/// A scope too large for any of the limits below.
const LARGE: [&str; 5] = ["check", "--scope", "nightly/there-again", "--threads", "1"];

/// Checks the output for people of a search that `limit` ended.
fn unknown(ran: &Ran, limit: &str) {
    assert_eq!(ran.code, Some(2), "{ran:?}");
    let said = format!("UNKNOWN  the {limit} ended the search: ");
    let line = ran.stdout.lines().find(|line| line.contains(&said)).unwrap_or_else(|| panic!("{ran:?}"));
    assert!(line.contains(" states covered, to depth "), "{line}");
    assert!(!ran.stdout.contains("HOLDS") && !ran.stdout.contains("VIOLATED"), "{}", ran.stdout);
    assert_eq!(ran.stdout.matches("UNKNOWN  ").count(), 1 + judged().len(), "{}", ran.stdout);
    assert!(ran.stdout.contains("0 of 1 scopes complete"), "{}", ran.stdout);
}

/// Checks the output for machines of a search that `limit` ended.
fn unknown_json(stdout: &str, limit: &str) {
    let lines = lines(stdout, 2);
    let [scope] = of(&lines, "scope")[..] else { panic!("{stdout}") };
    assert_eq!((&scope["complete"], &scope["ended_by"]), (&false.into(), &limit.into()));
    assert!(scope["unique"].as_u64().unwrap() > 0 && scope["depth"].is_u64(), "{scope}");
    let verdicts = of(&lines, "verdict");
    assert_eq!(verdicts.len(), judged().len());
    assert!(verdicts.iter().all(|line| line["verdict"] == "UNKNOWN"), "{stdout}");
}

#[test]
fn a_budget_that_ends_first() {
    let dir = tempfile::tempdir().unwrap();
    for threads in ["1", "2"] {
        let args = ["check", "--scope", "nightly/there-again", "--budget", "300ms", "--threads", threads];
        unknown(&run(dir.path(), &args), "budget");
    }
    let ran = run(dir.path(), &[&LARGE[..], &["--budget", "300ms", "--format", "json"]].concat());
    unknown_json(&ran.stdout, "budget");
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0, "nothing is written");
}

/// The time limit of a scope does not shorten later scopes, and a scope that is named twice runs once.
#[test]
fn a_scope_that_takes_too_long() {
    let dir = tempfile::tempdir().unwrap();
    let rest = ["--scope-budget", "1s", "--format", "json"];
    let twice = ["--scope", "membership-wiped", "--scope", "membership-wiped"];
    let ran = run(dir.path(), &[&LARGE[..], &twice[..], &rest[..]].concat());
    assert_eq!(ran.code, Some(2), "{ran:?}");
    let lines = lines(&ran.stdout, 2);
    let scopes = of(&lines, "scope");
    let names: Vec<_> = scopes.iter().map(|line| line["scope"].as_str().unwrap()).collect();
    assert_eq!(names, ["nightly/there-again", "membership-wiped"]);
    assert_eq!(scopes[0]["ended_by"], "budget");
    // A scope that was never started covers only its initial state.
    assert!(scopes[1]["unique"].as_u64().unwrap() > 1000, "{}", ran.stdout);
}

/// A breadth-first search uses no symmetry, so it finds as many states as a search with --no-symmetry.
#[test]
fn a_search_breadth_first() {
    let dir = tempfile::tempdir().unwrap();
    let count = |how: &str| {
        let args = ["check", "--scope", "membership-wiped", "--format", "json", how];
        let ran = run(dir.path(), &args);
        let lines = lines(&ran.stdout, 0);
        let [scope] = of(&lines, "scope")[..] else { panic!("{ran:?}") };
        (scope["complete"].as_bool(), scope["unique"].as_u64())
    };
    assert_eq!(count("--breadth-first"), count("--no-symmetry"));
    assert_ne!(count("--breadth-first"), count("--threads=2"));
}

#[test]
fn a_memory_limit_that_ends_first() {
    let dir = tempfile::tempdir().unwrap();
    unknown(&run(dir.path(), &[&LARGE[..], &["--memory", "1MiB"]].concat()), "memory limit");
    let ran = run(dir.path(), &[&LARGE[..], &["--memory", "1MiB", "--format", "json"]].concat());
    unknown_json(&ran.stdout, "memory limit");
}

#[test]
fn an_interrupt_that_ends_first() {
    let dir = tempfile::tempdir().unwrap();
    let mut command = command(dir.path(), &[&LARGE[..], &["--format", "json"]].concat());
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // The program prints its first line when it has installed the handler for interrupts.
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let mut said = String::new();
    stdout.read_line(&mut said).unwrap();
    let sent = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(sent.success());
    stdout.read_to_string(&mut said).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(2), "{said}");
    unknown_json(&said, "interrupt");
}

/// A violation found before the limit is reported, even if the search then ends early.
#[test]
fn a_design_that_breaks_before_the_limit_is_broken() {
    let dir = tempfile::tempdir().unwrap();
    let ran = run(dir.path(), &["check", "--scope", "published/unsealed-force", "--budget", "10m"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(
        ran.stdout.contains("BROKEN  migration.no-lost-write, as is known of this design, after "),
        "{}",
        ran.stdout
    );
}
