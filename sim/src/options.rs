//! The whole configuration of a run, printed with it; `expand.rs` makes it from a seed.

use crate::stream::Stream;
use cutover::core::raft::{NodeLimits, SessionLimits};
use cutover::node::driver::{Queues, Timing};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Everything that steers a run. Chances are in parts per million, each for the thing that it names.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Options {
    /// The seed.
    pub seed: u64,
    /// Voters at the start.
    pub nodes: u8,
    /// How long faults happen, in simulated seconds.
    pub faulty_s: u64,
    /// Timers of the nodes.
    pub timing: Timing,
    /// Applied entries after which a snapshot is taken.
    pub compact_after_entries: u64,
    /// Entries kept before a snapshot.
    pub keep_entries: u64,
    /// Appends on their way to one follower.
    pub window: u8,
    /// Entries in one append.
    pub append_entries_max: u32,
    /// Bytes proposed and not committed.
    pub uncommitted_bytes_max: u32,
    /// Sessions.
    pub sessions_max: u16,
    /// Answers kept for a session.
    pub answers_max: u16,
    /// Queue of requests.
    pub requests_max: usize,
    /// Changes kept for watchers that come back.
    pub watch_history: usize,
    /// Changes that a watcher has not taken.
    pub watch_ahead: usize,
    /// The network between nodes.
    pub link: Values,
    /// The disks.
    pub disk: Values,
    /// What happens to nodes.
    pub node: Values,
    /// What clients do.
    pub work: Work,
}

/// A group of options, each named in it, with a random stream of its own.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Group {
    /// The network between nodes.
    Link = 1,
    /// The disks.
    Disk = 2,
    /// What happens to nodes; each chance is for a tenth of a second.
    Node = 3,
    /// What clients do.
    Work = 4,
}

/// How a seed draws an option.
#[derive(Clone, Copy, Debug)]
pub enum Draw {
    /// One of these, or 0 in a third of the seeds: what hides behind a fault is seen without it.
    Chance(&'static [u64]),
    /// One of these.
    OneOf(&'static [u64]),
    /// By the group's stream, and what it has given so far.
    By(fn(&mut Stream, &Values) -> u64),
}

/// An option that a seed draws.
#[derive(Clone, Copy, Debug)]
pub struct Drawn {
    /// Its group.
    pub group: Group,
    /// Its name there, in what a run prints.
    pub name: &'static str,
    /// How it is drawn.
    pub draw: Draw,
}

impl Drawn {
    /// How often something happens: one of these, or 0 in a third of the seeds.
    #[must_use]
    pub const fn chance(group: Group, name: &'static str, from: &'static [u64]) -> Self {
        Self { group, name, draw: Draw::Chance(from) }
    }

    /// How long or how much: one of these.
    #[must_use]
    pub const fn scale(group: Group, name: &'static str, from: &'static [u64]) -> Self {
        Self { group, name, draw: Draw::OneOf(from) }
    }
}

/// What a seed has drawn for a group, by name.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Values(BTreeMap<String, u64>);

impl Values {
    /// The value of an option.
    #[must_use]
    pub fn get(&self, option: &Drawn) -> u64 {
        self.named(option.name)
    }

    /// The value of the option of this name, 0 if there is none.
    #[must_use]
    pub fn named(&self, name: &str) -> u64 {
        self.0.get(name).copied().unwrap_or(0)
    }

    /// Draws an option.
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

    /// Sets an option to 0.
    pub fn clear(&mut self, option: &Drawn) {
        self.0.insert(option.name.to_owned(), 0);
    }
}

/// A message takes at least this long.
pub const DELAY_US_MIN: Drawn =
    Drawn { group: Group::Link, name: "delay_us_min", draw: Draw::By(|stream, _| stream.between(20, 2_000)) };
/// A write takes at least this long.
pub const WRITE_US_MIN: Drawn = Drawn::scale(Group::Disk, "write_us_min", &[20, 200, 2_000]);
/// A write takes at most this long.
pub const WRITE_US_MAX: Drawn = Drawn {
    group: Group::Disk,
    name: "write_us_max",
    draw: Draw::By(|stream, disk| disk.get(&WRITE_US_MIN) * stream.between(1, 10)),
};

/// What clients do.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Work {
    /// Clients.
    pub clients: u8,
    /// Further clients, which ask any node, ten times a second, whoever leads.
    pub roaming: u8,
    /// Clients of partitions with names.
    pub namers: u8,
    /// Requests of all of them in a second.
    pub requests_per_s: u64,
    /// Partitions that they share.
    pub partitions: u32,
    /// Placements.
    pub placements: u16,
    /// Of a hundred requests, so many are reads.
    pub reads_pc: u64,
    /// Of a hundred changes, so many go against what the client knows to be the state.
    pub stale_pc: u64,
    /// Of a hundred changes, so many are without a session.
    pub bare_pc: u64,
    /// Migrations in flight at once.
    pub migrations_max: u32,
    /// Watchers.
    pub watchers: u8,
    /// A client waits for an answer for so long.
    pub patience_ms: u64,
    /// The options of kinds of faults in this group.
    #[serde(flatten)]
    pub faults: Values,
}

impl Options {
    /// The value of an option that a seed has drawn.
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

    /// Sets an option that a seed has drawn to 0.
    pub fn clear(&mut self, option: &Drawn) {
        match option.group {
            Group::Link => &mut self.link,
            Group::Disk => &mut self.disk,
            Group::Node => &mut self.node,
            Group::Work => &mut self.work.faults,
        }
        .clear(option);
    }

    /// Bounds of a node.
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

    /// Bounds of sessions.
    #[must_use]
    pub const fn sessions(&self) -> SessionLimits {
        SessionLimits { sessions_max: self.sessions_max, answers_max: self.answers_max }
    }

    /// Queues of a driver.
    #[must_use]
    pub fn queues(&self) -> Queues {
        Queues {
            requests: self.requests_max,
            history: self.watch_history,
            watch: self.watch_ahead,
            batches: 16,
            inbox: 256,
            ..Queues::default()
        }
    }
}
