//! The source's side of a copy: which chunk follows a frontier and a position.

use super::{Change, Chunk, Copy, Durable, Export, Fence, FenceLimits, Frontier, Key, Output, Refusal, Row};
use crate::core::ids::{Incarnation, Placement, Position};
use alloc::vec;
use alloc::vec::Vec;
use thiserror::Error;

/// The data of a copy in one durable state, which does not change while it is read.
pub trait View {
    /// Why data cannot be read.
    type Error;

    /// The rows after this key, by key; all for `None`.
    fn rows_after(&self, key: Option<&Key>) -> impl Iterator<Item = Result<(Key, Row), Self::Error>>;

    /// The changes in the log after this position, by position.
    fn changes_after(&self, position: Position) -> impl Iterator<Item = Result<Change, Self::Error>>;
}

/// Why no chunk is cut.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum CutError<E> {
    /// The copy refuses.
    #[error("{0}")]
    Refused(Refusal),
    /// The data cannot be read.
    #[error("{0}")]
    Failed(E),
}

/// The source of a chunk.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a> {
    /// The store, for refusals.
    pub store: Placement,
    /// The incarnation of its durable state.
    pub incarnation: Incarnation,
    /// The state of the partition, which is of the same moment as the data.
    pub durable: &'a Durable,
    /// The store's limits.
    pub limits: FenceLimits,
}

impl Fence {
    /// Has a chunk cut, after a `Persist`: what a crash could undo must not be copied, since its position could then name two writes.
    pub(super) fn export(&mut self, export: &Export) -> Result<Vec<Output>, Refusal> {
        let (newest, store) = (self.durable.newest, self.config.store);
        let copy = self.durable.copy.as_mut().ok_or(Refusal::UnknownPartition { store })?;
        // A migration begins later than the one that made the copy, and has it as its source: the log has given the partition to the copy. It
        // lacks rows if it was forced; nobody may have written to it or sealed it since.
        let whole = export.migration > newest && copy.finished;
        exported(copy, export, whole)?;
        if whole {
            copy.finish();
        }
        Ok(vec![Output::Persist, Output::Hand(export.clone())])
    }
}

/// Whether a copy has what follows. `whole`: what it has is all there is.
fn exported(copy: &Copy, export: &Export, whole: bool) -> Result<(), Refusal> {
    if copy.frontier != Frontier::Everything && !whole {
        return Err(Refusal::Incomplete { have: copy.frontier.clone() });
    }
    if export.after == Frontier::Nothing {
        return Ok(());
    }
    let (have, asked) = (copy.position, export.position);
    if asked > have {
        return Err(Refusal::Behind { have, asked });
    }
    if asked < copy.logged_after {
        return Err(Refusal::Trimmed { oldest: copy.logged_after, asked });
    }
    if export.after == Frontier::Everything && asked == have {
        return Err(Refusal::NothingNew { position: have });
    }
    Ok(())
}

impl Chunk {
    /// The bytes of the keys and values in it.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let row = |(key, row): &(Key, Row)| key.bytes().len() + row.value.bytes().len();
        let changes = self.changes.iter().map(Change::bytes);
        changes.chain(self.rows.iter().map(row)).sum()
    }

    /// The chunk that follows: all changes since the copy's position, and as many rows as there is room for. If there is no room for
    /// all changes, it has some of them and no rows: rows are those of the chunk's last position, and would be newer than changes that
    /// are left for later.
    ///
    /// # Errors
    /// [`CutError`] if the source refuses, or the data cannot be read.
    pub fn cut<V: View>(source: Source<'_>, export: &Export, view: &V) -> Result<Self, CutError<V::Error>> {
        let unknown = Refusal::UnknownPartition { store: source.store };
        let copy = source.durable.copy().ok_or(CutError::Refused(unknown))?;
        exported(copy, export, false).map_err(CutError::Refused)?;
        let mut room = Room::of(export, source.limits);
        let first = export.after == Frontier::Nothing;
        let mut chunk = Self {
            migration: export.migration,
            source: source.incarnation,
            after: export.after.clone(),
            from: if first { Position::ZERO } else { export.position },
            through: export.after.clone(),
            position: copy.position,
            changes: Vec::new(),
            rows: Vec::new(),
            applied: first.then(|| copy.applied.clone()),
        };
        if !first {
            for change in view.changes_after(export.position) {
                let change = change.map_err(CutError::Failed)?;
                if !room.takes(change.effects.len(), change.bytes()) {
                    chunk.position =
                        chunk.changes.last().map_or(export.position, |last: &Change| last.position);
                    return Ok(chunk);
                }
                chunk.changes.push(change);
            }
        }
        if export.after != Frontier::Everything {
            chunk.through = Frontier::Everything;
            for row in view.rows_after(export.after.last()) {
                let (key, row) = row.map_err(CutError::Failed)?;
                if !room.takes(1, key.bytes().len() + row.value.bytes().len()) {
                    let last = chunk.rows.last().map(|(last, _): &(Key, _)| Frontier::Through(last.clone()));
                    chunk.through = last.unwrap_or(export.after.clone());
                    break;
                }
                chunk.rows.push((key, row));
            }
        }
        Ok(chunk)
    }
}

/// The room in a chunk. The first thing always has room, however large it is.
struct Room {
    items: usize,
    bytes: usize,
    empty: bool,
}

impl Room {
    fn of(export: &Export, limits: FenceLimits) -> Self {
        let size = |number: u32| usize::try_from(number).unwrap_or(usize::MAX);
        let items = size(export.limit.min(limits.chunk_items_max));
        Self { items, bytes: size(limits.chunk_bytes_max), empty: true }
    }

    fn takes(&mut self, items: usize, bytes: usize) -> bool {
        let fits = self.items >= items && self.bytes >= bytes;
        if fits || self.empty {
            // What is larger than a chunk is alone in it, and what has no bytes would find room for them.
            self.items = if fits { self.items.saturating_sub(items) } else { 0 };
            self.bytes = self.bytes.saturating_sub(bytes);
            self.empty = false;
            return true;
        }
        false
    }
}
