//! Files that are valid for redb but contain values that no store would write.

use super::ME;
use super::batches::{Choice, calls, founded};
use super::disk::Disk;
use cutover::core::ids::{Index, Term};
use cutover::core::raft::{HardState, LogPosition};
use cutover::node::store::{Store, StoreError};
use redb::{Database, ReadableTable, TableDefinition};
use serde::Serialize;
use xxhash_rust::xxh3::xxh3_64;

pub(super) const META: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("meta");
pub(super) const SNAPSHOT: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("snapshot");
pub(super) const LOG: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("log");

/// A log of six entries in two terms after index 1, without a snapshot.
pub(super) fn written() -> Disk {
    let choice = |kind, some| Choice { kind, some, other: 1, joins: false };
    let disk = Disk::default();
    let mut store = Store::create_on(disk.clone(), &ME, &founded()).unwrap();
    for (batches, after) in calls(founded(), &[choice(3, 2), choice(3, 4)]) {
        store.write(&batches).unwrap();
        assert_eq!(after.log.base(), founded().log.base());
    }
    store.close().unwrap();
    disk
}

/// Changes a file directly with redb; returns the error of opening it.
pub(super) fn changed(change: impl FnOnce(&redb::WriteTransaction)) -> StoreError {
    Store::open_on(disk_changed(change), ME.node).unwrap_err()
}

/// The disk of [`written`], changed directly with redb.
pub(super) fn disk_changed(change: impl FnOnce(&redb::WriteTransaction)) -> Disk {
    let disk = written();
    let database = Database::builder().create_with_backend(disk.clone()).unwrap();
    let transaction = database.begin_write().unwrap();
    change(&transaction);
    transaction.commit().unwrap();
    drop(database);
    disk
}

/// A value with its checksum, as the store writes it.
fn sealed(table: &str, key: &[u8], value: &impl Serialize) -> Vec<u8> {
    let bytes = postcard::to_allocvec(value).unwrap();
    let sum = xxh3_64(&[table.as_bytes(), &[0xff], key, &[0xff], &bytes].concat());
    [sum.to_le_bytes().as_slice(), &bytes].concat()
}

pub(super) fn meta(key: &'static str, value: &impl Serialize) -> StoreError {
    Store::open_on(disk_with(key, value), ME.node).unwrap_err()
}

/// The disk of [`written`] with another value, under a valid checksum.
pub(super) fn disk_with(key: &'static str, value: &impl Serialize) -> Disk {
    let value = sealed("meta", key.as_bytes(), value);
    disk_changed(|transaction| {
        transaction.open_table(META).unwrap().insert(key, value.as_slice()).unwrap();
    })
}

#[track_caller]
pub(super) fn damaged(error: &StoreError, part: &str) {
    let StoreError::Corrupt { what, found, expected, .. } = error else { panic!("{error}") };
    let all = format!("{what}: found {found}, expected {expected}");
    assert!(all.contains(part), "{all}");
}

#[test]
fn every_value_is_held_against_its_own_checksum() {
    for key in ["format", "identity", "vote", "base", "last"] {
        let error = changed(|transaction| {
            let mut table = transaction.open_table(META).unwrap();
            let mut value = table.get(key).unwrap().unwrap().value().to_vec();
            *value.last_mut().unwrap() ^= 1;
            table.insert(key, value.as_slice()).unwrap();
        });
        damaged(&error, &format!("{key}: found checksum"));
    }
    for (definition, key) in [(SNAPSHOT, 0), (LOG, 2), (LOG, 7)] {
        let error = changed(|transaction| {
            let mut table = transaction.open_table(definition).unwrap();
            let mut value = table.get(key).unwrap().unwrap().value().to_vec();
            let middle = value.len() / 2;
            value[middle] ^= 0x40;
            table.insert(key, value.as_slice()).unwrap();
        });
        damaged(&error, "found checksum");
    }
}

#[test]
fn a_value_under_another_key_is_damage() {
    let error = changed(|transaction| {
        let mut table = transaction.open_table(LOG).unwrap();
        let value = table.get(3).unwrap().unwrap().value().to_vec();
        table.insert(4, value.as_slice()).unwrap();
    });
    damaged(&error, "entry 4: found checksum");
}

#[test]
fn a_log_with_a_hole_or_another_end_is_damage() {
    let without = |index: u64| {
        changed(|transaction| {
            transaction.open_table(LOG).unwrap().remove(index).unwrap();
        })
    };
    damaged(&without(4), "entries of the log: found 5, expected 6");
    damaged(&without(7), "entries of the log: found 5, expected 6");
    let error = changed(|transaction| {
        let mut table = transaction.open_table(LOG).unwrap();
        let value = table.remove(4).unwrap().unwrap().value().to_vec();
        table.insert(9, value.as_slice()).unwrap();
    });
    damaged(&error, "the log: found an entry at 5, expected 4");
    damaged(&meta("last", &Index(6)), "entries of the log: found 6, expected 5");
    let shifted = LogPosition { term: Term(0), index: Index(0) };
    damaged(&meta("base", &shifted), "entries of the log: found 6, expected 7");
}

#[test]
fn parts_that_contradict_one_another_are_damage() {
    let vote = HardState { term: Term(1), voted_for: None };
    damaged(&meta("vote", &vote), "the vote: found t1, expected");
    let base = LogPosition { term: Term(9), index: Index(1) };
    damaged(&meta("base", &base), "found t1, expected t9 or later");
    let snapshot = |index: u64, term: u64, data: Option<Vec<u8>>| {
        let mut snapshot = (*founded().snapshot).clone();
        snapshot.last = LogPosition { term: Term(term), index: Index(index) };
        snapshot.data = data.map_or(snapshot.data, Into::into);
        let value = sealed("snapshot", &0_u64.to_be_bytes(), &snapshot);
        changed(|transaction| {
            transaction.open_table(SNAPSHOT).unwrap().insert(0, value.as_slice()).unwrap();
        })
    };
    damaged(&snapshot(0, 0, None), "the beginning of the log: found t0.1, expected t0.0 or before");
    damaged(&snapshot(8, 9, None), "the end of the log");
    damaged(&snapshot(2, 9, None), "the log's term at t9.2: found t1, expected t9");
    damaged(&snapshot(1, 0, Some(vec![1, 2, 3])), "the snapshot");
}
