//! What a review prints.

use serde::{Deserialize, Serialize};

/// The outcome of a review.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Review {
    /// `SAME`, `CHANGED`, `DECIDE`, `UNKNOWN` or `NOTHING`.
    pub outcome: String,
    /// What base holds.
    pub base: Contents,
    /// What head holds.
    pub head: Contents,
    /// Invariants judged on both sides.
    pub invariants: u64,
    /// Mutants judged on both sides.
    pub mutants: u64,
    /// Seeds run on both sides.
    #[serde(default)]
    pub seeds: u64,
    /// Mutants judged in base, and not run in head.
    pub base_only: u64,
    /// Mutants judged in head, and not run in base.
    pub head_only: u64,
    /// What is not as it should be, on both sides alike.
    pub standing: Vec<String>,
    /// What ended early, on both sides alike.
    pub unknown: Vec<String>,
}

/// What a side of a review holds.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Contents {
    /// Its file, as named.
    pub file: String,
    /// Scopes in it.
    pub scopes: u64,
    /// Mutants judged in it.
    pub mutants: u64,
    /// Seeds run in it.
    #[serde(default)]
    pub seeds: u64,
}
