//! The scopes, and their bounds.

use super::{Design, Scope, Set, Timed};
use crate::env::migration::mark::Mark;
use cutover::core::fence::Limits;
use cutover::core::invariant::Id;
use cutover::core::migration::Policy;
use cutover::core::placement::Guarantee;

/// What the scopes have in common; each says what it adds.
pub(super) const BASE: Scope = Scope {
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
    polls: false,
    replaces: true,
    forgetful: false,
    restarts: 0,
    misroute: false,
    limits: Limits { sessions_max: 8, writes_per_session_max: 8, admitted_max: 2, chunk_writes_max: 8 },
    policy: Policy { lag_writes_max: None, ..Policy::PRODUCTION },
    timed: None,
    symmetric: true,
    reaches: &[],
    cluster: None,
    design: None,
    expect: None,
};

/// A store that cannot seal. A tick is a millisecond.
const TIMED: Scope = Scope {
    guarantee: Guarantee::Timed,
    policy: Policy {
        lag_writes_max: None,
        blocked_budget_ms: 8,
        retry_ms: 1,
        write_effect_ms_max: 2,
        clock_error_ppm: 500_000,
        clock_granule_ms: 1,
    },
    timed: Some(Timed { effect_ticks: Some(2), barrier_ticks: None, clock_gain: 1 }),
    ..BASE
};

/// A write that takes effect within a tick, and a clock that keeps time.
const TIMED_TIGHT: Scope = Scope {
    policy: Policy { write_effect_ms_max: 1, clock_error_ppm: 0, ..TIMED.policy },
    timed: Some(Timed { effect_ticks: Some(1), barrier_ticks: None, clock_gain: 0 }),
    ..TIMED
};

/// All scopes.
#[must_use]
pub fn all() -> Vec<Scope> {
    let mut scopes = sealed();
    scopes.extend(super::consensus::pr());
    scopes.extend(timed());
    scopes.extend(published());
    scopes.extend(nightly());
    scopes.extend(super::night::all());
    scopes
}

#[expect(clippy::too_many_lines, reason = "a list")]
fn sealed() -> Vec<Scope> {
    vec![
        Scope {
            name: "migration/moves",
            about: "there and back, with writes and retries from any stale cache",
            migrations: 2,
            attempts: 2,
            reaches: &[
                Mark::Completed,
                Mark::SealThenAbort,
                Mark::ThereAndBack,
                Mark::SealRefusedThenApplied,
                Mark::RetryOnceAcross,
                Mark::LateMoverRefused,
                Mark::StaleControllerRefused,
                Mark::StaleCacheRefused,
                Mark::GapRefused,
            ],
            ..BASE
        },
        Scope {
            name: "migration/admission",
            about: "writes that wait at the sink between their admission and their effect",
            attempts: 2,
            admission: true,
            restarts: 1,
            reaches: &[Mark::RefusedAtApply, Mark::DuplicateAcknowledged, Mark::Restarted, Mark::Completed],
            ..BASE
        },
        Scope {
            name: "migration/admission-back",
            about: "the same, there and back",
            gateways: 1,
            migrations: 2,
            attempts: 2,
            admission: true,
            reaches: &[Mark::RefusedAtApply, Mark::ThereAndBack],
            ..BASE
        },
        Scope {
            name: "migration/reads",
            about: "strong and cached reads, there and back, with old copies dropped",
            gateways: 1,
            migrations: 2,
            readers: 1,
            reads_each: 2,
            stale_reads: true,
            drops: true,
            reaches: &[
                Mark::ReadAtTarget,
                Mark::StaleReadServed,
                Mark::StaleReadRefused,
                Mark::Dropped,
                Mark::Forgotten,
                Mark::ThereAndBack,
            ],
            ..BASE
        },
        Scope {
            name: "migration/history",
            about: "overwriting writes with retries and strong reads, linearizable",
            readers: 1,
            reads_each: 2,
            stale_reads: true,
            attempts: 2,
            reaches: &[Mark::ReadAtTarget, Mark::RetryOnceAcross, Mark::DuplicateAcknowledged],
            ..BASE
        },
        Scope {
            name: "migration/crash",
            about: "crashes of either sink that take back what was not synced",
            migrations: 2,
            unsynced: true,
            crashes: 1,
            reaches: &[Mark::CrashLost, Mark::Completed, Mark::ThereAndBack, Mark::SealThenAbort],
            ..BASE
        },
        Scope {
            name: "migration/crash-reads",
            about: "the same with strong reads and retries",
            gateways: 1,
            unsynced: true,
            crashes: 2,
            attempts: 2,
            readers: 1,
            reads_each: 2,
            reaches: &[Mark::CrashLost, Mark::Completed, Mark::ReadAtTarget],
            ..BASE
        },
        Scope {
            name: "migration/force",
            about: "forced there and back, with debts, drops and cached reads",
            gateways: 1,
            migrations: 2,
            forces: 2,
            attempts: 2,
            drops: true,
            stale_reads: true,
            reaches: &[
                Mark::Forced,
                Mark::ForcedBack,
                Mark::LeftBehind,
                Mark::Settled,
                Mark::Dropped,
                Mark::Completed,
            ],
            ..BASE
        },
        Scope {
            name: "migration/life",
            about: "deleted, created again, and moved",
            gateways: 1,
            creations: 1,
            attempts: 2,
            drops: true,
            stale_reads: true,
            reaches: &[Mark::Deleted, Mark::CreatedAgain, Mark::Dropped, Mark::Forgotten, Mark::Completed],
            ..BASE
        },
        Scope {
            name: "migration/wipe",
            about: "sinks that come back empty, requests at the wrong store",
            gateways: 1,
            migrations: 2,
            attempts: 2,
            wipes: 1,
            drops: true,
            misroute: true,
            stale_reads: true,
            reaches: &[Mark::Wiped, Mark::WrongStoreRefused, Mark::ThereAndBack],
            ..BASE
        },
        Scope {
            name: "migration/copy",
            about: "chunks of several writes, a lag to wait for, and a short memory of write ids",
            gateways: 1,
            writes_each: 2,
            attempts: 2,
            chunk_writes: 2,
            polls: true,
            limits: Limits {
                sessions_max: 1,
                writes_per_session_max: 1,
                admitted_max: 2,
                chunk_writes_max: 2,
            },
            policy: Policy { lag_writes_max: Some(0), ..Policy::PRODUCTION },
            reaches: &[Mark::WriteForgotten, Mark::GapRefused, Mark::Completed, Mark::SealThenAbort],
            ..BASE
        },
    ]
}

fn timed() -> Vec<Scope> {
    vec![
        Scope {
            name: "migration-timed/wait",
            about: "two gateways, two controllers, a clock that gains: the wait ends all writes",
            reaches: &[Mark::Waited, Mark::WaitLost, Mark::Expired, Mark::Completed],
            ..TIMED
        },
        Scope {
            name: "migration-timed/again",
            about: "an abort, and another migration: its wait starts anew",
            gateways: 1,
            controllers: 1,
            migrations: 2,
            forgetful: true,
            replaces: false,
            reaches: &[Mark::Waited, Mark::Completed],
            ..TIMED_TIGHT
        },
    ]
}

/// What does not fit into a minute.
#[expect(clippy::too_many_lines, reason = "a list")]
fn nightly() -> Vec<Scope> {
    let night = Scope { set: Set::Nightly, ..BASE };
    vec![
        Scope {
            name: "nightly/there-again",
            about: "there, back and there again, with cached reads",
            migrations: 3,
            stale_reads: true,
            reaches: &[Mark::ThereAndBack, Mark::ThereAgain],
            ..night.clone()
        },
        Scope {
            name: "nightly/admission",
            about: "two gateways whose writes wait at the sink, there and back",
            migrations: 2,
            attempts: 2,
            admission: true,
            reaches: &[Mark::RefusedAtApply, Mark::ThereAndBack],
            ..night.clone()
        },
        Scope {
            name: "nightly/reads",
            about: "two gateways, a strong and a cached reader, drops, there and back",
            migrations: 2,
            readers: 1,
            reads_each: 1,
            stale_reads: true,
            drops: true,
            reaches: &[Mark::ReadAtTarget, Mark::Forgotten, Mark::ThereAndBack],
            ..night.clone()
        },
        Scope {
            name: "nightly/crash",
            about: "two crashes, retries and a strong reader, there and back",
            gateways: 1,
            migrations: 2,
            attempts: 2,
            unsynced: true,
            crashes: 2,
            readers: 1,
            reads_each: 1,
            drops: true,
            reaches: &[Mark::CrashLost, Mark::ThereAndBack, Mark::ReadAtTarget],
            ..night.clone()
        },
        Scope {
            name: "nightly/force",
            about: "two gateways, forced there and back, with drops, wipes and a strong reader",
            migrations: 2,
            forces: 2,
            wipes: 1,
            drops: true,
            stale_reads: true,
            reaches: &[Mark::Forced, Mark::LeftBehind, Mark::Settled, Mark::Wiped],
            ..night.clone()
        },
        Scope {
            name: "nightly/copy",
            about: "three writes in chunks of up to three, with polls and a short memory of write ids",
            gateways: 1,
            writes_each: 3,
            attempts: 2,
            chunk_writes: 3,
            polls: true,
            limits: Limits {
                sessions_max: 1,
                writes_per_session_max: 2,
                admitted_max: 2,
                chunk_writes_max: 3,
            },
            policy: Policy { lag_writes_max: Some(0), ..Policy::PRODUCTION },
            reaches: &[Mark::WriteForgotten, Mark::GapRefused, Mark::Completed],
            ..night.clone()
        },
        Scope {
            name: "nightly/timed",
            about: "a store that cannot seal: two gateways, two migrations, nothing left out",
            migrations: 2,
            set: Set::Nightly,
            reaches: &[Mark::Waited, Mark::WaitLost, Mark::Expired, Mark::Completed],
            ..TIMED
        },
    ]
}

/// The published designs. Each is known to break, and a search that finds nothing has lost its teeth.
fn published() -> Vec<Scope> {
    let timed = |barrier_ticks| {
        Some(Timed { barrier_ticks, ..Timed { effect_ticks: Some(2), barrier_ticks: None, clock_gain: 0 } })
    };
    vec![
        Scope {
            name: "published/drain-barrier",
            about: "osproxy: a wait of fixed length, while a gateway may pause for longer",
            timed: Some(Timed { effect_ticks: None, barrier_ticks: None, clock_gain: 0 }),
            design: Some(Design::DrainBarrier),
            expect: Some(Id::CommitAtOwnerOnly),
            ..TIMED
        },
        Scope {
            name: "published/fails-open",
            about: "osproxy: the wait is skipped when the record cannot be read (bug 112)",
            timed: timed(Some(0)),
            design: Some(Design::FailsOpen),
            expect: Some(Id::CommitAtOwnerOnly),
            ..TIMED
        },
        Scope {
            name: "published/kept-timestamp",
            about: "osproxy: the start of the wait outlives an abort (bug 113)",
            migrations: 2,
            controllers: 1,
            gateways: 1,
            design: Some(Design::KeptTimestamp),
            expect: Some(Id::NoCommitInCutover),
            ..TIMED_TIGHT
        },
        Scope {
            name: "published/early-watermark",
            about: "reddb: the last position is read before writes stop (bug 117)",
            timed: timed(None),
            design: Some(Design::EarlyWatermark),
            expect: Some(Id::NoLostWrite),
            ..TIMED
        },
        Scope {
            name: "published/unsealed-force",
            about: "reddb: a forced move seals nothing and counts as lossless (bug 121)",
            gateways: 1,
            forces: 1,
            design: Some(Design::UnsealedForce),
            expect: Some(Id::NoLostWrite),
            ..BASE
        },
    ]
}
