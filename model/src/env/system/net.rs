//! Messages: each may arrive late, never, or again, until it is forgotten.

use cutover::core::control_plane::ControlPlaneEntry;
use cutover::core::fence::{Change, Reply, Request};
use cutover::core::ids::{Epoch, HistoryId, Placement, Position, WriteId};
use cutover::core::raft::Ticket;
use std::sync::Arc;

/// Messages of a kind that are kept.
const KEPT: usize = 28;

/// The operation that a message is from, or for.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) struct Asker {
    pub(super) gateway: u8,
    pub(super) slot: u8,
    /// Which operation of that slot it is.
    pub(super) nonce: u32,
}

/// The writes that a copy is made of, by position, and whether some of their rows may lack.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub(super) struct Made(pub(super) Arc<Vec<Change>>, pub(super) bool);

impl Made {
    pub(super) fn iter(&self) -> impl Iterator<Item = &Change> {
        self.0.iter()
    }

    /// Those up to a position.
    pub(super) fn until(&self, position: Position) -> Self {
        let some = self.0.iter().filter(|change| change.position <= position);
        Self(Arc::new(some.cloned().collect()), self.1)
    }
}

/// A request on its way to a store.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct Sent {
    pub(super) request: Request,
    /// For a chunk, the writes that its source had. No message has them.
    pub(super) made: Option<Made>,
    pub(super) asker: Option<Asker>,
    /// The last tick at which it may take effect, for a write to a store that cannot refuse it.
    pub(super) until: Option<u64>,
}

/// An answer on its way back.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[expect(clippy::large_enum_variant, reason = "nearly every answer is a reply")]
pub(super) enum Answered {
    Reply { reply: Reply, asker: Option<Asker> },
    Served { store: Placement, token: Epoch, value: Vec<WriteId>, asker: Asker },
}

/// A proposal on its way to the log.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct Proposed {
    /// The history of the record, or the session, that it was made from.
    pub(super) history: HistoryId,
    pub(super) ticket: Option<Ticket>,
    pub(super) entry: ControlPlaneEntry,
}

/// Messages that have arrived, of which another copy may arrive at any time, are kept up to this many.
const PAST: usize = 16;

/// All messages.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub(super) struct Net {
    pub(super) requests: Vec<Sent>,
    pub(super) answers: Vec<Answered>,
    pub(super) proposals: Vec<Proposed>,
    /// What has arrived.
    pub(super) past: Past,
}

/// Messages that have arrived.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub(super) struct Past {
    pub(super) requests: Vec<Sent>,
    pub(super) answers: Vec<Answered>,
    pub(super) proposals: Vec<Proposed>,
}

impl Net {
    /// Another copy of a message that has arrived is on its way.
    pub(super) fn again(&mut self, late: Late) -> Option<()> {
        match late {
            Late::Request(at) => add(&mut self.requests, self.past.requests.get(at)?.clone()),
            Late::Answer(at) => add(&mut self.answers, self.past.answers.get(at)?.clone()),
            Late::Proposal(at) => add(&mut self.proposals, self.past.proposals.get(at)?.clone()),
        }
        Some(())
    }
}

/// A message that has arrived, by its place.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Late {
    Request(usize),
    Answer(usize),
    Proposal(usize),
}

/// Keeps a message that has arrived; one of the older ones is forgotten.
pub(super) fn keep<T: PartialEq>(past: &mut Vec<T>, message: T) {
    if past.contains(&message) {
        return;
    }
    if past.len() >= PAST {
        past.remove(PAST / 3);
    }
    past.push(message);
}

/// Adds a message, once. Beyond the limit one of the older ones is lost; the oldest few stay, so that some arrive very late.
pub(super) fn add<T: PartialEq>(messages: &mut Vec<T>, message: T) {
    if let Some(at) = messages.iter().position(|known| *known == message) {
        // It is the newest again.
        let known = messages.remove(at);
        messages.push(known);
        return;
    }
    if messages.len() >= KEPT {
        messages.remove(KEPT / 4);
    }
    messages.push(message);
}
