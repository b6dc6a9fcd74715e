//! The storage task of a node: writes batches to disk, and reports which are durable.

use crate::core::control_plane::ControlPlaneEntry;
use crate::core::raft::{Batch, BatchNumber};
use crate::node::store::{Store, StoreError};
use core::time::Duration;
use metrics::{counter, histogram};
use tokio::sync::mpsc;
use tokio::time::Instant;

/// Stores batches durably. Called on a thread that may block.
pub trait Storage: Send + 'static {
    /// The error of the disk.
    type Error: core::fmt::Display + Send + 'static;

    /// Writes these batches in this order, all or none, and returns once they are durable.
    ///
    /// # Errors
    /// The error of the disk. The driver then writes nothing more, since the content of the disk is unknown.
    fn write(&mut self, batches: &[Batch<ControlPlaneEntry>]) -> Result<(), Self::Error>;

    /// The duration of the last write, for a simulator whose clock stops during a write. Zero on a real disk.
    fn took(&mut self) -> Duration {
        Duration::ZERO
    }

    /// Size of the storage, in bytes; 0 if not known.
    fn bytes(&self) -> u64 {
        0
    }
}

impl Storage for Store {
    type Error = StoreError;

    fn write(&mut self, batches: &[Batch<ControlPlaneEntry>]) -> Result<(), StoreError> {
        Self::write(self, batches)
    }

    fn bytes(&self) -> u64 {
        self.size_bytes()
    }
}

/// A batch with its number, by which it is reported durable.
pub(super) type NumberedBatch = (BatchNumber, Batch<ControlPlaneEntry>);

/// The most batches in one durable write.
const GROUP_MAX: usize = 256;

/// Writes until the queue is closed. Batches that arrive during a write form the next group.
#[cfg_attr(
    madsim,
    allow(deprecated, reason = "in a simulation it runs at once, and `took` returns the duration")
)]
pub(super) async fn run<S: Storage>(
    mut storage: S,
    mut batches: mpsc::Receiver<NumberedBatch>,
    done: mpsc::Sender<Result<BatchNumber, String>>,
) {
    while let Some((mut through, first)) = batches.recv().await {
        let mut group = vec![first];
        while group.len() < GROUP_MAX
            && let Ok((number, next)) = batches.try_recv()
        {
            group.push(next);
            through = number;
        }
        let began = Instant::now();
        let wrote = tokio::task::spawn_blocking(move || {
            let result = storage.write(&group);
            (storage, result)
        })
        .await;
        let Ok((back, result)) = wrote else {
            let _ = done.send(Err("the storage thread panicked".to_owned())).await;
            return;
        };
        storage = back;
        let took = storage.took();
        if !took.is_zero() {
            tokio::time::sleep(took).await;
        }
        histogram!("cutover_fsync_seconds").record(began.elapsed());
        counter!("cutover_fsyncs_total").increment(1);
        set_bytes(storage.bytes());
        let failed = result.is_err();
        // The pump may have stopped; what it has queued is written all the same.
        let _stopped = done.send(result.map(|()| through).map_err(|error| error.to_string())).await;
        if failed {
            return;
        }
    }
}

#[allow(clippy::cast_precision_loss, reason = "a monitor's numbers are floats")]
fn set_bytes(bytes: u64) {
    metrics::gauge!("cutover_store_bytes").set(bytes as f64);
}
