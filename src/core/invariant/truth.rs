//! What the copies of a partition should hold, by the writes that took effect: independent of what stores remember.

use crate::core::fence::{AppliedIds, Cell, Frontier, Key, Row, Rows, Value, Write};
use crate::core::ids::{MigrationId, Names, Placement, Position, Relabel, WriteId};
use alloc::sync::Arc;
use alloc::vec::Vec;

/// A write as the owner's copy took it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
struct Taken {
    position: Position,
    id: WriteId,
    effects: Arc<[Cell]>,
    /// What the copy remembered afterwards.
    known: AppliedIds,
}

/// The history of one copy that owns, or owned, the partition.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(super) struct CopyHistory {
    pub(super) store: Placement,
    pub(super) copy: MigrationId,
    /// The position at which it became the owner's, and what it had then.
    base: Position,
    rows: Rows,
    known: AppliedIds,
    /// The writes that took effect before, here or where it was copied from.
    inherited: Vec<(Position, WriteId)>,
    writes: Vec<Taken>,
}

impl CopyHistory {
    /// A copy that was made empty.
    pub(super) const fn created(store: Placement, copy: MigrationId) -> Self {
        Self {
            store,
            copy,
            base: Position::ZERO,
            rows: Rows::new(),
            known: AppliedIds::new(),
            inherited: Vec::new(),
            writes: Vec::new(),
        }
    }

    /// A copy of this one as it was at a position, elsewhere.
    pub(super) fn moved(&self, store: Placement, copy: MigrationId, position: Position) -> Self {
        let known = self.known_at(position).cloned().unwrap_or_default();
        let inherited = self.ids().filter(|(at, _)| *at <= position).collect();
        let (base, rows) = (position, self.rows_at(position));
        Self { store, copy, base, rows, known, inherited, writes: Vec::new() }
    }

    /// A copy with these rows, of which it is not known where they came from.
    pub(super) fn found(self, rows: Rows, known: AppliedIds) -> Self {
        Self { rows, known, ..self }
    }

    pub(super) fn wrote(&mut self, position: Position, write: &Write, known: AppliedIds) {
        let (id, effects) = (write.id, Arc::clone(write.mutation.effects()));
        self.writes.push(Taken { position, id, effects, known });
    }

    /// The copy has all that there is, and this is what it remembers from now on.
    pub(super) fn finished(&mut self, known: AppliedIds) {
        *self.writes.last_mut().map_or(&mut self.known, |write| &mut write.known) = known;
    }

    /// A crash took back the writes after this position.
    pub(super) fn crashed(&mut self, position: Position) {
        self.writes.retain(|write| write.position <= position);
    }

    /// Whether it is known what the copy had at this position.
    pub(super) fn reaches(&self, position: Position) -> bool {
        position >= self.base
    }

    pub(super) fn position(&self) -> Position {
        self.writes.last().map_or(self.base, |write| write.position)
    }

    /// The keys of all rows that there ever were.
    fn keys(&self) -> impl Iterator<Item = &Key> {
        let written = self.writes.iter().flat_map(|write| write.effects.iter().map(|cell| &cell.key));
        self.rows.keys().chain(written)
    }

    /// The rows at a position.
    pub(super) fn rows_at(&self, position: Position) -> Rows {
        let row = |key: &Key| {
            let (value, position) = self.row_at(key, position)?;
            Some((key.clone(), Row { value: value.clone(), position }))
        };
        self.keys().filter_map(row).collect()
    }

    /// The value of a row at a position, and where it was written.
    pub(super) fn row_at(&self, key: &Key, position: Position) -> Option<(&Value, Position)> {
        let writes = self.writes.iter().rev().filter(|write| write.position <= position);
        let mut set = writes.flat_map(|write| write.effects.iter().map(move |cell| (cell, write.position)));
        match set.find(|(cell, _)| cell.key == *key) {
            Some((cell, position)) => cell.value.as_ref().map(|value| (value, position)),
            None => self.rows.get(key).map(as_written),
        }
    }

    /// The first of the keys up to a frontier by which rows differ from what they should be at a position; any above is one too many.
    pub(super) fn difference<'a>(
        &'a self,
        have: &'a Rows,
        position: Position,
        frontier: &Frontier,
    ) -> Option<&'a Key> {
        have.keys().chain(self.keys()).find(|key| {
            let expected = Some(*key).filter(|key| frontier.covers(key));
            have.get(*key).map(as_written) != expected.and_then(|key| self.row_at(key, position))
        })
    }

    /// What the copy remembered at a position.
    pub(super) fn known_at(&self, position: Position) -> Option<&AppliedIds> {
        let write = self.writes.iter().rev().find(|write| write.position <= position);
        write.map(|write| &write.known).or_else(|| self.reaches(position).then_some(&self.known))
    }

    /// The ids of all writes that have taken effect in the copy, with their positions.
    pub(super) fn ids(&self) -> impl Iterator<Item = (Position, WriteId)> {
        let own = self.writes.iter().map(|write| (write.position, write.id));
        self.inherited.iter().copied().chain(own)
    }

    /// The write that set a row.
    pub(super) fn writer(&self, row: &Row) -> Option<WriteId> {
        self.ids().find(|(position, _)| *position == row.position).map(|(_, id)| id)
    }
}

fn as_written(row: &Row) -> (&Value, Position) {
    (&row.value, row.position)
}

impl Relabel for CopyHistory {
    fn relabel(&self, names: &dyn Names) -> Self {
        let writes = self.writes.iter().map(|write| Taken {
            id: write.id.relabel(names),
            known: write.known.relabel(names),
            ..write.clone()
        });
        Self {
            known: self.known.relabel(names),
            inherited: self.inherited.iter().map(|(at, id)| (*at, id.relabel(names))).collect(),
            writes: writes.collect(),
            ..self.clone()
        }
    }
}
