//! The sessions of a cluster and their reference.

use super::Disagreement;
use crate::session::{Right, Sessions};
use cutover::core::ids::{Index, SessionId};
use cutover::core::raft::{self, Admission, Content, Effect, Payload, SessionLimits, Ticket};
use std::fmt::Debug;

/// The reference of the sessions, beside the applied state of a node.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SessionsBeside<A>(Sessions<A>);

impl<A: Clone + Eq + Debug> SessionsBeside<A> {
    /// Beside a state without sessions.
    #[must_use]
    pub fn new(limits: SessionLimits) -> Self {
        Self(Sessions::new(usize::from(limits.sessions_max), limits.answers_max))
    }

    /// What the reference has.
    #[must_use]
    pub const fn sessions(&self) -> &Sessions<A> {
        &self.0
    }

    /// A session was opened by the entry at an index.
    ///
    /// # Errors
    /// The machine and the reference differ. The reference is then of no use any more.
    pub fn opened(&mut self, at: Index, id: SessionId) -> Result<(), Disagreement> {
        let highest = self.0.highest;
        if self.0.opens(at, id) {
            Ok(())
        } else {
            Err(Disagreement::new("S1", id, ("was given out", highest)))
        }
    }

    /// A session was closed, or was not open.
    ///
    /// # Errors
    /// The machine and the reference differ.
    pub fn closed(&mut self, id: SessionId, was_open: bool) -> Result<(), Disagreement> {
        let expected = self.0.closes(id);
        if was_open == expected { Ok(()) } else { Err(Disagreement::new("S3", (id, was_open), expected)) }
    }

    /// Judges whether the request with this ticket is to be applied. If it is new, [`Self::answered`] is next.
    ///
    /// # Errors
    /// The machine and the reference differ.
    pub fn admitted(
        &mut self,
        ticket: Ticket,
        at: Index,
        admission: &Admission<A>,
    ) -> Result<(), Disagreement> {
        let right = self.0.right(ticket, at);
        let same = match (admission, &right) {
            (Admission::New, Right::New) => true,
            (Admission::Repeated(answer), Right::Repeated(expected)) => answer == expected,
            (Admission::Refused(refusal), Right::Refused(expected)) => refusal == expected,
            (Admission::New | Admission::Repeated(_) | Admission::Refused(_), _) => false,
        };
        if same { Ok(()) } else { Err(Disagreement::new(rule_of(&right), (ticket, admission), right)) }
    }

    /// A new request was applied, with this answer.
    pub fn answered(&mut self, ticket: Ticket, answer: A) {
        self.0.answered(ticket, answer);
    }

    /// Judges the effect of the entry that was applied at an index.
    ///
    /// # Errors
    /// The machine and the reference differ.
    pub fn applied<P: Payload>(
        &mut self,
        at: Index,
        content: &Content<P>,
        effect: &Effect<A>,
    ) -> Result<(), Disagreement> {
        match (content, effect) {
            (Content::OpenSession, Effect::SessionOpened(id)) => self.opened(at, *id),
            (Content::CloseSession(id), Effect::SessionClosed(closed)) if id == closed => {
                self.0.closes(*id);
                Ok(())
            }
            (Content::Payload { ticket: None, .. }, Effect::Answered { repeated: false, .. }) => Ok(()),
            (Content::Payload { ticket: Some(ticket), .. }, effect) => self.effect(at, *ticket, effect),
            (Content::OpenSession | Content::CloseSession(_) | Content::Payload { ticket: None, .. }, _) => {
                Err(Disagreement::new("S1, S3, S9", (content, effect), "no effect of such an entry"))
            }
        }
    }

    fn effect(&mut self, at: Index, ticket: Ticket, effect: &Effect<A>) -> Result<(), Disagreement> {
        let admission = match effect {
            Effect::Answered { repeated: false, .. } => Admission::New,
            Effect::Answered { answer, repeated: true } => Admission::Repeated(answer.clone()),
            Effect::SessionRefused(refusal) => Admission::Refused(*refusal),
            Effect::SessionOpened(_) | Effect::SessionClosed(_) => {
                return Err(Disagreement::new("S9", (ticket, effect), "no effect of a request"));
            }
        };
        self.admitted(ticket, at, &admission)?;
        if let Effect::Answered { answer, repeated: false } = effect {
            self.0.answered(ticket, answer.clone());
        }
        Ok(())
    }

    /// Compares which sessions are open.
    ///
    /// # Errors
    /// The machine and the reference differ.
    pub fn compare(&self, machine: &raft::Sessions<A>) -> Result<(), Disagreement> {
        let have: Vec<_> = machine.ids().collect();
        let expected: Vec<_> = self.0.open.keys().copied().collect();
        if have == expected { Ok(()) } else { Err(Disagreement::new("S2, S3", have, &self.0)) }
    }
}

const fn rule_of<A>(right: &Right<A>) -> &'static str {
    match right {
        Right::New => "S9",
        Right::Repeated(_) => "S6",
        Right::Refused(_) => "S4, S5, S7, S8",
    }
}
