//! What the callers of gateways saw: a history of registers, one for each row of each partition.

use crate::event_log::lock;
use cutover::core::fence::Key;
use cutover::core::ids::PartitionId;
use cutover::core::invariant::history::registers::{Call, Judged, Outcome, Registers};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

/// Limit of the checker, in visited configurations per row.
const CONFIGURATIONS: u64 = 300_000;

#[derive(Default)]
struct Inner {
    history: Registers,
    /// The number of the last process, and of the last value.
    processes: u64,
    values: u64,
    /// Partitions that were given to a store without a seal of the one before: some of what was written may be lost.
    forced: BTreeSet<PartitionId>,
}

/// The history of all rows. Clones share it.
#[derive(Clone, Default)]
pub struct Book(Arc<Mutex<Inner>>);

/// The name of a row in the history.
fn row(partition: PartitionId, key: &Key) -> String {
    format!("{partition}/{key}")
}

/// The row with a number.
pub(super) fn key(number: u64) -> Option<Key> {
    Key::try_from(format!("k{number}").as_bytes()).ok()
}

/// An operation that has begun. Dropped without an end, nobody knows whether it takes effect.
pub(super) struct Begun(u64);

impl Book {
    /// A value that was never written before.
    pub(super) fn value(&self) -> String {
        let mut inner = lock(&self.0);
        inner.values += 1;
        format!("v{}", inner.values)
    }

    /// An operation begins. Each is a process of its own.
    pub(super) fn begin(&self, partition: PartitionId, key: &Key, call: Call) -> Begun {
        let mut inner = lock(&self.0);
        inner.processes += 1;
        let process = inner.processes;
        let _new = inner.history.invoke(process, &row(partition, key), call);
        Begun(process)
    }

    /// An operation ends.
    pub(super) fn end(&self, begun: &Begun, outcome: Outcome) {
        let _fits = lock(&self.0).history.complete(begun.0, outcome);
    }

    /// A partition is given to a store without a seal of the one before: its rows are not judged.
    pub(super) fn forced(&self, partition: PartitionId) {
        lock(&self.0).forced.insert(partition);
    }

    /// The rows of partitions that a store has lost are not judged.
    pub fn all_lost(
        &self,
        is_lost: impl Fn(PartitionId) -> bool,
        partitions: impl Iterator<Item = PartitionId>,
    ) {
        lock(&self.0).forced.extend(partitions.filter(|partition| is_lost(*partition)));
    }

    /// The verdict on all rows.
    #[must_use]
    pub fn judge(&self) -> Judged {
        let Inner { history, forced, .. } = &*lock(&self.0);
        let lost: Vec<String> = forced.iter().map(|partition| format!("{partition}/")).collect();
        let kept = history.keys().filter(|row| !lost.iter().any(|lost| row.name().starts_with(lost)));
        history.judged(kept.map(|row| row.judge(CONFIGURATIONS)))
    }
}
