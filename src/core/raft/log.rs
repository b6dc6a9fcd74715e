//! The log of one node: entries above a compacted prefix.

use super::entry::{Entry, LogPosition, Payload};
use crate::core::ids::{Index, Names, Relabel, Term};
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};

/// Entries above a base: the last place that was compacted away.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Log<P> {
    base: LogPosition,
    entries: Vec<Entry<P>>,
}

impl<P: Payload> Log<P> {
    /// Nothing above a base.
    pub const fn above(base: LogPosition) -> Self {
        Self { base, entries: Vec::new() }
    }

    /// The last place that was compacted away.
    pub const fn base(&self) -> LogPosition {
        self.base
    }

    /// The entries above the base.
    pub fn entries(&self) -> &[Entry<P>] {
        &self.entries
    }

    /// The last place.
    pub fn last(&self) -> LogPosition {
        let count = u64::try_from(self.entries.len()).unwrap_or(u64::MAX);
        let term = self.entries.last().map_or(self.base.term, |entry| entry.term);
        LogPosition { term, index: self.base.index.plus(count) }
    }

    fn slot(&self, index: Index) -> Option<usize> {
        let above = index.0.checked_sub(self.base.index.0)?.checked_sub(1)?;
        usize::try_from(above).ok()
    }

    /// The entry at a place; `None` if it is compacted away or not there yet.
    pub fn entry(&self, index: Index) -> Option<&Entry<P>> {
        self.entries.get(self.slot(index)?)
    }

    /// The term at a place; `None` below the base and beyond the end.
    pub fn term_at(&self, index: Index) -> Option<Term> {
        if index == self.base.index {
            return Some(self.base.term);
        }
        self.entry(index).map(|entry| entry.term)
    }

    /// Whether the entry at this place is the one that is meant.
    pub fn matches(&self, at: LogPosition) -> bool {
        self.term_at(at.index) == Some(at.term)
    }

    /// At most `max` entries from a place on.
    pub fn from(&self, index: Index, max: u32) -> &[Entry<P>] {
        let from = self.slot(index).unwrap_or(self.entries.len()).min(self.entries.len());
        let max = usize::try_from(max).unwrap_or(usize::MAX);
        let to = from.saturating_add(max).min(self.entries.len());
        self.entries.get(from..to).unwrap_or_default()
    }

    /// The last place at or before `at` whose term is no higher than `at.term`: above it, two logs that disagree at
    /// `at` cannot agree. Skips a whole term with each exchange (section 5.3, the end).
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

    /// Adds an entry at the end; gives its place.
    pub fn push(&mut self, entry: Entry<P>) -> Index {
        self.entries.push(entry);
        self.last().index
    }

    /// Removes everything from a place on.
    pub fn truncate_from(&mut self, index: Index) {
        if let Some(slot) = self.slot(index) {
            self.entries.truncate(slot);
        }
    }

    /// Replaces everything from a place on.
    pub fn replace_from(&mut self, from: Index, entries: &[Entry<P>]) {
        self.truncate_from(from);
        self.entries.extend_from_slice(entries);
    }

    /// Makes `base` the base. A log that has this very entry keeps what comes after it; any other loses everything.
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
