//! The output of all programs: the lines of a run for machines (schema `cutover.run/1`), results and progress for
//! people, and the exit codes.
//!
//! Knows nothing of any protocol: invariants, scopes and mutants are names. So a harness for another protocol prints the
//! same lines, and `review` reads them.
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
    Baseline, Contents, History, Line, Listed, Mutant, Near, Options, Patch, Recording, Review, RunStarted,
    SCHEMA, Scope, Seed, Trace, Verdict,
};
pub use seconds::Seconds;
pub use words::{
    BaselineVerdict, Chosen, Engine, Expect, HistoryVerdict, InvariantVerdict, MutantVerdict, SeedVerdict,
    TraceVerdict,
};

/// How results are printed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, clap::ValueEnum)]
pub enum Format {
    /// For people.
    #[default]
    Human,
    /// One JSON object a line.
    Json,
}

/// The message of a wrong command line, on one line: clap's first paragraph says what is wrong, the rest how the
/// program is used.
#[must_use]
pub fn usage_error(error: &clap::Error) -> String {
    let text = error.to_string();
    let lines = text.lines().take_while(|line| !line.trim().is_empty());
    let line = lines.map(str::trim).collect::<Vec<_>>().join(" ");
    line.strip_prefix("error: ").unwrap_or(&line).to_owned()
}
