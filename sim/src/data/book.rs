//! What the callers of gateways saw: a history of registers, one for each row of each partition.

use crate::event_log::lock;
use crate::judge::Recorded;
use cutover::core::fence::Key;
use cutover::core::ids::PartitionId;
use cutover::core::invariant::history::registers::{Call, Judged, Outcome};
use cutover::core::trace::partition::{Frame, Step};
use cutover_model::copies::Rows;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

#[derive(Default)]
struct Inner {
    partitions: BTreeMap<PartitionId, Rows>,
    /// The number of the last process, and of the last value.
    processes: u64,
    values: u64,
}

/// The history of all rows. Clones share it.
#[derive(Clone)]
pub struct Book {
    inner: Arc<Mutex<Inner>>,
    recorded: Recorded,
}

/// The row with a number.
pub(super) fn key(number: u64) -> Option<Key> {
    Key::try_from(format!("k{number}").as_bytes()).ok()
}

/// An operation that has begun. Dropped without an end, nobody knows whether it takes effect.
pub(super) struct Begun(PartitionId, u64);

impl Book {
    /// A history without operations.
    pub(super) fn new(recorded: Recorded) -> Self {
        Self { inner: Arc::default(), recorded }
    }

    /// A value that was never written before.
    pub(super) fn value(&self) -> String {
        let mut inner = lock(&self.inner);
        inner.values += 1;
        format!("v{}", inner.values)
    }

    fn of<T>(&self, partition: PartitionId, does: impl FnOnce(&mut Rows) -> T) -> T {
        does(lock(&self.inner).partitions.entry(partition).or_insert_with(|| Rows::new(partition)))
    }

    /// An operation begins. Each is a process of its own.
    pub(super) fn begin(&self, partition: PartitionId, key: &Key, call: Call) -> Begun {
        let process = {
            let mut inner = lock(&self.inner);
            inner.processes += 1;
            inner.processes
        };
        let step = Step::Invoked { process, key: key.clone(), call: call.clone() };
        self.recorded.push(Some(partition), || Frame::Step(step));
        let _new = self.of(partition, |rows| rows.invoke(process, key, call));
        Begun(partition, process)
    }

    /// An operation ends.
    pub(super) fn end(&self, begun: &Begun, outcome: Outcome) {
        let Begun(partition, process) = *begun;
        let step = Step::Returned { process, outcome: outcome.clone() };
        self.recorded.push(Some(partition), || Frame::Step(step));
        let _fits = self.of(partition, |rows| rows.complete(process, outcome));
    }

    /// A partition is given to a store without a seal of the one before: its rows are not judged.
    pub(super) fn forced(&self, partition: PartitionId) {
        self.recorded.push(Some(partition), || Frame::Step(Step::Forced));
        self.of(partition, Rows::forced);
    }

    /// The rows of partitions that a store has lost are not judged.
    pub fn all_lost(
        &self,
        is_lost: impl Fn(PartitionId) -> bool,
        partitions: impl Iterator<Item = PartitionId>,
    ) {
        partitions
            .filter(|partition| is_lost(*partition))
            .for_each(|partition| self.of(partition, Rows::forced));
    }

    /// The verdict on the rows of each partition.
    #[must_use]
    pub fn judge(&self) -> Vec<(PartitionId, Judged)> {
        let Inner { partitions, .. } = &*lock(&self.inner);
        partitions.iter().map(|(partition, rows)| (*partition, rows.judge())).collect()
    }
}
