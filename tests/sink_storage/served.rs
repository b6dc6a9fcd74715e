//! The service of a store: a partition moves between two of them over sockets, by its calls alone.

use super::disk::Disk;
use super::pull::{PARTITION, SOURCE, TARGET, storage};
use super::twin::{ME, SETUP, STORE};
use cutover::core::fence::{Enforcement, Refusal, Stuck};
use cutover::core::ids::{Epoch, MigrationId, Placement};
use cutover::node::proto::sink::refused;
use cutover::node::proto::v1::sink_client::SinkClient;
use cutover::node::proto::v1::{self, SinkTarget};
use cutover::sink::access::SinkAccess;
use cutover::sink::driver::{QueueLimits, start};
use cutover::sink::mover::{Mover, PullOptions};
use cutover::sink::server::{Description, SinkService};
use cutover::sink::sources::GrpcSources;
use cutover::sink::storage::{Beginning, Storage};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tonic::Code;
use tonic::transport::{Channel, Server};

const DEADLINE: Duration = Duration::from_secs(10);

/// Serves a store on loopback. Returns its address and a client.
async fn serve(path: &Path, store: Placement) -> (String, SinkClient<Channel>) {
    serve_with(storage(path, store), SinkAccess::plain(), DEADLINE).await
}

/// Serves a store to those who have a role, with a deadline of its own.
pub async fn serve_with(
    storage: Storage,
    access: SinkAccess,
    deadline: Duration,
) -> (String, SinkClient<Channel>) {
    let description = Description {
        identity: storage.identity(),
        enforcement: Enforcement::Tokens,
        kind: "reference".parse().unwrap(),
        known_as: "CN=eu-1,O=example store 7".parse().unwrap(),
    };
    let (sink, _running) = start(storage, QueueLimits::default());
    let sources = Arc::new(GrpcSources::plain(DEADLINE));
    let options = PullOptions { items_max: 8, poll: Duration::from_millis(1), ..PullOptions::default() };
    let mover = Arc::new(Mover::new(sink.clone(), Arc::clone(&sources), options));
    let service = SinkService::new(sink, description, (mover, sources), access, deadline);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let incoming = tonic::transport::server::TcpIncoming::from(listener);
    tokio::spawn(async move {
        Server::builder().add_service(service.into_server()).serve_with_incoming(incoming).await.unwrap();
    });
    let client = SinkClient::connect(format!("http://{address}")).await.unwrap();
    (address, client)
}

pub fn target(store: Placement) -> Option<SinkTarget> {
    Some(SinkTarget { store: store.0, partition: PARTITION.0 })
}

pub fn prepare(store: Placement, migration: u64, source: Option<&str>) -> v1::SinkPrepareRequest {
    v1::SinkPrepareRequest {
        target: target(store),
        migration,
        closed_through: if source.is_some() { 2 } else { 0 },
        source: source.map(|_| SOURCE.0),
        keep: None,
        source_endpoints: source.map(str::to_owned).into_iter().collect(),
        bytes_per_second: None,
    }
}

pub fn put(
    store: Placement,
    (session, serial): (u64, u64),
    token: u64,
    key: &str,
    value: &str,
) -> v1::SinkWriteRequest {
    let cell = v1::Cell { key: key.as_bytes().to_vec(), value: Some(value.as_bytes().to_vec()) };
    let id = Some(v1::WriteId { session, serial });
    v1::SinkWriteRequest { target: target(store), id, token, expects: None, effects: vec![cell] }
}

async fn read(client: &mut SinkClient<Channel>, store: Placement, token: u64, key: &str) -> Option<String> {
    let asked = v1::SinkReadRequest { target: target(store), token, key: key.as_bytes().to_vec() };
    let value = client.read(asked).await.unwrap().into_inner().value;
    value.map(|value| String::from_utf8(value).unwrap())
}

/// The evidence of the target, once it has what it is asked for.
async fn caught_up(client: &mut SinkClient<Channel>, at_least: u64) -> v1::CatchUpEvidence {
    loop {
        let asked = v1::SinkEvidenceRequest { target: target(TARGET), migration: 2, epoch: 3, at_least };
        match client.evidence(asked).await {
            Ok(found) => return found.into_inner(),
            Err(status) => {
                let why = refused(&status);
                assert!(
                    matches!(why, Some(Refusal::Behind { .. } | Refusal::Incomplete { .. })),
                    "{status:?}"
                );
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        }
    }
}

#[tokio::test]
async fn a_partition_moves_from_store_to_store_by_calls_alone() {
    let directory = tempfile::tempdir().unwrap();
    let (at, mut source) = serve(&directory.path().join("a"), SOURCE).await;
    let (_, mut there) = serve(&directory.path().join("b"), TARGET).await;
    source.prepare(prepare(SOURCE, 1, None)).await.unwrap();
    for serial in 1..=40 {
        let (key, value) = (format!("key {serial}"), format!("value {serial}"));
        let applied = source.write(put(SOURCE, (1, serial), 2, &key, &value)).await.unwrap().into_inner();
        assert_eq!(applied.position, serial);
    }
    let again = source.write(put(SOURCE, (1, 7), 2, "key 7", "value 7")).await.unwrap().into_inner();
    assert_eq!(again.position, 7, "a retry is answered as the write was");
    let prepared = there.prepare(prepare(TARGET, 2, Some(&at))).await.unwrap().into_inner();
    assert_eq!((prepared.migration, prepared.closed_through, prepared.enforces), (2, 2, true));
    let before = caught_up(&mut there, 40).await;
    source.write(put(SOURCE, (1, 41), 2, "key 1", "late")).await.unwrap();
    let seal =
        v1::SinkSealRequest { target: target(SOURCE), migration: 2, through: 2, target_incarnation: 7 };
    let receipt = source.seal(seal).await.unwrap().into_inner();
    assert_eq!(receipt.watermark, 41);
    let sealed = source.write(put(SOURCE, (1, 42), 2, "key 1", "too late")).await.unwrap_err();
    assert_eq!(refused(&sealed), Some(Refusal::Sealed { through: Epoch(2), token: Epoch(2) }));
    assert_eq!(sealed.code(), Code::FailedPrecondition);
    let after = caught_up(&mut there, 41).await;
    assert_eq!((after.position, after.digest), (41, receipt.digest));
    assert_ne!(before.digest, after.digest);
    // The flip: the target takes tokens of the new epoch, and knows what was written before.
    let closed = there.write(put(TARGET, (1, 42), 2, "key 1", "early")).await.unwrap_err();
    assert_eq!(refused(&closed), Some(Refusal::Closed { through: Epoch(2), token: Epoch(2) }));
    let retry = there.write(put(TARGET, (1, 41), 4, "key 1", "late")).await.unwrap().into_inner();
    assert_eq!(retry.position, 41);
    assert_eq!(there.write(put(TARGET, (2, 1), 4, "key 2", "new")).await.unwrap().into_inner().position, 42);
    assert_eq!(read(&mut there, TARGET, 4, "key 1").await.as_deref(), Some("late"));
    assert_eq!(read(&mut there, TARGET, 4, "key 2").await.as_deref(), Some("new"));
    assert_eq!(read(&mut there, TARGET, 4, "key 99").await, None);
    let dropped = v1::SinkDropRequest { target: target(SOURCE), copy: 1, sealed_through: Some(2) };
    assert_eq!(source.drop(dropped).await.unwrap().into_inner().copy, 1);
    let gone =
        source.describe(v1::SinkDescribeRequest { partition: Some(PARTITION.0) }).await.unwrap().into_inner();
    let copy = gone.copy.unwrap();
    assert_eq!((copy.position, copy.sealed_through, gone.store, gone.incarnation), (None, 2, SOURCE.0, 7));
    let said = (gone.enforces, gone.kind.as_str(), gone.identity.as_str());
    assert_eq!(said, (true, "reference", "CN=eu-1,O=example store 7"));
}

#[tokio::test]
async fn what_a_store_cannot_do_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let (_, mut client) = serve(&directory.path().join("a"), SOURCE).await;
    let unknown = client.write(put(SOURCE, (1, 1), 2, "k", "v")).await.unwrap_err();
    assert_eq!(
        (unknown.code(), refused(&unknown)),
        (Code::NotFound, Some(Refusal::UnknownPartition { store: SOURCE }))
    );
    let elsewhere = client.write(put(TARGET, (1, 1), 2, "k", "v")).await.unwrap_err();
    let named = Refusal::WrongStore { have: SOURCE, named: TARGET };
    assert_eq!((elsewhere.code(), refused(&elsewhere)), (Code::InvalidArgument, Some(named)));
    let nowhere =
        client.write(v1::SinkWriteRequest { target: None, ..put(SOURCE, (1, 1), 2, "k", "v") }).await;
    assert_eq!(nowhere.unwrap_err().message(), "target is missing");
    let large = "x".repeat(600 << 10);
    let mut twice = put(SOURCE, (1, 1), 2, "k", "v");
    twice.effects.push(twice.effects[0].clone());
    assert_eq!(client.write(twice).await.unwrap_err().code(), Code::InvalidArgument);
    let long = client.write(put(SOURCE, (1, 1), 2, &large, "v")).await.unwrap_err();
    assert!(long.code() == Code::InvalidArgument && long.message().contains("key"), "{long:?}");
    client.prepare(prepare(SOURCE, 1, None)).await.unwrap();
    let mut cas = put(SOURCE, (1, 1), 2, "k", "new");
    cas.expects = Some(v1::Cell { key: b"k".to_vec(), value: Some(b"old".to_vec()) });
    let differs = client.write(cas).await.unwrap_err();
    assert_eq!((differs.code(), refused(&differs)), (Code::Aborted, Some(Refusal::Differs { found: None })));
}

/// A source that is not there is asked again; one that has no copy ends the pull, and the target says why.
#[tokio::test]
async fn a_target_says_why_its_copy_cannot_go_on() {
    let directory = tempfile::tempdir().unwrap();
    let (at, _source) = serve(&directory.path().join("a"), SOURCE).await;
    let (_, mut there) = serve(&directory.path().join("b"), TARGET).await;
    there.prepare(prepare(TARGET, 2, Some("127.0.0.1:9"))).await.unwrap();
    let asked = v1::SinkEvidenceRequest { target: target(TARGET), migration: 2, epoch: 3, at_least: 0 };
    for _ in 0..5 {
        let waiting = there.evidence(asked).await.unwrap_err();
        assert!(matches!(refused(&waiting), Some(Refusal::Incomplete { .. })), "{waiting:?}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    there.prepare(prepare(TARGET, 2, Some(&at))).await.unwrap();
    let why = loop {
        let status = there.evidence(asked).await.unwrap_err();
        match refused(&status) {
            Some(Refusal::Stuck { migration, why }) => break (migration, why),
            Some(Refusal::Incomplete { .. }) => tokio::time::sleep(Duration::from_millis(2)).await,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(why, (MigrationId(2), Stuck::NoSource));
}

/// A prepare that was on its way for long is refused, and does not lead the pull of a later one to where the source was then.
#[tokio::test]
async fn a_late_prepare_leads_no_pull_elsewhere() {
    let directory = tempfile::tempdir().unwrap();
    let (at, mut source) = serve(&directory.path().join("a"), SOURCE).await;
    let (_, mut there) = serve(&directory.path().join("b"), TARGET).await;
    source.prepare(prepare(SOURCE, 1, None)).await.unwrap();
    there.prepare(prepare(TARGET, 2, Some(&at))).await.unwrap();
    source.write(put(SOURCE, (1, 1), 2, "key", "value")).await.unwrap();
    caught_up(&mut there, 1).await;
    let late = there.prepare(prepare(TARGET, 1, Some("127.0.0.1:9"))).await.unwrap_err();
    let (have, named) = (MigrationId(2), MigrationId(1));
    assert_eq!(refused(&late), Some(Refusal::OlderMigration { have, named }));
    for (endpoints, told) in [
        (vec!["nowhere"], "source_endpoints: an address is host:port with a port from 1 to 65535"),
        (vec!["a:1", "a:2", "a:3", "a:4", "a:5"], "source_endpoints: a store has 1 to 4 endpoints, found 5"),
    ] {
        let source_endpoints = endpoints.into_iter().map(str::to_owned).collect();
        let wrong = v1::SinkPrepareRequest { source_endpoints, ..prepare(TARGET, 3, Some(&at)) };
        let refused = there.prepare(wrong).await.unwrap_err();
        assert_eq!((refused.code(), refused.message()), (Code::InvalidArgument, told));
    }
    source.write(put(SOURCE, (1, 2), 2, "key", "later")).await.unwrap();
    let caught = tokio::time::timeout(DEADLINE, caught_up(&mut there, 2)).await;
    assert_eq!(caught.expect("the pull goes on from the source").position, 2);
}

/// A disk whose syncs wait while it is told to hang.
#[derive(Clone, Debug, Default)]
struct Hanging(Disk, Arc<AtomicBool>);

impl redb::StorageBackend for Hanging {
    fn len(&self) -> std::io::Result<u64> {
        self.0.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> std::io::Result<()> {
        self.0.read(offset, out)
    }

    fn set_len(&self, length: u64) -> std::io::Result<()> {
        self.0.set_len(length)
    }

    fn sync_data(&self) -> std::io::Result<()> {
        while self.1.load(Ordering::Relaxed) {
            std::thread::sleep(Duration::from_millis(1));
        }
        self.0.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> std::io::Result<()> {
        self.0.write(offset, data)
    }
}

/// No call waits longer for a disk than its deadline, one that only looks no more than the others.
#[tokio::test(flavor = "multi_thread")]
async fn a_store_whose_disk_hangs_answers_in_time() {
    let disk = Hanging::default();
    let storage = Storage::create_on(disk.clone(), ME, SETUP, &Beginning::EMPTY).unwrap();
    let (_, mut client) = serve_with(storage, SinkAccess::plain(), Duration::from_millis(100)).await;
    disk.1.store(true, Ordering::Relaxed);
    let calls = async {
        let prepared = client.prepare(prepare(STORE, 1, None)).await.unwrap_err();
        let asked = v1::SinkDescribeRequest { partition: Some(PARTITION.0) };
        (prepared, client.describe(asked).await.unwrap_err())
    };
    let answers = tokio::time::timeout(DEADLINE, calls).await;
    disk.1.store(false, Ordering::Relaxed);
    let (prepared, described) = answers.expect("answers");
    for status in [prepared, described] {
        assert_eq!(status.code(), Code::Unknown);
        assert!(status.message().contains("no answer within 100ms"), "{status:?}");
    }
}
