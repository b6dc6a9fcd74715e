//! What a seed expands into: the whole configuration of a run, printed with it.

use crate::stream::Stream;
use cutover::core::raft::{NodeLimits, SessionLimits};
use cutover::node::driver::{Queues, Timing};
use serde::{Deserialize, Serialize};

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
    pub link: Link,
    /// The disks.
    pub disk: Disk,
    /// What happens to nodes.
    pub node: Node,
    /// What clients do.
    pub work: Work,
}

/// The network between nodes.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Link {
    /// A message is lost.
    pub lose_ppm: u64,
    /// A message arrives twice.
    pub duplicate_ppm: u64,
    /// A message takes at least this long,
    pub delay_us_min: u64,
    /// and at most this.
    pub delay_us_max: u64,
    /// A message takes far longer,
    pub spike_ppm: u64,
    /// on this scale.
    pub spike_us: u64,
    /// A directed link is cut, each tenth of a second.
    pub cut_ppm: u64,
    /// A node is cut from all others, each tenth of a second.
    pub isolate_ppm: u64,
    /// For so long, on this scale.
    pub cut_ms: u64,
    /// What a node hears is late, by up to two election timeouts, each tenth of a second.
    pub lag_ppm: u64,
}

/// The disks.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Disk {
    /// A write takes at least this long,
    pub write_us_min: u64,
    /// and at most this.
    pub write_us_max: u64,
    /// A write takes far longer,
    pub slow_ppm: u64,
    /// on this scale.
    pub slow_us: u64,
    /// The power fails in the middle of a write.
    pub power_ppm: u64,
    /// A write or a sync fails.
    pub fail_ppm: u64,
}

/// What happens to nodes; each chance is for a tenth of a second.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Node {
    /// The power fails.
    pub crash_ppm: u64,
    /// The process is killed.
    pub kill_ppm: u64,
    /// It is down for so long, on this scale.
    pub down_ms: u64,
    /// All nodes lose power at once.
    pub blackout_ppm: u64,
    /// The process stands still.
    pub pause_ppm: u64,
    /// For so long, on this scale.
    pub pause_ms: u64,
    /// A node's clock is off by as much at most, in parts per million.
    pub drift_ppm: u64,
    /// The operator hands the leadership over.
    pub transfer_ppm: u64,
    /// A node loses its disk, is removed, and joins as another.
    pub rebuild_ppm: u64,
    /// A node is added, later removed.
    pub grow_ppm: u64,
}

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
    /// Of a hundred times that nobody hears a node any more, so many are followed by a time in which nobody reads.
    pub lull_pc: u64,
}

impl Options {
    /// The options of a seed. Each group has a stream of its own.
    #[must_use]
    pub fn of(seed: u64) -> Self {
        let mut shape = Stream::new(seed, "options", 0);
        let election = shape.between(150, 1_500);
        let compact = shape.pick(&[8, 20, 50, 200, 1_000]).unwrap_or(50);
        let answers_max = shape.pick(&[1, 2, 4, 16]).unwrap_or(16);
        Self {
            seed,
            nodes: shape.pick(&[1, 3, 3, 3, 3, 5, 5]).unwrap_or(3),
            faulty_s: shape.between(20, 60),
            timing: Timing {
                heartbeat_ms: election / shape.between(3, 10),
                election_timeout_ms_min: election,
                election_timeout_ms_max: election + shape.between(election / 2, election * 2),
            },
            compact_after_entries: compact,
            keep_entries: shape.below(compact / 2 + 1),
            window: shape.pick(&[1, 2, 8]).unwrap_or(8),
            append_entries_max: shape.pick(&[1, 4, 64]).unwrap_or(64),
            uncommitted_bytes_max: shape.pick(&[500, 4_000, 1 << 20]).unwrap_or(1 << 20),
            sessions_max: shape.pick(&[2, 4, 64]).unwrap_or(64),
            answers_max,
            requests_max: shape.pick(&[2, 64, 1_024]).unwrap_or(64),
            watch_history: shape.pick(&[4, 64, 4_096]).unwrap_or(64),
            watch_ahead: shape.pick(&[4, 64, 1_024]).unwrap_or(64),
            link: Link::of(&mut Stream::new(seed, "options", 1)),
            disk: Disk::of(&mut Stream::new(seed, "options", 2)),
            node: Node::of(&mut Stream::new(seed, "options", 3)),
            work: Work::of(&mut Stream::new(seed, "options", 4)),
        }
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

/// Off in a third of the seeds: what hides behind a fault is seen without it.
fn swarm(stream: &mut Stream, from: &[u64]) -> u64 {
    let value = stream.pick(from).unwrap_or(0);
    if stream.below(3) == 0 { 0 } else { value }
}

impl Link {
    fn of(stream: &mut Stream) -> Self {
        let delay_us_min = stream.between(20, 2_000);
        Self {
            lose_ppm: swarm(stream, &[1_000, 10_000, 50_000, 200_000]),
            duplicate_ppm: swarm(stream, &[1_000, 20_000, 200_000]),
            delay_us_min,
            delay_us_max: delay_us_min + stream.pick(&[100, 2_000, 20_000]).unwrap_or(100),
            spike_ppm: swarm(stream, &[1_000, 20_000, 100_000]),
            spike_us: stream.pick(&[5_000, 50_000, 500_000]).unwrap_or(5_000),
            cut_ppm: swarm(stream, &[2_000, 10_000, 30_000]),
            isolate_ppm: swarm(stream, &[2_000, 10_000]),
            cut_ms: stream.pick(&[100, 500, 3_000]).unwrap_or(500),
            lag_ppm: swarm(stream, &[2_000, 10_000]),
        }
    }
}

impl Disk {
    fn of(stream: &mut Stream) -> Self {
        let write_us_min = stream.pick(&[20, 200, 2_000]).unwrap_or(200);
        Self {
            write_us_min,
            write_us_max: write_us_min * stream.between(1, 10),
            slow_ppm: swarm(stream, &[1_000, 10_000, 50_000]),
            slow_us: stream.pick(&[10_000, 100_000, 500_000]).unwrap_or(10_000),
            power_ppm: swarm(stream, &[500, 2_000, 8_000]),
            fail_ppm: swarm(stream, &[200, 1_000, 4_000]),
        }
    }
}

impl Node {
    fn of(stream: &mut Stream) -> Self {
        Self {
            crash_ppm: swarm(stream, &[1_000, 4_000, 15_000]),
            kill_ppm: swarm(stream, &[1_000, 4_000, 15_000]),
            down_ms: stream.pick(&[20, 300, 2_000]).unwrap_or(300),
            blackout_ppm: swarm(stream, &[500, 3_000]),
            pause_ppm: swarm(stream, &[1_000, 5_000, 20_000]),
            pause_ms: stream.pick(&[50, 500, 3_000]).unwrap_or(500),
            drift_ppm: swarm(stream, &[200, 50_000, 300_000]),
            transfer_ppm: swarm(stream, &[2_000, 20_000]),
            rebuild_ppm: swarm(stream, &[2_000, 10_000]),
            grow_ppm: swarm(stream, &[2_000, 10_000]),
        }
    }
}

impl Work {
    fn of(stream: &mut Stream) -> Self {
        Self {
            clients: stream.pick(&[1, 2, 4, 8]).unwrap_or(4),
            roaming: stream.pick(&[0, 1, 3]).unwrap_or(1),
            requests_per_s: stream.pick(&[5, 20, 20, 60]).unwrap_or(20),
            partitions: stream.pick(&[1, 3, 10, 30]).unwrap_or(10),
            placements: stream.pick(&[2, 3, 5]).unwrap_or(3),
            reads_pc: stream.pick(&[10, 30, 60]).unwrap_or(30),
            stale_pc: stream.pick(&[0, 5, 30]).unwrap_or(5),
            bare_pc: stream.pick(&[0, 10, 50]).unwrap_or(10),
            migrations_max: stream.pick(&[1, 2, 8]).unwrap_or(2),
            watchers: stream.pick(&[0, 1, 3]).unwrap_or(1),
            patience_ms: stream.pick(&[200, 1_000, 3_000, 10_000]).unwrap_or(1_000),
            namers: stream.pick(&[0, 1, 2]).unwrap_or(1),
            lull_pc: swarm(stream, &[50, 100]),
        }
    }
}
