//! The file format of a history of operations: JSON lines, one per operation, between a first line with the schema
//! and a last line with the number of operations. A file without its last line is refused, since the missing
//! operations may be those that contradict the others.
//!
//! ```text
//! {"type":"history-started","schema":"cutover.history/1"}
//! {"type":"operation","client":3,"partition":1,"invoked":1200,"completed":3400,"call":{"read":{"seen":"nothing"}}}
//! {"type":"operation","client":4,"partition":1,"invoked":1300,"call":{"apply":{"transition":
//!   {"Create":{"placement":0,"guarantee":"Sealed"}},"answer":"indeterminate"}}}
//! {"type":"history-finished","operations":2}
//! ```
//!
//! (Each operation is one line; the second one is folded here.) Operations may be in any order. `invoked` and
//! `completed` are times of one clock, or sequence numbers.

use cutover::core::invariant::history::Operation;
use serde::{Deserialize, Serialize};
use serde_json::error::Category;
use std::io::{self, Write};
use std::path::Path;
use thiserror::Error;

/// Name and version of the file format. Its number is raised when a line changes its meaning.
pub const SCHEMA: &str = "cutover.history/1";

/// A line of the file.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
enum Line {
    HistoryStarted { schema: String },
    Operation(Box<Operation>),
    HistoryFinished { operations: usize },
}

/// A history of operations as read from a file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct History {
    /// The operations, in the order of the file.
    pub operations: Vec<Operation>,
    /// The line number of each operation, from 1.
    pub lines: Vec<usize>,
}

/// Why a file cannot be read as a history.
#[derive(Debug, Error)]
pub enum Unreadable {
    /// The operating system cannot read the file.
    #[error("cannot be read: {0}")]
    Io(#[from] io::Error),
    /// A line is not as expected.
    #[error("line {line}: found {found}, expected {expected}")]
    Line {
        /// Number of the line, from 1.
        line: usize,
        /// The line's content, shortened.
        found: String,
        /// What the line should contain.
        expected: String,
    },
}

/// Writes a history to a file while the operations happen.
#[derive(Debug)]
pub struct Writer<W> {
    out: W,
    operations: usize,
}

impl<W: Write> Writer<W> {
    /// Writes the first line.
    ///
    /// # Errors
    /// The error of the output.
    pub fn new(out: W) -> io::Result<Self> {
        let mut writer = Self { out, operations: 0 };
        writer.line(&Line::HistoryStarted { schema: SCHEMA.to_owned() })?;
        Ok(writer)
    }

    /// Writes an operation whose answer is final.
    ///
    /// # Errors
    /// The error of the output.
    pub fn operation(&mut self, operation: Operation) -> io::Result<()> {
        self.operations += 1;
        self.line(&Line::Operation(Box::new(operation)))
    }

    /// Writes the last line, without which the file cannot be read.
    ///
    /// # Errors
    /// The error of the output.
    pub fn finish(mut self) -> io::Result<W> {
        self.line(&Line::HistoryFinished { operations: self.operations })?;
        self.out.flush()?;
        Ok(self.out)
    }

    fn line(&mut self, line: &Line) -> io::Result<()> {
        writeln!(self.out, "{}", serde_json::to_string(line)?)
    }
}

/// Reads the text of a file.
///
/// # Errors
/// [`Unreadable`] if it is none.
pub(crate) fn text(path: &Path) -> Result<String, Unreadable> {
    let bytes = std::fs::read(path)?;
    String::from_utf8(bytes).map_err(|error| {
        let good = error.utf8_error().valid_up_to();
        let line = 1 + error.as_bytes().iter().take(good).filter(|byte| **byte == b'\n').count();
        wrong(line, "bytes that are not UTF-8", A_LINE)
    })
}

pub(crate) const A_LINE: &str = "a JSON line of a history";

/// Reads a history from its text.
///
/// # Errors
/// [`Unreadable::Line`] with the first wrong line.
pub fn parse(text: &str) -> Result<History, Unreadable> {
    let mut history = History { operations: Vec::new(), lines: Vec::new() };
    let (mut started, mut finished, mut last) = (false, false, 1);
    for (number, line) in (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty()) {
        last = number;
        match parsed(number, line, text)? {
            _ if finished => return Err(wrong(number, short(line), "nothing after history-finished")),
            Line::HistoryStarted { schema } if !started && schema == SCHEMA => started = true,
            Line::HistoryStarted { schema } if !started => {
                return Err(wrong(number, format!("schema {schema:?}"), format!("{SCHEMA:?}")));
            }
            _ if !started => return Err(wrong(number, short(line), "a line history-started first")),
            Line::HistoryStarted { .. } => {
                return Err(wrong(
                    number,
                    "the start of another history",
                    "an operation or history-finished",
                ));
            }
            Line::Operation(operation) => {
                operation
                    .check(history.operations.len())
                    .map_err(|malformed| wrong(number, malformed.found, malformed.expected))?;
                history.operations.push(*operation);
                history.lines.push(number);
            }
            Line::HistoryFinished { operations } if operations == history.operations.len() => finished = true,
            Line::HistoryFinished { operations } => {
                let found = format!("history-finished after {}", counted(history.operations.len()));
                return Err(wrong(number, found, counted(operations)));
            }
        }
    }
    match (started, finished) {
        (true, true) => Ok(history),
        (true, false) => {
            let found = format!("the end of the file after {}", counted(history.operations.len()));
            Err(wrong(last, found, "history-finished: the history is truncated"))
        }
        (false, _) => Err(wrong(1, "no line", "a line history-started")),
    }
}

fn counted(operations: usize) -> String {
    if operations == 1 { "1 operation".to_owned() } else { format!("{operations} operations") }
}

pub(crate) fn wrong(line: usize, found: impl Into<String>, expected: impl Into<String>) -> Unreadable {
    Unreadable::Line { line, found: found.into(), expected: expected.into() }
}

/// A line of `text` as JSON of this type.
pub(crate) fn parsed<'a, T: Deserialize<'a>>(
    number: usize,
    line: &'a str,
    text: &str,
) -> Result<T, Unreadable> {
    if !line.trim_start().starts_with('{') {
        return Err(wrong(number, format!("{}, which is no JSON object", short(line)), A_LINE));
    }
    serde_json::from_str(line).map_err(|error| match error.classify() {
        Category::Data => {
            let full = error.to_string();
            let why = full.split(" at line ").next().unwrap_or(&full);
            wrong(number, format!("{} ({why})", short(line)), A_LINE)
        }
        Category::Syntax | Category::Eof | Category::Io => {
            let cut = if text.ends_with(line) { ", where the file ends: it may be truncated" } else { "" };
            wrong(number, format!("{}, which is not JSON{cut}", short(line)), A_LINE)
        }
    })
}

/// A line, shortened to fit into a message.
pub(crate) fn short(line: &str) -> String {
    const LONGEST: usize = 60;
    let kept: String = line.chars().take(LONGEST).collect();
    let more = if kept.len() < line.len() { "…" } else { "" };
    format!("{kept:?}{more}")
}
