//! Refusals as gRPC statuses: a code, a message, and an `ErrorDetail`.

use crate::core::control_plane::{Answer, ControlPlaneError};
use crate::core::migration::MigrationError;
use crate::core::raft::{
    ChangeRefusal, Effect, Outcome, ReadRefusal, Rejection, SessionRefusal, TransferRefusal,
};
use crate::node::driver::Failure;
use crate::node::proto::v1::{self, error_detail::Why};
use crate::node::proto::{Malformed, Problem};
use crate::node::server::Service;
use core::fmt::{Debug, Display};
use core::future::Future;
use core::time::Duration;
use tonic::{Code, Status};

fn say(code: Code, message: impl Display, why: Why) -> Status {
    Problem { code, message: message.to_string(), why }.into()
}

/// The name of an enum's variant: the beginning of its `Debug` text.
fn case(of: &impl Debug) -> String {
    let text = format!("{of:?}");
    text.chars().take_while(char::is_ascii_alphanumeric).collect()
}

fn refused(code: Code, error: &(impl Debug + Display)) -> Status {
    say(code, error, Why::Refused(v1::Refused { reason: case(error), have: None, got: None }))
}

fn busy(code: Code, error: &impl Display) -> Status {
    say(code, error, Why::Busy(v1::Busy { what: error.to_string() }))
}

/// The refusal of a node that does not lead, with the address of the leader if it is known.
fn not_leader(leader: Option<v1::Hint>, error: &impl Display) -> Status {
    say(Code::Unavailable, error, Why::NotLeader(v1::NotLeader { leader }))
}

/// The refusal of a node that has lost contact with the leader: its data may be old by any amount.
pub(super) fn without_leader() -> Status {
    not_leader(
        None,
        &"this node knows of no leader, so it has no news: watch another one, and resume by revision",
    )
}

/// The outcome is unknown. The code is one that no client library retries by itself.
fn indeterminate(code: Code, what: &str) -> Status {
    let message = format!("{what}: it may have been committed, or still be");
    say(code, message, Why::Indeterminate(v1::Indeterminate {}))
}

/// The refusal of a malformed request.
pub(super) fn malformed(error: &Malformed) -> Status {
    refused(Code::InvalidArgument, error)
}

fn from_rejection(rejection: &Rejection, leader: Option<v1::Hint>) -> Status {
    match rejection {
        Rejection::NotLeader { .. } | Rejection::Halted => not_leader(leader, rejection),
        Rejection::Transferring { .. } => busy(Code::Unavailable, rejection),
        Rejection::Busy { .. } => busy(Code::ResourceExhausted, rejection),
        // It will shortly; as with reads, the caller retries.
        Rejection::Change { refusal: ChangeRefusal::NotYetInTerm, .. } => busy(Code::Unavailable, rejection),
        Rejection::Change { refusal, .. } => {
            let reason = case(refusal);
            say(
                Code::FailedPrecondition,
                rejection,
                Why::Refused(v1::Refused { reason, have: None, got: None }),
            )
        }
        Rejection::TooLong { .. } | Rejection::ChangeInSession { .. } | Rejection::OpensTerm => {
            refused(Code::InvalidArgument, rejection)
        }
    }
}

/// The status for a failure of the driver.
#[must_use]
pub fn from_failure(failure: &Failure, leader: Option<v1::Hint>) -> Status {
    match failure {
        Failure::Refused(error) => match error {
            ControlPlaneError::NotLeader { .. } => not_leader(leader, error),
            ControlPlaneError::IdentityTaken { .. } => refused(Code::AlreadyExists, error),
            ControlPlaneError::RunsAlone => refused(Code::FailedPrecondition, error),
            ControlPlaneError::Rejected(rejection) => from_rejection(rejection, leader),
            ControlPlaneError::ReadRefused(refusal) => match refusal {
                ReadRefusal::NotLeader { .. } | ReadRefusal::Halted => not_leader(leader, error),
                ReadRefusal::NotYetInTerm => busy(Code::Unavailable, error),
                ReadRefusal::Busy { .. } => busy(Code::ResourceExhausted, error),
            },
        },
        Failure::Busy { .. } => busy(Code::ResourceExhausted, failure),
        Failure::Stopping => not_leader(None, failure),
        Failure::Indeterminate => indeterminate(Code::Aborted, "this node stopped"),
    }
}

#[allow(
    clippy::wildcard_enum_match_arm,
    reason = "a new refusal of the table is about its state, unless it says otherwise"
)]
fn from_migration(error: &MigrationError) -> Status {
    let code = match error {
        MigrationError::UnknownPartition { .. } | MigrationError::UnknownCopy { .. } => Code::NotFound,
        MigrationError::AlreadyExists { .. } => Code::AlreadyExists,
        MigrationError::PlacementCap { .. }
        | MigrationError::OverallCap { .. }
        | MigrationError::PartitionCap { .. }
        | MigrationError::CopyCap { .. } => Code::ResourceExhausted,
        // All others concern the state of the partition.
        _ => Code::FailedPrecondition,
    };
    let mut refused = v1::Refused { reason: case(error), have: None, got: None };
    if let MigrationError::StaleExpectation { expected_migration, expected_epoch, migration, epoch } = error {
        refused.have = Some(v1::Expected { migration: migration.0, epoch: epoch.0 });
        refused.got = Some(v1::Expected { migration: expected_migration.0, epoch: expected_epoch.0 });
    }
    say(code, error, Why::Refused(refused))
}

fn from_session(refusal: &SessionRefusal) -> Status {
    match refusal {
        SessionRefusal::Expired { session } => say(
            Code::FailedPrecondition,
            refusal,
            Why::SessionExpired(v1::SessionExpired { session: session.0 }),
        ),
        SessionRefusal::Acknowledged { .. } => refused(Code::FailedPrecondition, refusal),
        SessionRefusal::TooMany { .. } => refused(Code::ResourceExhausted, refusal),
    }
}

/// The index and answer of a committed proposal, or a status that says why there is none.
///
/// # Errors
/// A status with one `ErrorDetail`.
pub fn from_outcome(
    outcome: Outcome<Answer>,
    leader: Option<v1::Hint>,
) -> Result<(crate::core::ids::Index, Effect<Answer>), Status> {
    match outcome {
        Outcome::Committed { index, effect } => match effect {
            Effect::Answered { answer: Answer::Refused(error), .. } => Err(from_migration(&error)),
            Effect::SessionRefused(refusal) => Err(from_session(&refusal)),
            effect @ (Effect::Answered { .. } | Effect::SessionOpened(_) | Effect::SessionClosed(_)) => {
                Ok((index, effect))
            }
        },
        Outcome::Rejected(rejection) => Err(from_rejection(&rejection, leader)),
        Outcome::Indeterminate => Err(indeterminate(Code::Aborted, "the leadership was lost")),
    }
}

/// The status for a refused dry run.
pub(super) fn from_plan(error: &MigrationError) -> Status {
    from_migration(error)
}

/// The status for a refused transfer of the leadership.
pub(super) fn from_transfer(refusal: &TransferRefusal, leader: Option<v1::Hint>) -> Status {
    match refusal {
        TransferRefusal::NotLeader { .. } | TransferRefusal::Halted => not_leader(leader, refusal),
        TransferRefusal::NotVoter { .. } => refused(Code::FailedPrecondition, refusal),
        TransferRefusal::Transferring { .. } => busy(Code::Unavailable, refusal),
        TransferRefusal::Abandoned { .. } => refused(Code::DeadlineExceeded, refusal),
        TransferRefusal::SteppedDown { .. } => refused(Code::Aborted, refusal),
    }
}

impl Service {
    /// Waits for the driver until the call's deadline. If it passes, `writes` decides whether the outcome is unknown.
    pub(super) async fn within<T>(
        &self,
        limit: Duration,
        writes: bool,
        work: impl Future<Output = Result<T, Failure>> + Send,
    ) -> Result<T, Status> {
        match tokio::time::timeout(limit, work).await {
            Ok(Ok(done)) => Ok(done),
            Ok(Err(failure)) => Err(from_failure(&failure, self.hint())),
            Err(_) if writes => Err(indeterminate(Code::DeadlineExceeded, "the deadline passed")),
            Err(_) => Err(busy(Code::DeadlineExceeded, &"no quorum answered before the deadline")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::ids::{Incarnation, NodeId};
    use crate::core::raft::{Change, Peer};
    use crate::node::proto::detail_of;

    #[test]
    fn a_leader_that_was_just_elected_is_asked_again() {
        let change = Change::Remove(Peer { node: NodeId(1), incarnation: Incarnation(1) });
        let told =
            |refusal| detail_of(&from_rejection(&Rejection::Change { change, refusal }, None)).unwrap();
        assert!(matches!(told(ChangeRefusal::NotYetInTerm), Why::Busy(_)));
        assert!(matches!(told(ChangeRefusal::InProgress), Why::Refused(_)));
    }
}
