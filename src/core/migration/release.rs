//! The release of a migration that is held after a recovery.

use super::{Debt, Expected, MigrationError, OldCopy, PartitionRecord, Placed, Release, transitions};
use crate::core::ids::{Incarnation, Placement};
use crate::core::placement::{Guarantee, PartitionState, Phase};

/// Releases a held migration. Every outcome has an epoch of its own, so no token from before the loss is valid in it.
pub(super) fn release(
    record: &PartitionRecord,
    expected: Expected,
    how: Release,
) -> Result<PartitionRecord, MigrationError> {
    let placed = transitions::placed(record)?;
    transitions::check_expected(record, expected)?;
    let (Some(held), PartitionState::Migrating { from, to, .. }) = (placed.held, placed.state) else {
        return Err(MigrationError::NotHeld { partition: record.partition });
    };
    let mut next = record.clone();
    next.epoch = record.epoch.next();
    let free = Placed { held: None, ..placed };
    let copy = |placement: Placement, copy, sealed_through| OldCopy {
        placement,
        copy,
        sealed_through,
        retiring: false,
        late_before: None,
    };
    match how {
        Release::Resume => {
            let state = PartitionState::Migrating { from, to, phase: Phase::Draining };
            next.placed = Some(Placed { state, ..free });
        }
        Release::KeepSource => {
            next.placed = Some(Placed { state: PartitionState::Active(from), ..free });
            next.leave(copy(to, held.migration, None));
        }
        Release::AcceptTarget { guarantee } => {
            if let Some(Debt { placement, through, .. }) = placed.debt {
                return Err(MigrationError::Unsettled { placement, through });
            }
            // Whether the source was sealed is lost too, so it is taken for unsealed until it says so.
            let debt = Debt {
                placement: from,
                through: record.epoch,
                migration: record.migration,
                copy: placed.copy,
                target: Incarnation(0),
                copied: None,
            };
            next.placed = Some(Placed {
                state: PartitionState::Active(to),
                owned_since: held.draining.next(),
                copy: held.migration,
                guarantee,
                debt: Some(debt),
                ..free
            });
            let late_before = (placed.guarantee == Guarantee::Timed).then_some(next.epoch);
            next.leave(OldCopy { late_before, ..copy(from, placed.copy, Some(record.epoch)) });
        }
    }
    Ok(next)
}
