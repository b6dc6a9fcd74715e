//! Changes of the stores: the longest ones, and any.

use cutover::core::control_plane::{
    Address, StoreChange, StoreEndpoints, StoreFacts, StoreIdentity, StoreKind, StoreName,
};
use cutover::core::ids::{Placement, Revision};
use cutover::core::placement::Guarantee;
use proptest::prelude::*;

/// The longest change of each kind, with endpoints of this length.
pub fn longest() -> [StoreChange; 3] {
    let port = |at: usize| format!(":6{at:04}");
    let address = |at: usize| {
        let text = format!("{}{}", "n".repeat(Address::BYTES_MAX - 6), port(at));
        text.parse::<Address>().expect("as long as it may be")
    };
    let all: Vec<_> = (0..StoreEndpoints::COUNT_MAX).map(address).collect();
    assert!(StoreEndpoints::try_from([all.as_slice(), &[address(9)]].concat()).is_err());
    let endpoints = StoreEndpoints::try_from(all).expect("as many as it may be");
    let (longest, more) =
        (|most: usize| "n".repeat(most), |most: usize| StoreName::try_from("n".repeat(most + 1)).is_err());
    assert!(more(StoreName::BYTES_MAX));
    let store = StoreFacts {
        name: StoreName::try_from(longest(StoreName::BYTES_MAX)).expect("as long as it may be"),
        kind: StoreKind::try_from(longest(StoreKind::BYTES_MAX)).expect("as long as it may be"),
        endpoints: endpoints.clone(),
        guarantee: Guarantee::Timed,
        identity: StoreIdentity::try_from(longest(StoreIdentity::BYTES_MAX)).expect("as long as it may be"),
    };
    let (number, expected) = (Placement(u64::MAX), Revision(u64::MAX));
    [
        StoreChange::Add { number: Some(number), store },
        StoreChange::MoveEndpoints { store: number, expected, endpoints },
        StoreChange::Remove { store: number, expected },
    ]
}

/// Any change of the stores.
pub fn any_change() -> impl Strategy<Value = StoreChange> {
    let address =
        "[a-z0-9.-]{1,60}:[1-9][0-9]{0,3}".prop_map(|text| text.parse::<Address>().expect("it is one"));
    let endpoints = proptest::collection::btree_set(address, 1..=4)
        .prop_map(|all| StoreEndpoints::try_from(all.into_iter().collect::<Vec<_>>()).expect("they differ"));
    let texts = ("[a-z][a-z0-9._-]{0,30}[a-z]", "[a-z]{1,32}", "[A-Z]=[ -~]{0,60}x");
    (0_u8..3, any::<u64>(), any::<Option<u64>>(), endpoints, texts).prop_map(
        |(kind, number, other, endpoints, (name, word, identity))| {
            let (store, expected) = (Placement(number), Revision(number));
            match kind {
                0 => StoreChange::Add {
                    number: other.map(Placement),
                    store: StoreFacts {
                        name: name.parse().expect("it is one"),
                        kind: word.parse().expect("it is one"),
                        endpoints,
                        guarantee: Guarantee::Sealed,
                        identity: identity.parse().expect("it is one"),
                    },
                },
                1 => StoreChange::MoveEndpoints { store, expected, endpoints },
                _ => StoreChange::Remove { store, expected },
            }
        },
    )
}
