//! The verb `history`.

use crate::history_file::{self, History};
use crate::numbers::count;
use crate::verbs::history_words::{nothing, role};
use crate::verbs::registers;
use crate::{Format, exit, refuse, registers_file};
use cutover::core::invariant::history::{CONFIGURATIONS, Failure, Judged, Line, Role, Verdict, judge};
use cutover_report::{Console, History as HistoryLine, HistoryVerdict, Line as RunLine, Near};
use indicatif::HumanCount;
use serde_json::json;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

const EXAMPLES: &str = "\
Examples:
  cutover history runs/load.jsonl
  cutover history runs/load.jsonl --format json
  cutover history runs/*.jsonl --configurations 20000000

A history is what clients saw: JSON lines, one for each operation, with the times at which it
was asked for and answered. All that changes a partition must be in it, answered or not:
  {\"type\":\"history-started\",\"schema\":\"cutover.history/1\"}
  {\"type\":\"operation\",\"client\":1,\"partition\":1,\"invoked\":10,\"completed\":20,\"call\":{\"apply\":
    {\"transition\":{\"Create\":{\"placement\":0,\"guarantee\":\"Sealed\"}},
    \"answer\":{\"ok\":{\"epoch\":1}}}}}
  {\"type\":\"operation\",\"client\":2,\"partition\":2,\"invoked\":15,\"completed\":30,
    \"call\":{\"read\":{\"seen\":\"nothing\"}}}
  {\"type\":\"history-finished\",\"operations\":2}
An operation is one line; they are folded here. Other answers are \"indeterminate\" (it may have
taken effect, or may yet), \"not_committed\" (it never will), and a refusal,
{\"refused\":{\"reason\":\"NotMigrating\"}}. A read may carry its \"revision\", and has \"seen\"
{\"record\":{…}}, \"nothing\", or \"unplaced\".

Or it is of registers, one for each key, of any store. A line is an event, as in Jepsen; a
process has one operation open at a time. The first and the last line can be left out:
  {\"type\":\"history-started\",\"schema\":\"cutover.registers/1\"}
  {\"process\":0,\"type\":\"invoke\",\"f\":\"write\",\"key\":\"k1\",\"value\":\"x\"}
  {\"process\":0,\"type\":\"ok\"}
  {\"process\":1,\"type\":\"invoke\",\"f\":\"cas\",\"key\":\"k1\",\"value\":[\"y\",\"z\"]}
  {\"process\":1,\"type\":\"fail\",\"refused\":true}
  {\"process\":0,\"type\":\"invoke\",\"f\":\"read\",\"key\":\"k1\"}
  {\"process\":0,\"type\":\"ok\",\"value\":\"x\"}
  {\"type\":\"history-finished\",\"operations\":3}
A value is a text, an integer or null, which a register holds at first and after a delete, a
write of null. The pair of a cas is what is expected and what is written. \"fail\": it has no
effect; with \"refused\", it also found something other than what it expected. \"info\", or no
completion: it may take effect at any later time, or never.";

const CODES: &[(u8, &str)] = &[
    (exit::HOLDS, "linearizable"),
    (exit::VIOLATED, "not linearizable"),
    (exit::UNKNOWN, "a search ended early"),
    (exit::NOTHING, "nothing was answered, so nothing was judged"),
    (exit::USAGE, "wrong command line"),
    (exit::DATA, "a file that is no history, or a truncated one"),
];

/// Check histories of clients' operations for linearizability: is there an order that explains all answers?
#[derive(Debug, clap::Args)]
#[command(after_help = format!("{EXAMPLES}\n\n{}", exit::help_of_verb(CODES)))]
pub struct Args {
    /// Files with histories; each is checked by itself
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// Give up on a partition or key after this many configurations; it is UNKNOWN
    #[arg(long, value_name = "N", default_value_t = CONFIGURATIONS)]
    configurations: u64,
    /// Directory for the few operations that show why a register is not linearizable
    #[arg(long, value_name = "DIR", default_value = "runs")]
    out: PathBuf,
    /// Format of the results
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

/// Runs the verb.
pub fn run(args: &Args) -> u8 {
    let files: Vec<String> = args.files.iter().map(|file| file.display().to_string()).collect();
    let options = json!({ "files": files, "configurations": args.configurations, "out": args.out });
    let console = crate::console(args.format, "history", &options);
    let codes: Vec<u8> = args.files.iter().map(|file| one(&console, file, args)).collect();
    let worst = [exit::DATA, exit::VIOLATED, exit::UNKNOWN, exit::NOTHING];
    let code = worst.into_iter().find(|code| codes.contains(code)).unwrap_or(exit::HOLDS);
    console.finish(code)
}

fn one(console: &Console, file: &Path, args: &Args) -> u8 {
    let (name, budget) = (file.display(), args.configurations);
    let began = Instant::now();
    let text = match history_file::text(file) {
        Ok(text) => text,
        Err(error) => return refuse(&format!("{name}: {error}"), exit::DATA),
    };
    if registers_file::is_one(&text) {
        return match registers_file::parse(&text) {
            Ok(history) => registers::one(console, file, &history, (budget, &args.out), began),
            Err(error) => refuse(&format!("{name}: {error}"), exit::DATA),
        };
    }
    let history = match history_file::parse(&text) {
        Ok(history) => history,
        Err(error) => return refuse(&format!("{name}: {error}"), exit::DATA),
    };
    let judged = match judge(&history.operations, budget) {
        Ok(judged) => judged,
        Err(error) => return refuse(&format!("{name}: {error}"), exit::DATA),
    };
    if judged.answered == 0 {
        return nothing(&name.to_string(), judged.operations);
    }
    let took = began.elapsed();
    say(console, &name.to_string(), &history, &judged, budget, took);
    console.line(&line(&name.to_string(), &history, &judged, took));
    match judged.verdict {
        Verdict::Linearizable => exit::HOLDS,
        Verdict::NotLinearizable(_) => exit::VIOLATED,
        Verdict::Unknown { .. } => exit::UNKNOWN,
    }
}

const fn word(verdict: &Verdict) -> HistoryVerdict {
    match verdict {
        Verdict::Linearizable => HistoryVerdict::Linearizable,
        Verdict::NotLinearizable(_) => HistoryVerdict::NotLinearizable,
        Verdict::Unknown { .. } => HistoryVerdict::Unknown,
    }
}

fn line(file: &str, history: &History, judged: &Judged, took: Duration) -> RunLine {
    let (partition, failure) = match &judged.verdict {
        Verdict::Linearizable => (None, None),
        Verdict::NotLinearizable(failure) => (Some(failure.partition.0), Some(failure)),
        Verdict::Unknown { partition } => (Some(partition.0), None),
    };
    let near = failure.iter().flat_map(|failure| &failure.lines).map(|near| Near {
        line: history.lines.get(near.operation).map(|&line| count(line)),
        role: role(near.role).to_owned(),
        record: near.state.clone(),
    });
    RunLine::History(Box::new(HistoryLine {
        path: file.to_owned(),
        verdict: word(&judged.verdict),
        operations: count(judged.operations),
        answered: count(judged.answered),
        indeterminate: count(judged.indeterminate),
        partitions: count(judged.partitions),
        keys: None,
        configurations: judged.configurations,
        partition,
        key: None,
        minimal: None,
        found: failure.map(|failure| failure.found.clone()),
        against: failure.map(|failure| failure.against.clone()),
        near: near.collect(),
        seconds: took.into(),
    }))
}

fn say(console: &Console, file: &str, history: &History, judged: &Judged, budget: u64, took: Duration) {
    let count = |what: usize| HumanCount(count(what));
    let covered = format!(
        "{} operations, {} answered, {} indeterminate; partitions: {}; {took:.1?}",
        count(judged.operations),
        count(judged.answered),
        count(judged.indeterminate),
        count(judged.partitions),
    );
    console.say(&format!("{:>16}  {file}   {covered}", word(&judged.verdict)));
    match &judged.verdict {
        Verdict::Linearizable => {}
        Verdict::NotLinearizable(failure) => explain(console, history, failure),
        Verdict::Unknown { partition } => console.say(&format!(
            "      {partition}: the budget of {} configurations ended before an order was found or excluded",
            HumanCount(budget)
        )),
    }
}

fn explain(console: &Console, history: &History, failure: &Failure) {
    console.say("      Each partition's operations have an order that explains every answer and keeps to their times.");
    console.say("");
    console.say(&format!("      {}", failure.found));
    for line in cutover_model::render::wrap(&failure.against, 100) {
        console.say(&format!("      {line}"));
    }
    console.say("");
    for near in &failure.lines {
        console.say(&shown(history, near));
    }
}

/// An operation as text: its line in the file, client, times, call, and the record after it.
fn shown(history: &History, near: &Line) -> String {
    let Some(operation) = history.operations.get(near.operation) else { return String::new() };
    let line = history.lines.get(near.operation).copied().unwrap_or_default();
    let (mark, note) = match (near.role, &near.state) {
        (Role::Placed, Some(record)) => (' ', format!("the record is {record}")),
        (Role::Placed, None) => (' ', String::new()),
        (Role::Stuck, _) => ('✗', "← finds no place".to_owned()),
        (Role::Open, _) => (' ', "overlaps it, and does not help".to_owned()),
    };
    let completed = operation.completed.map_or_else(|| "…".to_owned(), |time| time.to_string());
    let when = format!("{}–{completed}", operation.invoked);
    let what = operation.to_string();
    format!("  line {line:>5}  {mark} c{:<4} {when:<16} {what:<44}   {note}", operation.client)
}
