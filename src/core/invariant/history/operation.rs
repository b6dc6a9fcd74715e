//! An operation on the control plane, as its client saw it.

use crate::core::ids::{Epoch, PartitionId, Revision};
use crate::core::migration::{Command, Expected, MigrationError, PartitionRecord, Transition};
use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::String;
use core::fmt;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// An operation, from its first attempt to its last answer. Retries with one ticket are one operation.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Operation {
    /// The number of the client; used in messages only.
    pub client: u64,
    /// The partition that the operation is about.
    pub partition: PartitionId,
    /// When it was invoked, on one clock for all clients, or as a sequence number.
    pub invoked: u64,
    /// When the operation was answered, on the same clock. `None`: no answer came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completed: Option<u64>,
    /// The request and its answer.
    pub call: Invocation,
}

/// A request and its answer.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Invocation {
    /// A linearizable read of the partition's record.
    Read {
        /// The value that the read returned.
        seen: Seen,
        /// The revision in the answer; `None` if the read failed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        revision: Option<Revision>,
    },
    /// A proposal of a transition.
    Apply {
        /// The transition that the client proposed.
        transition: Transition,
        /// The outcome of the transition, as far as the client knows it.
        answer: Answer,
    },
}

/// The value that a read returned.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(clippy::large_enum_variant, reason = "nearly every read of a history saw a record")]
pub enum Seen {
    /// The record. A deleted partition has a record as long as copies remain.
    Record(PartitionRecord),
    /// The partition has no record.
    Nothing,
    /// The partition has no placement. Whether it has a record is unknown.
    Unplaced,
}

/// The outcome of a transition.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Answer {
    /// The transition was committed and applied.
    Ok {
        /// The partition's epoch after the transition.
        epoch: Epoch,
    },
    /// The transition was committed, and refused when it was applied.
    Refused(Refusal),
    /// Unknown: the transition may take effect once, at any time after its invocation, or never.
    Indeterminate,
    /// The transition had no effect, and never will.
    NotCommitted,
}

/// A refusal, as a client receives it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Refusal {
    /// The name of the variant of [`MigrationError`].
    pub reason: String,
    /// For a stale expectation: the state of the record, if the answer gives it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub have: Option<Expected>,
}

/// Why an operation is not well-formed.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[error("found {found}, expected {expected}")]
pub struct Malformed {
    /// The operation's index in the history.
    pub operation: usize,
    /// The value found in the operation.
    pub found: String,
    /// The value expected, as text.
    pub expected: &'static str,
}

impl Refusal {
    /// The refusal that a client receives for this error.
    #[must_use]
    pub fn of(error: &MigrationError) -> Self {
        let text = format!("{error:?}");
        let end = text.find(|letter: char| !letter.is_ascii_alphanumeric());
        let reason = end.and_then(|end| text.get(..end)).unwrap_or(&text).to_owned();
        Self { reason, have: have(error) }
    }

    /// Whether this is a refusal by a cap. Caps count other partitions as well, so one partition's history
    /// neither explains nor neither explains nor excludes them.
    pub(super) fn is_of_a_cap(&self, transition: &Transition) -> bool {
        match self.reason.as_str() {
            "PlacementCap" | "OverallCap" => matches!(transition, Transition::Begin { .. }),
            "CopyCap" => matches!(transition, Transition::Begin { .. } | Transition::Delete { .. }),
            "PartitionCap" => matches!(transition, Transition::Create { .. }),
            _ => false,
        }
    }

    /// Whether the stores that the log knows forbid the command. They are asked before the table, whatever the record is.
    pub(super) fn is_of_a_store(&self, transition: &Transition) -> bool {
        match self.reason.as_str() {
            "UnknownStore" => matches!(transition, Transition::Create { .. } | Transition::Begin { .. }),
            "StoreGuarantee" => matches!(transition, Transition::Create { .. }),
            _ => false,
        }
    }
}

fn have(error: &MigrationError) -> Option<Expected> {
    if let MigrationError::StaleExpectation { migration, epoch, .. } = *error {
        return Some(Expected { migration, epoch });
    }
    None
}

impl Answer {
    /// The answer for the result of a [`MigrationStore`](crate::core::migration::MigrationStore). A failed
    /// backend leaves the outcome unknown, unless the failure says that nothing was committed.
    #[must_use]
    pub fn of(result: &Result<Epoch, MigrationError>) -> Self {
        match result {
            Ok(epoch) => Self::Ok { epoch: *epoch },
            Err(MigrationError::Backend { .. }) => Self::Indeterminate,
            Err(error) => Self::Refused(Refusal::of(error)),
        }
    }
}

impl Operation {
    /// Whether the operation has an answer that an order must explain.
    #[must_use]
    pub const fn is_answered(&self) -> bool {
        match &self.call {
            Invocation::Read { .. } => self.completed.is_some(),
            Invocation::Apply { answer: Answer::Ok { .. } | Answer::Refused(_), .. } => true,
            Invocation::Apply { answer: Answer::Indeterminate | Answer::NotCommitted, .. } => false,
        }
    }

    /// Whether the operation constrains the order. A read without an answer does not.
    pub(super) const fn says_something(&self) -> bool {
        match &self.call {
            Invocation::Read { .. } => self.completed.is_some(),
            Invocation::Apply { .. } => true,
        }
    }

    /// Whether the operation may have changed the record.
    pub(super) const fn may_change(&self) -> bool {
        matches!(self.call, Invocation::Apply { answer: Answer::Ok { .. } | Answer::Indeterminate, .. })
    }

    /// The same operation without its answer.
    pub(super) fn unanswered(&self) -> Self {
        let mut open = self.clone();
        open.completed = None;
        if let Invocation::Apply { answer, .. } = &mut open.call {
            *answer = Answer::Indeterminate;
        }
        open
    }

    /// Checks that the operation is well-formed.
    ///
    /// # Errors
    /// [`Malformed`], with the index `operation`.
    pub fn check(&self, operation: usize) -> Result<(), Malformed> {
        let refuse = |found: String, expected| Err(Malformed { operation, found, expected });
        if let Some(completed) = self.completed.filter(|completed| *completed < self.invoked) {
            let found = format!("completed {completed}, invoked {}", self.invoked);
            return refuse(found, "a completion that is not before the invocation");
        }
        if self.is_answered() && self.completed.is_none() {
            return refuse("an answer without \"completed\"".to_owned(), "the time of the answer");
        }
        match &self.call {
            Invocation::Read { seen: Seen::Record(record), .. } if record.partition != self.partition => {
                refuse(
                    format!("a read of {} that returned a record of {}", self.partition, record.partition),
                    "the record of the partition that was read",
                )
            }
            Invocation::Apply { answer: Answer::Refused(refusal), .. } if refusal.reason == "Backend" => {
                refuse(
                    "the refusal \"Backend\"".to_owned(),
                    "a refusal of the table; a store that failed is \"indeterminate\" or \"not_committed\"",
                )
            }
            Invocation::Read { .. } | Invocation::Apply { .. } => Ok(()),
        }
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.call {
            Invocation::Read { seen, revision } => {
                match seen {
                    Seen::Record(record) => write!(f, "read {record}")?,
                    Seen::Nothing => write!(f, "read: no record")?,
                    Seen::Unplaced => write!(f, "read: no placement")?,
                }
                revision.map_or(Ok(()), |revision| write!(f, " {revision}"))
            }
            Invocation::Apply { transition, answer } => {
                let command = Command { partition: self.partition, transition: transition.clone() };
                write!(f, "{command}: {answer}")
            }
        }
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ok { epoch } => write!(f, "ok {epoch}"),
            Self::Refused(Refusal { reason, have: None }) => write!(f, "refused {reason}"),
            Self::Refused(Refusal { reason, have: Some(have) }) => {
                write!(f, "refused {reason}, have {}@{}", have.migration, have.epoch)
            }
            Self::Indeterminate => f.write_str("indeterminate"),
            Self::NotCommitted => f.write_str("not committed"),
        }
    }
}
