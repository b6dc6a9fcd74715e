//! Why a change of the stores is refused. A refused change changes nothing.

use crate::core::ids::{PartitionId, Placement, Revision};
use crate::core::migration::PartitionRecord;
use crate::core::placement::PartitionState;
use alloc::collections::BTreeSet;
use core::fmt;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Why a change of the stores is refused.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize, Error)]
pub enum StoreRefusal {
    /// Another store has this name.
    #[error("store {by} has this name already, expected a name that no store has")]
    NameTaken {
        /// The store with the name.
        by: Placement,
    },
    /// Another store has this identity: it is one store, under two names.
    #[error("store {by} has this identity already, expected one that no store has")]
    IdentityTaken {
        /// The store with the identity.
        by: Placement,
    },
    /// Another store has one of these endpoints.
    #[error("endpoint {endpoint} is one of store {by} already, expected one that no store has")]
    EndpointTaken {
        /// The number of the endpoint in the change, from 1.
        endpoint: u8,
        /// The store with the endpoint.
        by: Placement,
    },
    /// The log has no store of this number.
    #[error("the log has no store {store}")]
    UnknownStore {
        /// The number in the change.
        store: Placement,
    },
    /// A record names the store.
    #[error("store {store} is {used} of partition {partition}, expected no record that names it")]
    InUse {
        /// The number in the change.
        store: Placement,
        /// The first partition whose record names it.
        partition: PartitionId,
        /// How the record names it.
        used: StoreUse,
    },
    /// The store has changed since the change was made.
    #[error("expected store {store} at {expected}, found it at {found}")]
    OtherRevision {
        /// The number in the change.
        store: Placement,
        /// The revision in the change.
        expected: Revision,
        /// The revision that the store has.
        found: Revision,
    },
    /// The log has as many stores as it may.
    #[error("{have} stores are known already, at most {limit} may be")]
    TooMany {
        /// The number of stores.
        have: u32,
        /// The most stores allowed.
        limit: u32,
    },
    /// The change asks for a number that a store has.
    #[error("number {store} is that of a store already, expected one that only records have")]
    NumberTaken {
        /// The number in the change.
        store: Placement,
    },
    /// The change asks for a number that no record names: the log gives out all others itself.
    #[error("no record names store {store}, expected the number of a store in use; the log gives all others")]
    NumberNotUsed {
        /// The number in the change.
        store: Placement,
    },
}

/// How the record of a partition names a store.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum StoreUse {
    /// It owns the partition, and no migration is in flight.
    Owner,
    /// It is the source of the migration in flight.
    Source,
    /// It is the target of the migration in flight.
    Target,
    /// A forced move left it unsealed: it may still acknowledge writes.
    Debtor,
    /// It may have a copy that is no longer in use.
    OldCopy,
}

impl fmt::Display for StoreUse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Owner => "the owner",
            Self::Source => "the source of the migration",
            Self::Target => "the target of the migration",
            Self::Debtor => "the unsealed source of a forced move",
            Self::OldCopy => "the holder of an old copy",
        })
    }
}

/// The stores that a record names, each with how. A store may be named twice.
fn uses(record: &PartitionRecord) -> impl Iterator<Item = (Placement, StoreUse)> {
    let placed = record.placed;
    let of_state = placed.map(|placed| match placed.state {
        PartitionState::Active(at) => [Some((at, StoreUse::Owner)), None],
        PartitionState::Migrating { from, to, .. } => {
            [Some((from, StoreUse::Source)), Some((to, StoreUse::Target))]
        }
    });
    let debt = placed.and_then(|placed| placed.debt).map(|debt| (debt.placement, StoreUse::Debtor));
    let old = record.old_copies.iter().map(|old| (old.placement, StoreUse::OldCopy));
    of_state.into_iter().flatten().flatten().chain(debt).chain(old)
}

/// How a record names a store; `None` if it does not.
pub(super) fn use_of(record: &PartitionRecord, store: Placement) -> Option<StoreUse> {
    uses(record).find(|(used, _)| *used == store).map(|(_, how)| how)
}

/// The stores that a record names, each once.
#[must_use]
pub fn stores_of(record: &PartitionRecord) -> BTreeSet<Placement> {
    uses(record).map(|(store, _)| store).collect()
}
