//! What the callers of gateways saw: a history of registers, one for each row of each partition.

use crate::event_log::lock;
use cutover::core::fence::Key;
use cutover::core::ids::PartitionId;
use cutover::core::invariant::history::registers::{Call, Judged, Outcome, Registers};
use std::sync::{Arc, Mutex};

/// Limit of the checker, in visited configurations per row.
const CONFIGURATIONS: u64 = 300_000;

#[derive(Default)]
struct Inner {
    history: Registers,
    /// The number of the last process, and of the last value.
    processes: u64,
    values: u64,
}

/// The history of all rows. Clones share it.
#[derive(Clone, Default)]
pub struct Book(Arc<Mutex<Inner>>);

/// The name of a row in the history.
fn row(partition: PartitionId, key: &Key) -> String {
    format!("{partition}/{key}")
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

    /// The verdict on all rows.
    #[must_use]
    pub fn judge(&self) -> Judged {
        lock(&self.0).history.judge(CONFIGURATIONS)
    }
}
