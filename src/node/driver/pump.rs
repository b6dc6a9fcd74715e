//! The pump: calls in, outputs performed in their order.

use super::config::DriverConfig;
use super::feed::Feed;
use super::handle::{Handle, Reading, Reply, Request};
use super::recorder::Recorder;
use super::status::{Gauges, Status};
use super::storage::{self, NumberedBatch, Storage};
use super::timers::{Clock, Timers};
use super::transport::{Inbox, Registry, Transport};
use crate::core::control_plane::{
    Accepted, ControlPlaneConsensus, ControlPlaneEntry, ControlPlaneError, ControlPlaneInput,
};
use crate::core::ids::{Halt, Index, NodeId, PartitionId, Revision};
use crate::core::outbox::Outbox;
use crate::core::raft::{
    BatchNumber, Configuration, Message, ProposalId, ReadId, ReadRefusal, Timer, TransferRefusal,
};
use rand_chacha::ChaCha8Rng;
use std::collections::BTreeMap;
use thiserror::Error;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, sleep_until};

/// An engine, whichever it is. The driver knows it by the seam alone.
pub type Engine = Box<dyn ControlPlaneConsensus + Send>;

/// What a driver takes from its surroundings, so that a simulator can give it something else.
pub struct Environment {
    /// The clock of its timers.
    pub clock: Box<dyn Clock>,
    /// What the jitter of its timers is drawn from.
    pub jitter: ChaCha8Rng,
    /// Keeps its calls, if they are to be kept.
    pub recorder: Option<Box<dyn Recorder>>,
}

/// Why a node ended.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum Stopped {
    /// It was told to.
    #[error("stopped as it was told")]
    Told,
    /// Its disk failed. It is not tried again: what is on the disk is not known after a failed write.
    #[error("the disk failed, and what it holds is not known now: {0}")]
    Disk(String),
    /// It found an invariant broken.
    #[error("invariant {} is broken: {}", .0.invariant, .0.facts)]
    Halted(Halt),
}

/// Peers' messages, and callers' requests, that are taken in one turn.
const TURN_MAX: usize = 64;

/// One node at work.
pub(super) struct Pump<T> {
    pub(super) config: DriverConfig,
    pub(super) engine: Engine,
    pub(super) transport: T,
    pub(super) timers: Timers,
    pub(super) recorder: Option<Box<dyn Recorder>>,
    pub(super) outbox: Outbox<ControlPlaneEntry>,
    pub(super) batches: mpsc::Sender<NumberedBatch>,
    pub(super) proposals: BTreeMap<ProposalId, Reply>,
    pub(super) reading: Option<(ReadId, Vec<Reading>)>,
    /// Reads that came after the one under way began: it may have seen too little for them.
    pub(super) to_read: Vec<Reading>,
    /// Reads that were answered before they had a name.
    pub(super) early: Vec<(ReadId, Result<Index, ReadRefusal>)>,
    pub(super) transfer: Option<oneshot::Sender<Result<NodeId, TransferRefusal>>>,
    pub(super) feed: Feed,
    pub(super) touched: BTreeMap<PartitionId, Revision>,
    pub(super) configurations: (Configuration, Vec<(Index, Configuration)>),
    pub(super) status: watch::Sender<Status>,
    pub(super) registry: watch::Sender<Registry>,
    pub(super) gauges: Gauges,
    pub(super) stopped: Option<Stopped>,
}

/// Starts a node whose engine has just been started from its disk. The task ends when the node has stopped and its disk is closed.
pub fn start<S: Storage, T: Transport>(
    config: DriverConfig,
    mut engine: Engine,
    storage: S,
    transport: T,
    environment: Environment,
) -> (Handle, Inbox, tokio::task::JoinHandle<Stopped>) {
    let (requests, to_pump) = mpsc::channel(config.queues.requests.max(1));
    let (sender, inbox) = mpsc::channel(config.queues.inbox.max(1));
    // One more than may be under way: a turn makes a batch before, and one after what it says.
    let (batches, to_disk) = mpsc::channel(config.queues.batches.max(1) + 8 * TURN_MAX);
    let (done, synced) = mpsc::channel(1);
    let (status, statuses) = watch::channel(engine.status());
    let (registry, registries) = watch::channel(Registry::default());
    let said = engine.take_outputs();
    let mut pump = Pump {
        config,
        transport,
        timers: Timers::new(config.timing, environment.clock, environment.jitter),
        recorder: environment.recorder,
        outbox: Outbox::default(),
        batches,
        proposals: BTreeMap::new(),
        reading: None,
        to_read: Vec::new(),
        early: Vec::new(),
        transfer: None,
        feed: Feed::new(engine.state(), &config.queues),
        touched: BTreeMap::new(),
        configurations: (Configuration::empty(), Vec::new()),
        status,
        registry,
        gauges: Gauges::new(),
        stopped: None,
        engine,
    };
    pump.perform(said);
    pump.stand_if_alone();
    pump.settle();
    let disk = tokio::spawn(storage::run(storage, to_disk, done));
    let task = tokio::spawn(async move {
        let stopped = pump.run(inbox, to_pump, synced).await;
        // The pump is gone, and with it the way to the disk: what waits is written, and the file closed.
        let _closed = disk.await;
        stopped
    });
    let handle = Handle { requests, status: statuses, registry: registries };
    (handle, Inbox { sender }, task)
}

impl<T: Transport> Pump<T> {
    async fn run(
        mut self,
        mut inbox: mpsc::Receiver<Message<ControlPlaneEntry>>,
        mut requests: mpsc::Receiver<Request>,
        mut synced: mpsc::Receiver<Result<BatchNumber, String>>,
    ) -> Stopped {
        while self.stopped.is_none() {
            let open = self.outbox.batches() < self.config.queues.batches;
            let next = self.timers.next();
            let timer = async {
                match next {
                    Some(due) => sleep_until(due).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                done = synced.recv() => self.synced(done),
                // What was said while this process was held up counts before a timer that ran out meanwhile.
                Some(message) = inbox.recv(), if open => {
                    self.tell(ControlPlaneInput::Received(message));
                    for _ in 1..TURN_MAX {
                        let Ok(message) = inbox.try_recv() else { break };
                        self.tell(ControlPlaneInput::Received(message));
                    }
                }
                () = timer => {}
                Some(request) = requests.recv(), if open => {
                    self.take(request);
                    for _ in 1..TURN_MAX {
                        let Ok(request) = requests.try_recv() else { break };
                        self.take(request);
                    }
                }
            }
            self.fire();
            self.begin_read();
            self.settle();
        }
        if let Some(recorder) = &mut self.recorder {
            let _best_effort = recorder.end(&*self.engine);
        }
        self.stopped.take().unwrap_or(Stopped::Told)
    }

    /// Hands over an input to which nobody waits for an answer.
    pub(super) fn tell(&mut self, input: ControlPlaneInput) {
        let _nobody_waits = self.hand_in(input);
    }

    /// Hands an input to the engine, and performs what comes of it.
    pub(super) fn hand_in(&mut self, input: ControlPlaneInput) -> Result<Accepted, ControlPlaneError> {
        if let Some(recorder) = &mut self.recorder
            && let Err(error) = recorder.record(&*self.engine, &input)
        {
            tracing::warn!(%error, "the flight recorder stops");
            self.recorder = None;
        }
        let accepted = self.engine.handle(input);
        let said = self.engine.take_outputs();
        self.perform(said);
        accepted
    }

    fn fire(&mut self) {
        let now = Instant::now();
        while let Some(timer) = self.timers.ended(now) {
            self.tell(ControlPlaneInput::TimerFired(timer));
        }
    }

    fn stand_if_alone(&mut self) {
        if self.engine.waits_for_nobody() {
            self.tell(ControlPlaneInput::TimerFired(Timer::Election));
        }
    }
}
