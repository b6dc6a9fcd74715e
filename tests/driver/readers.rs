//! What a reader is given does not need the pump.

use super::{InstantDisk, node, peer};
use cutover::core::ids::{HistoryId, Index, Revision, Term};
use cutover::core::raft::{Body, LogPosition, Message};
use cutover::node::driver::Queues;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::Duration;
use tokio::time::timeout;

/// The pump is stuck in the network: the status and a new watch are answered all the same, so no number of them
/// takes its time.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_status_and_a_new_watch_do_not_wait_for_the_pump() {
    let node = node(3, InstantDisk, Queues::default());
    let ((held, is_held), (release, released)) = (channel(), channel::<()>());
    let wire = Arc::clone(&node.wire.0);
    let holder = std::thread::spawn(move || {
        let _stuck = wire.lock().unwrap();
        held.send(()).unwrap();
        let _released = released.recv();
    });
    is_held.recv().unwrap();
    let last = LogPosition { term: Term(9), index: Index(9) };
    node.inbox.deliver(Message {
        history: HistoryId(1),
        from: peer(2),
        to: peer(1),
        admitted: Index::ZERO,
        term: Term(9),
        body: Body::RequestVote { last, transfer: false },
    });
    let asked = || timeout(Duration::from_millis(500), node.handle.open_session());
    let patience = Duration::from_secs(20);
    let stuck = async { while asked().await.is_ok() {} };
    timeout(patience, stuck).await.expect("the pump to wait for the network");
    let view = timeout(patience, async { node.handle.latest() }).await.unwrap().unwrap();
    assert_eq!(view.state().table().partitions(), 0);
    let _watch = timeout(patience, node.handle.watch(Revision::ZERO)).await.unwrap().unwrap();
    assert!(asked().await.is_err(), "it is stuck");
    drop(release);
    holder.join().unwrap();
    let refused = timeout(patience, node.handle.open_session()).await.unwrap();
    assert!(refused.is_err(), "it goes on, and does not lead");
}
