//! The lines that `history`, the linearizability checker, prints.

use crate::Seconds;
use crate::words::HistoryVerdict;
use serde::{Deserialize, Serialize};

/// The verdict on a history, with its size.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct History {
    /// Path of the file.
    pub path: String,
    /// Whether the history is linearizable.
    pub verdict: HistoryVerdict,
    /// Number of operations.
    pub operations: u64,
    /// Number of operations that have an answer.
    pub answered: u64,
    /// Number of operations without an answer, which may or may not have taken effect.
    pub indeterminate: u64,
    /// Number of partitions that the operations are about. Each is checked separately. 0 for a history of registers.
    pub partitions: u64,
    /// Number of keys that the operations are about, each of which is checked separately; of a history of registers only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keys: Option<u64>,
    /// Number of configurations (orders of a prefix, with the record after it) that the search visited.
    pub configurations: u64,
    /// The partition whose operations have no valid order; `None` if the verdict is another.
    pub partition: Option<u64>,
    /// Likewise, the key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// Path of a file with a few operations of this key that have no order by themselves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minimal: Option<String>,
    /// The answer that no order explains.
    pub found: Option<String>,
    /// What this answer contradicts.
    pub against: Option<String>,
    /// The operations concurrent with it, and where the search placed them.
    pub near: Vec<Near>,
    /// Wall time of the check.
    pub seconds: Seconds,
}

/// An operation concurrent with one that has no place in any order.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Near {
    /// Line number in the file, from 1.
    pub line: Option<u64>,
    /// `placed`: it has a place in the longest valid order. `stuck`: no place was found. `open`: it has no answer,
    /// so it needs no place.
    pub role: String,
    /// The partition's record, or what the register holds, after this operation, if it was placed.
    pub record: Option<String>,
}
