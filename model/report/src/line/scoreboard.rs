//! The lines that `mutants`, the scoreboard, prints.

use crate::Seconds;
use crate::words::{BaselineVerdict, Engine, Expect, MutantVerdict};
use serde::{Deserialize, Serialize};

/// The result of the unmutated tree in a scope: what mutants are compared with.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Baseline {
    /// Name of the scope, or the file of a trace; `None` for mutants that must not compile, which need no search.
    pub scope: Option<String>,
    /// The verdict on the unmutated tree.
    pub verdict: BaselineVerdict,
    /// Id of the invariant that fails, if one does.
    #[serde(default)]
    pub by: Option<String>,
    /// Number of unique states of the search.
    pub states: Option<u64>,
    /// CPU time of the check, without the build.
    #[serde(default)]
    pub cpu_s: Seconds,
    /// Why the verdict is not `HOLDS`; empty if it is.
    #[serde(default)]
    pub why: String,
}

/// The result of a mutant.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Mutant {
    /// Number in the list of published bugs, if the mutant repeats one.
    #[serde(default)]
    pub bug: Option<u32>,
    /// The rule of the protocol that the mutant leaves out, if it names one.
    #[serde(default)]
    pub rule: Option<String>,
    /// The kind of bug, if the mutant is one of several of a kind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// File name of the patch.
    pub patch: String,
    /// What judged it; `None` if only the compiler did.
    #[serde(default)]
    pub engine: Option<Engine>,
    /// Whether the mutant was killed.
    pub verdict: MutantVerdict,
    /// Whether a limit ended the search or simulation before it had a verdict.
    #[serde(default)]
    pub unknown: bool,
    /// The verdict that the patch's header demands.
    pub expect: Expect,
    /// Whether the verdict is the expected one.
    pub as_expected: bool,
    /// Id of the invariant that must fail, or the step at which a trace must diverge, from the patch's header; `any` if
    /// whatever this engine finds kills.
    pub named: String,
    /// Id of the invariant that failed, or `the compiler`.
    #[serde(default)]
    pub by: Option<String>,
    /// Name of the scope in which it was judged, or the file of the trace.
    #[serde(default)]
    pub scope: Option<String>,
    /// Number of unique states of the search until it ended.
    #[serde(default)]
    pub states: Option<u64>,
    /// Number of seeds run, if the simulator judged the mutant.
    #[serde(default)]
    pub seeds: Option<u64>,
    /// CPU time of the check, without the build.
    #[serde(default)]
    pub cpu_s: Seconds,
    /// Length of the run that violates the invariant.
    #[serde(default)]
    pub steps: Option<u64>,
    /// Why the verdict is as it is, where the other fields do not say so; otherwise empty.
    #[serde(default)]
    pub why: String,
}

/// A patch in the list of mutants, with its header.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Patch {
    /// File name of the patch.
    pub patch: String,
    /// Number in the list of published bugs, if the mutant repeats one.
    #[serde(default)]
    pub bug: Option<u32>,
    /// The rule of the protocol that the mutant leaves out, if it names one.
    #[serde(default)]
    pub rule: Option<String>,
    /// Where the bug was published, if it was.
    #[serde(default)]
    pub source: Option<String>,
    /// What the patch changes, in one line.
    #[serde(default)]
    pub mechanism: String,
    /// Id of the invariant that must fail, or the step at which a trace must diverge.
    #[serde(default)]
    pub named: String,
    /// Name of the scope in which the mutant is judged, or the file of the trace.
    #[serde(default)]
    pub scope: Option<String>,
    /// The verdict that the mutant must get.
    #[serde(default)]
    pub expect: Option<Expect>,
    /// The author's remark, from the header.
    #[serde(default)]
    pub note: Option<String>,
    /// The kind of bug, if the mutant is one of several of a kind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// A run in which the bug does harm.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub harm: Option<String>,
    /// Why nothing has to find the mutant, if it changes nothing that anybody could notice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub equivalent: Option<String>,
    /// Paths of the files that the patch changes.
    #[serde(default)]
    pub files: Vec<String>,
}

/// What one engine found, of the mutants that it judged.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct EngineTotal {
    /// The engine.
    pub engine: Engine,
    /// Number of mutants that it judged.
    pub judged: u64,
    /// Number of mutants that it killed.
    pub killed: u64,
    /// CPU time until the kills, without the builds.
    #[serde(default)]
    pub cpu_s: Seconds,
    /// File names of the patches that it alone killed, of those that another engine judged as well.
    #[serde(default)]
    pub alone: Vec<String>,
}
