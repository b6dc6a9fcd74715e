//! A client's call of one write, driven by the retry rule of production.

use super::action::CallEvent;
use cutover::core::control_plane::Answer;
use cutover::core::ids::{Names, NodeId};
use cutover::core::raft::{Effect, Outcome, ProposalId, Rejection, SessionRefusal};
use cutover::core::retry::{Attempt, Call, Ending, Next, Refusal, Repeat};

/// A request: its id and the node at which it was made.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) struct Outstanding<I> {
    pub(super) node: NodeId,
    pub(super) id: I,
}

impl<I: Copy> Outstanding<I> {
    pub(super) fn renamed(self, names: &dyn Names) -> Self {
        Self { node: names.node(self.node), id: self.id }
    }
}

/// A call, its attempts, and the copies of its request that are on their way.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct Write {
    repeat: Repeat,
    call: Call,
    attempts: u8,
    /// The latest attempt, if it has no answer yet.
    asked: Option<Outstanding<ProposalId>>,
    /// Attempts that were given up before they reached a node.
    delayed: u8,
    /// Set when the call has ended: whether its client was told that the request was done.
    ended: Option<bool>,
}

impl Write {
    pub(super) const fn new(repeat: Repeat) -> Self {
        Self { repeat, call: Call::new(repeat), attempts: 0, asked: None, delayed: 0, ended: None }
    }

    pub(super) const fn attempts(&self) -> u8 {
        self.attempts
    }

    pub(super) const fn asked(&self) -> Option<Outstanding<ProposalId>> {
        self.asked
    }

    pub(super) const fn is_done(&self) -> bool {
        matches!(self.ended, Some(true))
    }

    pub(super) const fn is_delayed(&self) -> bool {
        self.delayed > 0
    }

    pub(super) const fn arrived(&mut self) {
        self.delayed = self.delayed.saturating_sub(1);
    }

    /// Whether the call may make another attempt, after giving up the one that has no answer.
    pub(super) fn may_be_sent(&self) -> bool {
        let mut call = self.call;
        self.ended.is_none()
            && (self.asked.is_none() || matches!(call.attempted(Attempt::NoAnswer), Next::Again { .. }))
    }

    /// Whether the call would report that nothing was done if its deadline passed now. A call that says nothing more is
    /// one whose client waits.
    pub(super) fn may_expire(&self) -> bool {
        self.ended.is_none() && self.attempts > 0 && self.at_deadline() == Ending::NotDone
    }

    /// What is reported at the deadline. An attempt without an answer is given up then.
    fn at_deadline(&self) -> Ending {
        let mut call = self.call;
        match self.asked.map(|_| call.attempted(Attempt::NoAnswer)) {
            Some(Next::End(ending)) => ending,
            Some(Next::Again { .. }) | None => call.expired(),
        }
    }

    /// An attempt reaches a node's log. Returns whether it is the first one.
    pub(super) fn proposed(&mut self, asked: Option<Outstanding<ProposalId>>) -> bool {
        let first = self.attempts == 0;
        self.begin_attempt();
        self.asked = asked;
        first
    }

    fn begin_attempt(&mut self) {
        self.attempts += 1;
        if self.asked.take().is_some() {
            let _again = self.call.attempted(Attempt::NoAnswer);
        }
    }

    /// An event of the call; what is claimed if the call ends with it.
    pub(super) fn happens(&mut self, event: CallEvent) -> Option<bool> {
        if event == CallEvent::Expire {
            return self.end(self.at_deadline());
        }
        self.begin_attempt();
        let attempt = match event {
            CallEvent::Delay => {
                self.delayed += 1;
                Attempt::NoAnswer
            }
            CallEvent::Busy | CallEvent::Expire => Attempt::Busy,
            CallEvent::Deny => Attempt::Refused(Refusal::Attempt),
        };
        self.follow(attempt)
    }

    /// The node that was asked has answered.
    pub(super) fn decided(&mut self, outcome: &Outcome<Answer>) -> Option<bool> {
        self.asked = None;
        self.follow(attempt_of(outcome))
    }

    /// The node that was asked is gone.
    pub(super) fn lost(&mut self) -> Option<bool> {
        self.asked = None;
        self.follow(Attempt::NoAnswer)
    }

    fn follow(&mut self, attempt: Attempt) -> Option<bool> {
        let next = self.call.attempted(attempt);
        match next {
            // The answer is lost, and the error says so.
            Next::End(_) if attempt == Attempt::Refused(Refusal::Forgotten) => self.end(Ending::Unknown),
            Next::End(ending) => self.end(ending),
            Next::Again { .. } => None,
        }
    }

    /// The call ends, and does not remember how it came to that.
    fn end(&mut self, ending: Ending) -> Option<bool> {
        self.call = Call::new(self.repeat);
        self.asked = None;
        let claim = match ending {
            Ending::Answer => Some(true),
            Ending::Refused | Ending::NotDone => Some(false),
            Ending::Unknown => None,
        };
        self.ended = Some(claim == Some(true));
        claim
    }

    pub(super) fn renamed(&self, names: &dyn Names) -> Self {
        Self { asked: self.asked.map(|asked| asked.renamed(names)), ..self.clone() }
    }
}

/// What an outcome is for the attempt, as the errors of the client interface carry it.
fn attempt_of(outcome: &Outcome<Answer>) -> Attempt {
    match outcome {
        Outcome::Committed { effect, .. } => match effect {
            Effect::Answered { answer: Answer::Refused(_), .. } => Attempt::Refused(Refusal::Request),
            Effect::Answered { .. } | Effect::SessionOpened(_) | Effect::SessionClosed(_) => {
                Attempt::Answered
            }
            Effect::SessionRefused(SessionRefusal::TooMany { .. }) => Attempt::Refused(Refusal::Attempt),
            Effect::SessionRefused(SessionRefusal::Expired { .. } | SessionRefusal::Acknowledged { .. }) => {
                Attempt::Refused(Refusal::Forgotten)
            }
        },
        Outcome::Rejected(Rejection::NotLeader { leader }) => Attempt::NotLeader { hint: leader.is_some() },
        Outcome::Rejected(
            Rejection::Transferring { .. }
            | Rejection::Busy { .. }
            | Rejection::TooLong { .. }
            | Rejection::Change { .. }
            | Rejection::ChangeInSession { .. }
            | Rejection::OpensTerm
            | Rejection::Halted,
        ) => Attempt::Busy,
        Outcome::Indeterminate => Attempt::Indeterminate,
    }
}
