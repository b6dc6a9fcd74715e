//! A difference between two runs, as `review` reports it.

use serde::{Deserialize, Serialize};

/// How a reviewer should treat a difference. The order is that of the report: the most urgent first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Call {
    /// A reviewer must decide whether the change is intended.
    Decide,
    /// An improvement: head is as it should be, base was not.
    Better,
    /// For information; nothing to decide.
    Note,
}

impl Call {
    /// The name in JSON and in the report.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Decide => "decide",
            Self::Better => "better",
            Self::Note => "note",
        }
    }
}

/// The aspect of a run in which base and head differ.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// The value of a command-line option.
    Option,
    /// A scope's bounds, its faults, or the invariant that it is expected to violate.
    Setup,
    /// The verdict on invariants in one scope that both sides searched.
    Verdict,
    /// An invariant that only one side has, in all its scopes.
    Invariant,
    /// The length of the shortest run that breaks a published (unsafe) design.
    Steps,
    /// A scope that only one side has.
    Scope,
    /// Whether a scope's search was complete, and which limit ended it otherwise.
    Ending,
    /// The number of unique states of a scope.
    Unique,
    /// The marks (situations) that a scope's search reached.
    Reached,
    /// The marks that a scope requires and its search did not reach.
    Missing,
    /// The result of the unmutated tree, which the scoreboard of mutants starts from.
    Baseline,
    /// The result of a mutant.
    Mutant,
    /// The result of a seed of the simulator.
    Seed,
}

/// The value on one side of a difference.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Value {
    /// This side does not have the thing at all.
    Absent,
    /// A text, such as a verdict or an option's value.
    Word(String),
    /// A number, such as a count of states.
    Count(u64),
}

impl Value {
    /// Makes a [`Value::Word`].
    pub fn word(text: impl Into<String>) -> Self {
        Self::Word(text.into())
    }

    /// Makes a [`Value::Word`], or [`Value::Absent`] from `None`.
    pub fn words(text: Option<impl Into<String>>) -> Self {
        text.map_or(Self::Absent, Self::word)
    }
}

/// One difference between base and head.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct Change {
    /// How a reviewer should treat it.
    pub call: Call,
    /// The aspect that differs.
    pub kind: Kind,
    /// Names of the scopes concerned; empty if the difference is not about scopes.
    pub scopes: Vec<String>,
    /// Names of the invariants, marks, options, mutants or seeds concerned.
    pub what: Vec<String>,
    /// The value in base.
    pub base: Value,
    /// The value in head.
    pub head: Value,
    /// A remark for the reader, where values alone do not explain the difference.
    pub note: Option<String>,
}
