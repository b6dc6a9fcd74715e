//! Why a migration was aborted, and whether its copy is of use to the next one.

use core::fmt;
use serde::{Deserialize, Serialize};

/// Why a migration was aborted.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum AbortReason {
    /// An operator asked for it.
    Operator,
    /// Writes were blocked for as long as they may be.
    Budget,
    /// A controller took over, and does not know for how long writes have been blocked.
    TakenOver,
    /// A store refuses for good what the migration needs.
    Refused,
    /// The source no longer has changes that the copy needs, or is another incarnation than the one that the copy began with.
    Broken,
    /// The copy was told to take no more chunks, and the partition was not forced to it.
    Ended,
    /// The target's copy is not what the source had.
    Digest,
}

impl AbortReason {
    /// Whether the next migration to the same target may go on with this one's copy.
    #[must_use]
    pub const fn keeps(self) -> bool {
        match self {
            Self::Operator | Self::Budget | Self::TakenOver | Self::Refused => true,
            Self::Broken | Self::Ended | Self::Digest => false,
        }
    }
}

impl fmt::Display for AbortReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Operator => "an operator asked for it",
            Self::Budget => "writes were blocked too long",
            Self::TakenOver => "a controller took over while writes were blocked",
            Self::Refused => "a store refused",
            Self::Broken => "the copy could not go on",
            Self::Ended => "the copy was ended",
            Self::Digest => "the digests differ",
        })
    }
}
