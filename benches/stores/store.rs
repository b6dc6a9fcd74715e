//! The reference store under load: its driver in this process, and its service over loopback.

use crate::{ROWS, VALUE, key};
use cutover::core::fence::{Body, Enforcement, FenceLimits, Key, Mutation, Prepare, Reply, Value, Write};
use cutover::core::ids::{
    Epoch, Incarnation, MigrationId, PartitionId, Placement, Serial, SessionId, WriteId,
};
use cutover::node::proto::v1::sink_client::SinkClient;
use cutover::node::proto::v1::{Cell, SinkTarget, SinkWriteRequest, WriteId as Id};
use cutover::sink::access::SinkAccess;
use cutover::sink::driver::{QueueLimits, SinkHandle, start};
use cutover::sink::mover::{Mover, PullOptions};
use cutover::sink::server::{Description, SinkService};
use cutover::sink::sources::GrpcSources;
use cutover::sink::storage::{Beginning, Effect, Setup, SinkIdentity, Storage};
use std::future::Future;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tonic::transport::{Endpoint, Server};

const STORE: Placement = Placement(0);
const PARTITION: PartitionId = PartitionId(1);
const TOKEN: u64 = 1;
const DEADLINE: Duration = Duration::from_secs(10);

/// A store on disk that holds the partition, open to the token.
async fn store(folder: &Path) -> (SinkHandle, Description) {
    let directory = folder.join("store");
    let _old = std::fs::remove_dir_all(&directory);
    let identity = SinkIdentity { store: STORE, incarnation: Incarnation(7) };
    let setup = Setup { enforcement: Enforcement::Tokens, limits: FenceLimits::PRODUCTION };
    let storage = Storage::create(&directory, identity, setup, &Beginning::EMPTY).expect("a directory");
    let description = Description {
        identity,
        enforcement: Enforcement::Tokens,
        kind: "reference".parse().expect("a kind"),
        known_as: "bench".parse().expect("a name"),
    };
    let (sink, _running) = start(storage, QueueLimits::default());
    let prepare =
        Prepare { migration: MigrationId(1), closed_through: Epoch(TOKEN - 1), source: None, keep: None };
    let answer = sink.request(PARTITION, Body::Prepare(prepare)).await.expect("an answer");
    assert!(matches!(&*answer, [Effect::Reply(Reply::Prepared(_))]), "{answer:?}");
    (sink, description)
}

/// Runs clients for some time, each with one write in progress and a session of its own. Returns the acknowledged writes per second.
async fn load<W: Future<Output = ()> + Send>(
    clients: usize,
    run: Duration,
    write: impl Fn(u64, u64, u64) -> W + Clone + Send + 'static,
) -> f64 {
    let began = Instant::now();
    let client = |client: u64| {
        let write = write.clone();
        async move {
            let mut serial = 0;
            while began.elapsed() < run {
                serial += 1;
                write(client + 1, serial, (client + serial * clients as u64) % ROWS).await;
            }
            serial
        }
    };
    let tasks: Vec<_> = (0..clients as u64).map(|number| tokio::spawn(client(number))).collect();
    let mut acknowledged = 0;
    for task in tasks {
        acknowledged += task.await.expect("a client ends");
    }
    acknowledged as f64 / began.elapsed().as_secs_f64()
}

/// By the driver, in this process.
pub async fn near(folder: &Path, clients: usize, run: Duration) -> f64 {
    let (sink, _) = store(folder).await;
    load(clients, run, move |session, serial, row| {
        let sink = sink.clone();
        async move {
            let key = Key::try_from(&*key(row)).expect("a key");
            let mutation = Mutation::put(key, Value::try_from(&[7; VALUE][..]).expect("a value"));
            let id = WriteId { session: SessionId(session), serial: Serial(serial) };
            let write = Write { id, token: Epoch(TOKEN), mutation };
            let answer = sink.request(PARTITION, Body::Write(write)).await.expect("an answer");
            assert!(matches!(&*answer, [Effect::Reply(Reply::Applied { .. })]), "{answer:?}");
        }
    })
    .await
}

/// By the service, over loopback.
pub async fn far(folder: &Path, clients: usize, run: Duration) -> f64 {
    let (sink, description) = store(folder).await;
    let sources = Arc::new(GrpcSources::plain(DEADLINE));
    let mover = Arc::new(Mover::new(sink.clone(), Arc::clone(&sources), PullOptions::default()));
    let service = SinkService::new(sink, description, (mover, sources), SinkAccess::plain(), DEADLINE);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let incoming = tonic::transport::server::TcpIncoming::from(listener).with_nodelay(Some(true));
    let server = Server::builder().add_service(service.into_server()).serve_with_incoming(incoming);
    let server = tokio::spawn(server);
    let channel = Endpoint::from_shared(format!("http://{address}")).expect("an address").connect_lazy();
    let client = SinkClient::new(channel);
    let found = load(clients, run, move |session, serial, row| {
        let mut client = client.clone();
        async move {
            let cell = Cell { key: key(row), value: Some(vec![7; VALUE]) };
            let asked = SinkWriteRequest {
                target: Some(SinkTarget { store: STORE.0, partition: PARTITION.0 }),
                id: Some(Id { session, serial }),
                token: TOKEN,
                expects: None,
                effects: vec![cell],
            };
            client.write(asked).await.expect("it is applied");
        }
    })
    .await;
    server.abort();
    found
}
