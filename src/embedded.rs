//! The control plane inside of a process: opened on a directory, without a port and without peers.
//!
//! It is the node that `cutover serve` runs without a `listen.peer`: the same engine, driver and store, on a thread of its
//! own. The directory is that of a node, so a node with a port for peers can go on with it later and grow into a cluster.
//!
//! ```
//! use cutover::core::control_plane::{ControlPlaneEntry, PartitionName};
//! use cutover::core::ids::{Placement, Revision};
//! use cutover::core::placement::Guarantee;
//! use cutover::embedded::{Options, open};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let directory = tempfile::tempdir()?;
//! # let path = directory.path().join("control-plane");
//! let plane = open(&path, &Options { create: true, ..Options::default() })?;
//! let mut changes = plane.watch(Revision::ZERO)?;
//! let name = PartitionName::try_from("acme".to_owned())?;
//! let (placement, guarantee) = (Placement(0), Guarantee::Sealed);
//! plane.propose(ControlPlaneEntry::CreatePartition { name, placement, guarantee }, None)?;
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
    reason = "the edge: a thread, a file, and the store's errors, which say all that they know"
)]

use crate::core::control_plane::{
    AloneError, Answer, ClusterVoterIdentity, ControlPlaneEntry, Founder, IdentityError,
    SingleNodeControlPlane, epoch_of,
};
use crate::core::ids::{ClusterId, Epoch, Incarnation, NodeId, PartitionId, Revision, SessionId};
use crate::core::migration::{
    BackendFailure, Caps, Command, MigrationError, MigrationStore, PartitionRecord,
};
use crate::core::raft::{Config, Durable, NodeLimits, Outcome, Peer, SessionLimits, StartError, Ticket};
use crate::node::driver::{
    self, DriverConfig, Environment, Failure, FeedItem, Handle, Queues, Stopped, Storage, Timing, View,
};
use crate::node::store::{Store, StoreError, StoreIdentity};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng as _;
use std::future::Future;
use std::path::Path;
use std::thread::JoinHandle;
use thiserror::Error;
use tokio::sync::{mpsc, oneshot};

/// Whose the directory is, and how much waits at most.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Options {
    /// Whether a directory that holds nothing is founded. Without it, that is an error: what was there may be lost.
    pub create: bool,
    /// The cluster. A directory belongs to one node of one cluster in one life, and is refused to every other.
    pub cluster: ClusterId,
    /// The node.
    pub node: NodeId,
    /// Its life: one more each time it lost its directory.
    pub incarnation: Incarnation,
    /// What the node is called where certificates have subjects, as in `CN=node-1`; by default that of its number.
    pub identity: Option<String>,
    /// Bounds of the log.
    pub limits: NodeLimits,
    /// Bounds of what waits.
    pub queues: Queues,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            create: false,
            cluster: ClusterId(1),
            node: NodeId(1),
            incarnation: Incarnation(1),
            identity: None,
            limits: NodeLimits::PRODUCTION,
            queues: Queues::default(),
        }
    }
}

impl Options {
    fn config(&self) -> Config {
        let me = Peer { node: self.node, incarnation: self.incarnation };
        Config { cluster: self.cluster, me, limits: self.limits }
    }

    fn founding(&self) -> Result<Durable<ControlPlaneEntry>, OpenError> {
        let named = self.identity.clone().unwrap_or_else(|| format!("CN=node-{}", self.node.0));
        let identity = ClusterVoterIdentity::from_certificate_subject(&named)?;
        let voters = vec![(self.config().me, identity.into())];
        let founder = Founder { voters, caps: Caps::PRODUCTION, sessions: SessionLimits::PRODUCTION };
        Ok(founder.disk()?)
    }
}

/// Why it does not open. One line.
#[derive(Debug, Error)]
pub enum OpenError {
    /// The directory: nothing is there, it is another's, in use, or damaged.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// It belongs to a node that has others.
    #[error(transparent)]
    Alone(#[from] AloneError),
    /// The node's name is no subject.
    #[error("identity: {0}")]
    Identity(#[from] IdentityError),
    /// Its first state cannot be encoded.
    #[error(transparent)]
    Founding(#[from] StartError),
    /// It ended before it led.
    #[error(transparent)]
    Stopped(#[from] Stopped),
    /// No thread, or no runtime.
    #[error("no thread for the control plane: {0}")]
    Thread(std::io::Error),
}

/// An open control plane. Its calls wait for their outcome, and so must not be made from within an async task: such a task
/// uses [`Embedded::handle`], which has the same calls. Dropping it closes it.
#[derive(Debug)]
pub struct Embedded {
    handle: Handle,
    runtime: tokio::runtime::Handle,
    /// Dropped to end it.
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<Stopped>>,
}

/// Opens the control plane in a directory, and returns once it leads.
///
/// # Errors
/// [`OpenError`]; a directory that is open already, in this process or in another, is refused.
pub fn open(directory: &Path, options: &Options) -> Result<Embedded, OpenError> {
    let config = options.config();
    let Config { cluster, me, .. } = config;
    let identity = StoreIdentity { cluster, node: me.node, incarnation: me.incarnation };
    let (store, durable) = match Store::open(directory, &identity) {
        Err(StoreError::Missing { .. }) if options.create => {
            let durable = options.founding()?;
            (Store::create(directory, &identity, &durable)?, durable)
        }
        opened => opened?,
    };
    start(config, options.queues, store, durable)
}

/// The same on a storage of one's own, and what was found there.
///
/// # Errors
/// As for [`open`].
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
        // No timer is set, so nothing is drawn.
        let environment =
            Environment { clock: Box::new(()), jitter: ChaCha8Rng::seed_from_u64(0), recorder: None };
        let driver = DriverConfig { timing: Timing::default(), queues };
        let (handle, _nobody, mut task) = driver::start(driver, Box::new(engine), storage, (), environment);
        let _opening = begun.send(handle.clone());
        let ended = tokio::select! {
            biased;
            ended = &mut task => ended,
            _ = stopping => {
                handle.stop().await;
                task.await
            }
        };
        ended.unwrap_or_else(|error| Stopped::Disk(format!("a defect of this program: {error}")))
    };
    let thread = std::thread::Builder::new().name("cutover".to_owned());
    let thread = thread.spawn(move || runtime.block_on(run)).map_err(OpenError::Thread)?;
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
    thread
        .join()
        .unwrap_or_else(|_| Stopped::Disk("a defect of this program: its thread panicked".to_owned()))
}

/// Changes of the table, in order. It ends when it is not read fast enough, or the control plane is closed.
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

    /// The same calls for async tasks, and a node's status.
    #[must_use]
    pub const fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Proposes an entry, and waits for what comes of it. With a ticket, a second proposal of the same is applied once.
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

    /// Opens a session. Its id comes with the outcome.
    ///
    /// # Errors
    /// [`Failure`]
    pub fn open_session(&self) -> Result<Outcome<Answer>, Failure> {
        self.wait(self.handle.open_session())
    }

    /// Closes a session.
    ///
    /// # Errors
    /// [`Failure`]
    pub fn close_session(&self, session: SessionId) -> Result<Outcome<Answer>, Failure> {
        self.wait(self.handle.close_session(session))
    }

    /// Looks at everything that was committed before this call.
    ///
    /// # Errors
    /// [`Failure`]
    pub fn read<T: Send + 'static>(
        &self,
        look: impl for<'e> FnOnce(View<'e>) -> T + Send + 'static,
    ) -> Result<T, Failure> {
        self.wait(self.handle.read(look))
    }

    /// Changes of the table after a revision.
    ///
    /// # Errors
    /// [`Failure::Busy`], [`Failure::Stopping`]
    pub fn watch(&self, after: Revision) -> Result<Changes, Failure> {
        self.wait(self.handle.watch(after)).map(Changes)
    }

    /// Closes it once what waits for the disk is there. The directory can be opened again.
    ///
    /// # Errors
    /// Why it had ended before.
    pub fn close(mut self) -> Result<(), Stopped> {
        match self.end() {
            Some(Stopped::Told) | None => Ok(()),
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

/// For controllers, which wait for their transitions one by one.
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
        let look = move |view: View<'_>| {
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
