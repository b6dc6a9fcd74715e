//! The lines of a run for machines, schema `cutover.run/1`: one JSON object each, told apart by `type`.
//!
//! Every program writes its lines as these types, and whoever reads them reads these types. What was added after the
//! first version has a default, so that older files can be read.

mod comparison;
mod history;
mod scoreboard;
mod search;
mod simulation;

pub use comparison::{Contents, Review};
pub use history::{History, Near};
pub use scoreboard::{Baseline, Mutant, Patch};
pub use search::{Listed, Recording, Scope, Trace, Verdict};
pub use simulation::Seed;

use crate::Change;
use crate::seconds::Seconds;
use crate::words::Chosen;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The schema's name. Breaking a line's meaning raises its number.
pub const SCHEMA: &str = "cutover.run/1";

/// Options by name.
pub type Options = Map<String, Value>;

/// A line of a run.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum Line {
    /// The first line.
    RunStarted(RunStarted),
    /// The last line. A run without it was cut off.
    RunFinished {
        /// The exit code.
        exit: u8,
        /// On the wall.
        seconds: Seconds,
    },
    /// `check`: a scope's search.
    Scope(Box<Scope>),
    /// `check`: the verdict on an invariant in a scope.
    Verdict(Verdict),
    /// `check`: a situation that a scope's search came to.
    Reached {
        /// The scope.
        scope: String,
        /// The situation.
        what: String,
    },
    /// `check --list`: a scope.
    Listed(Listed),
    /// `check --list` and `explain`: an invariant.
    Invariant {
        /// Its id.
        id: String,
        /// What it says.
        claim: String,
        /// Where it is from.
        source: String,
        /// Who judges it; `explain` only.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        scope: Option<String>,
        /// The mutants that it kills; `explain` only.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        kills: Option<Vec<String>>,
    },
    /// `replay`: a stored trace.
    Trace(Trace),
    /// `replay`: the recording of a node.
    Recording(Recording),
    /// `mutants`: the unmutated tree over a scope.
    Baseline(Baseline),
    /// `mutants`: one that was run.
    Mutant(Box<Mutant>),
    /// `mutants`: one that was chosen, and not run.
    NotRun {
        /// The patch's file name.
        patch: String,
        /// Why it was chosen.
        chosen: Chosen,
    },
    /// `mutants --apply-only`: a patch.
    Apply {
        /// The patch's file name.
        patch: String,
        /// Whether it applies.
        applies: bool,
        /// git's complaint.
        #[serde(default)]
        why: Option<String>,
    },
    /// `mutants --list`: a patch.
    Patch(Box<Patch>),
    /// `sim`: a seed.
    Seed(Box<Seed>),
    /// `sim`: how often a kind of fault happened.
    Fault {
        /// The kind.
        kind: String,
        /// In all seeds together.
        count: u64,
    },
    /// `sim`: how often a coverage mark was reached.
    Mark {
        /// The mark.
        mark: String,
        /// In all seeds together.
        count: u64,
    },
    /// `sim`: how often something else happened.
    Count {
        /// What kind of thing.
        group: String,
        /// The thing.
        what: String,
        /// In all seeds together.
        count: u64,
    },
    /// `review`: a difference.
    Change(Change),
    /// `review`: the outcome.
    Review(Box<Review>),
    /// `history`: a file that was judged.
    History(Box<History>),
    /// A line of another version.
    #[serde(other, skip_serializing)]
    Other,
}

/// The start of a run.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct RunStarted {
    /// [`SCHEMA`].
    pub schema: String,
    /// The verb.
    pub command: String,
    /// Of the program.
    #[serde(default)]
    pub version: String,
    /// All options, as expanded.
    #[serde(default)]
    pub options: Options,
}
