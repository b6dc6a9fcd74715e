//! The replicated state machine: its interface, and how committed entries are applied to it.

use super::configuration::Configuration;
use super::entry::{Content, Entry, LogPosition, Payload};
use super::session::{Admission, SessionLimits, SessionRefusal, Sessions, Ticket};
use crate::core::ids::{Halt, HistoryId, Index, Relabel, SessionId};
use core::fmt::Debug;
use core::hash::Hash;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// A deterministic state machine: the same entries in the same order give the same state and the same answers.
pub trait Machine:
    Clone + Eq + Hash + Debug + Serialize + DeserializeOwned + Relabel + Send + Sync + 'static
{
    /// The type of requests.
    type Payload: Payload;
    /// The answers. They are part of snapshots, since retries are answered from them.
    type Answer: Clone + Eq + Ord + Hash + Debug + Serialize + DeserializeOwned + Send + Sync + 'static;

    /// Applies the request committed at this index. Sets `halt` if that violates an invariant; the node then stops.
    fn apply(&mut self, at: Index, payload: &Self::Payload, halt: &mut Option<Halt>) -> Self::Answer;
}

/// The effect of applying an entry.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum Effect<A> {
    /// The state machine answered the request.
    Answered {
        /// The answer of the state machine.
        answer: A,
        /// The answer to the first attempt: the request was not applied again.
        repeated: bool,
    },
    /// A session was opened, with this id.
    SessionOpened(SessionId),
    /// A session was closed, or did not exist.
    SessionClosed(SessionId),
    /// The request was committed but not applied, because of its session.
    SessionRefused(SessionRefusal),
}

/// The state after the log up to one entry.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(bound = "")]
pub struct Applied<M: Machine> {
    pub(super) history: HistoryId,
    pub(super) last: LogPosition,
    pub(super) configuration: Configuration,
    pub(super) state: State<M>,
}

/// The part of the applied state that a snapshot holds as bytes.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(bound = "")]
pub(super) struct State<M: Machine> {
    pub(super) sessions: Sessions<M::Answer>,
    pub(super) machine: M,
}

impl<M: Machine> State<M> {
    pub(super) const fn new(limits: SessionLimits, machine: M) -> Self {
        Self { sessions: Sessions::new(limits), machine }
    }
}

impl<M: Machine> Applied<M> {
    /// The history of the log whose entries were applied.
    pub const fn history(&self) -> HistoryId {
        self.history
    }

    /// The last applied entry. Entries are applied exactly when they become known to be committed.
    pub const fn last(&self) -> LogPosition {
        self.last
    }

    /// The latest committed configuration.
    pub const fn configuration(&self) -> &Configuration {
        &self.configuration
    }

    /// The state machine after the last applied entry.
    pub const fn machine(&self) -> &M {
        &self.state.machine
    }

    /// The open sessions after the last applied entry.
    pub const fn sessions(&self) -> &Sessions<M::Answer> {
        &self.state.sessions
    }

    /// Applies the next entry: session check, state machine, configuration.
    pub(super) fn apply(&mut self, entry: &Entry<M::Payload>, halt: &mut Option<Halt>) -> Effect<M::Answer> {
        let at = self.last.index.next();
        self.last = LogPosition { term: entry.term, index: at };
        if let Some(Ok(next)) = entry.change().map(|change| self.configuration.changed(change, at)) {
            self.configuration = next;
        }
        match &entry.content {
            Content::Payload { ticket: None, payload } => {
                Effect::Answered { answer: self.state.machine.apply(at, payload, halt), repeated: false }
            }
            Content::Payload { ticket: Some(ticket), payload } => self.apply_once(at, *ticket, payload, halt),
            Content::OpenSession => Effect::SessionOpened(self.state.sessions.open(at)),
            Content::CloseSession(id) => {
                self.state.sessions.close(*id);
                Effect::SessionClosed(*id)
            }
        }
    }

    fn apply_once(
        &mut self,
        at: Index,
        ticket: Ticket,
        payload: &M::Payload,
        halt: &mut Option<Halt>,
    ) -> Effect<M::Answer> {
        match self.state.sessions.admit(ticket, at) {
            Admission::Repeated(answer) => Effect::Answered { answer, repeated: true },
            Admission::Refused(refusal) => Effect::SessionRefused(refusal),
            Admission::New => {
                let answer = self.state.machine.apply(at, payload, halt);
                self.state.sessions.answered(ticket, answer.clone());
                Effect::Answered { answer, repeated: false }
            }
        }
    }
}
