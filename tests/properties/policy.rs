//! Durations of the controllers' policy, computed exactly, and the report of a dry run.

use super::cases;
use cutover::core::ids::{Epoch, MigrationId};
use cutover::core::migration::{Policy, PolicyError, Timer};
use proptest::prelude::*;

/// Any policy. Most durations are small; some are so long that the wait overflows.
fn policy() -> impl Strategy<Value = Policy> {
    let ms = || prop_oneof![0_u64..4, 0_u64..10_000, 0_u64..1 << 40, any::<u64>(), Just(u64::MAX)];
    let ppm = prop_oneof![0_u32..4, 0_u32..2_000_000, any::<u32>()];
    (ms(), ms(), ms(), ppm, 0_u64..20, prop::option::of(0_u64..100)).prop_map(
        |(
            blocked_budget_ms,
            retry_ms,
            write_effect_ms_max,
            clock_error_ppm,
            clock_granule_ms,
            lag_writes_max,
        )| {
            Policy {
                lag_writes_max,
                hold: false,
                blocked_budget_ms,
                retry_ms,
                write_effect_ms_max,
                clock_error_ppm,
                clock_granule_ms,
            }
        },
    )
}

proptest! {
    #![proptest_config(cases(4))]

    #[test]
    fn the_wait_is_long_enough_and_no_longer(policy in policy()) {
        let million = 1_000_000_u128;
        let d = u128::from(policy.write_effect_ms_max);
        let needed = d * (million + u128::from(policy.clock_error_ppm)) + u128::from(policy.clock_granule_ms) * million;
        let waited = u128::from(policy.barrier_ms()) * million;
        if needed > u128::from(u64::MAX) * million {
            prop_assert_eq!(policy.barrier_ms(), u64::MAX, "a wait beyond all numbers is the longest one");
            prop_assert!(policy.validate().is_err(), "and no budget is longer than that");
            return Ok(());
        }
        prop_assert!(waited >= needed, "{} ms are too short", policy.barrier_ms());
        prop_assert!(waited < needed + million, "{} ms are longer than needed", policy.barrier_ms());
    }

    #[test]
    fn a_policy_is_refused_exactly_when_it_cannot_work(policy in policy()) {
        let zero = policy.retry_ms == 0 || policy.clock_granule_ms == 0;
        let (budget, barrier) = (policy.blocked_budget_ms, policy.barrier_ms());
        match policy.validate() {
            Ok(()) => prop_assert!(!zero && budget > barrier),
            Err(PolicyError::Zero { what }) => prop_assert!(zero && ["retry_ms", "clock_granule_ms"].contains(&what)),
            Err(error) => {
                prop_assert!(!zero && budget <= barrier);
                prop_assert_eq!(error, PolicyError::BudgetBelowBarrier { budget, barrier });
            }
        }
    }

    #[test]
    fn every_timer_has_its_duration(policy in policy()) {
        let migration = MigrationId(1);
        prop_assert_eq!(policy.duration_ms(&Timer::Retry), policy.retry_ms);
        prop_assert_eq!(policy.duration_ms(&Timer::BlockedBudget { migration }), policy.blocked_budget_ms);
        prop_assert_eq!(policy.duration_ms(&Timer::Barrier { migration, epoch: Epoch(1) }), policy.barrier_ms());
    }
}

#[test]
fn the_production_policy_works_and_has_the_wait_written_out() {
    assert_eq!(Policy::PRODUCTION.validate(), Ok(()));
    // 300 ms, plus 0.06 ms for a clock 200 ppm fast, plus a granule of 1 ms, rounded up.
    assert_eq!(Policy::PRODUCTION.barrier_ms(), 302);
}
