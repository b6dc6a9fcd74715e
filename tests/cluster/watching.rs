//! Watchers: no gap when nodes go away, and no one waits for a watcher that does not read.

use super::harness::{PATIENCE, until};
use super::made::{Cluster, options};
use cutover::client::{Client, ClientError, GateTable, Update};
use cutover::core::control_plane::PartitionName;
use cutover::core::ids::{PartitionId, Placement, Revision};
use cutover::core::migration::{PartitionRecord, Transition};
use cutover::core::placement::Guarantee;
use cutover::node::proto::PartitionSelector;
use cutover::node::proto::v1::{
    BackupRequest, WatchRequest, cluster_client::ClusterClient, placements_client::PlacementsClient,
    watch_response::What,
};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

const CREATE: Transition = Transition::Create { placement: Placement(0), guarantee: Guarantee::Sealed };

/// The table as assembled from a watcher's updates.
#[derive(Default)]
struct Seen {
    records: BTreeMap<PartitionId, PartitionRecord>,
    revision: Option<Revision>,
    changes: usize,
}

impl Seen {
    fn take(&mut self, update: Update) {
        let revision = match update {
            Update::Everything { records, revision, .. } => {
                self.records = records.into_iter().map(|record| (record.partition, record)).collect();
                revision
            }
            Update::Changed { partition, record, revision } => {
                self.changes += 1;
                match record {
                    Some(record) => self.records.insert(partition, record),
                    None => self.records.remove(&partition),
                };
                revision
            }
        };
        assert!(self.revision <= Some(revision), "{:?}, then {revision:?}", self.revision);
        self.revision = Some(revision);
    }
}

/// Creates and deletes partitions; each change is sent until it is answered.
async fn change(client: &Client, from: u64, to: u64) {
    let session = client.session().await.unwrap();
    for partition in from..to {
        let asked = PartitionSelector::Id(PartitionId(partition));
        let mut outcome = session.apply(asked.clone(), CREATE).await;
        while let Err(unresolved) = outcome {
            outcome = session.resume(unresolved).await;
        }
        outcome.unwrap().unwrap();
        if partition.is_multiple_of(5) {
            let expected = client.resolve(asked.clone()).await.unwrap().record.expected();
            let mut outcome = session.apply(asked, Transition::Delete { expected }).await;
            while let Err(unresolved) = outcome {
                outcome = session.resume(unresolved).await;
            }
            outcome.unwrap().unwrap();
        }
    }
}

/// The leader's list of partitions.
fn table(cluster: &Cluster) -> BTreeMap<PartitionId, PartitionRecord> {
    let page = cluster.run(cluster.client().list(None)).unwrap();
    assert!(!page.more);
    let read = |wire| PartitionRecord::try_from(wire).unwrap();
    page.records.iter().map(read).map(|record| (record.partition, record)).collect()
}

#[test]
fn watchers_have_no_gap_across_nodes_that_die() {
    let mut cluster = Cluster::plain(3);
    let watchers: Vec<_> = (0..3)
        .map(|at| {
            // Each watcher begins at another node.
            let mut addresses = cluster.addresses();
            addresses.rotate_left(at);
            let dial = super::made::dialer(None);
            let client = Client::new(addresses, dial, options(5)).unwrap();
            let (seen, gate) = (Arc::new(Mutex::new(Seen::default())), Arc::new(GateTable::default()));
            let (told, admits) = (Arc::clone(&seen), Arc::clone(&gate));
            let task = cluster.spawn(async move {
                let mut watch = client.watch();
                loop {
                    // Without a node that serves there is no stream; the next call tries again.
                    if let Ok(update) = watch.next().await {
                        admits.update(&update);
                        told.lock().unwrap().take(update);
                    }
                }
            });
            (seen, gate, task)
        })
        .collect();
    let client = cluster.client();
    for round in 0..3_u64 {
        let from = 1 + round * 30;
        let changes = cluster.spawn({
            let client = client.clone();
            async move { change(&client, from, from + 30).await }
        });
        let leader = cluster.leader();
        cluster.nodes[leader].kill();
        cluster.serves();
        cluster.nodes[leader].start();
        cluster.run(changes).unwrap();
    }
    let now = table(&cluster);
    assert_eq!(now.values().filter(|record| record.placed.is_some()).count(), 72);
    for (seen, gate, task) in watchers {
        until("a watcher that has seen everything", || (seen.lock().unwrap().records == now).then_some(()));
        task.abort();
        let seen = seen.lock().unwrap();
        assert!(seen.changes > 30, "{} changes", seen.changes);
        assert_eq!(gate.revision(), seen.revision.unwrap());
    }
}

/// Long names fill a flow-control window quickly.
fn long(worker: usize, number: usize) -> PartitionSelector {
    let name = format!("w{worker}-{number:0>59}");
    PartitionSelector::Name(PartitionName::try_from(name).unwrap())
}

const WORKERS: usize = 16;
const EACH: usize = 400;

#[test]
fn a_watcher_that_does_not_read_is_cut_off() {
    let mut cluster = Cluster::of(1, false);
    cluster.nodes[0].sections = "[queues]\nwatch = 64\n".to_owned();
    let cluster = cluster.found();
    cluster.serves();
    let at = format!("http://{}", cluster.nodes[0].client);
    let client = cluster.client();
    cluster.run(async {
        // This watcher has the smallest window that HTTP/2 allows, and reads nothing. No one else may wait for it.
        let endpoint = tonic::transport::Endpoint::from_shared(at).unwrap();
        let channel = endpoint.initial_stream_window_size(65_535).connect().await.unwrap();
        let mut calls = PlacementsClient::new(channel);
        let mut lazy =
            calls.watch(WatchRequest { after_revision: 0, history: 0 }).await.unwrap().into_inner();
        let mut watch = client.watch();
        let workers: Vec<_> = (0..WORKERS)
            .map(|worker| {
                let client = client.clone();
                tokio::spawn(async move {
                    for number in 0..EACH {
                        client.apply(long(worker, number), CREATE).await.unwrap();
                    }
                })
            })
            .collect();
        let reader = tokio::spawn(async move {
            let mut seen = Seen::default();
            while seen.records.len() < WORKERS * EACH {
                seen.take(watch.next().await.unwrap());
            }
            seen
        });
        for worker in workers {
            worker.await.unwrap();
        }
        let seen =
            tokio::time::timeout(PATIENCE, reader).await.expect("a watcher that reads sees all").unwrap();
        let mut told = 0_u64;
        let ended = loop {
            match lazy.message().await {
                Ok(Some(message)) => {
                    told = revision(message.what);
                    assert!(Some(Revision(told)) < seen.revision, "it was told everything");
                }
                Ok(None) => panic!("the stream ended without a reason"),
                Err(status) => break status,
            }
        };
        assert_eq!(ended.code(), tonic::Code::ResourceExhausted, "{ended:?}");
        assert!(ended.message().contains("resume by revision"), "{ended:?}");
        // The watcher continues at the revision that it has seen.
        let history = client.status(&super::made::address(cluster.nodes[0].client)).await.unwrap().history;
        let again = calls.watch(WatchRequest { after_revision: told, history }).await;
        assert!(revision(again.unwrap().into_inner().message().await.unwrap().unwrap().what) > told);
    });
}

/// A node cut off from the others only has old state, which its watchers must not take for current.
#[test]
fn a_node_that_has_lost_the_others_sends_its_watchers_away() {
    let mut cluster = Cluster::plain(3);
    let (at, client) = (format!("http://{}", cluster.nodes[0].client), cluster.client());
    let mut watch = client.watch();
    let first = cluster.run(async {
        client.apply(long(0, 0), CREATE).await.unwrap();
        watch.next().await.unwrap()
    });
    let (mut calls, mut stream) = cluster.run(async {
        let channel = tonic::transport::Endpoint::from_shared(at).unwrap().connect().await.unwrap();
        let mut calls = PlacementsClient::new(channel);
        let stream = calls.watch(WatchRequest { after_revision: 0, history: 0 }).await.unwrap().into_inner();
        (calls, stream)
    });
    for lost in [1, 2] {
        cluster.nodes[lost].kill();
    }
    let ended = cluster.run(async {
        loop {
            match tokio::time::timeout(PATIENCE, stream.message()).await.expect("an end of the stream") {
                Ok(Some(_)) => {}
                Ok(None) => panic!("the stream ended without a reason"),
                Err(status) => break status,
            }
        }
    });
    let again = cluster.run(calls.watch(WatchRequest { after_revision: 0, history: 0 })).unwrap_err();
    for status in [ended, again] {
        assert_eq!(status.code(), tonic::Code::Unavailable, "{status:?}");
        assert!(status.message().contains("no contact with a leader"), "{status:?}");
    }
    // A watcher that uses the library waits, and misses nothing.
    for lost in [1, 2] {
        cluster.nodes[lost].start();
    }
    cluster.serves();
    let mut seen = Seen::default();
    seen.take(first);
    cluster.run(async {
        client.apply(long(0, 1), CREATE).await.unwrap();
        while seen.records.len() < 2 {
            match tokio::time::timeout(PATIENCE, watch.next()).await.expect("news") {
                Ok(update) => seen.take(update),
                Err(ClientError::NoLeader(_) | ClientError::Unreachable(_)) => {}
                Err(error) => panic!("{error}"),
            }
        }
    });
}

fn revision(what: Option<What>) -> u64 {
    match what.expect("something") {
        What::Change(change) => change.revision,
        What::Resync(page) => page.revision,
        What::Progress(progress) => progress.revision,
    }
}

/// The value of a node's metric.
fn counted(cluster: &Cluster, name: &str) -> u64 {
    let metrics = super::garbage::scrape(cluster.nodes[0].metrics);
    let line = metrics.lines().find(|line| line.starts_with(name));
    line.and_then(|line| line.split_whitespace().last()?.parse().ok()).unwrap_or(0)
}

/// The reason for which a stream ends.
async fn end<T>(stream: &mut tonic::Streaming<T>) -> tonic::Status {
    loop {
        match stream.message().await {
            Ok(Some(_)) => {}
            Ok(None) => panic!("the stream ended without a reason"),
            Err(status) => return status,
        }
    }
}

#[test]
fn streams_that_nobody_reads_end() {
    let mut cluster = Cluster::of(1, false);
    cluster.nodes[0].sections =
        "[queues]\nwatch = 16384\n[limits]\nwatch_idle_s = 1\nbackup_s = 1\n".to_owned();
    let cluster = cluster.found();
    cluster.serves();
    let at = format!("http://{}", cluster.nodes[0].client);
    let client = cluster.client();
    cluster.run(async {
        let endpoint = tonic::transport::Endpoint::from_shared(at).unwrap();
        let channel = endpoint.initial_stream_window_size(65_535).connect().await.unwrap();
        let mut calls = PlacementsClient::new(channel.clone());
        let mut lazy =
            calls.watch(WatchRequest { after_revision: 0, history: 0 }).await.unwrap().into_inner();
        let mut watch = client.watch();
        let workers: Vec<_> = (0..WORKERS)
            .map(|worker| {
                let client = client.clone();
                tokio::spawn(async move {
                    for number in 0..EACH / 2 {
                        client.apply(long(worker, number), CREATE).await.unwrap();
                    }
                })
            })
            .collect();
        for worker in workers {
            worker.await.unwrap();
        }
        // The queue has space for all changes; the watcher is disconnected because it does not read.
        until("a watcher that is cut off", || {
            (counted(&cluster, "cutover_watchers_cut_off_total") > 0).then_some(())
        });
        let ended = end(&mut lazy).await;
        assert_eq!(ended.code(), tonic::Code::ResourceExhausted, "{ended:?}");
        assert!(ended.message().contains("read nothing for 1 s and was disconnected"), "{ended:?}");
        let mut calls = ClusterClient::new(channel);
        let mut backup = calls.backup(BackupRequest {}).await.unwrap().into_inner();
        until("a backup that is given up", || {
            (counted(&cluster, "cutover_backups_cut_off_total") > 0).then_some(())
        });
        let ended = end(&mut backup).await;
        assert_eq!(ended.code(), tonic::Code::DeadlineExceeded, "{ended:?}");
        assert!(ended.message().contains("was not read within 1 s"), "{ended:?}");
        // A watcher that reads is not affected, however long it watches and however much it receives.
        assert!(matches!(watch.next().await, Ok(Update::Everything { .. } | Update::Changed { .. })));
        assert!(client.backup().await.unwrap().len() > 1 << 18);
    });
}

/// The changes that a stream brings first: the revision of its first message, and whether that has all records.
fn first(cluster: &Cluster, after_revision: u64, history: u64) -> (u64, bool) {
    let at = format!("http://{}", cluster.nodes[0].client);
    cluster.run(async {
        let channel = tonic::transport::Endpoint::from_shared(at).unwrap().connect().await.unwrap();
        let request = WatchRequest { after_revision, history };
        let mut stream = PlacementsClient::new(channel).watch(request).await.unwrap().into_inner();
        let told =
            tokio::time::timeout(PATIENCE, stream.message()).await.expect("a message").unwrap().unwrap();
        assert_ne!(told.history, 0);
        let whole = matches!(told.what, Some(What::Resync(_)));
        (revision(told.what), whole)
    })
}

/// A revision that the leader's log does not reach, or one of another history, is as good as none. It was accepted, and the
/// watcher was told nothing until the cluster got there, and then went on over a hole.
#[test]
fn a_revision_of_the_future_or_of_another_history_begins_at_the_beginning() {
    let cluster = Cluster::plain(1);
    cluster.ctl(&["create", "acme", "--at", "A"]).ok();
    let status = cluster.status(0).unwrap();
    let (own, now) = (status.history, status.revision);
    let beginning = first(&cluster, 0, 0);
    assert!(beginning.0 <= now);
    for (after, history) in
        [(u64::MAX, own), (now + 1_000, own), (now, own ^ 1), (now, 0), (u64::MAX, own ^ 1)]
    {
        assert_eq!(first(&cluster, after, history), beginning, "after {after} of {history}");
    }
}
