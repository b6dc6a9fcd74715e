//! The commands, as far as the rules look at them.

use crate::statement::{Dropped, Ended, Prepared, Reached, Receipt};
use cutover::core::ids::{Epoch, Incarnation, MigrationId, PartitionId, Placement};

/// What a sink promises about its writes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Guarantee {
    /// It seals.
    Sealed,
    /// It cannot seal: there is a wait instead.
    Timed,
}

/// The record that a command was made for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Seen {
    /// Its migration.
    pub migration: MigrationId,
    /// Its epoch.
    pub epoch: Epoch,
}

/// Why a source that was forced out acknowledges nothing more.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Proof {
    /// It is sealed.
    Sealed(Receipt),
    /// It is prepared for a later copy.
    Closed(Prepared),
    /// Its copy is gone.
    Dropped(Dropped),
}

/// Why a migration is given up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Why {
    /// An operator wants it.
    Operator,
    /// Writes were blocked for too long.
    Budget,
    /// Nobody knows for how long they were.
    TakenOver,
    /// A store refuses.
    Refused,
    /// The copy cannot go on.
    Broken,
    /// The copy was ended.
    Ended,
    /// The copy is not what the source has.
    Digest,
}

/// How a held migration goes on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Release {
    /// From the beginning.
    Resume,
    /// The source owns the partition.
    KeepSource,
    /// The target owns it, with this guarantee.
    AcceptTarget(Guarantee),
}

/// What is to happen to the record of a partition.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Change {
    /// Create at a sink that gives this guarantee.
    Create(Placement, Guarantee),
    /// Open what was created.
    Open(Seen, Prepared),
    /// Begin to move to a placement.
    Begin(Seen, Placement),
    /// Note that writes may be blocked for this incarnation of the target.
    StartBlock(Seen, Incarnation),
    /// Enter the cutover of a sealed source.
    EnterCutover(Seen, Receipt),
    /// Enter the cutover of a source that cannot seal.
    EnterTimedCutover(Seen, Prepared),
    /// Record the position of the source's last write.
    RecordWatermark(Seen, Reached),
    /// Flip.
    Complete(Seen, Reached),
    /// Give up before the flip.
    Abort(Seen, Why),
    /// Flip without the source; with a copy that lacks rows only if the operator says so.
    Force(Seen, Ended, bool),
    /// Clear the debt of this migration.
    Settle(MigrationId, Proof),
    /// Mark an old copy as to be dropped.
    Retire(Placement, MigrationId),
    /// Take a dropped copy off the list.
    Forget(Dropped),
    /// Delete the partition.
    Delete(Seen),
    /// Take a copy off the list whose sink is gone.
    WriteOff(Placement, MigrationId),
    /// Let a held migration go on.
    Release(Seen, Release),
}

/// Which partition a command is about.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Subject {
    /// The one with this number.
    Number(PartitionId),
    /// The one that has this name when the command is judged.
    Name(String),
}

/// A command of the log.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Command {
    /// Which partition it is about.
    pub subject: Subject,
    /// What is to happen.
    pub change: Change,
    /// Whether it rests on what somebody reported.
    pub reported: bool,
    /// The operator who answers for it, and why, where one has to.
    pub responsible: Option<(String, String)>,
}
