//! Compares three nodes of cutover with three nodes of etcd under the same load on the same disk:
//! acknowledged writes per second, the 50th and 99th percentile of their latency, and the time without
//! acknowledgements after the leader is killed.
//!
//! `cargo bench -p cutover --bench serve`; without an `etcd` on the path, cutover only.

#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    clippy::disallowed_macros,
    clippy::float_arithmetic,
    clippy::cast_precision_loss,
    clippy::expect_used,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    missing_docs,
    reason = "a measurement"
)]

mod etcd;
mod load;
mod ours;

use load::{Figures, Target, failover, writes};
use std::path::Path;
use std::time::Duration;

/// The duration of each load.
const RUN: Duration = Duration::from_secs(5);
const CLIENTS: [usize; 3] = [1, 8, 64];
/// The heartbeat interval of both clusters.
pub const HEARTBEAT_MS: u64 = 100;
pub const ELECTION_MS: u64 = 1_000;
const KILLS: usize = 5;

async fn measure(target: &mut dyn Target) -> (Vec<Figures>, Vec<Duration>) {
    let mut figures = Vec::new();
    for clients in CLIENTS {
        figures.push(writes(target, clients, RUN).await);
    }
    (figures, failover(target, KILLS).await)
}

fn row(name: &str, figures: &[Figures], gaps: &[Duration]) {
    for (clients, found) in CLIENTS.iter().zip(figures) {
        println!(
            "| {name} | {clients} | {:.0} | {:.1} | {:.1} |",
            found.per_second,
            found.p50.as_secs_f64() * 1e3,
            found.p99.as_secs_f64() * 1e3
        );
    }
    let all: Vec<String> = gaps.iter().map(|gap| format!("{:.2}", gap.as_secs_f64())).collect();
    println!(
        "| {name}, seconds without an acknowledgement after kill -9 of the leader | | {} | | |",
        all.join(", ")
    );
}

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    // On a real disk; the system's temporary directory may be in memory.
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    runtime.block_on(async {
        println!("| cluster | clients | acknowledged writes/s | p50 ms | p99 ms |");
        println!("| --- | --- | --- | --- | --- |");
        let mut cluster = ours::Cluster::start(folder).await;
        let (our, gaps) = measure(&mut cluster).await;
        row("cutover", &our, &gaps);
        drop(cluster);
        let Some(mut cluster) = etcd::Cluster::start(folder).await else {
            println!("\netcd is not on the path: nothing to compare with");
            return;
        };
        let (their, gaps) = measure(&mut cluster).await;
        row("etcd", &their, &gaps);
        println!("\n| clients | writes/s, ratio | p99, ratio |\n| --- | --- | --- |");
        for ((clients, our), their) in CLIENTS.iter().zip(&our).zip(&their) {
            let (rate, slow) =
                (our.per_second / their.per_second, our.p99.as_secs_f64() / their.p99.as_secs_f64());
            println!("| {clients} | {rate:.2} | {slow:.2} |");
        }
    });
}
