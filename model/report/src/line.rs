//! The lines of a run for machines, schema `cutover.run/1`: one JSON object each, distinguished by the field
//! `type`.
//!
//! Every program writes and reads lines through these types. Fields that were added after the first version have a
//! default, so that older files can still be read.

mod comparison;
mod coverage;
mod demo;
mod history;
mod scoreboard;
mod search;
mod simulation;
mod walk;

pub use comparison::{Contents, Review, Touched};
pub use coverage::{Coverage, Transitions, Unexecuted};
pub use demo::Demo;
pub use history::{History, Near};
pub use scoreboard::{Baseline, EngineTotal, Mutant, Patch};
pub use search::{Goals, Listed, Recording, Scope, Trace, Verdict};
pub use simulation::Seed;
pub use walk::Walk;

use crate::Change;
use crate::seconds::Seconds;
use crate::words::Chosen;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Name and version of the schema. Its number is raised when an existing line changes its meaning.
pub const SCHEMA: &str = "cutover.run/1";

/// Options of a run, by name.
pub type Options = Map<String, Value>;

/// A line of a run. In JSON the variant's name is the field `type`, in kebab case.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum Line {
    /// The first line of every run.
    RunStarted(RunStarted),
    /// The last line of every run. If it is missing, the run was cut off.
    RunFinished {
        /// The exit code of the process.
        exit: u8,
        /// Wall time of the run.
        seconds: Seconds,
    },
    /// `check`: the size and completeness of the search of a scope.
    Scope(Box<Scope>),
    /// `check`: the verdict on an invariant in a scope.
    Verdict(Verdict),
    /// `check`: a mark that the search of a scope reached.
    Reached {
        /// Name of the scope.
        scope: String,
        /// Text of the mark.
        what: String,
    },
    /// `walk`: what the walks through a scope covered, and found.
    Walk(Box<Walk>),
    /// `check --list`: a scope with its bounds.
    Listed(Listed),
    /// `check --list` and `explain`: an invariant of the registry.
    Invariant {
        /// Id of the invariant, such as `raft.election-safety`.
        id: String,
        /// What the invariant states, in one sentence.
        claim: String,
        /// The paper, bug or design from which the invariant comes.
        source: String,
        /// What is needed to judge it: `Node`, `Cluster` or `History`; `explain` only.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        scope: Option<String>,
        /// File names of the mutants that it has to kill; `explain` only.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        kills: Option<Vec<String>>,
    },
    /// `replay`: a stored trace that was run again.
    Trace(Trace),
    /// `replay`: a node's flight recording that was run again.
    Recording(Recording),
    /// `mutants`: the result of the unmutated tree in a scope.
    Baseline(Baseline),
    /// `mutants`: the result of a mutant.
    Mutant(Box<Mutant>),
    /// `mutants`: what one of several engines found.
    EngineTotal(EngineTotal),
    /// `mutants`: a mutant that was selected but not run.
    NotRun {
        /// File name of the patch.
        patch: String,
        /// Why the mutant was selected.
        chosen: Chosen,
    },
    /// `mutants --apply-only`: whether a patch applies.
    Apply {
        /// File name of the patch.
        patch: String,
        /// Whether `git apply` accepts the patch.
        applies: bool,
        /// The error message of git, if the patch does not apply.
        #[serde(default)]
        why: Option<String>,
    },
    /// `mutants --list`: a patch with its header.
    Patch(Box<Patch>),
    /// `sim`: the result of a seed.
    Seed(Box<Seed>),
    /// `sim`: how often a kind of fault happened.
    Fault {
        /// Name of the fault, such as `crash`.
        kind: String,
        /// Number of times, over all seeds of the run.
        count: u64,
    },
    /// `sim`: how often a mark was reached.
    Mark {
        /// Text of the mark.
        mark: String,
        /// Number of times, over all seeds of the run.
        count: u64,
    },
    /// `sim`: how often something was counted that is neither a fault nor a mark.
    Count {
        /// The group to which the counter belongs, such as the calls of clients.
        group: String,
        /// Name of the counter within its group.
        what: String,
        /// Number of times, over all seeds of the run.
        count: u64,
    },
    /// `review`: a difference between base and head.
    Change(Change),
    /// `review`: the outcome of the comparison.
    Review(Box<Review>),
    /// `review`: a function that the change touches.
    Touched(Touched),
    /// `history`: the verdict on a file of operations.
    History(Box<History>),
    /// `coverage`: how many lines of a source file judged runs execute.
    Coverage(Coverage),
    /// `coverage`: lines that no judged run executes.
    Unexecuted(Box<Unexecuted>),
    /// `coverage`: an entry of the list of unexecuted lines that is not true.
    Untrue {
        /// The entry, without its reason.
        entry: String,
        /// Why it is not true.
        why: String,
    },
    /// `coverage`: the transitions that walks of a scope took.
    Transitions(Transitions),
    /// `coverage --sim`: an entry whose lines the simulator executes, and whose reason is another.
    Simulated {
        /// The entry, without its reason.
        entry: String,
    },
    /// `demo`: what became of the writes.
    Demo(Box<Demo>),
    /// A line whose type this version does not know.
    #[serde(other, skip_serializing)]
    Other,
}

/// The first line of a run: which program ran, with which options.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct RunStarted {
    /// Always [`SCHEMA`] in files that this version writes.
    pub schema: String,
    /// The verb, such as `check`.
    pub command: String,
    /// Version of the program.
    #[serde(default)]
    pub version: String,
    /// All options with their values, defaults included.
    #[serde(default)]
    pub options: Options,
}
