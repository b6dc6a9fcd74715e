//! The commands on a partition. Each is a compare-and-swap that is checked when it is applied.

use crate::core::fence::{CatchUpEvidence, Dropped, Prepared, SealReceipt, WatermarkReading};
use crate::core::ids::{Epoch, MigrationId, PartitionId, Placement};
use crate::core::placement::Guarantee;
use alloc::string::String;
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Bytes of an encoded command, at most.
pub const COMMAND_BYTES_MAX: usize = 4096;

/// A proposed transition of one partition.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Command {
    /// The partition.
    pub partition: PartitionId,
    /// The transition.
    pub transition: Transition,
}

/// The state of the record that a command applies to; in any other state it is refused.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Expected {
    /// The record's last migration or creation.
    pub migration: MigrationId,
    /// The record's epoch.
    pub epoch: Epoch,
}

/// A change of a partition's record.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum Transition {
    /// Creates a partition, or creates a deleted one again.
    Create {
        /// The placement of its first copy.
        placement: Placement,
        /// The guarantee that the store there can give.
        guarantee: Guarantee,
    },
    /// Records that the store of a created partition has the copy.
    Open {
        /// The state that it applies to.
        expected: Expected,
        /// The store's statement that proves it.
        prepared: Prepared,
    },
    /// `Active(A)` to `Draining(A>B)`.
    Begin {
        /// The state that it applies to.
        expected: Expected,
        /// The target.
        to: Placement,
    },
    /// `Draining` to `Cutover`, once the source is sealed.
    EnterCutover {
        /// The state that it applies to.
        expected: Expected,
        /// The source's statement that it is sealed.
        receipt: SealReceipt,
    },
    /// `Draining` to `Cutover` at a source that cannot seal. The wait starts when a controller sees this committed.
    EnterTimedCutover {
        /// The state that it applies to.
        expected: Expected,
        /// The target's statement that it is prepared.
        prepared: Prepared,
    },
    /// Records the last position of a source that cannot seal, read after the wait.
    RecordWatermark {
        /// The state that it applies to.
        expected: Expected,
        /// The source's statement of its last position.
        reading: WatermarkReading,
    },
    /// `Cutover` to `Active(B)`: the flip.
    Complete {
        /// The state that it applies to.
        expected: Expected,
        /// The target's statement that it has caught up.
        evidence: CatchUpEvidence,
    },
    /// Back to `Active(A)`, before the flip.
    Abort {
        /// The state that it applies to.
        expected: Expected,
    },
    /// To `Active(B)` without the source; writes may be lost.
    Force {
        /// The state that it applies to.
        expected: Expected,
        /// The target's statement that it is prepared.
        prepared: Prepared,
        /// Who decided it.
        operator: Operator,
        /// Why it was decided.
        reason: Reason,
    },
    /// Clears the debt of a forced migration: its source acknowledges no more writes.
    Settle {
        /// The forced migration.
        migration: MigrationId,
        /// The statement that proves it.
        proof: Settlement,
    },
    /// Decides that an old copy is to be dropped.
    RetireCopy {
        /// The store.
        placement: Placement,
        /// The copy.
        copy: MigrationId,
    },
    /// Records that an old copy was dropped.
    ForgetCopy {
        /// The store's statement that proves it.
        dropped: Dropped,
    },
    /// Deletes the partition with all its data.
    Delete {
        /// The state that it applies to.
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
    /// The kind, for callers that treat one kind differently from all others.
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

    /// The state that it applies to. `None`: it is not a compare-and-swap on the whole record, but on its absence, a
    /// debt or an old copy.
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

    /// The statement of a dropped copy in it, if any.
    #[must_use]
    pub const fn dropped(&self) -> Option<&Dropped> {
        if let Self::ForgetCopy { dropped } | Self::Settle { proof: Settlement::Dropped(dropped), .. } = self
        {
            return Some(dropped);
        }
        None
    }
}

/// A proof that the source of a forced migration acknowledges no more writes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum Settlement {
    /// The source was sealed afterwards.
    Sealed(SealReceipt),
    /// The source was prepared for a later copy, which closed it.
    Closed(Prepared),
    /// The source dropped its copy.
    Dropped(Dropped),
}

/// Why an operator's text is refused.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Error)]
pub enum TextError {
    /// The text has no visible character.
    #[error("{what} is empty, at least one visible character is needed")]
    Empty {
        /// The name of the text.
        what: &'static str,
    },
    /// The text is too long.
    #[error("{what} has {have} bytes, at most {limit} are allowed")]
    TooLong {
        /// The name of the text.
        what: &'static str,
        /// Its length in bytes.
        have: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// The text holds a control character.
    #[error("{what} holds a control character")]
    Control {
        /// The name of the text.
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
        /// The length in bytes.
        have: usize,
    },
    /// Not the encoding of a command.
    #[error("not a command: {0}")]
    Malformed(postcard::Error),
    /// A longer encoding of a command than the canonical one.
    #[error("not the canonical encoding of a command")]
    NotCanonical,
    /// Bytes are left over after a command.
    #[error("{have} bytes after the command, expected none")]
    Trailing {
        /// How many bytes are left over.
        have: usize,
    },
}

impl Command {
    /// The encoded command, as it is stored in the log.
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

    /// Decodes what [`Command::encode`] wrote.
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
        // Numbers have longer encodings too. Two encodings of one command would make equal logs differ.
        if command.encode()? == bytes { Ok(command) } else { Err(CodecError::NotCanonical) }
    }
}
