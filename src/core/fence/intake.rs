//! The target's side of a copy: it takes a chunk that goes on exactly where the copy is, or not at all.

use super::refusal::{ChunkFault, Measure};
use super::{
    Cell, Chunk, ChunkTaken, Copy, End, Ended, Fence, FenceLimits, Frontier, Key, Output, Refusal, Reply,
    Row, Rows, state,
};
use crate::core::ids::Position;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;

type Steps = Result<Vec<Output>, Refusal>;

impl Fence {
    /// Takes a chunk, in one atomic step.
    ///
    /// Rows and changes are of one state of the source, so one exact position is enough: a late or repeated chunk does not fit, and a
    /// chunk that fits leaves the copy as the source was at the chunk's position.
    pub(super) fn chunk(&mut self, chunk: &Chunk, rows: &Rows) -> Steps {
        let (newest, limits, origin) = (self.durable.newest, self.config.limits, self.origin());
        let store = self.config.store;
        let copy = self.durable.copy.as_mut().ok_or(Refusal::UnknownPartition { store })?;
        if chunk.migration != newest {
            return Err(Refusal::OtherCopy { have: newest, named: chunk.migration });
        }
        if copy.finished {
            return Err(Refusal::Finished { migration: newest });
        }
        check_size(chunk, limits)?;
        if let Some(have) = copy.source.filter(|have| *have != chunk.source) {
            return Err(Refusal::OtherSource { have, named: chunk.source });
        }
        let follows = chunk.from == copy.position || copy.frontier == Frontier::Nothing;
        if chunk.after != copy.frontier || !follows {
            let (have, at) = (copy.frontier.clone(), copy.position);
            return Err(Refusal::Elsewhere { have, at, after: chunk.after.clone(), from: chunk.from });
        }
        check_order(chunk)?;
        let changed = copy.take(chunk, limits, rows);
        let complete = copy.frontier == Frontier::Everything;
        let taken = ChunkTaken::new(origin, newest, copy.position, complete);
        let mut outputs = Vec::new();
        if !changed.is_empty() {
            outputs.push(Output::Import { rows: changed.into_iter().collect() });
        }
        outputs.extend(state(Reply::ChunkTaken(taken)));
        Ok(outputs)
    }

    /// Takes no more chunks, and states how far the copy reaches: a forced move loses what lies above that position, and nothing
    /// below it may come later.
    pub(super) fn end(&mut self, end: End) -> Steps {
        let (newest, origin, store) = (self.durable.newest, self.origin(), self.config.store);
        let enforces = self.enforces();
        let copy = self.durable.copy.as_mut().ok_or(Refusal::UnknownPartition { store })?;
        if end.migration != newest {
            return Err(Refusal::OtherCopy { have: newest, named: end.migration });
        }
        copy.finished = true;
        let complete = copy.frontier == Frontier::Everything;
        let ended = Ended::new(origin, newest, end.epoch, copy.position, complete, enforces);
        Ok(state(Reply::Ended(ended)))
    }
}

impl Copy {
    /// Takes a chunk that follows. Returns the rows that are set, and deleted. The write ids of all changes are remembered, those of
    /// rows above the frontier too: such a row comes later, and its write id would never.
    fn take(&mut self, chunk: &Chunk, limits: FenceLimits, rows: &Rows) -> BTreeMap<Key, Option<Row>> {
        let mut changed = BTreeMap::new();
        if let Some(applied) = &chunk.applied {
            self.applied = applied.clone();
        }
        for change in &chunk.changes {
            for Cell { key, value } in change.effects.iter() {
                if self.frontier.covers(key) {
                    let row = value.clone().map(|value| Row { value, position: change.position });
                    self.set(key, row, rows, &mut changed);
                }
            }
            self.applied.remember(
                change.id,
                change.position,
                limits.sessions_max,
                limits.writes_per_session_max,
            );
        }
        for (key, row) in &chunk.rows {
            self.set(key, Some(row.clone()), rows, &mut changed);
        }
        self.source = Some(chunk.source);
        self.frontier = chunk.through.clone();
        self.position = chunk.position;
        // The log of changes begins with the copy's own writes.
        self.logged_after = chunk.position;
        changed
    }

    /// Sets or deletes a row, of which `changed`, or else `rows`, has what was there.
    pub(super) fn set(
        &mut self,
        key: &Key,
        row: Option<Row>,
        rows: &Rows,
        changed: &mut BTreeMap<Key, Option<Row>>,
    ) {
        let before = match changed.get(key) {
            Some(before) => before.as_ref(),
            None => rows.get(key),
        };
        if let Some(before) = before {
            self.rows.remove(key, before);
            self.size.remove(key, before);
        }
        if let Some(row) = &row {
            self.rows.add(key, row);
            self.size.add(key, row);
        }
        changed.insert(key.clone(), row);
    }
}

fn check_size(chunk: &Chunk, limits: FenceLimits) -> Result<(), Refusal> {
    let cells = || chunk.changes.iter().flat_map(|change| change.effects.iter());
    let items = chunk.rows.len() + cells().count();
    let sizes = [
        (Measure::Items, items, limits.chunk_items_max),
        (Measure::Bytes, chunk.bytes(), limits.chunk_bytes_max),
    ];
    for (what, have, limit) in sizes {
        let (have, limit) = (u64::try_from(have).unwrap_or(u64::MAX), u64::from(limit));
        // One change may be larger than a chunk, and is then alone in it.
        if have > limit && chunk.rows.len() + chunk.changes.len() > 1 {
            return Err(Refusal::TooLong { what, have, limit });
        }
    }
    Ok(())
}

/// Whether the chunk is one that [`Chunk::cut`] could have made.
fn check_order(chunk: &Chunk) -> Result<(), Refusal> {
    let first = chunk.after == Frontier::Nothing;
    let fault = if chunk.through < chunk.after || (!first && chunk.position < chunk.from) {
        ChunkFault::Backwards
    } else if chunk.applied.is_some() != first || (first && !chunk.changes.is_empty()) {
        ChunkFault::Ids
    } else if !rising(chunk.changes.iter().map(|change| change.position), chunk.from, chunk.position) {
        ChunkFault::Changes
    } else if !within(chunk) {
        ChunkFault::Rows
    } else {
        return Ok(());
    };
    Err(Refusal::Malformed(fault))
}

/// Whether the positions rise, after the first and up to the last.
fn rising(mut positions: impl Iterator<Item = Position>, after: Position, through: Position) -> bool {
    let mut last = after;
    positions.all(|position| position > core::mem::replace(&mut last, position) && position <= through)
}

fn within(chunk: &Chunk) -> bool {
    let keys = chunk.rows.iter().map(|(key, _)| key);
    let ascends = keys.clone().zip(keys.clone().skip(1)).all(|(one, next)| one < next);
    let between = |key: &Key| !chunk.after.covers(key) && chunk.through.covers(key);
    ascends && keys.clone().all(between) && chunk.rows.iter().all(|(_, row)| row.position <= chunk.position)
}
