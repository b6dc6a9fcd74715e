//! Failures of a request to the driver.

use crate::core::control_plane::ControlPlaneError;
use thiserror::Error;

/// Why a request has no outcome.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum Failure {
    /// The engine refused the request. Nothing was appended to the log.
    #[error(transparent)]
    Refused(#[from] ControlPlaneError),
    /// A queue is full. Nothing was done.
    #[error("too many {what} are waiting")]
    Busy {
        /// What is queued, such as "requests"; for the message.
        what: &'static str,
    },
    /// The node is stopping or has stopped. Nothing was done.
    #[error("this node is stopping")]
    Stopping,
    /// The node stopped while the request was in progress. The entry may be committed or not.
    #[error("this node stopped before the outcome was known")]
    Indeterminate,
}
