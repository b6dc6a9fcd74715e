//! What searches and replays print.

use crate::Seconds;
use crate::words::{InvariantVerdict, TraceVerdict};
use serde::{Deserialize, Serialize};

/// A scope's search. The second half is not in what early versions print.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Scope {
    /// The scope.
    pub scope: String,
    /// Whether every state within the bounds was visited.
    pub complete: bool,
    /// States generated.
    #[serde(default)]
    pub generated: u64,
    /// States told apart.
    pub unique: u64,
    /// The longest run.
    #[serde(default)]
    pub depth: u64,
    /// On the wall.
    #[serde(default)]
    pub seconds: Seconds,
    /// The limit that ended it.
    #[serde(default)]
    pub ended_by: Option<String>,
    /// Situations that it must come to, and did not.
    #[serde(default)]
    pub missing: Vec<String>,
    /// How large it is.
    #[serde(default)]
    pub bounds: Option<String>,
    /// What may go wrong in it.
    #[serde(default)]
    pub faults: String,
    /// The invariant that a design known to be unsafe has to violate in it.
    #[serde(default)]
    pub expect: Option<String>,
}

/// The verdict on an invariant in a scope.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Verdict {
    /// The scope.
    pub scope: String,
    /// The invariant's id.
    pub invariant: String,
    /// The verdict.
    pub verdict: InvariantVerdict,
    /// Of the run that violates it.
    #[serde(default)]
    pub steps: Option<u64>,
    /// Where that run was written.
    #[serde(default)]
    pub trace: Option<String>,
}

/// A scope in the list of scopes.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Listed {
    /// The scope.
    pub scope: String,
    /// What it is.
    #[serde(default)]
    pub about: String,
    /// How large it is.
    #[serde(default)]
    pub bounds: String,
    /// What may go wrong in it.
    #[serde(default)]
    pub faults: String,
    /// The invariant that it has to violate.
    #[serde(default)]
    pub expect: Option<String>,
}

/// A stored trace, run again.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Trace {
    /// The file.
    pub path: String,
    /// The verdict.
    pub verdict: TraceVerdict,
    /// Whether every step did what the file says.
    pub as_recorded: bool,
    /// What it violates.
    #[serde(default)]
    pub invariant: Option<String>,
    /// The step that violates it, or that cannot be done.
    #[serde(default)]
    pub step: Option<u64>,
}

/// The recording of a node, run again.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Recording {
    /// The file.
    pub path: String,
    /// The verdict.
    pub verdict: TraceVerdict,
    /// Inputs in it.
    pub calls: u64,
    /// The state that the node ended in, or why there is none.
    pub note: String,
}
