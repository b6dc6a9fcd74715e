//! Reads and writes while their partition moves.

use super::site::{Site, key, options, value};
use cutover::client::gateway::{Gateway, GatewayError, GatewayOptions, Written};
use cutover::core::ids::PartitionId;
use cutover::core::invariant::history::CONFIGURATIONS;
use cutover::core::invariant::history::registers::{Call, Outcome, Registers, Verdict};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// What the tasks of a load share.
struct Load {
    gateway: Gateway,
    partition: PartitionId,
    history: Mutex<Registers>,
    ended: AtomicBool,
    done: AtomicU64,
}

impl Load {
    fn invoke(&self, process: u64, name: &str, call: Call) {
        self.history.lock().unwrap().invoke(process, name, call).unwrap();
    }

    fn complete(&self, process: u64, outcome: Outcome) {
        self.history.lock().unwrap().complete(process, outcome).unwrap();
        self.done.fetch_add(1, Ordering::Relaxed);
    }

    /// One operation: three of four write. Each writes another value.
    async fn step(&self, process: u64, number: u64) {
        let (name, p) = (format!("k{}", number % 3), self.partition);
        let (text, row) = (format!("{process}-{number}"), key(&format!("k{}", number % 3)));
        let of = |error: &GatewayError| if error.is_unknown() { Outcome::Unknown } else { Outcome::Failed };
        if number.is_multiple_of(4) {
            self.invoke(process, &name, Call::Read);
            let read = self.gateway.get(p, row).await;
            let outcome = read.map_or_else(
                |error| of(&error),
                |value| Outcome::Read(value.map(|value| value.to_string()).as_deref().into()),
            );
            return self.complete(process, outcome);
        }
        if number % 4 == 1 {
            let seen = self.gateway.get_cached(p, row.clone()).await.unwrap_or(None);
            let expected = seen.as_ref().map(ToString::to_string).as_deref().into();
            self.invoke(process, &name, Call::Cas { expected, new: text.as_str().into() });
            let outcome = match self.gateway.cas(p, row, seen, Some(value(&text))).await {
                Ok(Written::Applied { .. }) => Outcome::Done,
                Ok(Written::Differs { .. }) => Outcome::Refused,
                Err(error) => of(&error),
            };
            return self.complete(process, outcome);
        }
        self.invoke(process, &name, Call::Write(text.as_str().into()));
        let put = self.gateway.put(p, row, value(&text)).await;
        self.complete(process, put.map_or_else(|error| of(&error), |_| Outcome::Done));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_partition_moves_there_and_back_under_load_and_the_history_is_linearizable() {
    let site = Site::new().await;
    let load = Arc::new(Load {
        gateway: site.gateway(30_000),
        partition: site.partition,
        history: Mutex::default(),
        ended: AtomicBool::new(false),
        done: AtomicU64::new(0),
    });
    let tasks: Vec<_> = (0..4)
        .map(|process| {
            let load = Arc::clone(&load);
            tokio::spawn(async move {
                for number in 0.. {
                    if load.ended.load(Ordering::Relaxed) {
                        return;
                    }
                    load.step(process, number).await;
                }
            })
        })
        .collect();
    for (from, to) in [(0, 1), (1, 0), (0, 1)] {
        let before = load.done.load(Ordering::Relaxed);
        while load.done.load(Ordering::Relaxed) < before + 100 {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        site.moves(from, to).await;
    }
    let before = load.done.load(Ordering::Relaxed);
    while load.done.load(Ordering::Relaxed) < before + 100 {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    load.ended.store(true, Ordering::Relaxed);
    for task in tasks {
        task.await.unwrap();
    }
    for name in ["k0", "k1", "k2"] {
        load.invoke(9, name, Call::Read);
        let last = load.gateway.get(site.partition, key(name)).await.unwrap();
        load.complete(9, Outcome::Read(last.map(|value| value.to_string()).as_deref().into()));
    }
    let judged = load.history.lock().unwrap().judge(CONFIGURATIONS);
    assert!(matches!(judged.verdict, Verdict::Linearizable), "{judged:?}");
    assert!(
        judged.operations > 400 && judged.unknown == 0,
        "{judged:?}: nothing failed, so nothing is unknown"
    );
    let sent = site.stores[1].line.writes();
    assert!(!sent.is_empty(), "the load went along");
}

/// A write that comes in the cutover waits, goes to the new store, and has been sent to no other.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_waits_out_a_cutover() {
    let site = Site::new().await;
    let (gateway, p) = (site.gateway(30_000), site.partition);
    let other = site.gateway(30_000);
    other.put(p, key("k"), value("0")).await.unwrap();
    gateway.put(p, key("k"), value("1")).await.unwrap();
    let watermark = site.enter_cutover(0, 1).await;
    let write = tokio::spawn({
        let gateway = gateway.clone();
        async move { gateway.put(p, key("k"), value("2")).await }
    });
    // It knows of the cutover from this read on: nothing is sent, so the write is told as not done.
    other.get(p, key("k")).await.unwrap();
    let began = Instant::now();
    let short = other.with_deadline(Duration::from_secs(2)).put(p, key("k"), value("3")).await.unwrap_err();
    assert!(matches!(&short, GatewayError::NotDone { last } if last.contains("in cutover")), "{short:?}");
    assert!(began.elapsed() >= Duration::from_secs(2), "it waited until its deadline");
    assert_eq!(gateway.get(p, key("k")).await, Ok(Some(value("1"))), "reads go on");
    assert!(!write.is_finished());
    site.flip(1, watermark).await;
    write.await.unwrap().unwrap();
    assert_eq!(gateway.get(p, key("k")).await, Ok(Some(value("2"))));
    let there = site.stores[1].line.writes();
    assert_eq!(there.len(), 1, "what was not done was not sent: {there:?}");
}

/// A gateway that missed the flip finds out from the store, and asks the control plane.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stale_view_is_replaced_and_its_write_is_done() {
    let site = Site::new().await;
    let (gateway, p) =
        (site.gateway_with(GatewayOptions { follows: false, ..options(30_000) }), site.partition);
    gateway.put(p, key("k"), value("1")).await.unwrap();
    site.moves(0, 1).await;
    site.stores[0].line.writes();
    gateway.put(p, key("k"), value("2")).await.unwrap();
    assert_eq!(site.stores[0].line.writes().len(), 1, "the view was stale");
    assert_eq!(site.stores[1].line.writes().len(), 1);
    assert_eq!(gateway.get(p, key("k")).await, Ok(Some(value("2"))));
}

/// A read from the cache may be of before the move; the other is not.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_read_sees_what_was_written_after_a_move_and_one_from_the_cache_need_not() {
    let site = Site::new().await;
    let p = site.partition;
    let behind = site.gateway_with(GatewayOptions { follows: false, ..options(30_000) });
    behind.put(p, key("k"), value("1")).await.unwrap();
    site.moves(0, 1).await;
    site.gateway(30_000).put(p, key("k"), value("2")).await.unwrap();
    assert_eq!(behind.get_cached(p, key("k")).await, Ok(Some(value("1"))), "the old copy is still there");
    assert_eq!(behind.get(p, key("k")).await, Ok(Some(value("2"))));
    assert_eq!(behind.get_cached(p, key("k")).await, Ok(Some(value("2"))), "what a read finds out is kept");
}
