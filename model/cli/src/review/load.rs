//! A file of JSON lines: one run, or several one after the other.
//!
//! A run begins with `run-started` and ends with `run-finished`; between them the order of lines does not matter. A
//! run without its last line is refused: what it did not come to say would read as gone.

use super::line::{Line, Started};
use super::run;
use super::side::Side;
use serde_json::error::Category;
use std::path::Path;
use thiserror::Error;

const SCHEMA: &str = "cutover.run/1";

/// A file that cannot be compared.
#[derive(Debug, Error)]
pub enum Unreadable {
    /// The system does not give it.
    #[error("{file}: cannot be read: {error}")]
    Io {
        /// The file.
        file: String,
        /// What the system said.
        error: std::io::Error,
    },
    /// A line is not what it should be.
    #[error("{file}: line {line}: found {found}, expected {expected}")]
    Line {
        /// The file.
        file: String,
        /// The line, from 1.
        line: usize,
        /// What stands there.
        found: String,
        /// What should stand there.
        expected: String,
    },
}

/// What is wrong with a line of a file that is still to be named.
pub(super) struct Wrong {
    pub(super) line: usize,
    pub(super) found: String,
    pub(super) expected: String,
}

impl Wrong {
    pub(super) fn new(line: usize, found: impl Into<String>, expected: impl Into<String>) -> Self {
        Self { line, found: found.into(), expected: expected.into() }
    }
}

/// A run whose last line is still to come.
pub(super) struct Open {
    pub(super) line: usize,
    pub(super) started: Started,
    pub(super) lines: Vec<(usize, Line)>,
}

/// Reads a file.
///
/// # Errors
/// [`Unreadable`], with the first thing that is wrong.
pub fn read(path: &Path) -> Result<Side, Unreadable> {
    let file = path.display().to_string();
    let bytes = std::fs::read(path).map_err(|error| Unreadable::Io { file: file.clone(), error })?;
    let text = String::from_utf8(bytes).map_err(|error| {
        let good = error.utf8_error().valid_up_to();
        let line = 1 + error.as_bytes()[..good].iter().filter(|byte| **byte == b'\n').count();
        named(&file, Wrong::new(line, "bytes that are not UTF-8", JSON_LINES))
    })?;
    read_text(&file, &text)
}

const JSON_LINES: &str = "a JSON line of `cutover check` or `cutover mutants`";

/// Reads a file's text.
///
/// # Errors
/// [`Unreadable::Line`], with the first line that is wrong.
pub fn read_text(file: &str, text: &str) -> Result<Side, Unreadable> {
    runs(file, text).map_err(|wrong| named(file, wrong))
}

fn named(file: &str, wrong: Wrong) -> Unreadable {
    let Wrong { line, found, expected } = wrong;
    Unreadable::Line { file: file.to_owned(), line, found, expected }
}

fn runs(file: &str, text: &str) -> Result<Side, Wrong> {
    let mut reader = run::Reader::new(file);
    let mut open: Option<Open> = None;
    let mut last = 1;
    for (number, line) in (1..).zip(text.lines()) {
        last = number;
        if line.trim().is_empty() {
            continue;
        }
        let parsed = parse(number, line, text)?;
        open = match (parsed, open) {
            (Line::RunStarted(_), Some(run)) => return Err(cut(number, "the start of another run", &run)),
            (Line::RunStarted(started), None) => Some(begin(number, started)?),
            (Line::RunFinished { exit }, Some(run)) => {
                ended(number, exit)?;
                reader.take(run)?;
                None
            }
            (line, Some(mut run)) => {
                run.lines.push((number, line));
                Some(run)
            }
            (_, None) => {
                let found = format!("{:?} outside of a run", short(line));
                return Err(Wrong::new(number, found, "a line run-started"));
            }
        };
    }
    match open {
        Some(run) => Err(cut(last, "the end of the file", &run)),
        None if reader.is_empty() => Err(Wrong::new(1, "no line", "a line run-started")),
        None => Ok(reader.side),
    }
}

fn cut(line: usize, found: &str, run: &Open) -> Wrong {
    let expected = format!("run-finished: the run that starts on line {} is truncated", run.line);
    Wrong::new(line, found, expected)
}

fn begin(line: usize, started: Started) -> Result<Open, Wrong> {
    if started.schema != SCHEMA {
        return Err(Wrong::new(line, format!("schema {:?}", started.schema), format!("{SCHEMA:?}")));
    }
    match started.command.as_str() {
        "check" | "check --list" | "mutants" => Ok(Open { line, started, lines: Vec::new() }),
        other => Err(Wrong::new(line, format!("a run of {other:?}"), "one of \"check\" or \"mutants\"")),
    }
}

/// A run that could not do its work has a last line, and no result.
fn ended(line: usize, exit: u64) -> Result<(), Wrong> {
    if exit < 64 {
        return Ok(());
    }
    Err(Wrong::new(line, format!("a run that ended with exit code {exit}"), "one with a result, below 64"))
}

fn parse(number: usize, line: &str, text: &str) -> Result<Line, Wrong> {
    if !line.trim_start().starts_with('{') {
        return Err(Wrong::new(number, format!("{:?}, which is no JSON object", short(line)), JSON_LINES));
    }
    serde_json::from_str(line).map_err(|error| match error.classify() {
        Category::Data => {
            let full = error.to_string();
            let why = full.split(" at line ").next().unwrap_or(&full);
            Wrong::new(number, format!("{:?} ({why})", short(line)), JSON_LINES)
        }
        Category::Syntax | Category::Eof | Category::Io => {
            let at_end = text.ends_with(line);
            let cut = if at_end { ", where the file ends: it may be truncated" } else { "" };
            Wrong::new(number, format!("{:?}, which is not JSON{cut}", short(line)), JSON_LINES)
        }
    })
}

/// As much of a line as fits into a message.
fn short(line: &str) -> String {
    const LONGEST: usize = 60;
    if line.chars().count() <= LONGEST {
        return line.to_owned();
    }
    let kept: String = line.chars().take(LONGEST).collect();
    format!("{kept}…")
}
