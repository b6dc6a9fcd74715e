//! The result of a run.

use crate::judge::Finding;
use std::collections::BTreeMap;

pub use cutover_report::SeedVerdict as Verdict;

/// The result of a run.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The verdict.
    pub verdict: Verdict,
    /// The violations, oldest first.
    pub findings: Vec<Finding>,
    /// Why the verdict is `STUCK` or `UNKNOWN`, in words; empty otherwise.
    pub note: String,
    /// Hash of all events and final states.
    pub hash: u64,
    /// Number of events.
    pub events: u64,
    /// Simulated time of the run in nanoseconds.
    pub simulated_ns: u64,
    /// Counters of faults, marks and client calls, by group and name.
    pub counts: BTreeMap<(&'static str, &'static str), u64>,
    /// The events as text, if wanted.
    pub log: Option<String>,
    /// The recordings of a run that failed, if its events are wanted as text.
    pub recordings: Vec<Recording>,
}

/// A recording of a part of a run.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Recording {
    /// The partition, or the node with the number of its start.
    pub name: String,
    /// The recording.
    pub bytes: Vec<u8>,
    /// Of a partition: whether its machines at the stores, given the same again, violate nothing.
    pub holds: Option<bool>,
}
