//! The lines that `check` and `replay` print.

use crate::Seconds;
use crate::words::{InvariantVerdict, TraceVerdict};
use serde::{Deserialize, Serialize};

/// The search of a scope. Fields from `ended_by` on are missing in files of early versions.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Scope {
    /// Name of the scope.
    pub scope: String,
    /// Whether every state within the bounds was visited.
    pub complete: bool,
    /// Number of generated states, repeated visits included.
    #[serde(default)]
    pub generated: u64,
    /// Number of unique states; states that are symmetric count once.
    pub unique: u64,
    /// Length of the longest run.
    #[serde(default)]
    pub depth: u64,
    /// Wall time of the search.
    #[serde(default)]
    pub seconds: Seconds,
    /// The limit that ended the search early: `budget`, `memory limit` or `interrupt`.
    #[serde(default)]
    pub ended_by: Option<String>,
    /// Marks that the scope requires and the search did not reach.
    #[serde(default)]
    pub missing: Vec<String>,
    /// Who takes part and how often each thing may happen, in words.
    #[serde(default)]
    pub bounds: Option<String>,
    /// The faults of the environment, in words.
    #[serde(default)]
    pub faults: String,
    /// Id of the invariant that the search must find violated: the scope holds a design known to be unsafe.
    #[serde(default)]
    pub expect: Option<String>,
    /// The judgement of goals, if the scope has any.
    #[serde(default)]
    pub goals: Option<Goals>,
}

/// How the goals of a scope were judged, and what that cost.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Goals {
    /// Number of goals.
    pub goals: u64,
    /// Number of states that were judged.
    pub judged: u64,
    /// Number of runs: the other states are equal, in all that a way depends on, to one from which a run has got there.
    pub runs: u64,
    /// Number of steps of all runs.
    pub steps: u64,
    /// Number of runs from states of which the goals are not asked, for instance since no quorum lives.
    pub excused: u64,
    /// Number of runs that were given up.
    pub cut: u64,
    /// Time of the runs, of all threads together.
    pub seconds: Seconds,
    /// Memory of what is known of ways.
    pub bytes: u64,
}

/// The verdict on an invariant in a scope.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Verdict {
    /// Name of the scope.
    pub scope: String,
    /// Id of the invariant.
    pub invariant: String,
    /// The verdict.
    pub verdict: InvariantVerdict,
    /// Length of the run that violates it.
    #[serde(default)]
    pub steps: Option<u64>,
    /// Path of the trace file of that run, if one was written.
    #[serde(default)]
    pub trace: Option<String>,
}

/// A scope in the output of `check --list`.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Listed {
    /// Name of the scope.
    pub scope: String,
    /// The purpose of the scope, in one sentence.
    #[serde(default)]
    pub about: String,
    /// Who takes part and how often each thing may happen, in words.
    #[serde(default)]
    pub bounds: String,
    /// The faults of the environment, in words.
    #[serde(default)]
    pub faults: String,
    /// Id of the invariant that the search must find violated, if the scope holds a design known to be unsafe.
    #[serde(default)]
    pub expect: Option<String>,
}

/// The result of replaying a stored trace.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Trace {
    /// Path of the trace file.
    pub path: String,
    /// How the replay ended.
    pub verdict: TraceVerdict,
    /// Whether every step had the effects that the file records.
    pub as_recorded: bool,
    /// Id of the invariant that the replay violates.
    #[serde(default)]
    pub invariant: Option<String>,
    /// Number of the step that violates the invariant or cannot be taken, from 1.
    #[serde(default)]
    pub step: Option<u64>,
}

/// The result of replaying a node's flight recording, or the recording of a partition.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Recording {
    /// Path of the recording.
    pub path: String,
    /// How the replay ended.
    pub verdict: TraceVerdict,
    /// Number of recorded calls to the node's engine, or of steps of the partition.
    pub calls: u64,
    /// A summary of the node's state at the end, or why there is none; of a partition, whether it ended as recorded.
    pub note: String,
    /// Id of the invariant that the machines of a partition violate.
    #[serde(default)]
    pub invariant: Option<String>,
    /// Number of the step that shows it, from 1.
    #[serde(default)]
    pub step: Option<u64>,
}
