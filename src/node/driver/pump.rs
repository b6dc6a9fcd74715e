//! The loop of the driver: takes inputs, gives them to the engine, performs the outputs in order.

use super::config::DriverConfig;
use super::feed::{self, Applied, Feed};
use super::handle::{Handle, Reading, Reply, Request};
use super::recorder::Recorder;
use super::stall::Stall;
use super::status::{Gauges, Status};
use super::storage::{self, NumberedBatch, Storage};
use super::timers::{Clock, Timers};
use super::transport::{Inbox, Registry, Transport};
use super::view::View;
use crate::core::control_plane::{
    Accepted, ControlPlaneConsensus, ControlPlaneEntry, ControlPlaneError, ControlPlaneInput,
};
use crate::core::ids::{Halt, Index, NodeId, PartitionId, Revision};
use crate::core::outbox::Outbox;
use crate::core::raft::{BatchNumber, Configuration, Message, ProposalId, ReadId, TransferRefusal};
use core::time::Duration;
use rand_chacha::ChaCha8Rng;
use std::collections::BTreeMap;
use std::sync::Arc;
use thiserror::Error;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, sleep_until};

/// The engine that a driver runs, replicated or single-node.
pub type Engine = Box<dyn ControlPlaneConsensus + Send>;

/// Clock, randomness and recorder of a driver. A simulator passes its own.
pub struct Environment {
    /// The clock that the node's timers run on.
    pub clock: Box<dyn Clock>,
    /// The random generator from which election timeouts are drawn.
    pub jitter: ChaCha8Rng,
    /// Records the inputs of the engine. `None`: no recording.
    pub recorder: Option<Box<dyn Recorder>>,
}

/// Why a node stopped.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum Stopped {
    /// The owner of the node's handle asked it to stop.
    #[error("stopped on request")]
    Requested,
    /// A write to the node's disk failed, or hangs. It is not retried, since after a failed write the content of the
    /// disk is unknown.
    #[error("the disk failed, and what it holds is not known now: {0}")]
    Disk(String),
    /// The engine found a violated invariant.
    #[error("invariant {} is broken: {}", .0.invariant, .0.facts)]
    Halted(Halt),
}

/// The most messages, or requests, that are taken in one turn.
const TURN_MAX: usize = 64;
/// Groups of changes that the feed has not taken yet.
const FEED: usize = 64;

/// The state of a running node.
pub(super) struct Pump<T> {
    pub(super) config: DriverConfig,
    pub(super) engine: Engine,
    pub(super) transport: T,
    pub(super) timers: Timers,
    pub(super) recorder: Option<Box<dyn Recorder>>,
    pub(super) outbox: Outbox<ControlPlaneEntry>,
    pub(super) batches: mpsc::Sender<NumberedBatch>,
    pub(super) proposals: BTreeMap<ProposalId, Reply>,
    pub(super) reads: BTreeMap<ReadId, Reading>,
    pub(super) transfer: Option<oneshot::Sender<Result<NodeId, TransferRefusal>>>,
    /// The engine has handled an input since [`Self::views`] was updated.
    pub(super) changed: bool,
    pub(super) views: watch::Sender<View>,
    pub(super) to_feed: mpsc::Sender<Applied>,
    /// A snapshot was installed, and partitions were changed, that the feed was not told of.
    pub(super) installed: bool,
    pub(super) touched: BTreeMap<PartitionId, Revision>,
    pub(super) configurations: (Configuration, Vec<(Index, Configuration)>),
    pub(super) status: watch::Sender<Status>,
    pub(super) registry: watch::Sender<Registry>,
    pub(super) gauges: Gauges,
    pub(super) stall: Stall,
    pub(super) stopped: Option<Stopped>,
}

/// Starts a driver for an engine that was just started from its disk. The task ends when the node has stopped
/// and its storage is closed.
pub fn start<S: Storage, T: Transport>(
    config: DriverConfig,
    mut engine: Engine,
    storage: S,
    transport: T,
    environment: Environment,
) -> (Handle, Inbox, tokio::task::JoinHandle<Stopped>) {
    let (requests, to_pump) = mpsc::channel(config.queues.requests.max(1));
    let (sender, inbox) = mpsc::channel(config.queues.inbox.max(1));
    // Capacity beyond `queues.batches`: the messages and requests of one turn may each cause several batches.
    let (batches, to_disk) = mpsc::channel(config.queues.batches.max(1) + 8 * TURN_MAX);
    let (done, synced) = mpsc::channel(1);
    let (status, statuses) = watch::channel(engine.status());
    let (registry, registries) = watch::channel(Registry::default());
    let (views, latest) = watch::channel(View::of(&*engine));
    let (to_feed, applied) = mpsc::channel(FEED);
    let (watching, watches) = mpsc::channel(config.queues.requests.max(1));
    let (stop, stopping) = watch::channel(false);
    let outputs = engine.take_outputs();
    let feed = Feed::new(engine.state(), &config.queues);
    let stall = Stall::new(config.timing.disk_stall());
    let limit = stall.limit();
    let mut pump = Pump {
        config,
        transport,
        timers: Timers::new(config.timing, environment.clock, environment.jitter),
        recorder: environment.recorder,
        outbox: Outbox::default(),
        batches,
        proposals: BTreeMap::new(),
        reads: BTreeMap::new(),
        transfer: None,
        changed: false,
        views,
        to_feed,
        installed: false,
        touched: BTreeMap::new(),
        configurations: (Configuration::empty(), Vec::new()),
        status,
        registry,
        gauges: Gauges::new(),
        stall,
        stopped: None,
        engine,
    };
    pump.perform(outputs);
    pump.settle();
    let (to_fed, fed) = watch::channel(latest.borrow().state().revision());
    tokio::spawn(feed::run(feed, latest.borrow().shared_state(), applied, watches, to_fed));
    let disk = tokio::spawn(storage::run(storage, to_disk, done));
    let task = tokio::spawn(async move {
        let stopped = pump.run(Queued { inbox, requests: to_pump, synced, stopping }).await;
        // The pump is dropped, and with it the sender of batches: storage writes the queued ones and ends.
        if let Stopped::Disk(_) = stopped {
            return stopped;
        }
        match (tokio::time::timeout(limit, disk).await, stopped) {
            (Err(_), Stopped::Requested) => hung(limit),
            (Ok(_) | Err(_), stopped) => stopped,
        }
    });
    let stop = Arc::new(stop);
    let handle =
        Handle { requests, watching, stop, views: latest, fed, status: statuses, registry: registries };
    (handle, Inbox { sender }, task)
}

fn hung(limit: Duration) -> Stopped {
    Stopped::Disk(format!("no write has ended for {limit:?}"))
}

/// What waits for the pump.
struct Queued {
    inbox: mpsc::Receiver<Message<ControlPlaneEntry>>,
    requests: mpsc::Receiver<Request>,
    synced: mpsc::Receiver<Result<BatchNumber, String>>,
    stopping: watch::Receiver<bool>,
}

impl<T: Transport> Pump<T> {
    async fn run(mut self, queued: Queued) -> Stopped {
        let Queued { mut inbox, mut requests, mut synced, mut stopping } = queued;
        let to_feed = self.to_feed.clone();
        while self.stopped.is_none() {
            let open = self.outbox.batches() < self.config.queues.batches;
            let next = self.timers.next().into_iter().chain(self.stall.next()).min();
            let timer = async {
                match next {
                    Some(due) => sleep_until(due).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                _ = stopping.wait_for(|stop| *stop) => self.stopped = Some(Stopped::Requested),
                done = synced.recv() => self.synced(done),
                // Before the timers: messages that arrived while the process was paused must count before an
                // election timeout.
                Some(message) = inbox.recv(), if open => {
                    self.input(ControlPlaneInput::Received(message));
                    for _ in 1..TURN_MAX {
                        let Ok(message) = inbox.try_recv() else { break };
                        self.input(ControlPlaneInput::Received(message));
                    }
                }
                () = timer => {}
                Some(request) = requests.recv(), if open => self.take(request),
                Ok(_) = to_feed.reserve(), if self.owes_feed() => {}
            }
            // In every turn, so that peers that send without a pause do not keep the callers waiting.
            for _ in 1..TURN_MAX {
                if self.stopped.is_some() || self.outbox.batches() >= self.config.queues.batches {
                    break;
                }
                let Ok(request) = requests.try_recv() else { break };
                self.take(request);
            }
            self.fire();
            self.settle();
            if self.stall.hangs(self.outbox.batches() > 0, Instant::now()) && self.stopped.is_none() {
                self.stopped = Some(hung(self.stall.limit()));
            }
        }
        if let Some(recorder) = &mut self.recorder {
            let _best_effort = recorder.end(&*self.engine);
        }
        self.stopped.take().unwrap_or(Stopped::Requested)
    }

    /// Gives the engine an input, and ignores what the engine returns.
    pub(super) fn input(&mut self, input: ControlPlaneInput) {
        let _answer = self.handle(input);
    }

    /// Gives the engine an input, performs the outputs, and returns the engine's answer.
    pub(super) fn handle(&mut self, input: ControlPlaneInput) -> Result<Accepted, ControlPlaneError> {
        let accepted = self.give(input);
        self.perform_outputs();
        accepted
    }

    /// Gives the engine an input, and leaves the outputs to be [performed](Self::perform_outputs).
    pub(super) fn give(&mut self, input: ControlPlaneInput) -> Result<Accepted, ControlPlaneError> {
        if let Some(recorder) = &mut self.recorder
            && let Err(error) = recorder.record(&*self.engine, &input)
        {
            tracing::warn!(%error, "the flight recorder stops");
            self.recorder = None;
        }
        self.changed = true;
        self.engine.handle(input)
    }

    pub(super) fn perform_outputs(&mut self) {
        let outputs = self.engine.take_outputs();
        self.perform(outputs);
    }

    fn fire(&mut self) {
        let now = Instant::now();
        while let Some(timer) = self.timers.ended(now) {
            self.input(ControlPlaneInput::TimerFired(timer));
        }
    }
}
