//! What a migration would do, and how long its controller may take over it.

use super::{Expected, MigrationError, PlacementTable, Timer};
use crate::core::ids::{Epoch, MigrationId, PartitionId, Placement};
use crate::core::placement::{Guarantee, PartitionState};
use alloc::vec;
use alloc::vec::Vec;
use core::fmt;
use thiserror::Error;

/// How a controller goes about a migration. Durations are whole milliseconds; only whoever drives the controller
/// turns them into time.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Policy {
    /// Seal once the copy lacks at most so many writes; `None`: as soon as the target is prepared.
    pub lag_writes_max: Option<u64>,
    /// Writes may be blocked for this long before the controller aborts; counted from before the first seal request.
    pub blocked_budget_ms: u64,
    /// How long to wait before asking again.
    pub retry_ms: u64,
    /// D: from a gateway's fresh read of the record to the last instant at which that write can take effect.
    pub write_effect_ms_max: u64,
    /// How far the controller's clock may be off, in parts per million of the time it counts.
    pub clock_error_ppm: u32,
    /// The least time that clock can tell apart.
    pub clock_granule_ms: u64,
}

/// A policy that cannot work.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
pub enum PolicyError {
    /// A duration of nothing.
    #[error("{what} is 0 ms, at least 1 ms is needed")]
    Zero {
        /// Which duration.
        what: &'static str,
    },
    /// The budget ends before the wait does: no `timed` migration could ever complete.
    #[error("blocked_budget_ms is {budget} ms, the timed wait alone takes {barrier} ms")]
    BudgetBelowBarrier {
        /// The budget.
        budget: u64,
        /// The wait.
        barrier: u64,
    },
}

impl Policy {
    /// Holds for one second of blocked writes, and stores whose writes take effect within 300 ms.
    pub const PRODUCTION: Self = Self {
        lag_writes_max: Some(64),
        blocked_budget_ms: 1_000,
        retry_ms: 50,
        write_effect_ms_max: 300,
        clock_error_ppm: 200,
        clock_granule_ms: 1,
    };

    /// Refuses what cannot work.
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

    /// The wait of the `timed` guarantee: D(1+ρ), rounded up, and one granule.
    ///
    /// A clock that runs fast by ρ has counted D(1+ρ) when D has passed; the granule is there because a count of n
    /// granules may be almost one granule short of the time it stands for.
    #[must_use]
    pub const fn barrier_ms(&self) -> u64 {
        let fast = (self.write_effect_ms_max as u128 * self.clock_error_ppm as u128).div_ceil(1_000_000);
        let wait = self.write_effect_ms_max as u128 + fast + self.clock_granule_ms as u128;
        if wait > u64::MAX as u128 { u64::MAX } else { wait as u64 }
    }

    /// How long a timer runs.
    #[must_use]
    pub const fn duration_ms(&self, timer: &Timer) -> u64 {
        match timer {
            Timer::Retry => self.retry_ms,
            Timer::BlockedBudget { .. } | Timer::SealSuspected { .. } => self.blocked_budget_ms,
            Timer::Barrier { .. } => self.barrier_ms(),
        }
    }
}

/// What `begin` would do: the answer of a dry run. Nothing is reserved; the real `begin` is judged again.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Plan {
    /// The partition.
    pub partition: PartitionId,
    /// The source.
    pub from: Placement,
    /// The target.
    pub to: Placement,
    /// What `begin` has to name.
    pub expected: Expected,
    /// The id that the migration would get, if no other one begins first.
    pub migration: MigrationId,
    /// The epoch of its draining phase.
    pub draining: Epoch,
    /// What it can promise.
    pub guarantee: Guarantee,
    /// For how long writes may be blocked.
    pub blocked_budget_ms: u64,
}

/// One step of a plan, in the order in which they are taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Step {
    /// Commit `Draining`.
    Begin,
    /// The target empties its copy and closes.
    Prepare,
    /// The mover copies.
    Copy,
    /// The source takes its last write.
    Seal,
    /// Commit `Cutover`.
    EnterCutover,
    /// Wait until no write can be under way (`timed`).
    Wait,
    /// Read and commit where the writes ended (`timed`).
    RecordWatermark,
    /// The target reaches that position.
    CatchUp,
    /// Commit the flip.
    Complete,
}

impl Plan {
    /// The steps, in order.
    #[must_use]
    pub fn steps(&self) -> Vec<Step> {
        let mut steps = vec![Step::Begin, Step::Prepare, Step::Copy];
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
    /// A dry run of `begin`.
    ///
    /// # Errors
    /// What `begin` would be refused for.
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
