//! Chunks that no source has made.

use super::dice::Dice;
use super::requests::key;
use cutover::core::fence::{Chunk, Frontier, Value};
use cutover::core::ids::{Incarnation, MigrationId, Position};

/// This chunk with one thing changed.
pub fn damaged(dice: &mut Dice, mut chunk: Chunk) -> Chunk {
    match dice.below(13) {
        0 => chunk.migration = MigrationId(chunk.migration.0 + 1),
        1 => chunk.source = Incarnation(1 + dice.below(4)),
        2 => chunk.from = Position(dice.near(chunk.from.0 + 1)),
        3 => chunk.position = Position(chunk.position.0.saturating_sub(1 + dice.below(3))),
        4 => chunk.through = Frontier::Through(key(dice)),
        5 => chunk.through = Frontier::Nothing,
        6 => chunk.applied = None,
        7 => chunk.changes.reverse(),
        8 => chunk.rows.reverse(),
        9 => {
            chunk.changes.pop();
            chunk.rows.pop();
        }
        10 => {
            // Twice: too many, and not in order.
            let (changes, rows) = (chunk.changes.clone(), chunk.rows.clone());
            chunk.changes.extend(changes);
            chunk.rows.extend(rows);
        }
        11 => {
            let long = Value::try_from([b'x'; 60].as_slice()).expect("it is short");
            chunk.rows.iter_mut().for_each(|(_, row)| row.value = long.clone());
        }
        _ => chunk.after = Frontier::Through(key(dice)),
    }
    chunk
}
