//! What the programs that serve share: threads, logs, signals, descriptors.

use super::{Failed, exit};
use crate::node::server::PortLimits;
use core::time::Duration;
use tokio::runtime::Runtime;

/// How long the runtime waits for open connections at shutdown.
pub(super) const GRACE: Duration = Duration::from_secs(2);

/// What is logged, and how.
#[derive(Debug, clap::Args)]
pub(super) struct Logging {
    /// Log level for stderr (error, warn, info, debug, trace), or a filter by module
    #[arg(long, value_name = "FILTER", default_value = "info")]
    log: String,
    /// Log one JSON object per line
    #[arg(long)]
    log_json: bool,
}

impl Logging {
    /// Logs from now on.
    pub(super) fn begin(&self) -> Result<(), Failed> {
        log(&self.log, self.log_json)
    }
}

fn log(filter: &str, json: bool) -> Result<(), Failed> {
    let filter = tracing_subscriber::EnvFilter::try_new(filter)
        .map_err(|error| Failed::new(exit::USAGE, format!("--log {filter:?}: {error}")))?;
    let subscriber = tracing_subscriber::fmt().with_writer(std::io::stderr).with_env_filter(filter);
    let set = if json { subscriber.json().try_init() } else { subscriber.with_ansi(false).try_init() };
    set.map_err(|error| Failed::new(exit::INTERNAL, error))
}

/// A runtime with threads of its own. `threads`: as many as processors for `None`.
pub(super) fn runtime(name: &str, threads: Option<usize>) -> Result<Runtime, Failed> {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    if let Some(threads) = threads {
        builder.worker_threads(threads);
    }
    let runtime = builder.thread_name(name).enable_all().build();
    runtime.map_err(|error| Failed::new(exit::INTERNAL, format!("no runtime: {error}")))
}

/// Returns at the first SIGTERM or SIGINT.
pub(super) async fn signals() {
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

/// Raises the number of descriptors that the process may open to what the system allows, and fits the limits to it.
pub(super) fn fitting(wanted: PortLimits, ports: u64) -> Result<PortLimits, Failed> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let raised = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).is_ok();
    let descriptors = if raised { maximum } else { current }.unwrap_or(u64::MAX);
    let few = || format!("the process may open {descriptors} files, too few to serve {ports} ports");
    let limits = wanted.fitting(ports, descriptors).ok_or_else(|| Failed::new(exit::USAGE, few()))?;
    if limits != wanted {
        tracing::warn!(
            descriptors,
            connections = limits.connections,
            half_open = limits.half_open,
            "limits.connections or limits.half_open is more than the process may open files: lowered"
        );
    }
    Ok(limits)
}
