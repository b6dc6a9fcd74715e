//! Invalid input: one error line with the name of the thing, what was found and what was expected, and the right
//! exit code.

use super::ran::run;
use std::path::Path;

const USAGE: i32 = 64;
const DATA: i32 = 65;

/// A trace of a published design as `check` writes it; each test case corrupts it.
const TRACE: &str = "cutover-trace 1\nscope published/unsealed-force\nviolates migration.no-lost-write\n\n\
                     gw1 send w1.1 view r0\n  > sends write w1.1 token e1\nend 1\n";

/// Runs the program, and asserts one line on stderr that contains all of these words and is no panic.
fn refused(dir: &Path, args: &[&str], code: i32, words: &[&str]) {
    let ran = run(dir, args);
    assert_eq!(ran.code, Some(code), "{args:?}: {ran:?}");
    let [line] = ran.stderr.lines().collect::<Vec<_>>()[..] else { panic!("{args:?} says {:?}", ran.stderr) };
    assert!(line.starts_with("cutover: "), "{line}");
    for word in words {
        assert!(line.contains(word), "{args:?}: no {word:?} in {line:?}");
    }
    assert!(!ran.stderr.contains("panicked"), "{ran:?}");
}

#[test]
fn a_command_line_that_is_wrong() {
    let dir = tempfile::tempdir().unwrap();
    let expects = |args: &[&str], words: &[&str]| {
        let check: Vec<&str> = std::iter::once("check").chain(args.iter().copied()).collect();
        refused(dir.path(), &check, USAGE, words);
    };
    expects(
        &["--scope", "migration/mvoes"],
        &["migration/mvoes", "does not exist", "expected one of", "migration/moves"],
    );
    expects(
        &["--scope", "migration/cr"],
        &["migration/cr", "could be any of migration/crash, migration/crash-reads"],
    );
    expects(&["--budget", "soon"], &["soon", "--budget", "expected a duration such as 90s, 10m or 2h"]);
    expects(
        &["--memory", "much"],
        &["much", "--memory", "expected a number of bytes such as 512MiB or 4GiB"],
    );
    expects(&["--memory", "0"], &["'0'", "--memory", "expected a number of bytes"]);
    expects(&["--memory", "99999999999GiB"], &["99999999999GiB", "--memory"]);
    expects(&["--threads", "0"], &["'0'", "--threads", "1..=256"]);
    expects(
        &["--stop-at", "migration.no-such"],
        &["migration.no-such", "does not exist", "expected one of", "migration.no-lost-write"],
    );
    expects(&["--set", "weekly"], &["weekly", "--set", "pr, nightly"]);
    expects(&["--format", "xml"], &["xml", "--format", "human, json"]);
    expects(&["--budegt", "1s"], &["--budegt", "unexpected argument"]);
    expects(
        &["--scope", "migration-timed/wait", "--pauses", "long"],
        &["long", "--pauses", "bounded, unbounded"],
    );
    expects(
        &["--scope", "migration-timed/wait", "--barrier", "long"],
        &["long", "--barrier", "a number of ticks"],
    );
    expects(
        &["--scope", "migration/moves", "--barrier", "3"],
        &["migration/moves has no clock", "barrier", "migration-timed"],
    );
    expects(
        &["--scope", "migration/moves", "--pauses", "unbounded"],
        &["migration/moves has no clock", "pauses"],
    );
    refused(dir.path(), &["chekc"], USAGE, &["chekc"]);
    refused(dir.path(), &[], USAGE, &["no verb given", "expected one of", "check"]);
    refused(dir.path(), &["explain", "nothing"], USAGE, &["nothing", "does not exist", "expected one of"]);
    refused(
        dir.path(),
        &["explore", "--scope", "nothing"],
        USAGE,
        &["nothing", "does not exist", "expected one of", "migration/moves"],
    );
    refused(dir.path(), &["replay"], USAGE, &["FILE|DIR", "not provided"]);
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0, "nothing is written");
}

#[test]
fn a_file_that_is_no_trace() {
    let dir = tempfile::tempdir().unwrap();
    let expects = |name: &str, bytes: &[u8], words: &[&str]| {
        std::fs::write(dir.path().join(name), bytes).unwrap();
        refused(dir.path(), &["replay", name], DATA, &[&[name], words].concat());
    };
    expects("empty.trace", b"", &["line 1", "not a trace", "expected \"cutover-trace 1\""]);
    expects(
        "foreign.txt",
        b"[package]\nname = \"x\"\n",
        &["line 1", "not a trace: found \"[package]\"", "expected"],
    );
    expects("binary.trace", &[0x7f, b'E', b'L', b'F', 0xff, 0, 0xfe], &["is not text", "expected"]);
    let truncated = TRACE.strip_suffix("end 1\n").unwrap();
    expects(
        "truncated.trace",
        truncated.as_bytes(),
        &["truncated", "found 1 step", "expected a last line \"end 1\""],
    );
    let spoilt = |from: &str, to: &str| TRACE.replacen(from, to, 1).into_bytes();
    expects("later.trace", &spoilt("trace 1", "trace 2"), &["line 1", "version 2", "expected at most 1"]);
    expects(
        "scope.trace",
        &spoilt("published/unsealed-force", "no/where"),
        &["no/where", "does not exist", "check --list"],
    );
    expects(
        "invariant.trace",
        &spoilt("no-lost-write", "no-such"),
        &["migration.no-such", "does not exist", "explain"],
    );
    expects("count.trace", &spoilt("end 1", "end 2"), &["end 2", "1 step"]);
    let option = |option: &str| spoilt("\nviolates", &format!("\noption {option}\nviolates"));
    expects("clock.trace", &option("barrier=3"), &["published/unsealed-force has no clock", "barrier"]);
    expects(
        "option.trace",
        &option("speed=3"),
        &["speed", "does not exist", "expected `pauses` or `barrier`"],
    );
    let timed = String::from_utf8(option("barrier=long")).unwrap();
    let timed = timed.replacen("published/unsealed-force", "migration-timed/wait", 1);
    expects("value.trace", timed.as_bytes(), &["barrier is \"long\"", "expected a number of ticks"]);
}

#[test]
fn a_file_that_holds_no_whole_run() {
    let dir = tempfile::tempdir().unwrap();
    let started = r#"{"type":"run-started","schema":"cutover.run/1","command":"check","options":{}}"#;
    let finished = r#"{"type":"run-finished","exit":0,"seconds":1}"#;
    std::fs::write(dir.path().join("good.jsonl"), format!("{started}\n{finished}\n")).unwrap();
    let expects = |name: &str, text: &str, words: &[&str]| {
        std::fs::write(dir.path().join(name), text).unwrap();
        for args in [["review", name, "good.jsonl"], ["review", "good.jsonl", name]] {
            refused(dir.path(), &args, DATA, &[&[name, "found", "expected"], words].concat());
        }
    };
    expects("empty.jsonl", "", &["line 1", "no line", "run-started"]);
    expects("people.txt", "    HOLDS  18 invariants\n", &["line 1", "no JSON object", "`cutover check`"]);
    expects("half.jsonl", &format!("{started}\n{{\"type\":\"sco"), &["line 2", "truncated"]);
    expects("cut.jsonl", &format!("{started}\n"), &["line 1", "end of the file", "run-finished"]);
    let later = format!("{}\n{finished}\n", started.replace("run/1", "run/9"));
    expects("later.jsonl", &later, &["line 1", "cutover.run/9", "cutover.run/1"]);
    refused(dir.path(), &["review", "good.jsonl", "gone.jsonl"], DATA, &["gone.jsonl", "cannot be read"]);
    refused(dir.path(), &["review", "good.jsonl"], USAGE, &["HEAD", "not provided"]);
    refused(
        dir.path(),
        &["review", "good.jsonl", "good.jsonl", "--format", "xml"],
        USAGE,
        &["xml", "human, json"],
    );
}

#[test]
fn a_path_that_is_not_there() {
    let dir = tempfile::tempdir().unwrap();
    refused(dir.path(), &["replay", "gone.trace"], DATA, &["gone.trace", "cannot be read"]);
    std::fs::create_dir(dir.path().join("none")).unwrap();
    refused(dir.path(), &["replay", "none"], 4, &[".trace"]);
}
