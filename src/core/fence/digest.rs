//! A digest of a copy, by which the log compares what the target has with what the source had.
//!
//! The digest finds a row, a change or an id that was lost on the way. It does not find what was wrong at the source before, what changes
//! on a disk after it was summed, or a forger.

use super::{AppliedIds, Key, Row};
use core::fmt;
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::Xxh3;

/// The digest of a copy at a position.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Digest {
    /// Of the rows.
    pub rows: RowsDigest,
    /// Of the write ids that the copy remembers or has forgotten.
    pub ids: u128,
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:x}/{:x}", self.rows.0, self.ids)
    }
}

/// The sum of a 128-bit hash of each row: it follows from the rows alone, in whatever order they came, and each write changes it
/// by what it changes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct RowsDigest(u128);

impl RowsDigest {
    /// The digest of no rows.
    pub const EMPTY: Self = Self(0);

    /// A digest that somebody has summed.
    #[must_use]
    pub const fn of(sum: u128) -> Self {
        Self(sum)
    }

    /// The sum.
    #[must_use]
    pub const fn sum(self) -> u128 {
        self.0
    }

    /// Adds a row.
    pub fn add(&mut self, key: &Key, row: &Row) {
        self.0 = self.0.wrapping_add(hash(key, row));
    }

    /// Takes a row away that was added.
    pub fn remove(&mut self, key: &Key, row: &Row) {
        self.0 = self.0.wrapping_sub(hash(key, row));
    }
}

/// The hash of a row. Lengths come first, so that no two rows are the same bytes.
fn hash(key: &Key, row: &Row) -> u128 {
    let mut hasher = Xxh3::new();
    for part in [key.bytes(), row.value.bytes()] {
        hasher.update(&length(part).to_le_bytes());
        hasher.update(part);
    }
    hasher.update(&row.position.0.to_le_bytes());
    hasher.digest128()
}

fn length(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}

/// The digest of write ids: of each session that is remembered its writes and how far it is forgotten, then how far sessions are.
pub(super) fn of_ids(ids: &AppliedIds) -> u128 {
    let mut hasher = Xxh3::new();
    ids.feed(&mut |number| hasher.update(&number.to_le_bytes()));
    hasher.digest128()
}
