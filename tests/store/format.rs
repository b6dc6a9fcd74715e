//! Pins the bytes of a data directory. A change of them is a new format, with a higher number; directories of the
//! old format are refused.

use super::values::{LOG, META, SNAPSHOT, changed, damaged, meta, written};
use cutover::node::store::StoreError;
use redb::{Database, ReadableDatabase, ReadableTable};
use std::fmt::Write as _;

#[test]
fn another_format_is_refused_before_anything_else_is_read() {
    let refused = |error: StoreError, found: u32| {
        assert_eq!(error, StoreError::Format { place: "the backend".to_owned(), found, expected: 5 });
        let text = format!("the backend is of another format: found {found}, expected 5");
        assert_eq!(error.to_string(), text);
    };
    refused(meta("format", &6_u32), 6);
    refused(meta("format", &4_u32), 4);
    refused(meta("format", &3_u32), 3);
    refused(meta("format", &2_u32), 2);
    // A value in format 1: the CRC-32 of table, key and value, then the value.
    let first = [0xc6, 0xb2, 0xb8, 0xb7, 1];
    let first = changed(|transaction| {
        transaction.open_table(META).unwrap().insert("format", first.as_slice()).unwrap();
    });
    refused(first, 1);
    damaged(&meta("format", &0_u32), "format: found 0, expected 5");
}

/// All keys and values of a store with a snapshot, a vote and six entries, in hexadecimal.
#[test]
fn the_stored_bytes_are_those_of_format_5() {
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
        insta::assert_snapshot!("store_format_5", text);
    });
}
