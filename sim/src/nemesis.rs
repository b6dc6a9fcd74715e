//! Injects faults into nodes and links at random times drawn from the seed. Each kind of fault has its own random
//! streams.

use crate::data::{gateway_ip, is_store};
use crate::ended::{Ended, NO_ROOM};
use crate::event_log::{lock, now_ns};
use crate::faults::{self, Cluster, ControlNode, End, Lasting, OperatorTask, down};
use crate::host::{Hosts, address};
use crate::judge::own;
use crate::options::Options;
use crate::stream::Stream;
use core::time::Duration;
use cutover::core::control_plane::ControlPlaneEntry;
use cutover::core::raft::{Message, RoleName};
use cutover::node::driver::Stopped;
use std::collections::BTreeMap;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, sleep_until};

/// Distance between the number of a gateway and its number as a caller of stores.
const GATEWAYS: u8 = 180;
const TICK: Duration = Duration::from_millis(100);

type Undo = fn(&mut dyn Cluster, Lasting);

/// Calls the hooks of all kinds of faults in every tick, and ends faults that have lasted long enough.
pub struct Nemesis {
    hosts: Hosts,
    ended: mpsc::UnboundedReceiver<Ended>,
    tasks: mpsc::Sender<OperatorTask>,
    streams: BTreeMap<(&'static str, u64), Stream>,
    lasting: BTreeMap<Lasting, (u64, Undo)>,
}

impl Nemesis {
    /// A nemesis for the given nodes. `ended`: reports of nodes that end by themselves; `tasks`: requests for the
    /// operator.
    #[must_use]
    pub fn new(
        hosts: Hosts,
        ended: mpsc::UnboundedReceiver<Ended>,
        tasks: mpsc::Sender<OperatorTask>,
    ) -> Self {
        Self { hosts, ended, tasks, streams: BTreeMap::new(), lasting: BTreeMap::new() }
    }

    /// Injects faults until `end`, or until a violation is found.
    pub async fn run(&mut self, end: Instant) {
        let mut next = Instant::now() + TICK;
        while next < end && lock(&self.hosts.judge).findings().is_empty() {
            tokio::select! {
                biased;
                ended = self.ended.recv() => if let Some(ended) = ended { self.restart(ended) },
                () = sleep_until(next) => {
                    self.tick();
                    next += TICK;
                }
            }
        }
    }

    /// Ends the faults in effect, and injects no more. A disk that stands still is back, and a full one has room.
    pub fn calm(&mut self) {
        self.lasting.clear();
        for node in self.hosts.all().into_iter().chain(self.hosts.stores()) {
            self.hosts.disk_time(node).stand_until(0);
            self.hosts.fill_disk(node, None);
        }
    }

    /// Restarts nodes that end by themselves, as long as it is polled.
    pub async fn listen(&mut self) {
        loop {
            tokio::select! {
                biased;
                ended = self.ended.recv() => match ended {
                    Some(ended) => self.restart(ended),
                    None => return,
                },
                () = sleep(TICK) => self.undo_what_is_over(),
            }
        }
    }

    /// Restarts a node that ended by itself, after a while. A failed disk is the only valid reason to end.
    fn restart(&mut self, ended: Ended) {
        let (node, boot) = match &ended {
            Ended::PowerFailed { node, boot }
            | Ended::NoRoom { node, boot }
            | Ended::Stopped { node, boot, .. } => (*node, *boot),
        };
        if boot != self.hosts.boot_of(node) || !self.hosts.is_up(node) {
            return;
        }
        if let Ended::Stopped { why, .. } = &ended {
            let limit = self.hosts.options.timing.disk_stall();
            let against = match why {
                // A node that stops waits for its disk no longer than that, suspended or not.
                Stopped::Requested | Stopped::Disk(_) if self.hosts.is_stopping(node) => None,
                // It says why, so that the operator makes room.
                Stopped::Disk(text) if self.hosts.had_no_room(node) && !text.contains(NO_ROOM) => {
                    Some("its disk is full".to_owned())
                }
                Stopped::Disk(_) if self.hosts.disk_time(node).may_be_given_up(limit) => None,
                Stopped::Disk(_) => Some(format!("no write has failed, or taken {limit:?}")),
                Stopped::Requested | Stopped::Halted(_) => Some("its disk works".to_owned()),
            };
            if let Some(against) = against {
                lock(&self.hosts.judge).find(own::STOP, format!("n{node} ended by itself: {why}"), against);
            }
        }
        down(self, node, End::Power);
    }

    fn tick(&mut self) {
        self.undo_what_is_over();
        let nodes = self.hosts.all();
        faults::ALL.iter().for_each(|kind| kind.cluster(self));
        for node in &nodes {
            faults::ALL.iter().for_each(|kind| kind.node(self, *node));
        }
        for from in &nodes {
            for to in nodes.iter().filter(|to| *to != from) {
                faults::ALL.iter().for_each(|kind| kind.link(self, *from, *to));
            }
        }
        for store in self.hosts.stores() {
            let kinds = faults::ALL.iter().filter(|kind| kind.is_of_stores());
            kinds.for_each(|kind| kind.node(self, store));
            for caller in self.callers().into_iter().filter(|caller| *caller != store) {
                faults::ALL.iter().for_each(|kind| kind.call(self, caller, store));
            }
        }
        faults::ALL.iter().for_each(|kind| kind.after(self));
    }

    fn undo_what_is_over(&mut self) {
        let now = now_ns();
        let over: Vec<_> = self.lasting.iter().filter(|(_, (until, _))| *until <= now).collect();
        let over: Vec<_> = over.into_iter().map(|(what, (_, undo))| (*what, *undo)).collect();
        for (what, undo) in over {
            self.lasting.remove(&what);
            undo(self, what);
        }
    }
}

impl Cluster for Nemesis {
    fn options(&self) -> &Options {
        &self.hosts.options
    }

    fn stream(&mut self, purpose: &'static str, which: u64) -> &mut Stream {
        let seed = self.hosts.options.seed;
        self.streams.entry((purpose, which)).or_insert_with(|| Stream::new(seed, purpose, which))
    }

    fn count(&self, kind: &'static str) {
        self.hosts.event_log.count("fault", kind);
    }

    fn nodes(&self) -> Vec<u8> {
        self.hosts.all()
    }

    fn stores(&self) -> Vec<u8> {
        self.hosts.stores()
    }

    fn cut_off(&mut self, caller: u8, store: u8, cut: bool) {
        let from = if caller >= GATEWAYS && !is_store(caller) {
            gateway_ip(caller - GATEWAYS)
        } else {
            address(caller).ip()
        };
        self.hosts.cut_off(from, store, cut);
    }

    fn callers(&self) -> Vec<u8> {
        let gateways = (0..self.hosts.options.data.gateways).map(|number| GATEWAYS + number);
        self.hosts.all().into_iter().chain(self.hosts.stores()).chain(gateways).collect()
    }

    fn is_up(&self, node: u8) -> bool {
        self.hosts.is_up(node)
    }

    fn leads(&self, node: u8) -> bool {
        let judge = lock(&self.hosts.judge);
        judge.nodes().any(|(of, now)| of == node && now.node.role() == RoleName::Leader)
    }

    fn is_paused(&self, node: u8) -> bool {
        self.hosts.is_paused(node)
    }

    fn end(&mut self, node: u8, end: End) {
        self.hosts.end(node, end);
    }

    fn stop(&mut self, node: u8) {
        self.hosts.stop(node);
    }

    fn boot(&mut self, node: u8) {
        self.hosts.boot(node);
    }

    fn pause(&mut self, node: u8, pause: bool) {
        self.hosts.pause(node, pause);
    }

    fn stand_still(&mut self, node: u8, for_ms: u64) {
        self.hosts.disk_time(node).stand_until(now_ns() + for_ms * 1_000_000);
    }

    fn fill_disk(&mut self, node: u8, after: Option<u64>) {
        self.hosts.fill_disk(node, after);
    }

    fn stands_until_ns(&self, node: u8) -> u64 {
        match self.hosts.disk_time(node).stands_us() {
            0 => 0,
            us => now_ns() + us * 1_000,
        }
    }

    fn cut(&mut self, from: u8, to: u8, cut: bool) {
        self.hosts.network.cut(from, to, cut);
    }

    fn slow_down(&mut self, to: u8, late_us: Option<u64>) {
        self.hosts.network.delay(to, late_us);
    }

    fn pause_reads(&mut self, ms: u64) -> bool {
        let reads = !self.hosts.lull.holds();
        if reads {
            self.hosts.lull.begin(ms);
        }
        reads
    }

    fn look_at(&self, node: u8, look: &mut dyn FnMut(&ControlNode)) {
        let judge = lock(&self.hosts.judge);
        if let Some((_, now)) = judge.nodes().find(|(of, _)| *of == node) {
            look(now.node);
        }
    }

    fn forge(&mut self, message: Message<ControlPlaneEntry>) {
        if let Ok(bytes) = message.encode() {
            let (from, to) = (message.from.node.0, message.to.node.0);
            self.hosts.network.add_once(from);
            self.hosts.network.post((from, 0), to, bytes, || format!("forged: {message}"));
        }
    }

    fn ask_operator(&mut self, task: OperatorTask) {
        let _busy = self.tasks.try_send(task);
    }

    fn lasts(&mut self, what: Lasting, until_ns: u64, undo: Undo) {
        self.lasting.insert(what, (until_ns, undo));
    }

    fn lasts_until_ns(&self, what: Lasting) -> Option<u64> {
        self.lasting.get(&what).map(|(until, _)| *until)
    }

    fn forget(&mut self, what: Lasting) {
        self.lasting.remove(&what);
    }

    fn now_ns(&self) -> u64 {
        now_ns()
    }
}
