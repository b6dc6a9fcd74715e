//! Why the driver has no answer to a request.

use crate::core::control_plane::ControlPlaneError;
use thiserror::Error;

/// Why a request has no answer.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum Failure {
    /// The engine says no: it is not in the log, and will not be.
    #[error(transparent)]
    Refused(#[from] ControlPlaneError),
    /// Too much waits already: nothing was done.
    #[error("too many {what} are waiting")]
    Busy {
        /// Of what.
        what: &'static str,
    },
    /// The node has stopped, or stops, and nothing was done.
    #[error("this node is stopping")]
    Stopping,
    /// The node stopped on the way: it may have been done.
    #[error("this node stopped before the outcome was known")]
    Indeterminate,
}
