//! The environment around sinks and gateways, with an atomic log.
//!
//! Search, replay and the browser all use this [`Migration`]. It contains no rule of the protocol:
//! [`cutover::core::fence::Fence`] decides the effect of a request, [`cutover::core::migration::PlacementTable`]
//! that of a command, [`cutover::core::migration::Controller`] and [`cutover::core::gate::Operation`] what is sent,
//! and [`cutover::core::invariant::Monitor`] what is a violation. The environment decides who takes part, which
//! messages may be delivered, and what a crash destroys.
//!
//! - **Messages** stay deliverable for ever, in any order, any number of times (ADR 0009).
//! - **Controllers** are stateless, so everything they could send, given any committed record and any reply, is
//!   deliverable as soon as it is possible ([`enabled`]). A controller that does change its state gets actions of
//!   its own.
//! - **The mover** has read, for every migration so far, everything that the source would export, as soon as it
//!   would.
//! - **The log** commits at once, as soon as it can be proposed, what takes nothing away: that writes may be blocked, that an old copy
//!   is retired, and that a dropped one is forgotten.
//! - **Clients** resolve a partition at any past revision where the machine asks for a cached view, and at the
//!   committed revision where it asks for a fresh one.
//!
//! May import: `core`, `cutover_reference::beside`, `cutover_model::protocol`, `cutover_model`.

mod action;
mod beside;
mod bounds;
mod choices;
mod client;
mod contents;
mod control;
mod effect;
mod enabled;
mod facts;
mod fresh;
mod goals;
mod mark;
mod parts;
mod reduction;
mod refused;
mod relabel;
mod sink;
mod step;
mod storage;
mod text;
mod timed;
mod way;
mod way_mover;
mod way_served;

pub use action::{Action, Damage};
pub(crate) use bounds::judged;
pub use bounds::{Design, Kind, MigrationBounds, SinkBounds, Timed};
use contents::key;
pub use mark::Mark;
pub use parts::{
    Clients, Controllers, Fresh, Gateway, Held, Leaving, Log, Manager, Message, Net, Reader, Sink,
};

pub(crate) use step::Stepped;

use crate::env::Reached;
use crate::env::agrees::{CONTROLLERS, STORES, TABLE};
use crate::protocol::{Choice, GoalSet, Invariant, MarkSet, Notes, Protocol, WaysCost};
use crate::shared::{Renaming, Shared, Symmetry, hasher};
use crate::ways::Ways;
use cutover::core::fence::{Config, Contents, Enforcement, Fence, Input, Rows};
use cutover::core::ids::{Incarnation, PartitionId, Placement, Relabel, Serial, SessionId, WriteId};
use cutover::core::invariant::{Monitor, REGISTRY};
use cutover::core::migration::{
    Caps, Command, Controller, Event, Output, PartitionRecord, PlacementTable, Policy, Transition,
};
use cutover::core::placement::Guarantee;
use enabled::{ControlMessages, Enabled};
use std::hash::{Hash, Hasher};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};

/// The only partition of a scope.
pub const PARTITION: PartitionId = PartitionId(1);
/// The two sinks, A and B.
pub const SINKS: [Placement; 2] = [Placement(0), Placement(1)];

/// The migration environment, within the bounds of one scope.
#[derive(Debug)]
pub struct Migration {
    pub(crate) bounds: MigrationBounds,
    log_is_atomic: bool,
    symmetry: Symmetry,
    /// The marks reached so far: by steps, and by deliveries that change nothing and so are no steps.
    reached: Reached,
    ways: Ways,
    /// Distinguishes this environment's entries in caches that threads share between environments.
    key: u64,
}

static INSTANCES: AtomicU64 = AtomicU64::new(0);

/// A state of the migration environment.
#[derive(Clone)]
pub struct State {
    pub(crate) log: Shared<Log>,
    pub(crate) sinks: [Shared<Sink>; 2],
    pub(crate) control: Shared<ControlMessages>,
    pub(crate) net: Shared<Net>,
    pub(crate) clients: Shared<Clients>,
    pub(crate) controllers: Shared<Controllers>,
    pub(crate) monitor: Shared<Monitor>,
    pub(crate) spent: Spent,
    /// Computed from `log`, `control` and `controllers`, so it is not hashed.
    pub(crate) enabled: Arc<Enabled>,
    /// The number of the image under symmetry whose hash represents this state.
    image: usize,
}

/// The faults that have happened, counted against the bounds.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Spent {
    /// Number of crashes of sinks.
    pub crashes: u8,
    /// Number of times that a sink lost its disk.
    pub wipes: u8,
    /// Number of times that a source forgot changes.
    pub trims: u8,
    /// Number of chunks that were damaged.
    pub damages: u8,
    /// Number of restarts of gateways.
    pub restarts: u8,
    /// Number of times that all controllers were replaced.
    pub takeovers: u8,
}

impl Migration {
    /// Makes the environment. Without an atomic log, another environment decides what is committed.
    pub(crate) fn with_log(bounds: &MigrationBounds, log_is_atomic: bool) -> Self {
        let key = INSTANCES.fetch_add(1, Ordering::Relaxed);
        let symmetry = gateways_exchanged(bounds);
        Self {
            bounds: bounds.clone(),
            log_is_atomic,
            symmetry,
            reached: Reached::default(),
            ways: Ways::default(),
            key,
        }
    }

    /// Creates the partition with the production transitions (create, prepare, open). Also returns the commands, in
    /// order.
    pub(crate) fn created(&self) -> (Log, [Sink; 2], Vec<Command>) {
        let mut commands = Vec::new();
        let mut table = PlacementTable::new(Caps::PRODUCTION);
        let mut sinks = SINKS.map(|store| self.empty_sink(store, Incarnation(1)));
        let (placement, guarantee) = (SINKS[0], self.bounds.sinks[0].guarantee);
        let create = Transition::Create { placement, guarantee };
        commands.push(Command { partition: PARTITION, transition: create });
        let _ = table.apply(&commands[0]);
        if let Some(record) = table.record(PARTITION).cloned() {
            let mut controller = Controller::new(Policy::PRODUCTION);
            let asked = controller.handle(&record, &Event::Observed);
            let replies: Vec<_> = asked
                .into_iter()
                .filter_map(|output| if let Output::Send(request) = output { Some(request) } else { None })
                .flat_map(|request| sinks[0].fence.handle(&Input::Request(request), &Rows::new()))
                .filter_map(|output| output.reply().cloned())
                .collect();
            for output in
                replies.into_iter().flat_map(|reply| controller.handle(&record, &Event::Replied(reply)))
            {
                if let Output::Propose(open) = output {
                    let _ = table.apply(&open);
                    commands.push(open);
                }
            }
            sinks[0].sync();
        }
        let record = table.record(PARTITION).cloned().map(Arc::new);
        let tables = if self.bounds.restores > 0 { vec![Arc::new(table.clone())] } else { Vec::new() };
        let history = vec![record];
        let log = Log { table, history, tables, lost_owner: None, begun: 0, created: 0, forced: 0 };
        (log, sinks, commands)
    }

    fn sink_bounds(&self, store: Placement) -> SinkBounds {
        self.bounds.sinks[client::sink_of(store).unwrap_or(0)]
    }

    pub(crate) fn empty_sink(&self, store: Placement, incarnation: Incarnation) -> Sink {
        let SinkBounds { guarantee, limits } = self.sink_bounds(store);
        let enforcement = match guarantee {
            Guarantee::Sealed => Enforcement::Tokens,
            Guarantee::Timed => Enforcement::Nothing,
        };
        let config = Config { store, partition: PARTITION, incarnation, enforcement, limits };
        let fence = Fence::unknown(config);
        let disk = fence.durable().clone();
        let (data, disk_data) = (Contents::default(), Contents::default());
        Sink { fence, data, disk, disk_data, held: Vec::new() }
    }

    fn monitor(&self, record: Option<&PartitionRecord>) -> Monitor {
        let keys = (0..1).filter(|_| self.bounds.readers > 0);
        let registers = keys.map(|number| (key(number), self.register(number))).collect();
        let mut monitor = Monitor::new(record, registers);
        if self.bounds.damages > 0 {
            monitor = monitor.with_damage();
        }
        match self.bounds.design {
            Some(Design::UnsealedForce) => monitor.without_exemptions(),
            Some(
                Design::DrainBarrier | Design::FailsOpen | Design::KeptTimestamp | Design::EarlyWatermark,
            )
            | None => monitor,
        }
    }

    /// Wraps a part of the state and computes its hash; also that of its mirror image, if the scope is symmetric.
    pub(crate) fn share<T: Hash + Relabel>(&self, value: T) -> Shared<T> {
        Shared::new(value, &self.symmetry)
    }
}

fn gateways_exchanged(bounds: &MigrationBounds) -> Symmetry {
    let (one, two) = (SessionId(1), SessionId(2));
    let mirror = Renaming { sessions: vec![(one, two), (two, one)], nodes: Vec::new() };
    let symmetric = bounds.symmetric && bounds.gateways == 2;
    Symmetry::new(if symmetric { vec![mirror] } else { Vec::new() })
}

/// The id of a gateway's write.
#[must_use]
pub fn id(gateway: u8, serial: u8) -> WriteId {
    WriteId { session: SessionId(u64::from(gateway)), serial: Serial(u64::from(serial)) }
}

impl State {
    /// The canonical form of the states that differ only in the names of the gateways.
    fn representative(&self) -> Self {
        let (own, mirror) = (self.fingerprint(0), self.fingerprint(1));
        Self { image: usize::from(mirror < own), ..self.clone() }
    }

    /// Whether two states are equal in everything that future behaviour depends on.
    fn same_place(&self, other: &Self) -> bool {
        self.sinks[0].same(&other.sinks[0])
            && self.sinks[1].same(&other.sinks[1])
            && self.log.same(&other.log)
            && self.net.same(&other.net)
            && self.clients.same(&other.clients)
            && self.control.same(&other.control)
            && self.controllers.same(&other.controllers)
            && self.monitor.same(&other.monitor)
            && self.spent == other.spent
    }

    fn fingerprint(&self, image: usize) -> u64 {
        let mut hasher = std::hash::BuildHasher::build_hasher(&hasher());
        self.feed(image, &mut hasher);
        hasher.finish()
    }

    fn feed<H: Hasher>(&self, image: usize, into: &mut H) {
        into.write_u64(self.log.hash(image));
        into.write_u64(self.sinks[0].hash(image));
        into.write_u64(self.sinks[1].hash(image));
        into.write_u64(self.control.hash(image));
        into.write_u64(self.net.hash(image));
        into.write_u64(self.clients.hash(image));
        into.write_u64(self.controllers.hash(image));
        into.write_u64(self.monitor.hash(image));
        self.spent.hash(into);
    }
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        super::write_facts(f, self.facts())
    }
}

impl Protocol for Migration {
    type Bounds = MigrationBounds;
    type State = State;
    type Action = Action;

    fn invariants() -> &'static [Invariant] {
        static ALL: LazyLock<Vec<Invariant>> =
            LazyLock::new(|| REGISTRY.iter().copied().chain([STORES, TABLE, CONTROLLERS]).collect());
        &ALL
    }

    fn goals() -> &'static [Invariant] {
        goals::GOALS
    }

    fn stuck(&self, state: &State) -> GoalSet {
        self.stuck_in(state)
    }

    fn waits(&self, state: &State, _: usize) -> (String, String) {
        self.waits_in(state)
    }

    fn ways(&self) -> WaysCost {
        self.ways.cost()
    }

    fn marks() -> &'static [&'static str] {
        static TEXTS: LazyLock<Vec<&str>> =
            LazyLock::new(|| Mark::ALL.iter().map(|mark| mark.text()).collect());
        &TEXTS
    }

    fn new(bounds: &MigrationBounds) -> Self {
        Self::with_log(bounds, true)
    }

    /// A partition that was created and opened at A, without writes.
    fn initial(&self) -> State {
        let (log, sinks, _) = self.created();
        let mut monitor = self.monitor(log.current().map(AsRef::as_ref));
        let sinks = self.filled(sinks, &log, &mut monitor);
        let controllers = Controllers {
            machines: vec![self.controller(); usize::from(self.bounds.controllers)],
            gained: 0,
        };
        let state = State {
            log: self.share(log),
            sinks: sinks.map(|sink| self.share(sink)),
            control: self.share(ControlMessages::default()),
            net: self.share(Net::default()),
            clients: self.share(self.clients()),
            controllers: self.share(controllers),
            monitor: self.share(monitor),
            spent: Spent::default(),
            enabled: Arc::default(),
            image: 0,
        };
        let enabled = self.enabled_in(&state.log, &state.control, &state.controllers);
        State { enabled, ..state }
    }

    fn enabled(&self, state: &State, into: &mut Vec<Action>) {
        self.actions(state, into);
    }

    fn step(&self, state: &State, action: &Action, notes: &mut Notes) -> Option<State> {
        Some(self.take(state, *action, notes.explains())?.tell(notes))
    }

    fn choice(&self, state: &State, action: &Action) -> Option<Choice> {
        self.in_words(state, *action)
    }

    fn representative(state: &State) -> State {
        state.representative()
    }

    fn fingerprint(state: &State, symmetry: bool) -> u64 {
        let own = state.fingerprint(0);
        if symmetry { own.min(state.fingerprint(1)) } else { own }
    }

    fn facts(&self, state: &State) -> Vec<(String, String)> {
        state.facts()
    }

    fn reached(&self) -> MarkSet {
        self.reached.all()
    }
}

impl Hash for State {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.feed(self.image, state);
    }
}

impl PartialEq for State {
    fn eq(&self, other: &Self) -> bool {
        self.fingerprint(0) == other.fingerprint(0)
    }
}
