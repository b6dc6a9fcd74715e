//! The next change of the stores, and the stores that commands name.

use super::dice::Dice;
use super::sinks::{STORES, gives};
use cutover::core::control_plane::{
    Address, Store, StoreChange, StoreEndpoints, StoreFacts, StoreIdentity, Stores, stores_of,
};
use cutover::core::ids::{Placement, Revision};
use cutover::core::migration::PlacementTable;
use cutover::core::placement::Guarantee;

/// So many stores are known, mostly.
const KNOWN: usize = 4;

const NAMES: [&str; 6] = ["eu-1", "eu-2", "us-1", "us-2", "ap-1", "ap-2"];

/// A store that the log knows, or any other.
pub fn any_of(dice: &mut Dice, stores: &Stores) -> Placement {
    let known: Vec<_> = stores.iter().map(|(number, _)| number).collect();
    if known.is_empty() || dice.percent(5) { dice.one_of(&STORES) } else { dice.one_of(&known) }
}

/// The guarantee that the log has of a store; of one that it does not know, the one that it gives.
pub fn guarantee_of(stores: &Stores, at: Placement) -> Guarantee {
    stores.get(at).map_or_else(|| gives(at), |store| store.facts.guarantee)
}

/// The numbers that records name and that no store has.
pub fn nameless(stores: &Stores, table: &PlacementTable) -> Vec<Placement> {
    table.records().flat_map(stores_of).filter(|number| stores.get(*number).is_none()).collect()
}

fn endpoints(dice: &mut Dice) -> StoreEndpoints {
    let first = dice.below(10);
    let count = 1 + dice.below(2);
    let address = |at: u64| Address::try_from(format!("h{}:7400", at % 10)).expect("it is one");
    let all: Vec<_> = (first..first + count).map(address).collect();
    StoreEndpoints::try_from(all).expect("they are few, and differ")
}

/// A store with anything, under a number that is in use, or none.
fn add(dice: &mut Dice, stores: &Stores, table: &PlacementTable) -> StoreChange {
    let name = dice.one_of(&NAMES);
    let identity: StoreIdentity = format!("CN={}", dice.one_of(&NAMES)).parse().expect("it is one");
    let facts = StoreFacts {
        name: name.parse().expect("it is one"),
        kind: dice.one_of(&["reference", "postgresql"]).parse().expect("it is one"),
        endpoints: endpoints(dice),
        guarantee: Guarantee::Sealed,
        identity,
    };
    let nameless = nameless(stores, table);
    let number = match dice.below(100) {
        0..60 if !nameless.is_empty() => Some(dice.one_of(&nameless)),
        0..8 => Some(any_of(dice, stores)),
        _ => None,
    };
    // What the store with the number that this one will have gives; now and then, the operator is wrong about it.
    let change = |guarantee| StoreChange::Add { number, store: StoreFacts { guarantee, ..facts.clone() } };
    let mut trial = stores.clone();
    let will = trial.apply(Revision::ZERO, &change(Guarantee::Sealed), || table.records());
    let truth = will.map_or(Guarantee::Sealed, gives);
    let wrong = if truth == Guarantee::Sealed { Guarantee::Timed } else { Guarantee::Sealed };
    change(if dice.percent(90) { truth } else { wrong })
}

pub fn change(dice: &mut Dice, stores: &Stores, table: &PlacementTable) -> StoreChange {
    let all: Vec<(Placement, &Store)> = stores.iter().collect();
    if all.len() < KNOWN && dice.percent(70) {
        return add(dice, stores, table);
    }
    let store = any_of(dice, stores);
    let revision = stores.get(store).map_or(Revision(7), |store| store.revision);
    let expected = Revision(dice.near(revision.0));
    match dice.below(100) {
        0..30 => add(dice, stores, table),
        30..60 => StoreChange::MoveEndpoints { store, expected, endpoints: endpoints(dice) },
        _ => StoreChange::Remove { store, expected },
    }
}
