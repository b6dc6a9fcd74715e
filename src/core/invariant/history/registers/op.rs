//! What the search knows of one register's operations and values.

use alloc::vec::Vec;

/// A value of the register. The search gives those that matter small numbers of its own.
pub(super) type Number = u32;
/// The number of an answered operation.
pub(super) type Slot = u32;

/// Every value that no operation sees, expects or excludes. No answer can tell one of them from another one.
pub(super) const OTHER: Number = 0;

/// What an operation requires of the register, and does to it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Effect {
    Read(Number),
    /// A refused compare-and-swap: the register holds anything but this.
    Not(Number),
    Write(Number),
    Cas(Number, Number),
}

impl Effect {
    /// What the register must hold before it.
    pub(super) const fn sees(self) -> Option<Number> {
        match self {
            Self::Read(value) | Self::Cas(value, _) => Some(value),
            Self::Not(_) | Self::Write(_) => None,
        }
    }

    /// What the register holds after it, if it changes it.
    pub(super) const fn writes(self) -> Option<Number> {
        match self {
            Self::Write(value) | Self::Cas(_, value) => Some(value),
            Self::Read(_) | Self::Not(_) => None,
        }
    }

    pub(super) fn map(self, to: impl Fn(Number) -> Number) -> Self {
        match self {
            Self::Read(value) => Self::Read(to(value)),
            Self::Not(value) => Self::Not(to(value)),
            Self::Write(value) => Self::Write(to(value)),
            Self::Cas(expected, new) => Self::Cas(to(expected), to(new)),
        }
    }
}

/// An operation of the register. One that is not completed may take effect at any time after its invocation, or never.
#[derive(Clone, Copy, Debug)]
pub(super) struct Op {
    /// Its number among the key's operations.
    pub(super) number: usize,
    pub(super) effect: Effect,
    pub(super) invoked: u64,
    pub(super) completed: Option<u64>,
}

/// Equal operations that may or may not take effect, in order of invocation. The first can stand wherever a later one can.
pub(super) struct Open {
    pub(super) effect: Effect,
    /// When each was invoked, and its number among the key's operations.
    pub(super) invoked: Vec<(u64, usize)>,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Kind {
    Asked,
    Answered,
}

/// What is known of a value over the whole history.
#[derive(Clone, Default)]
pub(super) struct Facts {
    /// When its answered writers were invoked.
    pub(super) writers: Vec<u64>,
    /// When its answered observers were invoked, each with the first end of any from there on.
    pub(super) observers: Vec<(u64, u64)>,
    /// The end of the last operation that excludes it.
    pub(super) excluded_until: u64,
    /// Classes of open operations that write it.
    pub(super) opens: Vec<u32>,
    /// Classes of open operations that expect it.
    pub(super) levers: Vec<u32>,
}

/// A count as a number. There are fewer than 2³² operations of one key.
pub(super) fn number(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

pub(super) fn index(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
