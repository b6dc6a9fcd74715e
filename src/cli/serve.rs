//! `serve`: runs a node until SIGTERM or Ctrl-C.

use super::init::{founder, store_failed};
use super::metrics::publish;
use super::ports::{health, run_clients, run_peers};
use super::process::{GRACE, Logging, fitting, runtime, signals};
use super::reload::Reload;
use super::sink::Beside;
use super::{Failed, NodeConfig, exit};
use crate::core::control_plane::{
    ControlPlaneConsensus, ControlPlaneEntry, Registered, ReplicatedControlPlane, SingleNodeControlPlane,
};
use crate::core::raft::{Config, Durable, Peer};
use crate::node::controllers::{self, Board, GrpcStores};
use crate::node::driver::{Engine, Environment, FileRecorder, Handle, Recorder, Stopped, Transport};
use crate::node::server::{
    Certificates, GrpcIntroducer, GrpcTransport, Introducer, LargeMessages, Listener, Parts, PeerAddresses,
    PeerService, RemovalNotice, Running, Runs, SharedAccess, Streams, start,
};
use crate::node::store::{Store, StoreError, draw_id};
use crate::node::tls::Security;
use core::future::Future;
use core::time::Duration;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng as _;
use std::hash::{BuildHasher as _, RandomState};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::runtime;
use tokio::sync::watch;

/// The options of `serve`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "A node without data waits until the cluster it joins admits it: `cutover ctl members add` there.\n\
    A node without listen.peer runs alone; it can be given one later, and grow into a cluster.\n\
    SIGTERM and Ctrl-C hand the leadership over and end it cleanly; SIGHUP reads the certificates and the roles again.\n\n\
    Example:\n  cutover serve --config n1.toml"
)]
pub struct Args {
    /// Path of the node's configuration file
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Check the configuration, the certificates and the owner of the data directory, then exit
    #[arg(long)]
    check_config: bool,
    /// Write a flight recording of this node to a ring of files in DIR; `cutover replay` replays it
    #[arg(long, value_name = "DIR")]
    record: Option<PathBuf>,
    /// Run a store in this process as well, with the configuration in FILE: for small set-ups. It was created by `cutover sink init`
    #[arg(long, value_name = "FILE")]
    with_sink: Option<PathBuf>,
    #[command(flatten)]
    logging: Logging,
}

/// Threads of the engine, its disk and its peers. Clients have others, so that no number of their calls delays a
/// heartbeat or a write to the disk.
const CONSENSUS: usize = 2;
pub(super) fn run(args: &Args) -> Result<(), Failed> {
    let config = NodeConfig::load(&args.config).map_err(|error| Failed::new(exit::USAGE, error))?;
    if args.check_config {
        return check(&config);
    }
    args.logging.begin()?;
    let (store, durable) = open(&config)?;
    let recorder = args.record.as_deref().map(FileRecorder::new).transpose();
    let recorder = recorder.map_err(|error| Failed::new(exit::DATA, error))?;
    let beside = args.with_sink.as_deref().map(Beside::start).transpose()?;
    let (consensus, clients) = (runtime("consensus", Some(CONSENSUS))?, runtime("clients", None)?);
    let told = told_to_end(beside.as_ref());
    let ended =
        consensus.block_on(serve(&args.config, config, (store, durable), recorder, clients.handle(), told));
    // Neither waits longer for a call or for a disk that hangs.
    clients.shutdown_timeout(GRACE);
    consensus.shutdown_timeout(GRACE);
    let store_ended = beside.map_or(Ok(()), Beside::stop);
    ended.and(store_ended)
}

/// Waits until a person, or the store in this process, has the node end.
async fn told_to_end(beside: Option<&Beside>) {
    let store = async {
        match beside {
            Some(beside) => beside.ended().await,
            None => core::future::pending().await,
        }
    };
    tokio::select! {
        biased;
        () = signals() => {}
        () = store => tracing::warn!("the store in this process has ended, and the node ends with it"),
    }
}

fn check(config: &NodeConfig) -> Result<(), Failed> {
    match Store::identify(&config.data) {
        Ok(found) if found.node == config.node => println!("data      {} of {found}", config.data.display()),
        Ok(found) => {
            let (path, expected) = (config.data.display(), config.node);
            return Err(Failed::new(
                exit::DATA,
                format!("{path}: a data directory of {found}, expected one of {expected}"),
            ));
        }
        Err(StoreError::Missing { .. }) => println!("data      {} does not exist yet", config.data.display()),
        Err(error) => return Err(store_failed(&error)),
    }
    println!("node      {}, {}", config.node, config.identity);
    let peers = config.peer.map_or_else(|| "none (runs alone)".to_owned(), |address| address.to_string());
    println!("listens   peers {peers}, clients {}", config.client);
    println!("security  {}", if matches!(config.security, Security::Plain) { "none" } else { "mutual TLS" });
    println!("the configuration is valid");
    Ok(())
}

/// Opens the data directory. If it does not exist and the node has peers, makes an empty one: the node then waits to be
/// admitted, under the new directory's id. A node without peers refuses, since it would wait forever.
fn open(config: &NodeConfig) -> Result<(Store, Durable<ControlPlaneEntry>), Failed> {
    match Store::open(&config.data, config.node) {
        Ok(opened) => Ok(opened),
        Err(error @ StoreError::Missing { .. }) if config.peer.is_none() => {
            let line =
                format!("{error}; create it with `cutover init`, or set listen.peer to join a cluster");
            Err(Failed::new(exit::DATA, line))
        }
        Err(StoreError::Missing { .. }) => {
            let (founder, identity) = founder(config).map_err(|error| store_failed(&error))?;
            let empty = founder.empty_disk().map_err(|error| Failed::new(exit::INTERNAL, error))?;
            let store =
                Store::create(&config.data, &identity, &empty).map_err(|error| store_failed(&error))?;
            tracing::warn!(
                data = %config.data.display(), directory = %identity.directory,
                "made an empty data directory: this node is not a member of any cluster, and waits to be admitted. If it was \
                 one, its data is lost or not mounted: `cutover ctl members replace` admits it anew"
            );
            Ok((store, empty))
        }
        Err(error) => Err(store_failed(&error)),
    }
}

/// The engine and its transport: replicated if the configuration has a port for peers, single-node otherwise.
fn engine(
    config: &NodeConfig,
    raft: Config,
    durable: Durable<ControlPlaneEntry>,
    addresses: &PeerAddresses,
    removal: &RemovalNotice,
) -> Result<(Engine, Box<dyn Transport>), Failed> {
    let data = config.data.display();
    let (engine, transport): (Engine, Box<dyn Transport>) = if config.peer.is_none() {
        let engine = SingleNodeControlPlane::open(raft, durable).map_err(|error| {
            Failed::new(exit::DATA, format!("{data}: {error}; set listen.peer to run a node that has peers"))
        })?;
        (Box::new(engine), Box::new(()))
    } else {
        let engine =
            ReplicatedControlPlane::start(raft, durable).map_err(|error| Failed::new(exit::DATA, error))?;
        let run = draw_id().map_err(|error| store_failed(&error))?;
        let (own, security) = (config.endpoints.peer.clone(), config.security.clone());
        let transport =
            GrpcTransport::new(run, own, security, config.rule.clone(), addresses.clone(), removal.clone());
        (Box::new(engine), Box::new(transport))
    };
    has_its_subject(&*engine, raft.me, config)?;
    Ok((engine, transport))
}

/// Checks that the node has the subject under which it was admitted. Nobody would take its messages under another one, and it
/// would look like a healthy follower to itself.
fn has_its_subject(engine: &dyn ControlPlaneConsensus, me: Peer, config: &NodeConfig) -> Result<(), Failed> {
    let members = engine.members();
    let Some((_, Registered { identity: expected, .. })) = members.iter().find(|(peer, _)| *peer == me)
    else {
        return Ok(());
    };
    if *expected == config.identity {
        return Ok(());
    }
    let (data, found) = (config.data.display(), &config.identity);
    Err(Failed::new(
        exit::USAGE,
        format!(
            "{me} is a member as {expected}, and would run as {found}, which its peers refuse: use a certificate of its \
             subject again, or move {data} away and admit the node anew (`cutover ctl members replace`; alone: `cutover recover`)"
        ),
    ))
}

async fn serve(
    path: &Path,
    config: NodeConfig,
    (store, durable): (Store, Durable<ControlPlaneEntry>),
    recorder: Option<FileRecorder>,
    runtime: &runtime::Handle,
    told_to_end: impl Future<Output = ()>,
) -> Result<(), Failed> {
    let listen = |error| Failed::new(exit::UNAVAILABLE, error);
    let peers = match config.peer {
        Some(address) => Some(Listener::bind(address).await.map_err(|error| listen(error.to_string()))?),
        None => None,
    };
    let clients = runtime.spawn(Listener::bind(config.client)).await;
    let clients = clients.map_err(|error| Failed::new(exit::INTERNAL, error))?;
    let clients = clients.map_err(|error| listen(error.to_string()))?;
    publish(config.metrics).await?;
    let limits = fitting(config.limits, 1 + u64::from(config.peer.is_some()))?;
    let access = SharedAccess::from(config.access.clone());
    let (addresses, removal) = (PeerAddresses::default(), RemovalNotice::default());
    let raft = config.raft(store.identity().directory);
    let (engine, transport) = engine(&config, raft, durable, &addresses, &removal)?;
    let environment = environment(raft, recorder);
    let (identify, registered) = (Arc::new(Certificates), config.registered());
    let introducer = introducer(&config);
    let Running { handle, inbox, service, mut task } = start(Parts {
        engine,
        driver: config.driver,
        storage: store,
        transport,
        environment,
        access: access.clone(),
        identify: identify.clone(),
        introducer,
        policy: config.policy,
    });
    let service = service.showing(drive(&config, &handle, raft));
    let (stop, stopping) = watch::channel(false);
    let at = (peers.as_ref().map(Listener::address), clients.address());
    if let Some(peers) = peers {
        let service = PeerService {
            registered,
            handle: handle.clone(),
            inbox,
            identify,
            rule: config.rule,
            addresses,
            streams: Streams::default(),
            runs: Runs::default(),
            removal: removal.clone(),
            large: LargeMessages::default(),
        };
        tokio::spawn(run_peers(peers, config.security.clone(), limits, service, stopping.clone()));
    }
    let health = health(&handle, stopping.clone());
    let service = service.with(limits.timeouts(), limits.watches(config.driver.queues.watchers), removal);
    let reload = reload(path, config.security.clone(), access.clone());
    let serving = run_clients(clients, config.security.clone(), limits, service, health, access, stopping);
    runtime.spawn(serving);
    // Handled before the node says that it serves.
    let hangup = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::hangup());
    let hangup = hangup.map_err(|error| Failed::new(exit::INTERNAL, error))?;
    tokio::spawn(reload.run(hangup));
    let peers = at.0.map_or_else(|| "none (runs alone)".to_owned(), |address| address.to_string());
    let status = handle.status();
    tracing::info!(node = %raft.me, directory = %raft.me.directory, cluster = %status.cluster, %peers, clients = %at.1, "serves");
    let stopped = tokio::select! {
        biased;
        stopped = &mut task => stopped,
        () = told_to_end => {
            transfer_leadership(&handle, config.driver.timing.election_timeout_max()).await;
            handle.stop();
            task.await
        }
    };
    let _listeners = stop.send(true);
    ended(stopped)
}

fn reload(path: &Path, security: Security, access: SharedAccess) -> Reload {
    let file = path.to_owned();
    let roles = move || Ok(access.replace(NodeConfig::load_access(&file)?));
    Reload { security, roles: Box::new(roles) }
}

fn environment(raft: Config, recorder: Option<FileRecorder>) -> Environment {
    Environment {
        clock: Box::new(()),
        jitter: jitter(raft),
        recorder: recorder.map(|recorder| Box::new(recorder) as Box<dyn Recorder>),
    }
}

/// Starts the controllers, if the node is to run them. They end with the node.
fn drive(config: &NodeConfig, handle: &Handle, raft: Config) -> Option<Board> {
    let controllers = config.controllers?;
    let (stores, board) = (GrpcStores::new(config.security.clone()), Board::default());
    controllers::start(handle.clone(), stores, controllers, board.clone(), (Box::new(()), jitter(raft)));
    Some(board)
}

/// Nodes that start at the same time must not draw the same election timeouts.
fn jitter(raft: Config) -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(RandomState::new().hash_one(raft.me))
}

fn introducer(config: &NodeConfig) -> Arc<dyn Introducer> {
    match config.peer {
        Some(_) => Arc::new(GrpcIntroducer { security: config.security.clone(), rule: config.rule.clone() }),
        None => Arc::new(()),
    }
}

fn ended(stopped: Result<Stopped, tokio::task::JoinError>) -> Result<(), Failed> {
    match stopped {
        Ok(Stopped::Requested) => {
            tracing::info!("stopped");
            Ok(())
        }
        Ok(stopped @ Stopped::Disk(_)) => Err(Failed::new(exit::INTERNAL, stopped)),
        Ok(stopped @ Stopped::Halted(_)) => Err(Failed::new(exit::REFUSED, stopped)),
        Err(error) => Err(Failed::new(exit::INTERNAL, format!("a defect of this program: {error}"))),
    }
}

/// Transfers leadership to another voter before shutdown, so that the cluster need not wait for an election
/// timeout.
async fn transfer_leadership(handle: &Handle, limit: Duration) {
    if !handle.status().leads() {
        return;
    }
    match tokio::time::timeout(limit, handle.transfer(None)).await {
        Ok(Ok(Ok(to))) => tracing::info!(%to, "transferred the leadership"),
        Ok(Ok(Err(refusal))) => tracing::info!(%refusal, "stops without a leadership transfer"),
        Ok(Err(failure)) => tracing::info!(%failure, "stops without a leadership transfer"),
        Err(_) => tracing::info!("stops without a leadership transfer: it took too long"),
    }
}
