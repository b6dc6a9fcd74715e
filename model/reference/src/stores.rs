//! The directory of stores: rules `K1` to `K13` of `docs/protocol.md`. A list of stores, and every number that one ever had.

use crate::table::command::{Change, Guarantee};
use crate::table::record::Record;
use cutover::core::ids::{PartitionId, Placement, Revision};
use std::collections::{BTreeMap, BTreeSet};

/// So many stores may be listed.
pub const STORES_MAX: usize = 256;

/// What an operator says of a store.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Described {
    /// Its name.
    pub name: String,
    /// The word for what it is.
    pub kind: String,
    /// Where it is reached.
    pub endpoints: Vec<String>,
    /// What it can give.
    pub guarantee: Guarantee,
    /// Who it is.
    pub identity: String,
}

/// A store that is listed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Listed {
    /// Its number.
    pub number: Placement,
    /// What was said of it.
    pub described: Described,
    /// Where in the log it was last changed.
    pub revision: Revision,
}

/// What is asked of the list.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Asked {
    /// A store is to be listed, under a number that is already in use, or one that the log chooses.
    List(Option<Placement>, Described),
    /// A store is reached elsewhere.
    Move(Placement, Revision, Vec<String>),
    /// A store is to be listed no more.
    Strike(Placement, Revision),
}

/// How a record names a store.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Role {
    /// It has the partition, which does not move.
    Owner,
    /// The partition moves away from it.
    Source,
    /// The partition moves to it.
    Target,
    /// A forced move left it.
    Debtor,
    /// A copy was left there.
    Left,
}

/// A rule that is violated.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs, reason = "each is named after what is in the way, with the store that it is of")]
pub enum No {
    NameOf(Placement),
    IdentityOf(Placement),
    /// With the number of the endpoint, from 1.
    EndpointOf(u8, Placement),
    Nobody(Placement),
    Used(Placement, PartitionId, Role),
    Changed {
        number: Placement,
        asked: Revision,
        found: Revision,
    },
    Full(usize),
    NumberOf(Placement),
    NumberUnused(Placement),
    /// With what the store can give, and what was asked for.
    Gives(Placement, Guarantee, Guarantee),
}

/// The list.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Directory {
    /// The stores, in no order.
    pub listed: Vec<Listed>,
    /// Whether the log is from before any store was listed, and none has been since.
    pub unaware: bool,
}

/// The numbers that stores ever had, in every life of a cluster.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Given(BTreeSet<Placement>);

impl Given {
    /// Notes a number. False: a store had it.
    pub fn takes(&mut self, number: Placement) -> bool {
        // K1, K12
        self.0.insert(number)
    }
}

/// Everything that the records say of a store.
#[must_use]
pub fn roles(records: &BTreeMap<PartitionId, Record>, number: Placement) -> Vec<(PartitionId, Role)> {
    let mut found = Vec::new();
    for (partition, record) in records {
        let mut note = |is: bool, role| {
            if is {
                found.push((*partition, role));
            }
        };
        // K7
        if let Some(placed) = &record.placed {
            let (owns, moves) = (placed.owner == number, placed.flight.is_some());
            note(owns && !moves, Role::Owner);
            note(owns && moves, Role::Source);
            note(placed.flight.is_some_and(|flight| flight.to == number), Role::Target);
            note(placed.debt.is_some_and(|debt| debt.placement == number), Role::Debtor);
        }
        note(record.old_copies.contains_key(&number), Role::Left);
    }
    found
}

impl Directory {
    /// The store of a number.
    #[must_use]
    pub fn get(&self, number: Placement) -> Option<&Listed> {
        self.listed.iter().find(|listed| listed.number == number)
    }

    /// The endpoints that another store has already.
    fn elsewhere(&self, endpoints: &[String], but: Option<Placement>) -> Vec<No> {
        let mut taken = Vec::new();
        // K4
        for listed in self.listed.iter().filter(|listed| Some(listed.number) != but) {
            for (at, endpoint) in (1..).zip(endpoints) {
                if listed.described.endpoints.contains(endpoint) {
                    taken.push(No::EndpointOf(at, listed.number));
                }
            }
        }
        taken
    }

    /// The store that a change is of, if it is listed as it was when the change was made.
    fn same(&self, number: Placement, asked: Revision) -> Vec<No> {
        match self.get(number) {
            // K5
            None => vec![No::Nobody(number)],
            // K6
            Some(listed) if listed.revision != asked => {
                vec![No::Changed { number, asked, found: listed.revision }]
            }
            Some(_) => Vec::new(),
        }
    }

    /// Every rule that is in the way.
    #[must_use]
    pub fn violated(&self, asked: &Asked, records: &BTreeMap<PartitionId, Record>) -> Vec<No> {
        match asked {
            Asked::List(number, new) => {
                let mut all = self.elsewhere(&new.endpoints, None);
                for Listed { number, described, .. } in &self.listed {
                    // K2
                    all.extend((described.name == new.name).then_some(No::NameOf(*number)));
                    // K3
                    all.extend((described.identity == new.identity).then_some(No::IdentityOf(*number)));
                }
                // K8
                all.extend((self.listed.len() >= STORES_MAX).then_some(No::Full(self.listed.len())));
                if let Some(number) = *number {
                    // K13
                    all.extend(self.get(number).map(|_| No::NumberOf(number)));
                    all.extend(roles(records, number).is_empty().then_some(No::NumberUnused(number)));
                }
                all
            }
            Asked::Move(number, revision, endpoints) => {
                let mut all = self.same(*number, *revision);
                all.extend(self.elsewhere(endpoints, Some(*number)));
                all
            }
            Asked::Strike(number, revision) => {
                let mut all = self.same(*number, *revision);
                let roles = roles(records, *number).into_iter();
                all.extend(roles.map(|(partition, role)| No::Used(*number, partition, role)));
                all
            }
        }
    }

    /// Does what is asked, at an index, for the store of this number.
    pub fn does(&mut self, asked: &Asked, number: Placement, at: Revision) {
        match asked {
            // K9
            Asked::List(_, described) => {
                // K13
                self.unaware = false;
                self.listed.push(Listed { number, described: described.clone(), revision: at });
            }
            // K9, K10
            Asked::Move(_, _, endpoints) => {
                for listed in self.listed.iter_mut().filter(|listed| listed.number == number) {
                    listed.described.endpoints.clone_from(endpoints);
                    listed.revision = at;
                }
            }
            Asked::Strike(..) => self.listed.retain(|listed| listed.number != number),
        }
    }

    /// What forbids a change of a partition.
    #[must_use]
    pub fn forbids(&self, change: &Change) -> Option<No> {
        // K13
        if self.unaware {
            return None;
        }
        // K11
        match change {
            Change::Create(at, asked) => match self.get(*at) {
                None => Some(No::Nobody(*at)),
                Some(listed) => {
                    let gives = listed.described.guarantee;
                    (gives != *asked).then_some(No::Gives(*at, gives, *asked))
                }
            },
            Change::Begin(_, to) => self.get(*to).is_none().then_some(No::Nobody(*to)),
            Change::Open(..)
            | Change::StartBlock(..)
            | Change::EnterCutover(..)
            | Change::EnterTimedCutover(..)
            | Change::RecordWatermark(..)
            | Change::Complete(..)
            | Change::Abort(..)
            | Change::Force(..)
            | Change::Settle(..)
            | Change::Retire(..)
            | Change::Forget(_)
            | Change::WriteOff(..)
            | Change::Delete(_)
            | Change::Release(..) => None,
        }
    }
}
