//! The nodes of a run: the production server on simulated machines, which can be started, killed and started again.

mod callers;
mod refound;
mod start;
mod store_disk;
mod store_front;
mod store_start;
mod stores;

use crate::data::is_store;
use crate::disk::Disk;
use crate::disk_time::DiskTime;
use crate::ended::Ended;
use crate::event_log::{EventLog, lock};
use crate::faults::End;
use crate::judge::Judge;
use crate::network::Network;
use crate::options::Options;
use crate::processes::{COPY, member_of};
use crate::read_pause::ReadPause;
use crate::stream::Stream;
pub use callers::{CALLER, GATEWAY, NOBODY, VIEWER, access};
use cutover::core::control_plane::{Address, ClusterVoterIdentity, Endpoints, Founder, Registered};
use cutover::core::ids::{DirectoryId, HistoryId, NodeId};
use cutover::core::raft::Peer;
use cutover::node::driver::Handle;
use cutover::node::server::{Introducer, Introduction, SharedAccess};
use cutover::sink::driver::SinkHandle;
use cutover::sink::storage::Beginning;
use start::Start;
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use store_start::StartStore;
use tokio::sync::mpsc;

/// The first history of the log in every run. Each restore and each recovery begins the next one.
pub const HISTORY: HistoryId = HistoryId(1);
const PORT: u16 = 7000;

/// The address of a node's client interface, or of a store.
#[must_use]
pub fn address(node: u8) -> SocketAddr {
    if is_store(node) {
        return crate::data::address(node);
    }
    SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 0, 0, node)), PORT)
}

/// The identity and address with which a node is registered as a member; `None` if a name is not valid.
#[must_use]
pub fn registered(node: u8) -> Option<Registered> {
    let identity = ClusterVoterIdentity::from_certificate_subject(&format!("CN=n{node},O=sim")).ok()?;
    let peer = Address::try_from(format!("10.0.1.{node}:7100")).ok();
    let client = Address::try_from(address(node).to_string()).ok();
    Some(Registered { identity, endpoints: Endpoints { peer, client } })
}

#[tonic::async_trait]
impl Introducer for Hosts {
    /// A node answers while it runs.
    async fn introduce(&self, address: &Address) -> Result<Introduction, String> {
        let is = |registered: &Registered| registered.endpoints.peer.as_ref() == Some(address);
        let node = self.all().into_iter().find(|node| registered(*node).as_ref().is_some_and(is));
        let node = node.filter(|node| !self.is_paused(*node));
        let found =
            node.and_then(|node| Some((self.peer(node), registered(node)?, self.handle(node)?.status())));
        let (peer, Registered { identity, endpoints }, status) =
            found.ok_or_else(|| format!("{address}: no answer"))?;
        Ok(Introduction { peer, identity, endpoints, cluster: status.cluster, history: status.history })
    }
}

struct Up {
    alive: Arc<AtomicBool>,
    handle: Option<Handle>,
    access: SharedAccess,
    /// Of a store.
    sink: Option<SinkHandle>,
    /// Whether it was told to stop.
    stopping: bool,
}

struct Host {
    machine: madsim::task::NodeId,
    directory: DirectoryId,
    /// What the log had committed when it began: of a store that had lost its disk.
    beginning: Beginning,
    disk: Disk,
    disk_time: DiskTime,
    founded: bool,
    boots: u64,
    /// Whether it is never started again: a copy that was found.
    retired: bool,
    paused: bool,
    up: Option<Up>,
    losses: Stream,
}

/// All nodes of a run. Clones share them.
#[derive(Clone)]
pub struct Hosts {
    /// The options of the run.
    pub options: Arc<Options>,
    /// Receives the events.
    pub event_log: EventLog,
    /// Judges what nodes do.
    pub judge: Arc<Mutex<Judge>>,
    /// The network between nodes.
    pub network: Network,
    /// The founding configuration of the cluster.
    pub founder: Arc<Founder>,
    /// True once the phase of faults is over.
    pub calm: Arc<AtomicBool>,
    /// True while all nodes are lost: none is started.
    lost: Arc<AtomicBool>,
    /// The intervals in which clients do not read.
    pub lull: ReadPause,
    /// Receives a report when a node ends by itself.
    pub ended: mpsc::UnboundedSender<Ended>,
    hosts: Arc<Mutex<BTreeMap<u8, Host>>>,
    /// Machines that do not reach a store.
    cuts: Arc<Mutex<BTreeSet<(IpAddr, u8)>>>,
}

impl Hosts {
    /// A cluster without nodes.
    #[must_use]
    pub fn new(
        options: Arc<Options>,
        event_log: EventLog,
        judge: Arc<Mutex<Judge>>,
        network: Network,
        founder: Arc<Founder>,
        ended: mpsc::UnboundedSender<Ended>,
    ) -> Self {
        let (calm, lost, lull, hosts) =
            (Arc::default(), Arc::default(), ReadPause::default(), Arc::default());
        let cuts = Arc::default();
        Self { options, event_log, judge, network, founder, calm, lost, lull, ended, hosts, cuts }
    }

    /// Creates the machine of a node, without starting it. `founded`: its disk holds the founding configuration;
    /// otherwise it is empty.
    pub fn add(&self, node: u8, founded: bool) {
        if !is_store(node) {
            self.network.add(node);
        }
        let machine = madsim::runtime::Handle::current()
            .create_node()
            .name(format!("n{node}"))
            .ip(address(node).ip())
            .build();
        let host = Host {
            machine: machine.id(),
            directory: DirectoryId(1),
            beginning: Beginning::EMPTY,
            disk: Disk::default(),
            disk_time: DiskTime::default(),
            founded,
            boots: 0,
            retired: false,
            paused: false,
            up: None,
            losses: Stream::new(self.options.seed, "power", node.into()),
        };
        lock(&self.hosts).insert(node, host);
    }

    /// The numbers of all nodes that have a machine. Copies are not among them.
    #[must_use]
    pub fn all(&self) -> Vec<u8> {
        lock(&self.hosts)
            .keys()
            .copied()
            .filter(|machine| member_of(*machine) == *machine && !is_store(*machine))
            .collect()
    }

    /// Whether a node runs; also true for a paused node.
    #[must_use]
    pub fn is_up(&self, node: u8) -> bool {
        lock(&self.hosts).get(&node).is_some_and(|host| host.up.is_some())
    }

    /// Whether a node's process is paused.
    #[must_use]
    pub fn is_paused(&self, node: u8) -> bool {
        lock(&self.hosts).get(&node).is_some_and(|host| host.paused)
    }

    /// The node's id and present directory.
    #[must_use]
    pub fn peer(&self, node: u8) -> Peer {
        let directory = lock(&self.hosts).get(&node).map_or(DirectoryId(1), |host| host.directory);
        Peer { node: NodeId(node), directory }
    }

    /// Number of the node's present or last start.
    #[must_use]
    pub fn boot_of(&self, node: u8) -> u64 {
        lock(&self.hosts).get(&node).map_or(0, |host| host.boots)
    }

    /// The times of a node's disk.
    #[must_use]
    pub fn disk_time(&self, node: u8) -> DiskTime {
        lock(&self.hosts).get(&node).map(|host| host.disk_time.clone()).unwrap_or_default()
    }

    /// Lets a node's disk be full after so many more operations that write, or makes room.
    pub fn fill_disk(&self, node: u8, after: Option<u64>) {
        if let Some(host) = lock(&self.hosts).get(&node) {
            match after {
                Some(after) => host.disk.fill(after),
                None => host.disk.make_room(),
            }
        }
    }

    /// Whether the node's last process was refused a write for want of room.
    #[must_use]
    pub fn had_no_room(&self, node: u8) -> bool {
        lock(&self.hosts).get(&node).is_some_and(|host| host.disk.had_no_room())
    }

    /// The driver of a node, if it runs.
    #[must_use]
    pub fn handle(&self, node: u8) -> Option<Handle> {
        lock(&self.hosts).get(&node)?.up.as_ref()?.handle.clone()
    }

    /// The roles of a node's callers, if it runs.
    #[must_use]
    pub fn access(&self, node: u8) -> Option<SharedAccess> {
        Some(lock(&self.hosts).get(&node)?.up.as_ref()?.access.clone())
    }

    /// Tells a node to stop in order.
    pub fn stop(&self, node: u8) {
        let mut hosts = lock(&self.hosts);
        if let Some(up) = hosts.get_mut(&node).and_then(|host| host.up.as_mut())
            && let Some(handle) = &up.handle
        {
            up.stopping = true;
            handle.stop();
        }
    }

    /// Whether a node was told to stop.
    #[must_use]
    pub fn is_stopping(&self, node: u8) -> bool {
        lock(&self.hosts).get(&node).and_then(|host| host.up.as_ref()).is_some_and(|up| up.stopping)
    }

    /// Starts a node that is down.
    pub fn boot(&self, node: u8) {
        if self.is_lost() && !is_store(node) {
            return;
        }
        let mut hosts = lock(&self.hosts);
        let Some(host) = hosts.get_mut(&node).filter(|host| host.up.is_none() && !host.retired) else {
            return;
        };
        let simulator = madsim::runtime::Handle::current();
        if host.boots > 0 {
            simulator.restart(host.machine);
        }
        host.boots += 1;
        host.disk_time.started();
        let alive = Arc::new(AtomicBool::new(true));
        host.up = Some(Up {
            alive: Arc::clone(&alive),
            handle: None,
            access: SharedAccess::from(access(true)),
            sink: None,
            stopping: false,
        });
        let me = Peer { node: NodeId(member_of(node)), directory: host.directory };
        let (founded, boot, disk) = (std::mem::take(&mut host.founded), host.boots, host.disk.clone());
        let disk_time = host.disk_time.clone();
        let (machine, beginning) = (simulator.get_node(host.machine), host.beginning.clone());
        drop(hosts);
        self.event_log.note("n", node.into(), "boots", &[boot, me.directory.0], String::new);
        if is_store(node) {
            let began = (me.directory, beginning);
            let start =
                StartStore { hosts: self.clone(), machine: node, boot, began, disk, disk_time, alive };
            if let Some(machine) = machine {
                machine.spawn(start.run());
            }
            return;
        }
        let start = Start { hosts: self.clone(), machine: node, me, founded, boot, disk, disk_time, alive };
        if let Some(machine) = machine {
            machine.spawn(start.run());
        }
    }

    /// Ends the process of a node that runs.
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
        self.event_log.note("n", node.into(), "ends", &[end as u64, torn], String::new);
        if !is_store(node) {
            self.network.plug(node, None);
            lock(&self.judge).died(node);
        }
    }

    /// Pauses a node's process, or lets it continue.
    pub fn pause(&self, node: u8, pause: bool) {
        let mut hosts = lock(&self.hosts);
        let Some(host) = hosts.get_mut(&node).filter(|host| host.up.is_some() && host.paused != pause) else {
            return;
        };
        host.paused = pause;
        host.disk_time.paused(pause);
        self.event_log.note("n", node.into(), if pause { "pauses" } else { "resumes" }, &[], String::new);
        let simulator = madsim::runtime::Handle::current();
        if pause { simulator.pause(host.machine) } else { simulator.resume(host.machine) }
    }

    /// Replaces the disk of a node that is down by an empty one. The node will start in its next directory, which
    /// is returned.
    pub fn wipe(&self, node: u8) -> Peer {
        let mut hosts = lock(&self.hosts);
        let mut directory = DirectoryId(1);
        if let Some(host) = hosts.get_mut(&node) {
            host.disk.wipe();
            host.directory = host.directory.next();
            directory = host.directory;
        }
        drop(hosts);
        self.event_log.note("n", node.into(), "loses its disk", &[directory.0], String::new);
        lock(&self.judge).wiped(node);
        Peer { node: NodeId(node), directory }
    }

    /// Starts a copy of a node's data directory, as it is at this moment, on a machine of its own, and returns the number of
    /// that machine.
    pub fn copy(&self, node: u8) -> u8 {
        let copy = COPY + node;
        if !lock(&self.hosts).contains_key(&copy) {
            self.add(copy, false);
        }
        let mut hosts = lock(&self.hosts);
        let image = hosts.get(&node).map(|host| (host.disk.image(), host.directory));
        if let (Some(host), Some((disk, directory))) = (hosts.get_mut(&copy), image) {
            (host.disk, host.directory, host.retired) = (disk, directory, false);
        }
        drop(hosts);
        self.event_log.note("n", node.into(), "is copied", &[copy.into()], String::new);
        self.boot(copy);
        copy
    }

    /// Stops all copies for good, and the nodes that they are copies of. These lose their disks: what a copy has promised in
    /// their name is not on them.
    pub fn retire_copies(&self) {
        let mut hosts = lock(&self.hosts);
        let copies =
            hosts.iter_mut().filter(|(machine, host)| member_of(**machine) != **machine && !host.retired);
        let found = copies.map(|(machine, host)| {
            host.retired = true;
            *machine
        });
        let found: Vec<u8> = found.collect();
        drop(hosts);
        for copy in found {
            self.end(copy, End::Process);
            self.end(member_of(copy), End::Power);
            self.wipe(member_of(copy));
        }
        self.network.no_copies();
    }
}
