//! Runs a node until it is told to stop.

use super::init::{founder, store_failed};
use super::{Failed, NodeConfig, exit};
use crate::core::control_plane::{ControlPlaneEntry, ReplicatedControlPlane};
use crate::core::raft::Durable;
use crate::node::driver::{Environment, FileRecorder, Handle, Recorder, Stopped};
use crate::node::proto::DESCRIPTORS;
use crate::node::server::{
    Certificates, GrpcTransport, LargeMessages, Limits, Listener, Parts, PeerAddresses, PeerService,
    RemovalNotice, Running, Streams, client_services, peer_service, start,
};
use crate::node::store::{Store, StoreError};
use crate::node::tls::{Security, Tls};
use core::time::Duration;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng as _;
use std::hash::{BuildHasher as _, RandomState};
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::watch;
use tonic::transport::Server;

/// The options of `serve`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "A node without data waits to be admitted: `cutover ctl members add` on the cluster that it joins.\n\
    SIGTERM and Ctrl-C hand the leadership over and end it cleanly; SIGHUP reads the certificates again.\n\n\
    Example:\n  cutover serve --config n1.toml"
)]
pub struct Args {
    /// The node's configuration
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Check the configuration, the certificates and whose the data directory is, and end
    #[arg(long)]
    check_config: bool,
    /// Keep what this node is told in a ring of files, to be replayed with `cutover replay`
    #[arg(long, value_name = "DIR")]
    record: Option<PathBuf>,
    /// What is logged to stderr: error, warn, info, debug, trace, or a filter by module
    #[arg(long, value_name = "FILTER", default_value = "info")]
    log: String,
    /// Log one JSON object a line
    #[arg(long)]
    log_json: bool,
}

/// Open connections get this long to end by themselves.
const GRACE: Duration = Duration::from_secs(2);
/// How often certificates are looked at.
const RELOAD: Duration = Duration::from_secs(10);

pub(super) fn run(args: &Args) -> Result<(), Failed> {
    let config = NodeConfig::load(&args.config).map_err(|error| Failed::new(exit::USAGE, error))?;
    if args.check_config {
        return check(&config);
    }
    log(&args.log, args.log_json)?;
    let (store, durable) = open(&config)?;
    let recorder = args.record.as_deref().map(FileRecorder::new).transpose();
    let recorder = recorder.map_err(|error| Failed::new(exit::DATA, error))?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failed::new(exit::INTERNAL, format!("no runtime: {error}")))?;
    let ended = runtime.block_on(serve(config, store, durable, recorder));
    runtime.shutdown_timeout(GRACE);
    ended
}

fn check(config: &NodeConfig) -> Result<(), Failed> {
    match Store::identify(&config.data) {
        Ok(found) if found == config.store_identity() => {
            println!("data      {} of {found}", config.data.display())
        }
        Ok(found) => {
            let expected = config.store_identity();
            let path = config.data.display();
            return Err(Failed::new(
                exit::DATA,
                format!("{path}: a data directory of {found}, expected {expected}"),
            ));
        }
        Err(StoreError::Missing { .. }) => println!("data      {} is not there yet", config.data.display()),
        Err(error) => return Err(store_failed(&error)),
    }
    println!("node      {} of {}, {}", config.raft.me, config.raft.cluster, config.identity);
    println!("listens   peers {}, clients {}", config.peer, config.client);
    println!("security  {}", if matches!(config.security, Security::Plain) { "none" } else { "mutual TLS" });
    println!("the configuration can be used");
    Ok(())
}

fn log(filter: &str, json: bool) -> Result<(), Failed> {
    let filter = tracing_subscriber::EnvFilter::try_new(filter)
        .map_err(|error| Failed::new(exit::USAGE, format!("--log {filter:?}: {error}")))?;
    let subscriber = tracing_subscriber::fmt().with_writer(std::io::stderr).with_env_filter(filter);
    let set = if json { subscriber.json().try_init() } else { subscriber.with_ansi(false).try_init() };
    set.map_err(|error| Failed::new(exit::INTERNAL, error))
}

/// Opens the data directory. A node without one has nothing to lose: it begins empty, and waits to be admitted.
fn open(config: &NodeConfig) -> Result<(Store, Durable<ControlPlaneEntry>), Failed> {
    let identity = config.store_identity();
    match Store::open(&config.data, &identity) {
        Ok(opened) => Ok(opened),
        Err(StoreError::Missing { .. }) => {
            let empty = founder(config).empty_disk().map_err(|error| Failed::new(exit::INTERNAL, error))?;
            let store =
                Store::create(&config.data, &identity, &empty).map_err(|error| store_failed(&error))?;
            tracing::info!(data = %config.data.display(), "a new data directory: this node waits to be admitted");
            Ok((store, empty))
        }
        Err(error) => Err(store_failed(&error)),
    }
}

async fn serve(
    config: NodeConfig,
    store: Store,
    durable: Durable<ControlPlaneEntry>,
    recorder: Option<FileRecorder>,
) -> Result<(), Failed> {
    let listen = |error| Failed::new(exit::UNAVAILABLE, error);
    let peers = Listener::bind(config.peer).await.map_err(|error| listen(error.to_string()))?;
    let clients = Listener::bind(config.client).await.map_err(|error| listen(error.to_string()))?;
    publish_metrics(config.metrics)?;
    let (learned, heard) = (PeerAddresses::default(), RemovalNotice::default());
    let transport = GrpcTransport::new(
        config.raft,
        config.endpoints.peer.clone(),
        config.security.clone(),
        learned.clone(),
        heard.clone(),
    );
    // Nodes that start together must not draw the same jitter.
    let seed = RandomState::new().hash_one(config.raft.me);
    let environment = Environment {
        clock: Box::new(()),
        jitter: ChaCha8Rng::seed_from_u64(seed),
        recorder: recorder.map(|recorder| Box::new(recorder) as Box<dyn Recorder>),
    };
    let identify = Arc::new(Certificates);
    let engine = ReplicatedControlPlane::start(config.raft, durable)
        .map_err(|error| Failed::new(exit::DATA, error))?;
    let Running { handle, inbox, service, mut task } = start(Parts {
        engine: Box::new(engine),
        driver: config.driver,
        storage: store,
        transport,
        environment,
        access: Arc::new(config.access),
        identify: identify.clone(),
        policy: config.policy,
    });
    let (stop, stopping) = watch::channel(false);
    let peer = PeerService {
        config: config.raft,
        handle: handle.clone(),
        inbox,
        identify,
        rule: config.rule,
        addresses: learned,
        streams: Streams::default(),
        large: LargeMessages::default(),
    };
    let at = (peers.address(), clients.address());
    tokio::spawn(run_peers(peers, config.security.clone(), config.limits, peer, stopping.clone()));
    let health = health(&handle, stopping.clone());
    let service = service.with(config.limits.patience(), heard);
    tokio::spawn(run_clients(clients, config.security.clone(), config.limits, service, health, stopping));
    if let Security::Mutual(tls) = &config.security {
        tokio::spawn(reload(Arc::clone(tls)));
    }
    tracing::info!(node = %config.raft.me, cluster = config.raft.cluster.0, peers = %at.0, clients = %at.1, "serves");
    let told = tokio::select! {
        biased;
        stopped = &mut task => stopped,
        () = signals() => {
            hand_over(&handle, config.driver.timing.election_timeout_max()).await;
            handle.stop().await;
            task.await
        }
    };
    let _listeners = stop.send(true);
    ended(told)
}

fn publish_metrics(at: Option<std::net::SocketAddr>) -> Result<(), Failed> {
    let Some(address) = at else { return Ok(()) };
    let exporter = metrics_exporter_prometheus::PrometheusBuilder::new().with_http_listener(address);
    let installed = exporter.install();
    installed.map_err(|error| Failed::new(exit::UNAVAILABLE, format!("cannot listen on {address}: {error}")))
}

fn ended(told: Result<Stopped, tokio::task::JoinError>) -> Result<(), Failed> {
    match told {
        Ok(Stopped::Told) => {
            tracing::info!("stopped");
            Ok(())
        }
        Ok(stopped @ Stopped::Disk(_)) => Err(Failed::new(exit::INTERNAL, stopped)),
        Ok(stopped @ Stopped::Halted(_)) => Err(Failed::new(exit::REFUSED, stopped)),
        Err(error) => Err(Failed::new(exit::INTERNAL, format!("a defect of this program: {error}"))),
    }
}

/// Somebody else leads before this node goes, so that nobody waits for an election.
async fn hand_over(handle: &Handle, limit: Duration) {
    if !handle.status().leads() {
        return;
    }
    match tokio::time::timeout(limit, handle.transfer(None)).await {
        Ok(Ok(Ok(to))) => tracing::info!(%to, "handed the leadership over"),
        Ok(Ok(Err(refusal))) => tracing::info!(%refusal, "goes without handing over"),
        Ok(Err(failure)) => tracing::info!(%failure, "goes without handing over"),
        Err(_) => tracing::info!("goes without handing over: it took too long"),
    }
}

/// Ends when somebody wants this process to end.
async fn signals() {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut terminate), Ok(mut interrupt)) =
        (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        return std::future::pending().await;
    };
    tokio::select! {
        biased;
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}

/// Reads certificates again now and then, and on SIGHUP.
async fn reload(tls: Arc<Tls>) {
    let Ok(mut hangup) = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::hangup()) else {
        return;
    };
    loop {
        let _asked = tokio::time::timeout(RELOAD, hangup.recv()).await;
        match tls.reload() {
            Ok(true) => tracing::info!(subject = %tls.subject(), "new certificates are in use"),
            Ok(false) => {}
            Err(error) => tracing::warn!(%error, "the certificates in use stay in use"),
        }
    }
}

fn builder(limits: Limits) -> Server {
    Server::builder()
        .max_concurrent_streams(limits.streams_per_connection)
        .http2_keepalive_interval(Some(Duration::from_secs(5)))
        .http2_keepalive_timeout(Some(Duration::from_secs(5)))
        .http2_max_header_list_size(16 << 10)
}

async fn stopped(mut stopping: watch::Receiver<bool>) {
    let _gone = stopping.wait_for(|stop| *stop).await;
}

async fn run_peers(
    listener: Listener,
    security: Security,
    limits: Limits,
    service: PeerService,
    stopping: watch::Receiver<bool>,
) {
    // A node has one stream open; a second one takes its place.
    let few = Limits { streams_per_connection: 4, ..limits };
    let router = builder(few).add_service(peer_service(service));
    let incoming = listener.incoming_peers(security, limits);
    let ended = router.serve_with_incoming_shutdown(incoming, stopped(stopping)).await;
    if let Err(error) = ended {
        tracing::error!(%error, "the port for peers is closed");
    }
}

type Health = tonic_health::pb::health_server::HealthServer<tonic_health::server::HealthService>;

/// Serving, as long as this node knows a leader.
fn health(handle: &Handle, stopping: watch::Receiver<bool>) -> Health {
    let reporter = tonic_health::server::HealthReporter::new();
    let service = tonic_health::server::HealthService::from_health_reporter(reporter.clone());
    let service = tonic_health::pb::health_server::HealthServer::new(service);
    let mut statuses = handle.statuses();
    tokio::spawn(async move {
        loop {
            let stop = *stopping.borrow();
            let serving = !stop && statuses.borrow_and_update().leader.is_some();
            let status = if serving {
                tonic_health::ServingStatus::Serving
            } else {
                tonic_health::ServingStatus::NotServing
            };
            reporter.set_service_status("", status).await;
            if stop || statuses.changed().await.is_err() {
                return;
            }
        }
    });
    service
}

async fn run_clients(
    listener: Listener,
    security: Security,
    limits: Limits,
    service: crate::node::server::Service,
    health: Health,
    stopping: watch::Receiver<bool>,
) {
    let router = client_services(&mut builder(limits), service, limits.message_bytes).add_service(health);
    // Of both versions: not every tool has heard of the later one.
    let describe =
        || tonic_reflection::server::Builder::configure().register_encoded_file_descriptor_set(DESCRIPTORS);
    let router = match (describe().build_v1(), describe().build_v1alpha()) {
        (Ok(later), Ok(earlier)) => router.add_service(later).add_service(earlier),
        (Err(error), _) | (_, Err(error)) => {
            tracing::warn!(%error, "no reflection");
            router
        }
    };
    let ended =
        router.serve_with_incoming_shutdown(listener.incoming(security, limits), stopped(stopping)).await;
    if let Err(error) = ended {
        tracing::error!(%error, "the port for clients is closed");
    }
}
