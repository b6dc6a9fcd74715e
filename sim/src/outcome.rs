//! What became of a run.

use crate::judge::Finding;
use std::collections::BTreeMap;

/// What became of a run.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Verdict {
    /// Everything holds.
    Holds,
    /// It could not have converged, or a judge gave up.
    Unknown,
    /// It did not converge, and could have.
    Stuck,
    /// An invariant is broken.
    Violated,
    /// A panic.
    Crashed,
}

impl Verdict {
    /// As it is printed.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Holds => "HOLDS",
            Self::Unknown => "UNKNOWN",
            Self::Stuck => "STUCK",
            Self::Violated => "VIOLATED",
            Self::Crashed => "CRASHED",
        }
    }
}

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
