//! What follows from a refusal.

use super::io::Does;
use super::{Driven, driven, seen};
use crate::controller::io::{Output, Timer};
use crate::table::command::{Change, Why};
use crate::table::record::{Debt, Record};
use cutover::core::fence::{Body, DropCopy, Prepare, Refusal, Request};

pub(super) fn refused(record: &Record, request: &Request, refusal: &Refusal, does: &mut Does) {
    // M21
    if let Some(debt) = record.placed.and_then(|placed| placed.debt)
        && let Body::Seal(seal) = &request.body
        && seal.migration == debt.migration
        && request.store == debt.placement
    {
        return unsealed(record, &debt, refusal, does);
    }
    // M2, M23
    let Some(driven) = driven(record) else { return };
    if request.body.migration() == Some(record.migration) && is_for_good(&driven, request, refusal) {
        // M22
        let broken = matches!(refusal, Refusal::Stuck { .. });
        let why = if broken { Why::Broken } else { Why::Refused };
        does.proposes(true, Change::Abort(seen(record), why));
        // M11
        does.may.push(Output::Sets(Timer::Overdue(record.migration)));
    }
}

/// The store of a debt cannot be sealed. Something else that it says settles the debt.
fn unsealed(record: &Record, debt: &Debt, refusal: &Refusal, does: &mut Does) {
    // M21
    if matches!(refusal, Refusal::UnknownPartition { .. }) {
        let drop = DropCopy { copy: debt.copy, sealed_through: None };
        does.asks(debt.placement, Body::Drop(drop));
    }
    if matches!(refusal, Refusal::OlderMigration { .. }) {
        let owned = record.placed.filter(|placed| placed.owner == debt.placement).map(|placed| placed.copy);
        let old = record.old_copies.get(&debt.placement).map(|old| old.copy);
        let known = [owned, old].into_iter().flatten().max();
        if let Some(migration) = known.filter(|copy| *copy > debt.copy) {
            let prepare = Prepare { migration, closed_through: debt.through, source: None, keep: None };
            does.asks(debt.placement, Body::Prepare(prepare));
        }
    }
}

/// Whether the store will always refuse this.
fn is_for_good(driven: &Driven, request: &Request, refusal: &Refusal) -> bool {
    let (source, target) = (driven.placed.owner, driven.flight.to);
    // M22
    match (refusal, &request.body) {
        (
            Refusal::WrongStore { .. }
            | Refusal::WrongPartition { .. }
            | Refusal::CannotSeal { .. }
            | Refusal::Stuck { .. },
            _,
        )
        | (Refusal::OlderMigration { .. }, Body::Prepare(_) | Body::Seal(_)) => true,
        (Refusal::UnknownPartition { .. }, Body::Prepare(_)) => request.store == target,
        (Refusal::UnknownPartition { .. }, Body::Seal(_) | Body::Watermark(_)) => request.store == source,
        (Refusal::UnknownPartition { .. }, Body::Evidence(_)) => driven.flight.cutover,
        (Refusal::OtherCopy { have, named }, Body::Evidence(_)) => have > named,
        // M23
        (
            Refusal::OlderMigration { .. }
            | Refusal::UnknownPartition { .. }
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
            | Refusal::Forgotten { .. }
            | Refusal::Busy { .. }
            | Refusal::Halted { .. },
            _,
        ) => false,
    }
}
