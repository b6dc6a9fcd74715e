//! The loop of the controllers.

use super::duties::{Duties, wall_s};
use super::timers::{Timers, pace};
use super::{Board, Call, ControllersConfig, Look, Stores};
use crate::core::control_plane::{ControlPlaneEntry, ControlPlaneState};
use crate::core::fence::{Body, Reply, Request};
use crate::core::ids::{PartitionId, Placement, Term};
use crate::core::migration::{Command, Controller, Event, Output, PartitionRecord, Transition};
use crate::core::placement::PartitionState;
use crate::node::driver::{Clock, FeedItem, Handle, View};
use core::time::Duration;
use rand_chacha::ChaCha8Rng;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::Instant;

/// How long a proposal may take before it counts as lost. The record says what became of it.
const PROPOSAL: Duration = Duration::from_secs(5);
/// Pause before changes are watched again.
const AGAIN: Duration = Duration::from_millis(100);
/// How often the orders of the log are looked at.
const ORDERS: Duration = Duration::from_millis(100);
/// How often stores are asked how much of a moving partition they have.
const SIZES: Duration = Duration::from_millis(500);
/// Most proposals under way: of controllers, and as many by orders.
const PROPOSALS_MAX: usize = 256;
/// Most results that wait. A call whose result has no room waits for it, and counts as under way.
const DONE_MAX: usize = 256;

/// What came of an output.
enum Done {
    Answered(Box<(Request, Result<Reply, String>)>),
    Proposed(Command),
    Ordered(Box<ControlPlaneEntry>),
    Looked(PartitionId, Placement, Result<Look, String>),
}

/// A partition that is driven.
struct Driven {
    machine: Controller,
    /// Requests and commands under way, none of which is sent a second time before it has ended.
    asked: BTreeSet<Request>,
    proposed: BTreeSet<Command>,
}

struct Controllers<S> {
    handle: Handle,
    stores: Arc<S>,
    config: ControllersConfig,
    timers: Timers,
    driven: BTreeMap<PartitionId, Driven>,
    calls: BTreeMap<Placement, usize>,
    proposals: usize,
    duties: Duties,
    /// What orders ask for that is proposed.
    ordered: BTreeSet<ControlPlaneEntry>,
    board: Board,
    sizes_at: Instant,
    /// The stores that are asked what they have of a partition.
    looks: BTreeSet<(PartitionId, Placement)>,
    /// What comes of calls and proposals. Those of an earlier term tell nobody.
    done: mpsc::Sender<Done>,
    came: mpsc::Receiver<Done>,
}

/// Starts the controllers of a node. They work while the node leads, and end with it. What they drive is on the board.
pub fn start<S: Stores>(
    handle: Handle,
    stores: S,
    config: ControllersConfig,
    board: Board,
    (clock, jitter): (Box<dyn Clock>, ChaCha8Rng),
) -> JoinHandle<()> {
    let (done, came) = mpsc::channel(DONE_MAX);
    let controllers = Controllers {
        handle,
        stores: Arc::new(stores),
        config,
        timers: Timers::new(clock, jitter),
        driven: BTreeMap::new(),
        calls: BTreeMap::new(),
        proposals: 0,
        duties: Duties::default(),
        ordered: BTreeSet::new(),
        board,
        sizes_at: Instant::now(),
        looks: BTreeSet::new(),
        done,
        came,
    };
    tokio::spawn(controllers.run())
}

impl<S: Stores> Controllers<S> {
    async fn run(mut self) {
        let mut status = self.handle.statuses();
        while let Ok(leads) = status.wait_for(|status| status.leads()).await.map(|status| status.term) {
            if self.lead(leads).await.is_none() {
                return;
            }
            self.forget();
        }
    }

    /// What is known is of one term: whoever leads in the next one takes over, be it this node again.
    fn forget(&mut self) {
        (self.done, self.came) = mpsc::channel(DONE_MAX);
        self.timers.clear();
        self.driven.clear();
        self.calls.clear();
        self.proposals = 0;
        self.duties = Duties::default();
        self.ordered.clear();
        self.looks.clear();
        self.board.clear();
        metrics::gauge!("cutover_controllers").set(0.0);
    }

    /// Drives while the node leads in this term. `None`: the node stops.
    async fn lead(&mut self, term: Term) -> Option<()> {
        let mut status = self.handle.statuses();
        let view = self.handle.latest().ok()?;
        let mut feed = self.handle.watch(view.state().revision()).await.ok();
        self.each_unsettled(&view, &Event::TookOver);
        // When changes are watched again: a moment, since whatever else happens must not put it off.
        let mut again = feed.is_none().then(|| Instant::now() + AGAIN);
        let mut orders = Instant::now();
        loop {
            let due = self.timers.next();
            tokio::select! {
                biased;
                changed = status.changed() => {
                    changed.ok()?;
                    let now = *status.borrow_and_update();
                    if !now.leads() || now.term != term {
                        return Some(());
                    }
                }
                () = sleep_until(again) => {
                    let view = self.handle.latest().ok()?;
                    feed = self.handle.watch(view.state().revision()).await.ok();
                    again = feed.is_none().then(|| Instant::now() + AGAIN);
                    self.each_unsettled(&view, &Event::Observed);
                }
                item = next(&mut feed) => match item {
                    Some(FeedItem::Changed(changed)) => self.event(changed.partition, &Event::Observed),
                    Some(FeedItem::Resync { .. }) => {
                        let view = self.handle.latest().ok()?;
                        self.each_unsettled(&view, &Event::Observed);
                    }
                    None => (feed, again) = (None, Some(Instant::now() + AGAIN)),
                },
                () = tokio::time::sleep_until(orders) => {
                    orders = Instant::now() + ORDERS;
                    self.look_at_orders();
                }
                () = sleep_until(due) => {
                    while let Some((partition, timer)) = self.timers.fired(Instant::now()) {
                        self.event(partition, &Event::TimerFired(timer));
                    }
                }
                Some(done) = self.came.recv() => self.came_of(done),
            }
        }
    }

    fn each_unsettled(&mut self, view: &View, event: &Event) {
        let unsettled = view.state().table().records().filter(|record| !record.is_settled());
        for partition in unsettled.map(|record| record.partition).collect::<Vec<_>>() {
            self.event(partition, event);
        }
    }

    fn came_of(&mut self, done: Done) {
        match done {
            Done::Proposed(command) => {
                self.proposals = self.proposals.saturating_sub(1);
                if let Some(driven) = self.driven.get_mut(&command.partition) {
                    driven.proposed.remove(&command);
                }
            }
            Done::Ordered(entry) => {
                self.ordered.remove(&entry);
            }
            Done::Looked(partition, store, look) => self.looked(partition, store, look),
            Done::Answered(answered) => {
                let (request, answer) = *answered;
                let partition = request.partition;
                if let Some(calls) = self.calls.get_mut(&request.store) {
                    *calls = calls.saturating_sub(1);
                }
                self.board.asked(partition, request.store, answer.as_ref().err().cloned());
                if let Some(driven) = self.driven.get_mut(&partition) {
                    driven.asked.remove(&request);
                }
                match answer {
                    Ok(reply) => self.event(partition, &Event::Replied(reply)),
                    Err(why) => {
                        metrics::counter!("cutover_controller_unanswered_total").increment(1);
                        tracing::debug!(%partition, %request, why, "no answer");
                    }
                }
            }
        }
    }

    /// Hands an event to the partition's controller with the newest record, and does what it says.
    fn event(&mut self, partition: PartitionId, event: &Event) {
        let Ok(view) = self.handle.latest() else { return };
        let state = view.state();
        let record = state.table().record(partition);
        self.board.saw(record, partition, Instant::now());
        let drives = self.config.drives;
        let Some(record) = record.filter(|record| drives(partition) && !record.is_settled()) else {
            if self.driven.remove(&partition).is_some() {
                self.timers.stop(partition);
                self.count();
            }
            return;
        };
        let policy = state.orders().policy_of(record, self.config.policy);
        let driven = self.driven.entry(partition).or_insert_with(|| Driven {
            machine: Controller::new(policy),
            asked: BTreeSet::new(),
            proposed: BTreeSet::new(),
        });
        driven.machine.follow(policy);
        let outputs = driven.machine.handle(record, event);
        self.count();
        for output in outputs {
            match output {
                Output::SetTimer(timer) => self.timers.set(partition, timer, &pace(record, timer, policy)),
                Output::Send(request) => self.send(state, record, request),
                Output::Propose(command) => self.propose(command),
            }
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "a monitor's numbers are floats")]
    fn count(&self) {
        metrics::gauge!("cutover_controllers").set(self.driven.len() as f64);
    }

    fn send(&mut self, state: &ControlPlaneState, record: &PartitionRecord, request: Request) {
        let Some(store) = state.stores().get(request.store).cloned() else {
            tracing::warn!(partition = %record.partition, store = %request.store, "the log does not know this store");
            return;
        };
        let Some(driven) = self.driven.get_mut(&request.partition) else { return };
        let calls = self.calls.entry(request.store).or_default();
        if *calls >= self.config.calls_per_store || !driven.asked.insert(request.clone()) {
            return;
        }
        *calls += 1;
        let source = if let Body::Prepare(prepare) = &request.body { prepare.source } else { None };
        let source = source.and_then(|source| state.stores().get(source));
        let call = Call {
            request: request.clone(),
            store,
            source: source.map(|source| source.facts.endpoints.clone()),
            bytes_per_second: state.orders().order_of(record).and_then(|order| order.bytes_per_second),
        };
        let (stores, deadline) = (Arc::clone(&self.stores), self.config.deadline);
        let done = self.done.clone();
        tokio::spawn(async move {
            let answer = tokio::time::timeout(deadline, stores.ask(call)).await;
            let answer = answer.unwrap_or_else(|_| Err(format!("no answer within {deadline:?}")));
            let _told = done.send(Done::Answered(Box::new((request, answer)))).await;
        });
    }

    fn propose(&mut self, command: Command) {
        let Some(driven) = self.driven.get_mut(&command.partition) else { return };
        if self.proposals >= PROPOSALS_MAX || !driven.proposed.insert(command.clone()) {
            return;
        }
        self.proposals += 1;
        if let Transition::Abort { why, .. } = &command.transition {
            tracing::warn!(partition = %command.partition, %why, "the move is to be aborted");
            metrics::counter!("cutover_controller_aborts_total", "reason" => why.to_string()).increment(1);
        }
        let (handle, done) = (self.handle.clone(), self.done.clone());
        tokio::spawn(async move {
            let entry = ControlPlaneEntry::OwnershipTransition(command.clone());
            let outcome = tokio::time::timeout(PROPOSAL, handle.propose(entry, None)).await;
            tracing::debug!(%command, ?outcome, "proposed");
            let _told = done.send(Done::Proposed(command)).await;
        });
    }
}

/// What orders ask for, beside what a record asks for.
impl<S: Stores> Controllers<S> {
    fn look_at_orders(&mut self) {
        let now = Instant::now();
        self.board.measured(now);
        let Ok(view) = self.handle.latest() else { return };
        for entry in self.duties.due(view.state(), now, wall_s()) {
            self.order(entry);
        }
        if now >= self.sizes_at {
            self.sizes_at = now + SIZES;
            self.look_at_stores(view.state());
        }
    }

    /// Asks both ends of moves what they have: while a copy is made, to show how far it is, and while a migration is held, to show whose the
    /// partition is.
    fn look_at_stores(&mut self, state: &ControlPlaneState) {
        let drives = self.config.drives;
        let held: Vec<_> = state.table().held().filter(|record| drives(record.partition)).collect();
        self.board.only_held(&held.iter().map(|record| (record.partition, record.migration)).collect());
        let driven: Vec<PartitionId> = self.driven.keys().copied().collect();
        let copied = driven.into_iter().filter_map(|of| state.table().record(of));
        let copied = copied.filter(|record| record.placed.is_some_and(|placed| placed.cutover.is_none()));
        for record in copied.chain(held) {
            let Some(PartitionState::Migrating { from, to, .. }) = record.placed.map(|placed| placed.state)
            else {
                continue;
            };
            self.look(state, record.partition, from);
            self.look(state, record.partition, to);
        }
    }

    fn order(&mut self, entry: ControlPlaneEntry) {
        if self.ordered.len() >= PROPOSALS_MAX || !self.ordered.insert(entry.clone()) {
            return;
        }
        let (handle, done) = (self.handle.clone(), self.done.clone());
        tokio::spawn(async move {
            let outcome = tokio::time::timeout(PROPOSAL, handle.propose(entry.clone(), None)).await;
            tracing::debug!(%entry, ?outcome, "proposed by an order");
            let _told = done.send(Done::Ordered(Box::new(entry))).await;
        });
    }

    fn look(&mut self, state: &ControlPlaneState, partition: PartitionId, number: Placement) {
        let Some(store) = state.stores().get(number).cloned() else { return };
        let is_busy = self.calls.get(&number).is_some_and(|calls| *calls >= self.config.calls_per_store);
        if is_busy || !self.looks.insert((partition, number)) {
            return;
        }
        let (stores, deadline) = (Arc::clone(&self.stores), self.config.deadline);
        let done = self.done.clone();
        tokio::spawn(async move {
            let look = tokio::time::timeout(deadline, stores.look(number, store, partition)).await;
            let look = look.unwrap_or_else(|_| Err(format!("no answer within {deadline:?}")));
            let _told = done.send(Done::Looked(partition, number, look)).await;
        });
    }

    fn looked(&mut self, partition: PartitionId, store: Placement, look: Result<Look, String>) {
        self.looks.remove(&(partition, store));
        let Ok(view) = self.handle.latest() else { return };
        let Some(record) = view.state().table().record(partition) else { return };
        let Some(placed) = record.placed else { return };
        let PartitionState::Migrating { to, .. } = placed.state else { return };
        if placed.held.is_some() {
            let said = look.map(|look| look.said);
            self.board.heard((partition, record.migration), store == to, said.ok());
            return;
        }
        match look.map(|look| look.size) {
            Ok(Some(size)) => self.board.looked(partition, store == to, size, Instant::now()),
            Ok(None) => {}
            Err(why) => self.board.asked(partition, store, Some(why)),
        }
    }
}

async fn next(feed: &mut Option<mpsc::Receiver<FeedItem>>) -> Option<FeedItem> {
    match feed {
        Some(feed) => feed.recv().await,
        None => core::future::pending().await,
    }
}

async fn sleep_until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due).await,
        None => core::future::pending().await,
    }
}
