//! Disks that return errors: after the first one, the store writes nothing more.

use super::ME;
use super::batches::{calls, drawn, founded};
use super::disk::{Disk, Faults};
use super::site::Random;
use cutover::node::store::{Store, StoreError};

/// A store with some batches, and its disk.
fn some(seed: u64) -> (Store, Disk, Vec<(Vec<super::batches::Next>, super::site::Disk)>) {
    let mut random = Random(seed);
    let disk = Disk::default();
    let store = Store::create_on(disk.clone(), &ME, &founded()).unwrap();
    (store, disk, calls(founded(), &drawn(30, &mut |bound| random.below(bound))))
}

/// Any single operation fails. Nothing is written after it, not even when the store is dropped.
#[test]
fn a_failure_is_sticky_and_nothing_is_written_after_it() {
    for seed in 0..60 {
        let (mut store, disk, calls) = some(seed);
        let at = disk.operations() + 1 + u64::try_from(Random(seed).below(60)).unwrap();
        disk.set(Faults { fails_at: Some(at), ..Faults::default() });
        let mut acknowledged = founded();
        let mut failed: Option<(StoreError, u64, super::site::Disk)> = None;
        for (batches, after) in &calls {
            let done = store.write(batches);
            match (&failed, done) {
                (None, Ok(())) => acknowledged = after.clone(),
                (None, Err(error)) => {
                    assert!(error.to_string().contains("found the device gave an error"), "{error}");
                    failed = Some((error, disk.operations(), after.clone()));
                }
                (Some((first, ..)), again) => assert_eq!(again.as_ref().err(), Some(first), "seed {seed}"),
            }
        }
        let Some((first, operations, attempted)) = failed else { continue };
        assert_eq!(operations, at, "seed {seed}: redb went on after an error");
        assert_eq!(store.close(), Err(first));
        assert_eq!(disk.operations(), at, "seed {seed}: written after an error");
        let mut random = Random(seed);
        let left = disk.after_power_failure(&mut |bound| random.below(bound));
        let (_, found) = Store::open_on(left, ME.node).unwrap();
        assert!(found == acknowledged || found == attempted, "seed {seed}");
    }
}

/// The disk is full from some write on, or for a longer file. With free space again, all data is there.
#[test]
fn a_full_disk_is_an_error_and_loses_nothing() {
    let mut met = 0;
    for seed in 0..40 {
        let (mut store, disk, calls) = some(seed);
        let faults = if seed % 2 == 0 {
            let at = disk.operations() + 1 + u64::try_from(Random(seed).below(40)).unwrap();
            Faults { full_at: Some(at), ..Faults::default() }
        } else {
            Faults { length_max: Some(disk.bytes().len()), ..Faults::default() }
        };
        disk.set(faults);
        let mut acknowledged = founded();
        for (batches, after) in &calls {
            match store.write(batches) {
                Ok(()) => acknowledged = after.clone(),
                Err(error) => {
                    met += 1;
                    let StoreError::Io { found, .. } = &error else { panic!("{error}") };
                    assert!(found.contains("no storage space"), "{error}");
                    drop(store);
                    disk.set(Faults::default());
                    let (_, found) = Store::open_on(disk, ME.node).unwrap();
                    assert!(found == acknowledged || found == *after, "seed {seed}");
                    break;
                }
            }
        }
    }
    assert!(met >= 20, "{met} of 40 disks were full");
}

/// A creation that fails can be repeated.
#[test]
fn a_creation_that_fails_can_be_repeated() {
    for at in 1..40 {
        let disk = Disk::default();
        disk.set(Faults { fails_at: Some(at), ..Faults::default() });
        let created = Store::create_on(disk.clone(), &ME, &founded());
        disk.set(Faults::default());
        let Err(error) = created else { return };
        assert!(matches!(error, StoreError::Io { .. }), "operation {at}: {error}");
        let opened = Store::open_on(Disk::holding(disk.bytes()), ME.node);
        match opened {
            // The last sync failed: the batch is there, but was not acknowledged.
            Ok((_, found)) => assert_eq!(found, founded()),
            Err(error) => {
                assert!(matches!(error, StoreError::Missing { .. }), "operation {at}: {error}");
                drop(Store::create_on(disk.clone(), &ME, &founded()).unwrap());
                assert_eq!(Store::open_on(disk, ME.node).unwrap().1, founded());
            }
        }
    }
    panic!("a creation is more than 40 operations");
}
