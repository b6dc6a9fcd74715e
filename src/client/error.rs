//! What went wrong, and whether another attempt may help.

use crate::core::control_plane::Address;
use crate::core::ids::{Epoch, MigrationId, SessionId};
use crate::core::migration::Expected;
use crate::node::proto::v1::error_detail::Why;
use crate::node::proto::{detail_of, reasons};
use thiserror::Error;
use tonic::{Code, Status};

/// Why a call has no answer.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum ClientError {
    /// Nobody to ask.
    #[error("no address of a node was given")]
    NoAddress,
    /// No node could be reached before the deadline; nothing was done.
    #[error("no node can be reached: {0}")]
    Unreachable(String),
    /// No node that leads was found before the deadline; nothing was done.
    #[error("no leader was found: {0}")]
    NoLeader(String),
    /// The cluster had too much to do until the deadline; nothing was done.
    #[error("the cluster is busy: {0}")]
    Busy(String),
    /// Committed, and refused: nothing was changed.
    #[error("{message}")]
    Refused {
        /// Which refusal.
        reason: String,
        /// In words.
        message: String,
        /// What the record is at, where the request named another state.
        have: Option<Expected>,
        /// What the request named.
        got: Option<Expected>,
    },
    /// It may have been committed, or still be. The record tells; under a session the same request can be made again.
    #[error("the outcome is not known: it may have been committed, or still be")]
    Indeterminate,
    /// The session is not known any more, and with it whether the request was applied.
    #[error("the session {session} has expired, and whether the request was applied is not known")]
    SessionExpired {
        /// The session.
        session: SessionId,
    },
    /// This caller may not.
    #[error("{0}")]
    Denied(String),
    /// No such partition.
    #[error("{0}")]
    NotFound(String),
    /// The answer is none that this client understands.
    #[error("unexpected answer: {0}")]
    Unexpected(String),
}

/// What to make of a status.
pub(super) enum Verdict {
    /// That is the answer.
    No(ClientError),
    /// Certainly not done; the same node may do it later.
    Later(ClientError),
    /// Certainly not done; another node may do it.
    Elsewhere { leader: Option<Address>, error: ClientError },
    /// Perhaps done.
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
                Self::SessionExpired { session: SessionId(expired.session) }
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

    /// What this answer means once an earlier attempt may have been taken. Only the log can say what came of that one.
    pub(super) fn after_unknown(self) -> Self {
        match self {
            answer @ (Self::Refused { .. } | Self::SessionExpired { .. }) => answer,
            Self::NoAddress
            | Self::Unreachable(_)
            | Self::NoLeader(_)
            | Self::Busy(_)
            | Self::Indeterminate
            | Self::Denied(_)
            | Self::NotFound(_)
            | Self::Unexpected(_) => Self::Indeterminate,
        }
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
        // What has a source was made at this end.
        None if is_answer(status.code()) && core::error::Error::source(status).is_none() => {
            Verdict::No(ClientError::of(None, status))
        }
        // The connection broke, or nobody answered: the request may have arrived.
        None => Verdict::Unknown { broken: true, found: reasons(status) },
    }
}

/// Whether a status without a detail is a node's answer: one that it gives before anything is done. The other codes are
/// what gRPC makes of a connection, too: a node that dies on the way resets its streams with any of them (`code_from_h2`
/// in tonic: INTERNAL, CANCELLED, RESOURCE_EXHAUSTED and UNKNOWN among them), and an answer that cannot be read is INTERNAL.
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

    /// Every code there is, as it comes without a detail.
    #[test]
    fn a_status_that_a_broken_connection_may_have_made_is_no_answer() {
        let told = |code: Code| match judge(&Status::new(code, "text")) {
            Verdict::No(error) => error.to_string(),
            Verdict::Later(_) | Verdict::Elsewhere { .. } => "not done".to_owned(),
            Verdict::Unknown { broken, found } => format!("unknown, broken: {broken}, {found}"),
        };
        for number in 0..=16 {
            let code = Code::from_i32(number);
            let expected = match code {
                Code::NotFound | Code::PermissionDenied | Code::Unauthenticated => "text".to_owned(),
                Code::InvalidArgument
                | Code::AlreadyExists
                | Code::FailedPrecondition
                | Code::OutOfRange
                | Code::Unimplemented => format!("unexpected answer: {code:?}: text"),
                Code::Ok
                | Code::Cancelled
                | Code::Unknown
                | Code::DeadlineExceeded
                | Code::ResourceExhausted
                | Code::Aborted
                | Code::Internal
                | Code::Unavailable
                | Code::DataLoss => "unknown, broken: true, text".to_owned(),
            };
            assert_eq!(told(code), expected, "{code:?}");
            let mut broken = Status::new(code, "text");
            broken.set_source(std::sync::Arc::new(std::io::Error::other("reset")));
            let unknown = matches!(judge(&broken), Verdict::Unknown { broken: true, .. });
            assert!(unknown, "{code:?} of this end");
        }
    }

    /// What was refused this time says nothing of the first time, unless the log has answered.
    #[test]
    fn a_later_no_does_not_undo_what_may_have_been_done() {
        let text = || "text".to_owned();
        let refused = ClientError::Refused { reason: text(), message: text(), have: None, got: None };
        let expired = ClientError::SessionExpired { session: SessionId(1) };
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
