//! What the judge says of a history of registers.

use super::super::verdict::Line;
use alloc::boxed::Box;
use alloc::string::String;

/// The verdict on a history, with its size.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Judged {
    /// Whether each key has an order. The worst verdict of all keys; of several, that on the first key.
    pub verdict: Verdict,
    /// The number of operations.
    pub operations: usize,
    /// The number of operations with an answer that says something of a register.
    pub answered: usize,
    /// The number of writes and compare-and-swaps that may or may not have taken effect.
    pub unknown: usize,
    /// The number of keys.
    pub keys: usize,
    /// The number of keys that have no order.
    pub violated: usize,
    /// The number of configurations that the searches visited.
    pub configurations: u64,
}

/// Whether a sequential order explains the operations of each key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// There is one.
    Linearizable,
    /// There is none for this key.
    NotLinearizable(Box<Failure>),
    /// The budget was used up before an order was found or excluded.
    Unknown {
        /// The key.
        key: String,
    },
}

/// Why no order explains the operations of a key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Failure {
    /// The key.
    pub key: String,
    /// The operation whose answer no order explains.
    pub found: String,
    /// What that answer contradicts.
    pub against: String,
    /// The operations around it, at most [`LINES_MAX`](super::super::LINES_MAX). Their indexes are those of the key's operations.
    pub lines: alloc::vec::Vec<Line>,
}
