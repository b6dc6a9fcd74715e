//! What a search covers: who takes part, how often each thing may happen, and which faults.
//!
//! Messages have no bound of their own: one that was sent stays deliverable for ever, any number of times, in any
//! order (ADR 0009). Losing one is never delivering it.

mod cluster;
mod consensus;
mod list;
mod night;

pub use cluster::{Cluster, Duplicates, Wish};
pub use list::all;

use crate::env::migration::mark::Mark;
use cutover::core::fault::Fault;
use cutover::core::fence::Limits;
use cutover::core::invariant::Id;
use cutover::core::migration::Policy;
use cutover::core::placement::Guarantee;
use thiserror::Error;

/// Which scopes run by default.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, clap::ValueEnum)]
pub enum Set {
    /// For every pull request: complete within a minute.
    Pr,
    /// Larger bounds, for the night.
    Nightly,
}

/// Bounds of one search.
#[derive(Clone, Debug)]
pub struct Scope {
    /// Stable name.
    pub name: &'static str,
    /// What it is for.
    pub about: &'static str,
    /// The smallest set that runs it.
    pub set: Set,
    /// What the sinks can promise.
    pub guarantee: Guarantee,
    /// Gateways, each with a session of its own.
    pub gateways: u8,
    /// Writes of each gateway, one after the other; all overwrite one key.
    pub writes_each: u8,
    /// Attempts at each write: the first, and retries.
    pub attempts: u8,
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
    /// Whether what was said about a migration is lost when the migration is over. This leaves out runs: a late message
    /// of an earlier migration. Other scopes have them.
    pub forgetful: bool,
    /// Restarts of gateways, in all.
    pub restarts: u8,
    /// Whether requests may reach the wrong store.
    pub misroute: bool,
    /// Bounds of the sinks.
    pub limits: Limits,
    /// How the controllers go about their work.
    pub policy: Policy,
    /// The `timed` guarantee's clock.
    pub timed: Option<Timed>,
    /// Whether renaming the gateways leaves every rule as it is, so that one of two mirrored states is enough.
    pub symmetric: bool,
    /// The places that a complete search must have reached.
    pub reaches: &'static [Mark],
    /// The nodes of the control plane; `None`: the log is taken as atomic.
    pub cluster: Option<Cluster>,
    /// A published design on trial.
    pub design: Option<Design>,
    /// The invariant that is known to break; `None`: all hold.
    pub expect: Option<Id>,
}

/// What an environment is around.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Around {
    /// Sinks and gateways, with the log taken as atomic.
    Sinks,
    /// The nodes that hold the log.
    Nodes,
    /// Both.
    Both,
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

/// An option that a scope does not take.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum OptionError {
    /// No such option.
    #[error("option {found:?} does not exist, expected `barrier` or `pauses`")]
    Unknown {
        /// Its name.
        found: String,
    },
    /// Not a value of it.
    #[error("option {name} is {found:?}, expected {expected}")]
    Value {
        /// Its name.
        name: &'static str,
        /// Its value.
        found: String,
        /// What it may be.
        expected: &'static str,
    },
    /// The scope has no clock.
    #[error("scope {scope} has no clock, {name} goes with a `migration-timed` scope")]
    NoClock {
        /// The scope.
        scope: &'static str,
        /// The option.
        name: &'static str,
    },
}

impl Scope {
    /// The options that differ from the scope as it is listed.
    #[must_use]
    pub fn options(&self) -> Vec<(String, String)> {
        let listed =
            all().into_iter().find(|listed| listed.name == self.name).and_then(|listed| listed.timed);
        let (Some(timed), Some(listed)) = (self.timed, listed) else { return Vec::new() };
        let mut options = Vec::new();
        if timed.barrier_ticks != listed.barrier_ticks
            && let Some(ticks) = timed.barrier_ticks
        {
            options.push(("barrier".to_owned(), ticks.to_string()));
        }
        if timed.effect_ticks != listed.effect_ticks && timed.effect_ticks.is_none() {
            options.push(("pauses".to_owned(), "unbounded".to_owned()));
        }
        options
    }

    /// Sets an option by its name.
    ///
    /// # Errors
    /// [`OptionError`]
    pub fn set_option(&mut self, name: &str, value: &str) -> Result<(), OptionError> {
        let name = match name {
            "barrier" => "barrier",
            "pauses" => "pauses",
            found => return Err(OptionError::Unknown { found: found.to_owned() }),
        };
        let wrong = |expected| OptionError::Value { name, found: value.to_owned(), expected };
        let scope = self.name;
        let timed = self.timed.as_mut().ok_or(OptionError::NoClock { scope, name })?;
        match (name, value) {
            ("barrier", ticks) => {
                timed.barrier_ticks = Some(ticks.parse().map_err(|_| wrong("a number of ticks"))?);
            }
            (_, "unbounded") => timed.effect_ticks = None,
            (_, "bounded") => {}
            (_, _) => return Err(wrong("`bounded` or `unbounded`")),
        }
        Ok(())
    }

    /// What it is around.
    #[must_use]
    pub const fn around(&self) -> Around {
        match self.cluster {
            None => Around::Sinks,
            Some(_) if self.gateways > 0 => Around::Both,
            Some(_) => Around::Nodes,
        }
    }

    /// Who takes part and how often, on one line.
    #[must_use]
    pub fn bounds(&self) -> String {
        let mut parts = self.cluster.as_ref().map_or_else(|| vec!["log atomic".to_owned()], Cluster::bounds);
        if self.around() != Around::Nodes {
            parts.extend(self.bounds_of_sinks());
        }
        parts.join(", ")
    }

    fn bounds_of_sinks(&self) -> Vec<String> {
        let Self { gateways, writes_each, attempts, migrations, readers, reads_each, .. } = self;
        let mut parts = vec!["2 sinks".to_owned()];
        if *attempts > 0 {
            parts.push(plural(u64::from(*gateways), "gateway"));
            parts.push(format!("{} each", plural(u64::from(*writes_each), "write")));
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

    /// What the environment does to it, on one line.
    #[must_use]
    pub fn faults(&self) -> String {
        let mut parts = Vec::new();
        if let Some(cluster) = &self.cluster {
            parts = cluster.faults();
        }
        if self.around() != Around::Nodes {
            parts.extend(self.faults_of_sinks());
        }
        parts.join(", ")
    }

    fn faults_of_sinks(&self) -> Vec<String> {
        let what = if self.cluster.is_some() { "any other message" } else { "any message" };
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

fn plural(count: u64, what: &str) -> String {
    if count == 1 { format!("{count} {what}") } else { format!("{count} {what}s") }
}

impl Scope {
    /// The invariants that a search of it judges, as a set: those about what takes part in it.
    #[must_use]
    pub fn judged(&self) -> u32 {
        let of = |consensus: bool| {
            let ids = Id::ALL.iter().filter(move |id| id.entry().id.starts_with("raft.") == consensus);
            // The compiler has judged it: the type has no place for user data.
            ids.filter(|id| **id != Id::NoUserData).fold(0, |bits, id| bits | id.bit())
        };
        match self.around() {
            Around::Sinks => of(false),
            Around::Nodes => of(true),
            Around::Both => of(false) | of(true),
        }
    }
}
