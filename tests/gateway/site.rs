//! A control plane with two stores, and the steps of a migration as a controller takes them.

use super::line::Line;
use super::plane::{Plane, runtime};
use cutover::client::gateway::{Gateway, GatewayOptions};
use cutover::client::{Client, Dialer};
use cutover::core::control_plane::{Address, StoreChange, StoreFacts};
use cutover::core::fence::{Claim, Enforcement, FenceLimits, Key, Value};
use cutover::core::ids::{Incarnation, PartitionId, Placement, Revision};
use cutover::core::migration::{PartitionRecord, Transition};
use cutover::core::placement::{Guarantee, PartitionState};
use cutover::node::proto::v1::sink_client::SinkClient;
use cutover::node::proto::{PartitionSelector, v1};
use cutover::sink::access::SinkAccess;
use cutover::sink::driver::{QueueLimits, start};
use cutover::sink::mover::{Mover, PullOptions};
use cutover::sink::server::{Description, SinkService};
use cutover::sink::sources::GrpcSources;
use cutover::sink::storage::{Beginning, Setup, SinkIdentity, Storage};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Channel, Server};

const PATIENCE: Duration = Duration::from_secs(60);

pub fn key(text: &str) -> Key {
    Key::try_from(text.as_bytes()).unwrap()
}

pub fn value(text: &str) -> Value {
    Value::try_from(text.as_bytes()).unwrap()
}

/// A store, and the line that gateways reach it by.
pub struct Store {
    pub at: SocketAddr,
    pub line: Line,
    pub sink: SinkClient<Channel>,
    runtime: Option<Runtime>,
}

async fn serve(path: std::path::PathBuf, store: Placement, limits: FenceLimits) -> SocketAddr {
    let setup = Setup { enforcement: Enforcement::Tokens, limits };
    let identity = SinkIdentity { store, incarnation: Incarnation(7) };
    let storage = Storage::create(&path, identity, setup, &Beginning::EMPTY).unwrap();
    let (sink, _running) = start(storage, QueueLimits::default());
    let sources = Arc::new(GrpcSources::plain(PATIENCE));
    let options = PullOptions { poll: Duration::from_millis(1), ..PullOptions::default() };
    let mover = Arc::new(Mover::new(sink.clone(), Arc::clone(&sources), options));
    let enforcement = Enforcement::Tokens;
    let (kind, known_as) = ("reference".parse().unwrap(), format!("store {store}").parse().unwrap());
    let description = Description { identity, enforcement, kind, known_as };
    let service = SinkService::new(sink, description, (mover, sources), SinkAccess::plain(), PATIENCE);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = Server::builder().add_service(service.into_server());
    tokio::spawn(server.serve_with_incoming(TcpIncoming::from(listener)));
    address
}

impl Store {
    async fn start(path: &Path, store: Placement, limits: FenceLimits) -> (Self, SocketAddr) {
        let runtime = runtime();
        let at = runtime.spawn(serve(path.to_owned(), store, limits)).await.unwrap();
        let sink = SinkClient::connect(format!("http://{at}")).await.unwrap();
        let (line, reached_at) = Line::start(at).await;
        (Self { at, line, sink, runtime: Some(runtime) }, reached_at)
    }

    pub fn kill(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        self.kill();
    }
}

pub struct Site {
    pub plane: Plane,
    /// The client of the operator.
    pub client: Client,
    pub stores: [Store; 2],
    pub partition: PartitionId,
    _directory: TempDir,
}

/// The limits of a gateway in a test.
pub fn options(deadline_ms: u64) -> GatewayOptions {
    GatewayOptions {
        deadline: Duration::from_millis(deadline_ms),
        attempt: Duration::from_millis((deadline_ms / 3).min(5_000)),
        operations_max: 64,
        writes_max: 8,
        follows: true,
    }
}

impl Site {
    /// A partition, open at the first of two stores.
    pub async fn new() -> Self {
        Self::with(FenceLimits::PRODUCTION).await
    }

    pub async fn with(limits: FenceLimits) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let plane = Plane::start(&directory.path().join("plane")).await;
        let client = plane.client();
        let mut stores = Vec::new();
        for number in 0..2 {
            let path = directory.path().join(format!("store-{number}"));
            let (store, at) = Store::start(&path, Placement(number), limits).await;
            let facts = StoreFacts {
                name: format!("s{number}").parse().unwrap(),
                kind: "reference".parse().unwrap(),
                endpoints: vec![Address::try_from(at.to_string()).unwrap()].try_into().unwrap(),
                guarantee: Guarantee::Sealed,
                identity: format!("CN=s{number}").parse().unwrap(),
            };
            let added = client.change_stores(StoreChange::Add { number: None, store: facts }).await.unwrap();
            assert_eq!(added.0, Placement(number));
            stores.push(store);
        }
        let stores = stores.try_into().unwrap_or_else(|_| panic!("two"));
        let partition = PartitionId(1);
        let site = Self { plane, client, stores, partition, _directory: directory };
        let create = Transition::Create { placement: Placement(0), guarantee: Guarantee::Sealed };
        site.apply(create).await;
        let prepared = site.prepare(0, None).await;
        let expected = site.record().await.expected();
        site.apply(Transition::Open { expected, prepared }).await;
        site
    }

    pub fn gateway(&self, deadline_ms: u64) -> Gateway {
        self.gateway_with(options(deadline_ms))
    }

    pub fn gateway_with(&self, options: GatewayOptions) -> Gateway {
        Gateway::new(self.plane.client(), Arc::new(Dialer::Plain), options)
    }

    pub async fn record(&self) -> PartitionRecord {
        self.client.resolve(PartitionSelector::Id(self.partition)).await.unwrap().record
    }

    /// Another line to a store, which the log knows it by from now on.
    pub async fn move_line(&mut self, store: u64) {
        let at = &mut self.stores[usize::try_from(store).unwrap()];
        let (line, address) = Line::start(at.at).await;
        at.line = line;
        let endpoints = vec![Address::try_from(address.to_string()).unwrap()].try_into().unwrap();
        let known = self.client.stores().await.unwrap().stores;
        let revision = known.iter().find(|known| known.store == store).unwrap().revision;
        let (store, expected) = (Placement(store), Revision(revision));
        self.client.change_stores(StoreChange::MoveEndpoints { store, expected, endpoints }).await.unwrap();
    }

    async fn apply(&self, transition: Transition) {
        self.client.apply(PartitionSelector::Id(self.partition), transition).await.unwrap();
    }

    fn target(&self, store: u64) -> Option<v1::SinkTarget> {
        Some(v1::SinkTarget { store, partition: self.partition.0 })
    }

    fn sink(&self, store: u64) -> SinkClient<Channel> {
        self.stores[usize::try_from(store).unwrap()].sink.clone()
    }

    async fn prepare(&self, store: u64, source: Option<u64>) -> Claim<cutover::core::fence::Prepared> {
        let record = self.record().await;
        let closed = if source.is_some() { record.epoch.0 } else { record.epoch.0 - 1 };
        let at = source.map(|source| self.stores[usize::try_from(source).unwrap()].at.to_string());
        let request = v1::SinkPrepareRequest {
            target: self.target(store),
            migration: record.migration.0,
            closed_through: closed,
            source,
            keep: None,
            source_endpoints: at.into_iter().collect(),
            bytes_per_second: None,
        };
        Some(self.sink(store).prepare(request).await.unwrap().into_inner()).try_into().unwrap()
    }

    async fn evidence(&self, store: u64, at_least: u64) -> Claim<cutover::core::fence::CatchUpEvidence> {
        let record = self.record().await;
        let request = v1::SinkEvidenceRequest {
            target: self.target(store),
            migration: record.migration.0,
            epoch: record.epoch.0,
            at_least,
        };
        loop {
            if let Ok(found) = self.sink(store).evidence(request).await {
                return Some(found.into_inner()).try_into().unwrap();
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    /// Begins a migration from the first of these stores to the second, seals the source, and enters the cutover.
    pub async fn enter_cutover(&self, from: u64, to: u64) -> u64 {
        let expected = self.record().await.expected();
        self.apply(Transition::Begin { expected, to: Placement(to) }).await;
        self.prepare(to, Some(from)).await;
        self.evidence(to, 0).await;
        let record = self.record().await;
        let request = v1::SinkSealRequest {
            target: self.target(from),
            migration: record.migration.0,
            through: record.epoch.0,
            target_incarnation: 7,
        };
        let receipt = self.sink(from).seal(request).await.unwrap().into_inner();
        let watermark = receipt.watermark;
        let receipt = Some(receipt).try_into().unwrap();
        self.apply(Transition::EnterCutover { expected: record.expected(), receipt }).await;
        watermark
    }

    /// Completes the migration to a store.
    pub async fn flip(&self, to: u64, watermark: u64) {
        let evidence = self.evidence(to, watermark).await;
        let expected = self.record().await.expected();
        self.apply(Transition::Complete { expected, evidence }).await;
        let placed = self.record().await.placed.unwrap();
        assert_eq!(placed.state, PartitionState::Active(Placement(to)));
    }

    pub async fn moves(&self, from: u64, to: u64) {
        let watermark = self.enter_cutover(from, to).await;
        self.flip(to, watermark).await;
    }
}
