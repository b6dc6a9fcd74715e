//! The line that `walk` prints.

use crate::Seconds;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Walks through a scope. They prove nothing: that nothing was found is no verdict.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Walk {
    /// Name of the scope.
    pub scope: String,
    /// The seed of the run.
    pub seed: u64,
    /// Walks that have ended.
    pub walks: u64,
    /// Steps taken and judged.
    pub steps: u64,
    /// Wall time.
    pub seconds: Seconds,
    /// Abstract states that were seen.
    pub states: u64,
    /// Pairs of an abstract state and a kind of action that was taken in it.
    pub transitions: u64,
    /// Steps of each kind of action.
    pub kinds: BTreeMap<String, u64>,
    /// Marks that were reached.
    #[serde(default)]
    pub marks: Vec<String>,
    /// Kinds of action that were never taken, and marks that were never reached.
    #[serde(default)]
    pub never: Vec<String>,
    /// The number of the walk that violates an invariant.
    #[serde(default)]
    pub failed: Option<u64>,
    /// Id of the invariant that it violates.
    #[serde(default)]
    pub invariant: Option<String>,
    /// Path of the trace file of that walk, shortened, if one was written.
    #[serde(default)]
    pub trace: Option<String>,
}
