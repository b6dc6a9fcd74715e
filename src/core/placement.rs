//! Where a partition's reads and writes go: [`PartitionState`], and what a gateway learns of it, [`Resolution`].
//!
//! Reads have exactly one placement in every state. Writes have one too, except in [`Phase::Cutover`], the only phase
//! in which writes are blocked.
//!
//! May import: `core::ids`.

use crate::core::ids::{Epoch, PartitionId, Placement, Revision};
use core::fmt;
use serde::{Deserialize, Serialize};

/// The phase of a migration in flight.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum Phase {
    /// The copy is in progress; writes go to the source.
    Draining,
    /// The source takes no more writes and the flip has not happened: writes are refused and retried.
    Cutover,
}

/// The placement of a partition, or its migration from one placement to another.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum PartitionState {
    /// No migration is in flight.
    Active(Placement),
    /// A migration is in flight.
    Migrating {
        /// The source; reads go here until the migration completes.
        from: Placement,
        /// The target; no client reads or writes here before the flip.
        to: Placement,
        /// Whether writes go to the source or are blocked.
        phase: Phase,
    },
}

impl PartitionState {
    /// The placement that reads go to.
    #[must_use]
    pub const fn read_placement(&self) -> Placement {
        match self {
            Self::Active(at) | Self::Migrating { from: at, .. } => *at,
        }
    }

    /// The placement that writes go to. `None` in [`Phase::Cutover`].
    #[must_use]
    pub const fn write_placement(&self) -> Option<Placement> {
        match self {
            Self::Active(at) | Self::Migrating { from: at, phase: Phase::Draining, .. } => Some(*at),
            Self::Migrating { phase: Phase::Cutover, .. } => None,
        }
    }

    /// Whether a migration is in flight.
    #[must_use]
    pub const fn is_migrating(&self) -> bool {
        matches!(self, Self::Migrating { .. })
    }
}

impl fmt::Display for PartitionState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Active(at) => write!(f, "Active({at})"),
            Self::Migrating { from, to, phase } => write!(f, "{phase:?}({from}>{to})"),
        }
    }
}

/// How a migration ends the writes at the source, which determines what it guarantees.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum Guarantee {
    /// The sink seals: no write is lost, whatever is paused, delayed or restarted.
    Sealed,
    /// The sink cannot seal: no write is lost if every write takes effect within a stated time after its resolution.
    /// Writes must resolve fresh.
    Timed,
}

impl fmt::Display for Guarantee {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sealed => "sealed",
            Self::Timed => "timed",
        })
    }
}

/// The answer to a gateway that resolves a partition: one committed state and its revision.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Resolution {
    /// The partition that was resolved.
    pub partition: PartitionId,
    /// The state of the partition at that revision.
    pub state: PartitionState,
    /// The epoch of the partition, which requests that use this resolution carry as their token.
    pub epoch: Epoch,
    /// The guarantee of the current placement.
    pub guarantee: Guarantee,
    /// The revision of the state.
    pub revision: Revision,
}
