//! An action in words.

use std::fmt;

/// What sort of action it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Kind {
    /// A participant acts, or a message arrives.
    #[default]
    Ordinary,
    /// A timer fires.
    Timer,
    /// The environment does damage: a crash, a loss.
    Fault,
}

/// An action in words: a lane and a text. A trace stores nothing else of an action.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Choice {
    /// Who acts: one word.
    pub lane: String,
    /// What, on one line.
    pub text: String,
    /// Of what sort.
    pub kind: Kind,
}

impl Choice {
    /// An ordinary action.
    pub fn new(lane: impl Into<String>, text: impl Into<String>) -> Self {
        Self { lane: lane.into(), text: text.into(), kind: Kind::Ordinary }
    }

    /// A timer fires.
    pub fn timer(lane: impl Into<String>, text: impl Into<String>) -> Self {
        Self { kind: Kind::Timer, ..Self::new(lane, text) }
    }

    /// The environment does damage.
    pub fn fault(lane: impl Into<String>, text: impl Into<String>) -> Self {
        Self { kind: Kind::Fault, ..Self::new(lane, text) }
    }

    /// Whether the environment does damage by it.
    #[must_use]
    pub fn is_fault(&self) -> bool {
        self.kind == Kind::Fault
    }
}

impl fmt::Display for Choice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.lane, self.text)
    }
}
