//! The verdict on a history, and the explanation of a failure.

use crate::core::ids::PartitionId;
use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

/// The result of judging a history.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Judged {
    /// Whether an order explains the history.
    pub verdict: Verdict,
    /// The number of operations in the history.
    pub operations: usize,
    /// The number of answered operations.
    pub answered: usize,
    /// The number of transitions whose outcome the client does not know.
    pub indeterminate: usize,
    /// The number of partitions in the history.
    pub partitions: usize,
    /// The number of configurations that the search visited.
    pub configurations: u64,
}

/// Whether a sequential order explains the history.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// Each partition has an order.
    Linearizable,
    /// Some partition has no order, or two reads contradict each other.
    NotLinearizable(Box<Failure>),
    /// The budget was used up before an order was found or excluded.
    Unknown {
        /// The first partition for which that happened.
        partition: PartitionId,
    },
}

/// Why no order explains the history.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Failure {
    /// The partition of the answer that is not explained.
    pub partition: PartitionId,
    /// The operation whose answer no order explains.
    pub found: String,
    /// What that answer contradicts.
    pub against: String,
    /// The operations around the one that is not explained, at most [`LINES_MAX`].
    pub lines: Vec<Line>,
}

/// An operation near a failure.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Line {
    /// The operation's index in the history.
    pub operation: usize,
    /// What the operation has to do with the failure.
    pub role: Role,
    /// The record after the operation; `None` if it is not placed.
    pub state: Option<String>,
}

/// The role of an operation in a failure.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    /// Placed in the order, after the lines above.
    Placed,
    /// Not explained by any order.
    Stuck,
    /// Concurrent with the operation that is not explained, and not placed.
    Open,
}

/// The most lines of an explanation.
pub const LINES_MAX: usize = 15;
