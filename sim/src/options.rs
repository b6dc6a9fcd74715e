//! The options of a run, as printed with its result. `expand.rs` draws them from a seed.

use crate::data::DataOptions;
use crate::stream::Stream;
use cutover::core::placement::Guarantee;
use cutover::core::raft::{NodeLimits, SessionLimits};
use cutover::node::driver::{Queues, Timing};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The options of a run. Names end in the unit: `_ppm` is a probability in parts per million, `_pc` one in percent.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Options {
    /// The seed from which these options were drawn.
    pub seed: u64,
    /// Number of voters at the start.
    pub nodes: u8,
    /// Length of the phase with faults, in simulated seconds.
    pub faulty_s: u64,
    /// Durations of the nodes' timers.
    pub timing: Timing,
    /// Number of applied entries after which a node takes a snapshot.
    pub compact_after_entries: u64,
    /// Number of entries that a node keeps before its snapshot.
    pub keep_entries: u64,
    /// Maximum number of appends in flight to one follower.
    pub window: u8,
    /// Maximum number of entries in an append.
    pub append_entries_max: u32,
    /// Maximum total size of uncommitted proposals in bytes.
    pub uncommitted_bytes_max: u32,
    /// Maximum number of sessions.
    pub sessions_max: u16,
    /// Maximum number of answers kept for a session.
    pub answers_max: u16,
    /// Length of the driver's queue of requests.
    pub requests_max: usize,
    /// Number of changes kept for watchers that reconnect.
    pub watch_history: usize,
    /// Maximum number of changes queued for a watcher.
    pub watch_ahead: usize,
    /// Batches that are not durable yet, at which a driver takes no more requests.
    pub batches_max: usize,
    /// Open watches that a driver takes.
    pub watchers_max: usize,
    /// Open watches that the services of a node take.
    pub watches_max: usize,
    /// Open watches of one certificate.
    pub watches_each: usize,
    /// Options of the network between nodes.
    pub link: Values,
    /// Options of the disks.
    pub disk: Values,
    /// Options of faults at nodes.
    pub node: Values,
    /// Options of the workload.
    pub work: Work,
    /// Options of the stores with data.
    pub data: DataOptions,
}

/// A group of options, with its own random stream.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Group {
    /// The network between nodes.
    Link = 1,
    /// The disks.
    Disk = 2,
    /// Faults at nodes; each probability is per tenth of a second.
    Node = 3,
    /// The workload.
    Work = 4,
}

/// How the value of an option is drawn.
#[derive(Clone, Copy, Debug)]
pub enum Draw {
    /// One of these values, or 0 in a third of the seeds. A fault that is off lets others show what it would hide.
    Chance(&'static [u64]),
    /// One of these values.
    OneOf(&'static [u64]),
    /// By a function of the group's random stream and the values drawn so far.
    By(fn(&mut Stream, &Values) -> u64),
}

/// An option whose value is drawn from a seed.
#[derive(Clone, Copy, Debug)]
pub struct Drawn {
    /// The group that the option belongs to.
    pub group: Group,
    /// Name within the group, in the output of a run.
    pub name: &'static str,
    /// How its value is drawn.
    pub draw: Draw,
}

impl Drawn {
    /// An option for a probability: one of these values, or 0 in a third of the seeds.
    #[must_use]
    pub const fn chance(group: Group, name: &'static str, from: &'static [u64]) -> Self {
        Self { group, name, draw: Draw::Chance(from) }
    }

    /// An option for a duration or an amount: one of these values.
    #[must_use]
    pub const fn scale(group: Group, name: &'static str, from: &'static [u64]) -> Self {
        Self { group, name, draw: Draw::OneOf(from) }
    }
}

/// The drawn values of a group, by name of the option.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Values(BTreeMap<String, u64>);

impl Values {
    /// The value of an option.
    #[must_use]
    pub fn get(&self, option: &Drawn) -> u64 {
        self.named(option.name)
    }

    /// The value of the option with this name; 0 if there is none.
    #[must_use]
    pub fn named(&self, name: &str) -> u64 {
        self.0.get(name).copied().unwrap_or(0)
    }

    /// Draws the value of an option.
    pub fn draw(&mut self, option: &Drawn, stream: &mut Stream) {
        let value = match option.draw {
            Draw::Chance(from) => {
                let value = stream.pick(from).unwrap_or(0);
                if stream.below(3) == 0 { 0 } else { value }
            }
            Draw::OneOf(from) => stream.pick(from).unwrap_or(0),
            Draw::By(draw) => draw(stream, self),
        };
        self.0.insert(option.name.to_owned(), value);
    }

    /// Sets the value of an option to 0.
    pub fn clear(&mut self, option: &Drawn) {
        self.0.insert(option.name.to_owned(), 0);
    }
}

/// Minimum delay of a message, in microseconds.
pub const DELAY_US_MIN: Drawn =
    Drawn { group: Group::Link, name: "delay_us_min", draw: Draw::By(|stream, _| stream.between(20, 2_000)) };
/// Minimum duration of a write, in microseconds.
pub const WRITE_US_MIN: Drawn = Drawn::scale(Group::Disk, "write_us_min", &[20, 200, 2_000]);
/// Maximum duration of a write that is not slowed down by a fault, in microseconds.
pub const WRITE_US_MAX: Drawn = Drawn {
    group: Group::Disk,
    name: "write_us_max",
    draw: Draw::By(|stream, disk| disk.get(&WRITE_US_MIN) * stream.between(1, 10)),
};

/// Options of the workload.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Work {
    /// Number of clients of numbered partitions.
    pub clients: u8,
    /// Number of additional clients that make ten requests a second at random nodes, leaders or not.
    pub roaming: u8,
    /// Number of clients of named partitions.
    pub namers: u8,
    /// Number of requests per second of all clients together.
    pub requests_per_s: u64,
    /// Number of partitions that the clients share.
    pub partitions: u32,
    /// Number of placements.
    pub placements: u64,
    /// Percentage of requests that are reads.
    pub reads_pc: u64,
    /// Percentage of changes that expect a state other than the one the client knows.
    pub stale_pc: u64,
    /// Percentage of changes without a session.
    pub bare_pc: u64,
    /// Maximum number of migrations in flight.
    pub migrations_max: u32,
    /// Number of watchers.
    pub watchers: u8,
    /// How long a client waits for an answer, in milliseconds.
    pub patience_ms: u64,
    /// Number of clients that read everything else.
    pub readers: u8,
    /// Number of clients that open watches at earlier revisions.
    pub probers: u8,
    /// Number of clients whose roles permit little.
    pub guests: u8,
    /// Number of watchers that keep a gateway's table with the production library.
    pub gateways: u8,
    /// Number of crowds that call at once.
    pub crowds: u8,
    /// Number of clients that hold sessions with several requests, and of those of the production library.
    pub holders: u8,
    /// Options of the faults in this group.
    #[serde(flatten)]
    pub faults: Values,
}

impl Work {
    /// What the stores can give, as the log knows them: every fourth, from the second on, cannot seal.
    pub fn guarantees(&self) -> impl Iterator<Item = Guarantee> + use<> {
        (0..self.placements.max(2))
            .map(|store| if store % 4 == 1 { Guarantee::Timed } else { Guarantee::Sealed })
    }
}

impl Options {
    /// The drawn value of an option.
    #[must_use]
    pub fn value(&self, option: &Drawn) -> u64 {
        match option.group {
            Group::Link => &self.link,
            Group::Disk => &self.disk,
            Group::Node => &self.node,
            Group::Work => &self.work.faults,
        }
        .get(option)
    }

    /// Sets the drawn value of an option to 0.
    pub fn clear(&mut self, option: &Drawn) {
        match option.group {
            Group::Link => &mut self.link,
            Group::Disk => &mut self.disk,
            Group::Node => &mut self.node,
            Group::Work => &mut self.work.faults,
        }
        .clear(option);
    }

    /// How long a disk may make no progress before its node stops, in milliseconds.
    #[must_use]
    pub fn stall_ms(&self) -> u64 {
        u64::try_from(self.timing.disk_stall().as_millis()).unwrap_or(u64::MAX)
    }

    /// Limits of the nodes.
    #[must_use]
    pub const fn limits(&self) -> NodeLimits {
        NodeLimits {
            window: self.window,
            append_entries_max: self.append_entries_max,
            uncommitted_bytes_max: self.uncommitted_bytes_max,
            compact_after_entries: self.compact_after_entries,
            keep_entries: self.keep_entries,
            reads_max: 64,
            ..NodeLimits::PRODUCTION
        }
    }

    /// Limits of the session table.
    #[must_use]
    pub const fn sessions(&self) -> SessionLimits {
        SessionLimits { sessions_max: self.sessions_max, answers_max: self.answers_max }
    }

    /// Lengths of the driver's queues.
    #[must_use]
    pub const fn queues(&self) -> Queues {
        Queues {
            requests: self.requests_max,
            history: self.watch_history,
            watch: self.watch_ahead,
            // One for the controllers of the node.
            watchers: self.watchers_max + 1,
            batches: self.batches_max,
            inbox: 256,
        }
    }
}
