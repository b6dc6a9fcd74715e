//! Why a data directory could not be founded, opened or written.

use super::StoreIdentity;
use std::fmt::Display;
use std::io;
use thiserror::Error;

/// What went wrong, and where. After a failed write every later call of that store gives the same again.
///
/// All of it is text, because one error may be told many times; each is one line.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum StoreError {
    /// Nothing was founded there, or not to the end. Nothing was ever acknowledged from it.
    #[error("{place} is no data directory: found {found}, expected {expected}")]
    Missing {
        /// Where.
        place: String,
        /// What is there instead.
        found: String,
        /// What should be.
        expected: String,
    },
    /// A new one was to be founded, and there is one.
    #[error("{place} is a data directory already: found {found}, expected none")]
    Exists {
        /// Where.
        place: String,
        /// Whose it is, or why that cannot be told.
        found: String,
    },
    /// Somebody else has it open.
    #[error("{place} is in use: found a lock of another process, expected none")]
    InUse {
        /// Where.
        place: String,
    },
    /// A program that stores another format wrote it.
    #[error("{place} is of another format: found {found}, expected {expected}")]
    Format {
        /// Where.
        place: String,
        /// Its format.
        found: u32,
        /// The format that this program reads.
        expected: u32,
    },
    /// It is another node's, or another life's of this node.
    #[error("{place} belongs to somebody else: found {found}, expected {expected}")]
    Foreign {
        /// Where.
        place: String,
        /// Whose it is.
        found: StoreIdentity,
        /// Who opened it.
        expected: StoreIdentity,
    },
    /// What is on the disk is not what was written there. Nothing of it may be used: the node may have acknowledged
    /// what is lost, and without it could vote or count against that.
    #[error(
        "{place} is damaged: {what}: found {found}, expected {expected}; to rebuild this node: remove the member, \
         wipe the directory, add it as a learner with a new incarnation"
    )]
    Corrupt {
        /// Where.
        place: String,
        /// What of it.
        what: String,
        /// What is there.
        found: String,
        /// What should be.
        expected: String,
    },
    /// The file system or the device said no. What is on the disk is known again once it is opened again.
    #[error("cannot {doing} {place}: found {found}, expected {expected}")]
    Io {
        /// Where.
        place: String,
        /// At what.
        doing: &'static str,
        /// What the system said.
        found: String,
        /// What was to happen.
        expected: &'static str,
    },
    /// What was to be written could not be read back: a bug of the caller. Nothing was written.
    #[error("{place} does not take that: {what}: found {found}, expected {expected}")]
    Refused {
        /// Where.
        place: String,
        /// What of it.
        what: &'static str,
        /// What was given.
        found: String,
        /// What would be right.
        expected: String,
    },
}

/// Where a store is, for messages.
#[derive(Clone, Debug)]
pub(super) struct Place(pub(super) String);

impl Place {
    pub(super) fn missing(&self, found: impl Display, expected: impl Display) -> StoreError {
        let (found, expected) = (found.to_string(), expected.to_string());
        StoreError::Missing { place: self.0.clone(), found, expected }
    }

    pub(super) fn exists(&self, found: impl Display) -> StoreError {
        StoreError::Exists { place: self.0.clone(), found: found.to_string() }
    }

    pub(super) fn in_use(&self) -> StoreError {
        StoreError::InUse { place: self.0.clone() }
    }

    pub(super) fn corrupt(
        &self,
        what: impl Display,
        found: impl Display,
        expected: impl Display,
    ) -> StoreError {
        let (what, found, expected) = (what.to_string(), found.to_string(), expected.to_string());
        StoreError::Corrupt { place: self.0.clone(), what, found, expected }
    }

    pub(super) fn refused(
        &self,
        what: &'static str,
        found: impl Display,
        expected: impl Display,
    ) -> StoreError {
        let (found, expected) = (found.to_string(), expected.to_string());
        StoreError::Refused { place: self.0.clone(), what, found, expected }
    }

    /// What the system said, as part of a line.
    pub(super) fn io(&self, doing: &'static str, expected: &'static str, error: &io::Error) -> StoreError {
        let said = error.to_string();
        let mut letters = said.chars();
        let first = letters.next().map(|first| first.to_ascii_lowercase());
        let line = first.into_iter().chain(letters).map(|c| if c.is_control() { ' ' } else { c });
        StoreError::Io { place: self.0.clone(), doing, found: line.collect(), expected }
    }

    /// What redb said: the system's words if there are any, and damage otherwise. What redb refuses for a reason of the
    /// caller's does not occur here; should it, then "damage" stops the node, which is right for a bug as well.
    pub(super) fn redb<E: Into<redb::Error>>(&self, doing: &'static str) -> impl Fn(E) -> StoreError + '_ {
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
            self.corrupt(format_args!("cannot {doing} it"), quoted(&error), "a whole file of redb")
        }
    }
}

/// Somebody else's words in a line of ours.
fn quoted(words: &impl Display) -> String {
    format!("{:?}", words.to_string())
}
