//! The verb `history`, for histories of registers.

use super::history_words::{nothing, role};
use super::report::{front_door, write_whole};
use crate::numbers::count;
use crate::registers_file::History;
use crate::{exit, program, registers_writer};
use cutover::core::invariant::history::registers::{Failure, Judged, Key, Registers, Verdict};
use cutover::core::invariant::history::{Line, Role};
use cutover_report::{Console, History as HistoryLine, HistoryVerdict, Line as RunLine, Near};
use indicatif::HumanCount;
use std::cmp::Reverse;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Operations that have no order by themselves, and the file that has them.
struct Minimal {
    path: PathBuf,
    operations: usize,
}

/// Judges a history, and prints the verdict. `budget`: of configurations for each key; `out`: a directory for the operations that show
/// why it is not linearizable.
pub(super) fn one(
    console: &Console,
    file: &Path,
    history: &History,
    (budget, out): (u64, &Path),
    began: Instant,
) -> u8 {
    let name = file.display().to_string();
    let registers = &history.registers;
    let judged = registers.judged(verdicts(registers, budget));
    if judged.answered == 0 {
        return nothing(&name, judged.operations);
    }
    let failure = match &judged.verdict {
        Verdict::Linearizable | Verdict::Unknown { .. } => None,
        Verdict::NotLinearizable(failure) => Some(&**failure),
    };
    let key = failure.and_then(|failure| registers.keys().find(|key| key.name() == failure.key));
    let minimal = key.and_then(|key| minimal(key, file, (budget, out)));
    let took = began.elapsed();
    say(console, &name, &judged, budget, took);
    if let (Some(failure), Some(key)) = (failure, key) {
        explain(console, history, key, failure);
        others(console, &judged, minimal.as_ref());
    }
    console.line(&line(&name, history, key, &judged, (minimal.as_ref(), took)));
    match judged.verdict {
        Verdict::Linearizable => exit::HOLDS,
        Verdict::NotLinearizable(_) => exit::VIOLATED,
        Verdict::Unknown { .. } => exit::UNKNOWN,
    }
}

/// The verdicts on all keys, in order of their names. Each core takes the key with the most operations that is left.
fn verdicts(registers: &Registers, budget: u64) -> Vec<(Verdict, u64)> {
    let mut keys: Vec<(usize, &Key)> = registers.keys().enumerate().collect();
    keys.sort_by_key(|(at, key)| (Reverse(key.len()), *at));
    let cores = std::thread::available_parallelism().map_or(1, NonZero::get).min(keys.len());
    let next = AtomicUsize::new(0);
    let judged = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(|| {
                while let Some((at, key)) = keys.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let verdict = key.judge(budget);
                    judged.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push((*at, verdict));
                }
            });
        }
    });
    let mut judged = judged.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    judged.sort_by_key(|(at, _)| *at);
    judged.into_iter().map(|(_, verdict)| verdict).collect()
}

/// Writes the operations that have no order by themselves, if they are fewer than those of the file.
fn minimal(key: &Key, file: &Path, (budget, out): (u64, &Path)) -> Option<Minimal> {
    let few = key.minimal(budget);
    if few.operations() >= key.len() || !matches!(few.judge(budget).verdict, Verdict::NotLinearizable(_)) {
        return None;
    }
    let stem = file.file_stem().unwrap_or_default().to_string_lossy();
    let plain = |letter: char| if letter.is_ascii_alphanumeric() { letter } else { '_' };
    let key: String = key.name().chars().map(plain).take(40).collect();
    let path = out.join(format!("{stem}-{key}.minimal.jsonl"));
    let written = registers_writer::written(&few).and_then(|text| write_whole(&path, &text));
    match written {
        Ok(()) => Some(Minimal { path, operations: few.operations() }),
        Err(error) => {
            let path = path.display();
            eprintln!("{}: {path}: the operations could not be written: {error}", program::name());
            None
        }
    }
}

const fn word(verdict: &Verdict) -> HistoryVerdict {
    match verdict {
        Verdict::Linearizable => HistoryVerdict::Linearizable,
        Verdict::NotLinearizable(_) => HistoryVerdict::NotLinearizable,
        Verdict::Unknown { .. } => HistoryVerdict::Unknown,
    }
}

/// The lines of an operation's events in the file.
fn file_lines(history: &History, key: &Key, operation: usize) -> Option<(usize, Option<usize>)> {
    let (invoked, ended) = key.operation(operation)?.times();
    let line = |time: u64| history.lines.get(usize::try_from(time.checked_sub(1)?).ok()?).copied();
    Some((line(invoked)?, ended.and_then(line)))
}

fn line(
    file: &str,
    history: &History,
    key: Option<&Key>,
    judged: &Judged,
    (minimal, took): (Option<&Minimal>, Duration),
) -> RunLine {
    let (name, failure) = match &judged.verdict {
        Verdict::Linearizable => (None, None),
        Verdict::NotLinearizable(failure) => (Some(failure.key.clone()), Some(failure)),
        Verdict::Unknown { key } => (Some(key.clone()), None),
    };
    let near = failure.iter().flat_map(|failure| &failure.lines).map(|near| Near {
        line: key.and_then(|key| file_lines(history, key, near.operation)).map(|(line, _)| count(line)),
        role: role(near.role).to_owned(),
        record: near.state.clone(),
    });
    RunLine::History(Box::new(HistoryLine {
        path: file.to_owned(),
        verdict: word(&judged.verdict),
        operations: count(judged.operations),
        answered: count(judged.answered),
        indeterminate: count(judged.unknown),
        partitions: 0,
        keys: Some(count(judged.keys)),
        configurations: judged.configurations,
        partition: None,
        key: name,
        minimal: minimal.map(|minimal| minimal.path.display().to_string()),
        found: failure.map(|failure| failure.found.clone()),
        against: failure.map(|failure| failure.against.clone()),
        near: near.collect(),
        seconds: took.into(),
    }))
}

fn say(console: &Console, file: &str, judged: &Judged, budget: u64, took: Duration) {
    let count = |what: usize| HumanCount(count(what));
    let covered = format!(
        "{} operations, {} answered, {} indeterminate; keys: {}; {took:.1?}",
        count(judged.operations),
        count(judged.answered),
        count(judged.unknown),
        count(judged.keys),
    );
    console.say(&format!("{:>16}  {file}   {covered}", word(&judged.verdict)));
    if let Verdict::Unknown { key } = &judged.verdict {
        console.say(&format!(
            "      {key:?}: the budget of {} configurations ended before an order was found or excluded",
            HumanCount(budget)
        ));
    }
}

fn explain(console: &Console, history: &History, key: &Key, failure: &Failure) {
    console.say(
        "      Each key's operations have an order that explains every answer and keeps to their times.",
    );
    console.say("");
    console.say(&format!("      {}", failure.found));
    for line in cutover_model::render::wrap(&failure.against, 100) {
        console.say(&format!("      {line}"));
    }
    console.say("");
    for near in &failure.lines {
        console.say(&shown(history, key, near));
    }
}

/// An operation as text: the lines of its events, its process, and what the register holds after it.
fn shown(history: &History, key: &Key, near: &Line) -> String {
    let Some(operation) = key.operation(near.operation) else { return String::new() };
    let (from, to) = file_lines(history, key, near.operation).unwrap_or_default();
    let (mark, note) = match (near.role, &near.state) {
        (Role::Placed, Some(held)) => (' ', format!("the register holds {held}")),
        (Role::Placed, None) => (' ', String::new()),
        (Role::Stuck, _) => ('✗', "← finds no place".to_owned()),
        (Role::Open, _) => (' ', "overlaps it, and does not help".to_owned()),
    };
    let to = to.map_or_else(|| "…".to_owned(), |line| line.to_string());
    let lines = format!("{from}–{to}");
    let what = operation.to_string();
    format!("  lines {lines:<16} {mark} p{:<4} {what:<36}   {note}", operation.process())
}

fn others(console: &Console, judged: &Judged, minimal: Option<&Minimal>) {
    console.say("");
    if judged.violated > 1 {
        console.say(&format!("      {} keys have no order; this is the first of them", judged.violated));
    }
    if let Some(Minimal { path, operations }) = minimal {
        console.say(&format!("      {operations} of its operations have no order by themselves"));
        console.say(&format!("  reproduce   {} history {}", front_door(), path.display()));
    }
}
