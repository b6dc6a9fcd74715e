//! What an operator orders.

use crate::core::ids::{MigrationId, PartitionId, Placement};
use crate::core::migration::{Expected, Reason};
use core::fmt;
use serde::{Deserialize, Serialize};

/// How a move is to go. The default: as the leader's configuration says, and an operator has the source's copy dropped.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize)]
pub struct MoveOrder {
    /// The copy is to catch up, and no write to be blocked until another order says so.
    pub hold: bool,
    /// How long writes may be blocked, in milliseconds.
    pub blocked_budget_ms: Option<u32>,
    /// The most bytes of rows and changes per second that are copied.
    pub bytes_per_second: Option<u64>,
    /// For how many seconds after the flip the source keeps its copy.
    pub keep_source_s: Option<u32>,
    /// Why the partition moves.
    pub reason: Option<Reason>,
}

/// The move that an order is of.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum OrderOf {
    /// The one that begins from this state of the record and goes to this store. If another one begins, the order is void.
    Next {
        /// What its `begin` expects.
        expected: Expected,
        /// Where it goes.
        to: Placement,
    },
    /// The one in flight.
    Move(MigrationId),
}

/// A store that is to be emptied: each partition that it owns moves away.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Drain {
    /// Where the partitions go.
    pub to: Placement,
    /// How each of them goes.
    pub order: MoveOrder,
}

/// A change of what is ordered.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum OrderChange {
    /// Says how a move is to go, in place of what was said before.
    Order {
        /// The partition that moves.
        partition: PartitionId,
        /// The move.
        of: OrderOf,
        /// How it is to go.
        order: MoveOrder,
    },
    /// Has a store drained, in place of what was said of it before.
    Drain {
        /// The store.
        from: Placement,
        /// Where its partitions go, and how.
        drain: Drain,
    },
    /// Ends a drain. Moves that have begun go on.
    EndDrain {
        /// The store.
        from: Placement,
    },
    /// Holds all moves back, or lets them go on. What blocks writes already goes on.
    Pause {
        /// Whether they are held.
        paused: bool,
    },
    /// A leader has seen the flip, and says when the source's copy is dropped.
    RetireAt {
        /// The partition that has moved.
        partition: PartitionId,
        /// The migration or creation that made the copy.
        copy: MigrationId,
        /// When, in seconds of the Unix epoch.
        at_s: u64,
    },
}

impl fmt::Display for MoveOrder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { hold, blocked_budget_ms, bytes_per_second, keep_source_s, reason } = self;
        f.write_str(if *hold { "hold" } else { "go" })?;
        if let Some(budget) = blocked_budget_ms {
            write!(f, ", {budget} ms")?;
        }
        if let Some(rate) = bytes_per_second {
            write!(f, ", {rate} B/s")?;
        }
        if let Some(keep) = keep_source_s {
            write!(f, ", keep the source {keep} s")?;
        }
        if let Some(reason) = reason {
            write!(f, ", {}", reason.as_ref())?;
        }
        Ok(())
    }
}

impl fmt::Display for OrderChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Order { partition, of: OrderOf::Next { expected, to }, order } => {
                let Expected { migration, epoch } = expected;
                write!(f, "order {partition} to {to} from {migration} at {epoch}: {order}")
            }
            Self::Order { partition, of: OrderOf::Move(migration), order } => {
                write!(f, "order {partition} {migration}: {order}")
            }
            Self::Drain { from, drain: Drain { to, order } } => write!(f, "drain {from} to {to}: {order}"),
            Self::EndDrain { from } => write!(f, "end the drain of {from}"),
            Self::Pause { paused: true } => f.write_str("pause all moves"),
            Self::Pause { paused: false } => f.write_str("resume all moves"),
            Self::RetireAt { partition, copy, at_s } => {
                write!(f, "retire {copy} of {partition} at {at_s} s")
            }
        }
    }
}
