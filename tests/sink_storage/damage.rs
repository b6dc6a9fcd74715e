//! Damaged bytes: the storage returns what was written or an error, never anything else, and does not panic.

use super::disk::{Disk, Faults};
use super::twin::{PARTITION, Random, STORE, Twin, create, open, whole};
use cutover::core::fence::{Body, Input, Key, Mutation, Prepare, Request, Value, Write};
use cutover::core::ids::{Epoch, MigrationId, PartitionId, Serial, SessionId, WriteId};
use cutover::sink::storage::{Storage, StorageError};

fn request(body: Body) -> (PartitionId, Input) {
    (PARTITION, Input::Request(Request { store: STORE, partition: PARTITION, body }))
}

fn put(serial: u64) -> (PartitionId, Input) {
    let text = |what: &str| format!("{what} {serial:04}").into_bytes();
    let (key, value) =
        (Key::try_from(text("key").as_slice()).unwrap(), Value::try_from(text("value").as_slice()).unwrap());
    let id = WriteId { session: SessionId(1), serial: Serial(serial) };
    request(Body::Write(Write { id, token: Epoch(1), mutation: Mutation::put(key, value) }))
}

/// A store with so many rows, and the same in memory.
fn filled(disk: &Disk, rows: u64) -> (Storage, Twin) {
    let (mut storage, mut twin) = (create(disk).unwrap(), Twin::default());
    let prepare =
        Prepare { migration: MigrationId(1), closed_through: Epoch::ZERO, source: None, keep: None };
    for inputs in std::iter::once(vec![request(Body::Prepare(prepare))])
        .chain((1..=rows).map(|serial| vec![put(serial)]))
    {
        assert_eq!(storage.perform(&inputs).unwrap(), twin.perform(&inputs));
    }
    (storage, twin)
}

/// The bytes of a file with rows, closed properly.
fn file(rows: u64) -> (Vec<u8>, Twin) {
    let disk = Disk::default();
    let (storage, twin) = filled(&disk, rows);
    storage.close().unwrap();
    (disk.bytes(), twin)
}

#[test]
fn a_bit_that_changed_is_an_error_that_names_what_it_found() {
    let (bytes, twin) = file(60);
    let mut random = Random(7);
    let mut noticed = 0;
    for _ in 0..400 {
        let bit = random.below(bytes.len() * 8);
        let disk = Disk::holding(bytes.clone());
        disk.flip(bit);
        let read = open(&disk).map(|mut storage| twin.agrees(&mut storage));
        match read {
            Ok(Ok(())) => {}
            Ok(Err(line)) => {
                assert!(line.contains("is damaged"), "bit {bit}: other data, with no word: {line}");
                noticed += 1;
            }
            Err(error) => {
                let line = error.to_string();
                assert!(!line.contains('\n') && line.contains("found"), "bit {bit}: {line}");
                assert!(
                    matches!(error, StorageError::Corrupt { .. } | StorageError::File(_)),
                    "bit {bit}: {line}"
                );
                noticed += 1;
            }
        }
    }
    assert!(noticed > 40, "{noticed} of 400: the flips hit nothing that is in use");
}

/// A row that changes on the disk while the store runs is not served.
#[test]
fn a_row_that_rots_while_the_store_runs_is_not_served() {
    let disk = Disk::default();
    let (storage, twin) = filled(&disk, 60);
    storage.close().unwrap();
    let bytes = disk.bytes();
    let needle = b"value 0042";
    let found = bytes.windows(needle.len()).enumerate().filter(|(_, window)| window == needle);
    let mut storage = open(&disk).unwrap();
    // The row, and what is left of it in pages that are free again.
    found.for_each(|(at, _)| disk.flip(at * 8));
    let fence = &twin.0[&PARTITION].0;
    match storage.perform(&[whole(PARTITION, fence)]) {
        Ok(effects) => assert_eq!(effects, twin.clone().perform(&[whole(PARTITION, fence)])),
        Err(error) => assert!(matches!(error, StorageError::Corrupt { .. }), "{error}"),
    }
    drop(storage);
    let error = open(&disk).map(|_| ()).unwrap_err();
    assert!(matches!(error, StorageError::Corrupt { .. }), "{error}");
}

#[test]
fn a_full_disk_ends_the_store_and_loses_nothing() {
    let disk = Disk::default();
    let (mut storage, mut twin) = filled(&disk, 5);
    disk.set(Faults { full_at: Some(disk.operations() + 1), ..Faults::default() });
    let error = storage.perform(&[put(6)]).unwrap_err();
    assert!(error.to_string().contains("no storage space") || error.to_string().contains("full"), "{error}");
    assert_eq!(storage.perform(&[put(7)]).unwrap_err(), error);
    drop(storage);
    disk.set(Faults::default());
    let mut storage = open(&disk).unwrap();
    twin.crash();
    twin.agrees(&mut storage).unwrap();
    assert_eq!(storage.perform(&[put(6)]).unwrap(), twin.perform(&[put(6)]));
}
