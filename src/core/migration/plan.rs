//! The plan of a migration, and the policy of its controller.

use super::{Expected, MigrationError, PlacementTable, Timer};
use crate::core::ids::{Epoch, MigrationId, PartitionId, Placement};
use crate::core::placement::{Guarantee, PartitionState};
use alloc::vec;
use alloc::vec::Vec;
use core::fmt;
use thiserror::Error;

/// The policy of a controller. Durations are whole milliseconds; the driver turns them into timers.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Policy {
    /// Writes are blocked from the seal on, so the controller seals only when the copy lags by at most this many
    /// writes. `None`: as soon as the target is prepared.
    pub lag_writes_max: Option<u64>,
    /// Whether an operator wants the copy to catch up, and no write to be blocked yet.
    pub hold: bool,
    /// How long writes may be blocked before the controller aborts, counted from before the first seal request.
    pub blocked_budget_ms: u64,
    /// How often requests are repeated.
    pub retry_ms: u64,
    /// The longest time (D) from a gateway's fresh read of the record until its write can take effect.
    pub write_effect_ms_max: u64,
    /// The greatest rate error (ρ) of a controller's clock, in parts per million.
    pub clock_error_ppm: u32,
    /// The resolution of a controller's clock.
    pub clock_granule_ms: u64,
}

/// Why a policy is refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
pub enum PolicyError {
    /// A duration that must be positive is zero.
    #[error("{what} is 0 ms, at least 1 ms is needed")]
    Zero {
        /// The name of the duration.
        what: &'static str,
    },
    /// The blocked budget is not longer than the wait, so no `timed` migration could complete.
    #[error("blocked_budget_ms is {budget} ms, the timed wait alone takes {barrier} ms")]
    BudgetBelowBarrier {
        /// The blocked budget in milliseconds.
        budget: u64,
        /// The wait of the `timed` guarantee, in milliseconds.
        barrier: u64,
    },
}

impl Policy {
    /// The policy of a cluster: at most one second of blocked writes, and sinks whose writes take effect within 300
    /// ms.
    pub const PRODUCTION: Self = Self {
        lag_writes_max: Some(64),
        hold: false,
        blocked_budget_ms: 1_000,
        retry_ms: 50,
        write_effect_ms_max: 300,
        clock_error_ppm: 200,
        clock_granule_ms: 1,
    };

    /// Checks that a migration can complete under this policy.
    ///
    /// # Errors
    /// [`PolicyError`]
    pub const fn validate(&self) -> Result<(), PolicyError> {
        if self.retry_ms == 0 {
            return Err(PolicyError::Zero { what: "retry_ms" });
        }
        if self.clock_granule_ms == 0 {
            return Err(PolicyError::Zero { what: "clock_granule_ms" });
        }
        let (budget, barrier) = (self.blocked_budget_ms, self.barrier_ms());
        if budget <= barrier {
            return Err(PolicyError::BudgetBelowBarrier { budget, barrier });
        }
        Ok(())
    }

    /// The wait of the `timed` guarantee: D(1+ρ), rounded up, plus one granule.
    ///
    /// A clock that runs fast by ρ shows D(1+ρ) when D has passed. The granule is added because n granules on the clock
    /// can be almost one granule less of real time.
    #[must_use]
    pub const fn barrier_ms(&self) -> u64 {
        let fast = (self.write_effect_ms_max as u128 * self.clock_error_ppm as u128).div_ceil(1_000_000);
        let wait = self.write_effect_ms_max as u128 + fast + self.clock_granule_ms as u128;
        if wait > u64::MAX as u128 { u64::MAX } else { wait as u64 }
    }

    /// The duration of a timer.
    #[must_use]
    pub const fn duration_ms(&self, timer: &Timer) -> u64 {
        match timer {
            Timer::Retry | Timer::Overdue { .. } => self.retry_ms,
            Timer::BlockedBudget { .. } => self.blocked_budget_ms,
            Timer::Barrier { .. } => self.barrier_ms(),
        }
    }
}

/// The plan of a migration. Nothing is reserved: `begin` is checked again when it is applied.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Plan {
    /// The partition to be moved.
    pub partition: PartitionId,
    /// The placement of the source.
    pub from: Placement,
    /// The placement of the target.
    pub to: Placement,
    /// The expected state that `begin` must name.
    pub expected: Expected,
    /// The id that the migration will have, if no other migration begins first.
    pub migration: MigrationId,
    /// The epoch of the draining phase.
    pub draining: Epoch,
    /// How the migration will end writes at the source.
    pub guarantee: Guarantee,
    /// How long writes may be blocked, in milliseconds.
    pub blocked_budget_ms: u64,
}

/// A step of a plan. The order of the variants is the order of the steps.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Step {
    /// The log commits `Draining`.
    Begin,
    /// The target empties its copy, and closes it to all tokens so far.
    Prepare,
    /// The mover copies writes from the source to the target.
    Copy,
    /// The log commits that writes may be blocked from now on.
    StartBlock,
    /// The source is sealed, and states its last write.
    Seal,
    /// The log commits `Cutover`.
    EnterCutover,
    /// Under `timed`: a controller waits until no earlier write can take effect any more.
    Wait,
    /// Under `timed`: the position of the source's last write is read and committed.
    RecordWatermark,
    /// The target's copy reaches the source's last write.
    CatchUp,
    /// The log commits the flip.
    Complete,
}

impl Plan {
    /// The steps of the migration, in order.
    #[must_use]
    pub fn steps(&self) -> Vec<Step> {
        let mut steps = vec![Step::Begin, Step::Prepare, Step::Copy, Step::StartBlock];
        match self.guarantee {
            Guarantee::Sealed => steps.extend([Step::Seal, Step::EnterCutover]),
            Guarantee::Timed => steps.extend([Step::EnterCutover, Step::Wait, Step::RecordWatermark]),
        }
        steps.extend([Step::CatchUp, Step::Complete]);
        steps
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { partition, from, to, migration, draining, guarantee, blocked_budget_ms, .. } = self;
        write!(f, "{partition} {from}>{to} as {migration}, Draining@{draining}, {guarantee}, ")?;
        write!(f, "writes blocked for at most {blocked_budget_ms} ms")
    }
}

impl PlacementTable {
    /// Plans the migration of a partition to `to`; changes nothing.
    ///
    /// # Errors
    /// The refusal that `begin` would get now.
    pub fn plan(
        &self,
        partition: PartitionId,
        to: Placement,
        policy: &Policy,
    ) -> Result<Plan, MigrationError> {
        let record = self.record(partition).ok_or(MigrationError::UnknownPartition { partition })?;
        let next = self.begin(record, record.expected(), to, self.next_migration())?;
        let placed = next.placed.ok_or(MigrationError::UnknownPartition { partition })?;
        let PartitionState::Migrating { from, to, .. } = placed.state else {
            return Err(MigrationError::NotMigrating { partition });
        };
        Ok(Plan {
            partition,
            from,
            to,
            expected: record.expected(),
            migration: next.migration,
            draining: next.epoch,
            guarantee: placed.guarantee,
            blocked_budget_ms: policy.blocked_budget_ms,
        })
    }
}
