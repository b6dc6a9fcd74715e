//! What may be proposed to the log for a partition. Each command is a compare-and-swap, judged when it is applied.

use crate::core::fence::{CatchUpEvidence, Dropped, Prepared, SealReceipt, WatermarkReading};
use crate::core::ids::{Epoch, MigrationId, PartitionId, Placement};
use crate::core::placement::Guarantee;
use alloc::string::String;
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// An encoded command is at most this long.
pub const COMMAND_BYTES_MAX: usize = 4096;

/// A proposed transition of one partition.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Command {
    /// The partition.
    pub partition: PartitionId,
    /// The transition.
    pub transition: Transition,
}

/// The state that a command rests on; in any other it is refused.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Expected {
    /// The record's migration.
    pub migration: MigrationId,
    /// The record's epoch.
    pub epoch: Epoch,
}

/// What is to change.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum Transition {
    /// A new partition, or a new life of a deleted one.
    Create {
        /// Where it is to live.
        placement: Placement,
        /// What the store there can promise.
        guarantee: Guarantee,
    },
    /// The store of a created partition has its copy.
    Open {
        /// The state it rests on.
        expected: Expected,
        /// The store's statement.
        prepared: Prepared,
    },
    /// `Active(A)` to `Draining(A>B)`.
    Begin {
        /// The state it rests on.
        expected: Expected,
        /// The target.
        to: Placement,
    },
    /// `Draining` to `Cutover`, once the source is sealed.
    EnterCutover {
        /// The state it rests on.
        expected: Expected,
        /// The source's statement.
        receipt: SealReceipt,
    },
    /// `Draining` to `Cutover` at a source that cannot seal; the wait begins when this is seen committed.
    EnterTimedCutover {
        /// The state it rests on.
        expected: Expected,
        /// The target's statement.
        prepared: Prepared,
    },
    /// Where the writes of a source that cannot seal ended, read after the wait.
    RecordWatermark {
        /// The state it rests on.
        expected: Expected,
        /// The source's statement.
        reading: WatermarkReading,
    },
    /// `Cutover` to `Active(B)`: the flip.
    Complete {
        /// The state it rests on.
        expected: Expected,
        /// The target's statement.
        evidence: CatchUpEvidence,
    },
    /// Back to `Active(A)`, before the flip.
    Abort {
        /// The state it rests on.
        expected: Expected,
    },
    /// To `Active(B)` without the source: it may lose writes.
    Force {
        /// The state it rests on.
        expected: Expected,
        /// The target's statement.
        prepared: Prepared,
        /// Who takes the responsibility.
        operator: Operator,
        /// And why.
        reason: Reason,
    },
    /// The source that was left unsealed acknowledges nothing any more.
    Settle {
        /// The forced migration.
        migration: MigrationId,
        /// What shows it.
        proof: Settlement,
    },
    /// An old copy is no longer wanted.
    RetireCopy {
        /// The store.
        placement: Placement,
        /// The copy.
        copy: MigrationId,
    },
    /// An old copy is gone.
    ForgetCopy {
        /// The store's statement.
        dropped: Dropped,
    },
    /// The partition goes, with all its data.
    Delete {
        /// The state it rests on.
        expected: Expected,
    },
}

/// The kind of a [`Transition`], without what it names.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum TransitionKind {
    /// [`Transition::Create`]
    Create,
    /// [`Transition::Open`]
    Open,
    /// [`Transition::Begin`]
    Begin,
    /// [`Transition::EnterCutover`]
    EnterCutover,
    /// [`Transition::EnterTimedCutover`]
    EnterTimedCutover,
    /// [`Transition::RecordWatermark`]
    RecordWatermark,
    /// [`Transition::Complete`]
    Complete,
    /// [`Transition::Abort`]
    Abort,
    /// [`Transition::Force`]
    Force,
    /// [`Transition::Settle`]
    Settle,
    /// [`Transition::RetireCopy`]
    RetireCopy,
    /// [`Transition::ForgetCopy`]
    ForgetCopy,
    /// [`Transition::Delete`]
    Delete,
}

impl Transition {
    /// Its kind, for callers that treat one kind apart from all others.
    #[must_use]
    pub const fn kind(&self) -> TransitionKind {
        match self {
            Self::Create { .. } => TransitionKind::Create,
            Self::Open { .. } => TransitionKind::Open,
            Self::Begin { .. } => TransitionKind::Begin,
            Self::EnterCutover { .. } => TransitionKind::EnterCutover,
            Self::EnterTimedCutover { .. } => TransitionKind::EnterTimedCutover,
            Self::RecordWatermark { .. } => TransitionKind::RecordWatermark,
            Self::Complete { .. } => TransitionKind::Complete,
            Self::Abort { .. } => TransitionKind::Abort,
            Self::Force { .. } => TransitionKind::Force,
            Self::Settle { .. } => TransitionKind::Settle,
            Self::RetireCopy { .. } => TransitionKind::RetireCopy,
            Self::ForgetCopy { .. } => TransitionKind::ForgetCopy,
            Self::Delete { .. } => TransitionKind::Delete,
        }
    }

    /// The state that it names as the one it applies to. `None`: it is not a compare-and-swap on the whole record, but on
    /// its absence, a debt or an old copy.
    #[must_use]
    pub const fn expected(&self) -> Option<Expected> {
        match self {
            Self::Open { expected, .. }
            | Self::Begin { expected, .. }
            | Self::EnterCutover { expected, .. }
            | Self::EnterTimedCutover { expected, .. }
            | Self::RecordWatermark { expected, .. }
            | Self::Complete { expected, .. }
            | Self::Abort { expected }
            | Self::Force { expected, .. }
            | Self::Delete { expected } => Some(*expected),
            Self::Create { .. } | Self::Settle { .. } | Self::RetireCopy { .. } | Self::ForgetCopy { .. } => {
                None
            }
        }
    }

    /// The statement of a drop in it, if there is one.
    #[must_use]
    pub const fn dropped(&self) -> Option<&Dropped> {
        match self {
            Self::ForgetCopy { dropped } | Self::Settle { proof: Settlement::Dropped(dropped), .. } => {
                Some(dropped)
            }
            Self::Create { .. }
            | Self::Open { .. }
            | Self::Begin { .. }
            | Self::EnterCutover { .. }
            | Self::EnterTimedCutover { .. }
            | Self::RecordWatermark { .. }
            | Self::Complete { .. }
            | Self::Abort { .. }
            | Self::Force { .. }
            | Self::Settle { proof: Settlement::Sealed(_) | Settlement::Closed(_), .. }
            | Self::RetireCopy { .. }
            | Self::Delete { .. } => None,
        }
    }
}

/// What shows that a forced migration's source acknowledges nothing any more.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum Settlement {
    /// It was sealed after all.
    Sealed(SealReceipt),
    /// It was prepared for a later copy, which closed it.
    Closed(Prepared),
    /// It has no copy any more.
    Dropped(Dropped),
}

/// A text of an operator was refused.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Error)]
pub enum TextError {
    /// Nothing but white space.
    #[error("{what} is empty, at least one visible character is needed")]
    Empty {
        /// Which text.
        what: &'static str,
    },
    /// Too long.
    #[error("{what} has {have} bytes, at most {limit} are allowed")]
    TooLong {
        /// Which text.
        what: &'static str,
        /// Its length.
        have: usize,
        /// The bound.
        limit: usize,
    },
    /// A control character.
    #[error("{what} holds a control character")]
    Control {
        /// Which text.
        what: &'static str,
    },
}

macro_rules! text {
    ($(#[$doc:meta])* $name:ident, $what:literal, $limit:literal) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl TryFrom<String> for $name {
            type Error = TextError;

            fn try_from(text: String) -> Result<Self, TextError> {
                let what = $what;
                if text.len() > $limit {
                    return Err(TextError::TooLong { what, have: text.len(), limit: $limit });
                }
                if text.chars().any(char::is_control) {
                    return Err(TextError::Control { what });
                }
                if text.trim().is_empty() {
                    return Err(TextError::Empty { what });
                }
                Ok(Self(text))
            }
        }

        impl From<$name> for String {
            fn from(text: $name) -> Self {
                text.0
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }
    };
}

text!(
    /// Who forced a migration: 1 to 64 bytes.
    Operator, "the operator", 64
);
text!(
    /// Why a migration was forced: 1 to 256 bytes.
    Reason, "the reason", 256
);

/// Bytes that are not a command.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum CodecError {
    /// Longer than any command.
    #[error("{have} bytes, a command has at most {COMMAND_BYTES_MAX}")]
    TooLong {
        /// Length found.
        have: usize,
    },
    /// Not the encoding of a command.
    #[error("not a command: {0}")]
    Malformed(postcard::Error),
    /// Another encoding of a command than the one that is written.
    #[error("not the canonical encoding of a command")]
    NotCanonical,
    /// A command, and then more.
    #[error("{have} bytes after the command, expected none")]
    Trailing {
        /// Bytes left over.
        have: usize,
    },
}

impl Command {
    /// The bytes that go into the log.
    ///
    /// # Errors
    /// [`CodecError::TooLong`] beyond [`COMMAND_BYTES_MAX`].
    pub fn encode(&self) -> Result<Vec<u8>, CodecError> {
        let bytes = postcard::to_allocvec(self).map_err(CodecError::Malformed)?;
        if bytes.len() > COMMAND_BYTES_MAX {
            return Err(CodecError::TooLong { have: bytes.len() });
        }
        Ok(bytes)
    }

    /// Reads what [`Command::encode`] wrote.
    ///
    /// # Errors
    /// [`CodecError`], for any other bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self, CodecError> {
        if bytes.len() > COMMAND_BYTES_MAX {
            return Err(CodecError::TooLong { have: bytes.len() });
        }
        let (command, rest): (Self, _) = postcard::take_from_bytes(bytes).map_err(CodecError::Malformed)?;
        if !rest.is_empty() {
            return Err(CodecError::Trailing { have: rest.len() });
        }
        // Numbers have longer encodings too; two texts of one command would make logs differ that are equal.
        if command.encode()? == bytes { Ok(command) } else { Err(CodecError::NotCanonical) }
    }
}
