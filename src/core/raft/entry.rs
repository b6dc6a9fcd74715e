//! An entry of the log, and its position.

use super::configuration::Change;
use super::session::Ticket;
use crate::core::ids::{Index, Names, NodeId, Relabel, SessionId, Term};
use core::fmt::{self, Debug};
use core::hash::Hash;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// What a log entry may carry. Sealed, so that no other crate can put something else into the log.
pub trait Payload:
    sealed::Sealed + Clone + Eq + Ord + Hash + Debug + Serialize + DeserializeOwned + Relabel
{
    /// The first entry of a leader's term, without which nothing of that term is committed.
    fn opening(term: Term, leader: NodeId) -> Self;

    /// Whether the payload is the first entry of a leader's term.
    fn opens_term(&self) -> bool;

    /// The change of the configuration that the payload makes; `None` for any other payload.
    fn membership(&self) -> Option<Change>;

    /// Whether an operator wants the change of the configuration even if it may leave no quorum of live voters.
    fn forces_membership(&self) -> bool;
}

pub(crate) mod sealed {
    /// A private supertrait of [`super::Payload`], so that only this crate can implement it.
    pub trait Sealed {}
}

/// The index of an entry and its term. Two logs that have the same entry at one position are equal up to it (Raft,
/// section 5.3).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct LogPosition {
    /// The entry's term. The order of the fields is the order of Raft, section 5.4.1: the log with the higher last term
    /// is more up to date, then the longer one.
    pub term: Term,
    /// The entry's index, from 1.
    pub index: Index,
}

impl LogPosition {
    /// The position before the first entry: term 0, index 0.
    pub const ZERO: Self = Self { term: Term::GENESIS, index: Index::ZERO };
}

impl fmt::Display for LogPosition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.term, self.index)
    }
}

/// The content of a log entry. Sessions are opened and closed by entries only, so all nodes agree on which
/// are open.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum Content<P> {
    /// A request to the state machine.
    Payload {
        /// The session's request number, which makes a retry apply once. `None`: applying the request twice must be
        /// harmless.
        ticket: Option<Ticket>,
        /// The request to the state machine.
        payload: P,
    },
    /// Opens a session. Its id is the entry's index.
    OpenSession,
    /// Closes a session and drops the answers kept for it.
    CloseSession(SessionId),
}

/// An entry of the log. Its index is not stored in it: it follows from its position in the log.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Entry<P> {
    /// The term of the leader that created the entry.
    pub term: Term,
    /// A request to the state machine, or the opening or closing of a session.
    pub content: Content<P>,
}

impl<P: Payload> Entry<P> {
    /// The change of the configuration that the entry makes; `None` for any other entry.
    pub fn change(&self) -> Option<Change> {
        match &self.content {
            Content::Payload { payload, .. } => payload.membership(),
            Content::OpenSession | Content::CloseSession(_) => None,
        }
    }

    /// The length of the entry's encoding, in bytes, saturated to `u32::MAX`.
    pub fn encoded_len(&self) -> u32 {
        let bytes = postcard::to_allocvec(self).map_or(usize::MAX, |bytes| bytes.len());
        u32::try_from(bytes).unwrap_or(u32::MAX)
    }
}

impl<P: Relabel> Relabel for Entry<P> {
    fn relabel(&self, names: &dyn Names) -> Self {
        let content = match &self.content {
            Content::Payload { ticket, payload } => {
                Content::Payload { ticket: *ticket, payload: payload.relabel(names) }
            }
            Content::OpenSession => Content::OpenSession,
            Content::CloseSession(id) => Content::CloseSession(*id),
        };
        Self { term: self.term, content }
    }
}
