//! What a partition's data is made of: rows, what a write does to them, and the log of changes.

use crate::core::ids::{Names, Position, Relabel, WriteId};
use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use thiserror::Error;

/// The longest key, in bytes.
pub const KEY_BYTES_MAX: usize = 512;
/// The longest value, in bytes.
pub const VALUE_BYTES_MAX: usize = 256 << 10;
/// The most rows that one write sets or deletes.
pub const EFFECTS_MAX: usize = 128;
/// The most bytes of keys and values in one write.
pub const MUTATION_BYTES_MAX: usize = 1 << 20;

/// Why bytes are no key or value, or cells no mutation.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
pub enum MutationError {
    /// A key or a value is too long.
    #[error("a {what} of {have} bytes, at most {limit} are allowed")]
    TooLong {
        /// `key` or `value`.
        what: &'static str,
        /// The length found.
        have: usize,
        /// The longest length allowed.
        limit: usize,
    },
    /// A write that changes no row.
    #[error("a write that changes no row, it must change at least one")]
    Empty,
    /// A write changes too many rows.
    #[error("a write of {have} rows, at most {EFFECTS_MAX} are allowed")]
    TooMany {
        /// The number of rows found.
        have: usize,
    },
    /// A write changes the same row twice.
    #[error("a write names a key twice, each of its keys must be named once")]
    Twice,
    /// A write has too many bytes.
    #[error("a write of {have} bytes, at most {MUTATION_BYTES_MAX} are allowed")]
    TooLarge {
        /// The bytes of its keys and values.
        have: usize,
    },
}

macro_rules! bytes {
    ($(#[$doc:meta])* $name:ident, $what:literal, $max:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub struct $name(Arc<[u8]>);

        impl $name {
            /// The bytes.
            #[must_use]
            pub fn bytes(&self) -> &[u8] {
                &self.0
            }
        }

        impl TryFrom<&[u8]> for $name {
            type Error = MutationError;

            fn try_from(bytes: &[u8]) -> Result<Self, MutationError> {
                let (have, limit) = (bytes.len(), $max);
                if have > limit {
                    return Err(MutationError::TooLong { what: $what, have, limit });
                }
                Ok(Self(bytes.into()))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}", self.0.escape_ascii())
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                self.0.serialize(to)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                Self::try_from(Vec::deserialize(from)?.as_slice()).map_err(de::Error::custom)
            }
        }
    };
}

bytes!(
    /// The key of a row, at most [`KEY_BYTES_MAX`] bytes. Keys are ordered by their bytes, at every store.
    Key, "key", KEY_BYTES_MAX
);
bytes!(
    /// The value of a row, at most [`VALUE_BYTES_MAX`] bytes.
    Value, "value", VALUE_BYTES_MAX
);

/// A key and the value of its row. `None`: there is no such row.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Cell {
    /// The key of the row.
    pub key: Key,
    /// The value of the row.
    pub value: Option<Value>,
}

/// What a write does: it sets and deletes rows of one partition, all of them or none, if the row that it expects is as expected.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(try_from = "Plain")]
pub struct Mutation {
    expects: Option<Cell>,
    effects: Arc<[Cell]>,
}

/// A mutation as it is read, before it is checked.
#[derive(Deserialize)]
struct Plain {
    expects: Option<Cell>,
    effects: Vec<Cell>,
}

impl TryFrom<Plain> for Mutation {
    type Error = MutationError;

    fn try_from(Plain { expects, effects }: Plain) -> Result<Self, MutationError> {
        Self::new(expects, effects)
    }
}

impl Mutation {
    /// A write with these effects, by ascending key. With `expects`, it takes effect only if that row is as expected.
    ///
    /// # Errors
    /// [`MutationError`] if it has no effect, names a key twice, or exceeds a limit.
    pub fn new(expects: Option<Cell>, mut effects: Vec<Cell>) -> Result<Self, MutationError> {
        effects.sort();
        let have = effects.len();
        if have == 0 {
            return Err(MutationError::Empty);
        }
        if have > EFFECTS_MAX {
            return Err(MutationError::TooMany { have });
        }
        if effects.windows(2).any(|pair| matches!(pair, [one, other] if one.key == other.key)) {
            return Err(MutationError::Twice);
        }
        let have = effects.iter().chain(&expects).map(Cell::bytes).sum();
        if have > MUTATION_BYTES_MAX {
            return Err(MutationError::TooLarge { have });
        }
        Ok(Self { expects, effects: effects.into() })
    }

    /// Sets a row.
    #[must_use]
    pub fn put(key: Key, value: Value) -> Self {
        Self { expects: None, effects: [Cell { key, value: Some(value) }].into() }
    }

    /// Deletes a row, if there is one.
    #[must_use]
    pub fn delete(key: Key) -> Self {
        Self { expects: None, effects: [Cell { key, value: None }].into() }
    }

    /// Sets or deletes a row that has this value; `None`: that is not there.
    #[must_use]
    pub fn cas(key: Key, expected: Option<Value>, value: Option<Value>) -> Self {
        let effects = [Cell { key: key.clone(), value }].into();
        Self { expects: Some(Cell { key, value: expected }), effects }
    }

    /// The row that must be as stated, or the write is refused.
    #[must_use]
    pub const fn expects(&self) -> Option<&Cell> {
        self.expects.as_ref()
    }

    /// The rows that are set or deleted, by ascending key.
    #[must_use]
    pub const fn effects(&self) -> &Arc<[Cell]> {
        &self.effects
    }

    /// The keys of the rows that the write names.
    pub fn keys(&self) -> impl Iterator<Item = &Key> {
        self.expects.iter().chain(self.effects.iter()).map(|cell| &cell.key)
    }
}

impl Cell {
    /// The bytes of key and value.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.key.bytes().len() + self.value.as_ref().map_or(0, |value| value.bytes().len())
    }
}

impl Mutation {
    /// The bytes of the keys and values that it sets.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.effects.iter().map(Cell::bytes).sum()
    }
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.value {
            Some(value) => write!(f, "{}={value}", self.key),
            None => write!(f, "-{}", self.key),
        }
    }
}

impl fmt::Display for Mutation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(expects) = &self.expects {
            write!(f, "if {expects} ")?;
        }
        for (at, cell) in self.effects.iter().enumerate() {
            write!(f, "{}{cell}", if at > 0 { " " } else { "" })?;
        }
        Ok(())
    }
}

/// A row of a copy.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Row {
    /// The value.
    pub value: Value,
    /// The position of the write that set it.
    pub position: Position,
}

/// Rows by key: those of a copy, or of it those that a request names.
pub type Rows = BTreeMap<Key, Row>;

/// A write in the log of changes.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Change {
    /// The position of the write.
    pub position: Position,
    /// The id of the write.
    pub id: WriteId,
    /// The rows that it set or deleted.
    pub effects: Arc<[Cell]>,
}

impl Change {
    /// The bytes of the keys and values.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.effects.iter().map(Cell::bytes).sum()
    }
}

impl Relabel for Change {
    fn relabel(&self, names: &dyn Names) -> Self {
        Self { id: self.id.relabel(names), ..self.clone() }
    }
}

/// How far the rows of a copy in the making go: those with a key up to the frontier are the source's, and above it there is none.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum Frontier {
    /// No row was copied.
    Nothing,
    /// The rows up to this key, inclusive.
    Through(Key),
    /// All rows.
    Everything,
}

impl Frontier {
    /// Whether a row with this key is below the frontier.
    #[must_use]
    pub fn covers(&self, key: &Key) -> bool {
        match self {
            Self::Nothing => false,
            Self::Through(last) => key <= last,
            Self::Everything => true,
        }
    }

    /// The last key that it covers; `None` if it covers nothing or everything.
    #[must_use]
    pub const fn last(&self) -> Option<&Key> {
        if let Self::Through(key) = self { Some(key) } else { None }
    }
}

impl fmt::Display for Frontier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing => f.write_str("nothing"),
            Self::Through(key) => write!(f, "key {key}"),
            Self::Everything => f.write_str("everything"),
        }
    }
}
