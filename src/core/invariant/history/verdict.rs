//! The verdict on a history, and its explanation.

use crate::core::ids::PartitionId;
use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

/// The result of judging a history.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Judged {
    /// The verdict.
    pub verdict: Verdict,
    /// The number of operations.
    pub operations: usize,
    /// The number of answered operations.
    pub answered: usize,
    /// The number of transitions with an unknown outcome.
    pub indeterminate: usize,
    /// The number of partitions.
    pub partitions: usize,
    /// The number of configurations visited.
    pub configurations: u64,
}

/// Whether an order explains the history.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// An order was found for each partition.
    Linearizable,
    /// No order exists.
    NotLinearizable(Box<Failure>),
    /// The budget was used up before an order was found or excluded.
    Unknown {
        /// The first such partition.
        partition: PartitionId,
    },
}

/// Why no order exists.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Failure {
    /// The partition.
    pub partition: PartitionId,
    /// The answer that no order explains.
    pub found: String,
    /// What it contradicts.
    pub against: String,
    /// The operations around it, at most [`LINES_MAX`].
    pub lines: Vec<Line>,
}

/// An operation near a failure.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Line {
    /// Its index in the history.
    pub operation: usize,
    /// Its role in the failure.
    pub role: Role,
    /// The record after it, if it is placed.
    pub state: Option<String>,
}

/// The role of an operation in a failure.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    /// It is placed in the order, after the lines above.
    Placed,
    /// It cannot be placed.
    Stuck,
    /// It overlaps the one that cannot be placed, and is not placed.
    Open,
}

/// Lines of an explanation, at most.
pub const LINES_MAX: usize = 15;
