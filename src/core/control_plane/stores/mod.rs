//! The directory of stores: which servers hold the partitions' data, as the log knows them.
//!
//! A [`Placement`] in a record is the number of a store. The log gives the numbers, each once: not again after a removal, and not
//! in a cluster that was restored or recovered, where they leap above all that the lost log may have given out. A creation or a
//! migration names a store that the log knows (in a log from before stores were known: once it has its first), and a store that any record names is not removed; both are judged when an entry
//! is applied, so nothing comes between the check and the change.

mod refusal;
mod value;

use refusal::use_of;
pub use refusal::{StoreRefusal, StoreUse, stores_of};
pub use value::{
    StoreEndpoints, StoreFacts, StoreIdentity, StoreKind, StoreMismatch, StoreName, StoreStatement,
    StoreValueError,
};

use crate::core::ids::{Placement, Revision};
use crate::core::map::PersistentMap;
use crate::core::migration::{MigrationError, PartitionRecord, Transition};
use crate::core::placement::Guarantee;
use serde::{Deserialize, Serialize};

/// The most stores that the log has.
pub const STORES_MAX: u32 = 256;

/// By how much the numbers of stores leap in a recovery. A lost cluster gave out fewer than this many after the restored state.
pub const STORE_LEAP: u64 = 1 << 32;

/// Above each number that an operator could type when the log did not know stores. In a log from that time, the log's own
/// numbers begin here, so that none of them was a store's before.
pub const NUMBERS_OF_OPERATORS: u64 = 1 << 16;

/// A change of the stores.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum StoreChange {
    /// Makes a store known.
    Add {
        /// `None`: the log gives the number. Else the number of a store that records name and the log does not know: it was in
        /// use before the log knew stores.
        number: Option<Placement>,
        /// The store.
        store: StoreFacts,
    },
    /// Replaces the endpoints of a store, if nothing of it has changed since.
    MoveEndpoints {
        /// The number of the store.
        store: Placement,
        /// The revision of the store that the change is made from.
        expected: Revision,
        /// The endpoints from now on.
        endpoints: StoreEndpoints,
    },
    /// Removes a store that no record names, if nothing of it has changed since.
    Remove {
        /// The number of the store.
        store: Placement,
        /// The revision of the store that the change is made from.
        expected: Revision,
    },
}

/// A store as the log has it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Store {
    /// What was said of it.
    pub facts: StoreFacts,
    /// The log index of its last change.
    pub revision: Revision,
}

/// The stores that the log knows.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Stores {
    known: PersistentMap<Placement, Store>,
    /// The number that the next store gets.
    next: Placement,
    /// Whether creations and migrations name known stores alone. In a log from before the log knew stores, only from its first store
    /// on: what it committed before is applied again at each start, and must have the effect that it had.
    required: bool,
}

impl Stores {
    /// No stores, in a new log.
    #[must_use]
    pub fn none() -> Self {
        Self { known: PersistentMap::new(), next: Placement(0), required: true }
    }

    /// No stores, in a log from before the log knew them.
    #[must_use]
    pub fn unknown_so_far() -> Self {
        Self { known: PersistentMap::new(), next: Placement(NUMBERS_OF_OPERATORS), required: false }
    }

    /// The stores with their numbers, by number.
    pub fn iter(&self) -> impl Iterator<Item = (Placement, &Store)> {
        self.known.iter().map(|(number, store)| (*number, store))
    }

    /// The store of a number.
    #[must_use]
    pub fn get(&self, store: Placement) -> Option<&Store> {
        self.known.get(&store)
    }

    /// The store of a name.
    #[must_use]
    pub fn named(&self, name: &StoreName) -> Option<(Placement, &Store)> {
        self.iter().find(|(_, store)| store.facts.name == *name)
    }

    /// Whether a transition may name the stores that it names: a creation and a migration name one that the log knows, and a
    /// creation has the guarantee that the store states. Other transitions name what the record has.
    ///
    /// # Errors
    /// [`MigrationError::UnknownStore`], [`MigrationError::StoreGuarantee`]
    pub fn check(&self, transition: &Transition) -> Result<(), MigrationError> {
        if let Transition::Create { placement, guarantee } = transition {
            return self.check_guarantee(*placement, *guarantee);
        }
        if let Transition::Begin { to, .. } = transition {
            return self.check_target(*to);
        }
        Ok(())
    }

    /// Whether a migration may go to a store.
    ///
    /// # Errors
    /// [`MigrationError::UnknownStore`]
    pub fn check_target(&self, store: Placement) -> Result<(), MigrationError> {
        if self.required && self.get(store).is_none() {
            return Err(MigrationError::UnknownStore { store });
        }
        Ok(())
    }

    fn check_guarantee(&self, store: Placement, asked: Guarantee) -> Result<(), MigrationError> {
        self.check_target(store)?;
        match self.get(store).map(|store| store.facts.guarantee).filter(|have| *have != asked) {
            Some(have) => Err(MigrationError::StoreGuarantee { store, have, asked }),
            None => Ok(()),
        }
    }

    /// Applies a change that is committed at this revision, and returns the number of the store.
    ///
    /// # Errors
    /// [`StoreRefusal`], with nothing changed.
    pub fn apply<'r, R: Iterator<Item = &'r PartitionRecord>>(
        &mut self,
        at: Revision,
        change: &StoreChange,
        records: impl FnOnce() -> R,
    ) -> Result<Placement, StoreRefusal> {
        match change {
            StoreChange::Add { number, store } => {
                let number = self.check_new(*number, store, records)?;
                self.next = self.next.max(Placement(number.0.saturating_add(1)));
                self.known.insert(number, Store { facts: store.clone(), revision: at });
                self.required = true;
                Ok(number)
            }
            StoreChange::MoveEndpoints { store, expected, endpoints } => {
                let known = self.expected(*store, *expected)?;
                self.check_endpoints(endpoints, Some(*store))?;
                let facts = StoreFacts { endpoints: endpoints.clone(), ..known.facts.clone() };
                self.known.insert(*store, Store { facts, revision: at });
                Ok(*store)
            }
            StoreChange::Remove { store, expected } => {
                self.expected(*store, *expected)?;
                if let Some((partition, used)) = first_use(*store, records()) {
                    return Err(StoreRefusal::InUse { store: *store, partition, used });
                }
                self.known.remove(store);
                Ok(*store)
            }
        }
    }

    /// Leaps over the numbers that a lost cluster may have given out.
    pub(super) fn leap(&mut self, times: u64) {
        let leap = STORE_LEAP.saturating_mul(times.max(1));
        self.next = Placement(self.next.0.saturating_add(leap));
    }

    fn expected(&self, store: Placement, expected: Revision) -> Result<&Store, StoreRefusal> {
        let known = self.get(store).ok_or(StoreRefusal::UnknownStore { store })?;
        let found = known.revision;
        if found == expected {
            Ok(known)
        } else {
            Err(StoreRefusal::OtherRevision { store, expected, found })
        }
    }

    /// The number that a new store gets.
    fn check_new<'r, R: Iterator<Item = &'r PartitionRecord>>(
        &self,
        number: Option<Placement>,
        new: &StoreFacts,
        records: impl FnOnce() -> R,
    ) -> Result<Placement, StoreRefusal> {
        if let Some(store) = number {
            if self.known.contains_key(&store) {
                return Err(StoreRefusal::NumberTaken { store });
            }
            if first_use(store, records()).is_none() {
                return Err(StoreRefusal::NumberNotUsed { store });
            }
        }
        if let Some((by, _)) = self.named(&new.name) {
            return Err(StoreRefusal::NameTaken { by });
        }
        if let Some((by, _)) = self.iter().find(|(_, store)| store.facts.identity == new.identity) {
            return Err(StoreRefusal::IdentityTaken { by });
        }
        self.check_endpoints(&new.endpoints, None)?;
        let have = u32::try_from(self.known.len()).unwrap_or(u32::MAX);
        if have >= STORES_MAX {
            return Err(StoreRefusal::TooMany { have, limit: STORES_MAX });
        }
        Ok(number.unwrap_or(self.next))
    }

    fn check_endpoints(&self, new: &StoreEndpoints, of: Option<Placement>) -> Result<(), StoreRefusal> {
        for (by, store) in self.iter().filter(|(number, _)| Some(*number) != of) {
            if let Some(endpoint) = new.shared_with(&store.facts.endpoints) {
                return Err(StoreRefusal::EndpointTaken { endpoint, by });
            }
        }
        Ok(())
    }
}

/// The first partition whose record names a store, and how.
fn first_use<'r>(
    store: Placement,
    mut records: impl Iterator<Item = &'r PartitionRecord>,
) -> Option<(crate::core::ids::PartitionId, StoreUse)> {
    records.find_map(|record| Some((record.partition, use_of(record, store)?)))
}
