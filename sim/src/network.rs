//! The network between nodes: messages in their production encoding, as datagrams of madsim, with this project's
//! own faults on every link.
//!
//! Each node has a *port*, a separate machine of the simulation, so that messages in flight outlive the process
//! that sent them. The fate of a message is drawn when it is sent, from the random stream of its link. The sender
//! is identified by the address of its port: a node cannot send in another node's name.

use crate::event_log::{EventLog, lock, now_ns};
use crate::faults::{self, Fate};
use crate::judge::{Judge, Twin, own};
use crate::options::{DELAY_US_MIN, Values};
use crate::processes::{COPY, Heard, Process, Welcome, member_of};
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

/// A message in flight.
struct InFlight {
    due_ns: u64,
    to: u8,
    from: Process,
    bytes: Vec<u8>,
}

/// A member of which a copy runs.
struct Copied {
    /// The nodes whose messages to the member reach the copy.
    by: BTreeSet<u8>,
    /// Whether the original reaches nobody any more.
    replaced: bool,
    /// Whether the original may have been answered, and the copy was, since the copy was made.
    answered: (bool, bool),
}

struct Port {
    _machine: NodeHandle,
    sending: mpsc::UnboundedSender<InFlight>,
}

struct Inner {
    seed: u64,
    link: Values,
    calm: bool,
    streams: BTreeMap<u64, Stream>,
    cut: BTreeSet<(u8, u8)>,
    /// Additional delay in microseconds for messages to a node, by number of the node.
    late: BTreeMap<u8, u64>,
    /// By number of the member.
    copied: BTreeMap<u8, Copied>,
    ports: BTreeMap<u8, Port>,
    inboxes: BTreeMap<u8, (Inbox, Heard)>,
    judge: Arc<Mutex<Judge>>,
}

/// The network of a run. Clones share it.
#[derive(Clone)]
pub struct Network {
    inner: Arc<Mutex<Inner>>,
    event_log: EventLog,
}

impl Network {
    /// A network without nodes.
    #[must_use]
    pub fn new(seed: u64, link: Values, event_log: EventLog, judge: Arc<Mutex<Judge>>) -> Self {
        let inner = Inner {
            seed,
            link,
            calm: false,
            streams: BTreeMap::new(),
            cut: BTreeSet::new(),
            late: BTreeMap::new(),
            copied: BTreeMap::new(),
            ports: BTreeMap::new(),
            inboxes: BTreeMap::new(),
            judge,
        };
        Self { inner: Arc::new(Mutex::new(inner)), event_log }
    }

    /// Creates the port of a node.
    pub fn add(&self, node: u8) {
        let machine =
            Handle::current().create_node().name(format!("port{node}")).ip(address(node).ip()).build();
        let (sending, queue) = mpsc::unbounded_channel();
        let network = self.clone();
        machine.spawn(async move {
            let Ok(endpoint) = Endpoint::bind(address(node)).await else { return };
            let endpoint = Arc::new(endpoint);
            madsim::task::spawn(carry(Arc::clone(&endpoint), queue));
            while let Ok((data, from)) = endpoint.recv_from_raw(TAG).await {
                if let Ok(message) = data.downcast::<(u64, Vec<u8>)>() {
                    network.arrive(node, from, message.0, &message.1);
                }
            }
        });
        lock(&self.inner).ports.insert(node, Port { _machine: machine, sending });
    }

    /// Creates the port of a machine that runs no node, unless there is one.
    pub fn add_once(&self, node: u8) {
        if !lock(&self.inner).ports.contains_key(&node) {
            self.add(node);
        }
    }

    /// Connects the inbox of a node's process to its port, or disconnects the port.
    pub fn plug(&self, node: u8, inbox: Option<Inbox>) {
        let mut inner = lock(&self.inner);
        match inbox {
            Some(inbox) => inner.inboxes.insert(node, (inbox, Heard::default())),
            None => inner.inboxes.remove(&node),
        };
    }

    /// Cuts or restores the directed link between two nodes.
    pub fn cut(&self, from: u8, to: u8, cut: bool) {
        let mut inner = lock(&self.inner);
        if cut {
            inner.cut.insert((from, to));
        } else {
            inner.cut.remove(&(from, to));
        }
    }

    /// Delays all messages to a node by so many microseconds, or ends the delay.
    pub fn delay(&self, to: u8, late_us: Option<u64>) {
        let mut inner = lock(&self.inner);
        match late_us {
            Some(late_us) => inner.late.insert(to, late_us),
            None => inner.late.remove(&to),
        };
    }

    /// A copy of a member runs from now on. Messages of these nodes to the member reach the copy. `replaced`: the original reaches
    /// nobody any more.
    pub fn copied(&self, member: u8, by: BTreeSet<u8>, replaced: bool) {
        let mut inner = lock(&self.inner);
        if replaced {
            lock(&inner.judge).replaced(member);
        }
        // Of an original that goes on, it cannot be said when it was answered last.
        inner.copied.insert(member, Copied { by, replaced, answered: (!replaced, false) });
    }

    /// No copy runs any more.
    pub fn no_copies(&self) {
        let mut inner = lock(&self.inner);
        let Inner { copied, judge, .. } = &mut *inner;
        for (_, Copied { answered, .. }) in std::mem::take(copied) {
            lock(judge).twin(match answered {
                (_, false) => Twin::Unanswered,
                (false, true) => Twin::Alone,
                (true, true) => Twin::Both,
            });
        }
        lock(judge).no_copies();
    }

    /// Ends all faults and cuts for good.
    pub fn calm(&self) {
        let mut inner = lock(&self.inner);
        inner.calm = true;
        inner.cut.clear();
        inner.late.clear();
    }

    fn arrive(&self, to: u8, from: SocketAddr, boot: u64, bytes: &[u8]) {
        let IpAddr::V4(from) = from.ip() else { return };
        let from = from.octets()[3];
        match Message::decode(bytes) {
            Ok(message) if message.from.node.0 == member_of(from) => {
                self.event_log
                    .note("net", link(from, to), "arrives", &[xxh3_64(bytes)], || message.to_string());
                self.deliver(to, (from, boot), message);
            }
            Ok(_) | Err(_) => self.event_log.count("mark", "a message that no node sent"),
        }
    }

    fn deliver(&self, to: u8, from: Process, message: Message<ControlPlaneEntry>) {
        let mut inner = lock(&self.inner);
        let Inner { inboxes, judge, copied, .. } = &mut *inner;
        let answers = |copied: &Copied| copied.by.contains(&member_of(from.0));
        let to = if copied.get(&to).is_some_and(answers) { COPY + to } else { to };
        let Some((inbox, heard)) = inboxes.get_mut(&to) else { return };
        let welcome = heard.hear(message.from, from);
        match welcome {
            Welcome::Taken => {
                if let Some(Copied { answered, .. }) = copied.get_mut(&member_of(to)) {
                    let answered = if member_of(to) == to { &mut answered.0 } else { &mut answered.1 };
                    *answered = true;
                }
                if copied.get(&member_of(to)).is_some_and(|copied| copied.answered == (true, true)) {
                    lock(judge).twin(Twin::Both);
                }
                return inbox.deliver(message);
            }
            Welcome::Refused => return self.event_log.count("client", "messages of copied members refused"),
            Welcome::TakenOfTwins | Welcome::RefusedAlone => {}
        }
        let found = format!("a message of {} is {welcome:?} at n{to}", message.from);
        lock(judge).find(
            own::TWINS,
            found,
            format!("the process is number {} of machine {}", from.1, from.0),
        );
    }

    /// Draws the fate of a message, and sends it.
    pub fn post(&self, from: Process, to: u8, bytes: Vec<u8>, words: impl Fn() -> String) {
        let mut inner = lock(&self.inner);
        let Inner { seed, link: options, calm, streams, cut, late: lagging, copied, ports, .. } = &mut *inner;
        let name = link(from.0, to);
        let seed = *seed;
        let chance = streams.entry(name).or_insert_with(|| Stream::new(seed, "link", name));
        let hash = xxh3_64(&bytes);
        // Every kind of fault draws, so that the draws of the others do not depend on it. A lost message cannot
        // arrive twice.
        let kinds = faults::ALL.iter().filter_map(|kind| Some((kind.message(chance, options)?, kind.name())));
        let drawn = kinds.min().filter(|_| !*calm);
        let cut = cut.contains(&(from.0, to)) || copied.get(&from.0).is_some_and(|copied| copied.replaced);
        let (what, counted) = match drawn {
            _ if cut => ("is cut off", Some("cut-message")),
            None => ("goes", None),
            Some((Fate::Lost, kind)) => ("is lost", Some(kind)),
            Some((Fate::Twice, kind)) => ("goes twice", Some(kind)),
        };
        self.event_log.note("net", name, what, &[hash], &words);
        if let Some(kind) = counted {
            self.event_log.count("fault", kind);
        }
        let copies = match what {
            "goes" => 1,
            "goes twice" => 2,
            _ => return,
        };
        let Some(port) = ports.get(&from.0) else { return };
        for _ in 0..copies {
            let mut delay = chance.between(options.get(&DELAY_US_MIN), options.get(&faults::USUAL_US_MAX));
            delay += lagging.get(&to).copied().unwrap_or(0);
            for kind in faults::ALL {
                if let Some(later) = kind.copy(chance, options).filter(|_| !*calm) {
                    self.event_log.count("fault", kind.name());
                    delay += later;
                }
            }
            let due_ns = now_ns() + delay * 1_000;
            let _gone = port.sending.send(InFlight { due_ns, to, from, bytes: bytes.clone() });
        }
    }
}

/// Sends each message when it is due.
async fn carry(endpoint: Arc<Endpoint>, mut queue: mpsc::UnboundedReceiver<InFlight>) {
    let mut waiting: BinaryHeap<Reverse<(u64, u64)>> = BinaryHeap::new();
    let mut messages: BTreeMap<u64, InFlight> = BTreeMap::new();
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
            message = queue.recv() => {
                let Some(message) = message else { return };
                count += 1;
                waiting.push(Reverse((message.due_ns, count)));
                messages.insert(count, message);
            }
            () = due => {
                let now = now_ns();
                while let Some(Reverse((due, which))) = waiting.peek().copied() && due <= now {
                    waiting.pop();
                    if let Some(message) = messages.remove(&which) {
                        let InFlight { to, from: (_, boot), bytes, .. } = message;
                        let _lost = endpoint.send_to_raw(address(to), TAG, Box::new((boot, bytes))).await;
                    }
                }
            }
        }
    }
}

/// A node's connection to the network.
pub struct Wire {
    /// The process that sends.
    pub process: Process,
    /// The network.
    pub network: Network,
    /// Judges messages as they leave.
    pub judge: Arc<Mutex<Judge>>,
    /// False after the node's power has failed.
    pub alive: Arc<AtomicBool>,
}

impl Transport for Wire {
    fn send(&mut self, message: Message<ControlPlaneEntry>) {
        if !self.alive.load(Ordering::Relaxed) {
            return;
        }
        lock(&self.judge).sent(self.process.0, &message);
        if let Ok(bytes) = message.encode() {
            self.network.post(self.process, message.to.node.0, bytes, || message.to_string());
        }
    }

    fn members(&mut self, _: &Registry) {}
}
