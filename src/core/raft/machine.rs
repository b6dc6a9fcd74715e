//! The replicated state machine: what it is made of, and how committed entries are applied to it.

use super::configuration::Configuration;
use super::entry::{Content, Entry, LogPosition, Payload};
use super::session::{Admission, SessionLimits, SessionRefusal, Sessions, Ticket};
use crate::core::ids::{Halt, Index, Relabel, SessionId};
use core::fmt::Debug;
use core::hash::Hash;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// A deterministic state machine: the same entries in the same order make the same state and the same answers.
pub trait Machine: Clone + Eq + Hash + Debug + Serialize + DeserializeOwned + Relabel {
    /// What it is asked.
    type Payload: Payload;
    /// What it says. Part of the snapshots, since a retry is answered from it.
    type Answer: Clone + Eq + Ord + Hash + Debug + Serialize + DeserializeOwned;

    /// Applies what was committed at this place. Sets `halt` if that broke an invariant: the node then stops.
    fn apply(&mut self, at: Index, payload: &Self::Payload, halt: &mut Option<Halt>) -> Self::Answer;
}

/// What applying an entry did.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum Effect<A> {
    /// The machine's answer.
    Answered {
        /// The answer.
        answer: A,
        /// It is that of the first time: nothing was applied again.
        repeated: bool,
    },
    /// A session was opened.
    SessionOpened(SessionId),
    /// A session was closed, or was not there.
    SessionClosed(SessionId),
    /// The request was committed, and not applied, because of its session.
    SessionRefused(SessionRefusal),
}

/// Everything that follows from the log up to one place.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(bound = "")]
pub struct Applied<M: Machine> {
    pub(super) last: LogPosition,
    pub(super) configuration: Configuration,
    pub(super) state: State<M>,
}

/// The part of it that a snapshot carries as bytes.
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
    /// The last place applied. Nothing is applied before it is committed, and everything committed is applied at once.
    pub const fn last(&self) -> LogPosition {
        self.last
    }

    /// The committed configuration.
    pub const fn configuration(&self) -> &Configuration {
        &self.configuration
    }

    /// The machine.
    pub const fn machine(&self) -> &M {
        &self.state.machine
    }

    /// The sessions.
    pub const fn sessions(&self) -> &Sessions<M::Answer> {
        &self.state.sessions
    }

    /// Applies the next entry.
    pub(super) fn apply(&mut self, entry: &Entry<M::Payload>, halt: &mut Option<Halt>) -> Effect<M::Answer> {
        let at = self.last.index.next();
        self.last = LogPosition { term: entry.term, index: at };
        if let Some(Ok(next)) = entry.change().map(|change| self.configuration.changed(change)) {
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
