//! The verb `history`, for histories of registers.

use super::ran::{Ran, lines, of, run};
use cutover_cli::{registers_file, registers_writer};
use serde_json::Value;
use std::path::Path;

const STARTED: &str = "{\"type\":\"history-started\",\"schema\":\"cutover.registers/1\"}\n";

/// An operation of process 1 that ended before the next line.
fn done(f: &str, key: &str, asked: &str, said: &str) -> String {
    let asked = if asked.is_empty() { String::new() } else { format!(",\"value\":{asked}") };
    let said = if said.is_empty() { String::new() } else { format!(",{said}") };
    format!(
        "{{\"process\":1,\"type\":\"invoke\",\"f\":\"{f}\",\"key\":\"{key}\"{asked}}}\n\
         {{\"process\":1,\"type\":\"ok\"{said}}}\n"
    )
}

fn write(key: &str, value: &str) -> String {
    done("write", key, value, "")
}

fn read(key: &str, value: &str) -> String {
    done("read", key, "", &format!("\"value\":{value}"))
}

fn whole(operations: &[String]) -> String {
    let count = operations.len();
    format!("{STARTED}{}{{\"type\":\"history-finished\",\"operations\":{count}}}\n", operations.concat())
}

fn judged(dir: &Path, text: &str, code: i32, more: &[&str]) -> (Ran, Value) {
    std::fs::write(dir.join("a.jsonl"), text).unwrap();
    let args = [&["history", "a.jsonl"], more].concat();
    let people = run(dir, &args);
    let machines = run(dir, &[&args[..], &["--format", "json"]].concat());
    assert_eq!((people.code, machines.code), (Some(code), Some(code)), "{people:?} {machines:?}");
    assert_eq!(people.stderr, "", "a history that was judged is no error");
    let lines = lines(&machines.stdout, code);
    let [line] = of(&lines, "history")[..] else { panic!("{}", machines.stdout) };
    (people, line.clone())
}

#[test]
fn a_history_that_has_an_order() {
    let dir = tempfile::tempdir().unwrap();
    let open = "{\"process\":2,\"type\":\"invoke\",\"f\":\"write\",\"key\":\"k\",\"value\":7}\n\
                {\"process\":2,\"type\":\"info\",\"error\":[\"timeout\",3],\"time\":5,\"index\":9}\n";
    let text = whole(&[write("k", "\"x\""), open.to_owned(), read("k", "7"), read("j", "null")]);
    let (people, line) = judged(dir.path(), &text, 0, &[]);
    assert!(people.stdout.trim_start().starts_with("LINEARIZABLE  a.jsonl"), "{people:?}");
    assert!(people.stdout.contains("4 operations, 3 answered, 1 indeterminate; keys: 2"), "{people:?}");
    assert_eq!((&line["keys"], &line["key"], &line["partition"]), (&2.into(), &Value::Null, &Value::Null));
    // Without the first and the last line.
    let bare: String =
        text.lines().filter(|line| !line.contains("history-")).map(|line| format!("{line}\n")).collect();
    judged(dir.path(), &bare, 0, &[]);
}

/// The operations that show it are a history that is judged the same.
#[test]
fn a_history_that_has_none() {
    let dir = tempfile::tempdir().unwrap();
    let mut operations = vec![write("j", "1"), read("j", "1"), write("k", "1"), read("k", "1")];
    operations.extend((2..40).map(|value| write("k", &value.to_string())));
    operations.extend([read("k", "38"), write("k", "41")]);
    let (people, line) = judged(dir.path(), &whole(&operations), 1, &[]);
    assert!(people.stdout.starts_with("NOT_LINEARIZABLE  a.jsonl"), "{people:?}");
    for word in [
        "p1 read: 38 (\"k\")",
        "every earlier answer (40) has its place in an order that ends with p1 write 39: ok",
        "lines 84–85              p1    write 39: ok                           the register holds 39",
        "lines 86–87            ✗ p1    read: 38",
        "3 of its operations have no order by themselves",
        "history runs/a-k.minimal.jsonl",
    ] {
        assert!(people.stdout.contains(word), "no {word:?} in {people:?}");
    }
    assert!(people.stdout.lines().count() <= 25, "{people:?}");
    assert_eq!((&line["verdict"], &line["key"]), (&"NOT_LINEARIZABLE".into(), &"k".into()));
    assert_eq!(line["minimal"], "runs/a-k.minimal.jsonl");
    assert_eq!((&line["near"][8]["line"], &line["near"][8]["role"]), (&86.into(), &"stuck".into()));
    let again = run(dir.path(), &["history", "runs/a-k.minimal.jsonl", "--format", "json"]);
    assert_eq!(again.code, Some(1), "{again:?}");
    let lines = lines(&again.stdout, 1);
    assert_eq!(of(&lines, "history")[0]["operations"], 3);
    assert_eq!(std::fs::read_dir(dir.path().join("runs")).unwrap().count(), 1);
}

#[test]
fn a_search_that_ends_early_is_unknown() {
    let dir = tempfile::tempdir().unwrap();
    let text = whole(&[write("k", "1"), read("k", "1")]);
    let (people, line) = judged(dir.path(), &text, 2, &["--configurations", "0"]);
    assert!(people.stdout.contains("UNKNOWN  a.jsonl") && people.stdout.contains("\"k\": the budget of 0"));
    assert_eq!((&line["verdict"], &line["key"]), (&"UNKNOWN".into(), &"k".into()));
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
    let open = "{\"process\":2,\"type\":\"invoke\",\"f\":\"write\",\"key\":\"k\",\"value\":7}\n";
    refused(open, 4, &["nothing to judge", "1 operation"]);
    refused(format!("{open}{{\"process\":2,\"type\":\"fail\"}}\n"), 4, &["nothing to judge"]);
}

#[test]
fn a_line_that_is_no_event() {
    let good = whole(&[write("k", "1"), done("cas", "k", "[1,2]", ""), read("k", "2")]);
    let line = |from: &str, to: &str, words: &[&str]| refused(good.replacen(from, to, 1), 65, words);
    line("registers/1", "registers/2", &["line 1", "registers/2", "registers/1"]);
    line("\"write\"", "\"append\"", &["line 2", "append", "f read"]);
    line("\"key\":\"k\",", "", &["line 2", "a key"]);
    line("\"key\":\"k\"", "\"key\":3", &["line 2", "string"]);
    line("\"value\":1", "\"value\":1.5", &["line 2", "an integer"]);
    line("\"value\":1", "\"value\":[1,2]", &["line 2", "f write with a value"]);
    line("\"value\":1", "\"vaule\":1", &["line 2", "vaule"]);
    line("\"type\":\"invoke\"", "\"type\":\"begin\"", &["line 2", "begin", "invoke, ok, fail, info"]);
    line(
        "\"process\":1,\"type\":\"ok\"",
        "\"process\":2,\"type\":\"ok\"",
        &["line 3", "process 2", "no operation open"],
    );
    line("\"process\":1,\"type\":\"ok\"", "\"type\":\"ok\"", &["line 3", "a process"]);
    line("\"ok\"}", "\"ok\",\"value\":2}", &["line 3", "the value of write 1"]);
    line("\"ok\"}", "\"ok\",\"f\":\"cas\"}", &["line 3", "the completion of write 1"]);
    line("\"ok\"}", "\"ok\",\"key\":\"j\"}", &["line 3", "the completion of write 1"]);
    line("\"ok\"}", "\"fail\",\"refused\":true}", &["line 3", "refused with fail of a cas alone"]);
    line("[1,2]", "[1]", &["line 4", "a pair"]);
    line("[1,2]", "[1,2,3]", &["line 4", "a pair"]);
    line("[1,2]", "[1,[2,3]]", &["line 4", "a pair"]);
    line("\"ok\",\"value\":2", "\"ok\"", &["line 7", "the value that was read"]);
    let twice =
        write("k", "1").replace("\"type\":\"ok\"", "\"type\":\"invoke\",\"f\":\"read\",\"key\":\"j\"");
    refused(twice, 65, &["line 2", "process 1, whose write 1 of \"k\" is open", "its completion"]);
}

#[test]
fn a_file_that_was_cut_off() {
    let good = whole(&[write("k", "1"), read("k", "1")]);
    let lines: Vec<&str> = good.lines().collect();
    refused(format!("{}\n", lines[..5].join("\n")), 65, &["line 5", "2 operations", "truncated"]);
    refused(
        format!("{}\n{}", lines[..4].join("\n"), &lines[4][..20]),
        65,
        &["line 5", "not JSON", "truncated"],
    );
    refused(
        good.replace("operations\":2", "operations\":3"),
        65,
        &["line 6", "2 operations", "3 operations"],
    );
    refused(format!("{good}{good}"), 65, &["line 7", "nothing after history-finished"]);
    refused(format!("{}{good}", write("k", "1")), 65, &["line 3", "history-started"]);
    refused(STARTED, 65, &["line 1", "0 operations", "truncated"]);
}

/// The example of the help text can be judged, and what was written can be read.
#[test]
fn the_example_of_the_help() {
    let dir = tempfile::tempdir().unwrap();
    let help = run(dir.path(), &["history", "--help"]).stdout;
    let lines: Vec<&str> = help.lines().map(str::trim).collect();
    let start = lines.iter().position(|line| line.contains("cutover.registers/1")).unwrap();
    let end = lines.iter().rposition(|line| line.starts_with(r#"{"type":"history-finished"#)).unwrap();
    let example = format!("{}\n", lines[start..=end].join("\n"));
    let (_, line) = judged(dir.path(), &example, 0, &[]);
    assert_eq!((&line["operations"], &line["answered"]), (&3.into(), &3.into()));
    let history = registers_file::parse(&example).unwrap().registers;
    let written = registers_writer::written(&history).unwrap();
    assert_eq!(registers_file::parse(&written).unwrap().registers.events(), history.events());
}
