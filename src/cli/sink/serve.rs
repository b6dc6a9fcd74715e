//! `sink serve`: runs a store until SIGTERM or Ctrl-C.

use super::config::SinkConfig;
use super::{kind, storage_failed};
use crate::cli::metrics::publish;
use crate::cli::ports::{builder, reflected, stopped};
use crate::cli::process::{GRACE, Logging, fitting, runtime, signals};
use crate::cli::reload::Reload;
use crate::cli::{Failed, exit};
use crate::core::control_plane::{Address, ClusterVoterIdentity};
use crate::core::fence::{Enforcement, FenceLimits};
use crate::node::server::{Certificates, Listener, PortLimits};
use crate::node::tls::{Expected, Security, channel};
use crate::sink::access::{SinkAccess, SinkRole};
use crate::sink::driver::{SinkHandle, start};
use crate::sink::mover::Mover;
use crate::sink::server::{Description, SinkService};
use crate::sink::sources::{Connect, Connecting, GrpcSources};
use crate::sink::storage::{Storage, StorageError};
use core::future::Future;
use core::time::Duration;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use tokio::sync::watch;
use tokio::task::JoinError;

/// The options of `sink serve`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "SIGTERM and Ctrl-C end it cleanly; SIGHUP reads the certificates and the roles again.\n\n\
    Example:\n  cutover sink serve --config eu-1.toml"
)]
pub struct Args {
    /// Path of the store's configuration file
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Check the configuration, the certificates and the owner of the directory, then exit
    #[arg(long)]
    check_config: bool,
    #[command(flatten)]
    logging: Logging,
}

/// How long a store that was told to end may take to answer what it took and close its file.
const CLOSING: Duration = Duration::from_secs(10);

pub(super) fn run(args: &Args) -> Result<(), Failed> {
    let config = SinkConfig::load(&args.config).map_err(|error| Failed::new(exit::USAGE, error))?;
    if args.check_config {
        return check(&config);
    }
    args.logging.begin()?;
    let storage = open(&config)?;
    let runtime = runtime("store", None)?;
    let ended = runtime.block_on(serve(&args.config, config, storage, signals()));
    // It does not wait longer for a call or for a disk that hangs.
    runtime.shutdown_timeout(GRACE);
    ended
}

/// A store in the process of a node, on threads of its own.
pub(in crate::cli) struct Beside {
    stop: watch::Sender<bool>,
    ended: watch::Receiver<bool>,
    thread: JoinHandle<Result<(), Failed>>,
}

impl Beside {
    /// Opens the store's directory and serves it.
    pub(in crate::cli) fn start(path: &Path) -> Result<Self, Failed> {
        let wrong = |line: String| Failed::new(exit::USAGE, format!("{}: {line}", path.display()));
        let config = SinkConfig::load(path).map_err(|error| wrong(error.to_string()))?;
        if config.metrics.is_some() {
            return Err(wrong(
                "found listen.metrics, expected none: the node's metrics are those of its process".to_owned(),
            ));
        }
        let (storage, runtime, path) = (open(&config)?, runtime("store", None)?, path.to_owned());
        let ((stop, mut told), (gone, ended)) = (watch::channel(false), watch::channel(false));
        let thread = std::thread::spawn(move || {
            let told = async move {
                let _node_ended = told.wait_for(|told| *told).await;
            };
            let ended = runtime.block_on(serve(&path, config, storage, told));
            runtime.shutdown_timeout(GRACE);
            let _told = gone.send(true);
            ended
        });
        Ok(Self { stop, ended, thread })
    }

    /// Waits until the store has ended by itself: the node ends with it.
    pub(in crate::cli) async fn ended(&self) {
        let mut ended = self.ended.clone();
        let _gone = ended.wait_for(|ended| *ended).await;
    }

    /// Ends the store, and says how it ended.
    pub(in crate::cli) fn stop(self) -> Result<(), Failed> {
        let _told = self.stop.send(true);
        let ended = self.thread.join();
        ended.unwrap_or_else(|_| {
            Err(Failed::new(exit::INTERNAL, "a defect of this program: the store's thread panicked"))
        })
    }
}

/// Opens the directory, if it is the one of this store.
fn open(config: &SinkConfig) -> Result<Storage, Failed> {
    let storage =
        Storage::open_any(&config.data, FenceLimits::PRODUCTION).map_err(|error| storage_failed(&error))?;
    let (at, expected) = (config.data.display(), config.identity.as_ref());
    let found = (storage.beginning().known_as.clone(), storage.identity());
    if found.0 == expected {
        return Ok(storage);
    }
    storage.close().map_err(|error| storage_failed(&error))?;
    let (who, identity) = found;
    let line = format!("{at} belongs to another store: found {who} ({identity}), expected {expected}");
    Err(Failed::new(exit::DATA, line))
}

fn check(config: &SinkConfig) -> Result<(), Failed> {
    if config.data.exists() {
        let storage = open(config)?;
        println!("data      {} of {}", config.data.display(), storage.identity());
        storage.close().map_err(|error| storage_failed(&error))?;
    } else {
        println!("data      {} does not exist yet", config.data.display());
    }
    println!("identity  {}", config.identity);
    println!("listens   {}", config.listen);
    println!("security  {}", if matches!(config.security, Security::Plain) { "none" } else { "mutual TLS" });
    println!("the configuration is valid");
    Ok(())
}

async fn serve(
    path: &Path,
    config: SinkConfig,
    storage: Storage,
    told_to_end: impl Future<Output = ()>,
) -> Result<(), Failed> {
    let listener = Listener::bind(config.listen).await;
    let listener = listener.map_err(|error| Failed::new(exit::UNAVAILABLE, error))?;
    publish(config.metrics).await?;
    let limits = fitting(config.limits, 1)?;
    let (identity, enforcement, at) = (storage.identity(), storage.enforcement(), listener.address());
    let description = Description { identity, enforcement, kind: kind()?, known_as: config.identity.clone() };
    let access = SinkAccess::new(Arc::new(Certificates), config.roles);
    let (sink, mut task) = start(storage, config.queue);
    let connect = connect(config.security.clone(), access.clone());
    let sources = Arc::new(GrpcSources::new(connect, config.pull_deadline));
    let mover = Arc::new(Mover::new(sink.clone(), Arc::clone(&sources), config.pull));
    let service =
        SinkService::new(sink.clone(), description, (mover, sources), access.clone(), config.deadline);
    let (stop, stopping) = watch::channel(false);
    let port = Port { security: config.security.clone(), limits, access: access.clone(), stopping };
    let mut port = tokio::spawn(port.run(listener, service));
    let file = path.to_owned();
    let roles = move || Ok(access.replace(SinkConfig::load_roles(&file)?));
    let reload = Reload { security: config.security, roles: Box::new(roles) };
    // Handled before the store says that it serves.
    let hangup = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::hangup());
    let hangup = hangup.map_err(|error| Failed::new(exit::INTERNAL, error))?;
    tokio::spawn(reload.run(hangup));
    let seals = enforcement == Enforcement::Tokens;
    tracing::info!(store = %identity.store, incarnation = %identity.incarnation, known_as = %config.identity, seals, listens = %at, "serves");
    tokio::select! {
        biased;
        stopped = &mut task => return ended(stopped),
        () = told_to_end => {}
    }
    let _listener = stop.send(true);
    // Calls that are under way get their answers.
    let _late = tokio::time::timeout(GRACE, &mut port).await;
    port.abort();
    match tokio::time::timeout(CLOSING, close(&sink, task)).await {
        Ok(stopped) => ended(stopped),
        Err(_) => Err(Failed::new(
            exit::INTERNAL,
            format!("the disk has not ended within {CLOSING:?}; what was answered is durable"),
        )),
    }
}

type Stopped = Result<Result<(), StorageError>, JoinError>;

async fn close(sink: &SinkHandle, task: tokio::task::JoinHandle<Result<(), StorageError>>) -> Stopped {
    sink.stop().await;
    task.await
}

fn ended(stopped: Stopped) -> Result<(), Failed> {
    match stopped {
        Ok(Ok(())) => {
            tracing::info!("stopped");
            Ok(())
        }
        Ok(Err(error)) => Err(Failed::new(exit::INTERNAL, error)),
        Err(error) => Err(Failed::new(exit::INTERNAL, format!("a defect of this program: {error}"))),
    }
}

/// How other stores are reached: whoever answers has to have the role of a store.
fn connect(security: Security, access: SinkAccess) -> Box<Connect> {
    let expected: Expected = Arc::new(move |found: &ClusterVoterIdentity| {
        if access.roles(found).contains(&SinkRole::Store) {
            return Ok(());
        }
        Err(format!("the certificate there is of {found}, expected one with the role store"))
    });
    Box::new(move |address: Address| -> Connecting {
        let (security, expected) = (security.clone(), Arc::clone(&expected));
        Box::pin(
            async move { channel(&address, &security, &expected).await.map_err(|error| error.to_string()) },
        )
    })
}

/// The port of the store.
struct Port {
    security: Security,
    limits: PortLimits,
    access: SinkAccess,
    stopping: watch::Receiver<bool>,
}

impl Port {
    async fn run(self, listener: Listener, service: SinkService) {
        let Self { security, limits, access, stopping } = self;
        let privileged = move |who: &ClusterVoterIdentity| access.roles(who).contains(&SinkRole::Node);
        let incoming = listener.incoming(security, limits, privileged);
        let reporter = tonic_health::server::HealthReporter::new();
        let health = tonic_health::server::HealthService::from_health_reporter(reporter.clone());
        let health = tonic_health::pb::health_server::HealthServer::new(health);
        reporter.set_service_status("", tonic_health::ServingStatus::Serving).await;
        let ending = async move {
            stopped(stopping).await;
            reporter.set_service_status("", tonic_health::ServingStatus::NotServing).await;
        };
        let router = reflected(builder(limits).add_service(service.into_server()).add_service(health));
        if let Err(error) = router.serve_with_incoming_shutdown(incoming, ending).await {
            tracing::error!(%error, "the port failed");
        }
    }
}
