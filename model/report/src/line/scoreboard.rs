//! What the scoreboard of mutants prints.

use crate::Seconds;
use crate::words::{BaselineVerdict, Engine, Expect, MutantVerdict};
use serde::{Deserialize, Serialize};

/// The unmutated tree over a scope.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Baseline {
    /// The scope, or the file of a trace; none where only the compiler is asked.
    pub scope: Option<String>,
    /// The verdict.
    pub verdict: BaselineVerdict,
    /// The invariant that fails.
    #[serde(default)]
    pub by: Option<String>,
    /// States told apart.
    pub states: Option<u64>,
    /// Of the check.
    #[serde(default)]
    pub cpu_s: Seconds,
    /// The reason.
    #[serde(default)]
    pub why: String,
}

/// A mutant that was run.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Mutant {
    /// Number in the list of published bugs.
    #[serde(default)]
    pub bug: Option<u32>,
    /// Row of the list of rules.
    #[serde(default)]
    pub rule: Option<String>,
    /// The patch's file name.
    pub patch: String,
    /// What judged it.
    #[serde(default)]
    pub engine: Option<Engine>,
    /// What became of it.
    pub verdict: MutantVerdict,
    /// The search ended before it could tell.
    #[serde(default)]
    pub unknown: bool,
    /// What had to become of it.
    pub expect: Expect,
    /// Whether it did.
    pub as_expected: bool,
    /// The invariant that has to fail, or where a trace has to diverge.
    pub named: String,
    /// What failed.
    #[serde(default)]
    pub by: Option<String>,
    /// Where: a scope, or the file of a trace.
    #[serde(default)]
    pub scope: Option<String>,
    /// States told apart.
    #[serde(default)]
    pub states: Option<u64>,
    /// Seeds run, if the simulator judged it.
    #[serde(default)]
    pub seeds: Option<u64>,
    /// Of the check.
    #[serde(default)]
    pub cpu_s: Seconds,
    /// To the violation.
    #[serde(default)]
    pub steps: Option<u64>,
    /// The reason.
    #[serde(default)]
    pub why: String,
}

/// A patch in the list of mutants.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Patch {
    /// Its file name.
    pub patch: String,
    /// Number in the list of published bugs.
    #[serde(default)]
    pub bug: Option<u32>,
    /// Row of the list of rules.
    #[serde(default)]
    pub rule: Option<String>,
    /// Where the bug was published.
    #[serde(default)]
    pub source: Option<String>,
    /// What the bug does.
    #[serde(default)]
    pub mechanism: String,
    /// The invariant that has to fail, or where a trace has to diverge.
    #[serde(default)]
    pub named: String,
    /// Where: a scope, or the file of a trace.
    #[serde(default)]
    pub scope: Option<String>,
    /// What has to become of it.
    #[serde(default)]
    pub expect: Option<Expect>,
    /// Free text.
    #[serde(default)]
    pub note: Option<String>,
    /// The files that it touches.
    #[serde(default)]
    pub files: Vec<String>,
}
