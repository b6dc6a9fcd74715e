//! Conversions of changes of the stores between protobuf messages and the types of the protocol.

use super::command::{Malformed, guarantee, guarantee_of};
use super::v1::{self, change_stores_request::Change};
use crate::core::control_plane::{
    Address, StoreChange, StoreEndpoints, StoreFacts, StoreIdentity, StoreKind, StoreName,
};
use crate::core::ids::{Placement, Revision};

fn endpoints(wire: Vec<String>) -> Result<StoreEndpoints, Malformed> {
    let all = wire.into_iter().map(Address::try_from).collect::<Result<Vec<_>, _>>()?;
    Ok(StoreEndpoints::try_from(all)?)
}

fn texts(endpoints: &StoreEndpoints) -> Vec<String> {
    endpoints.iter().map(ToString::to_string).collect()
}

impl TryFrom<v1::Store> for StoreFacts {
    type Error = Malformed;

    fn try_from(wire: v1::Store) -> Result<Self, Malformed> {
        Ok(Self {
            guarantee: guarantee(wire.guarantee)?,
            name: StoreName::try_from(wire.name)?,
            kind: StoreKind::try_from(wire.kind)?,
            endpoints: endpoints(wire.endpoints)?,
            identity: StoreIdentity::try_from(wire.identity)?,
        })
    }
}

impl TryFrom<Change> for StoreChange {
    type Error = Malformed;

    fn try_from(wire: Change) -> Result<Self, Malformed> {
        Ok(match wire {
            Change::Add(add) => Self::Add {
                number: add.store.map(Placement),
                store: StoreFacts {
                    name: StoreName::try_from(add.name)?,
                    kind: StoreKind::try_from(add.kind)?,
                    endpoints: endpoints(add.endpoints)?,
                    guarantee: guarantee(add.guarantee)?,
                    identity: StoreIdentity::try_from(add.identity)?,
                },
            },
            Change::MoveEndpoints(moved) => Self::MoveEndpoints {
                store: Placement(moved.store),
                expected: Revision(moved.expected_revision),
                endpoints: endpoints(moved.endpoints)?,
            },
            Change::Remove(remove) => {
                Self::Remove { store: Placement(remove.store), expected: Revision(remove.expected_revision) }
            }
        })
    }
}

impl From<StoreChange> for Change {
    fn from(change: StoreChange) -> Self {
        match change {
            StoreChange::Add { number, store } => Self::Add(v1::AddStore {
                store: number.map(|number| number.0),
                name: store.name.into(),
                kind: store.kind.into(),
                endpoints: texts(&store.endpoints),
                guarantee: guarantee_of(store.guarantee),
                identity: store.identity.into(),
            }),
            StoreChange::MoveEndpoints { store, expected, endpoints } => {
                Self::MoveEndpoints(v1::MoveStoreEndpoints {
                    store: store.0,
                    expected_revision: expected.0,
                    endpoints: texts(&endpoints),
                })
            }
            StoreChange::Remove { store, expected } => {
                Self::Remove(v1::RemoveStore { store: store.0, expected_revision: expected.0 })
            }
        }
    }
}
