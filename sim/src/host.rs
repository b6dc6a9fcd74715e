//! The nodes: the production server on simulated machines, started, killed and started again.

use crate::disk::Disk;
use crate::event_log::{EventLog, lock};
use crate::judge::{Judge, own};
use crate::network::{Network, Wire};
use crate::options::Options;
use crate::read_pause::ReadPause;
use crate::storage::Storage;
use crate::stream::{Stream, generator};
use core::time::Duration;
use cutover::core::control_plane::{
    Address, ClusterVoterIdentity, ControlPlaneConsensus, ControlPlaneEntry, ControlPlaneInput, Endpoints,
    Founder, Registered, ReplicatedControlPlane,
};
use cutover::core::ids::{ClusterId, Incarnation, NodeId};
use cutover::core::migration::Policy;
use cutover::core::raft::{Config, Durable, Peer};
use cutover::node::driver::{Clock, DriverConfig, Environment, Handle, Recorder, RecorderError, Stopped};
use cutover::node::server::{self, Access, Parts, Plain};
use cutover::node::store::{Store, StoreIdentity};
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use tokio::sync::mpsc;
use tonic::transport::Server;

/// The cluster of every run.
pub const CLUSTER: ClusterId = ClusterId(0x51);
const PORT: u16 = 7000;
/// Bytes of a message of a client, at most.
const MESSAGE_MAX: usize = 64 << 10;

/// Where a node's clients find it.
#[must_use]
pub fn address(node: u8) -> SocketAddr {
    SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 0, 0, node)), PORT)
}

/// What a node is registered as; none if a name is none.
#[must_use]
pub fn registered(node: u8) -> Option<Registered> {
    let identity = ClusterVoterIdentity::from_certificate_subject(&format!("CN=n{node},O=sim")).ok()?;
    let peer = Address::try_from(format!("10.0.1.{node}:7100")).ok();
    let client = Address::try_from(address(node).to_string()).ok();
    Some(Registered { identity, endpoints: Endpoints { peer, client } })
}

/// Word from a node.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Report {
    /// The power failed in the middle of a write.
    NoPower {
        /// Which.
        node: u8,
        /// Its start.
        boot: u64,
    },
    /// It has ended by itself.
    Stopped {
        /// Which.
        node: u8,
        /// Its start.
        boot: u64,
        /// Why.
        why: Stopped,
    },
}

/// What becomes of the page cache when a process ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum End {
    /// It is lost with the power.
    Power,
    /// It outlives the process.
    Process,
}

struct Up {
    alive: Arc<AtomicBool>,
    handle: Option<Handle>,
}

struct Host {
    machine: madsim::task::NodeId,
    incarnation: Incarnation,
    disk: Disk,
    founded: bool,
    boots: u64,
    paused: bool,
    up: Option<Up>,
    losses: Stream,
}

/// All nodes. Clones share them.
#[derive(Clone)]
pub struct Hosts {
    /// What the run is.
    pub options: Arc<Options>,
    /// Events.
    pub event_log: EventLog,
    /// Who watches.
    pub judge: Arc<Mutex<Judge>>,
    /// The way between them.
    pub network: Network,
    /// What the cluster begins with.
    pub founder: Arc<Founder>,
    /// No faults any more.
    pub calm: Arc<AtomicBool>,
    /// When nobody reads.
    pub lull: ReadPause,
    /// Word from nodes.
    pub reports: mpsc::UnboundedSender<Report>,
    hosts: Arc<Mutex<BTreeMap<u8, Host>>>,
}

impl Hosts {
    /// None yet.
    #[must_use]
    pub fn new(
        options: Arc<Options>,
        event_log: EventLog,
        judge: Arc<Mutex<Judge>>,
        network: Network,
        founder: Arc<Founder>,
        reports: mpsc::UnboundedSender<Report>,
    ) -> Self {
        let (calm, lull, hosts) = (Arc::default(), ReadPause::default(), Arc::default());
        Self { options, event_log, judge, network, founder, calm, lull, reports, hosts }
    }

    /// A machine for a node, with an empty disk; it is not started.
    pub fn add(&self, node: u8, founded: bool) {
        self.network.add(node);
        let machine = madsim::runtime::Handle::current()
            .create_node()
            .name(format!("n{node}"))
            .ip(address(node).ip())
            .build();
        let host = Host {
            machine: machine.id(),
            incarnation: Incarnation(1),
            disk: Disk::default(),
            founded,
            boots: 0,
            paused: false,
            up: None,
            losses: Stream::new(self.options.seed, "power", node.into()),
        };
        lock(&self.hosts).insert(node, host);
    }

    /// All nodes that have a machine.
    #[must_use]
    pub fn all(&self) -> Vec<u8> {
        lock(&self.hosts).keys().copied().collect()
    }

    /// Whether a node runs, be it paused.
    #[must_use]
    pub fn is_up(&self, node: u8) -> bool {
        lock(&self.hosts).get(&node).is_some_and(|host| host.up.is_some())
    }

    /// Whether a node stands still.
    #[must_use]
    pub fn is_paused(&self, node: u8) -> bool {
        lock(&self.hosts).get(&node).is_some_and(|host| host.paused)
    }

    /// Its present life.
    #[must_use]
    pub fn peer(&self, node: u8) -> Peer {
        let incarnation = lock(&self.hosts).get(&node).map_or(Incarnation(1), |host| host.incarnation);
        Peer { node: NodeId(node), incarnation }
    }

    /// Which start of the node this is.
    #[must_use]
    pub fn boot_of(&self, node: u8) -> u64 {
        lock(&self.hosts).get(&node).map_or(0, |host| host.boots)
    }

    /// The driver of a node that runs.
    #[must_use]
    pub fn handle(&self, node: u8) -> Option<Handle> {
        lock(&self.hosts).get(&node)?.up.as_ref()?.handle.clone()
    }

    /// Starts a node that is down.
    pub fn boot(&self, node: u8) {
        let mut hosts = lock(&self.hosts);
        let Some(host) = hosts.get_mut(&node).filter(|host| host.up.is_none()) else { return };
        let simulator = madsim::runtime::Handle::current();
        if host.boots > 0 {
            simulator.restart(host.machine);
        }
        host.boots += 1;
        let alive = Arc::new(AtomicBool::new(true));
        host.up = Some(Up { alive: Arc::clone(&alive), handle: None });
        let me = Peer { node: NodeId(node), incarnation: host.incarnation };
        let (founded, boot, disk) = (std::mem::take(&mut host.founded), host.boots, host.disk.clone());
        let machine = simulator.get_node(host.machine);
        drop(hosts);
        self.event_log.note("n", node.into(), "boots", &[boot, me.incarnation.0], String::new);
        let start = Start { hosts: self.clone(), me, founded, boot, disk, alive };
        if let Some(machine) = machine {
            machine.spawn(start.run());
        }
    }

    /// Ends a node that runs.
    pub fn end(&self, node: u8, end: End) {
        let mut hosts = lock(&self.hosts);
        let Some(host) = hosts.get_mut(&node) else { return };
        let Some(up) = host.up.take() else { return };
        up.alive.store(false, Ordering::Relaxed);
        let torn = match end {
            End::Power => host.disk.lose_power(&mut host.losses),
            End::Process => {
                host.disk.unmount();
                0
            }
        };
        for _ in 0..torn {
            self.event_log.count("fault", "torn-write");
        }
        let simulator = madsim::runtime::Handle::current();
        if std::mem::take(&mut host.paused) {
            simulator.resume(host.machine);
        }
        simulator.kill(host.machine);
        drop(hosts);
        self.network.plug(node, None);
        self.event_log.note("n", node.into(), "ends", &[end as u64, torn], String::new);
        lock(&self.judge).died(node);
    }

    /// Lets a process stand still, or go on.
    pub fn pause(&self, node: u8, pause: bool) {
        let mut hosts = lock(&self.hosts);
        let Some(host) = hosts.get_mut(&node).filter(|host| host.up.is_some() && host.paused != pause) else {
            return;
        };
        host.paused = pause;
        self.event_log.note("n", node.into(), if pause { "pauses" } else { "resumes" }, &[], String::new);
        let simulator = madsim::runtime::Handle::current();
        if pause { simulator.pause(host.machine) } else { simulator.resume(host.machine) }
    }

    /// The disk of a node that is down is replaced by an empty one: it comes back as another.
    pub fn wipe(&self, node: u8) -> Peer {
        let mut hosts = lock(&self.hosts);
        let mut incarnation = Incarnation(1);
        if let Some(host) = hosts.get_mut(&node) {
            host.disk.wipe();
            host.incarnation = host.incarnation.next();
            incarnation = host.incarnation;
        }
        drop(hosts);
        self.event_log.note("n", node.into(), "loses its disk", &[incarnation.0], String::new);
        lock(&self.judge).wiped(node);
        Peer { node: NodeId(node), incarnation }
    }
}

/// The start of a node.
struct Start {
    hosts: Hosts,
    me: Peer,
    founded: bool,
    boot: u64,
    disk: Disk,
    alive: Arc<AtomicBool>,
}

impl Start {
    fn open(&self) -> Result<(Store, Durable<ControlPlaneEntry>), String> {
        let identity =
            StoreIdentity { cluster: CLUSTER, node: self.me.node, incarnation: self.me.incarnation };
        // The first start of a life finds an empty disk, and one that did not get through founding it, too.
        let empty = redb::StorageBackend::len(&self.disk.mount()).map_err(|error| error.to_string())? == 0;
        if !empty {
            return Store::open_on(self.disk.mount(), &identity).map_err(|error| error.to_string());
        }
        let founder = &self.hosts.founder;
        let disk = if self.founded { founder.disk() } else { founder.empty_disk() };
        let disk = disk.map_err(|error| error.to_string())?;
        let store =
            Store::create_on(self.disk.mount(), &identity, &disk).map_err(|error| error.to_string())?;
        Ok((store, disk))
    }

    async fn run(self) {
        let (node, boot, hosts) = (self.me.node.0, self.boot, self.hosts.clone());
        let (store, durable) = match self.open() {
            Ok(opened) => opened,
            Err(error) => {
                let found = format!("n{node} cannot open its disk: {error}");
                lock(&hosts.judge).find(own::DURABLE, found, "nothing but crashes came over it".to_owned());
                return;
            }
        };
        let config = Config { cluster: CLUSTER, me: self.me, limits: hosts.options.limits() };
        lock(&hosts.judge).started(node, config, durable.clone());
        let Ok(engine) = ReplicatedControlPlane::start(config, durable) else { return };
        let running = server::start(self.parts(engine, store));
        hosts.network.plug(node, Some(running.inbox.clone()));
        if let Some(up) = lock(&hosts.hosts).get_mut(&node).and_then(|host| host.up.as_mut()) {
            up.handle = Some(running.handle.clone());
        }
        let services = server::client_services(&mut Server::builder(), running.service, MESSAGE_MAX);
        madsim::task::spawn(async move {
            let _ended = services.serve(address(node)).await;
        });
        let why = match running.task.await {
            Ok(why) => why,
            Err(_) => return,
        };
        let _ended = hosts.reports.send(Report::Stopped { node, boot, why });
    }

    fn parts(self, engine: ReplicatedControlPlane, store: Store) -> Parts<Storage, Wire> {
        let (node, hosts) = (self.me.node.0, &self.hosts);
        let options = &hosts.options;
        let which = u64::from(node) << 32 | self.boot;
        let transport = Wire {
            node,
            network: hosts.network.clone(),
            judge: Arc::clone(&hosts.judge),
            alive: Arc::clone(&self.alive),
        };
        let storage = Storage {
            store,
            disk: self.disk,
            options: options.disk.clone(),
            chance: Stream::new(options.seed, "disk", which),
            node,
            boot: self.boot,
            judge: Arc::clone(&hosts.judge),
            event_log: hosts.event_log.clone(),
            reports: hosts.reports.clone(),
            alive: self.alive,
            calm: Arc::clone(&hosts.calm),
            took: Duration::ZERO,
        };
        let environment = Environment {
            clock: Box::new(Rate::of(options, node)),
            jitter: generator(options.seed, "jitter", which),
            recorder: Some(Box::new(Tap { node, judge: Arc::clone(&hosts.judge) })),
        };
        Parts {
            engine: Box::new(engine),
            driver: DriverConfig { timing: options.timing, queues: options.queues() },
            storage,
            transport,
            environment,
            access: Arc::new(Access::default()),
            identify: Arc::new(Plain),
            policy: Policy::PRODUCTION,
        }
    }
}

/// A clock that runs too fast, or too slow.
struct Rate {
    /// Of its own seconds in a million true ones.
    ticks: u64,
}

impl Rate {
    fn of(options: &Options, node: u8) -> Self {
        let drift = options.node.drift_ppm;
        let ticks =
            Stream::new(options.seed, "clock", node.into()).between(1_000_000 - drift, 1_000_000 + drift);
        Self { ticks }
    }
}

impl Clock for Rate {
    fn until(&self, counted: Duration) -> Duration {
        let nanos = counted.as_nanos() * 1_000_000 / u128::from(self.ticks.max(1));
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }
}

/// Hands the inputs of an engine to whoever watches.
struct Tap {
    node: u8,
    judge: Arc<Mutex<Judge>>,
}

impl Recorder for Tap {
    fn record(
        &mut self,
        before: &dyn ControlPlaneConsensus,
        input: &ControlPlaneInput,
    ) -> Result<(), RecorderError> {
        lock(&self.judge).called(self.node, before, input);
        Ok(())
    }

    fn end(&mut self, after: &dyn ControlPlaneConsensus) -> Result<(), RecorderError> {
        lock(&self.judge).ended(self.node, after);
        Ok(())
    }
}
