//! The world around the nodes of the control plane: a network, disks, clients and an operator.
//!
//! It drives [`cutover::core::control_plane::ReplicatedControlPlane`] through the seam and holds no rule of consensus. What is
//! decided here: who exists, what may be delivered when, and what a crash takes away.
//!
//! - **Messages** go through their codec, and lie in a set: equal ones are one. One that arrives is gone, unless the scope
//!   repeats it; if more are on their way than fit, any of them is lost. One that can never do anything again is dropped
//!   ([`net`]).
//! - **Disks** take a batch when it is synced. Until then a crash may keep any prefix of the batches, and whatever the node
//!   said after a batch waits for it ([`host`]).
//! - **Timers** fire at any time.
//!
//! May import: `core`, `cutover_model::protocol`, `cutover_model::host`, `cutover_model`.

mod action;
mod asking;
mod bounds;
mod choices;
mod client;
mod host;
mod judge;
mod mark;
mod net;
mod pruning;
mod step;
mod stepped;
mod successor_cache;
mod text;
mod work;

pub use action::{Action, ActionKind, HostInput, NodeAction};
pub(crate) use bounds::judged;
pub use bounds::{ConsensusBounds, Duplicates, Wish};
pub use client::Clients;
pub use host::{Disk, Host, Told};
pub use mark::Mark;
pub use net::Net;

use crate::env::Reached;
use crate::protocol::{Choice, Invariant, MarkSet, Notes, Protocol};
use crate::shared::{Renaming, Shared, Symmetry, hasher};
use cutover::core::control_plane::{ClusterVoterIdentity, Founder};
use cutover::core::ids::{ClusterId, Incarnation, Index, NodeId};
use cutover::core::invariant::{ConsensusMonitor, REGISTRY};
use cutover::core::migration::{Caps, Command};
use cutover::core::raft::{Config, Peer, Timer};
use std::hash::{Hash, Hasher};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};

/// Nodes of a scope, at most.
pub const NODES_MAX: usize = 4;

/// The cluster that everything is about.
pub const CLUSTER: ClusterId = ClusterId(1);

/// The environment of one scope.
#[derive(Debug)]
pub struct World {
    pub(crate) cluster: ConsensusBounds,
    pub(crate) symmetry: Symmetry,
    pub(crate) founder: Founder,
    /// Where the founders begin.
    pub(crate) founded: Index,
    reached: Reached,
    /// Tells worlds apart in memories that are keyed by content.
    pub(crate) key: u64,
}

/// The environment around nodes.
pub type Consensus = World;

static WORLDS: AtomicU64 = AtomicU64::new(1 << 32);

/// The nodes, by their numbers.
pub(crate) type Hosts = [Option<Shared<Host>>; NODES_MAX];

/// One state of the world.
#[derive(Clone)]
pub struct State {
    pub(crate) hosts: Hosts,
    pub(crate) net: Net,
    pub(crate) clients: Shared<Clients>,
    pub(crate) monitor: Shared<ConsensusMonitor>,
    pub(crate) spent: Spent,
    /// Follows from what is around the nodes, so it is no part of the state.
    pub(crate) wanted: Arc<Wanted>,
    /// The hash of everything above, but for what is wanted.
    own: u64,
    /// The hash of the image that this stands for, if it stands for one.
    stands_for: Option<u64>,
}

/// Faults used up.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Spent {
    /// Crashes of nodes.
    pub crashes: u8,
    /// Disks lost.
    pub wipes: u8,
    /// Messages that arrived again.
    pub duplicates: u8,
    /// Election timeouts of nodes that do not lead, where they are counted.
    pub timeouts: u8,
}

/// What somebody outside wants of the nodes.
#[derive(Debug)]
pub struct Wanted {
    /// Commands.
    pub commands: Vec<Command>,
    /// Whether somebody would read.
    pub read: bool,
    hash: u64,
}

impl Wanted {
    /// Wraps what is wanted.
    #[must_use]
    pub fn new(commands: Vec<Command>, read: bool) -> Arc<Self> {
        let hash = hasher().hash_one((&commands, read));
        Arc::new(Self { commands, read, hash })
    }
}

/// A node in its first life.
#[must_use]
pub const fn peer(node: u8) -> Peer {
    Peer { node: NodeId(node), incarnation: Incarnation(1) }
}

/// The subject of a node's certificate.
pub(crate) fn identity(node: NodeId) -> Option<ClusterVoterIdentity> {
    ClusterVoterIdentity::from_certificate_subject(&format!("CN={node}")).ok()
}

impl World {
    fn within(cluster: &ConsensusBounds) -> Self {
        let cluster = cluster.clone();
        let key = WORLDS.fetch_add(1, Ordering::Relaxed);
        // The directory would tell the founders apart: where they are interchangeable, they have one name.
        let named = |node| if cluster.symmetric { NodeId(0) } else { NodeId(node) };
        let voters = (1..=cluster.founders)
            .filter_map(|node| Some((peer(node), identity(named(node))?.into())))
            .collect();
        let founder = Founder { voters, caps: Caps::PRODUCTION, sessions: cluster.sessions };
        let symmetry = permutations(if cluster.symmetric { cluster.founders } else { 1 });
        let founded = founder.disk().map_or(Index::ZERO, |disk| disk.snapshot.last.index);
        Self { cluster, symmetry, founder, founded, reached: Reached::default(), key }
    }

    /// The first node leads in term 1, has committed these commands, and everybody knows; no fault is used up. With the
    /// invariants that the last step broke.
    pub(crate) fn led_by_first(&self, commands: &[Command]) -> (State, u32) {
        let begun = State { wanted: Wanted::new(commands.to_vec(), false), ..self.initial() };
        let at = |action| ActionKind::Do { node: 1, action };
        let writes = (0u8..).zip(commands).map(|(number, _)| NodeAction::Command(number));
        let deeds = [NodeAction::Fire(Timer::Election)].into_iter().chain(writes);
        let deeds = deeds.chain([NodeAction::Fire(Timer::Heartbeat)]);
        let (mut state, broken) = deeds.fold((begun, 0), |(state, broken), action| {
            let (mut state, mut broken) = self.taken(state, broken, at(action));
            // In rounds, so that the others end alike; in few, unless the nodes never have enough of each other.
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
        (state.spent, state.wanted) = (Spent::default(), Wanted::new(Vec::new(), true));
        (state.sealed(), broken)
    }

    /// The state after a choice, or the same if that changes nothing; what does nothing on arrival is gone all the same.
    fn taken(&self, state: State, broken: u32, what: ActionKind) -> (State, u32) {
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
        Config { cluster: CLUSTER, me, limits: self.cluster.limits }
    }

    pub(crate) fn share<T: Hash + cutover::core::ids::Relabel>(&self, value: T) -> Shared<T> {
        Shared::new(value, &self.symmetry)
    }
}

/// Spreads a hash, so that sums of them do not collide more often than chance.
pub(crate) const fn mixed(hash: u64) -> u64 {
    let hash = (hash ^ (hash >> 32)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (hash ^ (hash >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9)
}

/// All ways to rename the first `count` nodes, but for the one that changes nothing.
fn permutations(count: u8) -> Symmetry {
    let mut all: Vec<Vec<u8>> = vec![Vec::new()];
    for _ in 1..=count {
        let longer = |some: Vec<u8>| {
            let next = (1..=count).filter(|node| !some.contains(node)).collect::<Vec<_>>();
            next.into_iter().map(move |node| [some.clone(), vec![node]].concat())
        };
        all = all.into_iter().flat_map(longer).collect();
    }
    let renaming = |names: Vec<u8>| {
        let nodes: Vec<_> = (1..)
            .zip(names)
            .filter(|(old, new)| old != new)
            .map(|(old, new)| (NodeId(old), NodeId(new)))
            .collect();
        Renaming { sessions: Vec::new(), nodes }
    };
    Symmetry::new(all.into_iter().map(renaming).filter(|renaming| !renaming.nodes.is_empty()).collect())
}

impl State {
    pub(crate) fn host(&self, node: u8) -> Option<&Shared<Host>> {
        self.hosts.get(usize::from(node).checked_sub(1)?)?.as_ref()
    }

    /// The nodes, by number.
    pub(crate) fn hosts(&self) -> impl Iterator<Item = (u8, &Shared<Host>)> {
        (1..).zip(&self.hosts).filter_map(|(node, host)| Some((node, host.as_ref()?)))
    }

    /// The hash of one of the state's images. A node's state names the node, so the nodes can be taken as a set.
    fn image(&self, image: usize) -> u64 {
        let hosts = self.hosts.iter().flatten();
        let nodes = hosts.fold(0u64, |sum, host| sum.wrapping_add(mixed(host.hash(image))));
        let mut hasher = std::hash::BuildHasher::build_hasher(&hasher());
        hasher.write_u64(nodes);
        hasher.write_u64(self.net.hash(image));
        hasher.write_u64(self.clients.hash(image));
        hasher.write_u64(self.monitor.hash(image));
        self.spent.hash(&mut hasher);
        hasher.finish()
    }

    /// The state once nothing about it changes any more.
    pub(crate) fn sealed(mut self) -> Self {
        self.own = self.image(0);
        self.stands_for = None;
        self
    }

    /// Whether nothing but what was broken on the way differs.
    pub(crate) const fn same_place(&self, other: &Self) -> bool {
        self.own == other.own
    }

    /// What a choice depends on.
    pub(crate) fn identity(&self) -> (u64, u64) {
        (self.own, self.wanted.hash)
    }
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        super::write_facts(f, text::facts(self))
    }
}

impl Hash for State {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.stands_for.unwrap_or(self.own));
    }
}

impl PartialEq for State {
    fn eq(&self, other: &Self) -> bool {
        self.own == other.own
    }
}

impl Protocol for World {
    type Bounds = ConsensusBounds;
    type State = State;
    type Action = Action;

    fn invariants() -> &'static [Invariant] {
        REGISTRY
    }

    fn marks() -> &'static [&'static str] {
        static TEXTS: LazyLock<Vec<&str>> = LazyLock::new(Mark::texts);
        &TEXTS
    }

    fn new(bounds: &ConsensusBounds) -> Self {
        Self::within(bounds)
    }

    /// Nodes that have started, the founders with the disk of a new cluster, the others with an empty one.
    fn initial(&self) -> State {
        let mut hosts = Hosts::default();
        let count = self.cluster.founders + self.cluster.joiners;
        for (node, slot) in (1..=count).zip(&mut hosts) {
            let disk =
                if node <= self.cluster.founders { self.founder.disk() } else { self.founder.empty_disk() };
            let host = disk.ok().and_then(|disk| Host::started(self.config(peer(node)), disk));
            *slot = host.map(|host| self.share(host));
        }
        let state = State {
            hosts,
            net: Net::default(),
            clients: self.share(Clients::new(&self.cluster)),
            monitor: self.share(ConsensusMonitor::new(self.founded)),
            spent: Spent::default(),
            wanted: Wanted::new(Vec::new(), true),
            own: 0,
            stands_for: None,
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

    /// Of all images the one with the lowest hash.
    fn representative(state: &State) -> State {
        let others = (1..state.monitor.images()).map(|image| state.image(image));
        State { stands_for: Some(others.fold(state.own, u64::min)), ..state.clone() }
    }

    fn facts(&self, state: &State) -> Vec<(String, String)> {
        text::facts(state)
    }

    fn reached(&self) -> MarkSet {
        self.reached.all()
    }
}
