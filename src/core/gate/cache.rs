//! The state of a watcher: a state machine that turns the events of watch streams into updates of a table.
//!
//! A stream sends every change after a revision, or begins with all records, in pages. It may break at any point, and
//! the next one may come from a node that lags. A watcher that applies the updates in order has the table of the log: a
//! gap is never skipped but leads to a new stream, and no update goes back in revisions.

use crate::core::ids::{HistoryId, PartitionId, Revision};
use alloc::vec::Vec;

/// A message of a watch stream. `R` is the record of a partition.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum WatchEvent<R> {
    /// A page of all records.
    Page {
        /// Records that no earlier page has.
        records: Vec<R>,
        /// The revision of the records, the same in all pages.
        revision: Revision,
        /// Whether this is the last page.
        last: bool,
    },
    /// The record of one partition has changed.
    Changed {
        /// The revision of the previous change.
        after: Revision,
        /// The revision of this change.
        revision: Revision,
        /// The partition that has changed.
        partition: PartitionId,
        /// The new record; `None` if the partition was deleted and has no old copies left.
        record: Option<R>,
    },
    /// The messages from here on are of this history of the cluster's log. If it is another one than before, the watcher
    /// begins anew, from an empty table.
    History(HistoryId),
    /// The stream has ended, with or without an error.
    Ended,
}

/// An update for the watcher's table.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Update<R> {
    /// All records; they replace the table.
    Everything {
        /// The records of all partitions.
        records: Vec<R>,
        /// The revision of the update.
        revision: Revision,
        /// The history of the revision. Another one than before: the cluster was restored or recovered.
        history: HistoryId,
    },
    /// The record of one partition has changed.
    Changed {
        /// The partition that has changed.
        partition: PartitionId,
        /// The current record; `None` if the partition was deleted and has no old copies left.
        record: Option<R>,
        /// The revision of the update.
        revision: Revision,
    },
}

/// What the watcher must do after an event.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Step<R> {
    /// Wait for the next event of the stream.
    Wait,
    /// Apply this update to the watcher's table.
    Apply(Update<R>),
    /// Drop this stream and open another one, after [`WatchCache::resume`].
    Reopen,
}

/// The state of a watcher.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct WatchCache<R> {
    /// The history that `seen` is of.
    history: HistoryId,
    seen: Revision,
    /// Whether the next stream may continue after the last revision.
    whole: bool,
    /// The pages of this revision, until the last one arrives.
    pages: Option<(Revision, Vec<R>)>,
}

impl<R> Default for WatchCache<R> {
    fn default() -> Self {
        Self { history: HistoryId::NONE, seen: Revision::ZERO, whole: false, pages: None }
    }
}

impl<R> WatchCache<R> {
    /// The revision of the last update.
    #[must_use]
    pub const fn seen(&self) -> Revision {
        self.seen
    }

    /// The history of the last update; [`HistoryId::NONE`] before the first.
    #[must_use]
    pub const fn history(&self) -> HistoryId {
        self.history
    }

    /// The revision after which the next stream is to begin, in [`WatchCache::history`].
    #[must_use]
    pub const fn resume(&self) -> Revision {
        if self.whole { self.seen } else { Revision::ZERO }
    }

    /// Handles an event of a stream.
    #[must_use]
    pub fn handle(&mut self, event: WatchEvent<R>) -> Step<R> {
        match event {
            WatchEvent::Page { records, revision, last } => self.page(records, revision, last),
            WatchEvent::Changed { .. } if self.pages.is_some() => self.resync(),
            WatchEvent::Changed { revision, .. } if revision <= self.seen => Step::Wait,
            WatchEvent::Changed { after, .. } if after > self.seen => self.resync(),
            WatchEvent::Changed { revision, partition, record, .. } => {
                (self.seen, self.whole) = (revision, true);
                Step::Apply(Update::Changed { partition, record, revision })
            }
            WatchEvent::History(history) if history == self.history => Step::Wait,
            WatchEvent::History(history) => {
                // Revisions of the earlier history say nothing in this one, nor do its records.
                let first = self.history == HistoryId::NONE;
                (self.history, self.seen, self.whole, self.pages) = (history, Revision::ZERO, false, None);
                let nothing = Update::Everything { records: Vec::new(), revision: self.seen, history };
                if first { Step::Wait } else { Step::Apply(nothing) }
            }
            WatchEvent::Ended => {
                self.pages = None;
                Step::Reopen
            }
        }
    }

    fn page(&mut self, mut records: Vec<R>, revision: Revision, last: bool) -> Step<R> {
        let (of, mut pages) = self.pages.take().unwrap_or_else(|| (revision, Vec::new()));
        if of != revision {
            return self.resync();
        }
        pages.append(&mut records);
        if !last {
            self.pages = Some((revision, pages));
            return Step::Wait;
        }
        // The node lags: the watcher has seen later revisions already.
        if revision < self.seen {
            return Step::Reopen;
        }
        (self.seen, self.whole) = (revision, true);
        Step::Apply(Update::Everything { records: pages, revision, history: self.history })
    }

    /// Requests a stream that begins with all records, after a gap.
    fn resync(&mut self) -> Step<R> {
        (self.whole, self.pages) = (false, None);
        Step::Reopen
    }
}
