//! Errors of a data directory. Each message is one line: the place, what was found, what was expected.

use super::StoreIdentity;
use crate::core::ids::NodeId;
use std::fmt::Display;
use std::io;
use thiserror::Error;

/// Why a data directory cannot be created, opened or written. After a failed write, every later call of that
/// store returns the same error.
///
/// The fields are texts, so that the error can be cloned and reported several times.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum StoreError {
    /// There is no complete data directory. No write to it was ever acknowledged.
    #[error("{place} is not a data directory: found {found}, expected {expected}")]
    Missing {
        /// Path of the directory, or "the backend".
        place: String,
        /// What is there instead.
        found: String,
        /// What a data directory would have there.
        expected: String,
    },
    /// A data directory was to be created, and one exists.
    #[error("{place} is a data directory already: found {found}, expected none")]
    Exists {
        /// Path of the directory, or "the backend".
        place: String,
        /// The owner of the existing data directory, or why it cannot be read.
        found: String,
    },
    /// Another process holds the lock of the data directory.
    #[error("{place} is in use: found a lock of another process, expected none")]
    InUse {
        /// Path of the directory, or "the backend".
        place: String,
    },
    /// The data directory has the format of another version of this program.
    #[error("{place} is of another format: found {found}, expected {expected}")]
    Format {
        /// Path of the directory, or "the backend".
        place: String,
        /// The format number found.
        found: u32,
        /// The format number that this program reads.
        expected: u32,
    },
    /// The data directory belongs to another node.
    #[error("{place} belongs to another node: found {found}, expected {expected}")]
    Foreign {
        /// Path of the directory, or "the backend".
        place: String,
        /// The owner of the directory.
        found: StoreIdentity,
        /// The node that opened the directory.
        expected: NodeId,
    },
    /// The content is not what was written. None of it may be used: the node may have acknowledged entries,
    /// or cast a vote, that are missing now, and could contradict them.
    #[error(
        "{place} is damaged: {what}: found {found}, expected {expected}; to rebuild this node: remove the member, \
         wipe the directory, and add the node again"
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
    /// The file system or device returned an error. What the disk holds is unknown until the directory is
    /// opened again.
    #[error("cannot {doing} {place}: found {found}, expected {expected}")]
    Io {
        /// The directory, file or backend.
        place: String,
        /// The operation that failed, as a verb.
        doing: &'static str,
        /// The error of the operating system.
        found: String,
        /// What was expected instead of the error.
        expected: &'static str,
    },
    /// The directory is that of a store that holds data, which must not be wiped to make a node of it.
    #[error(
        "{place} belongs to a store that holds data: found a table `sink`, expected the data directory of a node"
    )]
    OfASink {
        /// Path of the directory, or "the backend".
        place: String,
    },
    /// A batch that cannot be read back after writing, which is a bug of the caller. Nothing was written.
    #[error("{place} refuses the batch: {what}: found {found}, expected {expected}")]
    Refused {
        /// Path of the directory, or "the backend".
        place: String,
        /// The inconsistent part.
        what: &'static str,
        /// What the batch holds.
        found: String,
        /// What the part of the batch should hold.
        expected: String,
    },
}

/// The name of a store in messages: the path of its directory, or "the backend".
#[derive(Clone, Debug)]
pub(crate) struct Place(pub(crate) String);

impl Place {
    pub(crate) fn missing(&self, found: impl Display, expected: impl Display) -> StoreError {
        let (found, expected) = (found.to_string(), expected.to_string());
        StoreError::Missing { place: self.0.clone(), found, expected }
    }

    pub(crate) fn exists(&self, found: impl Display) -> StoreError {
        StoreError::Exists { place: self.0.clone(), found: found.to_string() }
    }

    pub(crate) fn in_use(&self) -> StoreError {
        StoreError::InUse { place: self.0.clone() }
    }

    pub(crate) fn corrupt(
        &self,
        what: impl Display,
        found: impl Display,
        expected: impl Display,
    ) -> StoreError {
        let (what, found, expected) = (what.to_string(), found.to_string(), expected.to_string());
        StoreError::Corrupt { place: self.0.clone(), what, found, expected }
    }

    pub(crate) fn refused(
        &self,
        what: &'static str,
        found: impl Display,
        expected: impl Display,
    ) -> StoreError {
        let (found, expected) = (found.to_string(), expected.to_string());
        StoreError::Refused { place: self.0.clone(), what, found, expected }
    }

    /// An [`StoreError::Io`] with the operating system's message, changed to one line that begins in lower
    /// case.
    pub(crate) fn io(&self, doing: &'static str, expected: &'static str, error: &io::Error) -> StoreError {
        let text = error.to_string();
        let mut letters = text.chars();
        let first = letters.next().map(|first| first.to_ascii_lowercase());
        let line = first.into_iter().chain(letters).map(|c| if c.is_control() { ' ' } else { c });
        StoreError::Io { place: self.0.clone(), doing, found: line.collect(), expected }
    }

    /// Converts an error of redb: to `Io` or `InUse` if the operating system is the cause, and to `Corrupt`
    /// otherwise. Errors caused by wrong use of redb should not occur; if one did, `Corrupt` stops the node,
    /// which is right for a bug as well.
    pub(crate) fn redb<E: Into<redb::Error>>(&self, doing: &'static str) -> impl Fn(E) -> StoreError + '_ {
        move |error| {
            let error = error.into();
            if let redb::Error::DatabaseAlreadyOpen | redb::Error::LockProtocolMismatch = error {
                return self.in_use();
            }
            if let redb::Error::Io(error) = &error {
                let not_redb = [io::ErrorKind::InvalidData, io::ErrorKind::UnexpectedEof];
                if !not_redb.contains(&error.kind()) {
                    return self.io(doing, "no error", error);
                }
            }
            self.corrupt(format_args!("cannot {doing} it"), quoted(&error), "a valid redb file")
        }
    }
}

/// A foreign message as a quoted string.
fn quoted(words: &impl Display) -> String {
    format!("{:?}", words.to_string())
}
