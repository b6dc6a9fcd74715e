//! The log of one node: entries above a compacted prefix.

use super::entry::{Entry, LogPosition, Payload};
use crate::core::ids::{Index, Names, Relabel, Term};
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};

/// A log without its compacted prefix: the entries after a base position.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Log<P> {
    base: LogPosition,
    entries: Vec<Entry<P>>,
}

impl<P: Payload> Log<P> {
    /// An empty log after this base.
    pub const fn above(base: LogPosition) -> Self {
        Self { base, entries: Vec::new() }
    }

    /// The position of the last compacted entry.
    pub const fn base(&self) -> LogPosition {
        self.base
    }

    /// The entries after the base.
    pub fn entries(&self) -> &[Entry<P>] {
        &self.entries
    }

    /// The position of the last entry, or the base.
    pub fn last(&self) -> LogPosition {
        let count = u64::try_from(self.entries.len()).unwrap_or(u64::MAX);
        let term = self.entries.last().map_or(self.base.term, |entry| entry.term);
        LogPosition { term, index: self.base.index.plus(count) }
    }

    fn slot(&self, index: Index) -> Option<usize> {
        let above = index.0.checked_sub(self.base.index.0)?.checked_sub(1)?;
        usize::try_from(above).ok()
    }

    /// The entry at an index. `None`: compacted away, or beyond the end.
    pub fn entry(&self, index: Index) -> Option<&Entry<P>> {
        self.entries.get(self.slot(index)?)
    }

    /// The term at an index. `None`: below the base, or beyond the end.
    pub fn term_at(&self, index: Index) -> Option<Term> {
        if index == self.base.index {
            return Some(self.base.term);
        }
        self.entry(index).map(|entry| entry.term)
    }

    /// Whether the log has an entry of this index and term.
    pub fn matches(&self, at: LogPosition) -> bool {
        self.term_at(at.index) == Some(at.term)
    }

    /// At most `max` entries from an index on.
    pub fn from(&self, index: Index, max: u32) -> &[Entry<P>] {
        let from = self.slot(index).unwrap_or(self.entries.len()).min(self.entries.len());
        let max = usize::try_from(max).unwrap_or(usize::MAX);
        let to = from.saturating_add(max).min(self.entries.len());
        self.entries.get(from..to).unwrap_or_default()
    }

    /// The last position at or before `at` whose term is at most `at.term`. Above it, two logs that disagree at `at`
    /// cannot agree, so each exchange skips a whole term (Raft, section 5.3, the end).
    pub fn last_no_higher(&self, at: LogPosition) -> LogPosition {
        let mut index = at.index.min(self.last().index);
        while let Some(term) = self.term_at(index) {
            if term <= at.term || index == Index::ZERO {
                return LogPosition { term, index };
            }
            index = index.previous();
        }
        LogPosition { term: Term::GENESIS, index: index.min(self.base.index) }
    }

    /// Appends an entry; returns its index.
    pub fn push(&mut self, entry: Entry<P>) -> Index {
        self.entries.push(entry);
        self.last().index
    }

    /// Removes all entries from an index on.
    pub fn truncate_from(&mut self, index: Index) {
        if let Some(slot) = self.slot(index) {
            self.entries.truncate(slot);
        }
    }

    /// Replaces all entries from an index on.
    pub fn replace_from(&mut self, from: Index, entries: &[Entry<P>]) {
        self.truncate_from(from);
        self.entries.extend_from_slice(entries);
    }

    /// Moves the base. A log that has an entry at that position keeps the entries after it; any other log becomes
    /// empty.
    pub fn rebase(&mut self, base: LogPosition) {
        let keeps = self.matches(base);
        let slot = self.slot(base.index.next());
        match slot.filter(|_| keeps) {
            Some(slot) => {
                self.entries.drain(..slot.min(self.entries.len()));
            }
            None => self.entries.clear(),
        }
        self.base = base;
    }
}

impl<P: Relabel> Relabel for Log<P> {
    fn relabel(&self, names: &dyn Names) -> Self {
        Self { base: self.base, entries: self.entries.relabel(names) }
    }
}
