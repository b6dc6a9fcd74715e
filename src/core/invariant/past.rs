//! The memory of the migration invariants over one run.

use super::Register;
use super::truth::CopyHistory;
use crate::core::fence::{Key, Row, Write};
use crate::core::ids::{Epoch, MigrationId, Names, Placement, Relabel, WriteId};
use crate::core::migration::{Debt, PartitionRecord};
use crate::core::placement::PartitionState;
use alloc::sync::Arc;
use alloc::vec::Vec;

/// The monitor of a migration: it remembers what the invariants need to know of the past, and judges facts.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Monitor {
    pub(super) aborted: Vec<MigrationId>,
    pub(super) newest_migration: MigrationId,
    pub(super) newest_epoch: Epoch,
    pub(super) acknowledged: Vec<WriteId>,
    /// Writes that may be lost: left behind by a forced move, or deleted with their partition.
    pub(super) exempt: Vec<WriteId>,
    pub(super) debt: Option<Debt>,
    /// The copy that a forced move left as the partition's.
    pub(super) forced: Option<MigrationId>,
    /// What the copies that own, or owned, the partition should hold. Shared, since a search copies monitors more often than they
    /// change.
    pub(super) histories: Vec<Arc<CopyHistory>>,
    pub(super) lossless: bool,
    /// Whether chunks may lose something on the way, so that a copy in the making need not be its source.
    pub(super) damage: bool,
    pub(super) waited: Option<Epoch>,
    /// The highest epoch of a log that was lost: up to it, tokens say nothing of the present record.
    pub(super) lost_through: Epoch,
    /// A register for each row that is read.
    pub(super) registers: Vec<(Key, Arc<Register>)>,
}

impl Monitor {
    /// A monitor for a run that begins with this record, and an empty copy. With `registers`, it judges strong reads too.
    #[must_use]
    pub fn new(record: Option<&PartitionRecord>, registers: Vec<(Key, Register)>) -> Self {
        let owned = record.and_then(|record| record.placed);
        let owned = owned.map(|placed| CopyHistory::created(read_placement(placed.state), placed.copy));
        Self {
            aborted: Vec::new(),
            newest_migration: record.map_or(MigrationId::ZERO, |record| record.migration),
            newest_epoch: record.map_or(Epoch::ZERO, |record| record.epoch),
            acknowledged: Vec::new(),
            exempt: Vec::new(),
            debt: None,
            forced: None,
            histories: owned.map(Arc::new).into_iter().collect(),
            lossless: false,
            damage: false,
            waited: None,
            lost_through: Epoch::ZERO,
            registers: registers.into_iter().map(|(key, register)| (key, Arc::new(register))).collect(),
        }
    }

    /// The same monitor, but a forced move must lose no writes either. Used to show that it can lose some.
    #[must_use]
    pub fn without_exemptions(self) -> Self {
        Self { lossless: true, ..self }
    }

    /// The same monitor, for a run in which chunks may lose something on the way: a copy that was damaged must not become the owner's.
    #[must_use]
    pub fn with_damage(self) -> Self {
        Self { damage: true, ..self }
    }

    /// The writes that may be lost so far.
    #[must_use]
    pub fn exempt(&self) -> &[WriteId] {
        &self.exempt
    }

    /// The write that set a row of a copy; `None`: no write that took effect there did.
    #[must_use]
    pub fn writer(&self, store: Placement, copy: MigrationId, row: &Row) -> Option<WriteId> {
        self.history(store, copy)?.writer(row)
    }

    pub(super) fn history(&self, store: Placement, copy: MigrationId) -> Option<&CopyHistory> {
        let mut histories = self.histories.iter().map(AsRef::as_ref);
        histories.find(|history| history.store == store && history.copy == copy)
    }

    /// Whether the write may be lost: at the source of a forced move, up to the debt, or between a deletion and the
    /// drop that carries it out.
    pub(super) fn is_exempt(
        &self,
        store: Placement,
        write: &Write,
        record: Option<&PartitionRecord>,
    ) -> bool {
        let Some(placed) = record.and_then(|record| record.placed) else { return true };
        if self.lossless {
            return false;
        }
        self.debt.is_some_and(|debt| {
            let before = placed.owned_since > debt.through || write.token <= self.lost_through;
            debt.placement == store && write.token <= debt.through && before
        })
    }
}

/// The read placement, restated independently of the code under check: the source until the flip.
pub(super) const fn read_placement(state: PartitionState) -> Placement {
    match state {
        PartitionState::Active(at) => at,
        PartitionState::Migrating { from, .. } => from,
    }
}

pub(super) fn insert<T: Ord>(sorted: &mut Vec<T>, value: T) {
    if let Err(at) = sorted.binary_search(&value) {
        sorted.insert(at, value);
    }
}

impl Relabel for Monitor {
    fn relabel(&self, names: &dyn Names) -> Self {
        let mut acknowledged = self.acknowledged.relabel(names);
        acknowledged.sort_unstable();
        let mut exempt = self.exempt.relabel(names);
        exempt.sort_unstable();
        let registers = self.registers.iter();
        let registers =
            registers.map(|(key, register)| (key.clone(), Arc::new(register.relabel(names)))).collect();
        let histories = self.histories.iter().map(|history| Arc::new(history.relabel(names))).collect();
        Self { acknowledged, exempt, histories, registers, ..self.clone() }
    }
}
