//! The operator of the partitions with data: creates them, has them moved there and back, aborts moves, retires old copies, and deletes.

use super::book::{Begun, Book, key};
use super::renew::{given_up, lose};
use super::{address, machine_at};
use crate::event_log::{EventLog, lock};
use crate::faults::End;
use crate::host::Hosts;
use crate::stream::Stream;
use crate::workload::library_client;
use core::sync::atomic::Ordering;
use core::time::Duration;
use cutover::client::{Client, ClientError};
use cutover::core::fence::{Claim, Ended};
use cutover::core::ids::{PartitionId, Placement};
use cutover::core::invariant::history::registers::{Call, Outcome, Value};
use cutover::core::migration::{AbortReason, Operator, PartitionRecord, Reason, Transition};
use cutover::core::placement::{Guarantee, PartitionState};
use cutover::node::proto::PartitionSelector;
use cutover::node::proto::v1::{self, sink_client::SinkClient};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use tokio::time::{Instant, sleep, timeout};
use tonic::transport::Endpoint;

/// The operator. It decides by what it has just read.
pub(super) struct Mover {
    pub(super) hosts: Hosts,
    pub(super) client: Client,
    book: Book,
    /// What deletions do to rows that takes effect until the partition is created again.
    deleted: Arc<Mutex<BTreeMap<PartitionId, Vec<Begun>>>>,
    chance: Stream,
    /// When stores lose their disks.
    losses: Stream,
    /// What is ordered draws for itself.
    pub(super) ordering: Stream,
}

impl Mover {
    pub(super) fn new(hosts: &Hosts, book: Book) -> Option<Self> {
        let patience = Duration::from_millis(hosts.options.work.patience_ms);
        let client = library_client(&hosts.all(), patience, hosts.options.seed ^ 0xda7a)?;
        let chance = Stream::new(hosts.options.seed, "mover", 0);
        let losses = Stream::new(hosts.options.seed, "store-wipes", 0);
        let ordering = Stream::new(hosts.options.seed, "orders", 0);
        let deleted = Arc::default();
        Some(Self { hosts: hosts.clone(), client, book, deleted, chance, losses, ordering })
    }

    /// Takes steps until its process ends.
    pub(super) async fn run(mut self) {
        let partitions: Vec<PartitionId> = self.hosts.options.data.all().collect();
        for partition in &partitions {
            self.step(*partition).await;
        }
        let wipes_ms = self.hosts.options.data.wipes_ms;
        let mut wipes = Instant::now() + Duration::from_millis(self.losses.below(3 * wipes_ms + 1));
        loop {
            let calm = self.hosts.calm.load(Ordering::Relaxed);
            if wipes_ms > 0 && Instant::now() >= wipes && !calm {
                lose(&self.hosts, &self.client, &mut self.losses).await;
                wipes = Instant::now() + Duration::from_millis(self.losses.between(wipes_ms, 4 * wipes_ms));
            }
            let pause_ms = self.chance.tail(self.hosts.options.data.moves_ms);
            sleep(Duration::from_millis(pause_ms)).await;
            let Some(partition) = self.chance.pick(&partitions) else { return };
            self.order_now_and_then(partition).await;
            self.step(partition).await;
        }
    }

    fn store(&mut self) -> Option<Placement> {
        let stores: Vec<Placement> = self.hosts.options.data.placements().collect();
        self.chance.pick(&stores)
    }

    /// Whether the operator gives up the source of a move: now and then, and more often if it is down.
    fn forces(&self, record: &PartitionRecord, luck: u64) -> bool {
        let Some(PartitionState::Migrating { from, .. }) = record.placed.map(|placed| placed.state) else {
            return false;
        };
        let source = machine_at(from, lock(&self.hosts.judge).table());
        let down = source.is_some_and(|machine| !self.hosts.is_up(machine) || self.hosts.is_paused(machine));
        self.hosts.options.data.forces && ((41..44).contains(&luck) || down && luck > 40)
    }

    /// Gives a partition that moves to its target as it is there: the target is asked to end the copy.
    async fn force(&self, record: &PartitionRecord) -> Option<Transition> {
        let PartitionState::Migrating { to, .. } = record.placed?.state else { return None };
        let machine = machine_at(to, lock(&self.hosts.judge).table())?;
        let endpoint = Endpoint::from_shared(format!("http://{}", address(machine))).ok()?;
        let asked = v1::SinkEndRequest {
            target: Some(v1::SinkTarget { store: to.0, partition: record.partition.0 }),
            migration: record.migration.0,
            epoch: record.epoch.0,
        };
        let mut sink = SinkClient::new(endpoint.connect_lazy());
        let patience = Duration::from_millis(self.hosts.options.data.attempt_ms);
        let ended = timeout(patience, sink.end(asked)).await.ok()?.ok()?;
        let ended = Claim::<Ended>::try_from(Some(ended.into_inner())).ok()?;
        let operator = Operator::try_from("sim".to_owned()).ok()?;
        let reason = Reason::try_from("the source is gone".to_owned()).ok()?;
        self.book.forced(record.partition);
        Some(Transition::Force { expected: record.expected(), ended, partial: true, operator, reason })
    }

    /// The source of a move is down, and stays so: after a while the operator gives it up. It comes back later.
    async fn give_up(&mut self, partition: PartitionId) {
        let flight = |record: &PartitionRecord| match record.placed?.state {
            PartitionState::Migrating { from, .. } => Some(from),
            PartitionState::Active(_) => None,
        };
        let id = PartitionSelector::Id(partition);
        let Ok(found) = self.client.resolve(id.clone()).await else { return };
        let Some(from) = flight(&found.record) else { return };
        let Some(source) = machine_at(from, lock(&self.hosts.judge).table()) else { return };
        if self.hosts.calm.load(Ordering::Relaxed) {
            return;
        }
        self.hosts.event_log.count("fault", "source-lost");
        self.hosts.end(source, End::Power);
        for _ in 0..4 {
            sleep(Duration::from_millis(self.losses.between(50, 500))).await;
            let Ok(now) = self.client.resolve(id.clone()).await else { continue };
            if flight(&now.record) != Some(from) {
                break;
            }
            if let Some(force) = self.force(&now.record).await {
                self.ask(partition, force, true).await;
                break;
            }
        }
        sleep(Duration::from_millis(self.losses.between(0, 1_000))).await;
        self.hosts.boot(source);
    }

    async fn step(&mut self, partition: PartitionId) {
        let found = self.client.resolve(PartitionSelector::Id(partition)).await;
        let (known, store, luck) = (found.is_ok(), self.store(), self.chance.below(100));
        let Some(store) = store else { return };
        let wanted = match found {
            Ok(found) if self.forces(&found.record, luck) => self.force(&found.record).await,
            Ok(found) => given_up(&self.hosts, &found.record).or_else(|| next(&found.record, store, luck)),
            Err(ClientError::NotFound(_)) => {
                Some(Transition::Create { placement: store, guarantee: Guarantee::Sealed })
            }
            Err(_) => None,
        };
        let options = &self.hosts.options.data;
        // What is created is as the store that it is created at.
        let wanted = wanted.map(|wanted| {
            if let Transition::Create { placement, .. } = wanted {
                return Transition::Create { placement, guarantee: options.guarantee(placement) };
            }
            wanted
        });
        let Some(wanted) = wanted else { return };
        let begins = matches!(wanted, Transition::Begin { .. });
        if let Transition::Begin { expected, to } = &wanted {
            self.order_next(partition, *expected, *to).await;
        }
        self.ask(partition, wanted, known).await;
        if begins && self.hosts.options.data.forces && self.losses.below(4) == 0 {
            self.give_up(partition).await;
        }
    }

    /// Asks for a transition.
    async fn ask(&self, partition: PartitionId, wanted: Transition, known: bool) {
        let deletes = matches!(wanted, Transition::Delete { .. });
        // With the partition, all its rows go.
        let rows = (0..u64::from(self.hosts.options.data.rows)).filter(|_| deletes).filter_map(key);
        let gone: Vec<_> =
            rows.map(|key| self.book.begin(partition, &key, Call::Write(Value::Nothing))).collect();
        let done = self.client.apply(PartitionSelector::Id(partition), wanted.clone()).await;
        let outcome = match &done {
            Ok(_) => Outcome::Done,
            Err(ClientError::Indeterminate) => Outcome::Unknown,
            Err(_) => Outcome::Failed,
        };
        match (&wanted, &outcome) {
            // Who has not heard of it writes to the copy until that is dropped, and is acknowledged. A partition is created when none is left.
            (Transition::Delete { .. }, Outcome::Done) => {
                lock(&self.deleted).entry(partition).or_default().extend(gone);
            }
            (Transition::Create { .. }, Outcome::Done) => {
                let gone = lock(&self.deleted).remove(&partition).unwrap_or_default();
                gone.iter().for_each(|begun| self.book.end(begun, Outcome::Done));
            }
            (_, _) => gone.iter().for_each(|begun| self.book.end(begun, outcome.clone())),
        }
        let log: &EventLog = &self.hosts.event_log;
        let facts = [partition.0, u64::from(known), u64::from(done.is_ok())];
        log.note("mover", 0, "asks", &facts, || format!("{wanted:?}: {done:?}"));
        log.count(
            "operator",
            match (&wanted, &done) {
                (_, Err(_)) => "steps of partitions with data not done",
                (Transition::Create { .. }, Ok(_)) => "partitions with data created",
                (Transition::Begin { .. }, Ok(_)) => "moves of data begun",
                (Transition::Abort { .. }, Ok(_)) => "moves of data aborted",
                (Transition::Force { .. }, Ok(_)) => "moves of data forced",
                (Transition::Delete { .. }, Ok(_)) => "partitions with data deleted",
                (_, Ok(_)) => "copies of data retired",
            },
        );
    }
}

/// What the operator wants of a partition.
fn next(record: &PartitionRecord, store: Placement, luck: u64) -> Option<Transition> {
    let expected = record.expected();
    if luck < 40
        && let Some(retired) = retire(record)
    {
        return Some(retired);
    }
    let Some(placed) = record.placed else {
        return Some(Transition::Create { placement: store, guarantee: Guarantee::Sealed });
    };
    match placed.state {
        PartitionState::Active(_) if !placed.opened => None,
        PartitionState::Active(_) if luck == 40 => Some(Transition::Delete { expected }),
        PartitionState::Active(at) if at != store => Some(Transition::Begin { expected, to: store }),
        PartitionState::Active(_) => None,
        PartitionState::Migrating { .. } if luck > 90 => {
            Some(Transition::Abort { expected, why: AbortReason::Operator })
        }
        PartitionState::Migrating { .. } => None,
    }
}

/// The next old copy that is to be dropped.
pub(super) fn retire(record: &PartitionRecord) -> Option<Transition> {
    let old = record.old_copies.iter().find(|old| !old.retiring)?;
    Some(Transition::RetireCopy { placement: old.placement, copy: old.copy })
}
