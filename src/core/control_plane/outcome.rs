//! Conversion of a proposal's outcome into the result of a
//! [`MigrationStore`](crate::core::migration::MigrationStore).

use super::Answer;
use super::error::rejected;
use crate::core::ids::Epoch;
use crate::core::migration::{BackendFailure, MigrationError};
use crate::core::raft::{Effect, Outcome, SessionRefusal};

/// The result that a [`MigrationStore`](crate::core::migration::MigrationStore) returns for a transition with
/// this outcome.
///
/// # Errors
/// The table's refusal, or [`MigrationError::Backend`] if the entry was not applied or its outcome is
/// unknown.
pub fn epoch_of(outcome: &Outcome<Answer>) -> Result<Epoch, MigrationError> {
    match outcome {
        Outcome::Committed { effect, .. } => match effect {
            Effect::Answered { answer: Answer::Epoch(epoch) | Answer::Named { epoch, .. }, .. } => Ok(*epoch),
            Effect::Answered { answer: Answer::Refused(refusal), .. } => Err(*refusal),
            Effect::SessionRefused(refusal) => Err(backend(under_session(*refusal))),
            Effect::Answered {
                answer:
                    Answer::Noted | Answer::Store { .. } | Answer::StoreRefused(_) | Answer::OrderRefused(_),
                ..
            }
            | Effect::SessionOpened(_)
            | Effect::SessionClosed(_) => Err(backend(BackendFailure::NotTaken)),
        },
        Outcome::Rejected(rejection) => Err(backend(rejected(rejection))),
        Outcome::Indeterminate => Err(backend(BackendFailure::Indeterminate)),
    }
}

/// A session that has expired, or no longer keeps the answer, leaves it open whether the request was applied.
const fn under_session(refusal: SessionRefusal) -> BackendFailure {
    match refusal {
        SessionRefusal::Expired { .. } | SessionRefusal::Acknowledged { .. } => BackendFailure::Indeterminate,
        SessionRefusal::TooMany { .. } => BackendFailure::NotTaken,
    }
}

const fn backend(reason: BackendFailure) -> MigrationError {
    MigrationError::Backend { reason }
}
