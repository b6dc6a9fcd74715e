//! The text form of an action.

use std::fmt;

/// The sort of an action, which decides its colour in the browser and whether it counts as a fault.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Kind {
    /// A participant acts, or a message arrives.
    #[default]
    Ordinary,
    /// A timer fires.
    Timer,
    /// The environment causes a fault, such as a crash or the loss of a message.
    Fault,
}

/// A sort of actions, for walks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Sort {
    /// Its name, in one or two words.
    pub name: &'static str,
    /// How often a walk takes it, relative to the others; each walk draws its own odds around this.
    pub weight: u32,
    /// Whether the last actions of the list are the likelier ones: they are about the newest messages.
    pub newest: bool,
    /// Whether it takes what has begun further. Now and then, a walk takes nothing else for a while.
    pub onward: bool,
}

/// The text form of an action: a lane and a description. A trace stores nothing else of an action.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Choice {
    /// The participant that acts, in one word; a column in diagrams.
    pub lane: String,
    /// A description of the action, on one line.
    pub text: String,
    /// The sort of the action.
    pub kind: Kind,
}

impl Choice {
    /// A choice of [`Kind::Ordinary`].
    pub fn new(lane: impl Into<String>, text: impl Into<String>) -> Self {
        Self { lane: lane.into(), text: text.into(), kind: Kind::Ordinary }
    }

    /// A choice of [`Kind::Timer`].
    pub fn timer(lane: impl Into<String>, text: impl Into<String>) -> Self {
        Self { kind: Kind::Timer, ..Self::new(lane, text) }
    }

    /// A choice of [`Kind::Fault`].
    pub fn fault(lane: impl Into<String>, text: impl Into<String>) -> Self {
        Self { kind: Kind::Fault, ..Self::new(lane, text) }
    }

    /// Whether the action is a fault of the environment.
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
