//! What a controller does about a refusal: it gives up what can never be answered otherwise.

use super::flight::{Flight, flight, propose, send};
use super::{AbortReason, Debt, Output, PartitionRecord, Transition};
use crate::core::fence::{Body, DropCopy, Prepare, Refusal, Request};
use crate::core::placement::Phase;
use alloc::vec;
use alloc::vec::Vec;

/// A request of the migration in flight that its store will always refuse ends the migration.
pub(super) fn refused(record: &PartitionRecord, request: &Request, refusal: &Refusal) -> Vec<Output> {
    if let Some(debt) = record.placed.and_then(|placed| placed.debt)
        && let Body::Seal(seal) = &request.body
        && seal.migration == debt.migration
        && request.store == debt.placement
    {
        return unsealed(record, &debt, refusal).into_iter().collect();
    }
    match flight(record) {
        Some(flight)
            if request.body.migration() == Some(record.migration) && is_final(&flight, request, refusal) =>
        {
            let broken = matches!(refusal, Refusal::Stuck { .. });
            let why = if broken { AbortReason::Broken } else { AbortReason::Refused };
            vec![propose(record, Transition::Abort { expected: record.expected(), why })]
        }
        Some(_) | None => Vec::new(),
    }
}

/// Whether the store refuses this request of the migration for good.
fn is_final(flight: &Flight<'_>, request: &Request, refusal: &Refusal) -> bool {
    match refusal {
        // One store has two names, or the other way around.
        Refusal::WrongStore { .. }
        | Refusal::WrongPartition { .. }
        | Refusal::CannotSeal { .. }
        | Refusal::Stuck { .. } => true,
        Refusal::OlderMigration { .. } => matches!(request.body, Body::Prepare(_) | Body::Seal(_)),
        Refusal::OtherCopy { have, named } => matches!(request.body, Body::Evidence(_)) && have > named,
        // The store lost its state, or dropped the copy. A target is asked for evidence before it is prepared only while the
        // migration is draining.
        Refusal::UnknownPartition { .. } => match &request.body {
            Body::Prepare(_) => request.store == flight.to,
            Body::Seal(_) | Body::Watermark(_) => request.store == flight.from,
            Body::Evidence(_) => flight.phase == Phase::Cutover,
            Body::Drop(_)
            | Body::Export(_)
            | Body::Chunk(_)
            | Body::End(_)
            | Body::Write(_)
            | Body::Read(_) => false,
        },
        Refusal::OtherSource { .. }
        | Refusal::Sealed { .. }
        | Refusal::Closed { .. }
        | Refusal::Elsewhere { .. }
        | Refusal::Malformed(_)
        | Refusal::Incomplete { .. }
        | Refusal::Trimmed { .. }
        | Refusal::NothingNew { .. }
        | Refusal::Differs { .. }
        | Refusal::Finished { .. }
        | Refusal::TooLong { .. }
        | Refusal::Behind { .. }
        | Refusal::NotSealed { .. }
        | Refusal::Forgotten { .. }
        | Refusal::Busy { .. }
        | Refusal::Halted { .. } => false,
    }
}

/// The source of a forced move cannot be sealed: it has no copy, or a later one, whose statement was lost. It is asked for
/// that statement again, which settles the debt.
fn unsealed(record: &PartitionRecord, debt: &Debt, refusal: &Refusal) -> Option<Output> {
    match refusal {
        Refusal::UnknownPartition { .. } => {
            let drop = DropCopy { copy: debt.copy, sealed_through: None };
            Some(send(record, debt.placement, Body::Drop(drop)))
        }
        Refusal::OlderMigration { .. } => {
            let owned = record
                .placed
                .filter(|placed| placed.state.read_placement() == debt.placement)
                .map(|placed| placed.copy);
            let old = record.old_copies.iter().find(|old| old.placement == debt.placement);
            let migration = owned.or(old.map(|old| old.copy)).filter(|copy| *copy > debt.copy)?;
            // Of a copy that is there, a repeated prepare changes nothing.
            let prepare = Prepare { migration, closed_through: debt.through, source: None, keep: None };
            Some(send(record, debt.placement, Body::Prepare(prepare)))
        }
        Refusal::WrongStore { .. }
        | Refusal::WrongPartition { .. }
        | Refusal::Stuck { .. }
        | Refusal::OtherCopy { .. }
        | Refusal::OtherSource { .. }
        | Refusal::Sealed { .. }
        | Refusal::Closed { .. }
        | Refusal::Elsewhere { .. }
        | Refusal::Malformed(_)
        | Refusal::Incomplete { .. }
        | Refusal::Trimmed { .. }
        | Refusal::NothingNew { .. }
        | Refusal::Differs { .. }
        | Refusal::Finished { .. }
        | Refusal::TooLong { .. }
        | Refusal::Behind { .. }
        | Refusal::NotSealed { .. }
        | Refusal::CannotSeal { .. }
        | Refusal::Forgotten { .. }
        | Refusal::Busy { .. }
        | Refusal::Halted { .. } => None,
    }
}
