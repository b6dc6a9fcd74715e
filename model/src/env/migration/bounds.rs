//! Bounds of a scope around sinks and gateways, and the options of `check` for them.

use crate::protocol::{Bounds, InvariantSet, OptionSpec, Refused};
use crate::render::plural;
use cutover::core::fault::Fault;
use cutover::core::fence::FenceLimits;
use cutover::core::invariant::Id;
use cutover::core::migration::Policy;
use cutover::core::placement::Guarantee;

/// Bounds of the sinks, gateways and controllers of a scope.
#[derive(Clone, Debug)]
pub struct MigrationBounds {
    /// The sinks: A, where the partition begins, and B.
    pub sinks: [SinkBounds; 2],
    /// Number of gateways; each has its own session.
    pub gateways: u8,
    /// Number of writes of each gateway, one after the other.
    pub writes_each: u8,
    /// What the writes of a gateway do, in order, and again from the first one. Where gateways are not symmetric, the next gateway
    /// begins with the next one.
    pub mutations: &'static [Kind],
    /// Number of rows that are there before the first write: `k1`, and `k0` if there are two. The first gateway has written them, so
    /// gateways are not symmetric if there are any.
    pub rows: u8,
    /// Number of attempts at each write, retries included.
    pub attempts: u8,
    /// Number of writes admitted by the gate over a watched table, each in its own session. No client waits for
    /// their answers.
    pub gated: u8,
    /// Whether the last of these writes belongs to the session of the first gateway, so that a client has two
    /// unanswered writes.
    pub shared_session: bool,
    /// Whether a sink admits a write in one step and applies it in a later one.
    pub admission: bool,
    /// Number of controllers with state of their own. Stateless controllers are not counted: there may be any
    /// number of them, each acting on any committed record.
    pub controllers: u8,
    /// Number of strong readers.
    pub readers: u8,
    /// Number of reads of each strong reader, one after the other.
    pub reads_each: u8,
    /// Whether reads from caches may happen at any time, at any past revision.
    pub stale_reads: bool,
    /// Number of migrations that may begin.
    pub migrations: u8,
    /// Whether an operator may abort. Controllers abort in any case, when their budget for blocked writes is used
    /// up.
    pub aborts: bool,
    /// Number of forced completions.
    pub forces: u8,
    /// Whether old copies are retired, dropped and forgotten.
    pub drops: bool,
    /// Number of times that the partition is created again, each after a deletion.
    pub creations: u8,
    /// The limits of rows and changes in a chunk that the mover asks with.
    pub chunk_limits: &'static [u32],
    /// Number of times that a source forgets changes.
    pub trims: u8,
    /// Whether an operator may force a move to a copy that lacks rows.
    pub partial: bool,
    /// Whether a digest that differs is overlooked: an operator reports the one that the record has.
    pub overlooks_digest: bool,
    /// Number of chunks that lose something on the way.
    pub damages: u8,
    /// Whether a sink's state becomes durable only when it syncs, so that a crash can lose some; otherwise every
    /// step is durable at once.
    pub unsynced: bool,
    /// Total number of crashes of sinks.
    pub crashes: u8,
    /// Total number of times that a sink loses its disk; never the owner's.
    pub wipes: u8,
    /// Whether a controller also sends what it sends when it takes over, and when its retry timer fires.
    pub polls: bool,
    /// Whether a controller may be replaced by a new one during its wait.
    pub replaces: bool,
    /// Total number of times that all controllers are replaced and the replies to them are lost. Stateless
    /// controllers may be replaced at any other time as well, but then no reply is lost for good.
    pub takeovers: u8,
    /// Number of times that the log is lost and restored from an earlier state. An operator releases what is held then, and
    /// knows which store owned the partition at the loss. States in which that could be neither end of a migration in
    /// flight are not restored.
    pub restores: u8,
    /// Whether a commit that takes nothing away is made as soon as it can be proposed. That leaves no run out (`control.rs`).
    pub at_once: bool,
    /// Whether messages about a migration disappear when the migration ends. This leaves out runs with late
    /// messages of earlier migrations, which other scopes cover.
    pub forgetful: bool,
    /// Total number of restarts of gateways.
    pub restarts: u8,
    /// Whether requests may arrive at the wrong sink.
    pub misroute: bool,
    /// The controllers' policy: allowed lag, budgets and durations.
    pub policy: Policy,
    /// The clock, if the guarantee is `timed`.
    pub timed: Option<Timed>,
    /// Whether exchanging the two gateways leaves every rule unchanged, so that mirrored states count once.
    pub symmetric: bool,
    /// The published design that the scope puts to the test, if it is not this project's own.
    pub design: Option<Design>,
}

/// What a write does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// Sets the row with this number.
    Put(u8),
    /// Deletes the row with this number.
    Delete(u8),
    /// Sets the row with this number if it is not there.
    Insert(u8),
    /// Sets both rows.
    Both,
}

/// The abilities of one sink.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SinkBounds {
    /// How the sink can end writes: by a seal or by a bounded wait.
    pub guarantee: Guarantee,
    /// Limits of what the sink stores, such as its number of sessions.
    pub limits: FenceLimits,
}

/// The clock of a `timed` scope. All durations are in ticks of the environment's clock.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Timed {
    /// A write takes effect at most this many ticks after its record was read (D in the docs). `None`: without
    /// limit.
    pub effect_ticks: Option<u64>,
    /// Length of the controller's wait, on its own clock. `None`: derived from the policy.
    pub barrier_ticks: Option<u64>,
    /// Total number of ticks by which controllers' clocks may run ahead.
    pub clock_gain: u8,
}

/// A published design under test: this project's machines, driven as that design would drive them (ADR 0014).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Design {
    /// osproxy: a wait of fixed length, although a gateway may pause for longer.
    DrainBarrier,
    /// osproxy: the wait is skipped if the record cannot be read.
    FailsOpen,
    /// osproxy: the start of the wait is stored per partition, and survives an abort and the next migration.
    KeptTimestamp,
    /// reddb: the last position is read when the cutover begins, before writes have stopped.
    EarlyWatermark,
    /// reddb: a forced move seals nothing, and is counted as lossless.
    UnsealedForce,
}

impl MigrationBounds {
    /// Who takes part and how often, as the parts of a sentence, without the log.
    pub(crate) fn parts(&self) -> Vec<String> {
        let Self { gateways, writes_each, attempts, migrations, readers, reads_each, .. } = self;
        let mut parts = vec!["2 sinks".to_owned()];
        if *attempts > 0 {
            parts.push(plural(u64::from(*gateways), "gateway"));
            parts.push(format!("{} each", plural(u64::from(*writes_each), "write")));
        }
        parts.extend(self.differences());
        if self.gated > 0 {
            let shared = if self.shared_session { ", the last under the session of the gateway" } else { "" };
            parts.push(format!(
                "{} through the gate over a watched table{shared}",
                plural(self.gated.into(), "write")
            ));
        }
        parts.push(plural(u64::from(*migrations), "migration"));
        if *attempts > 1 {
            parts.push(format!("{} at a write", plural(u64::from(*attempts), "attempt")));
        }
        if *readers > 0 {
            let reads = u64::from(*reads_each);
            parts.push(format!(
                "{} with {}",
                plural(u64::from(*readers), "strong reader"),
                plural(reads, "read")
            ));
        }
        let flags = [
            (self.stale_reads, "cached reads"),
            (self.aborts, "aborts"),
            (self.drops, "drops"),
            (self.admission, "admission and effect as separate steps"),
            (!self.at_once, "commits at any time"),
        ];
        parts.extend(flags.iter().filter(|(on, _)| *on).map(|(_, text)| (*text).to_owned()));
        for (count, what) in [(self.forces, "force"), (self.creations, "re-creation")] {
            if count > 0 {
                parts.push(format!("{what} <= {count}"));
            }
        }
        if self.rows > 0 {
            parts.push(format!("{} before", plural(self.rows.into(), "row")));
        }
        let limits: Vec<_> = self.chunk_limits.iter().map(u32::to_string).collect();
        parts.push(format!("chunks of up to {}", limits.join(" or ")));
        if self.trims > 0 {
            parts.push(format!("{} of the log of changes", plural(self.trims.into(), "trim")));
        }
        if self.partial {
            parts.push("forces to a part of a copy".to_owned());
        }
        if self.overlooks_digest {
            parts.push("digests that differ are overlooked".to_owned());
        }
        match self.timed {
            Some(Timed { effect_ticks, barrier_ticks, .. }) => {
                let wait = barrier_ticks.unwrap_or(self.policy.barrier_ms());
                let effect = effect_ticks.map_or("unbounded".to_owned(), |ticks| plural(ticks, "tick"));
                parts.push(format!(
                    "{} controllers with a clock, D {effect}, wait {wait} ticks",
                    self.controllers
                ));
            }
            None => parts.push("any number of controllers, each acting on any committed record".to_owned()),
        }
        parts
    }

    /// The properties in which the two sinks differ, as parts of a sentence.
    fn differences(&self) -> Vec<String> {
        let [a, b] = self.sinks;
        let mut parts = Vec::new();
        if a.guarantee != b.guarantee {
            parts.push(format!("A {}, B {}", a.guarantee, b.guarantee));
        }
        let sessions = (a.limits.sessions_max, b.limits.sessions_max);
        if sessions.0 != sessions.1 {
            parts.push(format!("A remembers {}, B {}", plural(sessions.0.into(), "session"), sessions.1));
        }
        parts
    }

    /// The faults, as the parts of a sentence. `what`: the messages that they apply to.
    pub(crate) fn fault_parts(&self, what: &str) -> Vec<String> {
        let mut parts =
            vec![format!("delay, lose, repeat, reorder {what}"), "pause any participant".to_owned()];
        let faults =
            [(self.crashes, Fault::Crash), (self.wipes, Fault::Wipe), (self.restores, Fault::Restore)];
        for (count, fault) in faults {
            if count > 0 {
                parts.push(format!("{fault} <= {count}"));
            }
        }
        if self.damages > 0 {
            parts.push(format!("{} <= {}", Fault::DamagedChunk, self.damages));
        }
        if self.restarts > 0 {
            parts.push(format!("{} of a gateway <= {}", Fault::Restart, self.restarts));
        }
        parts.push("restart controllers and mover".to_owned());
        if self.takeovers > 0 {
            parts
                .push(format!("restart all controllers, and lose what they were told <= {}", self.takeovers));
        }
        if self.forgetful {
            parts.push("under-approximation: messages of finished migrations are dropped".to_owned());
        }
        if self.misroute {
            parts.push(Fault::Misroute.to_string());
        }
        if let Some(Timed { clock_gain, .. }) = self.timed.filter(|timed| timed.clock_gain > 0) {
            parts.push(format!("{} <= {clock_gain}", Fault::ClockGain));
        }
        parts
    }
}

/// The options of a scope that has a clock.
const OPTIONS: &[OptionSpec] = &[
    OptionSpec {
        name: "pauses",
        value: "HOW",
        about: "Timed scopes: whether a write may take any time to take effect",
        values: &["bounded", "unbounded"],
    },
    OptionSpec {
        name: "barrier",
        value: "TICKS",
        about: "Timed scopes: the wait, in ticks, instead of the one derived",
        values: &[],
    },
];

const NO_CLOCK: Refused = Refused::NotHere { lacks: "has no clock", goes_with: "a `migration-timed` scope" };

/// The invariants about records, sinks and what clients observe: all whose id does not begin with `raft.`
pub(crate) fn judged() -> InvariantSet {
    let ids = Id::ALL.iter().filter(|id| !id.entry().id.starts_with("raft."));
    ids.fold(0, |set, id| set | id.bit())
}

impl Bounds for MigrationBounds {
    fn text(&self) -> String {
        [vec!["log atomic".to_owned()], self.parts()].concat().join(", ")
    }

    fn faults(&self) -> String {
        self.fault_parts("any message").join(", ")
    }

    /// Also what the registry of the core does not have.
    fn judged(&self, all: InvariantSet) -> InvariantSet {
        judged() | Id::ALL.iter().fold(all, |left, id| left & !id.bit())
    }

    fn options() -> &'static [OptionSpec] {
        OPTIONS
    }

    fn set_option(&mut self, name: &str, value: &str) -> Result<bool, Refused> {
        match (name, value) {
            ("barrier", ticks) => {
                let timed = self.timed.as_mut().ok_or(NO_CLOCK)?;
                let ticks = ticks.parse().map_err(|_| Refused::Value { expected: "a number of ticks" })?;
                Ok(timed.barrier_ticks.replace(ticks) != Some(ticks))
            }
            ("pauses", how) => {
                let timed = self.timed.as_mut().ok_or(NO_CLOCK)?;
                match how {
                    "unbounded" => Ok(timed.effect_ticks.take().is_some()),
                    "bounded" => Ok(false),
                    _ => Err(Refused::Value { expected: "`bounded` or `unbounded`" }),
                }
            }
            _ => Err(Refused::Unknown),
        }
    }

    fn remark(&self, broken: &str) -> Option<&'static str> {
        let unbounded = self.timed.is_some_and(|timed| timed.effect_ticks.is_none());
        let about_waits = [Id::CommitAtOwnerOnly, Id::NoCommitInCutover, Id::NoLostWrite];
        (unbounded && about_waits.iter().any(|id| id.entry().id == broken)).then_some(
            "Why: a wait bounds how long the controller is patient, not how long a gateway, a queue or a network may \
             hold a write that was let out before; only the store that applies it can refuse it.",
        )
    }
}
