//! Measures stores and moves, each beside something simpler in the same run, on the same disk:
//!
//! - acknowledged writes per second of a store, by its driver and by gRPC, beside bare redb with the same durability;
//! - the copy of a move beside a copy of the same bytes as a file;
//! - the 99th percentile of a write while a partition is copied, beside that at rest;
//! - the memory that each process has resident.
//!
//! `cargo bench -p cutover --bench stores`; the last three come from `cutoverd demo`. `cargo bench -p cutover --bench stores -- --large`
//! moves 2 GB as well, which takes some minutes.

#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    clippy::disallowed_macros,
    clippy::float_arithmetic,
    clippy::cast_precision_loss,
    clippy::expect_used,
    missing_docs,
    reason = "a measurement"
)]

mod bare;
mod moves;
mod store;

use std::path::Path;
use std::time::Duration;

/// The duration of each load.
const RUN: Duration = Duration::from_secs(5);
const CLIENTS: [usize; 3] = [1, 8, 64];
/// Bytes of a value that is written.
pub const VALUE: usize = 256;
/// The number of rows that are written again and again.
pub const ROWS: u64 = 10_000;

/// The key of a row.
#[must_use]
pub fn key(number: u64) -> Vec<u8> {
    format!("row {number:09}").into_bytes()
}

async fn writes(folder: &Path) {
    println!(
        "| clients | store, by its driver | store, by gRPC | redb, a commit each | ratios to redb | redb, a commit of all that wait | ratios to it |"
    );
    println!("| --- | --- | --- | --- | --- | --- | --- |");
    for clients in CLIENTS {
        let near = store::near(folder, clients, RUN).await;
        let far = store::far(folder, clients, RUN).await;
        let each = bare::each(folder, clients, RUN);
        let grouped = bare::grouped(folder, clients, RUN);
        println!(
            "| {clients} | {near:.0} | {far:.0} | {each:.0} | {:.2}, {:.2} | {grouped:.0} | {:.2}, {:.2} |",
            near / each,
            far / each,
            near / grouped,
            far / grouped
        );
    }
}

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    // On a real disk; the system's temporary directory may be in memory.
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("bench-stores");
    let _old = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).expect("a folder");
    runtime.block_on(writes(&folder));
    println!();
    moves::head();
    moves::row(&folder, 100_000, 256, 2);
    moves::row(&folder, 200_000, 1_000, 2);
    moves::row(&folder, 200_000, 1_000, 16);
    if std::env::args().any(|argument| argument == "--large") {
        moves::row(&folder, 2_000_000, 1_000, 2);
    }
    std::fs::remove_dir_all(&folder).expect("it was made");
}
