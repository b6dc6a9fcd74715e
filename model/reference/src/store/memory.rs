//! Which writes a copy remembers. It follows from what was carried to it and from the writes that it has heard of since.
//!
//! What is carried is read, and written, as a chunk has it on its way: that form is part of the protocol, and whoever goes on from
//! it has to know all of it. The fences' code is not asked what it means. Only the digest of ids is that of the code, for ids that
//! are written down here: what it is a digest of is judged, and how it is made is not.

use cutover::core::fence::{self, AppliedIds, Frontier, RowsDigest};
use cutover::core::ids::{Incarnation, Position, Serial, SessionId, WriteId};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

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

/// What a copy remembers, in the order in which a chunk carries it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Remembered {
    /// The sessions that it knows.
    pub lives: BTreeMap<SessionId, Life>,
    /// The highest of those that it knew.
    pub gone: SessionId,
}

/// A session, since it was last unknown.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Life {
    /// The writes that are remembered.
    pub applied: BTreeMap<Serial, Position>,
    /// No number up to this one is new.
    pub lost: Serial,
    /// The last write.
    pub last: Position,
}

/// What a copy remembers that began with this, and has heard of these writes since.
#[must_use]
pub fn remembered(
    carried: &Remembered,
    since: &[(WriteId, Position)],
    sessions_max: usize,
    writes_max: usize,
) -> Remembered {
    let mut now = carried.clone();
    for (id, at) in since {
        // F14: what it did before it was unknown is not known.
        let before = if now.is_gone(id.session) { Serial(u64::MAX) } else { Serial(0) };
        let life =
            now.lives.entry(id.session).or_insert(Life { applied: BTreeMap::new(), lost: before, last: *at });
        life.applied.insert(id.serial, *at);
        life.last = *at;
        // F13
        let mut by_last: Vec<_> = now.lives.iter().map(|(session, life)| (life.last, *session)).collect();
        let surplus = by_last.len().saturating_sub(sessions_max.max(1));
        if surplus > 0 {
            by_last.sort_unstable();
        }
        for (_, session) in by_last.iter().take(surplus) {
            now.lives.remove(session);
            // F14
            now.gone = now.gone.max(*session);
        }
    }
    for life in now.lives.values_mut() {
        // F13
        let surplus = life.applied.len().saturating_sub(writes_max.max(1));
        let out: Vec<Serial> = life.applied.keys().take(surplus).copied().collect();
        life.applied.retain(|serial, _| !out.contains(serial));
        // F14
        life.lost = out.into_iter().fold(life.lost, Serial::max);
    }
    now
}

impl Default for Remembered {
    fn default() -> Self {
        Self { lives: BTreeMap::new(), gone: SessionId(0) }
    }
}

impl Remembered {
    /// What it knows of a write.
    #[must_use]
    pub fn known(&self, id: WriteId) -> Known {
        let Some(life) = self.lives.get(&id.session) else {
            // F14
            return if self.is_gone(id.session) { Known::Forgotten } else { Known::New };
        };
        match life.applied.get(&id.serial) {
            Some(position) => Known::Applied(*position),
            // F14
            None if id.serial <= life.lost => Known::Forgotten,
            None => Known::New,
        }
    }

    /// Whether a session that is not remembered may have been: session ids increase, so each up to the highest that is gone.
    fn is_gone(&self, session: SessionId) -> bool {
        // F14
        session <= self.gone
    }

    /// The same sessions, with no write of them known any more.
    #[must_use]
    pub fn forgotten(mut self) -> Self {
        // F24
        for life in self.lives.values_mut() {
            let highest = life.applied.keys().copied().fold(life.lost, Serial::max);
            *life = Life { applied: BTreeMap::new(), lost: highest, last: life.last };
        }
        self
    }

    /// What a chunk carries.
    #[must_use]
    pub fn read(carried: &AppliedIds) -> Option<Self> {
        postcard::from_bytes(&postcard::to_allocvec(carried).ok()?).ok()
    }

    /// What a chunk is to carry.
    #[must_use]
    pub fn written(&self) -> Option<AppliedIds> {
        postcard::from_bytes(&postcard::to_allocvec(self).ok()?).ok()
    }

    /// The digest of the ids, which is that of any copy that remembers just these.
    #[must_use]
    pub fn digest(&self) -> Option<u128> {
        let nobody: Option<Incarnation> = None;
        let (rows, nowhere) = (RowsDigest::EMPTY, Position::ZERO);
        let copy = (nowhere, Frontier::Nothing, nowhere, false, nobody, self, rows, fence::Size::default());
        let copy: fence::Copy = postcard::from_bytes(&postcard::to_allocvec(&copy).ok()?).ok()?;
        Some(copy.digest().ids)
    }
}
