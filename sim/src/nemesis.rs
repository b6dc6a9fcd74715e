//! What happens to nodes and links, and when. Each kind of damage has a stream of its own.

use crate::event_log::{lock, now_ns};
use crate::host::{End, Hosts, Report};
use crate::judge::own;
use crate::stream::{Stream, link};
use crate::workload::Order;
use core::time::Duration;
use cutover::core::raft::RoleName;
use cutover::node::driver::Stopped;
use std::collections::BTreeMap;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

const TICK: Duration = Duration::from_millis(100);
/// A node that hears late is not heard any more, from one tick on.
const UNHEARD_PPM: u64 = 100_000;
/// How much more often a leader is isolated, or lags.
const LEADERS: u64 = 4;

/// Something that ends by itself.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Lasting {
    Down(u8),
    Paused(u8),
    Cut(u8, u8),
    Lag(u8),
}

/// Does damage.
pub struct Nemesis {
    hosts: Hosts,
    reports: mpsc::UnboundedReceiver<Report>,
    orders: mpsc::Sender<Order>,
    streams: BTreeMap<(&'static str, u64), Stream>,
    until_ns: BTreeMap<Lasting, u64>,
}

impl Nemesis {
    /// For these nodes.
    #[must_use]
    pub fn new(hosts: Hosts, reports: mpsc::UnboundedReceiver<Report>, orders: mpsc::Sender<Order>) -> Self {
        Self { hosts, reports, orders, streams: BTreeMap::new(), until_ns: BTreeMap::new() }
    }

    fn stream(&mut self, purpose: &'static str, which: u64) -> &mut Stream {
        let seed = self.hosts.options.seed;
        self.streams.entry((purpose, which)).or_insert_with(|| Stream::new(seed, purpose, which))
    }

    fn strikes(&mut self, purpose: &'static str, which: u64, ppm: u64) -> bool {
        self.stream(purpose, which).chance(ppm)
    }

    /// Until that time, or until something is found.
    pub async fn run(&mut self, end: Instant) {
        let mut next = Instant::now() + TICK;
        while next < end && lock(&self.hosts.judge).findings().is_empty() {
            tokio::select! {
                biased;
                report = self.reports.recv() => if let Some(report) = report { self.hear(report) },
                () = sleep_until(next) => {
                    self.tick();
                    next += TICK;
                }
            }
        }
    }

    /// No more damage: only what nodes say is heard.
    pub async fn listen(&mut self) {
        while let Some(report) = self.reports.recv().await {
            self.hear(report);
        }
    }

    fn last(&mut self, what: Lasting, purpose: &'static str, scale_ms: u64) {
        let tail_ms = self.stream(purpose, 0).tail(scale_ms) + 1;
        self.until_ns.insert(what, now_ns() + tail_ms * 1_000_000);
    }

    fn hear(&mut self, report: Report) {
        let (node, boot) = match &report {
            Report::NoPower { node, boot } | Report::Stopped { node, boot, .. } => (*node, *boot),
        };
        if boot != self.hosts.boot_of(node) || !self.hosts.is_up(node) {
            return;
        }
        if let Report::Stopped { why, .. } = &report
            && !matches!(why, Stopped::Disk(_))
        {
            lock(&self.hosts.judge).find(own::STOP, format!("n{node} ended by itself"), why.to_string());
        }
        self.down(node, End::Power);
    }

    fn down(&mut self, node: u8, end: End) {
        self.hosts.end(node, end);
        self.until_ns.remove(&Lasting::Paused(node));
        let scale_ms = self.hosts.options.node.down_ms;
        self.last(Lasting::Down(node), "down", scale_ms);
    }

    fn tick(&mut self) {
        self.expire();
        let options = self.hosts.options.node.clone();
        let nodes = self.hosts.all();
        if self.strikes("blackout", 0, options.blackout_ppm) {
            self.hosts.event_log.count("fault", "blackout");
            for node in &nodes {
                if self.hosts.is_up(*node) {
                    self.down(*node, End::Power);
                }
            }
        }
        for node in &nodes {
            self.strike(*node);
        }
        self.cuts(&nodes);
        self.lags(&nodes);
        if self.strikes("transfer", 0, options.transfer_ppm) {
            let _busy = self.orders.try_send(Order::Transfer);
        }
        let victim = self.stream("victim", 0).pick(&nodes).unwrap_or(1);
        let few = self.hosts.options.nodes < 3 || victim > self.hosts.options.nodes;
        if self.strikes("rebuild", 0, options.rebuild_ppm) && !few {
            let _busy = self.orders.try_send(Order::Rebuild(victim));
        }
        if self.strikes("grow", 0, options.grow_ppm) {
            let _busy = self.orders.try_send(Order::Grow);
        }
    }

    fn strike(&mut self, node: u8) {
        let options = self.hosts.options.node.clone();
        let crash = self.strikes("crash", node.into(), options.crash_ppm);
        let kill = self.strikes("kill", node.into(), options.kill_ppm);
        let pause = self.strikes("pause", node.into(), options.pause_ppm);
        if !self.hosts.is_up(node) {
            return;
        }
        if crash {
            self.hosts.event_log.count("fault", "crash");
            self.down(node, End::Power);
        } else if kill {
            self.hosts.event_log.count("fault", "kill");
            self.down(node, End::Process);
        } else if pause && !self.hosts.is_paused(node) {
            self.hosts.event_log.count("fault", "pause");
            self.hosts.pause(node, true);
            self.last(Lasting::Paused(node), "pausing", options.pause_ms);
        }
    }

    fn cuts(&mut self, nodes: &[u8]) {
        let options = self.hosts.options.link.clone();
        for from in nodes {
            let ppm = self.aimed(*from, options.isolate_ppm);
            let alone = self.strikes("isolate", u64::from(*from), ppm);
            if alone {
                self.hosts.event_log.count("fault", "isolate");
                self.unheard();
            }
            for to in nodes.iter().filter(|to| *to != from) {
                if self.strikes("cut", link(*from, *to), options.cut_ppm) {
                    self.hosts.event_log.count("fault", "cut");
                    self.cut(*from, *to);
                }
                if alone {
                    self.cut(*from, *to);
                    self.cut(*to, *from);
                }
            }
        }
    }

    /// What a node hears is old, for a while: answers to what it asked long ago. Some day nobody hears it any more, and the
    /// others may go on without it while answers to it are still on their way.
    fn lags(&mut self, nodes: &[u8]) {
        let (ppm, timing) = (self.hosts.options.link.lag_ppm, self.hosts.options.timing);
        for node in nodes {
            let often = self.aimed(*node, ppm);
            let begins = self.strikes("lag", u64::from(*node), often);
            let ends = self.strikes("unheard", u64::from(*node), UNHEARD_PPM);
            if let Some(until) = self.until_ns.get(&Lasting::Lag(*node)).copied() {
                let heard = nodes.iter().any(|to| to != node && !self.is_cut(*node, *to));
                if ends && heard {
                    self.unheard();
                }
                for to in nodes.iter().filter(|to| ends && *to != node) {
                    self.hosts.network.cut(*node, *to, true);
                    self.until_ns.insert(Lasting::Cut(*node, *to), until);
                }
            } else if begins {
                self.hosts.event_log.count("fault", "lag");
                let late_ms = self.stream("late", 0).between(1, 2 * timing.election_timeout_ms_max);
                self.hosts.network.delay(*node, Some(late_ms * 1_000));
                self.last(Lasting::Lag(*node), "lagging", 6 * timing.election_timeout_ms_max);
            }
        }
    }

    fn is_cut(&self, from: u8, to: u8) -> bool {
        self.until_ns.contains_key(&Lasting::Cut(from, to))
    }

    /// What befalls a leader tells more.
    fn aimed(&self, node: u8, ppm: u64) -> u64 {
        let judge = lock(&self.hosts.judge);
        let leads = judge.nodes().any(|(of, now)| of == node && now.node.role() == RoleName::Leader);
        if leads { ppm * LEADERS } else { ppm }
    }

    /// Nobody hears a node any more. It may be the leader, and not know for long.
    fn unheard(&mut self) {
        let longest_ms = self.hosts.options.timing.election_timeout_ms_max;
        let lull_ms = self.stream("lull", 0).between(longest_ms / 4, 2 * longest_ms);
        let begins = self.stream("lull", 1).below(100) < self.hosts.options.work.lull_pc;
        if begins && !self.hosts.lull.holds() {
            self.hosts.event_log.count("fault", "lull");
            self.hosts.lull.begin(lull_ms);
        }
    }

    fn cut(&mut self, from: u8, to: u8) {
        self.hosts.network.cut(from, to, true);
        let scale_ms = self.hosts.options.link.cut_ms;
        self.last(Lasting::Cut(from, to), "cutting", scale_ms);
    }

    fn expire(&mut self) {
        let now = now_ns();
        let over: Vec<_> =
            self.until_ns.iter().filter(|(_, until)| **until <= now).map(|(what, _)| *what).collect();
        for what in over {
            self.until_ns.remove(&what);
            match what {
                Lasting::Down(node) => self.hosts.boot(node),
                Lasting::Paused(node) => self.hosts.pause(node, false),
                Lasting::Cut(from, to) => self.hosts.network.cut(from, to, false),
                Lasting::Lag(node) => self.hosts.network.delay(node, None),
            }
        }
    }
}
