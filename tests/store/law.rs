//! The store contains what the batches would make of an in-memory disk.

use super::batches::{calls, choices, founded};
use super::{ME, disk::Disk};
use cutover::core::ids::{Index, Term};
use cutover::core::raft::{Batch, HardState, LogPosition, Snapshot};
use cutover::node::store::{Store, StoreError};
use proptest::prelude::*;
use std::sync::Arc;

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 64,
        rng_seed: proptest::test_runner::RngSeed::Fixed(17),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn what_is_read_back_is_what_the_batches_make(choices in choices(40), clean in any::<bool>()) {
        let disk = Disk::default();
        let mut store = Store::create_on(disk.clone(), &ME, &founded()).unwrap();
        let mut expected = founded();
        for (batches, after) in calls(founded(), &choices) {
            store.write(&batches).unwrap();
            expected = after;
        }
        // The node stops properly, or is killed without closing the file.
        let left = if clean {
            store.close().unwrap();
            disk
        } else {
            Disk::holding(disk.bytes())
        };
        let (store, found) = Store::open_on(left, ME.node).unwrap();
        prop_assert_eq!(&found, &expected);
        drop(store);
    }
}

#[test]
fn a_store_goes_to_another_thread() {
    fn sent<T: Send>() {}
    sent::<Store>();
}

/// A batch that could not be read back is refused, and so is everything after it.
#[test]
fn a_batch_that_fits_nowhere_is_refused() {
    let nothing = Batch { hard_state: None, snapshot: None, suffix: None, base: None };
    let early = HardState { term: Term(0), voted_for: None };
    let late = Snapshot { last: founded().log.last(), ..(*founded().snapshot).clone() };
    let late = Snapshot { last: LogPosition { index: Index(9), ..late.last }, ..late };
    let entries = super::batches::calls(founded(), &[choice(3, 4, 1)]).remove(0).0;
    let bad = [
        Batch { suffix: Some((Index(1), Vec::new())), ..nothing.clone() },
        Batch { suffix: Some((Index(3), Vec::new())), ..nothing.clone() },
        Batch { hard_state: Some(early), suffix: entries[0].suffix.clone(), ..nothing.clone() },
        Batch { snapshot: Some(Arc::new(late)), ..nothing.clone() },
    ];
    for batch in bad {
        let disk = Disk::default();
        let mut store = Store::create_on(disk.clone(), &ME, &founded()).unwrap();
        let refused = store.write(std::slice::from_ref(&batch)).unwrap_err();
        assert!(matches!(refused, StoreError::Refused { .. }), "{refused}");
        assert_eq!(store.write(&entries), Err(refused));
        drop(store);
        assert_eq!(Store::open_on(disk, ME.node).unwrap().1, founded());
    }
}

/// A founding state that contradicts itself is refused.
#[test]
fn a_beginning_that_contradicts_itself_is_refused() {
    let mut state = founded();
    state.snapshot = Arc::new(Snapshot {
        last: LogPosition { term: Term(3), index: Index(1) },
        ..(*state.snapshot).clone()
    });
    let disk = Disk::default();
    let refused = Store::create_on(disk.clone(), &ME, &state).unwrap_err();
    assert!(matches!(refused, StoreError::Refused { .. }), "{refused}");
    assert!(matches!(Store::open_on(disk.clone(), ME.node), Err(StoreError::Missing { .. })));
    drop(Store::create_on(disk, &ME, &founded()).unwrap());
}

const fn choice(kind: u8, some: u8, other: u8) -> super::batches::Choice {
    super::batches::Choice { kind, some, other, joins: false }
}
