//! The commands on a partition. Each is a compare-and-swap that is checked when it is applied.

use super::{AbortReason, Operator, Reason};
use crate::core::fence::{CatchUpEvidence, Claim, Dropped, Ended, Prepared, SealReceipt, WatermarkReading};
use crate::core::ids::{Epoch, Incarnation, MigrationId, PartitionId, Placement};
use crate::core::placement::Guarantee;
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
        prepared: Claim<Prepared>,
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
        receipt: Claim<SealReceipt>,
    },
    /// Enters the cutover of a source that cannot seal: `Draining` to `Cutover`. A controller starts the bounded wait when it
    /// observes that this is committed.
    EnterTimedCutover {
        /// The state of the record in which the transition is applied.
        expected: Expected,
        /// The target's statement that it is prepared.
        prepared: Claim<Prepared>,
    },
    /// Records the position of the last write of a source that cannot seal, read after the bounded wait.
    RecordWatermark {
        /// The state of the record in which the transition is applied.
        expected: Expected,
        /// The source's statement of its last position.
        reading: Claim<WatermarkReading>,
    },
    /// Completes the migration (the flip): `Cutover` to `Active(B)`.
    Complete {
        /// The state of the record in which the transition is applied.
        expected: Expected,
        /// The target's statement that it has caught up.
        evidence: Claim<CatchUpEvidence>,
    },
    /// Aborts the migration before the flip: back to `Active(A)`. In the cutover it may also name the epoch of the draining phase:
    /// an abort because the budget has run out is not lost against a cutover that was committed while it was on its way.
    Abort {
        /// The state of the record in which the transition is applied.
        expected: Expected,
        /// Why.
        why: AbortReason,
    },
    /// Gives the partition to the target without a seal of the source: to `Active(B)`. Writes that the source acknowledged above the
    /// position that the target states are lost, and none below it, unless the copy lacks rows.
    Force {
        /// The state of the record in which the transition is applied.
        expected: Expected,
        /// The target's statement that it takes no more chunks, and how far it reaches.
        ended: Claim<Ended>,
        /// Whether the operator accepts a copy that lacks rows.
        partial: bool,
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
        dropped: Claim<Dropped>,
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
    /// Records, while draining, that writes may be blocked from now on. A controller asks the source to seal only afterwards, so
    /// that whoever takes over knows from the record whether it may be sealed.
    StartBlock {
        /// The state of the record in which the transition is applied.
        expected: Expected,
        /// The incarnation of the prepared target.
        target: Incarnation,
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
    /// [`Transition::StartBlock`]
    StartBlock,
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
            Self::StartBlock { .. } => TransitionKind::StartBlock,
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
            | Self::Abort { expected, .. }
            | Self::Force { expected, .. }
            | Self::Delete { expected }
            | Self::Release { expected, .. }
            | Self::StartBlock { expected, .. } => Some(*expected),
            Self::Create { .. }
            | Self::Settle { .. }
            | Self::RetireCopy { .. }
            | Self::ForgetCopy { .. }
            | Self::WriteOff { .. } => None,
        }
    }

    /// The statement of a dropped copy that the transition carries; `None` for other transitions.
    #[must_use]
    pub fn dropped(&self) -> Option<&Dropped> {
        if let Self::ForgetCopy { dropped } | Self::Settle { proof: Settlement::Dropped(dropped), .. } = self
        {
            return Some(dropped);
        }
        None
    }

    /// Whether it rests on what somebody reported, and not on what a fence stated.
    #[must_use]
    pub const fn is_reported(&self) -> bool {
        match self {
            Self::Open { prepared, .. }
            | Self::EnterTimedCutover { prepared, .. }
            | Self::Settle { proof: Settlement::Closed(prepared), .. } => prepared.is_reported(),
            Self::Force { ended, .. } => ended.is_reported(),
            Self::EnterCutover { receipt, .. } | Self::Settle { proof: Settlement::Sealed(receipt), .. } => {
                receipt.is_reported()
            }
            Self::RecordWatermark { reading, .. } => reading.is_reported(),
            Self::Complete { evidence, .. } => evidence.is_reported(),
            Self::ForgetCopy { dropped } | Self::Settle { proof: Settlement::Dropped(dropped), .. } => {
                dropped.is_reported()
            }
            Self::Create { .. }
            | Self::Begin { .. }
            | Self::Abort { .. }
            | Self::RetireCopy { .. }
            | Self::Delete { .. }
            | Self::WriteOff { .. }
            | Self::Release { .. }
            | Self::StartBlock { .. } => false,
        }
    }

    /// The operator who is responsible, and why, of a transition that loses something or rests on a person's word.
    #[must_use]
    pub const fn responsible(&self) -> Option<(&Operator, &Reason)> {
        if let Self::Force { operator, reason, .. }
        | Self::WriteOff { operator, reason, .. }
        | Self::Release { operator, reason, .. } = self
        {
            return Some((operator, reason));
        }
        None
    }
}

/// A proof that the source of a forced migration acknowledges no more writes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum Settlement {
    /// The source was sealed afterwards.
    Sealed(Claim<SealReceipt>),
    /// The source was prepared for a later copy, which closed it.
    Closed(Claim<Prepared>),
    /// The source dropped its copy.
    Dropped(Claim<Dropped>),
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
