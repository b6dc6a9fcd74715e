//! What a scope around sinks and gateways bounds.

use crate::protocol::{Bounds, InvariantSet, OptionSpec, Refused};
use crate::render::plural;
use cutover::core::fault::Fault;
use cutover::core::fence::Limits;
use cutover::core::invariant::Id;
use cutover::core::migration::Policy;
use cutover::core::placement::Guarantee;

/// Bounds of the sinks, of the gateways and of the controllers.
#[derive(Clone, Debug)]
pub struct MigrationBounds {
    /// The sinks: A, where the partition begins, and B.
    pub sinks: [SinkBounds; 2],
    /// Gateways, each with a session of its own.
    pub gateways: u8,
    /// Writes of each gateway, one after the other; all overwrite one key.
    pub writes_each: u8,
    /// Attempts at each write: the first, and retries.
    pub attempts: u8,
    /// Writes let out by the gate over a watched table, each under a session of its own. Nobody waits for their answers.
    pub gated: u8,
    /// Whether the last of these goes under the session of the first gateway: a client with two writes unanswered.
    pub shared_session: bool,
    /// Whether a write waits at the sink between its admission and its effect.
    pub admission: bool,
    /// Controllers that keep something. Those that keep nothing are without number, and act from any record.
    pub controllers: u8,
    /// Strong readers.
    pub readers: u8,
    /// Reads of each strong reader, one after the other.
    pub reads_each: u8,
    /// Whether there are reads from caches, at any time, from any past record.
    pub stale_reads: bool,
    /// Migrations begun.
    pub migrations: u8,
    /// Whether an operator may abort; the controllers' own budget aborts too.
    pub aborts: bool,
    /// Forced completions.
    pub forces: u8,
    /// Whether old copies are retired, dropped and forgotten.
    pub drops: bool,
    /// Creations after the first, each after a deletion.
    pub creations: u8,
    /// Writes in one chunk, at most.
    pub chunk_writes: u8,
    /// Whether a crash of a sink takes back what was not synced; otherwise every step is durable at once.
    pub unsynced: bool,
    /// Crashes of sinks, in all.
    pub crashes: u8,
    /// Sinks, other than the owner's, that come back empty, in all.
    pub wipes: u8,
    /// Whether controllers also ask what they ask on taking over, and again after a while.
    pub polls: bool,
    /// Whether a controller may be replaced while it waits.
    pub replaces: bool,
    /// Times that all controllers are replaced and what they were told is lost, in all. Elsewhere they are replaced at any
    /// time, and nothing that was said is ever lost for good.
    pub takeovers: u8,
    /// Whether what was said about a migration is lost when the migration is over. This leaves out runs: a late message
    /// of an earlier migration. Other scopes have them.
    pub forgetful: bool,
    /// Restarts of gateways, in all.
    pub restarts: u8,
    /// Whether requests may reach the wrong store.
    pub misroute: bool,
    /// How the controllers go about their work.
    pub policy: Policy,
    /// The `timed` guarantee's clock.
    pub timed: Option<Timed>,
    /// Whether renaming the gateways leaves every rule as it is, so that one of two mirrored states is enough.
    pub symmetric: bool,
    /// A published design on trial.
    pub design: Option<Design>,
}

/// What one sink can do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SinkBounds {
    /// What it can promise.
    pub guarantee: Guarantee,
    /// What it keeps, at most.
    pub limits: Limits,
}

/// Time, where a scope has it: in ticks of the world's clock.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Timed {
    /// A write takes effect within D ticks of the read of the record; `None`: it may take for ever.
    pub effect_ticks: Option<u64>,
    /// The wait, in ticks of a controller's clock; `None`: what the policy derives.
    pub barrier_ticks: Option<u64>,
    /// Ticks that a controller's clock may gain, in all.
    pub clock_gain: u8,
}

/// A published design, put on trial: our machines, driven as that design would drive them (ADR 0014).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Design {
    /// A wait, and pauses without a bound.
    DrainBarrier,
    /// A wait that is skipped when the record cannot be read.
    FailsOpen,
    /// A wait whose start is kept for the partition, across an abort and the next migration.
    KeptTimestamp,
    /// The last position is read when the cutover begins, before writes have stopped.
    EarlyWatermark,
    /// A forced move that seals nothing, and counts as lossless.
    UnsealedForce,
}

impl MigrationBounds {
    /// Who takes part and how often, a part each; the log apart.
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
            (self.admission, "admission apart from effect"),
        ];
        parts.extend(flags.iter().filter(|(on, _)| *on).map(|(_, text)| (*text).to_owned()));
        for (count, what) in [(self.forces, "force"), (self.creations, "re-creation")] {
            if count > 0 {
                parts.push(format!("{what} <= {count}"));
            }
        }
        if self.chunk_writes > 1 {
            parts.push(format!("chunks of up to {} writes", self.chunk_writes));
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
            None => parts.push("controllers without number, from any record".to_owned()),
        }
        parts
    }

    /// In what the sinks differ.
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

    /// What the environment does; `what`: the messages that it does it to.
    pub(crate) fn fault_parts(&self, what: &str) -> Vec<String> {
        let mut parts = vec![format!("delay, lose, repeat, reorder {what}"), "pause any".to_owned()];
        for (count, fault) in [(self.crashes, Fault::Crash), (self.wipes, Fault::Wipe)] {
            if count > 0 {
                parts.push(format!("{fault} <= {count}"));
            }
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
            parts.push("under-approximation: nothing is said about a migration that is over".to_owned());
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

/// The invariants about records, sinks and what clients see.
pub(crate) fn judged() -> InvariantSet {
    let ids = Id::ALL.iter().filter(|id| !id.entry().id.starts_with("raft."));
    ids.fold(0, |set, id| set | u64::from(id.bit()))
}

impl Bounds for MigrationBounds {
    fn text(&self) -> String {
        [vec!["log atomic".to_owned()], self.parts()].concat().join(", ")
    }

    fn faults(&self) -> String {
        self.fault_parts("any message").join(", ")
    }

    fn judged(&self, _: InvariantSet) -> InvariantSet {
        judged()
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
