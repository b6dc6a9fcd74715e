//! What a gateway tells its caller: what was done, what was not, and what nobody knows.

use crate::core::fence::{MutationError, Value};
use crate::core::ids::Position;
use thiserror::Error;

/// Why a read or a write has no result. What was done is never an error: it is the `Ok` of the call.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum GatewayError {
    /// Not done: the write is no write. It has no row, names one twice, or exceeds a limit.
    #[error("not done: {0}")]
    Invalid(#[from] MutationError),
    /// Not done: as many operations as the gateway takes are under way. Try again later.
    #[error("not done: {limit} operations are under way already")]
    Busy {
        /// [`GatewayOptions::operations_max`](super::GatewayOptions::operations_max)
        limit: usize,
    },
    /// Not done, and never will be: the deadline passed before a write was sent, or a read was answered.
    #[error("not done: {last}")]
    NotDone {
        /// What was in the way last.
        last: String,
    },
    /// Unknown: the write was sent and not acknowledged before the deadline. It has taken effect, or still may, once, or it never will. Read
    /// the rows to find out, or write what is right in either case.
    #[error("the outcome is unknown: {last}")]
    Unknown {
        /// What was in the way last.
        last: String,
    },
}

impl GatewayError {
    /// Whether a write may have taken effect, or still may. If not, it has not, and never will.
    #[must_use]
    pub const fn is_unknown(&self) -> bool {
        match self {
            Self::Unknown { .. } => true,
            Self::Invalid(_) | Self::Busy { .. } | Self::NotDone { .. } => false,
        }
    }
}

/// The outcome of a conditional write.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Written {
    /// It has taken effect, durably, now or at an earlier attempt.
    Applied {
        /// The position of the write in its partition.
        position: Position,
    },
    /// The row is not as expected. The write changed nothing, and never will.
    Differs {
        /// The value of the row; `None`: there is no such row.
        found: Option<Value>,
    },
}
