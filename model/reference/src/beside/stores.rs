//! The directory of stores and its reference.

use super::Disagreement;
use super::statements::guarantee;
use crate::stores::{Asked, Described, Directory, Given, Listed, No, Role};
use crate::table::command::Change;
use crate::table::state::Table;
use cutover::core::control_plane::{
    Answer, Store, StoreChange, StoreEndpoints, StoreFacts, StoreRefusal, StoreUse, Stores,
};
use cutover::core::ids::{Placement, Revision};
use cutover::core::migration::MigrationError;

/// The reference of the stores, beside those of a control plane.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct StoresBeside {
    directory: Directory,
    given: Given,
}

impl StoresBeside {
    /// Beside stores that a cluster is founded with.
    #[must_use]
    pub fn knowing(stores: &Stores) -> Self {
        let mut beside = Self::default();
        for (number, store) in stores.iter() {
            beside.given.takes(number);
            beside.directory.listed.push(listed(number, store));
        }
        beside
    }

    /// Beside the stores of a log that was written before stores were known.
    #[must_use]
    pub fn unaware() -> Self {
        let mut beside = Self::default();
        beside.directory.unaware = true;
        beside
    }

    /// The stores of a backup. What was given out since stays given out.
    pub fn restore(&mut self, backup: &Self) {
        self.directory = backup.directory.clone();
    }

    /// Judges the answer to a change that was applied at an index. Returns the change as an audit has it, if it was made.
    ///
    /// # Errors
    /// The machine and the reference differ.
    pub fn changed(
        &mut self,
        at: Revision,
        change: &StoreChange,
        answer: &Answer,
        table: &Table,
    ) -> Result<Option<(Placement, Asked)>, Disagreement> {
        let asked = asked(change);
        let violated = self.directory.violated(&asked, &table.records);
        match answer {
            // T2
            Answer::StoreRefused(found) if violated.contains(&refusal(found)) => Ok(None),
            Answer::StoreRefused(found) => Err(Disagreement::new("K2 to K8, K13", (change, found), violated)),
            Answer::Store { .. } if !violated.is_empty() => {
                Err(Disagreement::new("K2 to K8, K13", (change, answer), violated))
            }
            Answer::Store { store, revision } => {
                let named = match &asked {
                    Asked::List(number, _) => *number,
                    Asked::Move(number, ..) | Asked::Strike(number, _) => Some(*number),
                };
                if named.is_some_and(|named| named != *store) || *revision != at {
                    return Err(Disagreement::new("K9", (change, answer), (named, at)));
                }
                if matches!(asked, Asked::List(..)) && !self.given.takes(*store) && named.is_none() {
                    return Err(Disagreement::new("K1", (change, answer), "a store had this number"));
                }
                self.directory.does(&asked, *store, at);
                Ok(Some((*store, asked)))
            }
            Answer::Noted
            | Answer::Epoch(_)
            | Answer::Named { .. }
            | Answer::Refused(_)
            | Answer::OrderRefused(_) => {
                Err(Disagreement::new("K9", (change, answer), "no answer to this entry"))
            }
        }
    }

    /// Whether the stores forbid a change of a partition, and the answer says so.
    ///
    /// # Errors
    /// The machine and the reference differ.
    pub fn forbids(&self, change: &Change, answer: &Answer) -> Result<bool, Disagreement> {
        let no = self.directory.forbids(change);
        let told = match *answer {
            Answer::Refused(MigrationError::UnknownStore { store }) => Some(No::Nobody(store)),
            Answer::Refused(MigrationError::StoreGuarantee { store, have, asked }) => {
                Some(No::Gives(store, guarantee(have), guarantee(asked)))
            }
            Answer::Refused(_)
            | Answer::Noted
            | Answer::Epoch(_)
            | Answer::Named { .. }
            | Answer::Store { .. }
            | Answer::StoreRefused(_)
            | Answer::OrderRefused(_) => None,
        };
        if told == no { Ok(no.is_some()) } else { Err(Disagreement::new("K11", answer, no)) }
    }

    /// Compares the stores that are listed.
    ///
    /// # Errors
    /// The machine and the reference differ.
    pub fn compare(&self, stores: &Stores) -> Result<(), Disagreement> {
        let have: Vec<_> = stores.iter().map(|(number, store)| listed(number, store)).collect();
        let mut expected = self.directory.listed.clone();
        expected.sort_by_key(|listed| listed.number);
        if have == expected { Ok(()) } else { Err(Disagreement::new("K9, K10", have, expected)) }
    }
}

/// What an audit has of a change.
pub fn asked(change: &StoreChange) -> Asked {
    match change {
        StoreChange::Add { number, store } => Asked::List(*number, described(store)),
        StoreChange::MoveEndpoints { store, expected, endpoints: to } => {
            Asked::Move(*store, *expected, endpoints(to))
        }
        StoreChange::Remove { store, expected } => Asked::Strike(*store, *expected),
    }
}

fn endpoints(endpoints: &StoreEndpoints) -> Vec<String> {
    endpoints.iter().map(ToString::to_string).collect()
}

fn described(facts: &StoreFacts) -> Described {
    let StoreFacts { name, kind, endpoints: at, guarantee: gives, identity } = facts;
    Described {
        name: name.to_string(),
        kind: kind.to_string(),
        endpoints: endpoints(at),
        guarantee: guarantee(*gives),
        identity: identity.to_string(),
    }
}

fn listed(number: Placement, store: &Store) -> Listed {
    Listed { number, described: described(&store.facts), revision: store.revision }
}

fn refusal(found: &StoreRefusal) -> No {
    match *found {
        StoreRefusal::NameTaken { by } => No::NameOf(by),
        StoreRefusal::IdentityTaken { by } => No::IdentityOf(by),
        StoreRefusal::EndpointTaken { endpoint, by } => No::EndpointOf(endpoint, by),
        StoreRefusal::UnknownStore { store } => No::Nobody(store),
        StoreRefusal::InUse { store, partition, used } => No::Used(store, partition, role(used)),
        StoreRefusal::OtherRevision { store, expected, found } => {
            No::Changed { number: store, asked: expected, found }
        }
        StoreRefusal::TooMany { have, limit: _ } => No::Full(usize::try_from(have).unwrap_or(usize::MAX)),
        StoreRefusal::NumberTaken { store } => No::NumberOf(store),
        StoreRefusal::NumberNotUsed { store } => No::NumberUnused(store),
    }
}

const fn role(used: StoreUse) -> Role {
    match used {
        StoreUse::Owner => Role::Owner,
        StoreUse::Source => Role::Source,
        StoreUse::Target => Role::Target,
        StoreUse::Debtor => Role::Debtor,
        StoreUse::OldCopy => Role::Left,
    }
}
