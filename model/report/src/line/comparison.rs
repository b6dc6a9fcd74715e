//! The lines that `review` prints.

use serde::{Deserialize, Serialize};

/// The outcome of the comparison of two runs.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Review {
    /// `SAME`, `CHANGED`, `DECIDE`, `UNKNOWN` or `NOTHING`.
    pub outcome: String,
    /// What the base file contains.
    pub base: Contents,
    /// What the head file contains.
    pub head: Contents,
    /// Number of invariants with a verdict on both sides.
    pub invariants: u64,
    /// Number of mutants with a verdict on both sides.
    pub mutants: u64,
    /// Number of seeds that ran on both sides.
    #[serde(default)]
    pub seeds: u64,
    /// Number of mutants that ran in base only.
    pub base_only: u64,
    /// Number of mutants that ran in head only.
    pub head_only: u64,
    /// Failures that both sides have alike, a text each: not caused by the change.
    pub standing: Vec<String>,
    /// Searches and runs that ended early on both sides alike, a text each.
    pub unknown: Vec<String>,
}

/// A function that a change touches.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Touched {
    /// The file, relative to the root of the repository.
    pub file: String,
    /// The function, with the type that it is of.
    pub function: String,
    /// The rules that mutants of the function leave out.
    pub rules: Vec<String>,
    /// The mutants of the function, by name.
    pub mutants: Vec<String>,
}

/// What one file of a comparison contains.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Contents {
    /// Path of the file, as given on the command line.
    pub file: String,
    /// Number of scopes that were searched.
    pub scopes: u64,
    /// Number of mutants that ran.
    pub mutants: u64,
    /// Number of seeds that ran.
    #[serde(default)]
    pub seeds: u64,
}
