//! A watcher and its reference.

use super::Disagreement;
use crate::watch::{Truth, Watcher};
use cutover::core::gate::{Step, WatchCache, WatchEvent};
use cutover::core::ids::{HistoryId, PartitionId};
use std::fmt::Debug;

/// The reference of a watcher, beside the machine.
#[derive(Clone, Debug)]
pub struct WatchBeside<R>(Watcher<R>);

impl<R: Clone + Eq + Debug> WatchBeside<R> {
    /// Beside a watcher that was told nothing. `partition_of`: which partition a record is of.
    #[must_use]
    pub const fn new(partition_of: fn(&R) -> PartitionId) -> Self {
        Self(Watcher::new(partition_of))
    }

    /// What the reference has: also the table as it was told.
    #[must_use]
    pub const fn watcher(&self) -> &Watcher<R> {
        &self.0
    }

    /// Judges what the machine does at an event, and what it has afterwards.
    ///
    /// # Errors
    /// The machine and the reference differ. The reference is then of no use any more.
    pub fn handled(
        &mut self,
        event: &WatchEvent<R>,
        step: &Step<R>,
        after: &WatchCache<R>,
    ) -> Result<(), Disagreement> {
        let expected = self.0.handle(event);
        if *step != expected {
            return Err(Disagreement::new(rule_of(event), (event, step), expected));
        }
        let have = (after.history(), after.seen(), after.resume());
        let expected = (self.0.history.unwrap_or(HistoryId::NONE), self.0.told, self.0.resume());
        if have != expected {
            return Err(Disagreement::new("W5, W6, W7, W9", have, expected));
        }
        Ok(())
    }

    /// Compares what was told with the log. `is_still`: the stream has said everything up to the revision told.
    ///
    /// # Errors
    /// The table that was told is not the log's.
    pub fn compare(&self, truth: Truth<'_, R>, is_still: bool) -> Result<(), Disagreement> {
        match self.0.differs(truth, is_still) {
            None => Ok(()),
            Some(partition) => {
                let (history, told) = (self.0.history.unwrap_or(HistoryId::NONE), self.0.told);
                let of_log = truth(history, told).map(|table| table.get(&partition).cloned());
                Err(Disagreement::new("W8", (partition, &self.0), (history, told, of_log)))
            }
        }
    }
}

const fn rule_of<R>(event: &WatchEvent<R>) -> &'static str {
    match event {
        WatchEvent::Page { .. } => "W1, W2",
        WatchEvent::Changed { .. } => "W3, W4, W5",
        WatchEvent::History(_) => "W7",
        WatchEvent::Ended => "W6",
    }
}
