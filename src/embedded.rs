//! The control plane embedded in a process: a single-node engine on a data directory, with no network.
//!
//! This is the node that `cutover serve` runs when `listen.peer` is not set, on a thread of its own: the same
//! engine, driver and store. The directory can be given to `cutover serve` later, with peers, and grow into a
//! cluster.
//!
//! ```
//! use cutover::core::control_plane::{ControlPlaneEntry, PartitionName, StoreChange, StoreFacts};
//! use cutover::core::ids::{Placement, Revision};
//! use cutover::core::migration::Transition;
//! use cutover::core::placement::Guarantee;
//! use cutover::embedded::{Options, open};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let directory = tempfile::tempdir()?;
//! # let path = directory.path().join("control-plane");
//! let plane = open(&path, &Options { create: true, ..Options::default() })?;
//! let mut changes = plane.watch(Revision::ZERO)?;
//! let store = StoreFacts {
//!     name: "eu-1".parse()?,
//!     kind: "reference".parse()?,
//!     endpoints: vec!["eu-1:7400".parse()?].try_into()?,
//!     guarantee: Guarantee::Sealed,
//!     identity: "CN=eu-1 store 1".parse()?,
//! };
//! plane.propose(ControlPlaneEntry::StoreChange(StoreChange::Add { number: None, store }), None)?;
//! let name = PartitionName::try_from("acme".to_owned())?;
//! // The first store of a log has the number 0.
//! let transition = Transition::Create { placement: Placement(0), guarantee: Guarantee::Sealed };
//! plane.propose(ControlPlaneEntry::NamedTransition { name, transition }, None)?;
//! assert_eq!(plane.read(|view| view.state().table().records().count())?, 1);
//! assert!(changes.next().is_some());
//! plane.close()?;
//! # Ok(())
//! # }
//! ```
//!
//! May import: `core::ids`, `core::raft`, `core::migration`, `core::control_plane`, `node::store`, `node::driver`.

#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    clippy::result_large_err,
    reason = "the edge: a thread, a file, and the store's errors, which are large"
)]

use crate::core::control_plane::{
    AloneError, Answer, ClusterVoterIdentity, ControlPlaneEntry, Founder, IdentityError,
    SingleNodeControlPlane, Stores, epoch_of,
};
use crate::core::ids::{ClusterId, DirectoryId, Epoch, HistoryId, NodeId, PartitionId, Revision, SessionId};
use crate::core::migration::{
    BackendFailure, Caps, Command, MigrationError, MigrationStore, PartitionRecord,
};
use crate::core::raft::{Config, Durable, NodeLimits, Outcome, Peer, SessionLimits, StartError, Ticket};
use crate::node::driver::{
    self, DriverConfig, Environment, Failure, FeedItem, Handle, Queues, Stopped, Storage, Timing, View,
};
use crate::node::store::{Store, StoreError, StoreIdentity, draw_id};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng as _;
use std::future::Future;
use std::path::Path;
use std::thread::JoinHandle;
use thiserror::Error;
use tokio::sync::{mpsc, oneshot};

/// Identity of the node, and limits of its log and queues.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Options {
    /// Whether to found a new control plane in a directory that is empty or missing. If false, [`open`]
    /// returns an error, since the missing data may have been lost.
    pub create: bool,
    /// Id of the node within the cluster, from 1. [`open`] refuses a directory that belongs to another node.
    pub node: NodeId,
    /// Identity of the node in the log, as a certificate subject such as `CN=node-1`. `None`:
    /// `CN=node-<node>`.
    pub identity: Option<String>,
    /// Limits of the Raft log: entry size, batch size, compaction.
    pub limits: NodeLimits,
    /// Queue lengths of the driver.
    pub queues: Queues,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            create: false,
            node: NodeId(1),
            identity: None,
            limits: NodeLimits::PRODUCTION,
            queues: Queues::default(),
        }
    }
}

impl Options {
    fn config(&self, directory: DirectoryId) -> Config {
        Config { me: Peer { node: self.node, directory }, limits: self.limits }
    }

    /// A new cluster, with the identity of its data directory.
    fn founding(&self) -> Result<(StoreIdentity, Durable<ControlPlaneEntry>), OpenError> {
        let named = self.identity.clone().unwrap_or_else(|| format!("CN=node-{}", self.node.0));
        let subject = ClusterVoterIdentity::from_certificate_subject(&named)?;
        let identity = StoreIdentity { node: self.node, directory: DirectoryId(draw_id()?) };
        let founder = Founder {
            cluster: ClusterId(draw_id()?),
            history: HistoryId(draw_id()?),
            voters: vec![(self.config(identity.directory).me, subject.into())],
            caps: Caps::PRODUCTION,
            sessions: SessionLimits::PRODUCTION,
            stores: Stores::none(),
        };
        Ok((identity, founder.disk()?))
    }
}

/// Why a control plane cannot be opened. The message is one line.
#[derive(Debug, Error)]
pub enum OpenError {
    /// The directory is missing, in use, damaged, or belongs to another node.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The log has a configuration with other voters: a single-node engine cannot serve it.
    #[error(transparent)]
    Alone(#[from] AloneError),
    /// [`Options::identity`] is not a valid certificate subject.
    #[error("identity: {0}")]
    Identity(#[from] IdentityError),
    /// The first snapshot cannot be encoded.
    #[error(transparent)]
    Founding(#[from] StartError),
    /// The node stopped before it became leader.
    #[error(transparent)]
    Stopped(#[from] Stopped),
    /// The operating system refused a thread, or the runtime a timer.
    #[error("no thread for the control plane: {0}")]
    Thread(std::io::Error),
}

/// An open control plane. Its methods block until the outcome is known, so they must not be called from an
/// async task; async code uses [`Embedded::handle`], which has the same methods. Dropping the value closes
/// the control plane.
#[derive(Debug)]
pub struct Embedded {
    handle: Handle,
    runtime: tokio::runtime::Handle,
    /// Stops the node when dropped.
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<Stopped>>,
}

/// Opens the control plane in a directory, and returns once it is the leader and has committed its log.
///
/// # Errors
/// [`OpenError`]. A directory that is open, in this process or another, is refused.
pub fn open(directory: &Path, options: &Options) -> Result<Embedded, OpenError> {
    let (store, durable) = match Store::open(directory, options.node) {
        Err(StoreError::Missing { .. }) if options.create => {
            let (identity, durable) = options.founding()?;
            (Store::create(directory, &identity, &durable)?, durable)
        }
        opened => opened?,
    };
    let config = options.config(store.identity().directory);
    start(config, options.queues, store, durable)
}

/// Starts a control plane on a given storage, as [`open`] does on a directory. `durable` is what the storage
/// holds.
///
/// # Errors
/// [`OpenError`], except `Store` and `Identity`.
pub fn start<S: Storage>(
    config: Config,
    queues: Queues,
    storage: S,
    durable: Durable<ControlPlaneEntry>,
) -> Result<Embedded, OpenError> {
    let engine = SingleNodeControlPlane::open(config, durable)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    let runtime = runtime.map_err(OpenError::Thread)?;
    let handle = runtime.handle().clone();
    let (stop, stopping) = oneshot::channel::<()>();
    let (begun, begins) = oneshot::channel();
    let run = async move {
        // A sole voter sets no timers, so no jitter is drawn.
        let environment =
            Environment { clock: Box::new(()), jitter: ChaCha8Rng::seed_from_u64(0), recorder: None };
        let driver = DriverConfig { timing: Timing::default(), queues };
        let (handle, _nobody, mut task) = driver::start(driver, Box::new(engine), storage, (), environment);
        let _opening = begun.send(handle.clone());
        let ended = tokio::select! {
            biased;
            ended = &mut task => ended,
            _ = stopping => {
                handle.stop();
                task.await
            }
        };
        ended.unwrap_or_else(|error| Stopped::Disk(format!("internal error: {error}")))
    };
    let thread = std::thread::Builder::new().name("cutover".to_owned());
    let thread = thread
        .spawn(move || {
            let stopped = runtime.block_on(run);
            // Without waiting for a disk that hangs.
            runtime.shutdown_background();
            stopped
        })
        .map_err(OpenError::Thread)?;
    let Ok(driven) = begins.blocking_recv() else { return Err(ended(thread).into()) };
    let mut embedded = Embedded { handle: driven, runtime: handle, stop: Some(stop), thread: Some(thread) };
    let mut statuses = embedded.handle.statuses();
    let leads = embedded.wait(async move {
        statuses.wait_for(|status| status.leads() && status.commit == status.last).await.is_ok()
    });
    if !leads && let Some(thread) = embedded.thread.take() {
        return Err(ended(thread).into());
    }
    Ok(embedded)
}

fn ended(thread: JoinHandle<Stopped>) -> Stopped {
    thread.join().unwrap_or_else(|_| Stopped::Disk("internal error: the node's thread panicked".to_owned()))
}

/// Committed changes of the placement table, in order. Ends when the reader is too slow, or when the control
/// plane closes.
#[derive(Debug)]
pub struct Changes(mpsc::Receiver<FeedItem>);

impl Iterator for Changes {
    type Item = FeedItem;

    fn next(&mut self) -> Option<FeedItem> {
        self.0.blocking_recv()
    }
}

impl Embedded {
    fn wait<T>(&self, work: impl Future<Output = T>) -> T {
        self.runtime.block_on(work)
    }

    /// The handle of the node: the same methods for async tasks, and the status of the node.
    #[must_use]
    pub const fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Proposes an entry, and waits until it is applied or refused. With a ticket, an entry that is proposed
    /// again is applied once.
    ///
    /// # Errors
    /// [`Failure`]
    pub fn propose(
        &self,
        entry: ControlPlaneEntry,
        ticket: Option<Ticket>,
    ) -> Result<Outcome<Answer>, Failure> {
        self.wait(self.handle.propose(entry, ticket))
    }

    /// Opens a client session. The outcome carries its id.
    ///
    /// # Errors
    /// [`Failure`]
    pub fn open_session(&self) -> Result<Outcome<Answer>, Failure> {
        self.wait(self.handle.open_session())
    }

    /// Closes a client session, and forgets the answers kept for it.
    ///
    /// # Errors
    /// [`Failure`]
    pub fn close_session(&self, session: SessionId) -> Result<Outcome<Answer>, Failure> {
        self.wait(self.handle.close_session(session))
    }

    /// Calls `look` with a state that includes everything committed before this call (a read index).
    ///
    /// # Errors
    /// [`Failure`]
    pub fn read<T>(&self, look: impl FnOnce(&View) -> T) -> Result<T, Failure> {
        self.wait(self.handle.read(look))
    }

    /// The changes of the placement table after a revision, as an iterator that blocks.
    ///
    /// # Errors
    /// [`Failure::Busy`], [`Failure::Stopping`]
    pub fn watch(&self, after: Revision) -> Result<Changes, Failure> {
        self.wait(self.handle.watch(after)).map(Changes)
    }

    /// Stops the node after the batches in its queue are durable, and closes the directory, so that it can be
    /// opened again.
    ///
    /// # Errors
    /// [`Stopped`], if the node had already stopped for a failed disk or a violated invariant.
    pub fn close(mut self) -> Result<(), Stopped> {
        match self.end() {
            Some(Stopped::Requested) | None => Ok(()),
            Some(stopped @ (Stopped::Disk(_) | Stopped::Halted(_))) => Err(stopped),
        }
    }

    fn end(&mut self) -> Option<Stopped> {
        drop(self.stop.take());
        self.thread.take().map(ended)
    }
}

impl Drop for Embedded {
    fn drop(&mut self) {
        let _why = self.end();
    }
}

/// The blocking store that controllers use: each proposal waits for its outcome.
impl MigrationStore for Embedded {
    fn propose(&mut self, command: &Command) -> Result<Epoch, MigrationError> {
        let entry = ControlPlaneEntry::OwnershipTransition(command.clone());
        let outcome = Self::propose(self, entry, None).map_err(|failure| backend(&failure))?;
        epoch_of(&outcome)
    }

    fn state(
        &mut self,
        partition: PartitionId,
    ) -> Result<Option<(PartitionRecord, Revision)>, MigrationError> {
        let look = move |view: &View| {
            let state = view.state();
            state.table().record(partition).map(|record| (record.clone(), state.revision()))
        };
        self.read(look).map_err(|failure| backend(&failure))
    }
}

const fn backend(failure: &Failure) -> MigrationError {
    let reason = match failure {
        Failure::Refused(error) => error.failure(),
        Failure::Busy { .. } => BackendFailure::NotTaken,
        Failure::Stopping => BackendFailure::NoLeader,
        Failure::Indeterminate => BackendFailure::Indeterminate,
    };
    MigrationError::Backend { reason }
}
