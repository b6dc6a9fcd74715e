//! The environment around the nodes of the control plane: a network, disks, clients and operators.
//!
//! It uses [`cutover::core::control_plane::ReplicatedControlPlane`] through the seam, and contains no rule of
//! consensus. It decides who takes part, which messages may be delivered, and what a crash destroys.
//!
//! - **Messages** are encoded and decoded, and form a set without duplicates. A message that arrives is removed,
//!   unless the scope allows duplicates. If more messages are in flight than the bounds allow, any of them may be
//!   lost. A message that can never have an effect is dropped ([`pruning`]).
//! - **Disks** have a batch when it is synced. Before that, a crash may keep any prefix of the batches, and what
//!   the node must not send before a batch is durable waits for it ([`host`]).
//! - **Timers** may fire at any time; in a walk, those that a node has set and not cancelled.
//!
//! May import: `core`, `cutover_reference::beside`, `cutover_model::protocol`, `cutover_model::host`, `cutover_model`.

mod action;
mod asking;
mod bounds;
mod call;
mod choices;
mod client;
mod disk;
mod forged;
mod given;
mod goals;
mod host;
mod judge;
mod leadership;
mod mark;
mod membership;
mod net;
mod pruning;
mod refusals;
mod step;
mod stepped;
mod successor_cache;
mod symmetry;
mod text;
mod timers;
mod voters;
mod walk;
mod way;
mod work;

pub use action::{Action, ActionKind, CallEvent, HostInput, NodeAction};
pub(crate) use bounds::judged;
pub use bounds::{ConsensusBounds, Duplicates, MembershipRequest};
pub use client::Clients;
pub use given::Given;
pub use host::{ClientAnswer, Disk, Host};
pub use mark::Mark;
pub use net::Net;
pub(crate) use symmetry::mixed;
use symmetry::permutations;
pub use timers::Timers;

use crate::env::Reached;
use crate::host::known_stores;
use crate::protocol::{Choice, GoalSet, Invariant, MarkSet, Notes, Protocol, Sort, WaysCost};
use crate::shared::{Shared, Symmetry, hasher};
use crate::ways::Ways;
use cutover::core::control_plane::{ClusterVoterIdentity, Founder};
use cutover::core::ids::{ClusterId, DirectoryId, HistoryId, Index, NodeId};
use cutover::core::invariant::{ConsensusMonitor, REGISTRY};
use cutover::core::migration::{Caps, Command};
use cutover::core::placement::Guarantee;
use cutover::core::raft::{Config, Peer, Timer};
use std::hash::{Hash, Hasher};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};

/// Maximum number of nodes of a scope.
pub const NODES_MAX: usize = 7;

/// The id of the only cluster.
pub const HISTORY: HistoryId = HistoryId(1);

/// The consensus environment, within the bounds of one scope.
#[derive(Debug)]
pub struct Consensus {
    pub(crate) cluster: ConsensusBounds,
    pub(crate) symmetry: Symmetry,
    pub(crate) founder: Founder,
    /// Log index of the founding configuration.
    pub(crate) founded: Index,
    reached: Reached,
    ways: Ways,
    /// Distinguishes this environment's entries in caches that threads share between environments.
    pub(crate) key: u64,
}

static WORLDS: AtomicU64 = AtomicU64::new(1 << 32);

/// The nodes, by number minus one; `None` before a node is started.
pub(crate) type Hosts = [Option<Shared<Host>>; NODES_MAX];

/// A state of the consensus environment.
#[derive(Clone)]
pub struct State {
    pub(crate) hosts: Hosts,
    pub(crate) net: Net,
    pub(crate) clients: Shared<Clients>,
    pub(crate) monitor: Shared<ConsensusMonitor>,
    pub(crate) spent: Spent,
    timers: Timers,
    given: Given,
    /// Computed from the rest of the composed state, so it is not part of this state's identity.
    pub(crate) requests: Arc<Requests>,
    /// The hash of all fields above except `requests`.
    own: u64,
}

/// The faults and timeouts that have happened, counted against the bounds.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Spent {
    /// Number of crashes of nodes.
    pub crashes: u8,
    /// Number of times that a node lost its disk.
    pub wipes: u8,
    /// Number of messages that arrived again.
    pub duplicates: u8,
    /// Number of election timeouts at nodes that do not lead, if they are bounded.
    pub timeouts: u8,
    /// The nodes that are cut off from the others, a bit each.
    pub cut: u8,
}

/// The requests that another environment has for the nodes.
#[derive(Debug)]
pub struct Requests {
    /// Commands to propose.
    pub commands: Vec<Command>,
    /// Whether a strong reader wants to read.
    pub read: bool,
    hash: u64,
}

impl Requests {
    /// Wraps the requests for sharing between states.
    #[must_use]
    pub fn new(commands: Vec<Command>, read: bool) -> Arc<Self> {
        let hash = hasher().hash_one((&commands, read));
        Arc::new(Self { commands, read, hash })
    }
}

/// A node in its first directory.
#[must_use]
pub const fn peer(node: u8) -> Peer {
    Peer { node: NodeId(node), directory: DirectoryId(1) }
}

/// The identity of a node, as from its certificate's subject.
pub(crate) fn identity(node: NodeId) -> Option<ClusterVoterIdentity> {
    ClusterVoterIdentity::from_certificate_subject(&format!("CN={node}")).ok()
}

impl Consensus {
    /// The nodes of a log that knows stores with these guarantees.
    pub(crate) fn knowing(cluster: &ConsensusBounds, stores: &[Guarantee]) -> Self {
        let cluster = cluster.clone();
        let key = WORLDS.fetch_add(1, Ordering::Relaxed);
        // Different identities would make founders distinguishable, so interchangeable founders have the same one.
        let named = |node| if cluster.symmetric { NodeId(0) } else { NodeId(node) };
        let voters = (1..=cluster.founders)
            .filter_map(|node| Some((peer(node), identity(named(node))?.into())))
            .collect();
        let founder = Founder {
            cluster: ClusterId(1),
            history: HISTORY,
            voters,
            caps: Caps::PRODUCTION,
            sessions: cluster.sessions,
            stores: known_stores(stores.iter().copied()),
        };
        let symmetry = permutations(if cluster.symmetric { cluster.founders } else { 1 });
        let founded = founder.disk().map_or(Index::ZERO, |disk| disk.snapshot.last.index);
        Self { cluster, symmetry, founder, founded, reached: Reached::default(), ways: Ways::default(), key }
    }

    /// A state in which node 1 leads in term 1 and all nodes have committed these commands, without any fault so
    /// far. Also returns the violations of its last step, as bits.
    pub(crate) fn led_by_first(&self, commands: &[Command]) -> (State, u64) {
        let begun = State { requests: Requests::new(commands.to_vec(), false), ..self.initial() };
        let at = |action| ActionKind::Do { node: 1, action };
        let writes = (0u8..).zip(commands).map(|(number, _)| NodeAction::Command(number));
        let deeds = [NodeAction::Fire(Timer::Election)].into_iter().chain(writes);
        let deeds = deeds.chain([NodeAction::Fire(Timer::Heartbeat)]);
        let (mut state, broken) = deeds.fold((begun, 0), |(state, broken), action| {
            let (mut state, mut broken) = self.taken(state, broken, at(action));
            // Delivers in rounds, so that all followers end in equal states. The number of rounds is limited in
            // case the nodes never stop sending.
            let mut rounds = 0..16;
            while rounds.next().is_some() && !state.net.messages().is_empty() {
                for sent in state.net.messages().to_vec() {
                    let at = state.net.messages().iter().position(|other| other.same(&sent));
                    if let Some(message) = at.and_then(|at| u8::try_from(at).ok()) {
                        (state, broken) = self.taken(state, broken, ActionKind::Deliver { message });
                    }
                }
            }
            (state, broken)
        });
        (state.spent, state.requests) = (Spent::default(), Requests::new(Vec::new(), true));
        (state.sealed(), broken)
    }

    /// The state after an event; the same state if the event changes nothing, except that a message without effect
    /// is removed.
    fn taken(&self, state: State, broken: u64, what: ActionKind) -> (State, u64) {
        match self.take(&state, Action { what, crash: None, lose: 0 }, false) {
            Some(stepped) => (stepped.state, stepped.broken),
            None => {
                let mut state = state;
                if let ActionKind::Deliver { message } = what {
                    state.net.remove(message.into());
                }
                (state.sealed(), broken)
            }
        }
    }

    pub(crate) const fn config(&self, me: Peer) -> Config {
        Config { me, limits: self.cluster.limits }
    }

    pub(crate) fn share<T: Hash + cutover::core::ids::Relabel>(&self, value: T) -> Shared<T> {
        Shared::new(value, &self.symmetry)
    }
}

impl State {
    pub(crate) fn host(&self, node: u8) -> Option<&Shared<Host>> {
        self.hosts.get(usize::from(node).checked_sub(1)?)?.as_ref()
    }

    /// The nodes that have been started, by number.
    pub(crate) fn hosts(&self) -> impl Iterator<Item = (u8, &Shared<Host>)> {
        (1..).zip(&self.hosts).filter_map(|(node, host)| Some((node, host.as_ref()?)))
    }

    /// The hash of a symmetric image of the state. A host's state contains its id, so hosts can be hashed as a set.
    fn image(&self, image: usize) -> u64 {
        let hosts = self.hosts.iter().flatten();
        let nodes = hosts.fold(0u64, |sum, host| sum.wrapping_add(mixed(host.hash(image))));
        let mut hasher = std::hash::BuildHasher::build_hasher(&hasher());
        hasher.write_u64(nodes);
        hasher.write_u64(self.net.hash(image));
        hasher.write_u64(self.clients.hash(image));
        hasher.write_u64(self.monitor.hash(image));
        self.spent.hash(&mut hasher);
        if self.timers != Timers::default() {
            (self.timers, self.given).hash(&mut hasher);
        }
        hasher.finish()
    }

    /// Computes the state's hash, after its last change.
    pub(crate) fn sealed(mut self) -> Self {
        self.own = self.image(0);
        self
    }

    /// Whether two states are equal in everything that future behaviour depends on.
    pub(crate) const fn same_place(&self, other: &Self) -> bool {
        self.own == other.own
    }

    /// A key for everything that the state's actions depend on.
    pub(crate) fn identity(&self) -> (u64, u64) {
        (self.own, self.requests.hash)
    }
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        super::write_facts(f, text::facts(self))
    }
}

impl Hash for State {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.own);
    }
}

impl PartialEq for State {
    fn eq(&self, other: &Self) -> bool {
        self.own == other.own
    }
}

impl Protocol for Consensus {
    type Bounds = ConsensusBounds;
    type State = State;
    type Action = Action;

    fn invariants() -> &'static [Invariant] {
        REGISTRY
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
        static TEXTS: LazyLock<Vec<&str>> = LazyLock::new(Mark::texts);
        &TEXTS
    }

    fn new(bounds: &ConsensusBounds) -> Self {
        // The writes of clients create partitions at one store.
        Self::knowing(bounds, &[Guarantee::Sealed])
    }

    /// The initial state: founders with the disk of a new cluster, joiners with an empty one.
    fn initial(&self) -> State {
        let (mut hosts, mut timers) = (Hosts::default(), Timers::default());
        let count = self.cluster.founders + self.cluster.joiners;
        for (node, slot) in (1..=count).zip(&mut hosts) {
            let disk =
                if node <= self.cluster.founders { self.founder.disk() } else { self.founder.empty_disk() };
            let Some(started) = disk.ok().and_then(|disk| Host::started(self.config(peer(node)), disk))
            else {
                continue;
            };
            if self.cluster.world.is_some() {
                timers.follow(node, &started.1);
            }
            *slot = Some(self.share(started.0));
        }
        let state = State {
            hosts,
            net: Net::default(),
            clients: self.share(Clients::new(&self.cluster)),
            monitor: self.share(ConsensusMonitor::new(self.founded)),
            spent: Spent::default(),
            timers,
            given: Given::default(),
            requests: Requests::new(Vec::new(), true),
            own: 0,
        };
        state.sealed()
    }

    fn enabled(&self, state: &State, into: &mut Vec<Action>) {
        self.choices(state, into);
    }

    fn step(&self, state: &State, action: &Action, notes: &mut Notes) -> Option<State> {
        Some(self.take(state, *action, notes.explains())?.tell(notes))
    }

    fn choice(&self, state: &State, action: &Action) -> Option<Choice> {
        text::choice(self, state, *action)
    }

    fn sorts() -> &'static [Sort] {
        walk::SORTS
    }

    fn enabled_of(&self, state: &State, sort: usize, into: &mut Vec<Action>) {
        self.of_sort(state, sort, into);
    }

    fn abstractions(&self, state: &State, into: &mut Vec<u64>) {
        walk::abstractions(state, into);
    }

    fn abstraction_text(code: u64) -> String {
        walk::abstraction_text(code)
    }

    /// The image with the smallest hash represents all symmetric states.
    fn fingerprint(state: &State, symmetry: bool) -> u64 {
        let images = if symmetry { state.monitor.images() } else { 1 };
        (1..images).map(|image| state.image(image)).fold(state.own, u64::min)
    }

    fn facts(&self, state: &State) -> Vec<(String, String)> {
        text::facts(state)
    }

    fn reached(&self) -> MarkSet {
        self.reached.all()
    }
}
