//! What a [`MigrationStore`](crate::core::migration::MigrationStore) on the log says of a transition.

use super::Answer;
use super::error::rejected;
use crate::core::ids::Epoch;
use crate::core::migration::{BackendFailure, MigrationError};
use crate::core::raft::{Effect, Outcome, SessionRefusal};

/// What a [`MigrationStore`](crate::core::migration::MigrationStore) says of a transition with this outcome.
///
/// # Errors
/// The table's refusal, or [`MigrationError::Backend`] if there is no answer of the table.
pub fn epoch_of(outcome: &Outcome<Answer>) -> Result<Epoch, MigrationError> {
    match outcome {
        Outcome::Committed { effect, .. } => match effect {
            Effect::Answered { answer: Answer::Epoch(epoch) | Answer::Created { epoch, .. }, .. } => {
                Ok(*epoch)
            }
            Effect::Answered { answer: Answer::Refused(refusal), .. } => Err(*refusal),
            Effect::SessionRefused(refusal) => Err(backend(under_session(*refusal))),
            Effect::Answered { answer: Answer::Noted, .. }
            | Effect::SessionOpened(_)
            | Effect::SessionClosed(_) => Err(backend(BackendFailure::NotTaken)),
        },
        Outcome::Rejected(rejection) => Err(backend(rejected(rejection))),
        Outcome::Indeterminate => Err(backend(BackendFailure::Indeterminate)),
    }
}

/// A session that does not know the answer does not know whether there was one.
const fn under_session(refusal: SessionRefusal) -> BackendFailure {
    match refusal {
        SessionRefusal::Expired { .. } | SessionRefusal::Acknowledged { .. } => BackendFailure::Indeterminate,
        SessionRefusal::TooMany { .. } => BackendFailure::NotTaken,
    }
}

const fn backend(reason: BackendFailure) -> MigrationError {
    MigrationError::Backend { reason }
}
