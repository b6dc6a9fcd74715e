//! What a search covers: who takes part, how often each thing may happen, and which faults.
//!
//! Messages have no bound of their own: one that was sent stays deliverable for ever, any number of times, in any
//! order (ADR 0009). Losing one is never delivering it.

use cutover::fence::Limits;
use cutover::migration::Policy;
use cutover::placement::Guarantee;

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
    /// What the run is expected to reach, besides holding.
    pub reaches: &'static [&'static str],
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

/// What the scopes have in common; each says what it adds.
const BASE: Scope = Scope {
    name: "",
    about: "",
    set: Set::Pr,
    guarantee: Guarantee::Sealed,
    gateways: 2,
    writes_each: 1,
    attempts: 1,
    admission: false,
    controllers: 2,
    readers: 0,
    reads_each: 0,
    stale_reads: false,
    migrations: 1,
    aborts: true,
    forces: 0,
    drops: false,
    creations: 0,
    chunk_writes: 1,
    unsynced: false,
    crashes: 0,
    wipes: 0,
    restarts: 0,
    misroute: false,
    limits: Limits { sessions_max: 8, writes_per_session_max: 8, admitted_max: 2, chunk_writes_max: 8 },
    policy: Policy { lag_writes_max: None, ..Policy::PRODUCTION },
    timed: None,
    symmetric: true,
    reaches: &[],
};

/// All scopes.
#[must_use]
pub fn all() -> Vec<Scope> {
    vec![
        Scope {
            name: "migration/moves",
            about: "there and back, writes from any stale cache, each with a retry",
            migrations: 2,
            attempts: 2,
            ..BASE
        },
        Scope {
            name: "migration/admission",
            about: "writes that wait between admission and effect",
            migrations: 2,
            gateways: 1,
            attempts: 2,
            admission: true,
            ..BASE
        },
        Scope {
            name: "migration/admission2",
            about: "writes that wait between admission and effect",
            migrations: 1,
            attempts: 2,
            admission: true,
            ..BASE
        },
        Scope {
            name: "migration/reads",
            about: "strong and stale reads, drops",
            migrations: 2,
            gateways: 1,
            readers: 1,
            reads_each: 2,
            stale_reads: true,
            drops: true,
            ..BASE
        },
        Scope {
            name: "migration/reads2",
            about: "strong and stale reads, drops",
            migrations: 1,
            gateways: 2,
            readers: 1,
            reads_each: 2,
            stale_reads: true,
            attempts: 2,
            ..BASE
        },
        Scope {
            name: "migration/crash",
            about: "crash",
            migrations: 2,
            unsynced: true,
            crashes: 1,
            ..BASE
        },
        Scope {
            name: "migration/crash2",
            about: "crash",
            migrations: 1,
            unsynced: true,
            crashes: 2,
            attempts: 2,
            readers: 1,
            reads_each: 1,
            ..BASE
        },
        Scope {
            name: "migration/force",
            about: "force there and back",
            migrations: 2,
            forces: 2,
            drops: true,
            ..BASE
        },
        Scope {
            name: "migration/force1",
            about: "force there and back",
            migrations: 2,
            forces: 2,
            gateways: 1,
            attempts: 2,
            drops: true,
            stale_reads: true,
            readers: 1,
            reads_each: 1,
            ..BASE
        },
        Scope {
            name: "migration/life",
            about: "delete and create again",
            migrations: 1,
            creations: 1,
            gateways: 1,
            attempts: 2,
            drops: true,
            stale_reads: true,
            ..BASE
        },
        Scope {
            name: "migration/wipe",
            about: "sinks that come back empty, requests at the wrong store",
            migrations: 2,
            gateways: 1,
            writes_each: 1,
            wipes: 1,
            misroute: true,
            stale_reads: true,
            ..BASE
        },
        Scope {
            name: "migration/window",
            about: "bounded memory of write ids, lag, long chunks",
            migrations: 1,
            gateways: 1,
            writes_each: 2,
            attempts: 2,
            chunk_writes: 2,
            limits: Limits { sessions_max: 1, writes_per_session_max: 1, admitted_max: 1, chunk_writes_max: 2 },
            policy: Policy { lag_writes_max: Some(0), ..Policy::PRODUCTION },
            symmetric: false,
            ..BASE
        },
        Scope {
            name: "migration-timed",
            about: "a store that cannot seal: the wait",
            guarantee: Guarantee::Timed,
            migrations: 2,
            attempts: 1,
            policy: TICKS,
            timed: Some(Timed { effect_ticks: Some(2), barrier_ticks: None, clock_gain: 1 }),
            ..BASE
        },
    ]
}

/// A tick is a millisecond: a write takes effect within two, and a clock may gain one of them.
const TICKS: Policy = Policy {
    lag_writes_max: None,
    blocked_budget_ms: 8,
    retry_ms: 1,
    write_effect_ms_max: 2,
    clock_error_ppm: 500_000,
    clock_granule_ms: 1,
};
