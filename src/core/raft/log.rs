//! The log of one node: entries above a compacted prefix.

use super::machine::Payload;
use super::session::Ticket;
use crate::core::ids::{Index, Names, Relabel, SessionId, Term};
use alloc::vec::Vec;
use core::fmt;
use serde::{Deserialize, Serialize};

/// A place in a log, and the term of the entry there. Logs that agree on one agree on everything before it (Raft,
/// section 5.3).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct LogPosition {
    /// Its term. Of two logs the one whose last term is higher is more up to date, then the longer one (section 5.4.1):
    /// the order of the fields is that order.
    pub term: Term,
    /// Its index.
    pub index: Index,
}

impl LogPosition {
    /// Before everything.
    pub const ZERO: Self = Self { term: Term::GENESIS, index: Index::ZERO };
}

impl fmt::Display for LogPosition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.term, self.index)
    }
}

/// What an entry does. A session is opened and closed by entries alone, so that all nodes agree on which exist.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum Content<P> {
    /// Something for the state machine.
    Payload {
        /// Under which session, so that a retry applies once. Without one, the payload itself must be harmless twice.
        ticket: Option<Ticket>,
        /// What is to be applied.
        payload: P,
    },
    /// Opens a session; its id is the entry's index.
    OpenSession,
    /// Closes a session.
    CloseSession(SessionId),
}

/// An entry of the log; its index is its place.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Entry<P> {
    /// The term of the leader that made it.
    pub term: Term,
    /// What it does.
    pub content: Content<P>,
}

impl<P: Payload> Entry<P> {
    /// The change of the configuration in it, if any.
    pub fn change(&self) -> Option<super::Change> {
        match &self.content {
            Content::Payload { payload, .. } => payload.membership(),
            Content::OpenSession | Content::CloseSession(_) => None,
        }
    }

    /// Its length when encoded, in bytes.
    pub fn encoded_len(&self) -> u32 {
        let bytes = postcard::to_allocvec(self).map_or(usize::MAX, |bytes| bytes.len());
        u32::try_from(bytes).unwrap_or(u32::MAX)
    }
}

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

impl<P: Relabel> Relabel for Entry<P> {
    fn relabel(&self, names: &dyn Names) -> Self {
        let content = match &self.content {
            Content::Payload { ticket, payload } => {
                Content::Payload { ticket: *ticket, payload: payload.relabel(names) }
            }
            Content::OpenSession => Content::OpenSession,
            Content::CloseSession(id) => Content::CloseSession(*id),
        };
        Self { term: self.term, content }
    }
}

impl<P: Relabel> Relabel for Log<P> {
    fn relabel(&self, names: &dyn Names) -> Self {
        Self { base: self.base, entries: self.entries.relabel(names) }
    }
}
