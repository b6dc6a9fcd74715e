//! One difference between two runs.

use serde::{Deserialize, Serialize};

/// What a difference calls for; the most pressing first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Call {
    /// Somebody has to decide whether it is meant.
    Decide,
    /// As it should be, and was not before.
    Better,
    /// To be known.
    Note,
}

impl Call {
    /// In a word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Decide => "decide",
            Self::Better => "better",
            Self::Note => "note",
        }
    }
}

/// What differs.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// An option of the run.
    Option,
    /// A scope's bounds, faults or expectation.
    Setup,
    /// Invariants in one scope.
    Verdict,
    /// An invariant in all scopes, since the other side does not have it.
    Invariant,
    /// The length of the shortest run that breaks a published design.
    Steps,
    /// A scope that the other side does not have.
    Scope,
    /// How a scope's search ended.
    Ending,
    /// A scope's unique states.
    Unique,
    /// Places that a scope's search reached.
    Reached,
    /// Places that a scope must reach, and does not.
    Missing,
    /// The scoreboard's unmutated tree.
    Baseline,
    /// A mutant.
    Mutant,
    /// A seed of the simulator.
    Seed,
}

/// What one side has.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Value {
    /// It does not have it.
    Absent,
    /// In words.
    Word(String),
    /// In number.
    Count(u64),
}

impl Value {
    /// In words.
    pub fn word(text: impl Into<String>) -> Self {
        Self::Word(text.into())
    }

    /// In words, if it is there.
    pub fn words(text: Option<impl Into<String>>) -> Self {
        text.map_or(Self::Absent, Self::word)
    }
}

/// One difference between base and head.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct Change {
    /// What it calls for.
    pub call: Call,
    /// What differs.
    pub kind: Kind,
    /// The scopes concerned.
    pub scopes: Vec<String>,
    /// The invariants, places, options or mutants concerned.
    pub what: Vec<String>,
    /// In base.
    pub base: Value,
    /// In head.
    pub head: Value,
    /// More on it.
    pub note: Option<String>,
}
