//! The commands on a partition. Each is a compare-and-swap that is checked when it is applied.

use crate::core::fence::{CatchUpEvidence, Dropped, Prepared, SealReceipt, WatermarkReading};
use crate::core::ids::{Epoch, MigrationId, PartitionId, Placement};
use crate::core::placement::Guarantee;
use alloc::string::String;
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The longest encoded command, in bytes.
pub const COMMAND_BYTES_MAX: usize = 4096;

/// A proposed transition of one partition, as the log stores it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Command {
    /// The partition whose record the command changes.
    pub partition: PartitionId,
    /// The transition that the command makes.
    pub transition: Transition,
}

/// The state of the record that a command applies to; in any other state it is refused.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Expected {
    /// The id of the record's last migration or creation.
    pub migration: MigrationId,
    /// The epoch of the record.
    pub epoch: Epoch,
}

/// A change of a partition's record.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum Transition {
    /// Creates a partition, or creates a deleted one again.
    Create {
        /// The placement of its first copy.
        placement: Placement,
        /// The guarantee that the sink there can give.
        guarantee: Guarantee,
    },
    /// Opens a created partition: its sink has the copy.
    Open {
        /// The state of the record in which the transition is applied.
        expected: Expected,
        /// The sink's statement, as proof.
        prepared: Prepared,
    },
    /// Begins a migration: `Active(A)` to `Draining(A>B)`.
    Begin {
        /// The state of the record in which the transition is applied.
        expected: Expected,
        /// The placement to which the partition moves.
        to: Placement,
    },
    /// Enters the cutover once the source is sealed: `Draining` to `Cutover`.
    EnterCutover {
        /// The state of the record in which the transition is applied.
        expected: Expected,
        /// The source's statement that it is sealed.
        receipt: SealReceipt,
    },
    /// Enters the cutover of a source that cannot seal: `Draining` to `Cutover`. A controller starts the bounded wait when it
    /// observes that this is committed.
    EnterTimedCutover {
        /// The state of the record in which the transition is applied.
        expected: Expected,
        /// The target's statement that it is prepared.
        prepared: Prepared,
    },
    /// Records the position of the last write of a source that cannot seal, read after the bounded wait.
    RecordWatermark {
        /// The state of the record in which the transition is applied.
        expected: Expected,
        /// The source's statement of its last position.
        reading: WatermarkReading,
    },
    /// Completes the migration (the flip): `Cutover` to `Active(B)`.
    Complete {
        /// The state of the record in which the transition is applied.
        expected: Expected,
        /// The target's statement that it has caught up.
        evidence: CatchUpEvidence,
    },
    /// Aborts the migration before the flip: back to `Active(A)`.
    Abort {
        /// The state of the record in which the transition is applied.
        expected: Expected,
    },
    /// Gives the partition to the target without a seal of the source: to `Active(B)`, and acknowledged writes may be lost.
    Force {
        /// The state of the record in which the transition is applied.
        expected: Expected,
        /// The target's statement that it is prepared.
        prepared: Prepared,
        /// The responsible operator.
        operator: Operator,
        /// The operator's reason.
        reason: Reason,
    },
    /// Clears the debt of a forced migration: its source acknowledges no more writes.
    Settle {
        /// The forced migration that left the debt.
        migration: MigrationId,
        /// The statement of the source, as proof.
        proof: Settlement,
    },
    /// Marks an old copy as to be dropped.
    RetireCopy {
        /// The sink that has the old copy.
        placement: Placement,
        /// The migration that made the old copy.
        copy: MigrationId,
    },
    /// Removes an old copy from the record, after its sink dropped it.
    ForgetCopy {
        /// The sink's statement, as proof.
        dropped: Dropped,
    },
    /// Deletes the partition with all its data.
    Delete {
        /// The state of the record in which the transition is applied.
        expected: Expected,
    },
    /// Removes an old copy, and the debt of its sink, without a statement: the sink is gone for good.
    WriteOff {
        /// The sink that is gone.
        placement: Placement,
        /// The migration or creation that made its copy.
        copy: MigrationId,
        /// The responsible operator.
        operator: Operator,
        /// The operator's reason.
        reason: Reason,
    },
    /// Releases a migration that is held after a recovery.
    Release {
        /// The state of the record in which the transition is applied.
        expected: Expected,
        /// How it goes on.
        how: Release,
        /// The responsible operator.
        operator: Operator,
        /// The operator's reason.
        reason: Reason,
    },
}

/// The kind of a [`Transition`], without its parameters.
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
    /// [`Transition::WriteOff`]
    WriteOff,
    /// [`Transition::Release`]
    Release,
}

impl Transition {
    /// The kind of this transition.
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
            Self::WriteOff { .. } => TransitionKind::WriteOff,
            Self::Release { .. } => TransitionKind::Release,
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
            | Self::Delete { expected }
            | Self::Release { expected, .. } => Some(*expected),
            Self::Create { .. }
            | Self::Settle { .. }
            | Self::RetireCopy { .. }
            | Self::ForgetCopy { .. }
            | Self::WriteOff { .. } => None,
        }
    }

    /// The statement of a dropped copy that the transition carries; `None` for other transitions.
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

/// How a held migration goes on.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum Release {
    /// The source owns the partition, and the migration begins again: what the target has is replaced.
    Resume,
    /// The source owns the partition, and the migration is over.
    KeepSource,
    /// The target owns the partition: its flip, or a forced move, was committed and lost.
    AcceptTarget {
        /// The guarantee of the target's store, as the operator reports it.
        guarantee: Guarantee,
    },
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
        /// The length of the text, in bytes.
        have: usize,
        /// The longest length allowed, in bytes.
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
    /// The name of the operator who forced a migration: 1 to 64 bytes, without control characters.
    Operator, "the operator", 64
);
text!(
    /// The reason for forcing a migration: 1 to 256 bytes, without control characters.
    Reason, "the reason", 256
);

/// Why bytes are not an encoded command.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum CodecError {
    /// The bytes are longer than [`COMMAND_BYTES_MAX`].
    #[error("{have} bytes, a command has at most {COMMAND_BYTES_MAX}")]
    TooLong {
        /// The length of the encoding, in bytes.
        have: usize,
    },
    /// The bytes are not the encoding of a command.
    #[error("not a command: {0}")]
    Malformed(postcard::Error),
    /// The bytes are an encoding of a command, but not the shortest one.
    #[error("not the canonical encoding of a command")]
    NotCanonical,
    /// Bytes follow the encoded command.
    #[error("{have} bytes after the command, expected none")]
    Trailing {
        /// The number of bytes that follow.
        have: usize,
    },
}

impl Command {
    /// Encodes the command as the log stores it.
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

    /// Decodes a command from the bytes that [`Command::encode`] returns.
    ///
    /// # Errors
    /// [`CodecError`] for all other bytes.
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
