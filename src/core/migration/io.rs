//! What goes into a controller and what comes out of it.

use super::Command;
use crate::core::fence::{Reply, Request};
use crate::core::ids::{Epoch, MigrationId};

/// What a controller learns, together with the newest record that it has read.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Event {
    /// The record was read: on every change of it.
    Observed,
    /// The record was read by a controller that takes over, and does not know what its predecessors have sent.
    TookOver,
    /// A sink answered.
    Replied(Reply),
    /// A timer fired.
    TimerFired(Timer),
}

/// A wait. [`Policy::duration_ms`] says how long; setting one that runs changes nothing.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Timer {
    /// Look at the record again.
    Retry,
    /// Writes may have been blocked since it was set.
    BlockedBudget {
        /// By this migration.
        migration: MigrationId,
    },
    /// A predecessor may have sealed the source of this migration before it was set.
    SealSuspected {
        /// The migration.
        migration: MigrationId,
    },
    /// The `timed` wait, on a clock that also counts while the machine sleeps.
    Barrier {
        /// Of this migration.
        migration: MigrationId,
        /// And this cutover.
        epoch: Epoch,
    },
}

/// What a controller does, in order.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Output {
    /// Ask a sink.
    Send(Request),
    /// Propose to the log.
    Propose(Command),
    /// Start a timer.
    SetTimer(Timer),
    /// Stop a timer.
    CancelTimer(Timer),
}
