//! Errors of a client's calls, and whether a retry can help.

use crate::core::control_plane::Address;
use crate::core::ids::{Epoch, MigrationId, SessionId};
use crate::core::migration::Expected;
use crate::core::retry::{Attempt, Refusal};
use crate::node::proto::v1::error_detail::Why;
use crate::node::proto::{detail_of, reasons};
use thiserror::Error;
use tonic::{Code, Status};

/// Why a call of a client failed.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum ClientError {
    /// The list of addresses is empty.
    #[error("no address of a node was given")]
    NoAddress,
    /// No node could be reached before the deadline. The request was not applied.
    #[error("no node can be reached: {0}")]
    Unreachable(String),
    /// No node was the leader, or knew it, before the deadline. The request was not applied.
    #[error("no leader was found: {0}")]
    NoLeader(String),
    /// The cluster refused the request until the deadline because a queue or limit was full. It was not
    /// applied.
    #[error("the cluster is busy: {0}")]
    Busy(String),
    /// The cluster refused the request. It changed nothing.
    #[error("{message}")]
    Refused {
        /// The name of the refusal, such as `StaleExpectation`.
        reason: String,
        /// The message for humans.
        message: String,
        /// For a stale expectation: migration and epoch of the record.
        have: Option<Expected>,
        /// For a stale expectation: migration and epoch that the request expected.
        got: Option<Expected>,
    },
    /// The request may have been applied, or may be later. Read the record, or send the request again in its
    /// session.
    #[error("the outcome is unknown: the request may or may not be committed")]
    Indeterminate,
    /// The cluster does not know the session: it has expired, or it is of a history from before a restore or a recovery. So
    /// the cluster cannot tell whether the request was applied.
    #[error("the session {session} is unknown, whether the request was applied too: {why}")]
    SessionExpired {
        /// The id of the session.
        session: SessionId,
        /// The cluster's message.
        why: String,
    },
    /// The session does not keep the answer any more, since the request was settled or given up. Whether it was applied is
    /// unknown.
    #[error("whether the request was applied is unknown: {0}")]
    Forgotten(String),
    /// The caller is not authenticated, or its role does not permit the call.
    #[error("{0}")]
    Denied(String),
    /// There is no such partition.
    #[error("{0}")]
    NotFound(String),
    /// The partition is created, and its store has not stated yet that it has the copy. Ask again.
    #[error("{0}")]
    NotOpen(String),
    /// The answer of the node cannot be decoded, or has an unexpected status.
    #[error("unexpected answer: {0}")]
    Unexpected(String),
}

/// An attempt that did not give the result.
pub(super) struct Failed {
    /// What came of the attempt.
    pub attempt: Attempt,
    /// The leader that the node named.
    pub leader: Option<Address>,
    /// The error, if it is the last of the call.
    pub error: ClientError,
}

impl Failed {
    pub(super) fn new(attempt: Attempt, error: ClientError) -> Self {
        Self { attempt, leader: None, error }
    }
}

/// The reason of a refusal by a session that has forgotten the answer.
const ACKNOWLEDGED: &str = "Acknowledged";

fn expected(wire: Option<crate::node::proto::v1::Expected>) -> Option<Expected> {
    wire.map(|wire| Expected { migration: MigrationId(wire.migration), epoch: Epoch(wire.epoch) })
}

impl ClientError {
    pub(super) fn of(why: Option<Why>, status: &Status) -> Self {
        let message = status.message().to_owned();
        match why {
            Some(Why::Refused(refused)) if refused.reason == ACKNOWLEDGED => Self::Forgotten(message),
            Some(Why::Refused(refused)) => Self::Refused {
                reason: refused.reason,
                message,
                have: expected(refused.have),
                got: expected(refused.got),
            },
            Some(Why::SessionExpired(expired)) => {
                Self::SessionExpired { session: SessionId(expired.session), why: message }
            }
            Some(Why::Indeterminate(_)) => Self::Indeterminate,
            Some(Why::NotLeader(_)) => Self::NoLeader(message),
            Some(Why::Busy(_)) => Self::Busy(message),
            Some(Why::Denied(_)) => Self::Denied(message),
            None if status.code() == Code::NotFound => Self::NotFound(message),
            None if matches!(status.code(), Code::PermissionDenied | Code::Unauthenticated) => {
                Self::Denied(message)
            }
            None => Self::Unexpected(format!("{:?}: {message}", status.code())),
        }
    }
}

/// What an error status says about the attempt.
pub(super) fn judge(status: &Status) -> Failed {
    let why = detail_of(status);
    let attempt = match &why {
        Some(Why::NotLeader(not_leader)) => {
            let hint = not_leader.leader.as_ref().map(|hint| hint.client_address.clone());
            let leader = hint.and_then(|address| Address::try_from(address).ok());
            let attempt = Attempt::NotLeader { hint: leader.is_some() };
            return Failed { attempt, leader, error: ClientError::of(why, status) };
        }
        Some(Why::Busy(_)) => Attempt::Busy,
        Some(Why::Indeterminate(_)) => {
            let found = status.message().to_owned();
            return Failed::new(Attempt::Indeterminate, ClientError::Unreachable(found));
        }
        Some(Why::Refused(refused)) if refused.reason == ACKNOWLEDGED => Attempt::Refused(Refusal::Forgotten),
        Some(Why::Refused(refused)) if refused.decided => Attempt::Refused(Refusal::Request),
        // An earlier attempt may still be applied: the limits differ between nodes, a window has room later.
        Some(Why::Refused(_)) => Attempt::Refused(Refusal::Attempt),
        Some(Why::SessionExpired(_)) => Attempt::Refused(Refusal::Forgotten),
        Some(Why::Denied(_)) => Attempt::Refused(Refusal::Attempt),
        // A status with a source was produced on this end of the connection.
        None if is_answer(status.code()) && core::error::Error::source(status).is_none() => {
            Attempt::Refused(Refusal::Attempt)
        }
        // The connection broke or timed out, so the request may have been received.
        None => return Failed::new(Attempt::NoAnswer, ClientError::Unreachable(reasons(status))),
    };
    Failed::new(attempt, ClientError::of(why, status))
}

/// Whether a status without `ErrorDetail` is a node's answer, given before anything was applied. All other
/// codes can also come from a broken connection: a node that dies resets its streams with any of them
/// (`code_from_h2` in tonic: INTERNAL, CANCELLED, RESOURCE_EXHAUSTED, UNKNOWN and others), and an answer that
/// cannot be decoded is INTERNAL.
const fn is_answer(code: Code) -> bool {
    match code {
        Code::InvalidArgument
        | Code::NotFound
        | Code::AlreadyExists
        | Code::PermissionDenied
        | Code::Unauthenticated
        | Code::FailedPrecondition
        | Code::OutOfRange
        | Code::Unimplemented => true,
        Code::Ok
        | Code::Cancelled
        | Code::Unknown
        | Code::DeadlineExceeded
        | Code::ResourceExhausted
        | Code::Aborted
        | Code::Internal
        | Code::Unavailable
        | Code::DataLoss => false,
    }
}

/// Whether a status without an answer may come from a connection that is broken, so that the connection is given up.
pub(super) fn may_be_broken(status: &Status) -> bool {
    !is_answer(status.code()) || core::error::Error::source(status).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::proto::{Problem, v1};

    /// Each code without `ErrorDetail`, from the node and from this end.
    #[test]
    fn a_status_that_a_broken_connection_may_have_made_is_no_answer() {
        let outcome = |code: Code| {
            let Failed { attempt, error, .. } = judge(&Status::new(code, "text"));
            format!("{attempt:?}: {error}")
        };
        let plain = [Code::NotFound, Code::PermissionDenied, Code::Unauthenticated];
        let unexpected = [
            Code::InvalidArgument,
            Code::AlreadyExists,
            Code::FailedPrecondition,
            Code::OutOfRange,
            Code::Unimplemented,
        ];
        for code in (0..=16).map(Code::from_i32) {
            let expected = if plain.contains(&code) {
                "Refused(Attempt): text".to_owned()
            } else if unexpected.contains(&code) {
                format!("Refused(Attempt): unexpected answer: {code:?}: text")
            } else {
                "NoAnswer: no node can be reached: text".to_owned()
            };
            assert_eq!(outcome(code), expected, "{code:?}");
            let mut broken = Status::new(code, "text");
            broken.set_source(std::sync::Arc::new(std::io::Error::other("reset")));
            assert_eq!(judge(&broken).attempt, Attempt::NoAnswer, "{code:?} of this end");
        }
    }

    /// A session's refusals: one that says nothing about the request, and one that leaves its outcome unknown for ever.
    #[test]
    fn what_a_session_refuses_is_not_the_outcome_of_the_request() {
        let refused = |reason: &str, decided| {
            let why = Why::Refused(v1::Refused { reason: reason.to_owned(), have: None, got: None, decided });
            let problem = Problem { code: Code::FailedPrecondition, message: "text".to_owned(), why };
            let Failed { attempt, error, .. } = judge(&problem.into());
            (attempt, error)
        };
        let (attempt, error) = refused("Acknowledged", false);
        assert_eq!(attempt, Attempt::Refused(Refusal::Forgotten));
        assert_eq!(error, ClientError::Forgotten("text".to_owned()));
        assert_eq!(refused("TooMany", false).0, Attempt::Refused(Refusal::Attempt));
        assert_eq!(
            refused("TooLong", false).0,
            Attempt::Refused(Refusal::Attempt),
            "by the limits of this node"
        );
        assert_eq!(refused("StaleExpectation", true).0, Attempt::Refused(Refusal::Request));
    }
}
