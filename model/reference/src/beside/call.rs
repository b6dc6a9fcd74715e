//! A client's call, what a store says of an outcome, and their references.

use super::Disagreement;
use crate::call::{Call, Said, breaks_connection, said};
use cutover::core::control_plane::{Answer, epoch_of};
use cutover::core::migration::{BackendFailure, MigrationError};
use cutover::core::raft::{Effect, Outcome};
use cutover::core::retry::{self, Attempt, Next, Repeat};

/// The reference of a call, beside the machine.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CallBeside(Call);

impl CallBeside {
    /// Beside a call that was not sent yet; `resumed`: by this call.
    #[must_use]
    pub const fn new(repeat: Repeat, resumed: bool) -> Self {
        Self(Call::new(repeat, resumed))
    }

    /// What the reference has.
    #[must_use]
    pub const fn call(&self) -> &Call {
        &self.0
    }

    /// Judges what follows an attempt, and what would be told at the deadline after it.
    ///
    /// # Errors
    /// The machine and the reference differ.
    pub fn attempted(
        &mut self,
        attempt: Attempt,
        next: Next,
        after: &retry::Call,
    ) -> Result<(), Disagreement> {
        let before = self.0.clone();
        let expected = self.0.attempted(attempt);
        if next != expected {
            return Err(Disagreement::new("C1 to C7", (&before, attempt, next), expected));
        }
        let breaks = breaks_connection(attempt);
        if attempt.breaks_connection() != breaks {
            return Err(Disagreement::new("C9", attempt, breaks));
        }
        match next {
            Next::End(_) => Ok(()),
            Next::Again { .. } => self.compare(after),
        }
    }

    /// Judges what is told at the deadline.
    ///
    /// # Errors
    /// The machine and the reference differ.
    pub fn compare(&self, call: &retry::Call) -> Result<(), Disagreement> {
        let (have, expected) = (call.expired(), self.0.expired());
        if have == expected { Ok(()) } else { Err(Disagreement::new("C8, C10", (&self.0, have), expected)) }
    }
}

/// Judges what a store says of the outcome of a transition.
///
/// # Errors
/// It says something else than the outcome does.
pub fn told(outcome: &Outcome<Answer>) -> Result<(), Disagreement> {
    let (told, expected) = (epoch_of(outcome), said(outcome));
    let answer = match outcome {
        Outcome::Committed { effect: Effect::Answered { answer, .. }, .. } => Some(*answer),
        Outcome::Committed { .. } | Outcome::Rejected(_) | Outcome::Indeterminate => None,
    };
    let right = match (told, expected) {
        (Ok(epoch), Said::Answered) => match answer {
            Some(Answer::Epoch(answered) | Answer::Named { epoch: answered, .. }) => epoch == answered,
            Some(
                Answer::Noted
                | Answer::Refused(_)
                | Answer::Store { .. }
                | Answer::StoreRefused(_)
                | Answer::OrderRefused(_),
            )
            | None => false,
        },
        (Err(MigrationError::Backend { reason }), Said::Unknown) => reason == BackendFailure::Indeterminate,
        (Err(MigrationError::Backend { reason }), Said::NotTaken) => reason != BackendFailure::Indeterminate,
        (Err(refusal), Said::Answered) => answer == Some(Answer::Refused(refusal)),
        (Ok(_) | Err(_), Said::Unknown | Said::NotTaken) => false,
    };
    if right { Ok(()) } else { Err(Disagreement::new("C11, C12", (outcome, told), expected)) }
}
