//! Which writes a copy has applied, in bounded memory.
//!
//! A write that is no longer remembered is [`Known::Forgotten`] and must be refused, since applying it as new
//! could apply it twice. Which writes are remembered depends only on the sequence of applied writes, so
//! copies of the same prefix remember the same writes.

use crate::core::ids::{Names, Position, Relabel, Serial, SessionId, WriteId};
use alloc::collections::BTreeMap;
use serde::{Deserialize, Serialize};

/// What a copy remembers of a write.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Known {
    /// Not applied.
    New,
    /// Applied, at this position.
    Applied(Position),
    /// Possibly applied, but too old to be remembered.
    Forgotten,
}

/// The ids of applied writes that a copy remembers: the newest ones of the most recently used sessions.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct AppliedIds {
    sessions: BTreeMap<SessionId, Window>,
    /// Sessions up to this id that are not listed are forgotten. Session ids increase, so one number covers
    /// them all.
    forgotten_through: SessionId,
}

/// What is remembered of one session.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Window {
    /// The writes that are remembered, each with its position.
    pub applied: BTreeMap<Serial, Position>,
    /// Writes up to this serial that are not remembered are forgotten.
    pub forgotten_through: Serial,
    /// The position of the last write.
    pub used_at: Position,
}

impl AppliedIds {
    /// The memory of a copy without writes.
    #[must_use]
    pub const fn new() -> Self {
        Self { sessions: BTreeMap::new(), forgotten_through: SessionId(0) }
    }

    /// A memory of no session, which has forgotten those up to this one.
    #[must_use]
    pub const fn forgotten(through: SessionId) -> Self {
        Self { sessions: BTreeMap::new(), forgotten_through: through }
    }

    /// Sessions up to this one that are not listed are forgotten.
    #[must_use]
    pub const fn forgotten_through(&self) -> SessionId {
        self.forgotten_through
    }

    /// The sessions whose writes are remembered, each with what is remembered.
    pub fn sessions(&self) -> impl Iterator<Item = (SessionId, &Window)> {
        self.sessions.iter().map(|(id, window)| (*id, window))
    }

    /// The same memory without its sessions: what a store keeps in one piece. It keeps each session by itself.
    pub(super) const fn without_sessions(&self) -> Self {
        Self::forgotten(self.forgotten_through)
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

    /// Forgets every write: from now on each may have been applied, and none is new. For a copy whose rows are not all there.
    pub(super) fn forget_all(&mut self) {
        for window in self.sessions.values_mut() {
            let last = window.applied.last_key_value().map(|(serial, _)| *serial);
            window.forgotten_through = window.forgotten_through.max(last.unwrap_or(Serial::ZERO));
            window.applied.clear();
        }
    }

    /// Gives all that is remembered to a digest, as numbers, in one order.
    pub(super) fn feed(&self, take: &mut dyn FnMut(u64)) {
        take(self.forgotten_through.0);
        for (session, window) in &self.sessions {
            let writes = u64::try_from(window.applied.len()).unwrap_or(u64::MAX);
            [session.0, window.forgotten_through.0, window.used_at.0, writes]
                .into_iter()
                .for_each(&mut *take);
            for (serial, position) in &window.applied {
                [serial.0, position.0].into_iter().for_each(&mut *take);
            }
        }
    }

    /// Remembers a write. If a limit is exceeded, forgets the oldest write of the session, or the least
    /// recently used session.
    pub fn remember(
        &mut self,
        id: WriteId,
        position: Position,
        sessions_max: u32,
        writes_per_session_max: u32,
    ) {
        // A session that was forgotten before is known only from this write on.
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

impl Window {
    /// Distinguishes what is remembered of one session over time: the position of its last write, and its oldest write that is not
    /// forgotten.
    #[must_use]
    pub const fn stamp(&self) -> (Position, Serial) {
        (self.used_at, self.forgotten_through)
    }
}

impl Extend<(SessionId, Window)> for AppliedIds {
    fn extend<I: IntoIterator<Item = (SessionId, Window)>>(&mut self, sessions: I) {
        self.sessions.extend(sessions);
    }
}

impl Default for AppliedIds {
    fn default() -> Self {
        Self::new()
    }
}

/// Whether a limit is exceeded. A limit of 0 counts as 1, so that the write just applied is remembered.
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
