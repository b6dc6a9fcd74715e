//! Reads a file of JSON lines with one run, or several one after the other.
//!
//! A run begins with `run-started` and ends with `run-finished`; the order of the lines between them does not
//! matter. A run without its last line is refused, since results that were not printed would be taken for absent.

use super::renames::Renames;
use super::run::{self, Open};
use super::side::Side;
use super::wrong::{Unreadable, Wrong, text_of};
use crate::exit;
use cutover_report::{Line, RunStarted, SCHEMA};
use serde_json::error::Category;
use std::path::Path;

/// Reads a file.
///
/// # Errors
/// [`Unreadable`] with the first wrong line.
pub fn read(path: &Path) -> Result<Side, Unreadable> {
    read_renamed(path, &mut Renames::default())
}

/// Reads a file and replaces old names by new ones.
///
/// # Errors
/// [`Unreadable`] with the first wrong line; or if the map gives two things the same name.
pub fn read_renamed(path: &Path, renames: &mut Renames) -> Result<Side, Unreadable> {
    text_renamed(&path.display().to_string(), &text_of(path, JSON_LINES)?, renames)
}

const JSON_LINES: &str = "a JSON line of `cutover check`, `cutover mutants` or `cutover sim`";

/// Reads the text of a file.
///
/// # Errors
/// [`Unreadable::Line`] with the first wrong line.
pub fn read_text(file: &str, text: &str) -> Result<Side, Unreadable> {
    text_renamed(file, text, &mut Renames::default())
}

/// Reads the text of a file and replaces old names by new ones.
///
/// # Errors
/// [`Unreadable`] with the first wrong line; or if the map gives two things the same name.
pub fn text_renamed(file: &str, text: &str, renames: &mut Renames) -> Result<Side, Unreadable> {
    let side = runs(file, text, renames);
    // Checked before repeated results, since a wrong map can be the cause of those.
    renames.finish()?;
    side.map_err(|wrong| wrong.of(file))
}

fn runs(file: &str, text: &str, renames: &mut Renames) -> Result<Side, Wrong> {
    let mut reader = run::Reader::new(file);
    let mut open: Option<Open> = None;
    let mut last = 1;
    for (number, line) in (1..).zip(text.lines()) {
        last = number;
        if line.trim().is_empty() {
            continue;
        }
        let mut parsed = parse(number, line, text)?;
        renames.apply(&mut parsed);
        open = match (parsed, open) {
            (Line::RunStarted(_), Some(run)) => return Err(cut(number, "the start of another run", &run)),
            (Line::RunStarted(started), None) => Some(begin(number, started)?),
            (Line::RunFinished { exit, .. }, Some(run)) => {
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

fn begin(line: usize, started: RunStarted) -> Result<Open, Wrong> {
    if started.schema != SCHEMA {
        return Err(Wrong::new(line, format!("schema {:?}", started.schema), format!("{SCHEMA:?}")));
    }
    match started.command.as_str() {
        "check" | "check --list" | "mutants" | "sim" => Ok(Open { line, started, lines: Vec::new() }),
        other => {
            Err(Wrong::new(line, format!("a run of {other:?}"), "one of \"check\", \"mutants\" or \"sim\""))
        }
    }
}

/// Refuses the exit code of a run that failed: such a run has a last line, but no results.
fn ended(line: usize, code: u8) -> Result<(), Wrong> {
    if code < exit::USAGE {
        return Ok(());
    }
    Err(Wrong::new(line, format!("a run that ended with exit code {code}"), "one with a result, below 64"))
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

/// A line, shortened to fit into a message.
fn short(line: &str) -> String {
    const LONGEST: usize = 60;
    if line.chars().count() <= LONGEST {
        return line.to_owned();
    }
    let kept: String = line.chars().take(LONGEST).collect();
    format!("{kept}…")
}
