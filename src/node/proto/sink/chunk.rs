//! Chunks as messages.

use super::super::{Malformed, v1};
use super::{cell, cell_of, id, id_of, key, value};
use crate::core::fence::{AppliedIds, Change, Chunk, Frontier, Key, Row, Window};
use crate::core::ids::{Incarnation, MigrationId, Position, Serial, SessionId};
use v1::sink_frontier::Reach;

/// Converts a frontier; `field` names it in the error.
pub(super) fn frontier(field: &'static str, wire: Option<v1::SinkFrontier>) -> Result<Frontier, Malformed> {
    match wire.and_then(|wire| wire.reach).ok_or(Malformed::Missing { field })? {
        Reach::Nothing(_) => Ok(Frontier::Nothing),
        Reach::Through(last) => Ok(Frontier::Through(key(&last)?)),
        Reach::Everything(_) => Ok(Frontier::Everything),
    }
}

/// The frontier as a message.
pub(crate) fn frontier_of(frontier: &Frontier) -> v1::SinkFrontier {
    let reach = match frontier {
        Frontier::Nothing => Reach::Nothing(v1::SinkNothing {}),
        Frontier::Through(last) => Reach::Through(last.bytes().to_vec()),
        Frontier::Everything => Reach::Everything(v1::SinkEverything {}),
    };
    v1::SinkFrontier { reach: Some(reach) }
}

impl TryFrom<v1::SinkChunk> for Chunk {
    type Error = Malformed;

    fn try_from(wire: v1::SinkChunk) -> Result<Self, Malformed> {
        Ok(Self {
            migration: MigrationId(wire.migration),
            source: Incarnation(wire.source_incarnation),
            after: frontier("after", wire.after)?,
            from: Position(wire.from),
            through: frontier("through", wire.through)?,
            position: Position(wire.position),
            changes: wire.changes.into_iter().map(change).collect::<Result<_, _>>()?,
            rows: wire.rows.into_iter().map(row).collect::<Result<_, _>>()?,
            applied: wire.remembered.map(remembered),
        })
    }
}

impl From<Chunk> for v1::SinkChunk {
    fn from(chunk: Chunk) -> Self {
        Self {
            migration: chunk.migration.0,
            source_incarnation: chunk.source.0,
            after: Some(frontier_of(&chunk.after)),
            from: chunk.from.0,
            through: Some(frontier_of(&chunk.through)),
            position: chunk.position.0,
            changes: chunk.changes.iter().map(change_of).collect(),
            rows: chunk.rows.iter().map(row_of).collect(),
            remembered: chunk.applied.as_ref().map(remembered_of),
        }
    }
}

fn change(wire: v1::RowChange) -> Result<Change, Malformed> {
    let effects = wire.effects.into_iter().map(cell).collect::<Result<Vec<_>, _>>()?;
    Ok(Change { position: Position(wire.position), id: id("id", wire.id)?, effects: effects.into() })
}

fn change_of(change: &Change) -> v1::RowChange {
    let effects = change.effects.iter().map(cell_of).collect();
    v1::RowChange { position: change.position.0, id: Some(id_of(change.id)), effects }
}

fn row(wire: v1::Row) -> Result<(Key, Row), Malformed> {
    Ok((key(&wire.key)?, Row { value: value(&wire.value)?, position: Position(wire.position) }))
}

fn row_of((key, row): &(Key, Row)) -> v1::Row {
    v1::Row { key: key.bytes().to_vec(), value: row.value.bytes().to_vec(), position: row.position.0 }
}

fn remembered(wire: v1::RememberedWrites) -> AppliedIds {
    let window = |session: v1::RememberedSession| {
        let applied = session.writes.iter().map(|write| (Serial(write.serial), Position(write.position)));
        let forgotten_through = Serial(session.forgotten_through);
        let window =
            Window { applied: applied.collect(), forgotten_through, used_at: Position(session.used_at) };
        (SessionId(session.session), window)
    };
    let mut ids = AppliedIds::forgotten(SessionId(wire.forgotten_through));
    ids.extend(wire.sessions.into_iter().map(window));
    ids
}

fn remembered_of(ids: &AppliedIds) -> v1::RememberedWrites {
    let sessions = ids.sessions().map(|(session, window)| v1::RememberedSession {
        session: session.0,
        forgotten_through: window.forgotten_through.0,
        used_at: window.used_at.0,
        writes: window
            .applied
            .iter()
            .map(|(serial, position)| v1::RememberedWrite { serial: serial.0, position: position.0 })
            .collect(),
    });
    v1::RememberedWrites { sessions: sessions.collect(), forgotten_through: ids.forgotten_through().0 }
}
