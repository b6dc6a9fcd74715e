//! The driver of one node: what it holds back, what it refuses, and what stops it. The test provides the disk and
//! the network.

#![cfg(feature = "server")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "a test of the edge says what it expects by stopping"
)]

use cutover::core::control_plane::{
    ControlPlaneEntry, ControlPlaneError, Founder, Registered, ReplicatedControlPlane,
};
use cutover::core::ids::{ClusterId, DirectoryId, HistoryId, NodeId, PartitionId, Placement, Revision};
use cutover::core::migration::{Caps, Command, Transition};
use cutover::core::placement::Guarantee;
use cutover::core::raft::{
    Append, Batch, Body, Config, LogPosition, Message, NodeLimits, Outcome, Peer, SessionLimits,
};
use cutover::node::driver::{
    DriverConfig, Environment, Failure, FeedItem, Handle, Inbox, Queues, Registry, Stopped, Storage, Timing,
    Transport, start,
};
use cutover_model::host::known_stores;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng as _;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::task::JoinHandle;

#[path = "driver/another_engine.rs"]
mod another_engine;
#[path = "driver/hanging.rs"]
mod hanging;
#[path = "driver/readers.rs"]
mod readers;
#[path = "driver/readmitted.rs"]
mod readmitted;
#[path = "driver/snapshots.rs"]
mod snapshots;

/// A disk that asks the test before each write whether to proceed, and with which result.
struct GatedDisk {
    writes: Sender<usize>,
    answers: Receiver<Result<(), &'static str>>,
}

impl Storage for GatedDisk {
    type Error = &'static str;

    fn write(&mut self, batches: &[Batch<ControlPlaneEntry>]) -> Result<(), &'static str> {
        self.writes.send(batches.len()).unwrap();
        self.answers.recv().unwrap_or(Ok(()))
    }
}

/// A disk whose writes complete at once.
struct InstantDisk;

impl Storage for InstantDisk {
    type Error = &'static str;

    fn write(&mut self, _: &[Batch<ControlPlaneEntry>]) -> Result<(), &'static str> {
        Ok(())
    }
}

/// Collects the messages that the driver sends.
#[derive(Clone, Default)]
struct Wire(Arc<Mutex<Vec<Message<ControlPlaneEntry>>>>);

impl Transport for Wire {
    fn send(&mut self, message: Message<ControlPlaneEntry>) {
        self.0.lock().unwrap().push(message);
    }

    fn members(&mut self, _: &Registry) {}
}

const fn peer(node: u8) -> Peer {
    Peer { node: NodeId(node), directory: DirectoryId(1) }
}

struct Node {
    handle: Handle,
    inbox: Inbox,
    task: JoinHandle<Stopped>,
    wire: Wire,
}

/// No timer fires by itself during a test.
const QUIET: Timing =
    Timing { heartbeat_ms: 900_000, election_timeout_ms_min: 3_600_000, election_timeout_ms_max: 7_200_000 };

fn node<S: Storage>(voters: u8, storage: S, queues: Queues) -> Node {
    timed(voters, storage, queues, QUIET)
}

fn timed<S: Storage>(voters: u8, storage: S, queues: Queues, timing: Timing) -> Node {
    let identity = |node: u8| -> Registered {
        cutover::core::control_plane::ClusterVoterIdentity::from_certificate_subject(&format!("CN=n{node}"))
            .unwrap()
            .into()
    };
    let voters = (1..=voters).map(|node| (peer(node), identity(node))).collect();
    let founder = Founder {
        cluster: ClusterId(1),
        history: HistoryId(1),
        voters,
        caps: Caps::PRODUCTION,
        sessions: SessionLimits::PRODUCTION,
        stores: known_stores([Guarantee::Sealed; 3]),
    };
    let config = Config { me: peer(1), limits: NodeLimits::PRODUCTION };
    let engine = ReplicatedControlPlane::start(config, founder.disk().unwrap()).unwrap();
    let environment =
        Environment { clock: Box::new(()), jitter: ChaCha8Rng::seed_from_u64(1), ..environment() };
    let wire = Wire::default();
    let driver = DriverConfig { timing, queues };
    let (handle, inbox, task) = start(driver, Box::new(engine), storage, wire.clone(), environment);
    Node { handle, inbox, task, wire }
}

fn environment() -> Environment {
    Environment { clock: Box::new(()), jitter: ChaCha8Rng::seed_from_u64(1), recorder: None }
}

fn create(partition: u64) -> ControlPlaneEntry {
    let transition = Transition::Create { placement: Placement(0), guarantee: Guarantee::Sealed };
    ControlPlaneEntry::OwnershipTransition(Command { partition: PartitionId(partition), transition })
}

/// Waits for a future. A test that hangs prints which wait it was.
async fn ends<T>(what: &str, work: impl Future<Output = T>) -> T {
    let ended = tokio::time::timeout(Duration::from_secs(60), work).await;
    ended.unwrap_or_else(|_| panic!("never: {what}"))
}

/// Waits for a condition. A test that hangs prints which wait it was.
async fn until(what: &str, mut so: impl FnMut() -> bool) {
    for _ in 0..2_000 {
        if so() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("never: {what}");
}

fn asked() -> (GatedDisk, Receiver<usize>, Sender<Result<(), &'static str>>) {
    let ((writes, told), (answer, answers)) = (channel(), channel());
    (GatedDisk { writes, answers }, told, answer)
}

/// n2 requests a vote. Granting it is a promise, so the reply is sent when the vote is durable.
#[tokio::test(flavor = "multi_thread")]
async fn a_vote_leaves_when_it_is_durable() {
    let (disk, writes, answer) = asked();
    let node = node(3, disk, Queues::default());
    let last = LogPosition { term: cutover::core::ids::Term(9), index: cutover::core::ids::Index(9) };
    let body = Body::RequestVote { last, transfer: false };
    let term = cutover::core::ids::Term(9);
    node.inbox.deliver(Message {
        history: HistoryId(1),
        from: peer(2),
        to: peer(1),
        admitted: cutover::core::ids::Index::ZERO,
        term,
        body,
    });
    until("the vote is on its way to the disk", || writes.try_recv().is_ok()).await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(node.wire.0.lock().unwrap().is_empty(), "it left before it was durable");
    answer.send(Ok(())).unwrap();
    let granted = |wire: &Wire| {
        wire.0.lock().unwrap().iter().any(|message| matches!(message.body, Body::VoteReply { granted: true }))
    };
    until("the vote is told", || granted(&node.wire)).await;
}

/// A leader sends entries before its own disk has them: followers may write them at the same time.
#[tokio::test(flavor = "multi_thread")]
async fn entries_leave_beside_the_own_write() {
    let (disk, writes, answer) = asked();
    let node = node(3, disk, Queues::default());
    let say = |from, term, body| Message {
        history: HistoryId(1),
        from: peer(from),
        to: peer(1),
        admitted: cutover::core::ids::Index::ZERO,
        term: cutover::core::ids::Term(term),
        body,
    };
    // n2 leads in term 1 and tells n1 to campaign: with the vote of n3, n1 becomes leader. Its own vote is durable
    // before.
    let first = LogPosition { term: cutover::core::ids::Term(0), index: cutover::core::ids::Index(1) };
    let empty = Append { prev: first, entries: Vec::new(), commit: first.index, round: 0 };
    node.inbox.deliver(say(2, 1, Body::Append(empty)));
    until("the term", || writes.try_recv().is_ok()).await;
    answer.send(Ok(())).unwrap();
    node.inbox.deliver(say(2, 1, Body::TimeoutNow));
    until("the own vote", || writes.try_recv().is_ok()).await;
    let sent = |what: fn(&Body<ControlPlaneEntry>) -> bool| {
        node.wire.0.lock().unwrap().iter().any(|message| what(&message.body))
    };
    assert!(
        !sent(|body| matches!(body, Body::RequestVote { .. })),
        "it asked for a vote before its own was durable"
    );
    answer.send(Ok(())).unwrap();
    until("it asks for votes", || sent(|body| matches!(body, Body::RequestVote { .. }))).await;
    node.inbox.deliver(say(3, 2, Body::VoteReply { granted: true }));
    until("the entry that opens its term is on its way to the disk", || writes.try_recv().is_ok()).await;
    until("the entry is sent", || {
        sent(|body| matches!(body, Body::Append(append) if !append.entries.is_empty()))
    })
    .await;
    assert_eq!(node.handle.status().commit.0, 1, "nobody has it");
    answer.send(Ok(())).unwrap();
}

/// Batches that arrive during a write are written together, and acknowledged in order.
#[tokio::test(flavor = "multi_thread")]
async fn a_group_forms_while_the_disk_is_busy() {
    let (disk, writes, answer) = asked();
    let node = node(1, disk, Queues::default());
    // The vote of a sole voter, and the entry that opens its term.
    for _ in 0..2 {
        until("a write", || writes.try_recv().is_ok()).await;
        answer.send(Ok(())).unwrap();
    }
    until("it leads", || node.handle.status().leads() && node.handle.status().commit.0 >= 2).await;
    let propose = |partition| {
        let handle = node.handle.clone();
        tokio::spawn(async move { handle.propose(create(partition), None).await })
    };
    let first = propose(1);
    until("the first is on its way", || writes.try_recv().is_ok()).await;
    let others: Vec<_> = (2..=9).map(propose).collect();
    until("the others are in the log", || node.handle.status().last.0 >= 11).await;
    assert!(!first.is_finished(), "acknowledged before it was durable");
    answer.send(Ok(())).unwrap();
    let mut group = 0;
    until("the group", || {
        group = writes.try_recv().unwrap_or(group);
        group > 0
    })
    .await;
    assert_eq!(group, 8, "one durable write for all that waited");
    // The first batch is durable; its acknowledgement does not depend on the others.
    let answered = ends("the acknowledgement of the first", first).await.unwrap();
    assert!(matches!(answered, Ok(Outcome::Committed { .. })));
    assert!(others.iter().all(|one| !one.is_finished()), "acknowledged before they were durable");
    answer.send(Ok(())).unwrap();
    for one in others {
        let answered = ends("the acknowledgement of one of the group", one).await.unwrap();
        assert!(matches!(answered, Ok(Outcome::Committed { .. })));
    }
}

/// After a failed write, nothing later is acknowledged, and waiting callers do not learn that their request
/// succeeded.
#[tokio::test(flavor = "multi_thread")]
async fn a_failed_disk_stops_the_node() {
    let (disk, writes, answer) = asked();
    let node = node(1, disk, Queues::default());
    for _ in 0..2 {
        until("a write", || writes.try_recv().is_ok()).await;
        answer.send(Ok(())).unwrap();
    }
    until("it leads", || node.handle.status().commit.0 >= 2).await;
    let handle = node.handle.clone();
    let write = tokio::spawn(async move { handle.propose(create(1), None).await });
    until("the write is on its way", || writes.try_recv().is_ok()).await;
    answer.send(Err("no space left on device")).unwrap();
    assert_eq!(ends("the answer to the write", write).await.unwrap(), Err(Failure::Indeterminate));
    let stopped = ends("the end of the node", node.task).await.unwrap();
    assert_eq!(stopped, Stopped::Disk("no space left on device".to_owned()));
    let later = ends("the answer of the node that has ended", node.handle.propose(create(2), None)).await;
    assert_eq!(later, Err(Failure::Stopping));
    assert!(writes.try_recv().is_err(), "nothing is written after a failure");
}

/// While the maximum number of batches is being written, the driver takes no requests, so that their queue fills
/// up.
#[tokio::test(flavor = "multi_thread")]
async fn a_full_queue_is_an_answer() {
    let (disk, writes, answer) = asked();
    let node = node(1, disk, Queues { requests: 4, batches: 1, ..Queues::default() });
    for _ in 0..2 {
        until("a write", || writes.try_recv().is_ok()).await;
        answer.send(Ok(())).unwrap();
    }
    until("it leads", || node.handle.status().commit.0 >= 2).await;
    let propose = |partition| {
        let handle = node.handle.clone();
        tokio::spawn(async move { handle.propose(create(partition), None).await })
    };
    let first = propose(1);
    until("the disk is busy", || writes.try_recv().is_ok()).await;
    let waiting: Vec<_> = (2..=5).map(propose).collect();
    tokio::time::sleep(Duration::from_millis(50)).await;
    let busy = ends("the answer to one request too many", node.handle.propose(create(6), None)).await;
    assert_eq!(busy, Err(Failure::Busy { what: "requests" }));
    drop(answer);
    for one in std::iter::once(first).chain(waiting) {
        let answered = ends("the acknowledgement of what was taken", one).await.unwrap();
        assert!(matches!(answered, Ok(Outcome::Committed { .. })), "what was taken is done");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_does_not_lead_says_so() {
    let node = node(3, InstantDisk, Queues::default());
    let refused = Failure::Refused(ControlPlaneError::NotLeader { leader: None });
    assert_eq!(ends("the refusal", node.handle.propose(create(1), None)).await, Err(refused));
    let read = ends("the refusal of a read", node.handle.read(|_| ())).await;
    assert!(matches!(read, Err(Failure::Refused(_))));
    assert_eq!(node.handle.latest().map(|view| view.state().revision()), Ok(Revision::ZERO));
    node.handle.stop();
    assert_eq!(ends("the end of the node", node.task).await.unwrap(), Stopped::Requested);
}

/// A watcher gets every change after the revision that it has seen, or the whole table if older changes are not
/// kept; a watcher that does not read is disconnected.
#[tokio::test(flavor = "multi_thread")]
async fn a_watcher_has_no_gap() {
    let node = node(1, InstantDisk, Queues { watch: 3, history: 4, ..Queues::default() });
    until("it leads", || node.handle.status().commit.0 >= 2).await;
    let mut prompt = ends("a watch", node.handle.watch(Revision::ZERO)).await.unwrap();
    let mut slow = ends("a watch", node.handle.watch(Revision::ZERO)).await.unwrap();
    let (mut seen, mut at) = (Revision::ZERO, Vec::new());
    for partition in 1..=6 {
        ends("an acknowledgement", node.handle.propose(create(partition), None)).await.unwrap();
        let Some(FeedItem::Changed(change)) = ends("a change", prompt.recv()).await else {
            panic!("no change")
        };
        assert_eq!((change.after, change.partition), (seen, PartitionId(partition)));
        assert!(change.revision > seen && change.record.is_some());
        (seen, _) = (change.revision, at.push(change.revision));
    }
    let mut taken = 0;
    while ends("the end of a slow watch", slow.recv()).await.is_some() {
        taken += 1;
    }
    assert_eq!(taken, 3, "what fitted, and then the end");
    let mut back = ends("a watch", node.handle.watch(at[3])).await.unwrap();
    for expected in &at[4..] {
        let Some(FeedItem::Changed(change)) = ends("a change", back.recv()).await else {
            panic!("no change")
        };
        assert_eq!(change.revision, *expected);
    }
    let mut late = ends("a watch", node.handle.watch(at[0])).await.unwrap();
    let Some(FeedItem::Resync { state, revision }) = ends("a change", late.recv()).await else {
        panic!("no resync")
    };
    assert_eq!((state.table().partitions(), revision), (6, seen));
}

/// Concurrent reads share one confirmation, and each sees everything that was acknowledged before it.
#[tokio::test(flavor = "multi_thread")]
async fn a_read_sees_what_was_acknowledged() {
    let node = node(1, InstantDisk, Queues::default());
    until("it leads", || node.handle.status().commit.0 >= 2).await;
    for partition in 1..=50 {
        ends("an acknowledgement", node.handle.propose(create(partition), None)).await.unwrap();
        let known = move |view: &cutover::node::driver::View| {
            view.state().table().record(PartitionId(partition)).is_some()
        };
        let both = async { tokio::join!(node.handle.read(known), node.handle.read(known)) };
        let (one, two) = ends("two reads", both).await;
        assert_eq!((one, two), (Ok(true), Ok(true)), "partition {partition}");
    }
}
