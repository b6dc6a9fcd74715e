//! A gateway's copy of one partition's placement, fed by the watch stream.
//!
//! An event says which revision of the partition it follows. One that does not follow the cached one is a gap: the
//! cache then answers nothing until it was filled anew. Repeated and late events change nothing.

use crate::ids::Revision;
use crate::placement::Resolution;

/// The cache for one partition.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct WatchCache {
    held: Option<Resolution>,
    /// The newest revision ever held: a resync must not go back behind it.
    newest: Revision,
}

/// What the watch stream brings.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum CacheEvent {
    /// The whole of the partition, at a revision: the start of a stream, or a resync.
    Snapshot(Resolution),
    /// The next change of the partition.
    Changed {
        /// The partition's revision before it.
        after: Revision,
        /// The partition now.
        now: Resolution,
    },
    /// The partition is gone, or the stream broke.
    Lost,
}

impl WatchCache {
    /// Knows nothing.
    #[must_use]
    pub const fn empty() -> Self {
        Self { held: None, newest: Revision::ZERO }
    }

    /// Takes an event; `false` asks for a snapshot.
    #[must_use]
    pub fn handle(&mut self, event: &CacheEvent) -> bool {
        match event {
            CacheEvent::Snapshot(now) => {
                if now.revision < self.newest {
                    return self.held.is_some();
                }
                self.hold(*now);
                true
            }
            CacheEvent::Changed { after, now } => match self.held {
                Some(held) if now.revision <= held.revision => true,
                Some(held) if held.revision == *after => {
                    self.hold(*now);
                    true
                }
                Some(_) | None => {
                    self.held = None;
                    false
                }
            },
            CacheEvent::Lost => {
                self.held = None;
                false
            }
        }
    }

    fn hold(&mut self, now: Resolution) {
        self.newest = self.newest.max(now.revision);
        self.held = Some(now);
    }

    /// The placement as of its revision, which may be any earlier one.
    #[must_use]
    pub const fn resolution(&self) -> Option<Resolution> {
        self.held
    }
}
