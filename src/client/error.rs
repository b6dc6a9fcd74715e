//! Errors of a client's calls, and whether a retry can help.

use crate::core::control_plane::Address;
use crate::core::ids::{Epoch, MigrationId, SessionId};
use crate::core::migration::Expected;
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
    /// The caller is not authenticated, or its role does not permit the call.
    #[error("{0}")]
    Denied(String),
    /// There is no such partition.
    #[error("{0}")]
    NotFound(String),
    /// The answer of the node cannot be decoded, or has an unexpected status.
    #[error("unexpected answer: {0}")]
    Unexpected(String),
}

/// How a call continues after an error status.
pub(super) enum Verdict {
    /// The error is final.
    No(ClientError),
    /// The request was not applied; a retry at the same node may succeed.
    Later(ClientError),
    /// The request was not applied; another node may accept it.
    Elsewhere { leader: Option<Address>, error: ClientError },
    /// The request may have been applied.
    Unknown { broken: bool, found: String },
}

fn expected(wire: Option<crate::node::proto::v1::Expected>) -> Option<Expected> {
    wire.map(|wire| Expected { migration: MigrationId(wire.migration), epoch: Epoch(wire.epoch) })
}

impl ClientError {
    pub(super) fn of(why: Option<Why>, status: &Status) -> Self {
        let message = status.message().to_owned();
        match why {
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

    /// The error to report when an earlier attempt may have been applied: an answer from the log is final,
    /// every other error leaves the outcome unknown.
    pub(super) fn after_unknown(self) -> Self {
        let says = matches!(self, Self::Refused { .. } | Self::SessionExpired { .. });
        if says { self } else { Self::Indeterminate }
    }
}

pub(super) fn judge(status: &Status) -> Verdict {
    let why = detail_of(status);
    match &why {
        Some(Why::NotLeader(not_leader)) => {
            let hint = not_leader.leader.as_ref().map(|hint| hint.client_address.clone());
            let leader = hint.and_then(|address| Address::try_from(address).ok());
            Verdict::Elsewhere { leader, error: ClientError::of(why, status) }
        }
        Some(Why::Busy(_)) => Verdict::Later(ClientError::of(why, status)),
        Some(Why::Indeterminate(_)) => Verdict::Unknown { broken: false, found: status.message().to_owned() },
        Some(Why::Refused(_) | Why::SessionExpired(_) | Why::Denied(_)) => {
            Verdict::No(ClientError::of(why, status))
        }
        // A status with a source was produced on this end of the connection.
        None if is_answer(status.code()) && core::error::Error::source(status).is_none() => {
            Verdict::No(ClientError::of(None, status))
        }
        // The connection broke or timed out, so the request may have been received.
        None => Verdict::Unknown { broken: true, found: reasons(status) },
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Each code without `ErrorDetail`, from the node and from this end.
    #[test]
    fn a_status_that_a_broken_connection_may_have_made_is_no_answer() {
        let outcome = |code: Code| match judge(&Status::new(code, "text")) {
            Verdict::No(error) => error.to_string(),
            Verdict::Later(_) | Verdict::Elsewhere { .. } => "not done".to_owned(),
            Verdict::Unknown { broken, found } => format!("unknown, broken: {broken}, {found}"),
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
                "text".to_owned()
            } else if unexpected.contains(&code) {
                format!("unexpected answer: {code:?}: text")
            } else {
                "unknown, broken: true, text".to_owned()
            };
            assert_eq!(outcome(code), expected, "{code:?}");
            let mut broken = Status::new(code, "text");
            broken.set_source(std::sync::Arc::new(std::io::Error::other("reset")));
            let unknown = matches!(judge(&broken), Verdict::Unknown { broken: true, .. });
            assert!(unknown, "{code:?} of this end");
        }
    }

    /// A refusal that did not come from the log does not settle an earlier attempt, which may have been
    /// applied.
    #[test]
    fn a_later_no_does_not_undo_what_may_have_been_done() {
        let text = || "text".to_owned();
        let refused = ClientError::Refused { reason: text(), message: text(), have: None, got: None };
        let expired = ClientError::SessionExpired { session: SessionId(1), why: text() };
        for error in [refused, expired] {
            assert_eq!(error.clone().after_unknown(), error);
        }
        for error in
            [ClientError::Denied(text()), ClientError::NotFound(text()), ClientError::Unexpected(text())]
        {
            assert_eq!(error.after_unknown(), ClientError::Indeterminate);
        }
    }
}
