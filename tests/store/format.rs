//! Pins the bytes of a data directory. A change of them is a new format, with a higher number; directories of the
//! old format are refused.

use super::ME;
use super::disk::Disk;
use super::values::{LOG, META, SNAPSHOT, changed, damaged, meta, written};
use cutover::core::control_plane::{ControlPlaneState, Stores};
use cutover::node::store::{Store, StoreError};
use redb::{Database, ReadableDatabase, ReadableTable};
use std::fmt::Write as _;

#[test]
fn another_format_is_refused_before_anything_else_is_read() {
    let refused = |error: StoreError, found: u32| {
        assert_eq!(error, StoreError::Format { place: "the backend".to_owned(), found, expected: 7 });
        let text = format!("the backend is of another format: found {found}, expected 7");
        assert_eq!(error.to_string(), text);
    };
    refused(meta("format", &8_u32), 8);
    refused(meta("format", &4_u32), 4);
    refused(meta("format", &3_u32), 3);
    refused(meta("format", &2_u32), 2);
    // A value in format 1: the CRC-32 of table, key and value, then the value.
    let first = [0xc6, 0xb2, 0xb8, 0xb7, 1];
    let first = changed(|transaction| {
        transaction.open_table(META).unwrap().insert("format", first.as_slice()).unwrap();
    });
    refused(first, 1);
    damaged(&meta("format", &0_u32), "format: found 0, expected 7");
}

/// All keys and values of a store with a snapshot, a vote and six entries, in hexadecimal.
#[test]
fn the_stored_bytes_are_those_of_format_7() {
    let database = Database::builder().create_with_backend(written()).unwrap();
    let read = database.begin_read().unwrap();
    let mut text = String::new();
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    for row in read.open_table(META).unwrap().iter().unwrap() {
        let (key, value) = row.unwrap();
        writeln!(text, "meta {}: {}", key.value(), hex(value.value())).unwrap();
    }
    for (name, table) in [("snapshot", SNAPSHOT), ("log", LOG)] {
        for row in read.open_table(table).unwrap().iter().unwrap() {
            let (key, value) = row.unwrap();
            writeln!(text, "{name} {}: {}", key.value(), hex(value.value())).unwrap();
        }
    }
    insta::with_settings!({ snapshot_path => "../snapshots", prepend_module_to_snapshot => false }, {
        insta::assert_snapshot!("store_format_7", text);
    });
}

/// The rows of a directory of format 5, as the test above printed them when that was the format.
const FORMAT_5: &str = include_str!("format_5.txt");
/// The same of format 6.
const FORMAT_6: &str = include_str!("format_6.txt");

/// A file with these rows.
fn of(rows: &str) -> Disk {
    let disk = Disk::default();
    let database = Database::builder().create_with_backend(disk.clone()).unwrap();
    let transaction = database.begin_write().unwrap();
    for line in rows.lines() {
        let (row, value) = line.split_once(": ").unwrap();
        let (table, key) = row.split_once(' ').unwrap();
        let value: Vec<u8> = (0..value.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&value[at..at + 2], 16).unwrap())
            .collect();
        let number = key.parse::<u64>();
        match table {
            "meta" => transaction.open_table(META).unwrap().insert(key, value.as_slice()).map(drop).unwrap(),
            "snapshot" => {
                let mut table = transaction.open_table(SNAPSHOT).unwrap();
                table.insert(number.unwrap(), value.as_slice()).map(drop).unwrap();
            }
            _ => transaction
                .open_table(LOG)
                .unwrap()
                .insert(number.unwrap(), value.as_slice())
                .map(drop)
                .unwrap(),
        }
    }
    transaction.commit().unwrap();
    drop(database);
    disk
}

/// A directory of an earlier format is read, and is of this one from then on. The log of format 5 has no store, and asks for none; no log before
/// this format has an order.
fn is_renewed(rows: &str, as_now: impl Fn(ControlPlaneState) -> ControlPlaneState) {
    let (_, now) = Store::open_on(written(), ME.node).unwrap();
    let disk = of(rows);
    for _ in 0..2 {
        let (store, durable) = Store::open_on(disk.clone(), ME.node).unwrap();
        assert_eq!((&durable.log, durable.hard_state), (&now.log, now.hard_state));
        let state = durable.snapshot.applied::<ControlPlaneState>().unwrap().machine().clone();
        assert_eq!(state, as_now(now.snapshot.applied::<ControlPlaneState>().unwrap().machine().clone()));
        store.close().unwrap();
        let database = Database::builder().create_with_backend(disk.clone()).unwrap();
        let read = database.begin_read().unwrap();
        let format = read.open_table(META).unwrap().get("format").unwrap().unwrap().value().last().copied();
        assert_eq!(format, Some(7));
    }
}

#[test]
fn a_directory_of_format_5_is_renewed() {
    is_renewed(FORMAT_5, |state| state.with_stores(Stores::unknown_so_far()));
}

#[test]
fn a_directory_of_format_6_is_renewed() {
    is_renewed(FORMAT_6, |state| state);
}
