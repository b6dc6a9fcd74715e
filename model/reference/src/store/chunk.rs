//! Which chunk a source hands over.

use super::rules::refuses_export;
use super::size::size;
use super::state::{Copy, Settings, State};
use cutover::core::fence::{Change, Chunk, Export, Frontier, Key, Refusal, Row};
use cutover::core::ids::Position;

/// The chunk that a source in this state hands over, or why none.
///
/// # Errors
/// The rules that the request violates.
pub fn chunk(settings: &Settings, state: &State, export: &Export) -> Result<Chunk, Vec<Refusal>> {
    let Some(copy) = &state.copy else {
        return Err(vec![Refusal::UnknownPartition { store: settings.store }]);
    };
    // What is cut is of a copy that was asked for before.
    let violated = refuses_export(copy, export, false);
    if !violated.is_empty() {
        return Err(violated);
    }
    let first = export.after == Frontier::Nothing;
    // F28
    let applied = if first { copy.remembered(settings).written() } else { None };
    let from = if first { Position::ZERO } else { export.position };
    let changes: Vec<Change> = if first { Vec::new() } else { changes_after(copy, from) };
    let rows: Vec<(Key, Row)> = copy
        .rows
        .iter()
        .filter(|(key, _)| !export.after.covers(key))
        .map(|(key, row)| (key.clone(), row.clone()))
        .collect();
    // F29: the most that there is room for, and one thing at least.
    let items = settings.chunk_items.min(usize::try_from(export.limit).unwrap_or(usize::MAX));
    let fits = |count: &usize| {
        let (changes, rows) = split(&changes, &rows, *count);
        let size = size(changes, rows);
        *count <= 1 || (size.items <= items && size.bytes <= settings.chunk_bytes)
    };
    let count = (0..=changes.len() + rows.len()).rev().find(fits).unwrap_or_default();
    let (taken, set) = split(&changes, &rows, count);
    let (migration, source, after) = (export.migration, settings.incarnation, export.after.clone());
    // F29
    let (position, through) = if taken.len() < changes.len() {
        (taken.last().map_or(from, |last| last.position), after.clone())
    } else if set.len() == rows.len() {
        (copy.position, Frontier::Everything)
    } else {
        (copy.position, set.last().map_or(after.clone(), |(last, _)| Frontier::Through(last.clone())))
    };
    let (changes, rows) = (taken.to_vec(), set.to_vec());
    Ok(Chunk { migration, source, after, from, through, position, changes, rows, applied })
}

/// The first of all changes and rows, in this order.
fn split<'a>(
    changes: &'a [Change],
    rows: &'a [(Key, Row)],
    count: usize,
) -> (&'a [Change], &'a [(Key, Row)]) {
    let of_changes = count.min(changes.len());
    (changes.get(..of_changes).unwrap_or_default(), rows.get(..count - of_changes).unwrap_or_default())
}

fn changes_after(copy: &Copy, position: Position) -> Vec<Change> {
    copy.log.iter().filter(|change| change.position > position).cloned().collect()
}
