//! What a watcher knows of all partitions: the machine between watch streams and whoever keeps a table.
//!
//! A stream tells every change after a revision, or begins with everything, in pages. It may break anywhere, and the next
//! one may come from a node that is behind. Whoever applies the updates in order has what the log had: what does not follow
//! from what was told before is asked for anew, never skipped, and nothing is taken back.

use crate::core::ids::{PartitionId, Revision};
use alloc::vec::Vec;

/// A message of a stream. `R` is what is told of a partition.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum WatchEvent<R> {
    /// A part of everything there is.
    Page {
        /// Partitions that no earlier page had.
        records: Vec<R>,
        /// As of; the same in all pages.
        revision: Revision,
        /// Whether it is the last.
        last: bool,
    },
    /// One partition has changed.
    Changed {
        /// The change before this one.
        after: Revision,
        /// Its place in the log.
        revision: Revision,
        /// Which.
        partition: PartitionId,
        /// What it is from then on; none: it is gone.
        record: Option<R>,
    },
    /// Nothing comes any more.
    Ended,
}

/// What a watcher learns.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Update<R> {
    /// Everything there is. What was told before counts no more.
    Everything {
        /// All partitions.
        records: Vec<R>,
        /// As of.
        revision: Revision,
    },
    /// One partition has changed.
    Changed {
        /// Which.
        partition: PartitionId,
        /// What it is now; none: it is gone.
        record: Option<R>,
        /// As of.
        revision: Revision,
    },
}

/// What comes of an event.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Step<R> {
    /// Nothing yet.
    Wait,
    /// This is news.
    Tell(Update<R>),
    /// This stream is of no more use: open another one, after [`WatchCache::resume`].
    Reopen,
}

/// How far a watcher has been told.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct WatchCache<R> {
    seen: Revision,
    /// Whether a stream may go on from there.
    whole: bool,
    /// Pages of this revision, as long as the last one is missing.
    pages: Option<(Revision, Vec<R>)>,
}

impl<R> Default for WatchCache<R> {
    fn default() -> Self {
        Self { seen: Revision::ZERO, whole: false, pages: None }
    }
}

impl<R> WatchCache<R> {
    /// The last revision that was told.
    #[must_use]
    pub const fn seen(&self) -> Revision {
        self.seen
    }

    /// What the next stream is to begin after.
    #[must_use]
    pub const fn resume(&self) -> Revision {
        if self.whole { self.seen } else { Revision::ZERO }
    }

    /// Takes what a stream says.
    #[must_use]
    pub fn handle(&mut self, event: WatchEvent<R>) -> Step<R> {
        match event {
            WatchEvent::Page { records, revision, last } => self.page(records, revision, last),
            WatchEvent::Changed { .. } if self.pages.is_some() => self.begin_anew(),
            WatchEvent::Changed { revision, .. } if revision <= self.seen => Step::Wait,
            WatchEvent::Changed { after, .. } if after > self.seen => self.begin_anew(),
            WatchEvent::Changed { revision, partition, record, .. } => {
                (self.seen, self.whole) = (revision, true);
                Step::Tell(Update::Changed { partition, record, revision })
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
            return self.begin_anew();
        }
        pages.append(&mut records);
        if !last {
            self.pages = Some((revision, pages));
            return Step::Wait;
        }
        // A node that is behind has less to tell than was told already.
        if revision < self.seen {
            return Step::Reopen;
        }
        (self.seen, self.whole) = (revision, true);
        Step::Tell(Update::Everything { records: pages, revision })
    }

    /// Something is missing: everything, from the beginning.
    fn begin_anew(&mut self) -> Step<R> {
        (self.whole, self.pages) = (false, None);
        Step::Reopen
    }
}
