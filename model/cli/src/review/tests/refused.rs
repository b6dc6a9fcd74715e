//! Files that cannot be compared: one line that names the file, its line, what was found and what was expected.

use super::super::{read, read_text};
use super::scoreboard::mutant;
use super::{check, run, scope, verdict, with};
use serde_json::json;

fn refused(text: &str, words: &[&str]) {
    let Err(error) = read_text("x.jsonl", text) else { panic!("not refused: {text}") };
    let said = error.to_string();
    assert_eq!(said.lines().count(), 1, "{said}");
    for word in [&["x.jsonl: line ", ": found ", ", expected "], words].concat() {
        assert!(said.contains(word), "no {word:?} in {said:?}");
    }
}

#[test]
fn what_is_no_json_line() {
    refused("", &["line 1", "no line", "run-started"]);
    refused("\n\n", &["line 1", "no line"]);
    refused(
        "HOLDS 18 invariants\n",
        &["line 1", "\"HOLDS 18 invariants\", which is no JSON object", "`cutover check`"],
    );
    refused("[\"run-finished\", 0]\n", &["line 1", "which is no JSON object"]);
    refused("{\"a\":1}\n", &["line 1", "missing field `type`"]);
    let text = check(&[scope("s", 7)]);
    refused(&text.replace("\"complete\":true,", ""), &["line 2", "missing field `complete`"]);
    refused(&text.replace("\"unique\":7", "\"unique\":\"7\""), &["line 2", "invalid type: string"]);
    let maybe = check(&[scope("s", 7), verdict("s", "a.b", "MAYBE")]);
    refused(&maybe, &["line 3", "unknown variant `MAYBE`", "`HOLDS`"]);
    refused(&format!("{{\"a\":{}\n", "[".repeat(100_000)), &["line 1", "which is not JSON"]);
}

#[test]
fn what_is_no_run_that_can_be_compared() {
    let text = check(&[scope("s", 7)]);
    refused(&text.replace("run/1", "run/2"), &["line 1", "\"cutover.run/2\"", "\"cutover.run/1\""]);
    refused(
        &run("replay", &json!({}), &[]),
        &["line 1", "a run of \"replay\"", "\"check\", \"mutants\" or \"sim\""],
    );
    refused(&scope("s", 7).to_string(), &["line 1", "outside of a run", "run-started"]);
    refused(&format!("{text}{}\n", scope("s", 7)), &["line 4", "outside of a run"]);
    let failed = text.replace("\"exit\":0", "\"exit\":65");
    refused(&failed, &["line 3", "ended with exit code 65", "below 64"]);
    let silent = run("check", &json!({ "scopes": ["s", "t"] }), &[scope("s", 7)]);
    refused(&silent, &["line 1", "no result for scope \"t\""]);
    refused(&check(&[verdict("s", "a.b", "HOLDS")]), &["line 2", "a result of scope \"s\"", "\"scope\""]);
}

#[test]
fn a_run_that_was_cut_off() {
    let text = check(&[scope("s", 7), verdict("s", "a.b", "HOLDS")]);
    let lines: Vec<&str> = text.lines().collect();
    let without_end = lines[..3].join("\n");
    refused(
        &without_end,
        &["line 3", "the end of the file", "run-finished", "starts on line 1 is truncated"],
    );
    refused(&format!("{without_end}\n{text}"), &["line 4", "another run", "run-finished"]);
    let half = &text[..text.len() - 9];
    refused(half, &["line 4", "where the file ends: it may be truncated"]);
}

#[test]
fn what_contradicts_itself() {
    let (one, two) = (check(&[scope("s", 7)]), check(&[scope("s", 8)]));
    refused(&format!("{one}{two}"), &["line 5", "another result for scope \"s\"", "the one of line 2"]);
    refused(&check(&[scope("s", 7), scope("s", 8)]), &["line 3", "another result for scope \"s\""]);
    let verdicts = [scope("s", 7), verdict("s", "a.b", "HOLDS"), verdict("s", "a.b", "UNKNOWN")];
    refused(
        &check(&verdicts),
        &["line 4", "UNKNOWN for invariant \"a.b\"", "HOLDS, the verdict of an earlier line"],
    );
    let mutants = [mutant("m", "SURVIVED", None), mutant("m", "BROKEN", None)];
    refused(&run("mutants", &json!({}), &mutants), &["line 3", "another result for mutant \"m\""]);
    let tree = |verdict: &str| json!({ "type": "baseline", "scope": "s", "verdict": verdict, "states": 1 });
    let trees = [tree("HOLDS"), tree("UNKNOWN")];
    refused(
        &run("mutants", &json!({}), &trees),
        &["line 3", "another result for the unmutated tree over \"s\""],
    );
    // Twice the same is once.
    let again = check(&[scope("s", 7), with(scope("s", 7), "seconds", 9.0)]);
    assert!(read_text("x", &format!("{one}{again}")).is_ok());
}

#[test]
fn what_the_system_does_not_give() {
    let dir = tempfile::tempdir().unwrap();
    let said = |name: &str| read(&dir.path().join(name)).unwrap_err().to_string();
    assert!(said("gone.jsonl").contains("gone.jsonl: cannot be read: "));
    assert!(said(".").contains("cannot be read: "));
    std::fs::write(dir.path().join("binary.jsonl"), [b'{', b'}', b'\n', 0xff, 0xfe]).unwrap();
    let binary = said("binary.jsonl");
    assert!(binary.contains("binary.jsonl: line 2: found bytes that are not UTF-8, expected"), "{binary}");
}
