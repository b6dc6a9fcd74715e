//! Measures the write gate on one and two threads, compared with a table behind a lock.
//!
//! Both tables hold the same partitions and answer the same look-ups, while one writer changes a partition
//! every 10 ms.

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

use cutover::client::GateTable;
use cutover::core::gate::admit_write;
use cutover::core::ids::{Epoch, PartitionId, Placement, Revision};
use cutover::core::placement::{Guarantee, PartitionState, Resolution};
use std::collections::HashMap;
use std::hint::black_box;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, RwLock};
use std::time::{Duration, Instant};

const PARTITIONS: u64 = 10_000;
const RUN: Duration = Duration::from_secs(2);
/// The interval between two changes.
const CHANGE: Duration = Duration::from_millis(10);

fn resolution(partition: u64, epoch: u64) -> Resolution {
    Resolution {
        partition: PartitionId(partition),
        state: PartitionState::Active(Placement(1)),
        epoch: Epoch(epoch),
        guarantee: Guarantee::Sealed,
        revision: Revision(epoch),
    }
}

/// Admissions per second on a number of threads, while a writer changes the table.
fn measure<G: FnMut(PartitionId) -> bool + Send>(
    threads: usize,
    gate: impl Fn() -> G + Sync,
    change: impl Fn(u64, u64) + Sync,
) -> f64 {
    let (stop, count) = (AtomicBool::new(false), AtomicU64::new(0));
    let began = Instant::now();
    std::thread::scope(|scope| {
        for thread in 0..threads {
            let (stop, count, mut admit) = (&stop, &count, gate());
            scope.spawn(move || {
                let mut at = u64::try_from(thread).unwrap_or_default() * 7_919;
                while !stop.load(Ordering::Relaxed) {
                    for _ in 0..1_000 {
                        at = at.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                        black_box(admit(PartitionId(at % PARTITIONS)));
                    }
                    count.fetch_add(1_000, Ordering::Relaxed);
                }
            });
        }
        let mut revision = 1;
        while began.elapsed() < RUN {
            std::thread::sleep(CHANGE);
            revision += 1;
            change(revision % PARTITIONS, revision);
        }
        stop.store(true, Ordering::Relaxed);
    });
    count.load(Ordering::Relaxed) as f64 / began.elapsed().as_secs_f64()
}

fn main() {
    let all = || (0..PARTITIONS).map(|partition| resolution(partition, 1));
    let table = GateTable::default();
    table.reset(Revision(1), all());
    let locked = Arc::new(RwLock::new(all().map(|one| (one.partition, one)).collect::<HashMap<_, _>>()));
    println!("| threads | gate, admissions/s | `RwLock<HashMap>`, admissions/s | ratio |");
    println!("| --- | --- | --- | --- |");
    for threads in [1, 2] {
        let ours = measure(
            threads,
            || {
                let mut gate = table.gate();
                move |partition| gate.admit(partition, Epoch(1)).is_some()
            },
            |partition, revision| {
                table.change(Revision(revision), PartitionId(partition), Some(resolution(partition, 1)))
            },
        );
        let theirs = measure(
            threads,
            || {
                let locked = Arc::clone(&locked);
                move |partition| {
                    let table = locked.read().expect("no writer panics");
                    table.get(&partition).map(|view| admit_write(view, Epoch(1))).is_some()
                }
            },
            |partition, _| {
                locked
                    .write()
                    .expect("nobody panics")
                    .insert(PartitionId(partition), resolution(partition, 1));
            },
        );
        println!("| {threads} | {ours:.0} | {theirs:.0} | {:.1} |", ours / theirs);
    }
}
