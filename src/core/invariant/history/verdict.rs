//! What came of judging a history, and why.

use crate::core::ids::PartitionId;
use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

/// A history, judged.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Judged {
    /// The verdict.
    pub verdict: Verdict,
    /// Operations in it.
    pub operations: usize,
    /// Those with an answer: the others only explain.
    pub answered: usize,
    /// Transitions of which nobody knows whether they took effect.
    pub indeterminate: usize,
    /// Partitions.
    pub partitions: usize,
    /// Configurations visited.
    pub configurations: u64,
}

/// Whether there is an order.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// There is one for each partition.
    Linearizable,
    /// There is none.
    NotLinearizable(Box<Failure>),
    /// The budget ended before one was found or excluded.
    Unknown {
        /// For which partition, the first if there are several.
        partition: PartitionId,
    },
}

/// Why there is no order.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Failure {
    /// Where.
    pub partition: PartitionId,
    /// What was seen.
    pub found: String,
    /// What it contradicts.
    pub against: String,
    /// At most [`LINES_MAX`] lines around it.
    pub lines: Vec<Line>,
}

/// An operation in the neighbourhood of a failure.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Line {
    /// Its place in the history.
    pub operation: usize,
    /// What became of it.
    pub role: Role,
    /// The record after it, where it has its place.
    pub state: Option<String>,
}

/// What became of an operation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    /// It has its place in the order, after those above.
    Placed,
    /// It finds no place.
    Stuck,
    /// It overlaps that one, and has no place in the order.
    Open,
}

/// A failure is explained in no more lines.
pub const LINES_MAX: usize = 15;
