//! What the judge of histories prints.

use crate::Seconds;
use crate::words::HistoryVerdict;
use serde::{Deserialize, Serialize};

/// A history that was judged.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct History {
    /// The file.
    pub path: String,
    /// The verdict.
    pub verdict: HistoryVerdict,
    /// Operations in it.
    pub operations: u64,
    /// Operations with an answer.
    pub answered: u64,
    /// Operations that may have taken effect.
    pub indeterminate: u64,
    /// Partitions in it.
    pub partitions: u64,
    /// Configurations that the search visited.
    pub configurations: u64,
    /// Where no order was found.
    pub partition: Option<u32>,
    /// What was seen.
    pub found: Option<String>,
    /// What it contradicts.
    pub against: Option<String>,
    /// Operations around it.
    pub near: Vec<Near>,
    /// On the wall.
    pub seconds: Seconds,
}

/// An operation beside the one that has no place in an order.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Near {
    /// In the file, from 1.
    pub line: Option<u64>,
    /// `placed`, `stuck` or `open`.
    pub role: String,
    /// The record after it.
    pub record: Option<String>,
}
