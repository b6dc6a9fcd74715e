//! Errors of a store's directory. Each message is one line: the place, what was found, what was expected.

use super::SinkIdentity;
use crate::core::fence::Enforcement;
use crate::node::store::StoreError;
use thiserror::Error;

/// Why a store's directory cannot be created, opened, read or written.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum StorageError {
    /// The directory belongs to another store.
    #[error("{place} belongs to another store: found {found}, expected {expected}")]
    Foreign {
        /// Path of the directory, or "the backend".
        place: String,
        /// The owner of the directory.
        found: SinkIdentity,
        /// The store that opened it.
        expected: crate::core::ids::Placement,
    },
    /// The directory was created for a store that checks tokens, and is opened as one that does not, or the other way round.
    #[error("{place}: found a store that {}, expected one that {}", checks(*found), checks(*expected))]
    OtherEnforcement {
        /// Path of the directory, or "the backend".
        place: String,
        /// What the directory was created for.
        found: Enforcement,
        /// What it was opened for.
        expected: Enforcement,
    },
    /// The content is not what was written. None of it is served: what is missing may have been acknowledged.
    #[error(
        "{place} is damaged: {what}: found {found}, expected {expected}; what it holds has to come from a copy: force its partitions to \
         another store, or restore a backup of the store into a new directory"
    )]
    Corrupt {
        /// Path of the directory, or "the backend".
        place: String,
        /// The damaged part.
        what: String,
        /// What was found there.
        found: String,
        /// What the part should hold.
        expected: String,
    },
    /// Any other error of the file.
    #[error("{0}")]
    File(StoreError),
}

const fn checks(enforcement: Enforcement) -> &'static str {
    match enforcement {
        Enforcement::Tokens => "can be sealed",
        Enforcement::Nothing => "cannot seal",
    }
}

impl From<StoreError> for StorageError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Corrupt { place, what, found, expected } => {
                Self::Corrupt { place, what, found, expected }
            }
            other @ (StoreError::Missing { .. }
            | StoreError::Exists { .. }
            | StoreError::InUse { .. }
            | StoreError::Format { .. }
            | StoreError::Foreign { .. }
            | StoreError::OfASink { .. }
            | StoreError::Io { .. }
            | StoreError::Refused { .. }) => Self::File(other),
        }
    }
}
