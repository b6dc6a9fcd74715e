//! Where a partition's reads and writes go: [`PartitionState`] and what a gateway is told, [`Resolution`].
//!
//! Reads have exactly one placement in every state. Writes have one too, but for [`Phase::Cutover`], the only window
//! in which a write is held back.
//!
//! May import: `core::ids`.

use crate::core::ids::{Epoch, PartitionId, Placement, Revision};
use core::fmt;
use serde::{Deserialize, Serialize};

/// The phase of a migration in flight.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum Phase {
    /// The copy is being made; writes still go to the source.
    Draining,
    /// The source takes no more writes and the pointer has not moved: writes are refused and retried.
    Cutover,
}

/// A partition's placement: settled, or moving from one to another.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum PartitionState {
    /// Settled.
    Active(Placement),
    /// Moving.
    Migrating {
        /// The source: reads go here until the migration completes.
        from: Placement,
        /// The target: nothing is read or written here before the flip.
        to: Placement,
        /// Whether writes still go to the source.
        phase: Phase,
    },
}

impl PartitionState {
    /// The one placement that reads go to.
    #[must_use]
    pub const fn read_placement(&self) -> Placement {
        match self {
            Self::Active(at) | Self::Migrating { from: at, .. } => *at,
        }
    }

    /// The placement that writes go to; `None` in [`Phase::Cutover`].
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

/// How the end of writes at the source is brought about, and so what a migration can promise.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum Guarantee {
    /// The sink seals: no write is lost, whatever is paused, delayed or restarted.
    Sealed,
    /// The sink cannot seal: no write is lost as long as every write takes effect within a stated time of its
    /// resolution. Writes must then resolve fresh.
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

/// What a gateway learns when it resolves a partition: one committed state, and the revision it stands at.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Resolution {
    /// The partition.
    pub partition: PartitionId,
    /// Its state at that revision.
    pub state: PartitionState,
    /// Its epoch: what a read or write resolved here carries as its token.
    pub epoch: Epoch,
    /// What the present placement can promise.
    pub guarantee: Guarantee,
    /// The log position of the state.
    pub revision: Revision,
}
