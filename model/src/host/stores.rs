//! Stores that a log knows from the beginning.

use cutover::core::control_plane::{
    Address, StoreChange, StoreEndpoints, StoreFacts, StoreIdentity, StoreKind, StoreName, Stores,
};
use cutover::core::ids::Revision;
use cutover::core::placement::Guarantee;

/// The facts of a store by a name. Stores of different names have nothing in common.
#[must_use]
pub fn store_facts(name: &str, guarantee: Guarantee) -> Option<StoreFacts> {
    let address = Address::try_from(format!("{name}:7400")).ok()?;
    Some(StoreFacts {
        name: StoreName::try_from(name.to_owned()).ok()?,
        kind: StoreKind::try_from("reference".to_owned()).ok()?,
        endpoints: StoreEndpoints::try_from(vec![address]).ok()?,
        guarantee,
        identity: StoreIdentity::try_from(format!("CN={name},store=1")).ok()?,
    })
}

/// Stores with these guarantees, by number from 0. One that cannot be added is left out.
#[must_use]
pub fn known_stores(guarantees: impl IntoIterator<Item = Guarantee>) -> Stores {
    let mut stores = Stores::none();
    for (number, guarantee) in guarantees.into_iter().enumerate() {
        if let Some(store) = store_facts(&format!("s{number}"), guarantee) {
            let add = StoreChange::Add { number: None, store };
            let _left_out = stores.apply(Revision::ZERO, &add, std::iter::empty);
        }
    }
    stores
}
