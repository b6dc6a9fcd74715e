//! What the stores show of a migration that is held after a recovery: who owns the partition, as far as that is certain.
//!
//! The log has lost whether the flip, or an abort, was committed. The stores have not:
//!
//! - A flip needs a copy of the migration that is complete and reaches the source's last write, and the seal of a source that can be sealed. A
//!   forced one needs that the target ended the copy. Where that is missing, the source is the owner.
//! - A target has a greater position than its source only if it took writes of clients, so it is the owner.
//!
//! In between, the flip may have come and nobody may have written since; and a gateway that knows of it may still do so. Nothing is certain
//! then, nor if a store has seen a later migration of the lost history, or has lost its copy.

use super::PartitionRecord;
use crate::core::fence::{Copy, Durable, Frontier};
use crate::core::ids::{Epoch, MigrationId, Position};
use crate::core::placement::Guarantee;
use core::fmt;

/// What a store says of a partition. What it says is durable.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Said {
    /// The highest migration that it was prepared for.
    pub newest: MigrationId,
    /// The highest epoch that it refuses writes of because of a seal.
    pub sealed_through: Epoch,
    /// The position of its copy; `None`: it has none.
    pub position: Option<Position>,
    /// The copy has all rows.
    pub complete: bool,
    /// The copy takes nothing from its source any more: it was ended, or a client has written.
    pub finished: bool,
}

/// Who owns a partition whose migration is held.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Owner {
    /// The source: the flip was not committed.
    Source,
    /// The target: it has applied writes of clients.
    Target,
    /// It is not certain.
    Unclear(Unclear),
}

/// Why it is not certain who owns a partition.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unclear {
    /// A store has not answered.
    Unheard,
    /// A store has seen a migration that is not in the record.
    LaterMigration(MigrationId),
    /// The source has no copy.
    NoCopy,
    /// The copy was ended, as for a forced migration, and no client has written since.
    Ended,
    /// The flip may have been committed, and nobody has written since.
    NobodyWrote,
}

impl fmt::Display for Unclear {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unheard => f.write_str("a store has not answered"),
            Self::LaterMigration(id) => {
                write!(f, "a store has seen {id}, which was lost: whose the partition was is not in the record")
            }
            Self::NoCopy => f.write_str("the source has no copy any more"),
            Self::Ended => f.write_str("the copy was ended, as for a forced migration, and no client has written since"),
            Self::NobodyWrote => f.write_str(
                "the flip may have been committed, and nobody has written since: either store will do if no gateway of before the loss runs any more",
            ),
        }
    }
}

impl Said {
    /// What a store says that does not know the partition.
    pub const NOTHING: Self = Self {
        newest: MigrationId::ZERO,
        sealed_through: Epoch::ZERO,
        position: None,
        complete: false,
        finished: false,
    };

    /// What a store with this state says.
    #[must_use]
    pub fn of(durable: &Durable) -> Self {
        let copy = durable.copy();
        Self {
            newest: durable.newest(),
            sealed_through: durable.sealed_through(),
            position: copy.map(Copy::position),
            complete: copy.is_some_and(|copy| *copy.frontier() == Frontier::Everything),
            finished: copy.is_some_and(Copy::finished),
        }
    }
}

impl PartitionRecord {
    /// Who owns the partition, by what the source and the target say. `None` unless its migration is held.
    #[must_use]
    pub fn owner_by(&self, source: Option<Said>, target: Option<Said>) -> Option<Owner> {
        let placed = self.placed?;
        let held = placed.held?;
        let (Some(source), Some(target)) = (source, target) else {
            return Some(Owner::Unclear(Unclear::Unheard));
        };
        let later = [(source, placed.copy), (target, held.migration)];
        if let Some((said, _)) = later.into_iter().find(|(said, known)| said.newest > *known) {
            return Some(Owner::Unclear(Unclear::LaterMigration(said.newest)));
        }
        let Some(at_source) = source.position.filter(|_| source.newest == placed.copy) else {
            return Some(Owner::Unclear(Unclear::NoCopy));
        };
        let at_target = target.position.filter(|_| target.newest == held.migration);
        let Some(at_target) = at_target else { return Some(Owner::Source) };
        if at_target > at_source {
            return Some(Owner::Target);
        }
        if target.finished {
            return Some(Owner::Unclear(Unclear::Ended));
        }
        let sealed = placed.guarantee == Guarantee::Sealed;
        // Late writes of a source that cannot be sealed may lie above the position that the flip rested on.
        let cannot_flip = sealed && (source.sealed_through < held.draining || at_target < at_source);
        if cannot_flip || !target.complete {
            return Some(Owner::Source);
        }
        Some(Owner::Unclear(Unclear::NobodyWrote))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::fence::{Prepared, StatementOrigin};
    use crate::core::ids::Incarnation;
    use crate::core::ids::{PartitionId, Placement};
    use crate::core::migration::{Caps, Command, PlacementTable, Transition};

    /// A migration from 0 to 1 that was draining when the table was lost, as a recovered table has it.
    fn held(guarantee: Guarantee) -> PartitionRecord {
        let partition = PartitionId(1);
        let mut table = PlacementTable::new(Caps::PRODUCTION);
        let mut apply = |transition| {
            table.apply(&Command { partition, transition }).unwrap();
            table.record(partition).unwrap().clone()
        };
        let created = apply(Transition::Create { placement: Placement(0), guarantee });
        let origin = StatementOrigin { store: Placement(0), partition, incarnation: Incarnation(1) };
        let closed = Epoch(created.epoch.0 - 1);
        let prepared =
            Prepared::reported(origin, created.migration, closed, guarantee == Guarantee::Sealed, true);
        let opened = apply(Transition::Open { expected: created.expected(), prepared: prepared.into() });
        apply(Transition::Begin { expected: opened.expected(), to: Placement(1) });
        table.recovered(1).record(partition).unwrap().clone()
    }

    fn said(newest: u64, position: u64) -> Said {
        Said {
            newest: MigrationId(newest),
            sealed_through: Epoch::ZERO,
            position: Some(Position(position)),
            complete: true,
            finished: false,
        }
    }

    #[test]
    fn what_is_certain_is_told_and_nothing_else() {
        let record = held(Guarantee::Sealed);
        let draining = record.held().unwrap().draining;
        let (copy, migration) = (record.placed.unwrap().copy.0, record.held().unwrap().migration.0);
        let owner = |source: Said, target: Said| record.owner_by(Some(source), Some(target)).unwrap();
        let sealed = |position| Said { sealed_through: draining, ..said(copy, position) };
        let target = |position| said(migration, position);
        let finished = |position| Said { finished: true, ..target(position) };
        let incomplete = |position| Said { complete: false, ..target(position) };
        assert_eq!(owner(said(copy, 9), target(9)), Owner::Source, "no seal");
        assert_eq!(owner(sealed(9), target(8)), Owner::Source, "the copy lags");
        assert_eq!(owner(sealed(9), incomplete(9)), Owner::Source);
        assert_eq!(
            owner(sealed(9), Said { position: None, ..said(copy, 0) }),
            Owner::Source,
            "never prepared"
        );
        assert_eq!(owner(sealed(9), finished(10)), Owner::Target);
        assert_eq!(owner(said(copy, 9), finished(10)), Owner::Target, "a forced move");
        let unclear = |source, target| match owner(source, target) {
            Owner::Unclear(why) => why,
            other @ (Owner::Source | Owner::Target) => panic!("{other:?}"),
        };
        assert_eq!(unclear(sealed(9), target(9)), Unclear::NobodyWrote);
        assert_eq!(unclear(said(copy, 9), finished(9)), Unclear::Ended);
        assert_eq!(unclear(sealed(9), finished(8)), Unclear::Ended);
        let later = MigrationId(migration + 1);
        assert_eq!(unclear(said(migration + 1, 9), target(9)), Unclear::LaterMigration(later));
        assert_eq!(unclear(sealed(9), said(migration + 1, 12)), Unclear::LaterMigration(later));
        assert_eq!(unclear(Said { position: None, ..sealed(9) }, target(9)), Unclear::NoCopy);
        let unheard = Some(Owner::Unclear(Unclear::Unheard));
        assert_eq!(record.owner_by(None, Some(finished(10))), unheard);
        assert_eq!(record.owner_by(Some(sealed(9)), None), unheard);
    }

    #[test]
    fn a_source_without_a_seal_shows_less() {
        let record = held(Guarantee::Timed);
        let (copy, migration) = (record.placed.unwrap().copy.0, record.held().unwrap().migration.0);
        let owner = |target: Said| record.owner_by(Some(said(copy, 9)), Some(target)).unwrap();
        assert_eq!(
            owner(said(migration, 8)),
            Owner::Unclear(Unclear::NobodyWrote),
            "a late write may be the ninth"
        );
        assert_eq!(owner(Said { complete: false, ..said(migration, 8) }), Owner::Source);
        assert_eq!(owner(said(migration, 10)), Owner::Target);
    }

    #[test]
    fn a_migration_that_is_not_held_has_no_question() {
        let mut record = held(Guarantee::Sealed);
        record.placed.as_mut().unwrap().held = None;
        assert_eq!(record.owner_by(None, None), None);
    }
}
