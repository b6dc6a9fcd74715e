//! The transitions of what earlier migrations left: debts and old copies.

use super::transitions::{Next, check_origin, check_reach, placed};
use super::{MigrationError, OldCopy, PartitionRecord, Placed, Settlement};
use crate::core::fence::Dropped;
use crate::core::ids::{MigrationId, Placement};

pub(super) fn settle(record: &PartitionRecord, migration: MigrationId, proof: &Settlement) -> Next {
    let placed = placed(record)?;
    let Some(debt) = placed.debt.filter(|debt| debt.migration == migration) else {
        return Err(MigrationError::NoDebt { migration });
    };
    match proof {
        Settlement::Sealed(receipt) => {
            check_origin(record, receipt.origin(), debt.placement)?;
            check_reach(debt.through, receipt.through())?;
            // A store that does not check tokens cannot seal, whatever is reported of it.
            let late = |old: &OldCopy| old.placement == debt.placement && old.late_before.is_some();
            if record.old_copies.iter().any(late) {
                let (placement, through) = (debt.placement, receipt.through());
                return Err(MigrationError::NotEnforced { placement, through });
            }
        }
        Settlement::Closed(prepared) => {
            check_origin(record, prepared.origin(), debt.placement)?;
            check_reach(debt.through, prepared.closed_through())?;
            if !prepared.enforces() {
                let (placement, through) = (debt.placement, prepared.closed_through());
                return Err(MigrationError::NotEnforced { placement, through });
            }
        }
        // A sink without a copy is closed to every token until it is prepared, which closes it further.
        Settlement::Dropped(dropped) => {
            check_origin(record, dropped.origin(), debt.placement)?;
            if dropped.copy() < debt.copy {
                return Err(MigrationError::OtherMigration { have: dropped.copy(), expected: debt.copy });
            }
        }
    }
    Ok(record.with(Placed { debt: None, ..placed }))
}

pub(super) fn retire_copy(record: &PartitionRecord, placement: Placement, copy: MigrationId) -> Next {
    let mut next = record.clone();
    let named = |old: &&mut OldCopy| old.placement == placement && old.copy == copy;
    let old = next.old_copies.iter_mut().find(named);
    old.ok_or(MigrationError::UnknownCopy { placement, copy })?.retiring = true;
    Ok(next)
}

pub(super) fn forget_copy(record: &PartitionRecord, dropped: &Dropped) -> Next {
    let (placement, copy) = (dropped.origin().store, dropped.copy());
    check_origin(record, dropped.origin(), placement)?;
    let mut next = record.clone();
    next.old_copies.retain(|old| old.placement != placement || old.copy > copy);
    if next.old_copies.len() == record.old_copies.len() {
        return Err(MigrationError::UnknownCopy { placement, copy });
    }
    next.settle_at(placement, copy);
    Ok(next)
}

/// Removes a copy, and the debt of its sink, on an operator's word that the sink is gone for good. The word names the very copy
/// that is listed; one that is mistyped must not clear a debt.
pub(super) fn write_off(record: &PartitionRecord, placement: Placement, copy: MigrationId) -> Next {
    let listed = record.old_copies.iter().find(|old| old.placement == placement).map(|old| old.copy);
    let debt = record.placed.and_then(|placed| placed.debt).filter(|debt| debt.placement == placement);
    if listed.or_else(|| debt.map(|debt| debt.copy)) != Some(copy) {
        return Err(MigrationError::UnknownCopy { placement, copy });
    }
    let mut next = record.clone();
    next.old_copies.retain(|old| old.placement != placement);
    next.settle_at(placement, copy);
    Ok(next)
}

impl PartitionRecord {
    /// Clears the debt of a sink whose copy, or a later one, is gone: it acknowledges nothing any more.
    fn settle_at(&mut self, placement: Placement, copy: MigrationId) {
        if let Some(placed) = &mut self.placed {
            placed.debt = placed.debt.filter(|debt| debt.placement != placement || debt.copy > copy);
        }
    }
}
