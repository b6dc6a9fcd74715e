//! Why an order is refused. A refused one changes nothing.

use crate::core::ids::{MigrationId, PartitionId, Placement};
use crate::core::migration::Expected;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Why an order is refused.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize, Error)]
pub enum OrderRefusal {
    /// The log has no such partition.
    #[error("there is no partition {partition}")]
    UnknownPartition {
        /// The number in the order.
        partition: PartitionId,
    },
    /// The record has changed since the order was made.
    #[error(
        "expected {partition} at {} of {}, found it at {} of {}", expected.epoch, expected.migration, found.epoch,
        found.migration
    )]
    OtherState {
        /// The number in the order.
        partition: PartitionId,
        /// What the record has.
        found: Expected,
        /// What the order expects.
        expected: Expected,
    },
    /// The partition does not move.
    #[error("{partition} does not move: {last} is over")]
    NotMoving {
        /// The number in the order.
        partition: PartitionId,
        /// Its last migration or creation.
        last: MigrationId,
    },
    /// Another move is in flight.
    #[error("expected {partition} to move by {expected}, it moves by {found}")]
    OtherMove {
        /// The number in the order.
        partition: PartitionId,
        /// The move in flight.
        found: MigrationId,
        /// The move in the order.
        expected: MigrationId,
    },
    /// The log has no store of this number.
    #[error("the log has no store {store}")]
    UnknownStore {
        /// The number in the order.
        store: Placement,
    },
    /// Partitions would move to a store that is to be empty.
    #[error("store {store} is drained itself, expected a store that takes partitions")]
    DrainedItself {
        /// Where the partitions would go.
        store: Placement,
    },
    /// The store is not drained.
    #[error("store {store} is not drained")]
    NotDrained {
        /// The number in the order.
        store: Placement,
    },
    /// No order says that this copy is dropped by itself.
    #[error("{copy} of {partition} is no copy that is dropped by itself")]
    NotRetired {
        /// The number in the order.
        partition: PartitionId,
        /// The copy in the order.
        copy: MigrationId,
    },
}
