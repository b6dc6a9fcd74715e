//! Histories written by hand, with what the judge says of each: files in the folder `by_hand`. A line is an event of a process on the
//! one register: `p1: write a`, `p1: ok`, `p2: read`, `p2: null`, `p3: cas a b`, `p3: refused`, `fails` or `unknown`.
//! `REWRITE=1` writes what is said now.

use cutover::core::invariant::history::registers::{
    Call, Key, Operation, Outcome, Registers, Value, Verdict,
};
use cutover::core::invariant::history::{CONFIGURATIONS, Role};
use std::fmt::Write as _;

#[test]
fn what_is_said_of_histories_by_hand() {
    datadriven::walk("tests/history/registers/by_hand", |file| {
        file.run(|case| match case.directive.as_str() {
            "judge" => judged(&read(&case.input)),
            other => panic!("no directive {other:?}"),
        });
    });
}

fn read(text: &str) -> Registers {
    let mut history = Registers::new();
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        let (process, said) = line.split_once(": ").unwrap_or_else(|| panic!("no process in {line:?}"));
        let process = process.trim().trim_start_matches('p').parse().unwrap();
        let words: Vec<&str> = said.split_whitespace().collect();
        let result = match words[..] {
            ["read"] => history.invoke(process, "k", Call::Read),
            ["write", new] => history.invoke(process, "k", Call::Write(value(new))),
            ["delete"] => history.invoke(process, "k", Call::Write(Value::Nothing)),
            ["cas", expected, new] => {
                history.invoke(process, "k", Call::Cas { expected: value(expected), new: value(new) })
            }
            ["ok"] => history.ok(process),
            ["fails"] => history.fail(process),
            ["unknown"] => history.info(process),
            ["refused"] => history.complete(process, Outcome::Refused),
            [seen] => history.complete(process, Outcome::Read(value(seen))),
            _ => panic!("no event: {line:?}"),
        };
        result.unwrap_or_else(|misplaced| panic!("{line:?}: {misplaced}"));
    }
    history
}

fn value(word: &str) -> Value {
    if word == "null" { Value::Nothing } else { Value::from(word) }
}

fn judged(history: &Registers) -> String {
    let failure = match history.judge(CONFIGURATIONS).verdict {
        Verdict::Linearizable => return "linearizable\n".to_owned(),
        Verdict::NotLinearizable(failure) => failure,
        Verdict::Unknown { .. } => return "unknown\n".to_owned(),
    };
    let key = history.keys().next().unwrap();
    let mut said = format!("not linearizable: {}\n{}\n", failure.found, failure.against);
    for line in &failure.lines {
        let operation = key.operation(line.operation).unwrap();
        let role = match line.role {
            Role::Placed => format!("holds {}", line.state.as_deref().unwrap_or("?")),
            Role::Stuck => "finds no place".to_owned(),
            Role::Open => "does not help".to_owned(),
        };
        _ = writeln!(said, "  {:<40} {role}", shown(operation));
    }
    let few = key.minimal(CONFIGURATIONS);
    assert!(matches!(few.judge(CONFIGURATIONS).verdict, Verdict::NotLinearizable(_)), "{said}");
    _ = writeln!(said, "by themselves:");
    for operation in few.keys().flat_map(operations) {
        _ = writeln!(said, "  {}", shown(operation));
    }
    said
}

fn operations(key: &Key) -> impl Iterator<Item = Operation<'_>> {
    (0..key.len()).filter_map(|at| key.operation(at))
}

fn shown(operation: Operation<'_>) -> String {
    let (invoked, ended) = operation.times();
    let ended = ended.map_or_else(|| "…".to_owned(), |time| time.to_string());
    format!("p{} {invoked}–{ended} {operation}", operation.process())
}
