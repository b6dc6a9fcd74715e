//! Conversion of refusals into gRPC statuses: a code, a message, and an `ErrorDetail`.

use super::deadline::Deadline;
use crate::core::control_plane::{Answer, ControlPlaneError, OrderRefusal, StoreRefusal};
use crate::core::ids::{HistoryId, SessionId};
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
use tonic::{Code, Status};

fn status(code: Code, message: impl Display, why: Why) -> Status {
    Problem { code, message: message.to_string(), why }.into()
}

/// The name of an enum's variant, which begins its `Debug` text.
fn case(of: &impl Debug) -> String {
    let text = format!("{of:?}");
    text.chars().take_while(char::is_ascii_alphanumeric).collect()
}

/// A refusal before the log.
fn undecided(reason: String) -> Why {
    Why::Refused(v1::Refused { reason, have: None, got: None, decided: false })
}

fn refused(code: Code, error: &(impl Debug + Display)) -> Status {
    status(code, error, undecided(case(error)))
}

fn busy(code: Code, error: &impl Display) -> Status {
    status(code, error, Why::Busy(v1::Busy { what: error.to_string() }))
}

/// The status of a watch for which there is no place.
pub(super) fn too_many_watches(full: &str) -> Status {
    metrics::counter!("cutover_refused_total", "reason" => "watches").increment(1);
    busy(Code::ResourceExhausted, &full)
}

/// The status of a node that is not the leader, with the leader's address if it is known.
fn not_leader(leader: Option<v1::Hint>, error: &impl Display) -> Status {
    status(Code::Unavailable, error, Why::NotLeader(v1::NotLeader { leader }))
}

/// The status of a watch on a node that has lost contact with the leader, so that its data may be arbitrarily
/// old.
pub(super) fn without_leader() -> Status {
    not_leader(
        None,
        &"this node has no contact with a leader, so its data may be old; resume by revision at another node",
    )
}

/// The status of a watch on a node that waits to be admitted: it has no table.
pub(super) fn without_history() -> Status {
    not_leader(
        None,
        &"this node waits to be admitted, and has no table of any history; watch at another node",
    )
}

/// The status for an unknown outcome. Its codes are ones that no client library retries automatically.
fn unknown(code: Code, what: impl Display) -> Status {
    status(code, what, Why::Indeterminate(v1::Indeterminate {}))
}

fn indeterminate(code: Code, what: &str) -> Status {
    unknown(code, format_args!("{what}: the entry may or may not be committed"))
}

/// The status for a session that was opened in another history of the cluster.
pub(super) fn of_another_history(session: SessionId, found: HistoryId, own: HistoryId) -> Status {
    let message = format!(
        "{session} is of history {found}, this is history {own}: the cluster was restored or recovered since, so it is unknown \
         whether the request was applied"
    );
    status(Code::NotFound, message, Why::SessionExpired(v1::SessionExpired { session: session.0 }))
}

/// The status for a node that is not admitted.
pub(super) fn not_admitted(reason: &str, why: String) -> Status {
    status(Code::FailedPrecondition, why, undecided(reason.to_owned()))
}

/// The status for a malformed request.
pub(super) fn malformed(error: &Malformed) -> Status {
    refused(Code::InvalidArgument, error)
}

fn from_rejection(rejection: &Rejection, leader: Option<v1::Hint>) -> Status {
    match rejection {
        Rejection::NotLeader { .. } | Rejection::Halted => not_leader(leader, rejection),
        Rejection::Transferring { .. } => busy(Code::Unavailable, rejection),
        Rejection::Busy { .. } => busy(Code::ResourceExhausted, rejection),
        // The leader's no-op is not committed yet; the caller retries, as for a read.
        Rejection::Change { refusal: ChangeRefusal::NotYetInTerm, .. } => busy(Code::Unavailable, rejection),
        Rejection::Change { refusal, .. } => {
            status(Code::FailedPrecondition, rejection, undecided(case(refusal)))
        }
        Rejection::TooLong { .. } | Rejection::ChangeInSession { .. } | Rejection::OpensTerm => {
            refused(Code::InvalidArgument, rejection)
        }
    }
}

/// The status for a failure of the driver. `leader` is the hint for a caller that has to go elsewhere.
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
fn from_migration(error: &MigrationError, decided: bool) -> Status {
    let code = match error {
        MigrationError::UnknownPartition { .. }
        | MigrationError::UnknownCopy { .. }
        | MigrationError::UnknownStore { .. } => Code::NotFound,
        MigrationError::AlreadyExists { .. } => Code::AlreadyExists,
        MigrationError::PlacementCap { .. }
        | MigrationError::OverallCap { .. }
        | MigrationError::PartitionCap { .. }
        | MigrationError::CopyCap { .. } => Code::ResourceExhausted,
        // All others concern the state of the partition.
        _ => Code::FailedPrecondition,
    };
    let mut refused = v1::Refused { reason: case(error), have: None, got: None, decided };
    if let MigrationError::StaleExpectation { expected_migration, expected_epoch, migration, epoch } = error {
        refused.have = Some(v1::Expected { migration: migration.0, epoch: epoch.0 });
        refused.got = Some(v1::Expected { migration: expected_migration.0, epoch: expected_epoch.0 });
    }
    status(code, error, Why::Refused(refused))
}

/// The status for a change of the stores that is refused in the log, with this text.
pub(super) fn from_stores(refusal: &StoreRefusal, message: String) -> Status {
    let code = match refusal {
        StoreRefusal::NameTaken { .. }
        | StoreRefusal::IdentityTaken { .. }
        | StoreRefusal::EndpointTaken { .. }
        | StoreRefusal::NumberTaken { .. } => Code::AlreadyExists,
        StoreRefusal::UnknownStore { .. } => Code::NotFound,
        StoreRefusal::TooMany { .. } => Code::ResourceExhausted,
        StoreRefusal::InUse { .. }
        | StoreRefusal::OtherRevision { .. }
        | StoreRefusal::NumberNotUsed { .. } => Code::FailedPrecondition,
    };
    let why = v1::Refused { reason: case(refusal), have: None, got: None, decided: true };
    status(code, message, Why::Refused(why))
}

fn from_order(refusal: &OrderRefusal) -> Status {
    let code = match refusal {
        OrderRefusal::UnknownPartition { .. } | OrderRefusal::UnknownStore { .. } => Code::NotFound,
        OrderRefusal::OtherState { .. }
        | OrderRefusal::NotMoving { .. }
        | OrderRefusal::OtherMove { .. }
        | OrderRefusal::DrainedItself { .. }
        | OrderRefusal::NotDrained { .. }
        | OrderRefusal::NotRetired { .. } => Code::FailedPrecondition,
    };
    let why = v1::Refused { reason: case(refusal), have: None, got: None, decided: true };
    status(code, refusal, Why::Refused(why))
}

fn from_session(refusal: &SessionRefusal) -> Status {
    match refusal {
        SessionRefusal::Expired { session } => status(
            Code::FailedPrecondition,
            refusal,
            Why::SessionExpired(v1::SessionExpired { session: session.0 }),
        ),
        SessionRefusal::Acknowledged { .. } => refused(Code::FailedPrecondition, refusal),
        SessionRefusal::TooMany { .. } => refused(Code::ResourceExhausted, refusal),
    }
}

/// The index and effect of a committed proposal, or the status for a refusal or an unknown outcome.
///
/// # Errors
/// A status with an `ErrorDetail`.
pub fn from_outcome(
    outcome: Outcome<Answer>,
    leader: Option<v1::Hint>,
) -> Result<(crate::core::ids::Index, Effect<Answer>), Status> {
    match outcome {
        Outcome::Committed { index, effect } => match effect {
            Effect::Answered { answer: Answer::Refused(error), .. } => Err(from_migration(&error, true)),
            Effect::Answered { answer: Answer::StoreRefused(error), .. } => {
                Err(from_stores(&error, error.to_string()))
            }
            Effect::Answered { answer: Answer::OrderRefused(error), .. } => Err(from_order(&error)),
            Effect::SessionRefused(refusal) => Err(from_session(&refusal)),
            effect @ (Effect::Answered { .. } | Effect::SessionOpened(_) | Effect::SessionClosed(_)) => {
                Ok((index, effect))
            }
        },
        Outcome::Rejected(rejection) => Err(from_rejection(&rejection, leader)),
        Outcome::Indeterminate => Err(indeterminate(Code::Aborted, "the leadership was lost")),
    }
}

/// The status for a refused plan.
pub(super) fn from_plan(error: &MigrationError) -> Status {
    from_migration(error, false)
}

/// The status for a refused leadership transfer.
pub(super) fn from_transfer(refusal: &TransferRefusal, leader: Option<v1::Hint>) -> Status {
    match refusal {
        TransferRefusal::NotLeader { .. } | TransferRefusal::Halted => not_leader(leader, refusal),
        TransferRefusal::NotVoter { .. } | TransferRefusal::NoVoter => {
            refused(Code::FailedPrecondition, refusal)
        }
        TransferRefusal::Transferring { .. } => busy(Code::Unavailable, refusal),
        // The order to stand may be on its way, or the target may stand already.
        TransferRefusal::Abandoned { .. } => unknown(Code::DeadlineExceeded, refusal),
        TransferRefusal::SteppedDown { .. } => unknown(Code::Aborted, refusal),
    }
}

impl Service {
    /// Runs a request to the driver within a deadline. With `writes`, a passed deadline means that the
    /// outcome is unknown; without, that no quorum answered.
    pub(super) async fn within<T>(
        &self,
        limit: Deadline,
        writes: bool,
        work: impl Future<Output = Result<T, Failure>> + Send,
    ) -> Result<T, Status> {
        match tokio::time::timeout(limit.left(), work).await {
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
    use crate::core::ids::{DirectoryId, Index, NodeId, PartitionId};
    use crate::core::raft::{Change, Peer};
    use crate::node::proto::detail_of;

    /// The same refusal, committed and before the log: only the first is the outcome of the request.
    #[test]
    fn a_refusal_says_whether_the_log_has_it() {
        let refusal = || MigrationError::UnknownPartition { partition: PartitionId(7) };
        let committed = Outcome::Committed {
            index: Index(3),
            effect: Effect::Answered { answer: Answer::Refused(refusal()), repeated: false },
        };
        let rejected = Outcome::Rejected(Rejection::TooLong { have: 2, max: 1 });
        let decided = |status: Status| match detail_of(&status) {
            Some(Why::Refused(refused)) => refused.decided,
            other => panic!("{other:?}"),
        };
        assert!(decided(from_outcome(committed, None).unwrap_err()));
        assert!(!decided(from_outcome(rejected, None).unwrap_err()));
        assert!(!decided(from_plan(&refusal())));
    }

    #[test]
    fn a_leader_that_was_just_elected_is_asked_again() {
        let change = Change::Remove(Peer { node: NodeId(1), directory: DirectoryId(1) });
        let detail =
            |refusal| detail_of(&from_rejection(&Rejection::Change { change, refusal }, None)).unwrap();
        assert!(matches!(detail(ChangeRefusal::NotYetInTerm), Why::Busy(_)));
        assert!(matches!(detail(ChangeRefusal::InProgress), Why::Refused(_)));
    }

    /// What may have taken effect is never told as if nothing had been taken: who is told that sends it again.
    #[test]
    fn an_outcome_that_is_not_known_is_told_as_such() {
        let unknown = [
            from_outcome(Outcome::Indeterminate, None).unwrap_err(),
            from_failure(&Failure::Indeterminate, None),
            from_transfer(&TransferRefusal::Abandoned { to: NodeId(2) }, None),
            from_transfer(&TransferRefusal::SteppedDown { to: NodeId(2) }, None),
        ];
        for status in unknown {
            assert!(matches!(detail_of(&status), Some(Why::Indeterminate(_))), "{status:?}");
            // Libraries that retry by themselves do so after these codes.
            assert!(!matches!(status.code(), Code::Unavailable | Code::ResourceExhausted), "{status:?}");
        }
        let lost = of_another_history(SessionId(4), HistoryId(1), HistoryId(2));
        assert!(matches!(detail_of(&lost), Some(Why::SessionExpired(_))), "{lost:?}");
    }

    /// A node that refuses before it has taken anything says where to ask, or to wait. Without a detail, a client would take the refusal for
    /// a broken connection, and the outcome for unknown.
    #[test]
    fn a_refusal_of_what_was_not_taken_says_so() {
        let not_leader = Rejection::NotLeader { leader: None };
        let elsewhere = [
            without_leader(),
            without_history(),
            from_rejection(&not_leader, None),
            from_outcome(Outcome::Rejected(not_leader), None).unwrap_err(),
            from_failure(&Failure::Stopping, None),
            from_failure(&Failure::Refused(ControlPlaneError::NotLeader { leader: None }), None),
        ];
        for status in elsewhere {
            assert!(matches!(detail_of(&status), Some(Why::NotLeader(_))), "{status:?}");
        }
        let later = [
            too_many_watches("all"),
            from_failure(&Failure::Refused(ControlPlaneError::ReadRefused(ReadRefusal::NotYetInTerm)), None),
        ];
        for status in later {
            assert!(matches!(detail_of(&status), Some(Why::Busy(_))), "{status:?}");
        }
    }
}
