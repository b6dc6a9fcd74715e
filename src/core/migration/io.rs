//! The inputs and outputs of a controller.

use super::Command;
use crate::core::fence::{Reply, Request};
use crate::core::ids::{Epoch, MigrationId};

/// An event, passed together with the newest record that the controller has read.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[expect(clippy::large_enum_variant, reason = "an event is handled where it arises, and not kept")]
pub enum Event {
    /// The record was read. Passed on every change of it.
    Observed,
    /// The record was read by a controller that takes over and does not know what earlier controllers have sent.
    TookOver,
    /// An answer of a sink arrived.
    Replied(Reply),
    /// A timer that a controller set has fired.
    TimerFired(Timer),
}

/// A timer; [`Policy::duration_ms`] gives its duration. Setting a timer that runs has no effect.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Timer {
    /// The interval after which requests are repeated.
    Retry,
    /// The time for which a migration may block writes before it is aborted.
    BlockedBudget {
        /// The migration that blocks them.
        migration: MigrationId,
    },
    /// The interval after which an abort is proposed, or proposed again: the budget has run out, or after a takeover it is not
    /// known how much of it is left.
    Overdue {
        /// The migration that may block writes.
        migration: MigrationId,
    },
    /// The wait of the `timed` guarantee, on a clock that does not stop while the machine is suspended.
    Barrier {
        /// The migration whose cutover the controller waits in.
        migration: MigrationId,
        /// The epoch of its cutover.
        epoch: Epoch,
    },
}

/// An output of a controller. Outputs are performed in order.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Output {
    /// Send a request to a sink.
    Send(Request),
    /// Propose a command to the log.
    Propose(Command),
    /// Start a timer; a timer that is running is left alone.
    SetTimer(Timer),
}
