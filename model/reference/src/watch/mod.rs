//! A watcher: rules `W1` to `W9` of `docs/protocol.md`. It keeps the table that it has told.

use cutover::core::gate::{Step, Update, WatchEvent};
use cutover::core::ids::{HistoryId, PartitionId, Revision};
use std::collections::BTreeMap;

/// A watcher of records `R`.
#[derive(Clone, Debug)]
pub struct Watcher<R> {
    /// The history that was told.
    pub history: Option<HistoryId>,
    /// The revision that was told; 0 before the first.
    pub told: Revision,
    /// Whether all up to that revision was told, and nothing is known to be missing.
    pub is_whole: bool,
    /// The pages of a stream that are not told yet, with their revision.
    pub pages: Option<(Revision, Vec<R>)>,
    /// What was told: the table, with the revision of each record.
    pub table: BTreeMap<PartitionId, (Revision, R)>,
    /// Which partition a record is of.
    partition_of: fn(&R) -> PartitionId,
}

impl<R: Clone> Watcher<R> {
    /// A watcher that was told nothing.
    #[must_use]
    pub const fn new(partition_of: fn(&R) -> PartitionId) -> Self {
        let table = BTreeMap::new();
        Self { history: None, told: Revision::ZERO, is_whole: false, pages: None, table, partition_of }
    }

    /// After which revision the next stream is to continue; from the beginning if it is 0.
    #[must_use]
    pub const fn resume(&self) -> Revision {
        // W5, W6
        if self.is_whole { self.told } else { Revision::ZERO }
    }

    /// What is to be done at a message, or at the end of the stream.
    pub fn handle(&mut self, event: &WatchEvent<R>) -> Step<R> {
        match event {
            WatchEvent::Page { records, revision, last } => {
                let (of, mut all) = self.pages.take().unwrap_or((*revision, Vec::new()));
                all.extend(records.iter().cloned());
                // W1
                if of != *revision {
                    return self.misses();
                }
                if !last {
                    self.pages = Some((of, all));
                    return Step::Wait;
                }
                // W2
                if *revision < self.told {
                    return Step::Reopen;
                }
                self.tells(*revision, None, all)
            }
            WatchEvent::Changed { after, revision, partition, record } => {
                // W5
                if self.pages.is_some() {
                    return self.misses();
                }
                // W4
                if *revision <= self.told {
                    return Step::Wait;
                }
                // W5
                if *after > self.told {
                    return self.misses();
                }
                // W3
                self.tells(*revision, Some(*partition), record.iter().cloned().collect())
            }
            // W7
            WatchEvent::History(history) if self.history == Some(*history) => Step::Wait,
            WatchEvent::History(history) => {
                let is_first = self.history.is_none();
                *self = Self { history: Some(*history), ..Self::new(self.partition_of) };
                let (records, revision, history) = (Vec::new(), Revision::ZERO, *history);
                if is_first {
                    Step::Wait
                } else {
                    Step::Apply(Update::Everything { records, revision, history })
                }
            }
            // W6
            WatchEvent::Ended => {
                self.pages = None;
                Step::Reopen
            }
        }
    }

    fn misses(&mut self) -> Step<R> {
        self.is_whole = false;
        self.pages = None;
        Step::Reopen
    }

    /// All records, or those of one partition, replace what was told.
    fn tells(&mut self, revision: Revision, of: Option<PartitionId>, records: Vec<R>) -> Step<R> {
        // W9
        (self.told, self.is_whole) = (revision, true);
        self.table.retain(|partition, _| of.is_some_and(|of| of != *partition));
        for record in &records {
            self.table.insert((self.partition_of)(record), (revision, record.clone()));
        }
        Step::Apply(match of {
            Some(partition) => Update::Changed { partition, record: records.into_iter().next(), revision },
            None => {
                let history = self.history.unwrap_or(HistoryId::NONE);
                Update::Everything { records, revision, history }
            }
        })
    }
}

/// What a log had at a revision: the table of its history.
pub type Truth<'a, R> = &'a dyn Fn(HistoryId, Revision) -> Option<BTreeMap<PartitionId, R>>;

impl<R: Clone + PartialEq> Watcher<R> {
    /// A record that was told and is not that of the log at its revision, or one that is missing; none: all is well. `is_still`:
    /// all that was committed up to the revision told has been told, so the table is the log's.
    #[must_use]
    pub fn differs(&self, truth: Truth<'_, R>, is_still: bool) -> Option<PartitionId> {
        // W8
        let history = self.history?;
        let wrong = |(partition, (revision, record)): (&PartitionId, &(Revision, R))| {
            let of_log = truth(history, *revision);
            let same = of_log.is_some_and(|table| table.get(partition) == Some(record));
            (!same).then_some(*partition)
        };
        if let Some(partition) = self.table.iter().find_map(wrong) {
            return Some(partition);
        }
        let of_log = if is_still { truth(history, self.told)? } else { return None };
        let partitions = of_log.keys().chain(self.table.keys());
        let differs = |partition: &&PartitionId| {
            of_log.get(*partition) != self.table.get(*partition).map(|(_, record)| record)
        };
        partitions.into_iter().find(differs).copied()
    }
}
