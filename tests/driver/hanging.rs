//! A disk whose writes neither end nor fail.

use super::{QUIET, asked, create, timed, until};
use cutover::node::driver::{Failure, Queues, Stopped, Timing};
use std::time::Duration;

/// A write that neither ends nor fails: the node leaves, so that neither its leadership nor its clients wait for it.
#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_hangs_stops_the_node() {
    let (disk, writes, answer) = asked();
    let timing = Timing { heartbeat_ms: 10, election_timeout_ms_min: 50, election_timeout_ms_max: 100 };
    let node = timed(1, disk, Queues::default(), timing);
    for _ in 0..2 {
        until("a write", || writes.try_recv().is_ok()).await;
        answer.send(Ok(())).unwrap();
    }
    until("it leads", || node.handle.status().commit.0 >= 2).await;
    let handle = node.handle.clone();
    let write = tokio::spawn(async move { handle.propose(create(1), None).await });
    until("the write is on its way", || writes.try_recv().is_ok()).await;
    assert_eq!(write.await.unwrap(), Err(Failure::Indeterminate));
    assert_eq!(node.task.await.unwrap(), Stopped::Disk("no write has ended for 300ms".to_owned()));
    assert_eq!(node.handle.propose(create(2), None).await, Err(Failure::Stopping));
    drop(answer);
}

/// What is queued for the disk is written before the node ends; a disk that hangs does not keep it from ending, nor
/// does a full queue of requests.
#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_is_stopped_writes_what_waits() {
    for hangs in [false, true] {
        let (disk, writes, answer) = asked();
        let queues = Queues { requests: 1, batches: 2, ..Queues::default() };
        let timing = if hangs { Timing { election_timeout_ms_max: 400, ..QUIET } } else { QUIET };
        let node = timed(1, disk, queues, timing);
        for _ in 0..2 {
            until("a write", || writes.try_recv().is_ok()).await;
            answer.send(Ok(())).unwrap();
        }
        until("it leads", || node.handle.status().commit.0 >= 2).await;
        let propose = |partition| {
            let handle = node.handle.clone();
            tokio::spawn(async move { handle.propose(create(partition), None).await })
        };
        let _first = propose(1);
        until("the first is on its way", || writes.try_recv().is_ok()).await;
        let _second = propose(2);
        until("the second is in the log", || node.handle.status().last.0 >= 4).await;
        let _third = propose(3);
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert_eq!(node.handle.propose(create(4), None).await, Err(Failure::Busy { what: "requests" }));
        node.handle.stop();
        if hangs {
            let stopped = node.task.await.unwrap();
            assert_eq!(stopped, Stopped::Disk("no write has ended for 1.2s".to_owned()));
            continue;
        }
        answer.send(Ok(())).unwrap();
        until("the second is written as well", || writes.try_recv().is_ok()).await;
        answer.send(Ok(())).unwrap();
        assert_eq!(node.task.await.unwrap(), Stopped::Requested);
    }
}
