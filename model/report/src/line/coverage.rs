//! The lines that `coverage` prints.

use serde::{Deserialize, Serialize};

/// How many lines of a source file were executed.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Coverage {
    /// Path of the file, from the root of the repository.
    pub path: String,
    /// Number of lines with code.
    pub lines: u64,
    /// Number of those that were executed.
    pub executed: u64,
    /// Number of those that were not, and are listed with a reason.
    pub listed: u64,
}

/// The transitions that the walks of a scope took.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Transitions {
    /// Name of the scope.
    pub scope: String,
    /// Abstract states that one run saw, at most.
    pub states: u64,
    /// Pairs of an abstract state and a kind of action taken in it that one run saw, at most.
    pub transitions: u64,
    /// Kinds of action that no run took, and marks that none reached.
    pub never: Vec<String>,
}

/// Lines in a row that were not executed, or a function of which no line was.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Unexecuted {
    /// Path of the file, from the root of the repository.
    pub path: String,
    /// Name of the function; `-` for code outside of functions.
    pub function: String,
    /// Number of the first line.
    pub line: u32,
    /// Number of lines with code.
    pub lines: u64,
    /// Text of the first line; `None` if no line of the function was executed.
    pub code: Option<String>,
    /// The reason that the list gives; `None` if they are not listed.
    pub reason: Option<String>,
}
