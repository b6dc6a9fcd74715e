//! The verb `history`: verdicts, exit codes, and files that are no history.

use super::ran::{Ran, lines, of, run};
use serde_json::{Value, json};

const STARTED: &str = r#"{"type":"history-started","schema":"cutover.history/1"}"#;

fn operation(partition: u64, times: (u64, Option<u64>), call: &Value) -> String {
    let mut line = json!({ "type": "operation", "client": 7, "partition": partition, "invoked": times.0,
        "call": call });
    if let Some(completed) = times.1 {
        line["completed"] = completed.into();
    }
    format!("{line}\n")
}

fn create(partition: u64, times: (u64, Option<u64>), answer: &Value) -> String {
    let transition = json!({ "Create": { "placement": 0, "guarantee": "Sealed" } });
    operation(partition, times, &json!({ "apply": { "transition": transition, "answer": answer } }))
}

fn empty(partition: u64, times: (u64, Option<u64>)) -> String {
    operation(partition, times, &json!({ "read": { "seen": "nothing" } }))
}

fn whole(operations: &[String]) -> String {
    let count = operations.len();
    format!("{STARTED}\n{}{{\"type\":\"history-finished\",\"operations\":{count}}}\n", operations.concat())
}

fn created() -> String {
    create(1, (10, Some(20)), &json!({ "ok": { "epoch": 1 } }))
}

/// Judges a history. Returns the output for people and the line for machines.
fn judged(text: &str, code: i32, more: &[&str]) -> (Ran, Value) {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("a.jsonl"), text).unwrap();
    let args = [&["history", "a.jsonl"], more].concat();
    let people = run(dir.path(), &args);
    let machines = run(dir.path(), &[&args[..], &["--format", "json"]].concat());
    assert_eq!((people.code, machines.code), (Some(code), Some(code)), "{people:?} {machines:?}");
    assert_eq!(people.stderr, "", "a history that was judged is no error");
    let lines = lines(&machines.stdout, code);
    assert_eq!(lines[0]["command"], "history");
    let [line] = of(&lines, "history")[..] else { panic!("{}", machines.stdout) };
    assert!(line["seconds"].is_number(), "{line}");
    (people, line.clone())
}

#[test]
fn a_history_that_has_an_order() {
    let lost = create(2, (12, None), &json!("indeterminate"));
    let text = whole(&[empty(1, (11, Some(19))), created(), lost, empty(2, (30, Some(31)))]);
    let (people, line) = judged(&text, 0, &[]);
    assert!(people.stdout.trim_start().starts_with("LINEARIZABLE  a.jsonl"), "{people:?}");
    assert!(people.stdout.contains("4 operations, 3 answered, 1 indeterminate; partitions: 2"), "{people:?}");
    assert_eq!((&line["verdict"], &line["operations"]), (&"LINEARIZABLE".into(), &4.into()));
    assert_eq!((&line["partition"], &line["near"]), (&Value::Null, &json!([])));
}

#[test]
fn a_history_that_has_none() {
    let text = whole(&[empty(1, (21, Some(22))), created()]);
    let (people, line) = judged(&text, 1, &[]);
    assert!(people.stdout.starts_with("NOT_LINEARIZABLE  a.jsonl"), "{people:?}");
    for word in [
        "c7 p1 read: no record (asked 21, answered 22)",
        "every earlier answer (1) has its place in an order that ends with c7 create at A sealed: ok e1",
        "line     3    c7    10–20            create at A sealed: ok e1",
        "line     2  ✗ c7    21–22            read: no record",
        "← finds no place",
    ] {
        assert!(people.stdout.contains(word), "no {word:?} in {people:?}");
    }
    assert!(people.stdout.lines().count() <= 25, "{people:?}");
    assert_eq!((&line["verdict"], &line["partition"]), (&"NOT_LINEARIZABLE".into(), &1.into()));
    assert_eq!(line["found"], "c7 p1 read: no record (asked 21, answered 22)");
    assert_eq!(line["near"][0], json!({ "line": 3, "role": "placed", "record": "Active(A)@e1 m1" }));
    assert_eq!(line["near"][1], json!({ "line": 2, "role": "stuck", "record": null }));
}

#[test]
fn a_search_that_ends_early_is_unknown() {
    let (people, line) = judged(&whole(&[created()]), 2, &["--configurations", "0"]);
    assert!(people.stdout.contains("UNKNOWN  a.jsonl") && people.stdout.contains("p1: the budget of 0"));
    assert_eq!((&line["verdict"], &line["partition"]), (&"UNKNOWN".into(), &1.into()));
}

/// The worst verdict determines the exit code.
#[test]
fn several_histories_are_judged_each_on_its_own() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("good.jsonl"), whole(&[created()])).unwrap();
    std::fs::write(dir.path().join("bad.jsonl"), whole(&[created(), empty(1, (21, Some(22)))])).unwrap();
    std::fs::write(dir.path().join("cut.jsonl"), STARTED).unwrap();
    let ran = run(dir.path(), &["history", "good.jsonl", "bad.jsonl", "good.jsonl", "--format", "json"]);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert_eq!(of(&lines(&ran.stdout, 1), "history").len(), 3);
    let ran = run(dir.path(), &["history", "good.jsonl", "cut.jsonl", "bad.jsonl"]);
    assert_eq!(ran.code, Some(65), "{ran:?}");
    assert!(ran.stdout.contains("NOT_LINEARIZABLE  bad.jsonl"), "{ran:?}");
}

/// Asserts one line on stderr that contains all of these words.
fn refused(text: impl AsRef<[u8]>, code: i32, words: &[&str]) {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("a.jsonl"), text).unwrap();
    let ran = run(dir.path(), &["history", "a.jsonl"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(code), ""), "{ran:?}");
    let [line] = ran.stderr.lines().collect::<Vec<_>>()[..] else { panic!("{ran:?}") };
    for word in ["cutover: a.jsonl: ", "found ", "expected "].iter().chain(words) {
        assert!(line.contains(word), "no {word:?} in {line:?}");
    }
}

#[test]
fn a_history_that_says_nothing() {
    refused(whole(&[]), 4, &["nothing to judge", "0 operations"]);
    let lost = create(1, (10, None), &json!("indeterminate"));
    refused(whole(&[lost]), 4, &["nothing to judge", "1 operation"]);
}

#[test]
fn a_file_that_is_no_history() {
    let good = whole(&[created(), empty(2, (1, Some(2)))]);
    refused("", 65, &["line 1", "no line", "history-started"]);
    refused("[package]\nname = \"x\"\n", 65, &["line 1", "[package]", "no JSON object"]);
    refused([0x7f, b'E', b'L', b'F', 0xff, 0, 0xfe], 65, &["line 1", "not UTF-8"]);
    refused(good.replace("history/1", "history/2"), 65, &["line 1", "history/2", "history/1"]);
    refused(&good[STARTED.len() + 1..], 65, &["line 1", "history-started first"]);
    refused(format!("{good}{good}"), 65, &["line 5", "nothing after history-finished"]);
    refused(format!("{STARTED}\n{good}"), 65, &["line 2", "another history"]);
    refused(
        good.replace("operations\":2", "operations\":3"),
        65,
        &["line 4", "2 operations", "3 operations"],
    );
    refused(good.replace("invoked", "invoced"), 65, &["line 2", "invoced"]);
    refused(good.replace("\"nothing\"", "\"something\""), 65, &["line 3", "something"]);
    refused(
        good.replace(r#""completed":2,"#, r#""completed":0,"#),
        65,
        &["line 3", "completed 0, invoked 1"],
    );
    refused(good.replace(r#""completed":20,"#, ""), 65, &["line 2", "answer without"]);
}

#[test]
fn a_file_that_was_cut_off() {
    let good = whole(&[created(), empty(2, (1, Some(2)))]);
    let lines: Vec<&str> = good.lines().collect();
    refused(
        format!("{}\n", lines[..3].join("\n")),
        65,
        &["line 3", "2 operations", "history-finished", "truncated"],
    );
    let half = &lines[2][..40];
    refused(format!("{}\n{half}", lines[..2].join("\n")), 65, &["line 3", "not JSON", "truncated"]);
}

/// A history that was written can be read, and the example in the help text can be judged.
#[test]
fn the_example_of_the_help() {
    let dir = tempfile::tempdir().unwrap();
    let help = run(dir.path(), &["history", "--help"]).stdout;
    let lines: Vec<&str> = help.lines().map(str::trim).collect();
    let start = lines.iter().position(|line| line.starts_with(r#"{"type":"history-started"#)).unwrap();
    let end = lines.iter().position(|line| line.starts_with(r#"{"type":"history-finished"#)).unwrap();
    // A folded line ends with a colon or a comma.
    let example = lines[start..=end].join("\n").replace(":\n", ":").replace(",\n", ",");
    let (_, line) = judged(&format!("{example}\n"), 0, &[]);
    assert_eq!(line["operations"], 2);
    let history = cutover_cli::history_file::parse(&example).unwrap();
    let mut writer = cutover_cli::history_file::Writer::new(Vec::new()).unwrap();
    for operation in &history.operations {
        writer.operation(operation.clone()).unwrap();
    }
    let written = String::from_utf8(writer.finish().unwrap()).unwrap();
    assert_eq!(cutover_cli::history_file::parse(&written).unwrap(), history);
}
