//! What a chunk measures.

use cutover::core::fence::{Cell, Change, Key, Row};

/// What a chunk, or one thing in it, measures.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Size {
    /// Rows, and rows that changes set or delete.
    pub items: usize,
    /// Bytes of keys and values.
    pub bytes: usize,
}

/// What this measures in sum.
pub fn size(changes: &[Change], rows: &[(Key, Row)]) -> Size {
    let cells: Vec<&Cell> = changes.iter().flat_map(|change| change.effects.iter()).collect();
    let set = |cell: &&Cell| cell.value.as_ref().map_or(0, |value| value.bytes().len());
    let in_cells: usize = cells.iter().map(|cell| cell.key.bytes().len() + set(cell)).sum();
    let in_rows: usize = rows.iter().map(|(key, row)| key.bytes().len() + row.value.bytes().len()).sum();
    Size { items: cells.len() + rows.len(), bytes: in_cells + in_rows }
}
