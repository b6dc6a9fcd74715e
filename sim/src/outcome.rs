//! What became of a run.

use crate::judge::Finding;
use std::collections::BTreeMap;

pub use cutover_report::SeedVerdict as Verdict;

/// A run that is over.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// What became of it.
    pub verdict: Verdict,
    /// What was found.
    pub findings: Vec<Finding>,
    /// In a word: why it is not known, or where it is stuck.
    pub note: String,
    /// Over all events and states.
    pub hash: u64,
    /// Events.
    pub events: u64,
    /// How long it was, in nanoseconds.
    pub simulated_ns: u64,
    /// Faults, marks, and what clients did.
    pub counts: BTreeMap<(&'static str, &'static str), u64>,
    /// The events in words.
    pub log: Option<String>,
}
