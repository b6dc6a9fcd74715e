//! An entry of the log, and its place.

use super::configuration::Change;
use super::session::Ticket;
use crate::core::ids::{Index, Names, NodeId, Relabel, SessionId, Term};
use core::fmt::{self, Debug};
use core::hash::Hash;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// What entries may carry. Sealed: only this crate says what can be in the log.
pub trait Payload:
    sealed::Sealed + Clone + Eq + Ord + Hash + Debug + Serialize + DeserializeOwned + Relabel
{
    /// The entry that opens a term.
    fn opening(term: Term, leader: NodeId) -> Self;

    /// Whether it is such an entry.
    fn opens_term(&self) -> bool;

    /// The change of the configuration in it, if it is one.
    fn membership(&self) -> Option<Change>;
}

pub(crate) mod sealed {
    /// Keeps [`super::Payload`] inside this crate.
    pub trait Sealed {}
}

/// A place in a log, and the term of the entry there. Logs that agree on one agree on everything before it (Raft,
/// section 5.3).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct LogPosition {
    /// Its term. Of two logs the one whose last term is higher is more up to date, then the longer one (section 5.4.1):
    /// the order of the fields is that order.
    pub term: Term,
    /// Its index.
    pub index: Index,
}

impl LogPosition {
    /// Before everything.
    pub const ZERO: Self = Self { term: Term::GENESIS, index: Index::ZERO };
}

impl fmt::Display for LogPosition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.term, self.index)
    }
}

/// What an entry does. A session is opened and closed by entries alone, so that all nodes agree on which exist.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum Content<P> {
    /// Something for the state machine.
    Payload {
        /// Under which session, so that a retry applies once. Without one, the payload itself must be harmless twice.
        ticket: Option<Ticket>,
        /// What is to be applied.
        payload: P,
    },
    /// Opens a session; its id is the entry's index.
    OpenSession,
    /// Closes a session.
    CloseSession(SessionId),
}

/// An entry of the log; its index is its place.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Entry<P> {
    /// The term of the leader that made it.
    pub term: Term,
    /// What it does.
    pub content: Content<P>,
}

impl<P: Payload> Entry<P> {
    /// The change of the configuration in it, if any.
    pub fn change(&self) -> Option<Change> {
        match &self.content {
            Content::Payload { payload, .. } => payload.membership(),
            Content::OpenSession | Content::CloseSession(_) => None,
        }
    }

    /// Its length when encoded, in bytes.
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
