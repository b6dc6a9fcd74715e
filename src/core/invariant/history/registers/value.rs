//! What clients ask of a register, and what they are told.

use alloc::borrow::ToOwned;
use alloc::string::String;
use core::fmt;
use serde::{Deserialize, Serialize};

/// What a register holds.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub enum Value {
    /// Nothing: the key was never written, or is deleted. In a file: `null`.
    Nothing,
    /// An integer.
    Number(i64),
    /// A text.
    Text(String),
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Number(number)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl<T: Into<Self>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Nothing, Into::into)
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing => f.write_str("null"),
            Self::Number(number) => write!(f, "{number}"),
            Self::Text(text) => write!(f, "{text:?}"),
        }
    }
}

/// An operation as it is invoked, over values `V`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Call<V = Value> {
    /// Reads the register.
    Read,
    /// Writes the register. A delete writes [`Value::Nothing`].
    Write(V),
    /// Writes `new` if the register holds `expected`.
    Cas {
        /// What the register must hold.
        expected: V,
        /// What it holds afterwards.
        new: V,
    },
}

/// How an operation ended, over values `V`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Outcome<V = Value> {
    /// A write or a compare-and-swap took effect.
    Done,
    /// A read returned this.
    Read(V),
    /// The operation has no effect, now or later. Nothing is said of what the register held.
    Failed,
    /// A compare-and-swap was refused since the register held something other than what it expected.
    Refused,
    /// Nobody knows: it may have taken effect, may yet at any later time, or never.
    Unknown,
}

impl<V> Call<V> {
    /// The same call over other values.
    pub(super) fn map<W>(&self, mut to: impl FnMut(&V) -> W) -> Call<W> {
        match self {
            Self::Read => Call::Read,
            Self::Write(value) => Call::Write(to(value)),
            Self::Cas { expected, new } => Call::Cas { expected: to(expected), new: to(new) },
        }
    }
}

impl<V> Outcome<V> {
    /// The same outcome over other values.
    pub(super) fn map<W>(&self, mut to: impl FnMut(&V) -> W) -> Outcome<W> {
        match self {
            Self::Done => Outcome::Done,
            Self::Read(value) => Outcome::Read(to(value)),
            Self::Failed => Outcome::Failed,
            Self::Refused => Outcome::Refused,
            Self::Unknown => Outcome::Unknown,
        }
    }

    /// Whether the outcome says something of the register.
    pub(super) const fn is_answer(&self) -> bool {
        matches!(self, Self::Done | Self::Read(_) | Self::Refused)
    }
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read => f.write_str("read"),
            Self::Write(value) => write!(f, "write {value}"),
            Self::Cas { expected, new } => write!(f, "cas {expected} to {new}"),
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Done => f.write_str("ok"),
            Self::Read(value) => write!(f, "{value}"),
            Self::Failed => f.write_str("fail"),
            Self::Refused => f.write_str("refused"),
            Self::Unknown => f.write_str("unknown"),
        }
    }
}
