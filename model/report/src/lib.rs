//! The output of all programs: lines for machines (schema `cutover.run/1`), results and progress for people, exit
//! codes.
//!
//! This crate knows no protocol: invariants, scopes and mutants are just names here. A harness for another protocol
//! therefore prints the same lines, and `review` can read them.
//!
//! May import: nothing.

mod change;
#[cfg(feature = "console")]
mod console;
pub mod exit;
mod line;
mod seconds;
mod words;

pub use change::{Call, Change, Kind, Value};
#[cfg(feature = "console")]
pub use console::Console;
pub use line::{
    Baseline, Contents, Coverage, Demo, EngineTotal, Goals, History, Line, Listed, Mutant, Near, Options,
    Patch, Recording, Review, RunStarted, SCHEMA, Scope, Seed, Touched, Trace, Transitions, Unexecuted,
    Verdict, Walk,
};
pub use seconds::Seconds;
pub use words::{
    BaselineVerdict, Chosen, Engine, Expect, HistoryVerdict, InvariantVerdict, MutantVerdict, SeedVerdict,
    TraceVerdict,
};

/// The format of results, chosen by `--format`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, clap::ValueEnum)]
pub enum Format {
    /// Text for people.
    #[default]
    Human,
    /// One JSON object per line, schema [`SCHEMA`].
    Json,
}

/// An error of command-line parsing as one line. clap's message has several paragraphs: the first says what is
/// wrong, the others show the usage.
#[must_use]
pub fn usage_error(error: &clap::Error) -> String {
    let text = error.to_string();
    let lines = text.lines().take_while(|line| !line.trim().is_empty());
    let line = lines.map(str::trim).collect::<Vec<_>>().join(" ");
    line.strip_prefix("error: ").unwrap_or(&line).to_owned()
}
