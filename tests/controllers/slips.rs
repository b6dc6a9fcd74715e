//! Stores that do not answer, answer late, or answer all at once.

use super::near::Near;
use super::{
    A, B, Body, Call, ControllersConfig, Duration, Epoch, MigrationId, Node, PATIENT, PartitionId,
    PartitionRecord, PartitionState, Placement, Policy, Reply, Request, Stores, Transition, write,
};
use cutover::core::control_plane::Store;
use cutover::core::fence::{Claim, EvidenceQuery, Prepared, StatementOrigin};
use cutover::core::ids::{Incarnation, Position};
use cutover::node::controllers::Look;
use cutover::node::driver::{DriverConfig, Queues};
use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// Stores of which B answers no question about evidence while it is `mute`.
#[derive(Clone)]
pub struct Mute {
    near: Near,
    mute: Arc<AtomicBool>,
}

impl Mute {
    pub fn new(near: &Near) -> Self {
        Self { near: near.clone(), mute: Arc::new(AtomicBool::new(true)) }
    }

    pub fn speaks(&self) {
        self.mute.store(false, Ordering::Relaxed);
    }
}

impl Stores for Mute {
    async fn ask(&self, call: Call) -> Result<Reply, String> {
        // The first answer starts the block of writes: those at the seal's position are missing.
        if let Body::Evidence(query) = &call.request.body
            && self.mute.load(Ordering::Relaxed)
            && query.at_least.0 >= 100
        {
            return pending().await;
        }
        self.near.ask(call).await
    }

    async fn look(&self, number: Placement, store: Store, of: PartitionId) -> Result<Look, String> {
        self.near.look(number, store, of).await
    }
}

/// Writes cannot be taken, and the log knows where the source's end.
fn is_blocked(record: &PartitionRecord) -> bool {
    record.placed.is_some_and(|placed| placed.cutover.is_some_and(|facts| facts.watermark.is_some()))
}

/// A partition with rows moves, up to where its writes are blocked.
async fn begins_to_block(node: &Node, near: &Near) {
    node.create(1).await;
    for serial in 1..=100 {
        near.applied(A, 1, write(serial, node.token(1))).await;
    }
    node.begin(1, B).await;
    node.until(1, "writes are blocked", is_blocked).await;
}

/// The target says no more that it has caught up, while writes are blocked: the move is aborted within the budget, the source takes
/// writes again, and the log says why.
#[tokio::test(flavor = "multi_thread")]
async fn a_target_that_falls_silent_blocks_writes_for_no_longer_than_the_budget() {
    let near = Near::new();
    let mute = Mute::new(&near);
    let node = Node::new().await;
    let policy = Policy { blocked_budget_ms: 400, lag_writes_max: Some(64), ..PATIENT.policy };
    let config = ControllersConfig { policy, deadline: Duration::from_millis(50), ..PATIENT };
    let _controllers = node.controllers(mute.clone(), config);
    begins_to_block(&node, &near).await;
    node.until(1, "the move is aborted", |record| {
        record.placed.unwrap().state == PartitionState::Active(A) && record.is_settled()
    })
    .await;
    let kept = node.record(1).unwrap().placed.unwrap().kept;
    assert_eq!(kept.map(|kept| kept.placement), Some(B), "an abort for a budget keeps the copy");
    near.applied(A, 1, write(101, node.token(1))).await;
    // It answers again: the same copy is gone on with, and the move completes.
    mute.speaks();
    node.begin(1, B).await;
    node.arrived(1, B).await;
}

/// A controller that takes over does not know for how long writes have been blocked: it waits for one answer, and no budget more.
#[tokio::test(flavor = "multi_thread")]
async fn a_controller_that_takes_over_a_block_of_writes_ends_it() {
    let near = Near::new();
    let mute = Mute::new(&near);
    let node = Node::new().await;
    let config = ControllersConfig { deadline: Duration::from_millis(50), ..PATIENT };
    let first = node.controllers(mute.clone(), config);
    begins_to_block(&node, &near).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(is_blocked(&node.record(1).unwrap()), "the budget of a minute is not over");
    first.abort();
    let _ended = first.await;
    let _second = node.controllers(mute, config);
    node.until(1, "the move is aborted", |record| {
        record.placed.unwrap().state == PartitionState::Active(A) && record.is_settled()
    })
    .await;
    near.applied(A, 1, write(101, node.token(1))).await;
}

/// No watch is to be had, and a move that stands still keeps its timers running: what begins meanwhile is driven nevertheless.
#[tokio::test(flavor = "multi_thread")]
async fn without_a_watch_what_begins_is_seen() {
    let near = Near::new();
    let mute = Mute::new(&near);
    let queues = Queues { watchers: 0, ..Queues::default() };
    let node = Node::with(DriverConfig { queues, ..DriverConfig::default() }).await;
    let config = ControllersConfig { deadline: Duration::from_millis(50), ..PATIENT };
    let _controllers = node.controllers(mute, config);
    begins_to_block(&node, &near).await;
    node.create(2).await;
}

/// A statement counts as its store's only as the answer to a question that the store was asked.
#[test]
fn a_statement_of_another_store_is_none() {
    let query = EvidenceQuery { migration: MigrationId(2), epoch: Epoch(3), at_least: Position(1) };
    let request = |store, partition| Request { store, partition, body: Body::Evidence(query) };
    let origin = StatementOrigin { store: B, partition: PartitionId(1), incarnation: Incarnation(1) };
    let said = || Claim::<Prepared>::from(Prepared::reported(origin, MigrationId(2), Epoch(3), true, false));
    let statement = said().answering(&request(B, PartitionId(1))).unwrap();
    assert!(!Claim::from(statement).is_reported(), "the log takes it for the store's");
    assert_eq!(said().answering(&request(A, PartitionId(1))), None);
    assert_eq!(said().answering(&request(B, PartitionId(2))), None);
}

/// Stores that count how many calls are under way.
#[derive(Clone)]
struct Counted {
    near: Near,
    now: Arc<AtomicUsize>,
    most: Arc<AtomicUsize>,
}

impl Stores for Counted {
    async fn ask(&self, call: Call) -> Result<Reply, String> {
        let now = self.now.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(now, Ordering::SeqCst);
        tokio::time::sleep(Duration::from_millis(10)).await;
        let answer = self.near.ask(call).await;
        self.now.fetch_sub(1, Ordering::SeqCst);
        answer
    }

    async fn look(&self, number: Placement, store: Store, of: PartitionId) -> Result<Look, String> {
        self.near.look(number, store, of).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_partitions_move_within_the_bound_of_calls() {
    let near = Near::new();
    let counted = Counted { near, now: Arc::default(), most: Arc::default() };
    let node = Node::new().await;
    let config = ControllersConfig { calls_per_store: 4, ..PATIENT };
    let _controllers = node.controllers(counted.clone(), config);
    for partition in 1..=40 {
        let transition = Transition::Create { placement: A, guarantee: super::Guarantee::Sealed };
        node.propose(partition, transition).await;
    }
    for partition in 1..=40 {
        node.until(partition, "it is opened", PartitionRecord::is_settled).await;
        let before = node.record(partition).unwrap().migration;
        // The table has as many in flight as its caps allow: the others are begun when some have arrived.
        for attempt in 0.. {
            if node.record(partition).unwrap().migration != before {
                break;
            }
            assert!(attempt < 2_000, "nothing arrives, so {partition} cannot begin");
            node.begin(partition, B).await;
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }
    for partition in 1..=40 {
        node.arrived(partition, B).await;
    }
    // Two stores.
    assert!((2..=8).contains(&counted.most.load(Ordering::SeqCst)), "{:?}", counted.most);
}
