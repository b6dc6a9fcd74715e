//! Which writes a copy has applied, in bounded memory.
//!
//! A write that the memory no longer covers is [`Known::Forgotten`] and must be refused: whether it was applied is not
//! known, and applying it as new could apply it twice. What is remembered depends on the applied sequence alone, so
//! a copy that holds the same prefix remembers the same.

use crate::core::ids::{Names, Position, Relabel, Serial, SessionId, WriteId};
use alloc::collections::BTreeMap;
use serde::{Deserialize, Serialize};

/// What is remembered of a write.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Known {
    /// Never applied.
    New,
    /// Applied at this position.
    Applied(Position),
    /// Too old to tell.
    Forgotten,
}

/// The newest writes of the sessions used last.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct AppliedIds {
    sessions: BTreeMap<SessionId, Window>,
    /// Sessions up to this one that are not listed are forgotten. Sessions are issued in increasing order, so one
    /// number covers all of them.
    forgotten_through: SessionId,
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
struct Window {
    applied: BTreeMap<Serial, Position>,
    forgotten_through: Serial,
    used_at: Position,
}

impl AppliedIds {
    /// Nothing applied yet.
    #[must_use]
    pub const fn new() -> Self {
        Self { sessions: BTreeMap::new(), forgotten_through: SessionId(0) }
    }

    /// Whether this write was applied.
    #[must_use]
    pub fn known(&self, id: WriteId) -> Known {
        match self.sessions.get(&id.session) {
            Some(window) => match window.applied.get(&id.serial) {
                Some(position) => Known::Applied(*position),
                None if id.serial <= window.forgotten_through => Known::Forgotten,
                None => Known::New,
            },
            None if id.session <= self.forgotten_through => Known::Forgotten,
            None => Known::New,
        }
    }

    /// Remembers a write, and forgets the oldest of its session, or the session used longest ago, beyond the bounds.
    pub fn remember(
        &mut self,
        id: WriteId,
        position: Position,
        sessions_max: u32,
        writes_per_session_max: u32,
    ) {
        // Of a session that was forgotten once, only what comes from now on is known.
        let again = id.session <= self.forgotten_through;
        let window = self.sessions.entry(id.session).or_insert_with(|| Window {
            applied: BTreeMap::new(),
            forgotten_through: Serial(if again { u64::MAX } else { 0 }),
            used_at: position,
        });
        window.used_at = position;
        window.applied.insert(id.serial, position);
        while over(window.applied.len(), writes_per_session_max) {
            let Some((serial, _)) = window.applied.pop_first() else { break };
            window.forgotten_through = window.forgotten_through.max(serial);
        }
        while over(self.sessions.len(), sessions_max) {
            let Some(oldest) =
                self.sessions.iter().min_by_key(|(_, window)| window.used_at).map(|(id, _)| *id)
            else {
                break;
            };
            self.sessions.remove(&oldest);
            self.forgotten_through = self.forgotten_through.max(oldest);
        }
    }
}

impl Default for AppliedIds {
    fn default() -> Self {
        Self::new()
    }
}

/// A bound of 0 would make the write just applied forgotten; one is always kept.
fn over(len: usize, max: u32) -> bool {
    u32::try_from(len).unwrap_or(u32::MAX) > max.max(1)
}

impl Relabel for AppliedIds {
    fn relabel(&self, names: &dyn Names) -> Self {
        let sessions =
            self.sessions.iter().map(|(id, window)| (names.session(*id), window.clone())).collect();
        Self { sessions, forgotten_through: self.forgotten_through }
    }
}
