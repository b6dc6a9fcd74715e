//! Clients that move partitions, and the history of their operations.

use super::made::{Cluster, options};
use cutover::client::{Client, ClientError, Session};
use cutover::core::fence::{CatchUpEvidence, Digest, RowsDigest, SealReceipt, StatementOrigin};
use cutover::core::ids::{Incarnation, PartitionId, Placement, Position};
use cutover::core::invariant::history::{
    Answer, CONFIGURATIONS, Invocation, Judged, Operation, Refusal, Seen, judge,
};
use cutover::core::migration::{AbortReason, PartitionRecord, Transition};
use cutover::core::placement::{Guarantee, PartitionState, Phase};
use cutover::node::proto::PartitionSelector;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore as _, SeedableRng as _};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Number of partitions that the clients share.
pub const PARTITIONS: u64 = 4;
const CLIENTS: u64 = 5;

/// The operations of all clients, with times of one clock.
pub struct Log {
    began: Instant,
    operations: Mutex<Vec<Operation>>,
    /// Errors that no client should get.
    odd: Mutex<Vec<String>>,
}

impl Log {
    fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_nanos()).unwrap()
    }

    fn put(&self, client: u64, partition: u64, invoked: u64, completed: Option<u64>, call: Invocation) {
        let partition = PartitionId(partition);
        self.operations.lock().unwrap().push(Operation { client, partition, invoked, completed, call });
    }

    pub fn done(&self) -> Vec<Operation> {
        assert_eq!(*self.odd.lock().unwrap(), Vec::<String>::new(), "answers that nobody understands");
        self.operations.lock().unwrap().clone()
    }
}

/// The running clients.
pub struct Load {
    pub log: Arc<Log>,
    stop: Arc<AtomicBool>,
    tasks: Vec<tokio::task::JoinHandle<()>>,
}

impl Load {
    pub fn begin(cluster: &Cluster, seed: u64) -> Self {
        let (began, operations, odd) = (Instant::now(), Mutex::default(), Mutex::default());
        let log = Arc::new(Log { began, operations, odd });
        let stop = Arc::new(AtomicBool::new(false));
        let worker = |id: u64| {
            let worker = Worker {
                id,
                client: cluster.client_of(cluster.ann.as_ref(), options(3)),
                random: ChaCha8Rng::seed_from_u64(seed ^ (id << 32)),
                log: Arc::clone(&log),
                session: None,
            };
            cluster.spawn(worker.run(Arc::clone(&stop)))
        };
        let tasks = (1..=CLIENTS).map(worker).collect();
        Self { log, stop, tasks }
    }

    pub fn operations(&self) -> usize {
        self.log.operations.lock().unwrap().len()
    }

    /// Stops the clients, reads every partition once more, and returns the history.
    pub fn end(self, cluster: &Cluster) -> Vec<Operation> {
        self.stop.store(true, Ordering::Relaxed);
        cluster.run(async {
            for task in self.tasks {
                task.await.unwrap();
            }
            let client = cluster.client();
            for partition in 1..=PARTITIONS {
                read(&client, &self.log, 0, partition).await.expect("a last read");
            }
        });
        self.log.done()
    }
}

struct Worker {
    id: u64,
    client: Client,
    random: ChaCha8Rng,
    log: Arc<Log>,
    session: Option<Session>,
}

/// A strong read. The outer `None`: no answer.
async fn read(client: &Client, log: &Log, id: u64, partition: u64) -> Option<Option<PartitionRecord>> {
    let invoked = log.now();
    let answer = client.resolve(PartitionSelector::Id(PartitionId(partition))).await;
    let completed = Some(log.now());
    let (seen, revision, record) = match answer {
        Ok(found) => (Seen::Record(found.record.clone()), Some(found.revision), Some(found.record)),
        Err(ClientError::NotFound(_)) => (Seen::Nothing, None, None),
        Err(ClientError::Unexpected(what)) => {
            log.odd.lock().unwrap().push(what);
            return None;
        }
        Err(_) => return None,
    };
    log.put(id, partition, invoked, completed, Invocation::Read { seen, revision });
    Some(record)
}

impl Worker {
    async fn run(mut self, stop: Arc<AtomicBool>) {
        while !stop.load(Ordering::Relaxed) {
            let partition = 1 + u64::from(self.random.next_u32()) % PARTITIONS;
            let Some(record) = read(&self.client, &self.log, self.id, partition).await else { continue };
            let draw = self.random.next_u32();
            // Some reads are not followed by a change.
            if !draw.is_multiple_of(4) {
                let transition = record.map_or(CREATE, |record| next(&record, draw / 4));
                self.apply(partition, transition).await;
            }
            tokio::time::sleep(Duration::from_millis(u64::from(self.random.next_u32() % 10))).await;
        }
    }

    async fn session(&mut self) -> Option<Session> {
        if self.session.is_none() {
            self.session = self.client.session().await.ok();
        }
        self.session.clone()
    }

    async fn apply(&mut self, partition: u64, transition: Transition) {
        let asked = PartitionSelector::Id(PartitionId(partition));
        let invoked = self.log.now();
        let answer = if self.id == 1 {
            self.once(asked, transition.clone()).await
        } else {
            let Some(session) = self.session().await else { return };
            self.under(&session, asked, transition.clone()).await
        };
        let known = !matches!(answer, Answer::Indeterminate);
        let completed = known.then(|| self.log.now());
        self.log.put(self.id, partition, invoked, completed, Invocation::Apply { transition, answer });
    }

    /// Requests a transition without a session: sent once.
    async fn once(&self, asked: PartitionSelector, transition: Transition) -> Answer {
        let text = format!("{transition:?}");
        match self.client.apply(asked, transition).await {
            Ok(applied) => Answer::Ok { epoch: applied.epoch },
            Err(ClientError::Refused { reason, have, .. }) => Answer::Refused(Refusal { reason, have }),
            Err(ClientError::Indeterminate) => Answer::Indeterminate,
            // These errors mean that nothing was done.
            Err(ClientError::Unreachable(_) | ClientError::NoLeader(_) | ClientError::Busy(_)) => {
                Answer::NotCommitted
            }
            Err(other) => self.odd(&text, &other),
        }
    }

    /// Requests a transition under a session: sent until answered, and applied once.
    async fn under(&mut self, session: &Session, asked: PartitionSelector, transition: Transition) -> Answer {
        let text = format!("{transition:?}");
        let mut outcome = session.apply(asked, transition).await;
        for _ in 0..2 {
            match outcome {
                Err(unresolved) => outcome = session.resume(unresolved).await,
                Ok(_) => break,
            }
        }
        match outcome {
            Ok(Ok(applied)) => Answer::Ok { epoch: applied.epoch },
            Ok(Err(ClientError::Refused { reason, have, .. })) => Answer::Refused(Refusal { reason, have }),
            // The outcome is unknown; the next request uses a new session.
            Err(_) | Ok(Err(ClientError::SessionExpired { .. })) => {
                self.session = None;
                Answer::Indeterminate
            }
            Ok(Err(other)) => self.odd(&text, &other),
        }
    }

    fn odd(&self, asked: &str, told: &ClientError) -> Answer {
        self.log.odd.lock().unwrap().push(format!("{asked}: {told:?}"));
        Answer::Indeterminate
    }
}

const CREATE: Transition = Transition::Create { placement: Placement(0), guarantee: Guarantee::Sealed };

/// A transition that the record allows; statements that only a store can make are fabricated.
fn next(record: &PartitionRecord, draw: u32) -> Transition {
    let (expected, migration) = (record.expected(), record.migration);
    let by = |store| StatementOrigin { store, partition: record.partition, incarnation: Incarnation(1) };
    let (position, digest) = (Position(7), Digest { rows: RowsDigest::of(8), ids: 9 });
    match record.placed.map(|placed| placed.state) {
        None => CREATE,
        Some(PartitionState::Active(placement)) => {
            if let Some(old) = record.old_copies.first().filter(|_| draw.is_multiple_of(2)) {
                let (placement, copy) = (old.placement, old.copy);
                if !old.retiring {
                    return Transition::RetireCopy { placement, copy };
                }
                let dropped = cutover::core::fence::Dropped::reported(by(placement), copy);
                return Transition::ForgetCopy { dropped: dropped.into() };
            }
            if !record.placed.is_some_and(|placed| placed.opened) {
                let prepared = cutover::core::fence::Prepared::reported(
                    by(placement),
                    migration,
                    record.epoch.previous(),
                    true,
                    false,
                );
                return Transition::Open { expected, prepared: prepared.into() };
            }
            let to = Placement((placement.0 + 1) % 3);
            Transition::Begin { expected, to }
        }
        Some(PartitionState::Migrating { .. }) if draw.is_multiple_of(5) => {
            Transition::Abort { expected, why: AbortReason::Operator }
        }
        Some(PartitionState::Migrating { from, phase: Phase::Draining, .. }) => {
            let through = record.epoch;
            let (by, target) = (by(from), Incarnation(1));
            let receipt = SealReceipt::reported(by, migration, through, position, digest, target);
            Transition::EnterCutover { expected, receipt: receipt.into() }
        }
        Some(PartitionState::Migrating { to, phase: Phase::Cutover, .. }) => {
            let (by, epoch) = (by(to), record.epoch);
            let evidence = CatchUpEvidence::reported(by, migration, epoch, position, digest, true);
            Transition::Complete { expected, evidence: evidence.into() }
        }
    }
}

/// The verdict of the linearizability checker.
pub fn judged(operations: &[Operation]) -> Judged {
    judge(operations, CONFIGURATIONS).unwrap()
}
