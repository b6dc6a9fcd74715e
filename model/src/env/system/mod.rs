//! Everything at once, for walks: stores that seal and stores that cannot, several partitions with names and limits, gateways with
//! watchers' tables and small memories, controllers with timers, operators under tickets, and what goes wrong on a bad day.
//!
//! The world is too large to be searched to its end. It is walked at random, from a number that draws its participants
//! (`SystemBounds::drawn`), and beside the machines an end-to-end judge knows what was acknowledged. The log is the production engine
//! of one node: `env::consensus` has several.
//!
//! May import: `core`, `cutover_reference::beside`, `cutover_model::protocol`, `cutover_model::host`, `cutover_model`.

mod bounds;
mod clients;
mod commits;
mod facts;
mod gateway;
mod list;
mod log;
mod losses;
mod manager;
mod net;
mod operator;
mod rest;
mod sink;
mod stores;
mod truth;
mod turn;
mod words;

pub use bounds::{Faults, Store, SystemBounds};

use crate::env::agrees::{CONTROLLERS, STORES, TABLE};
use crate::protocol::{Choice, Invariant, JudgedBy, Notes, Protocol, Sort};
use cutover::core::control_plane::Answer;
use cutover::core::gate::Timer as OpTimer;
use cutover::core::ids::{HistoryId, PartitionId, Placement, SessionId};
use cutover_reference::beside::session::SessionsBeside;
use cutover_reference::beside::table::TableBeside;
use gateway::Gateway;
use log::{Backup, Log};
use manager::Manager;
use net::Net;
use operator::Desk;
use sink::Sink;
use std::collections::BTreeMap;
use std::sync::Arc;
use truth::{Beside, Truth};

macro_rules! invariants {
    ($($name:ident $id:literal $claim:literal $source:literal;)*) => {
        $(pub(crate) const $name: Invariant =
            Invariant { id: $id, claim: $claim, source: $source, scope: JudgedBy::History };)*
        const INVARIANTS: &[Invariant] = &[$($name,)* STORES, TABLE, CONTROLLERS];
    };
}

invariants! {
    KEPT "system.acknowledged-kept"
        "Each acknowledged write is at the owner of its partition, durably, unless an operator or a lost memory gave it up."
        "vitess#6951, SERVER-26885";
    ROWS "system.rows-as-written"
        "The rows of a copy, as far as they go, are what the writes that took effect in it make of them."
        "DESIGN, copies of rows and changes";
    ONCE "system.applied-once"
        "No copy has a write twice."
        "akka-raft#64, fluree/db#1716";
    OWNER "system.written-at-the-owner"
        "A write takes effect at the owner of its partition, while writes are open, and nowhere else."
        "osproxy docs/06 INV-M1, INV-M2";
    FRESH "system.read-is-fresh"
        "A strong read sees each write that was acknowledged before it was invoked."
        "Herlihy and Wing 1990";
    NOT_SENT "system.not-sent-never-happens"
        "What a client was told has not been sent never takes effect."
        "the retry rule of `core::gate`";
    UNCHANGED "system.refusal-changes-nothing"
        "A refused request or command changes nothing."
        "DESIGN, the statements of a sink";
    WATCHED "system.watcher-whole"
        "After each update, a watcher has the table that the log had at the revision that it was told."
        "ADR 0030";
    TICKETS "system.answered-alike"
        "A request under a ticket is applied once, and every answer to it is the first one."
        "thesis, section 6.3";
    SEALED "system.sealed-as-recorded"
        "A store is sealed by a migration only while the record says that it may block writes, or owes for it."
        "ADR 0034";
    UNBLOCKED "system.unblocked"
        "When a store is gone and everybody else acts, no partition of another store stays blocked by a move to it."
        "the budget of `core::migration::Policy`";
    SETTLES "system.settles"
        "When everybody acts and nothing more goes wrong, every record settles, no debt and no old copy stays, and each operation ends."
        "the fair phase of a walk";
    SESSIONS "session.agrees-with-its-reference"
        "The sessions of the control plane admit, repeat and refuse as their reference does, through restores and recoveries."
        "`docs/protocol.md`, rules S";
    OPERATIONS "operation.agrees-with-its-reference"
        "A client's operation does at each event what its reference does."
        "`docs/protocol.md`, rules G";
    WATCHERS "watch.agrees-with-its-reference"
        "A watcher makes of its stream what its reference makes of it."
        "`docs/protocol.md`, rules W";
    RUNS "system.no-halt"
        "No machine halts."
        "`core::ids::Halt`";
}

/// The state of the world.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct State {
    /// `None` only if the cluster could not be founded.
    log: Option<Arc<Log>>,
    sinks: BTreeMap<(Placement, PartitionId), Arc<Sink>>,
    net: Arc<Net>,
    gateways: Vec<Arc<Gateway>>,
    managers: BTreeMap<(PartitionId, u8), Arc<Manager>>,
    desk: Arc<Desk>,
    truth: Arc<Truth>,
    /// The references of the table and of the sessions.
    references: Arc<Beside<References>>,
    /// The backup, and the references at that time.
    backup: Option<Arc<(Backup, Beside<References>)>>,
    /// The store that is cut off.
    cut: Option<Placement>,
    /// Ticks of the clock.
    clock: u64,
    /// The last session of a gateway.
    session: SessionId,
    /// The last history.
    history: HistoryId,
}

/// The references beside the log.
#[derive(Clone, PartialEq, Eq, Debug)]
struct References {
    table: TableBeside,
    sessions: SessionsBeside<Answer>,
}

/// The sorts of actions. A walk draws how often it takes each.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// A request arrives at its store.
    Deliver,
    /// A request arrives at another store.
    Misroute,
    /// A store's disk has everything so far.
    Flush,
    /// A store applies an admitted write.
    Apply,
    /// A store crashes.
    Crash,
    /// A store loses its state.
    Wipe,
    /// A store forgets changes.
    Trim,
    /// An answer arrives.
    Answer,
    /// A controller reads the record.
    Observe,
    /// A controller's timer fires.
    Fire,
    /// A controller is replaced.
    TakeOver,
    /// The mover asks for a chunk.
    Export,
    /// A proposal is committed.
    Commit,
    /// An operator makes a command.
    Order,
    /// An operator, or a controller that is not ours, makes a command of whatever statement there is.
    Pair,
    /// A client invokes an operation.
    Invoke,
    /// An operation's read of the record is served, or arrives.
    Resolve,
    /// An operation's timer fires.
    Time,
    /// A watcher opens a stream, or it breaks.
    Stream,
    /// A message of a stream arrives.
    Watch,
    /// The clock advances.
    Tick,
    /// A store is cut off, or back.
    Cut,
    /// Another copy of a message that has arrived is on its way.
    Late,
    /// A backup is taken.
    BackUp,
    /// The node restarts.
    Restart,
    /// The log is restored or recovered.
    Lose,
    /// Everybody acts until all has settled.
    Rest,
}

/// One thing that happens. Numbers are places in the lists of the state.
#[derive(Clone, PartialEq, Debug)]
#[expect(missing_docs, reason = "`Kind` says what each is")]
pub enum Action {
    /// Whether another copy of it may arrive later.
    Deliver(usize, bool),
    Misroute(usize, Placement),
    Flush(Placement, PartitionId),
    Apply(Placement, PartitionId, usize),
    Crash(Placement, PartitionId),
    Wipe(Placement, PartitionId),
    Trim(Placement, PartitionId),
    /// To an operation, or to the controller with this number; whether another copy of it may arrive later.
    Answer(usize, u8, bool),
    Observe(PartitionId, u8),
    Fire(PartitionId, u8, usize),
    TakeOver(PartitionId, u8),
    /// From where the target is, or from the start.
    Export(PartitionId, bool),
    /// Whether the proposer hears of it, and whether it may be proposed again.
    Commit(usize, bool, bool),
    Order(operator::Order),
    Invoke(u8, u8, clients::Wish),
    /// The control plane is read.
    Read(u8, u8),
    /// What was read arrives.
    Resolved(u8, u8),
    Time(u8, u8, OpTimer),
    /// Whether the node is behind.
    Connect(u8, bool),
    Break(u8),
    Watch(u8),
    Tick,
    /// Requests to this store do not arrive; `None`: they do again.
    Cut(Option<Placement>),
    Late(net::Late),
    BackUp,
    Restart,
    /// From the backup, or from what the node has.
    Lose(bool),
    /// All but the store that is gone, if one is.
    Rest(Option<Placement>),
}

/// The protocol.
#[derive(Debug)]
pub struct System {
    bounds: SystemBounds,
}

impl Protocol for System {
    type Bounds = SystemBounds;
    type State = State;
    type Action = Action;

    fn invariants() -> &'static [Invariant] {
        INVARIANTS
    }

    fn marks() -> &'static [&'static str] {
        facts::MARKS
    }

    fn new(bounds: &SystemBounds) -> Self {
        Self { bounds: bounds.clone() }
    }

    fn initial(&self) -> State {
        let first = SessionId(1);
        let gateways = (0..self.bounds.gateways)
            .map(|at| Arc::new(Gateway::new(self.bounds.slots, SessionId(first.0 + u64::from(at)))))
            .collect();
        State {
            log: Log::founded(self.bounds.caps, self.bounds.sessions, self.bounds.known()).map(Arc::new),
            sinks: BTreeMap::new(),
            net: Arc::default(),
            gateways,
            managers: BTreeMap::new(),
            desk: Arc::default(),
            truth: Arc::default(),
            references: Arc::new(Beside(References {
                table: TableBeside::knowing(&self.bounds.caps, &self.bounds.known()),
                sessions: SessionsBeside::new(self.bounds.sessions),
            })),
            backup: None,
            cut: None,
            clock: 0,
            session: SessionId(first.0 + u64::from(self.bounds.gateways)),
            history: HistoryId(1),
        }
    }

    fn enabled(&self, state: &State, into: &mut Vec<Action>) {
        for kind in list::KINDS {
            self.list(state, *kind, into);
        }
    }

    fn step(&self, state: &State, action: &Action, notes: &mut Notes) -> Option<State> {
        turn::Turn::new(self, state, notes)?.take(action)
    }

    fn choice(&self, state: &State, action: &Action) -> Option<Choice> {
        self.words(state, action)
    }

    fn facts(&self, state: &State) -> Vec<(String, String)> {
        facts::of(state)
    }

    fn sorts() -> &'static [Sort] {
        list::SORTS
    }

    fn enabled_of(&self, state: &State, sort: usize, into: &mut Vec<Action>) {
        if let Some(kind) = list::KINDS.get(sort) {
            self.list(state, *kind, into);
        }
    }

    fn rest() -> Option<usize> {
        list::KINDS.iter().position(|kind| *kind == Kind::Rest)
    }

    fn abstractions(&self, state: &State, into: &mut Vec<u64>) {
        facts::abstractions(state, into);
    }

    fn abstraction_text(code: u64) -> String {
        facts::abstraction_text(code)
    }
}
