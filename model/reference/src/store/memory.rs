//! Which writes a copy remembers. It follows from the sequence of its writes alone.

use super::state::Settings;
use cutover::core::ids::{Position, Serial, SessionId, WriteId};
use std::collections::{BTreeMap, BTreeSet};

/// What a copy knows of a write.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Known {
    /// It was not applied.
    New,
    /// It was, at this position.
    Applied(Position),
    /// It may have been.
    Forgotten,
}

/// A session, since it was last unknown.
struct Life {
    session: SessionId,
    applied: BTreeMap<Serial, Position>,
    /// It was forgotten before, so that what it did before is not known.
    again: bool,
}

/// What a copy with these writes knows of a write.
#[must_use]
pub fn known(writes: &[WriteId], settings: &Settings, id: WriteId) -> Known {
    // F13: in the order of their last write.
    let mut lives: Vec<Life> = Vec::new();
    let mut gone: BTreeSet<SessionId> = BTreeSet::new();
    for (write, position) in writes.iter().zip(1..) {
        let at = lives.iter().position(|life| life.session == write.session);
        let mut life = at.map(|at| lives.remove(at)).unwrap_or_else(|| {
            let again = is_gone(&gone, write.session);
            Life { session: write.session, applied: BTreeMap::new(), again }
        });
        life.applied.insert(write.serial, Position(position));
        lives.push(life);
        if lives.len() > settings.sessions_max.max(1) {
            gone.insert(lives.remove(0).session);
        }
    }
    let Some(life) = lives.iter().find(|life| life.session == id.session) else {
        // F14
        return if is_gone(&gone, id.session) { Known::Forgotten } else { Known::New };
    };
    let keeps = settings.writes_max.max(1);
    let newer = life.applied.range(id.serial..).filter(|(serial, _)| **serial > id.serial).count();
    match life.applied.get(&id.serial) {
        Some(position) if newer < keeps => Known::Applied(*position),
        Some(_) => Known::Forgotten,
        // F14
        None if life.again || newer > keeps => Known::Forgotten,
        None => Known::New,
    }
}

/// Whether a session that is not remembered may have been: session ids increase, so each up to the highest that is gone.
fn is_gone(gone: &BTreeSet<SessionId>, session: SessionId) -> bool {
    // F14
    gone.last().is_some_and(|highest| session <= *highest)
}
