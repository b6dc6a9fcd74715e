//! The controller of one partition: rules `M1` to `M28` of `docs/protocol.md`.

mod io;
mod look;
mod refused;
mod statements;

pub use io::{Does, Event, Heard, Output, Timer};

use crate::table::command::{Change, Seen, Why};
use crate::table::record::{Flight, Placed, Record};
use cutover::core::ids::{Epoch, MigrationId};
use std::collections::BTreeMap;

/// A controller.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Controller {
    /// How many writes the target may lack when writes are blocked; nothing: however many.
    pub lag: Option<u64>,
    /// Whether an operator holds it back: no write is to be blocked.
    pub holds: bool,
    /// The waits that it has begun, and whether each has ended.
    pub waits: BTreeMap<(MigrationId, Epoch), bool>,
}

/// A migration that is driven.
#[derive(Clone, Copy)]
struct Driven {
    placed: Placed,
    flight: Flight,
    /// The epoch of its draining phase.
    draining: Epoch,
}

impl Controller {
    /// A new one.
    #[must_use]
    pub const fn new(lag: Option<u64>, holds: bool) -> Self {
        // M9
        Self { lag, holds, waits: BTreeMap::new() }
    }

    /// What it does at an event, with this record read.
    pub fn handle(&mut self, record: &Record, event: &Event) -> Does {
        // M9
        self.waits.retain(|wait, _| asks_to_wait(record, *wait));
        // M3
        let mut does = Does { may: vec![Output::Sets(Timer::Retry)], ..Does::default() };
        match event {
            // M3
            Event::Looked | Event::Fired(Timer::Retry) => self.looks(record, &mut does),
            Event::TookOver => self.takes_over(record, &mut does),
            Event::Heard(Heard::Refused(request, refusal)) => {
                refused::refused(record, request, refusal, &mut does);
            }
            Event::Heard(heard) => self.hears(record, heard, &mut does),
            Event::Fired(Timer::Budget(migration) | Timer::Overdue(migration)) => {
                // M11, M25
                if driven(record).is_some() && *migration == record.migration {
                    aborts(record, Why::Budget, &mut does);
                }
            }
            Event::Fired(Timer::Wait(migration, epoch)) => {
                self.waited(record, (*migration, *epoch), &mut does);
            }
        }
        does
    }
}

/// Whether the record has something for which this wait is.
fn asks_to_wait(record: &Record, (migration, epoch): (MigrationId, Epoch)) -> bool {
    // M9
    let of_cutover = migration == record.migration && epoch == record.epoch;
    let late = record.old_copies.values().any(|old| old.copy == migration && old.late_before == Some(epoch));
    of_cutover || late
}

/// The migration that the record lets be driven.
fn driven(record: &Record) -> Option<Driven> {
    let placed = record.placed?;
    // M25
    let flight = placed.flight.filter(|flight| flight.held.is_none())?;
    let draining = placed.draining(record.epoch)?;
    Some(Driven { placed, flight, draining })
}

/// What each command names.
const fn seen(record: &Record) -> Seen {
    // M1
    Seen { migration: record.migration, epoch: record.epoch }
}

/// Aborts, and again until the record shows it.
fn aborts(record: &Record, why: Why, does: &mut Does) {
    // M11
    does.proposes(true, Change::Abort(seen(record), why));
    does.sets(Timer::Overdue(record.migration));
}
