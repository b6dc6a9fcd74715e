//! A watcher: it follows the table through any node, and must receive every change without a gap.

use super::api::Api;
use super::beside::Beside;
use super::client::record_of;
use super::gateway::Gateway;
use super::library;
use crate::event_log::{EventLog, lock};
use crate::host::{HISTORY, Hosts};
use crate::judge::{Judge, own};
use crate::stream::Stream;
use crate::table::Table;
use core::time::Duration;
use cutover::client::{Client, Update};
use cutover::core::ids::{HistoryId, PartitionId, Revision};
use cutover::core::migration::PartitionRecord;
use cutover::node::proto::v1::{self, placements_client::PlacementsClient, watch_response::What};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use tokio::time::{sleep, timeout};
use tonic::{Request, Streaming};

/// The table as assembled from the received updates.
#[derive(Clone, Debug)]
struct View {
    records: BTreeMap<PartitionId, PartitionRecord>,
    /// The history that the revision is of.
    history: HistoryId,
    revision: Revision,
    /// The pages of a whole table, until the last one has arrived.
    pages: BTreeMap<PartitionId, PartitionRecord>,
}

/// A watcher with its view of the table.
pub struct Watcher {
    number: u8,
    api: Api,
    nodes: Vec<u8>,
    judge: Arc<Mutex<Judge>>,
    event_log: EventLog,
    chance: Stream,
    view: View,
    /// The reference of a watcher.
    beside: Beside,
    told: WatchProgress,
}

/// The newest revision received by each watcher that uses the production library, which must bring all changes in
/// time.
#[derive(Clone, Debug, Default)]
pub struct WatchProgress(Arc<Mutex<BTreeMap<u8, (HistoryId, Revision)>>>);

impl WatchProgress {
    /// A watcher that has not received this revision of this history, if there is one.
    #[must_use]
    pub fn behind(&self, history: HistoryId, revision: Revision) -> Option<(u8, HistoryId, Revision)> {
        let all = lock(&self.0);
        let (number, (of, told)) = all.iter().find(|(_, (of, told))| *of != history || *told < revision)?;
        Some((*number, *of, *told))
    }
}

impl Watcher {
    /// A watcher that knows the initial nodes.
    #[must_use]
    pub fn new(number: u8, hosts: &Hosts, told: WatchProgress) -> Self {
        let (options, nodes) = (&hosts.options, hosts.all());
        let patience = Duration::from_millis(options.work.patience_ms);
        let which = 100 + u64::from(number);
        let api = Api::new(nodes.clone(), patience, Stream::new(options.seed, "api", which));
        let chance = Stream::new(options.seed, "watch", number.into());
        let view = View {
            records: BTreeMap::new(),
            history: HISTORY,
            revision: Revision::ZERO,
            pages: BTreeMap::new(),
        };
        let (judge, event_log) = (Arc::clone(&hosts.judge), hosts.event_log.clone());
        Self { number, api, nodes, judge, event_log, chance, view, beside: Beside::default(), told }
    }

    /// Follows until the run is over. Every second watcher uses the production library.
    pub async fn run(mut self) {
        let client = library::client(&self.nodes, Duration::from_secs(1), u64::from(self.number) + 1_000);
        if let Some(client) = client.filter(|_| self.number % 2 == 1) {
            return self.run_library(&client).await;
        }
        loop {
            let patience_ms = self.chance.between(100, 8_000);
            if let Some(stream) = self.begin().await {
                let _moved_on = timeout(Duration::from_millis(patience_ms), self.follow(stream)).await;
            }
            sleep(Duration::from_millis(self.chance.between(1, 200))).await;
        }
    }

    async fn run_library(&mut self, client: &Client) {
        let (mut watch, mut gateway) = (client.watch(), Gateway::default());
        loop {
            lock(&self.told.0).insert(self.number, (self.view.history, self.view.revision));
            let Ok(update) = watch.next().await else { continue };
            let judge = Arc::clone(&self.judge);
            let mut judge = lock(&judge);
            let history =
                if let Update::Everything { history, .. } = &update { *history } else { self.view.history };
            if let Some((found, against)) = self.beside.updated(&update, &judge) {
                judge.find(own::WATCHER, format!("w{} {found}", self.number), against);
            }
            let gate = judge.table_of(history).and_then(|table| gateway.update(&update, table));
            let wrong = match update {
                Update::Changed { partition, record, revision } => {
                    let table = judge.table_of(self.view.history);
                    table.and_then(|table| self.follows(partition, record, revision, table))
                }
                Update::Everything { revision, history, .. }
                    if history == self.view.history && revision < self.view.revision =>
                {
                    Some((
                        format!("is told everything at {revision}"),
                        format!("it was told of {} before", self.view.revision),
                    ))
                }
                Update::Everything { records, revision, history } => {
                    self.view.pages = records.into_iter().map(|record| (record.partition, record)).collect();
                    self.everything(history, revision, &judge)
                }
            };
            if let Some((found, against)) = wrong.or(gate) {
                judge.find(own::WATCH, format!("w{} {found}", self.number), against);
            }
        }
    }

    /// Takes these records for what the watcher has.
    pub(super) fn has_seen(
        &mut self,
        history: HistoryId,
        revision: Revision,
        records: BTreeMap<PartitionId, PartitionRecord>,
    ) {
        self.beside = Beside::having(history, revision, &records);
        self.view = View { records, history, revision, pages: BTreeMap::new() };
    }

    async fn begin(&mut self) -> Option<Streaming<v1::WatchResponse>> {
        let node = self.chance.pick(&self.nodes)?;
        self.begin_at(node).await
    }

    /// Opens a watch at a node.
    pub(super) async fn begin_at(&mut self, node: u8) -> Option<Streaming<v1::WatchResponse>> {
        let channel = self.api.channel(node)?;
        let View { revision, history, .. } = self.view;
        let mut request = Request::new(v1::WatchRequest { after_revision: revision.0, history: history.0 });
        request.set_timeout(Duration::from_secs(60));
        let mut client = PlacementsClient::new(channel);
        let asked = timeout(Duration::from_secs(1), client.watch(request)).await;
        self.view.pages.clear();
        if let Some((found, against)) = self.beside.ended() {
            lock(&self.judge).find(own::WATCHER, format!("w{} {found}", self.number), against);
        }
        Some(asked.ok()?.ok()?.into_inner())
    }

    /// Follows a watch until it ends.
    pub(super) async fn follow(&mut self, mut stream: Streaming<v1::WatchResponse>) {
        // A slow watcher is disconnected from time to time.
        let slow_ms = if self.chance.below(4) == 0 { 300 } else { 0 };
        while let Ok(Some(told)) = stream.message().await {
            if let Some(what) = told.what {
                self.take(HistoryId(told.history), what);
            }
            if slow_ms > 0 {
                sleep(Duration::from_millis(slow_ms)).await;
            }
        }
    }

    fn take(&mut self, history: HistoryId, what: What) {
        let judge = Arc::clone(&self.judge);
        let mut judge = lock(&judge);
        let (number, known) = (self.number, self.view.history);
        if let Some((found, against)) = self.beside.heard(history, &what, &judge) {
            judge.find(own::WATCHER, format!("w{number} {found}"), against);
        }
        let wrong = match (what, judge.table_of(history)) {
            (What::Resync(resync), _) => self.resynced(history, &resync, &judge),
            (What::Change(change), Some(table)) if history == known => self.changed(&change, table),
            (What::Progress(progress), Some(table)) if history == known => {
                self.progressed(progress.revision, table)
            }
            (What::Change(_) | What::Progress(_), _) => Some((
                format!("goes on in history {history}"),
                format!("its table is of history {known}, and it was not told the whole one since"),
            )),
        };
        if let Some((found, against)) = wrong {
            judge.find(own::WATCH, format!("w{number} {found}"), against);
        }
    }

    fn changed(&mut self, change: &v1::Change, table: &Table) -> Option<(String, String)> {
        let (revision, partition) = (Revision(change.revision), PartitionId(change.partition));
        self.follows(partition, record_of(change.record.as_ref()), revision, table)
    }

    fn follows(
        &mut self,
        partition: PartitionId,
        record: Option<PartitionRecord>,
        revision: Revision,
        table: &Table,
    ) -> Option<(String, String)> {
        self.event_log.note("w", self.number.into(), "change", &[revision.0, partition.0], String::new);
        self.event_log.count("client", "changes watched");
        let before = self.view.revision;
        if revision <= before {
            return Some((format!("is told of {revision}"), format!("it was told of {before} before")));
        }
        let of_then = table.record_at(partition, revision);
        if record != of_then {
            return Some((
                format!("is told {partition} at {revision} is {record:?}"),
                format!("the log says {of_then:?}"),
            ));
        }
        match record {
            Some(record) => self.view.records.insert(partition, record),
            None => self.view.records.remove(&partition),
        };
        self.view.revision = revision;
        // A partition whose last change was skipped must have changed again later: then it is reported once.
        let missing = table.changes().iter().rev().skip_while(|change| change.revision > revision);
        let mut missing = missing
            .take_while(|change| change.revision > before)
            .filter(|change| change.partition != partition);
        let again = |of: PartitionId| {
            table
                .changes()
                .iter()
                .rev()
                .take_while(|change| change.revision > revision)
                .any(|change| change.partition == of)
        };
        let gap = missing.find(|change| !again(change.partition))?;
        Some((
            format!("is told of {revision} after {before}"),
            format!("{} changed at {} and not again", gap.partition, gap.revision),
        ))
    }

    fn resynced(
        &mut self,
        history: HistoryId,
        resync: &v1::Resync,
        judge: &Judge,
    ) -> Option<(String, String)> {
        for record in &resync.records {
            if let Some(record) = record_of(Some(record)) {
                self.view.pages.insert(record.partition, record);
            }
        }
        if !resync.last {
            return None;
        }
        self.everything(history, Revision(resync.revision), judge)
    }

    fn everything(
        &mut self,
        history: HistoryId,
        revision: Revision,
        judge: &Judge,
    ) -> Option<(String, String)> {
        self.event_log.note("w", self.number.into(), "resync", &[revision.0], String::new);
        self.event_log.count("client", "resyncs");
        if history != self.view.history {
            self.event_log.count("client", "watchers told of a new history");
        }
        self.view.records = std::mem::take(&mut self.view.pages);
        (self.view.history, self.view.revision) = (history, revision);
        match judge.table_of(history) {
            Some(table) => self.equals(revision, table),
            None => Some((format!("is told of history {history}"), "there is no such one".to_owned())),
        }
    }

    fn progressed(&mut self, revision: u64, table: &Table) -> Option<(String, String)> {
        self.event_log.count("client", "progress watched");
        if Revision(revision) < self.view.revision {
            return None;
        }
        self.equals(Revision(revision), table)
    }

    /// Compares the view with the table at this revision.
    fn equals(&self, revision: Revision, table: &Table) -> Option<(String, String)> {
        let mut expected = BTreeMap::new();
        for change in table.changes().iter().take_while(|change| change.revision <= revision) {
            match &change.record {
                Some(record) => expected.insert(change.partition, record.clone()),
                None => expected.remove(&change.partition),
            };
        }
        if expected == self.view.records {
            return None;
        }
        let of = |at: &PartitionId| expected.get(at) != self.view.records.get(at);
        let mut keys = expected.keys().chain(self.view.records.keys());
        let differs = keys.find(|at| of(at)).copied().unwrap_or(PartitionId(0));
        Some((
            format!("has {differs} at {revision} as {:?}", self.view.records.get(&differs)),
            format!("the log says {:?}", expected.get(&differs)),
        ))
    }
}
