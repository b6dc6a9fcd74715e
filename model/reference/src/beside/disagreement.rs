//! What a machine did, and what it should have done.

use std::fmt;

/// A machine and its reference do not agree.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Disagreement {
    /// What the machine did, or has.
    pub machine: String,
    /// What the reference says of it, or has.
    pub reference: String,
    /// The rules of `docs/protocol.md` that the step is judged by.
    pub rule: &'static str,
}

impl Disagreement {
    /// A disagreement by these rules.
    #[must_use]
    pub fn new(rule: &'static str, machine: impl fmt::Debug, reference: impl fmt::Debug) -> Self {
        Self { machine: format!("{machine:?}"), reference: format!("{reference:?}"), rule }
    }
}

impl fmt::Display for Disagreement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { machine, reference, rule } = self;
        write!(f, "by {rule}\nthe machine:   {machine}\nthe reference: {reference}")
    }
}

impl std::error::Error for Disagreement {}
