//! What the callers of gateways saw of the rows of one partition.

use cutover::core::fence::Key;
use cutover::core::ids::PartitionId;
use cutover::core::invariant::history::registers::{Call, Judged, Misplaced, Outcome, Registers};

/// Limit of the checker, in visited configurations per row.
const CONFIGURATIONS: u64 = 300_000;

/// A history of registers, one for each row of a partition.
#[derive(Clone, Debug)]
pub struct Rows {
    partition: PartitionId,
    history: Registers,
    /// The partition was given to a store without a seal of the one before: some of what was written may be lost.
    forced: bool,
}

impl Rows {
    /// A history without operations.
    #[must_use]
    pub fn new(partition: PartitionId) -> Self {
        Self { partition, history: Registers::new(), forced: false }
    }

    /// An operation begins, as a process of its own.
    ///
    /// # Errors
    /// [`Misplaced`] if the process has one open.
    pub fn invoke(&mut self, process: u64, key: &Key, call: Call) -> Result<(), Misplaced> {
        self.history.invoke(process, &format!("{}/{key}", self.partition), call)
    }

    /// An operation ends.
    ///
    /// # Errors
    /// [`Misplaced`] if it is not open, or cannot end like this.
    pub fn complete(&mut self, process: u64, outcome: Outcome) -> Result<(), Misplaced> {
        self.history.complete(process, outcome)
    }

    /// The partition is given to a store without a seal of the one before: its rows are not judged.
    pub const fn forced(&mut self) {
        self.forced = true;
    }

    /// The verdict on all rows.
    #[must_use]
    pub fn judge(&self) -> Judged {
        let rows = self.history.keys().filter(|_| !self.forced);
        self.history.judged(rows.map(|row| row.judge(CONFIGURATIONS)))
    }
}
