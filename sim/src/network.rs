//! The network between nodes: the real bytes of messages as datagrams of madsim, with faults of our own on every link.
//!
//! Each node has a *port*, a machine of its own in the simulation, so that what is on its way outlives the process that
//! sent it. What becomes of a message is decided when it is sent, by the stream of its link. Who sent it is read from the
//! address that it came from: a node cannot pose as another.

use crate::event_log::{EventLog, lock, now_ns};
use crate::judge::Judge;
use crate::options;
use crate::stream::{Stream, link};
use core::time::Duration;
use cutover::core::control_plane::ControlPlaneEntry;
use cutover::core::raft::Message;
use cutover::node::driver::{Inbox, Registry, Transport};
use madsim::net::Endpoint;
use madsim::runtime::{Handle, NodeHandle};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use tokio::sync::mpsc;
use xxhash_rust::xxh3::xxh3_64;

const PORT: u16 = 7100;
const TAG: u64 = 1;

fn address(node: u8) -> SocketAddr {
    SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 0, 1, node)), PORT)
}

/// Something on its way.
struct Parcel {
    due_ns: u64,
    to: u8,
    bytes: Vec<u8>,
}

struct Port {
    _machine: NodeHandle,
    parcels: mpsc::UnboundedSender<Parcel>,
}

struct Inner {
    seed: u64,
    link: options::Link,
    calm: bool,
    streams: BTreeMap<u64, Stream>,
    cut: BTreeSet<(u8, u8)>,
    /// What goes to these nodes takes longer, by so many microseconds.
    late: BTreeMap<u8, u64>,
    ports: BTreeMap<u8, Port>,
    inboxes: BTreeMap<u8, Inbox>,
}

/// The network. Clones share it.
#[derive(Clone)]
pub struct Network {
    inner: Arc<Mutex<Inner>>,
    event_log: EventLog,
}

impl Network {
    /// Nobody on it yet.
    #[must_use]
    pub fn new(seed: u64, link: options::Link, event_log: EventLog) -> Self {
        let inner = Inner {
            seed,
            link,
            calm: false,
            streams: BTreeMap::new(),
            cut: BTreeSet::new(),
            late: BTreeMap::new(),
            ports: BTreeMap::new(),
            inboxes: BTreeMap::new(),
        };
        Self { inner: Arc::new(Mutex::new(inner)), event_log }
    }

    /// Gives a node a port.
    pub fn add(&self, node: u8) {
        let machine =
            Handle::current().create_node().name(format!("port{node}")).ip(address(node).ip()).build();
        let (parcels, queue) = mpsc::unbounded_channel();
        let network = self.clone();
        machine.spawn(async move {
            let Ok(endpoint) = Endpoint::bind(address(node)).await else { return };
            let endpoint = Arc::new(endpoint);
            madsim::task::spawn(carry(Arc::clone(&endpoint), queue));
            while let Ok((data, from)) = endpoint.recv_from_raw(TAG).await {
                if let Ok(bytes) = data.downcast::<Vec<u8>>() {
                    network.arrive(node, from, &bytes);
                }
            }
        });
        lock(&self.inner).ports.insert(node, Port { _machine: machine, parcels });
    }

    /// A process listens there now, or none.
    pub fn plug(&self, node: u8, inbox: Option<Inbox>) {
        let mut inner = lock(&self.inner);
        match inbox {
            Some(inbox) => inner.inboxes.insert(node, inbox),
            None => inner.inboxes.remove(&node),
        };
    }

    /// Nothing goes from one node to another any more, or again.
    pub fn cut(&self, from: u8, to: u8, cut: bool) {
        let mut inner = lock(&self.inner);
        if cut {
            inner.cut.insert((from, to));
        } else {
            inner.cut.remove(&(from, to));
        }
    }

    /// Everything that goes to a node takes longer from now on, or as long as ever.
    pub fn delay(&self, to: u8, late_us: Option<u64>) {
        let mut inner = lock(&self.inner);
        match late_us {
            Some(late_us) => inner.late.insert(to, late_us),
            None => inner.late.remove(&to),
        };
    }

    /// From now on there are no faults, and no cuts.
    pub fn calm(&self) {
        let mut inner = lock(&self.inner);
        inner.calm = true;
        inner.cut.clear();
        inner.late.clear();
    }

    fn arrive(&self, to: u8, from: SocketAddr, bytes: &[u8]) {
        let IpAddr::V4(from) = from.ip() else { return };
        let from = from.octets()[3];
        match Message::decode(bytes) {
            Ok(message) if message.from.node.0 == from => {
                self.event_log
                    .note("net", link(from, to), "arrives", &[xxh3_64(bytes)], || message.to_string());
                if let Some(inbox) = lock(&self.inner).inboxes.get(&to) {
                    inbox.deliver(message);
                }
            }
            Ok(_) | Err(_) => self.event_log.count("mark", "a message that no node sent"),
        }
    }

    /// Decides what becomes of a message, and sends it on its way.
    fn post(&self, from: u8, to: u8, bytes: Vec<u8>, words: impl Fn() -> String) {
        let mut inner = lock(&self.inner);
        let Inner { seed, link: options, calm, streams, cut, late: lagging, ports, .. } = &mut *inner;
        let name = link(from, to);
        let seed = *seed;
        let chance = streams.entry(name).or_insert_with(|| Stream::new(seed, "link", name));
        let hash = xxh3_64(&bytes);
        let lost = chance.chance(options.lose_ppm);
        let copies = if chance.chance(options.duplicate_ppm) { 2 } else { 1 };
        let fate = match () {
            () if cut.contains(&(from, to)) => "is cut off",
            () if *calm => "goes",
            () if lost => "is lost",
            () if copies == 2 => "goes twice",
            () => "goes",
        };
        self.event_log.note("net", name, fate, &[hash], &words);
        match fate {
            "is lost" => return self.event_log.count("fault", "lose"),
            "is cut off" => return self.event_log.count("fault", "cut-message"),
            "goes twice" => self.event_log.count("fault", "duplicate"),
            _ => {}
        }
        let Some(port) = ports.get(&from) else { return };
        for _ in 0..if *calm { 1 } else { copies } {
            let mut delay = chance.between(options.delay_us_min, options.delay_us_max);
            delay += lagging.get(&to).copied().unwrap_or(0);
            let (late, tail) = (chance.chance(options.spike_ppm), chance.tail(options.spike_us));
            if late && !*calm {
                self.event_log.count("fault", "delay");
                delay += tail;
            }
            let due_ns = now_ns() + delay * 1_000;
            let _gone = port.parcels.send(Parcel { due_ns, to, bytes: bytes.clone() });
        }
    }
}

/// Sends each parcel when it is due.
async fn carry(endpoint: Arc<Endpoint>, mut queue: mpsc::UnboundedReceiver<Parcel>) {
    let mut waiting: BinaryHeap<Reverse<(u64, u64)>> = BinaryHeap::new();
    let mut parcels: BTreeMap<u64, Parcel> = BTreeMap::new();
    let mut count = 0;
    loop {
        let next = waiting.peek().map(|Reverse((due, _))| *due);
        let due = async {
            match next {
                Some(due) => {
                    tokio::time::sleep(Duration::from_nanos(due.saturating_sub(now_ns()))).await;
                }
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            parcel = queue.recv() => {
                let Some(parcel) = parcel else { return };
                count += 1;
                waiting.push(Reverse((parcel.due_ns, count)));
                parcels.insert(count, parcel);
            }
            () = due => {
                let now = now_ns();
                while let Some(Reverse((due, which))) = waiting.peek().copied() && due <= now {
                    waiting.pop();
                    if let Some(parcel) = parcels.remove(&which) {
                        let _lost = endpoint.send_to_raw(address(parcel.to), TAG, Box::new(parcel.bytes)).await;
                    }
                }
            }
        }
    }
}

/// A node's way to the others.
pub struct Wire {
    /// The node.
    pub node: u8,
    /// The network.
    pub network: Network,
    /// Who watches.
    pub judge: Arc<Mutex<Judge>>,
    /// Whether the node has power.
    pub alive: Arc<AtomicBool>,
}

impl Transport for Wire {
    fn send(&mut self, message: Message<ControlPlaneEntry>) {
        if !self.alive.load(Ordering::Relaxed) {
            return;
        }
        lock(&self.judge).sent(self.node, &message);
        if let Ok(bytes) = message.encode() {
            self.network.post(self.node, message.to.node.0, bytes, || message.to_string());
        }
    }

    fn members(&mut self, _: &Registry) {}
}
