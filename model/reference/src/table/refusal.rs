//! Refusals, with their values.

use crate::statement::Speaker;
use crate::table::command::{Guarantee, Seen};
use cutover::core::fence::Digest;
use cutover::core::ids::{Epoch, Incarnation, MigrationId, PartitionId, Placement, Position};

/// A rule that a command violates.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(
    missing_docs,
    reason = "each is named like the refusal of the table that it judges, which says what it means"
)]
pub enum Refusal {
    UnknownPartition(PartitionId),
    AlreadyExists(PartitionId),
    StaleExpectation { expected: Seen, found: Seen },
    AlreadyMigrating(MigrationId),
    NotMigrating(PartitionId),
    NotDraining(MigrationId),
    NotCutover(MigrationId),
    SamePlacement(Placement),
    NotOpen(PartitionId),
    AlreadyOpen(PartitionId),
    OtherSpeaker { by: Speaker, expected: Placement },
    OtherIncarnation { have: Incarnation, expected: Incarnation },
    OtherMigration { have: MigrationId, expected: MigrationId },
    OtherEpoch { have: Epoch, expected: Epoch },
    SealTooLow { have: Epoch, needed: Epoch },
    NotCaughtUp { have: Position, needed: Position },
    DigestDiffers { have: Digest, expected: Digest },
    Incomplete(Placement),
    WatermarkMissing,
    WatermarkRecorded(Position),
    WrongGuarantee(Guarantee),
    PlacementCap { placement: Placement, have: usize, limit: usize },
    OverallCap { have: usize, limit: usize },
    PartitionCap(usize),
    CopyCap(usize),
    Unsettled { placement: Placement, through: Epoch },
    NotEnforced { placement: Placement, through: Epoch },
    NoDebt(MigrationId),
    UnknownCopy(Placement, MigrationId),
    CopyLeft(Placement, MigrationId),
    LateWrites { placement: Placement, before: Epoch },
    Held(MigrationId),
    NotHeld(PartitionId),
    BlockStarted(MigrationId),
    UnknownName,
}
