//! Runs the program as a process.

use cutover_model::Ours;
use cutover_model::catalog::Protocols as _;
use serde_json::Value;
use std::path::Path;
use std::process::{Command, Output};

/// The output and exit code of a process.
#[derive(Debug)]
pub struct Ran {
    /// The exit code; `None` if a signal ended the process.
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).unwrap_or_else(|error| panic!("not text: {error}"));
        Self { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }
}

/// The program with these arguments, in the folder `dir`.
pub fn command(dir: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cutover"));
    command.args(args).current_dir(dir).env_remove("CARGO");
    command
}

/// Runs the program to its end.
pub fn run(dir: &Path, args: &[&str]) -> Ran {
    let output = command(dir, args).output();
    output.unwrap_or_else(|error| panic!("{args:?}: {error}")).into()
}

/// Parses the lines of a run in JSON, and checks what all runs have in common.
pub fn lines(stdout: &str, code: i32) -> Vec<Value> {
    let parse = |line: &str| -> Value {
        serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))
    };
    let lines: Vec<Value> = stdout.lines().map(parse).collect();
    for line in &lines {
        assert!(line["type"].is_string(), "no type: {line}");
    }
    let [first, .., last] = lines.as_slice() else { panic!("two lines at least: {stdout}") };
    assert_eq!((&first["type"], &first["schema"]), (&"run-started".into(), &"cutover.run/1".into()));
    assert_eq!((&last["type"], &last["exit"]), (&"run-finished".into(), &code.into()));
    assert!(last["seconds"].is_number(), "{last}");
    lines
}

/// The lines of one type.
pub fn of<'a>(lines: &'a [Value], kind: &str) -> Vec<&'a Value> {
    lines.iter().filter(|line| line["type"] == kind).collect()
}

/// The invariants and goals that a scope around sinks judges.
pub fn judged() -> Vec<String> {
    let scopes = Ours::scopes();
    let moves = scopes.iter().filter(|scope| scope.name() == "migration/moves");
    moves.flat_map(|scope| [scope.judged(), scope.goals()].concat()).map(|one| one.id.to_owned()).collect()
}
