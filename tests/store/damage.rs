//! Damaged bytes: the store returns what was written or an error, never anything else, and does not panic.

use super::ME;
use super::batches::{calls, drawn, founded};
use super::disk::{Disk, SECTOR};
use super::site::{Disk as State, Random};
use cutover::node::store::{Store, StoreError};

/// A file with so many batches, closed properly or not, and its contents.
fn file(seed: u64, count: usize, closed: bool) -> (Vec<u8>, State) {
    let mut random = Random(seed);
    let disk = Disk::default();
    let mut store = Store::create_on(disk.clone(), &ME, &founded()).unwrap();
    let mut expected = founded();
    for (batches, after) in calls(founded(), &drawn(count, &mut |bound| random.below(bound))) {
        store.write(&batches).unwrap();
        expected = after;
    }
    if closed {
        store.close().unwrap();
        return (disk.bytes(), expected);
    }
    (disk.bytes(), expected)
}

/// The position of a byte, probably one in use: pages are used from their beginning.
fn place(random: &mut Random, bytes: &[u8]) -> usize {
    const PAGE: usize = 4096;
    let (page, within) = (1 + random.below(bytes.len() / PAGE - 1), [100, 300, PAGE][random.below(3)]);
    page * PAGE + random.below(within)
}

/// Opens the damaged file; false if the damage is detected.
fn opens(bytes: Vec<u8>, expected: &State, what: &str) -> bool {
    match Store::open_on(Disk::holding(bytes), ME.node) {
        Ok((_, found)) => {
            assert!(found == *expected, "{what}: another state, with no word");
            false
        }
        Err(error) => {
            let line = error.to_string();
            assert!(!line.contains('\n') && !line.ends_with('.'), "{what}: {line}");
            let known = matches!(
                error,
                StoreError::Corrupt { .. } | StoreError::Missing { .. } | StoreError::Io { .. }
            );
            assert!(known, "{what}: {line}");
            true
        }
    }
}

/// Every bit of the header, including the commit counters and the flags, which no checksum covers.
#[test]
fn no_bit_of_the_header_changes_what_is_read() {
    for closed in [true, false] {
        let (bytes, expected) = file(1, 25, closed);
        let mut noticed = 0;
        for bit in 0..320 * 8 {
            let mut damaged = bytes.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            noticed += u32::from(opens(damaged, &expected, &format!("closed {closed}, bit {bit}")));
        }
        assert!(noticed > 1000, "{noticed} noticed");
    }
}

#[test]
fn no_bit_of_a_page_changes_what_is_read() {
    let mut random = Random(3);
    let mut noticed = 0;
    for (seed, count, closed) in [(1, 25, true), (1, 4, true), (2, 4, false), (3, 8, false)] {
        let (bytes, expected) = file(seed, count, closed);
        for _ in 0..500 {
            let at = place(&mut random, &bytes);
            let mut damaged = bytes.clone();
            damaged[at] ^= u8::try_from(1 + random.below(255)).unwrap();
            noticed += u32::from(opens(damaged, &expected, &format!("seed {seed}, byte {at}")));
        }
    }
    assert!(noticed > 500, "{noticed} noticed");
}

/// Whole sectors are erased or exchanged, or the file is truncated.
#[test]
fn no_sector_that_is_lost_changes_what_is_read() {
    let mut random = Random(4);
    for (seed, count, closed) in [(1, 4, true), (2, 25, false)] {
        let (bytes, expected) = file(seed, count, closed);
        let sectors = bytes.len() / SECTOR;
        let used: Vec<usize> =
            (1..sectors).filter(|at| bytes[at * SECTOR..(at + 1) * SECTOR].iter().any(|b| *b != 0)).collect();
        for _ in 0..200 {
            let (to, from) = (used[random.below(used.len())], used[random.below(used.len())]);
            let mut damaged = bytes.clone();
            if random.chance(50) {
                damaged[to * SECTOR..(to + 1) * SECTOR].fill(0);
            } else {
                damaged.copy_within(from * SECTOR..(from + 1) * SECTOR, to * SECTOR);
            }
            opens(damaged, &expected, &format!("seed {seed}, sectors {to} and {from}"));
            let shorter = bytes[..random.below(bytes.len())].to_vec();
            opens(shorter, &expected, "shorter");
        }
    }
}

/// Damage under an open store that continues to write.
#[test]
fn rot_under_an_open_store_is_not_written_over_with_a_right_checksum() {
    let (mut stopped, mut noticed) = (0, 0);
    for seed in 0..300 {
        let (bytes, expected) = file(seed % 7, 4, seed % 2 == 0);
        let mut random = Random(seed);
        let disk = Disk::holding(bytes);
        let (mut store, found) = Store::open_on(disk.clone(), ME.node).unwrap();
        assert_eq!(found, expected);
        let bytes = disk.bytes();
        disk.flip(place(&mut random, &bytes) * 8 + random.below(8));
        let mut after = found.clone();
        let mut said = false;
        for (batches, next) in calls(found, &drawn(3, &mut |bound| random.below(bound))) {
            if store.write(&batches).is_err() {
                said = true;
                break;
            }
            after = next;
        }
        drop(store);
        if said {
            stopped += 1;
        } else {
            noticed += u32::from(opens(disk.bytes(), &after, &format!("seed {seed}")));
        }
    }
    assert!(stopped > 5 && noticed > 0, "{stopped} stopped, {noticed} noticed later");
}
