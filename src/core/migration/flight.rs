//! The migration in flight as a controller sees it, and the outputs that controllers are made of.

use super::{Command, Output, PartitionRecord, Placed, Transition};
use crate::core::fence::{Body, Request};
use crate::core::ids::Placement;
use crate::core::placement::{PartitionState, Phase};

/// A migration in flight, as the record shows it.
pub(super) struct Flight<'a> {
    pub(super) record: &'a PartitionRecord,
    pub(super) placed: Placed,
    pub(super) from: Placement,
    pub(super) to: Placement,
    pub(super) phase: Phase,
}

/// The migration that a controller drives. A held one waits for an operator.
pub(super) fn flight(record: &PartitionRecord) -> Option<Flight<'_>> {
    let placed = record.placed.filter(|placed| placed.held.is_none())?;
    match placed.state {
        PartitionState::Migrating { from, to, phase } => Some(Flight { record, placed, from, to, phase }),
        PartitionState::Active(_) => None,
    }
}

pub(super) fn send(record: &PartitionRecord, store: Placement, body: Body) -> Output {
    Output::Send(Request { store, partition: record.partition, body })
}

pub(super) const fn propose(record: &PartitionRecord, transition: Transition) -> Output {
    Output::Propose(Command { partition: record.partition, transition })
}
