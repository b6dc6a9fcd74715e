//! Scopes `migration/…`: sinks that can seal, with an atomic log. Also the bounds that all scopes around sinks
//! start from.

use crate::env::migration::{Kind, Mark, MigrationBounds, SinkBounds};
use crate::protocol::Scope;
use cutover::core::fence::FenceLimits;
use cutover::core::migration::Policy;
use cutover::core::placement::Guarantee;

/// A sink that can seal, and remembers more writes than there are.
pub(super) const SEALED: SinkBounds = SinkBounds {
    guarantee: Guarantee::Sealed,
    limits: FenceLimits {
        sessions_max: 8,
        writes_per_session_max: 8,
        admitted_max: 2,
        chunk_items_max: 8,
        chunk_bytes_max: 1024,
        positions_apart: 1,
    },
};

/// The bounds that all scopes around sinks start from; a scope states the fields that differ.
pub(super) const BASE: MigrationBounds = MigrationBounds {
    sinks: [SEALED; 2],
    gateways: 2,
    writes_each: 1,
    mutations: &[Kind::Put(0)],
    rows: 0,
    attempts: 1,
    gated: 0,
    shared_session: false,
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
    chunk_limits: &[8],
    trims: 0,
    partial: false,
    overlooks_digest: false,
    damages: 0,
    unsynced: false,
    crashes: 0,
    wipes: 0,
    polls: false,
    replaces: true,
    takeovers: 0,
    restores: 0,
    at_once: true,
    forgetful: false,
    restarts: 0,
    misroute: false,
    policy: Policy { lag_writes_max: None, ..Policy::PRODUCTION },
    timed: None,
    symmetric: true,
    design: None,
};

/// Copies of two rows that a chunk may have no room for, under a put and a deletion.
pub(super) const PARTS: MigrationBounds = MigrationBounds {
    gateways: 1,
    writes_each: 2,
    mutations: &[Kind::Put(0), Kind::Delete(1)],
    rows: 2,
    chunk_limits: &[1, 8],
    overlooks_digest: true,
    symmetric: false,
    ..BASE
};

#[expect(clippy::too_many_lines, reason = "a list")]
pub(super) fn all() -> Vec<Scope<MigrationBounds>> {
    vec![
        Scope::new(
            "migration/moves",
            "a partition moves there and back; writes and retries may use any stale cache",
            MigrationBounds {
                gateways: 1,
                writes_each: 2,
                mutations: &[Kind::Put(0), Kind::Put(1)],
                migrations: 2,
                attempts: 2,
                symmetric: false,
                ..BASE
            },
        )
        .reaching([
            Mark::Completed,
            Mark::SealThenAbort,
            Mark::ThereAndBack,
            Mark::SealRefusedThenApplied,
            Mark::RetryOnceAcross,
            Mark::LateMoverRefused,
            Mark::StaleControllerRefused,
            Mark::StaleCacheRefused,
            Mark::GapRefused,
        ]),
        Scope::new(
            "migration/admission",
            "writes wait at the sink between admission and effect",
            MigrationBounds { attempts: 2, admission: true, restarts: 1, ..BASE },
        )
        .reaching([
            Mark::RefusedAtApply,
            Mark::DuplicateAcknowledged,
            Mark::Restarted,
            Mark::Completed,
        ]),
        Scope::new(
            "migration/admission-back",
            "writes wait at the sink between admission and effect; the partition moves there and back",
            MigrationBounds { gateways: 1, migrations: 2, attempts: 2, admission: true, ..BASE },
        )
        .reaching([Mark::RefusedAtApply, Mark::ThereAndBack]),
        Scope::new(
            "migration/reads",
            "strong and cached reads; the partition moves there and back, old copies are dropped",
            MigrationBounds {
                gateways: 1,
                migrations: 2,
                readers: 1,
                reads_each: 2,
                stale_reads: true,
                drops: true,
                ..BASE
            },
        )
        .reaching([
            Mark::ReadAtTarget,
            Mark::StaleReadServed,
            Mark::StaleReadRefused,
            Mark::Dropped,
            Mark::Forgotten,
            Mark::ThereAndBack,
        ]),
        Scope::new(
            "migration/history",
            "overwriting writes with retries, and strong reads: the history must be linearizable",
            MigrationBounds { readers: 1, reads_each: 2, stale_reads: true, attempts: 2, ..BASE },
        )
        .reaching([Mark::ReadAtTarget, Mark::RetryOnceAcross, Mark::DuplicateAcknowledged]),
        Scope::new(
            "migration/crash",
            "a sink crashes and loses what was not synced",
            MigrationBounds {
                gateways: 1,
                writes_each: 2,
                migrations: 2,
                unsynced: true,
                crashes: 1,
                symmetric: false,
                ..BASE
            },
        )
        .reaching([Mark::CrashLost, Mark::Completed, Mark::ThereAndBack, Mark::SealThenAbort]),
        Scope::new(
            "migration/crash-reads",
            "sinks crash and lose what was not synced, with strong reads and retries",
            MigrationBounds {
                gateways: 1,
                unsynced: true,
                crashes: 2,
                attempts: 2,
                readers: 1,
                reads_each: 2,
                ..BASE
            },
        )
        .reaching([Mark::CrashLost, Mark::Completed, Mark::ReadAtTarget]),
        Scope::new(
            "migration/force",
            "a forced move, with retries, debts, dropped copies and cached reads",
            MigrationBounds {
                gateways: 1,
                migrations: 1,
                forces: 1,
                drops: true,
                stale_reads: true,
                attempts: 2,
                ..BASE
            },
        )
        .reaching([Mark::Forced, Mark::Ended, Mark::LeftBehind, Mark::Settled, Mark::Dropped, Mark::Completed]),
        Scope::new(
            "migration/force-back",
            "forced moves there and back, with retries",
            MigrationBounds { gateways: 1, migrations: 2, forces: 2, aborts: false, ..BASE },
        )
        .reaching([Mark::Forced, Mark::ForcedBack, Mark::LeftBehind, Mark::Settled]),
        Scope::new(
            "migration/life",
            "a partition is deleted, created again, and moved",
            MigrationBounds {
                gateways: 1,
                creations: 1,
                attempts: 2,
                drops: true,
                stale_reads: true,
                ..BASE
            },
        )
        .reaching([
            Mark::Deleted,
            Mark::CreatedAgain,
            Mark::Dropped,
            Mark::Forgotten,
            Mark::Completed,
        ]),
        Scope::new(
            "migration/wipe",
            "sinks lose their disks; requests arrive at the wrong sink",
            MigrationBounds {
                gateways: 1,
                migrations: 2,
                attempts: 2,
                wipes: 1,
                drops: true,
                misroute: true,
                stale_reads: true,
                ..BASE
            },
        )
        .reaching([Mark::Wiped, Mark::WrongStoreRefused, Mark::ThereAndBack]),
        Scope::new(
            "migration/copy",
            "chunks of several writes, a limit on the lag, and sinks that forget old write ids",
            MigrationBounds {
                gateways: 1,
                writes_each: 2,
                attempts: 2,
                chunk_limits: &[1, 8],
                polls: true,
                sinks: [SinkBounds {
                    limits: FenceLimits { sessions_max: 1, writes_per_session_max: 1, ..SEALED.limits },
                    ..SEALED
                }; 2],
                policy: Policy { lag_writes_max: Some(0), ..Policy::PRODUCTION },
                ..BASE
            },
        )
        .reaching([Mark::WriteForgotten, Mark::GapRefused, Mark::Completed, Mark::SealThenAbort]),
        Scope::new(
            "migration/parts",
            "copies made of several chunks, with changes in between; the partition moves there and back",
            MigrationBounds { migrations: 2, ..PARTS },
        )
        .reaching([
            Mark::InParts,
            Mark::ChangedBelow,
            Mark::KeptCopy,
            Mark::GapRefused,
            Mark::LateMoverRefused,
            Mark::ThereAndBack,
        ]),
        Scope::new(
            "migration/parts-crash",
            "copies made of several chunks, at stores that crash and lose what was not synced",
            MigrationBounds { unsynced: true, crashes: 1, ..PARTS },
        )
        .reaching([Mark::InParts, Mark::CrashLost, Mark::Completed]),
        Scope::new(
            "migration/parts-trimmed",
            "a source forgets changes that a copy in the making needs: it is aborted, and the next one begins empty",
            MigrationBounds {
                migrations: 2,
                writes_each: 1,
                trims: 1,
                aborts: false,
                forgetful: true,
                policy: Policy { lag_writes_max: Some(0), ..Policy::PRODUCTION },
                ..PARTS
            },
        )
        .reaching([Mark::Stuck, Mark::InParts, Mark::Completed]),
        Scope::new(
            "migration/parts-forced",
            "a partition is forced to a copy, or to a part of one; clients retry",
            MigrationBounds { forces: 1, partial: true, attempts: 2, ..PARTS },
        )
        .reaching([Mark::Ended, Mark::Forced, Mark::ForcedPart, Mark::WriteForgotten, Mark::LeftBehind]),
        Scope::new(
            "migration/parts-damaged",
            "a chunk loses a row, a change or its write ids on the way: the digests differ, and the migration is aborted",
            MigrationBounds { migrations: 2, damages: 1, overlooks_digest: false, forgetful: true, ..PARTS },
        )
        .reaching([Mark::Damaged, Mark::DigestRefused, Mark::Completed]),
        Scope::new(
            "migration/conditional",
            "writes that expect a row, and writes of two rows, with strong reads",
            MigrationBounds {
                writes_each: 1,
                gateways: 2,
                attempts: 1,
                readers: 1,
                reads_each: 1,
                mutations: &[Kind::Insert(0), Kind::Both],
                rows: 1,
                ..PARTS
            },
        )
        .reaching([Mark::DiffersRefused, Mark::Completed]),
    ]
}
