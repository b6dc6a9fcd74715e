//! The load of a large table, measured: run with a release build, and alone on the machine.
//!
//! ```sh
//! cargo test --release --test cluster -- --ignored --nocapture a_large_table
//! ```

use super::certs::Files;
use super::harness::until;
use super::made::{Cluster, address, anybody, options, security};
use cutover::client::{Client, ClientError};
use cutover::core::ids::{PartitionId, Placement};
use cutover::core::migration::Transition;
use cutover::core::placement::Guarantee;
use cutover::node::proto::PartitionSelector;
use cutover::node::proto::v1::{
    BackupRequest, StatusRequest, WatchRequest, cluster_client::ClusterClient,
    placements_client::PlacementsClient,
};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tonic::transport::{Channel, Endpoint};

const RECORDS: u64 = 100_000;
const WATCHERS: usize = 1_000;
const STATUS: usize = 64;
const BACKUPS: usize = 16;
const FOR: Duration = Duration::from_secs(60);

/// What the load has done.
#[derive(Default)]
struct Done {
    pages: AtomicU64,
    synced: AtomicU64,
    statuses: AtomicU64,
    backups: AtomicU64,
    refused: AtomicU64,
}

/// Creates this many partitions.
fn fill(cluster: &Cluster, records: u64) {
    let next = Arc::new(AtomicU64::new(1));
    let writers: Vec<_> = (0..64)
        .map(|_| {
            let (client, next) = (cluster.client(), Arc::clone(&next));
            cluster.spawn(async move {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number > records {
                        return;
                    }
                    let create = Transition::Create { placement: Placement(0), guarantee: Guarantee::Sealed };
                    let asked = PartitionSelector::Id(PartitionId(number));
                    // Again where the outcome is unknown: then it may exist.
                    loop {
                        match client.apply(asked.clone(), create.clone()).await {
                            Ok(_) => break,
                            Err(ClientError::Refused { reason, .. }) if reason == "AlreadyExists" => break,
                            Err(_) => {}
                        }
                    }
                }
            })
        })
        .collect();
    for writer in writers {
        cluster.run(writer).unwrap();
    }
}

async fn watch(channel: Channel, done: Arc<Done>) {
    use cutover::node::proto::v1::watch_response::What;
    let mut client = PlacementsClient::new(channel).max_decoding_message_size(64 << 20);
    let Ok(stream) = client.watch(WatchRequest::default()).await else {
        done.refused.fetch_add(1, Ordering::Relaxed);
        return;
    };
    let mut stream = stream.into_inner();
    while let Ok(Some(message)) = stream.message().await {
        if let Some(What::Resync(page)) = message.what {
            done.pages.fetch_add(1, Ordering::Relaxed);
            done.synced.fetch_add(u64::from(page.last), Ordering::Relaxed);
        }
    }
}

async fn call(channel: Channel, backup: bool, done: Arc<Done>, over: Arc<AtomicBool>) {
    let mut client = ClusterClient::new(channel);
    while !over.load(Ordering::Relaxed) {
        if !backup {
            match client.status(StatusRequest {}).await {
                Ok(_) => done.statuses.fetch_add(1, Ordering::Relaxed),
                Err(_) => done.refused.fetch_add(1, Ordering::Relaxed),
            };
            continue;
        }
        let Ok(stream) = client.backup(BackupRequest {}).await else {
            done.refused.fetch_add(1, Ordering::Relaxed);
            continue;
        };
        let mut stream = stream.into_inner();
        while let Ok(Some(_)) = stream.message().await {}
        done.backups.fetch_add(1, Ordering::Relaxed);
    }
}

/// Writes one after another on a thread of its own, and returns how long each took.
fn writes(client: Client, over: Arc<AtomicBool>) -> std::thread::JoinHandle<Vec<Duration>> {
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let mut took = Vec::new();
        while !over.load(Ordering::Relaxed) {
            let began = Instant::now();
            runtime.block_on(client.session()).unwrap();
            took.push(began.elapsed());
        }
        took
    })
}

/// Sixteen watchers that read nothing, more than take turns, and one that does: it gets all pages.
#[test]
fn a_watcher_that_reads_nothing_does_not_keep_its_turn() {
    let cluster = Cluster::plain(1);
    fill(&cluster, 3_000);
    // A window of less than a page: what nobody reads stays at the node.
    let endpoint = Endpoint::from_shared(format!("http://{}", cluster.nodes[0].client)).unwrap();
    let small = endpoint.clone().initial_connection_window_size(4_096).initial_stream_window_size(4_096);
    let (unread, read) =
        cluster.run(async { (small.connect().await.unwrap(), endpoint.connect().await.unwrap()) });
    let silent: Vec<_> = (0..16)
        .map(|_| {
            let mut client = PlacementsClient::new(unread.clone());
            cluster.run(client.watch(WatchRequest::default())).unwrap()
        })
        .collect();
    let done = Arc::<Done>::default();
    let reading = cluster.spawn(watch(read, Arc::clone(&done)));
    until("the watcher that reads has every page", || {
        (done.synced.load(Ordering::Relaxed) == 1).then_some(())
    });
    assert_eq!(done.pages.load(Ordering::Relaxed), 12);
    reading.abort();
    drop(silent);
}

fn print(what: &str, mut took: Vec<Duration>) {
    took.sort_unstable();
    let at = |part: usize| took[(took.len() - 1) * part / 1_000];
    let (count, longest) = (took.len(), took[took.len() - 1]);
    eprintln!("{what}: {count} writes, median {:?}, 99% {:?}, longest {longest:?}", at(500), at(990));
}

/// 100,000 records; then at once 1,000 new watchers, 64 callers of `Status`, 16 backups. The leader stays in office; how
/// long a write waits is printed.
#[test]
#[ignore = "minutes, and a measurement"]
fn a_large_table_is_read_beside_the_writes() {
    let cluster = Cluster::secure(3);
    fill(&cluster, RECORDS);
    let leader = cluster.leader();
    let before = cluster.status(leader).unwrap();
    eprintln!("{} records, resident {} MiB", before.partitions, cluster.nodes[leader].memory_kib() >> 10);
    let measure = |seconds| {
        let over = Arc::new(AtomicBool::new(false));
        let writing = writes(cluster.client_of(cluster.ann.as_ref(), options(30)), Arc::clone(&over));
        std::thread::sleep(seconds);
        over.store(true, Ordering::Relaxed);
        writing.join().unwrap()
    };
    print("at rest", measure(Duration::from_secs(5)));
    let (done, over) = (Arc::<Done>::default(), Arc::new(AtomicBool::new(false)));
    let at = address(cluster.nodes[leader].client);
    let connect = |files: &Files| {
        cluster.run(cutover::node::tls::channel(&at, &security(Some(files)), &anybody())).unwrap()
    };
    // Five gateways, four connections each, and four of an operator.
    let gateways: Vec<Files> = (0..5)
        .map(|gateway| {
            let subject = format!("CN=gw{gateway},OU=gateway,O=example");
            cluster.authority.as_ref().unwrap().issue(&format!("gw{gateway}"), &subject)
        })
        .collect();
    let channels: Vec<Channel> = (0..20).map(|number| connect(&gateways[number % gateways.len()])).collect();
    let of_ann: Vec<Channel> = (0..4).map(|_| connect(cluster.ann.as_ref().unwrap())).collect();
    for number in 0..WATCHERS {
        cluster.spawn(watch(channels[number % channels.len()].clone(), Arc::clone(&done)));
    }
    for number in 0..STATUS + BACKUPS {
        let backup = number >= STATUS;
        let channel = of_ann[number % of_ann.len()].clone();
        cluster.spawn(call(channel, backup, Arc::clone(&done), Arc::clone(&over)));
    }
    print("under load", measure(FOR));
    over.store(true, Ordering::Relaxed);
    let count = |of: &AtomicU64| of.load(Ordering::Relaxed);
    eprintln!(
        "{} of {WATCHERS} watchers have everything ({} pages), {} statuses, {} backups, {} refused, resident {} MiB at most",
        count(&done.synced),
        count(&done.pages),
        count(&done.statuses),
        count(&done.backups),
        count(&done.refused),
        cluster.nodes[leader].peak_kib() >> 10,
    );
    let after = cluster.status(leader).unwrap();
    assert_eq!((after.term, after.role), (before.term, before.role), "the leader stays in office");
}
