//! A disk whose writes neither end nor fail.

use super::{Node, QUIET, asked, create, ends, timed, until};
use cutover::core::control_plane::ControlPlaneEntry;
use cutover::core::raft::Batch;
use cutover::node::driver::{Failure, Queues, Stopped, Storage, Timing};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

/// A disk whose writes complete at once, until it is told to hang. It waits for nobody before that: a test that is slow is no
/// disk that hangs.
struct HangingDisk {
    hangs: Arc<AtomicBool>,
    /// Told of each write that hangs.
    hanging: Sender<()>,
    /// Ends what hangs, when the other end is dropped.
    released: Receiver<()>,
}

/// A disk, what makes it hang, the writes that hang, and what releases them when it is dropped.
fn hanging() -> (HangingDisk, Arc<AtomicBool>, Receiver<()>, Sender<()>) {
    let (hangs, (hanging, writes), (release, released)) = (Arc::default(), channel(), channel());
    (HangingDisk { hangs: Arc::clone(&hangs), hanging, released }, hangs, writes, release)
}

impl Storage for HangingDisk {
    type Error = &'static str;

    fn write(&mut self, _: &[Batch<ControlPlaneEntry>]) -> Result<(), &'static str> {
        if self.hangs.load(Ordering::SeqCst) {
            let _nobody_waits = self.hanging.send(());
            let _released = self.released.recv();
        }
        Ok(())
    }
}

/// A write that neither ends nor fails: the node leaves, so that neither its leadership nor its clients wait for it.
#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_hangs_stops_the_node() {
    let (disk, hangs, writes, release) = hanging();
    let timing = Timing { heartbeat_ms: 100, election_timeout_ms_min: 500, election_timeout_ms_max: 1_000 };
    let node = timed(1, disk, Queues::default(), timing);
    until("it leads", || node.handle.status().commit.0 >= 2).await;
    hangs.store(true, Ordering::SeqCst);
    let handle = node.handle.clone();
    let write = tokio::spawn(async move { handle.propose(create(1), None).await });
    until("the write is on its way", || writes.try_recv().is_ok()).await;
    assert_eq!(ends("the answer to the write", write).await.unwrap(), Err(Failure::Indeterminate));
    let stopped = ends("the end of the node", node.task).await.unwrap();
    assert_eq!(stopped, Stopped::Disk("no write has ended for 3s".to_owned()));
    let later = ends("the answer of the node that has ended", node.handle.propose(create(2), None)).await;
    assert_eq!(later, Err(Failure::Stopping));
    drop(release);
}

/// What is queued for the disk is written before the node ends.
#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_is_stopped_writes_what_waits() {
    let (disk, writes, answer) = asked();
    let node = timed(1, disk, few(), QUIET);
    for _ in 0..2 {
        until("a write", || writes.try_recv().is_ok()).await;
        answer.send(Ok(())).unwrap();
    }
    until("it leads", || node.handle.status().commit.0 >= 2).await;
    fill(&node, || writes.try_recv().is_ok()).await;
    node.handle.stop();
    answer.send(Ok(())).unwrap();
    until("the second is written as well", || writes.try_recv().is_ok()).await;
    answer.send(Ok(())).unwrap();
    assert_eq!(ends("the end of the node", node.task).await.unwrap(), Stopped::Requested);
}

/// A disk that hangs does not keep a node from ending, nor does a full queue of requests.
#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_is_stopped_does_not_wait_for_a_disk_that_hangs() {
    let (disk, hangs, writes, release) = hanging();
    let node = timed(1, disk, few(), Timing { election_timeout_ms_max: 2_000, ..QUIET });
    until("it leads", || node.handle.status().commit.0 >= 2).await;
    hangs.store(true, Ordering::SeqCst);
    fill(&node, || writes.try_recv().is_ok()).await;
    node.handle.stop();
    let stopped = ends("the end of the node", node.task).await.unwrap();
    assert_eq!(stopped, Stopped::Disk("no write has ended for 6s".to_owned()));
    drop(release);
}

fn few() -> Queues {
    Queues { requests: 1, batches: 2, ..Queues::default() }
}

/// Proposes until a further request is refused: the first is being written, as `writes` says, the second waits for the disk, the
/// third for the pump.
async fn fill(node: &Node, writes: impl FnMut() -> bool) {
    let propose = |partition| {
        let handle = node.handle.clone();
        tokio::spawn(async move { handle.propose(create(partition), None).await })
    };
    let _first = propose(1);
    until("the first is on its way", writes).await;
    let _second = propose(2);
    until("the second is in the log", || node.handle.status().last.0 >= 4).await;
    let _third = propose(3);
    tokio::time::sleep(Duration::from_millis(50)).await;
    let fourth = ends("the answer to one request too many", node.handle.propose(create(4), None)).await;
    assert_eq!(fourth, Err(Failure::Busy { what: "requests" }));
}
