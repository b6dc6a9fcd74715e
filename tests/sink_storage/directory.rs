//! Directories: whose they are, and who may open them.

use super::twin::{ME, SETUP, STORE};
use cutover::core::fence::{Body, Enforcement, Input, Prepare, Request};
use cutover::core::ids::{Epoch, Incarnation, MigrationId, NodeId, PartitionId, Placement};
use cutover::node::store::{Store, StoreError};
use cutover::sink::storage::{Beginning, Effect, Setup, SinkIdentity, Storage, StorageError};
use std::path::Path;

fn created(path: &Path) -> Storage {
    Storage::create(path, ME, SETUP, &Beginning::EMPTY).unwrap()
}

#[test]
fn a_directory_is_created_once_and_opened_again() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("data");
    created(&path).close().unwrap();
    let again = Storage::create(&path, ME, SETUP, &Beginning::EMPTY).map(|_| ()).unwrap_err();
    assert!(matches!(again, StorageError::File(StoreError::Exists { .. })), "{again}");
    let open = Storage::open(&path, STORE, SETUP).unwrap();
    assert_eq!(open.identity(), ME);
}

#[test]
fn another_stores_directory_is_refused_and_untouched() {
    let directory = tempfile::tempdir().unwrap();
    created(directory.path()).close().unwrap();
    let error = Storage::open(directory.path(), Placement(5), SETUP).map(|_| ()).unwrap_err();
    let found = SinkIdentity { store: STORE, incarnation: Incarnation(1) };
    assert!(matches!(&error, StorageError::Foreign { found: owner, .. } if *owner == found), "{error}");
    assert!(error.to_string().contains("belongs to another store: found"), "{error}");
    Storage::open(directory.path(), STORE, SETUP).unwrap();
}

/// A store that gave a receipt, and checks no tokens from then on, would take writes that the receipt excludes.
#[test]
fn whether_tokens_are_checked_stays_as_it_was_created() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("data");
    let timed = Setup { enforcement: Enforcement::Nothing, ..SETUP };
    let known_as = "CN=eu-1,O=example store 7".to_owned();
    let beginning = Beginning { known_as, ..Beginning::EMPTY };
    Storage::create(&path, ME, timed, &beginning).unwrap().close().unwrap();
    let error = Storage::open(&path, STORE, SETUP).map(|_| ()).unwrap_err();
    assert!(
        error.to_string().ends_with("data: found a store that cannot seal, expected one that can be sealed"),
        "{error}"
    );
    Storage::open(&path, STORE, timed).unwrap().close().unwrap();
    let storage = Storage::open_any(&path, SETUP.limits).unwrap();
    assert_eq!((storage.identity(), storage.enforcement()), (ME, Enforcement::Nothing));
    assert_eq!(*storage.beginning(), beginning);
}

#[test]
fn a_directory_in_use_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let _first = created(directory.path());
    let error = Storage::open(directory.path(), STORE, SETUP).map(|_| ()).unwrap_err();
    assert!(matches!(error, StorageError::File(StoreError::InUse { .. })), "{error}");
}

#[test]
fn what_is_no_directory_of_a_store_is_said() {
    let directory = tempfile::tempdir().unwrap();
    let nothing = Storage::open(&directory.path().join("none"), STORE, SETUP).map(|_| ()).unwrap_err();
    assert!(matches!(nothing, StorageError::File(StoreError::Missing { .. })), "{nothing}");
    std::fs::write(directory.path().join("log.redb"), b"").unwrap();
    let empty = Storage::open(directory.path(), STORE, SETUP).map(|_| ()).unwrap_err();
    assert!(matches!(empty, StorageError::Corrupt { .. }), "{empty}");
}

/// The directory of a node is no directory of a store, and the other way round.
#[test]
fn a_store_and_a_node_do_not_open_each_others_directory() {
    let directory = tempfile::tempdir().unwrap();
    created(directory.path()).close().unwrap();
    let error = Store::open(directory.path(), NodeId(1)).map(|_| ()).unwrap_err();
    assert!(matches!(error, StoreError::OfASink { .. }), "{error}");
    assert!(!error.to_string().contains("wipe"), "it holds data: {error}");
    Storage::open(directory.path(), STORE, SETUP).unwrap();
}

/// A store that begins, or begins again, after partitions were created is closed to all that was before (ADR 0011).
#[test]
fn a_store_that_begins_later_is_closed_to_what_was() {
    let directory = tempfile::tempdir().unwrap();
    let (known, unknown) = (PartitionId(1), PartitionId(2));
    let beginning = Beginning {
        migration: MigrationId(5),
        epoch: Epoch(3),
        partitions: [(known, Epoch(9))].into(),
        ..Beginning::EMPTY
    };
    let prepare = |partition, migration| {
        let body = Body::Prepare(Prepare { migration, closed_through: Epoch(4), source: None, keep: None });
        (partition, Input::Request(Request { store: STORE, partition, body }))
    };
    let mut storage = Storage::create(directory.path(), ME, SETUP, &beginning).unwrap();
    for _ in 0..2 {
        for partition in [known, unknown] {
            let effects = storage.perform(&[prepare(partition, MigrationId(5))]).unwrap().remove(0);
            let refused = matches!(&effects[..], [Effect::Reply(reply)] if format!("{reply:?}").contains("UnknownPartition"));
            assert!(refused, "{effects:?}");
            assert_eq!(storage.fence(partition), None, "a question is remembered");
        }
        storage.close().unwrap();
        storage = Storage::open(directory.path(), STORE, SETUP).unwrap();
    }
    let closed = |storage: &Storage, partition| storage.fence(partition).unwrap().durable().closed_through();
    let _ = storage.perform(&[prepare(known, MigrationId(6)), prepare(unknown, MigrationId(7))]).unwrap();
    assert_eq!((closed(&storage, known), closed(&storage, unknown)), (Epoch(9), Epoch(4)));
}
