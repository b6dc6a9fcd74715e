//! Scopes `published/…`: published designs that are unsafe. `check` fails if it does not find the known violation.

use super::migration::BASE;
use super::migration_timed::{TIMED, TIMED_TIGHT};
use crate::env::migration::{Design, MigrationBounds, Timed};
use crate::protocol::Scope;
use cutover::core::invariant::Id;

pub(super) fn all() -> Vec<Scope<MigrationBounds>> {
    let timed = |barrier_ticks| {
        Some(Timed { barrier_ticks, ..Timed { effect_ticks: Some(2), barrier_ticks: None, clock_gain: 0 } })
    };
    vec![
        Scope::new(
            "published/drain-barrier",
            "osproxy: a wait of fixed length, although a gateway may pause for longer",
            MigrationBounds {
                timed: Some(Timed { effect_ticks: None, barrier_ticks: None, clock_gain: 0 }),
                design: Some(Design::DrainBarrier),
                ..TIMED
            },
        )
        .breaking(Id::CommitAtOwnerOnly.entry().id),
        Scope::new(
            "published/fails-open",
            "osproxy: the wait is skipped when the record cannot be read (bug 112)",
            MigrationBounds { timed: timed(Some(0)), design: Some(Design::FailsOpen), ..TIMED },
        )
        .breaking(Id::CommitAtOwnerOnly.entry().id),
        Scope::new(
            "published/kept-timestamp",
            "osproxy: the start of the wait survives an abort (bug 113)",
            MigrationBounds {
                migrations: 2,
                controllers: 1,
                gateways: 1,
                design: Some(Design::KeptTimestamp),
                ..TIMED_TIGHT
            },
        )
        .breaking(Id::NoCommitInCutover.entry().id),
        Scope::new(
            "published/early-watermark",
            "reddb: the last position is read before writes stop (bug 117)",
            MigrationBounds {
                gateways: 1,
                timed: timed(None),
                design: Some(Design::EarlyWatermark),
                ..TIMED
            },
        )
        .breaking(Id::NoLostWrite.entry().id),
        Scope::new(
            "published/unsealed-force",
            "reddb: a forced move seals nothing and counts as lossless (bug 121)",
            MigrationBounds { gateways: 1, forces: 1, design: Some(Design::UnsealedForce), ..BASE },
        )
        .breaking(Id::NoLostWrite.entry().id),
    ]
}
