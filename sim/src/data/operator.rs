//! The operator of the partitions with data: creates them, has them moved there and back, aborts moves, retires old copies, and deletes.

use super::book::{Book, key};
use super::{address, machine_at};
use crate::event_log::{EventLog, lock};
use crate::host::Hosts;
use crate::stream::Stream;
use crate::workload::library_client;
use core::time::Duration;
use cutover::client::{Client, ClientError};
use cutover::core::fence::{Claim, Ended};
use cutover::core::ids::{PartitionId, Placement};
use cutover::core::invariant::history::registers::{Call, Outcome, Value};
use cutover::core::migration::{AbortReason, Operator, PartitionRecord, Reason, Transition};
use cutover::core::placement::{Guarantee, PartitionState};
use cutover::node::proto::PartitionSelector;
use cutover::node::proto::v1::{self, sink_client::SinkClient};
use tokio::time::{sleep, timeout};
use tonic::transport::Endpoint;

/// The operator. It decides by what it has just read.
pub(super) struct Mover {
    hosts: Hosts,
    client: Client,
    book: Book,
    chance: Stream,
}

impl Mover {
    pub(super) fn new(hosts: &Hosts, book: Book) -> Option<Self> {
        let patience = Duration::from_millis(hosts.options.work.patience_ms);
        let client = library_client(&hosts.all(), patience, hosts.options.seed ^ 0xda7a)?;
        let chance = Stream::new(hosts.options.seed, "mover", 0);
        Some(Self { hosts: hosts.clone(), client, book, chance })
    }

    /// Takes steps until its process ends.
    pub(super) async fn run(mut self) {
        let partitions: Vec<PartitionId> = self.hosts.options.data.all().collect();
        for partition in &partitions {
            self.step(*partition).await;
        }
        loop {
            let pause_ms = self.chance.tail(self.hosts.options.data.moves_ms);
            sleep(Duration::from_millis(pause_ms)).await;
            let Some(partition) = self.chance.pick(&partitions) else { return };
            self.step(partition).await;
        }
    }

    fn store(&mut self) -> Option<Placement> {
        let stores: Vec<Placement> = self.hosts.options.data.placements().collect();
        self.chance.pick(&stores)
    }

    fn forces(&self, luck: u64) -> bool {
        self.hosts.options.data.forces && (41..44).contains(&luck)
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

    async fn step(&mut self, partition: PartitionId) {
        let found = self.client.resolve(PartitionSelector::Id(partition)).await;
        let (known, store, luck) = (found.is_ok(), self.store(), self.chance.below(100));
        let Some(store) = store else { return };
        let wanted = match found {
            Ok(found) if self.forces(luck) => self.force(&found.record).await,
            Ok(found) => next(&found.record, store, luck),
            Err(ClientError::NotFound(_)) => {
                Some(Transition::Create { placement: store, guarantee: Guarantee::Sealed })
            }
            Err(_) => None,
        };
        let Some(wanted) = wanted else { return };
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
        gone.iter().for_each(|begun| self.book.end(begun, outcome.clone()));
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
