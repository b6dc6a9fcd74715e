//! The controllers of a node that leads, with stores on disk in the same process: partitions are created, moved, and dropped where
//! they were, by commands of an operator alone.

#![cfg(feature = "server")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "a test of the edge says what it expects by stopping"
)]

use cutover::core::control_plane::{
    Answer, ClusterVoterIdentity, ControlPlaneEntry, Founder, MoveOrder, OrderChange, OrderOf,
    SingleNodeControlPlane,
};
use cutover::core::fence::{Body, Key, Mutation, Reply, Request, Value, Write};
use cutover::core::ids::{
    ClusterId, DirectoryId, Epoch, HistoryId, MigrationId, NodeId, PartitionId, Placement, Serial, SessionId,
    WriteId,
};
use cutover::core::migration::{Caps, Command, PartitionRecord, Policy, Transition};
use cutover::core::placement::{Guarantee, PartitionState};
use cutover::core::raft::{Batch, Config, Effect, NodeLimits, Outcome, Peer, SessionLimits};
use cutover::node::controllers::{Board, Call, ControllersConfig, Stores, start};
use cutover::node::driver::{self, DriverConfig, Environment, Handle, Stopped, Storage};
use cutover_model::host::known_stores;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng as _;
use std::time::Duration;
use tokio::task::JoinHandle;

#[path = "controllers/near.rs"]
mod near;
#[path = "controllers/orders.rs"]
mod orders;
#[path = "controllers/slips.rs"]
mod slips;

use near::Near;

const A: Placement = Placement(0);
const B: Placement = Placement(1);

/// A disk whose writes complete at once.
struct InstantDisk;

impl Storage for InstantDisk {
    type Error = &'static str;

    fn write(&mut self, _: &[Batch<ControlPlaneEntry>]) -> Result<(), &'static str> {
        Ok(())
    }
}

/// A node that runs alone, and knows the stores A and B.
struct Node {
    handle: Handle,
    _task: JoinHandle<Stopped>,
}

impl Node {
    async fn new() -> Self {
        Self::with(DriverConfig::default()).await
    }

    async fn with(config: DriverConfig) -> Self {
        let driver_config = config;
        let identity = ClusterVoterIdentity::from_certificate_subject("CN=n1").unwrap();
        let founder = Founder {
            cluster: ClusterId(1),
            history: HistoryId(1),
            voters: Vec::new(),
            caps: Caps::PRODUCTION,
            sessions: SessionLimits::PRODUCTION,
            stores: known_stores([Guarantee::Sealed; 2]),
        };
        let me = Peer { node: NodeId(1), directory: DirectoryId(1) };
        let config = Config { me, limits: NodeLimits::PRODUCTION };
        let (engine, _) = SingleNodeControlPlane::bootstrap_leader(config, identity, &founder).unwrap();
        let jitter = ChaCha8Rng::seed_from_u64(1);
        let environment = Environment { clock: Box::new(()), jitter, recorder: None };
        let (handle, _, task) = driver::start(driver_config, Box::new(engine), InstantDisk, (), environment);
        handle.statuses().wait_for(|status| status.leads()).await.unwrap();
        Self { handle, _task: task }
    }

    /// Starts controllers, which know nothing of those before.
    fn controllers(&self, stores: impl Stores, config: ControllersConfig) -> JoinHandle<()> {
        self.showing(stores, config, Board::default())
    }

    /// The same, with what they drive on this board.
    fn showing(&self, stores: impl Stores, config: ControllersConfig, board: Board) -> JoinHandle<()> {
        let jitter = ChaCha8Rng::seed_from_u64(2);
        start(self.handle.clone(), stores, config, board, (Box::new(()), jitter))
    }

    /// Orders something, which the log takes.
    async fn order(&self, change: OrderChange) {
        let entry = ControlPlaneEntry::OrderChange(change);
        let outcome = self.handle.propose(entry, None).await.unwrap();
        let Outcome::Committed { effect: Effect::Answered { answer, .. }, .. } = outcome else {
            panic!("{outcome:?}")
        };
        assert_eq!(answer, Answer::Noted);
    }

    /// Begins a move that goes as ordered.
    async fn begin_with(&self, partition: u64, to: Placement, order: MoveOrder) {
        let expected = self.record(partition).unwrap().expected();
        let of = OrderOf::Next { expected, to };
        self.order(OrderChange::Order { partition: PartitionId(partition), of, order }).await;
        self.begin(partition, to).await;
    }

    fn record(&self, partition: u64) -> Option<PartitionRecord> {
        self.handle.latest().unwrap().state().table().record(PartitionId(partition)).cloned()
    }

    async fn create(&self, partition: u64) {
        let transition = Transition::Create { placement: A, guarantee: Guarantee::Sealed };
        self.propose(partition, transition).await;
        self.until(partition, "the partition is opened", |record| record.is_settled()).await;
    }

    async fn propose(&self, partition: u64, transition: Transition) {
        let command = Command { partition: PartitionId(partition), transition };
        let outcome =
            self.handle.propose(ControlPlaneEntry::OwnershipTransition(command), None).await.unwrap();
        assert!(matches!(outcome, Outcome::Committed { .. }), "{outcome:?}");
    }

    async fn begin(&self, partition: u64, to: Placement) {
        let expected = self.record(partition).unwrap().expected();
        self.propose(partition, Transition::Begin { expected, to }).await;
    }

    async fn retire(&self, partition: u64) {
        for old in self.record(partition).unwrap().old_copies {
            let transition = Transition::RetireCopy { placement: old.placement, copy: old.copy };
            self.propose(partition, transition).await;
        }
    }

    async fn until(&self, partition: u64, what: &str, holds: impl Fn(&PartitionRecord) -> bool) {
        for _ in 0..2_000 {
            if self.record(partition).is_some_and(|record| holds(&record)) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("never: {what}: {:?}", self.record(partition));
    }

    async fn arrived(&self, partition: u64, at: Placement) {
        let what = format!("the partition is at {at}");
        self.until(partition, &what, |record| {
            record.placed.unwrap().state == PartitionState::Active(at) && record.is_settled()
        })
        .await;
    }

    fn token(&self, partition: u64) -> Epoch {
        self.record(partition).unwrap().epoch
    }
}

fn key(number: u64) -> Key {
    Key::try_from(format!("row {number:03}").as_bytes()).unwrap()
}

fn write(serial: u64, token: Epoch) -> Body {
    let key = key(serial % 200);
    let value = Value::try_from(format!("written by {serial}").as_bytes()).unwrap();
    let id = WriteId { session: SessionId(1), serial: Serial(serial) };
    Body::Write(Write { id, token, mutation: Mutation::put(key, value) })
}

/// Short enough for a test, and long enough that a loaded machine aborts nothing.
const PATIENT: ControllersConfig = ControllersConfig {
    policy: Policy { retry_ms: 5, blocked_budget_ms: 60_000, ..Policy::PRODUCTION },
    deadline: Duration::from_secs(20),
    calls_per_store: 64,
    drives: |_| true,
};

#[tokio::test(flavor = "multi_thread")]
async fn a_partition_moves_there_and_back_by_an_operators_commands_alone() {
    let (node, near) = (Node::new().await, Near::new());
    let _controllers = node.controllers(near.clone(), PATIENT);
    node.create(1).await;
    for serial in 1..=500 {
        near.applied(A, 1, write(serial, node.token(1))).await;
    }
    node.begin(1, B).await;
    node.arrived(1, B).await;
    assert_eq!(near.rows(B, 1, node.token(1)).await, 200);
    // The source is sealed: what a gateway sends there late is refused, and at the target it is a duplicate.
    assert!(matches!(near.asked(A, 1, write(501, Epoch(2))).await, Reply::Refused { .. }));
    near.applied(B, 1, write(500, node.token(1))).await;
    near.applied(B, 1, write(501, node.token(1))).await;
    node.retire(1).await;
    node.until(1, "the old copy is forgotten", |record| record.old_copies.is_empty()).await;
    assert_eq!(near.rows(A, 1, node.token(1)).await, 0, "its copy is dropped");
    node.begin(1, A).await;
    node.arrived(1, A).await;
    near.applied(A, 1, write(501, node.token(1))).await;
    assert_eq!(near.rows(A, 1, node.token(1)).await, 200);
}

/// Controllers end at any moment, and others go on from the record. That blocks of writes are short is their budget's part: one that takes
/// over aborts what may block writes, and the move is begun again.
#[tokio::test(flavor = "multi_thread")]
async fn controllers_that_are_replaced_at_any_moment_are_not_missed() {
    let (node, near) = (Node::new().await, Near::new());
    let first = node.controllers(near.clone(), PATIENT);
    node.create(1).await;
    for serial in 1..=300 {
        near.applied(A, 1, write(serial, node.token(1))).await;
    }
    first.abort();
    let (mut at, mut moves, mut aborted) = (A, 0, 0);
    for round in 0..40 {
        let record = node.record(1).unwrap();
        if record.is_settled() {
            let now = record.placed.unwrap().state.read_placement();
            if now != at {
                (at, moves) = (now, moves + 1);
            } else if round > 0 && record.migration > MigrationId(1) {
                aborted += 1;
            }
            node.begin(1, if at == A { B } else { A }).await;
        }
        let controllers = node.controllers(near.clone(), PATIENT);
        tokio::time::sleep(Duration::from_millis(round)).await;
        controllers.abort();
        let _ended = controllers.await;
    }
    let _last = node.controllers(near.clone(), PATIENT);
    node.until(1, "the record settles", PartitionRecord::is_settled).await;
    let owner = node.record(1).unwrap().placed.unwrap().state.read_placement();
    assert_eq!(near.rows(owner, 1, node.token(1)).await, 200, "{moves} moves, {aborted} aborts");
    assert!(moves + aborted > 0, "controllers were replaced, and nothing began");
    near.applied(owner, 1, write(301, node.token(1))).await;
}
