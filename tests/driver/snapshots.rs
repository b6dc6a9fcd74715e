//! A snapshot takes no time of the pump in proportion to the table.

use super::{create, ends, node, until};
use cutover::core::control_plane::ControlPlaneEntry;
use cutover::core::raft::Batch;
use cutover::node::driver::{Queues, Storage};
use std::sync::{Arc, Mutex};

/// Notes of each snapshot that it is to write whether it is encoded.
struct Noting(Arc<Mutex<Vec<bool>>>);

impl Storage for Noting {
    type Error = &'static str;

    fn write(&mut self, batches: &[Batch<ControlPlaneEntry>]) -> Result<(), &'static str> {
        let snapshots = batches.iter().filter_map(|batch| batch.snapshot.as_ref());
        self.0.lock().unwrap().extend(snapshots.map(|snapshot| snapshot.data.is_encoded()));
        Ok(())
    }
}

/// At a compaction the pump shares the state with the snapshot; the storage thread encodes it.
#[tokio::test(flavor = "multi_thread")]
async fn the_pump_does_not_encode_a_snapshot() {
    let encoded = Arc::default();
    let node = node(1, Noting(Arc::clone(&encoded)), Queues::default());
    until("it leads", || node.handle.status().leads()).await;
    for partition in 1..=4_200 {
        ends("an acknowledgement", node.handle.propose(create(partition), None)).await.unwrap();
    }
    until("a compaction", || node.handle.status().snapshot.0 > 4_000).await;
    assert_eq!(*encoded.lock().unwrap(), [false]);
}
