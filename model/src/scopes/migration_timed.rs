//! Scopes `migration-timed/…`: sinks that cannot seal, where a bounded wait ends all writes.

use super::migration::{BASE, SEALED};
use crate::env::migration::{Mark, MigrationBounds, SinkBounds, Timed};
use crate::protocol::Scope;
use cutover::core::migration::Policy;
use cutover::core::placement::Guarantee;

/// A sink that cannot refuse writes by their tokens.
pub(super) const PLAIN: SinkBounds = SinkBounds { guarantee: Guarantee::Timed, ..SEALED };

/// Bounds with sinks that cannot seal. A tick is one millisecond of the policy.
pub(super) const TIMED: MigrationBounds = MigrationBounds {
    sinks: [PLAIN; 2],
    policy: Policy {
        lag_writes_max: None,
        hold: false,
        blocked_budget_ms: 8,
        retry_ms: 1,
        write_effect_ms_max: 2,
        clock_error_ppm: 500_000,
        clock_granule_ms: 1,
    },
    timed: Some(Timed { effect_ticks: Some(2), barrier_ticks: None, clock_gain: 1 }),
    ..BASE
};

/// A smaller variant of [`TIMED`]: writes take effect within one tick, and clocks do not run ahead.
pub(super) const TIMED_TIGHT: MigrationBounds = MigrationBounds {
    policy: Policy { write_effect_ms_max: 1, clock_error_ppm: 0, ..TIMED.policy },
    timed: Some(Timed { effect_ticks: Some(1), barrier_ticks: None, clock_gain: 0 }),
    ..TIMED
};

pub(super) fn all() -> Vec<Scope<MigrationBounds>> {
    vec![
        Scope::new(
            "migration-timed/wait",
            "two gateways, two controllers, a clock that runs ahead: the wait must end all writes",
            MigrationBounds { ..TIMED },
        )
        .reaching([Mark::Waited, Mark::WaitLost, Mark::Expired, Mark::Completed]),
        Scope::new(
            "migration-timed/again",
            "an abort, then a second migration, whose wait must start from zero",
            MigrationBounds {
                gateways: 1,
                controllers: 1,
                migrations: 2,
                forgetful: true,
                replaces: false,
                ..TIMED_TIGHT
            },
        )
        .reaching([Mark::Waited, Mark::Completed]),
    ]
}
