//! What went wrong, and whether another attempt may help.

use crate::api::v1::error_detail::Why;
use crate::api::{detail_of, reasons};
use crate::control_plane::Address;
use crate::ids::{Epoch, MigrationId, SessionId};
use crate::migration::Expected;
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

fn expected(wire: Option<crate::api::v1::Expected>) -> Option<Expected> {
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
        // The connection broke, or nobody answered: the request may have arrived.
        None if is_of_transport(status.code()) => Verdict::Unknown { broken: true, found: reasons(status) },
        None => Verdict::No(ClientError::of(None, status)),
    }
}

const fn is_of_transport(code: Code) -> bool {
    matches!(
        code,
        Code::Unavailable | Code::Cancelled | Code::DeadlineExceeded | Code::Unknown | Code::Aborted
    )
}
