//! A client's call, through all its attempts, and what the outcome of an entry says of a request: rules `C1` to `C12` of
//! `docs/protocol.md`.

use cutover::core::raft::{Effect, Outcome, SessionRefusal};
use cutover::core::retry::{Attempt, Ending, Next, Refusal, Repeat, Target};

/// Hints that are followed at once.
const HINTS: usize = 3;
/// Times that a busy node is asked again.
const BUSY: usize = 2;

/// A call, as the list of all its attempts, each with the node that the next one went to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Call {
    /// Whether the request may be sent again.
    pub repeat: Repeat,
    /// Whether an earlier call has sent it.
    pub resumed: bool,
    /// The attempts, oldest first.
    pub attempts: Vec<(Attempt, Target)>,
}

/// What an outcome says of a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Said {
    /// It was applied, or refused by what it found: this is its answer.
    Answered,
    /// It was not taken: it is not applied, and never will be.
    NotTaken,
    /// It may be applied.
    Unknown,
}

impl Call {
    /// A call that was not sent yet; `resumed`: by this call.
    #[must_use]
    pub const fn new(repeat: Repeat, resumed: bool) -> Self {
        Self { repeat, resumed, attempts: Vec::new() }
    }

    /// Whether an attempt may have been applied.
    #[must_use]
    pub fn may_be_applied(&self) -> bool {
        let open =
            |(attempt, _): &(Attempt, Target)| matches!(attempt, Attempt::NoAnswer | Attempt::Indeterminate);
        // C4, C10
        self.resumed || (self.repeat != Repeat::Harmless && self.attempts.iter().any(open))
    }

    /// The number of attempts that went there since the call last turned to another node.
    fn in_a_row(&self, there: Target) -> usize {
        let since = self.attempts.iter().rev().take_while(|(_, to)| *to != Target::Another);
        since.filter(|(_, to)| *to == there).count()
    }

    /// The number of times in a row that the node that is asked was busy.
    fn busy(&self) -> usize {
        self.attempts.iter().rev().take_while(|(_, to)| *to == Target::Same).count()
    }

    /// What follows an attempt.
    pub fn attempted(&mut self, attempt: Attempt) -> Next {
        let (to, pause) = match attempt {
            // C1
            Attempt::Answered => return Next::End(Ending::Answer),
            // C2
            Attempt::Refused(Refusal::Request | Refusal::Forgotten) => return Next::End(Ending::Refused),
            // C3
            Attempt::Refused(Refusal::Attempt) if self.may_be_applied() => {
                return Next::End(Ending::Unknown);
            }
            Attempt::Refused(Refusal::Attempt) => return Next::End(Ending::Refused),
            // C4
            Attempt::NoAnswer | Attempt::Indeterminate if self.repeat == Repeat::Never => {
                return Next::End(Ending::Unknown);
            }
            // C5
            Attempt::NoAnswer
            | Attempt::Indeterminate
            | Attempt::NotSent
            | Attempt::NotLeader { hint: false } => (Target::Another, true),
            // C6
            Attempt::NotLeader { hint: true } => (Target::Hinted, self.in_a_row(Target::Hinted) >= HINTS),
            // C7
            Attempt::Busy if self.busy() < BUSY => (Target::Same, true),
            Attempt::Busy => (Target::Another, true),
        };
        self.attempts.push((attempt, to));
        Next::Again { to, pause }
    }

    /// What the caller is told at the deadline.
    #[must_use]
    pub fn expired(&self) -> Ending {
        // C8
        if self.may_be_applied() { Ending::Unknown } else { Ending::NotDone }
    }
}

/// Whether the connection is of no more use.
#[must_use]
pub const fn breaks_connection(attempt: Attempt) -> bool {
    // C9
    matches!(attempt, Attempt::NotSent | Attempt::NoAnswer)
}

/// What the outcome of an entry says of its request.
#[must_use]
pub const fn said<A>(outcome: &Outcome<A>) -> Said {
    match outcome {
        // C11
        Outcome::Committed { effect: Effect::Answered { .. }, .. } => Said::Answered,
        // C12
        Outcome::Committed { effect: Effect::SessionRefused(refusal), .. } => match refusal {
            SessionRefusal::Expired { .. } | SessionRefusal::Acknowledged { .. } => Said::Unknown,
            SessionRefusal::TooMany { .. } => Said::NotTaken,
        },
        // C11
        Outcome::Committed { effect: Effect::SessionOpened(_) | Effect::SessionClosed(_), .. }
        | Outcome::Rejected(_) => Said::NotTaken,
        // C12
        Outcome::Indeterminate => Said::Unknown,
    }
}
