//! What a controller is told, and what it does.

use crate::statement::{Dropped, Prepared, Reached, Receipt};
use crate::table::command::Change;
use cutover::core::fence::{Body, Refusal, Request};
use cutover::core::ids::{Epoch, MigrationId, Placement};

/// An event, with the newest record that was read.
#[derive(Clone, PartialEq, Eq, Debug)]
#[expect(clippy::large_enum_variant, reason = "an event is handled where it arises, and not kept")]
pub enum Event {
    /// The record was read.
    Looked,
    /// The record was read by a controller that takes over.
    TookOver,
    /// A store has answered.
    Heard(Heard),
    /// A timer has fired.
    Fired(Timer),
}

/// An answer of a store.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Heard {
    /// It is prepared.
    Prepared(Prepared),
    /// It is sealed.
    Sealed(Receipt),
    /// It has caught up.
    Evidence(Reached),
    /// Its last write.
    Watermark(Reached),
    /// A copy is gone.
    Dropped(Dropped),
    /// It refuses.
    Refused(Request, Refusal),
    /// An answer to a mover or a client.
    Other,
}

/// A timer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Timer {
    /// What is asked is asked again.
    Retry,
    /// This migration has blocked writes for as long as it may.
    Budget(MigrationId),
    /// The time of a takeover, or of an abort that was proposed.
    Overdue(MigrationId),
    /// Writes resolved before this epoch have taken effect.
    Wait(MigrationId, Epoch),
}

/// One thing that a controller does.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Output {
    /// Asks a store.
    Asks(Placement, Body),
    /// Proposes a change of the record.
    Proposes(Change),
    /// Sets a timer.
    Sets(Timer),
}

/// What is done at an event.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Does {
    /// All of these are.
    pub must: Vec<Output>,
    /// These may be, and nothing else.
    pub may: Vec<Output>,
}

impl Does {
    pub(super) fn asks(&mut self, store: Placement, body: Body) {
        self.must.push(Output::Asks(store, body));
    }

    pub(super) fn sets(&mut self, timer: Timer) {
        self.must.push(Output::Sets(timer));
    }

    /// Proposes a change; if the table would refuse it, that is left open.
    pub(super) fn proposes(&mut self, fits: bool, change: Change) {
        // M2
        let into = if fits { &mut self.must } else { &mut self.may };
        into.push(Output::Proposes(change));
    }

    /// What is asked is asked again.
    pub(super) fn asks_again(&mut self, always: bool) {
        // M3
        if always || self.must.iter().any(|output| matches!(output, Output::Asks(..))) {
            self.sets(Timer::Retry);
        }
    }
}
