//! What has to be so when nothing fails any more: every record settles, stores have the copies that the records name and no other, and every
//! row is what the last write made of it.

use super::book::key;
use super::callers::{gateway, register};
use super::operator::retire;
use super::{Book, DataUsers, has_data, machine_of, placement};
use crate::event_log::lock;
use crate::host::Hosts;
use crate::judge::own;
use crate::outcome::Verdict;
use crate::workload::{library_client, machine};
use core::time::Duration;
use cutover::client::Client;
use cutover::core::ids::{PartitionId, Placement};
use cutover::core::invariant::history::registers::{Call, Outcome};
use cutover::core::migration::{PartitionRecord, Placed, Transition};
use cutover::core::placement::PartitionState;
use cutover::node::proto::PartitionSelector;
use tokio::time::{Instant, sleep, timeout};

/// Pause between two looks at the records.
const STEP: Duration = Duration::from_millis(100);

type Failed = (Verdict, String);

fn stuck(text: String) -> Failed {
    (Verdict::Stuck, text)
}

fn records(hosts: &Hosts) -> Vec<PartitionRecord> {
    let judge = lock(&hosts.judge);
    let records = judge.table().state().table().records();
    records.filter(|record| has_data(record.partition)).cloned().collect()
}

/// Ends the callers and the operator, and waits until nothing is left to do.
///
/// # Errors
/// A verdict with its reason, if something is left over.
pub async fn settle(hosts: &Hosts, users: &DataUsers, mended: &[u8]) -> Result<(), Failed> {
    users.stop();
    if hosts.options.data.stores == 0 || !lock(&hosts.judge).judges_data() {
        return Ok(());
    }
    let (running, nodes, book) = (hosts.clone(), mended.to_vec(), users.book.clone());
    let options = &hosts.options;
    let slow_ms = 40 * options.timing.election_timeout_ms_max + 10 * options.work.patience_ms;
    let limit = Duration::from_millis(20_000 + slow_ms + 20 * options.data.budget_ms);
    let settled = machine(16, 0).spawn(async move { all(&running, &nodes, &book, limit).await });
    settled.await.unwrap_or_else(|_| Err(stuck("the last reads ended early".to_owned())))
}

async fn all(hosts: &Hosts, nodes: &[u8], book: &Book, limit: Duration) -> Result<(), Failed> {
    let until = Instant::now() + limit;
    let patience = Duration::from_millis(hosts.options.work.patience_ms);
    let Some(client) = library_client(nodes, patience, hosts.options.seed ^ 0x5e77) else { return Ok(()) };
    loop {
        let left: Vec<PartitionRecord> = records(hosts)
            .into_iter()
            .filter(|record| !record.is_settled() || !record.old_copies.is_empty())
            .collect();
        let Some(first) = left.first() else { break };
        if Instant::now() > until {
            return Err(stuck(format!("{} is not settled after {limit:?}: {first}", first.partition)));
        }
        for record in &left {
            if let Some(retire) = retire(record) {
                // What is refused is tried again with the next record.
                let _done = client.apply(PartitionSelector::Id(record.partition), retire).await;
            }
        }
        sleep(STEP).await;
    }
    hosts.event_log.count("store", "runs in which all records settled");
    copies(hosts).await?;
    moves(hosts, &client, limit).await?;
    reads(hosts, nodes, book, limit).await
}

const fn read_placement(placed: &Placed) -> Placement {
    match placed.state {
        PartitionState::Active(at) => at,
        PartitionState::Migrating { from, .. } => from,
    }
}

/// Each store has the copies that the records name, and no other.
async fn copies(hosts: &Hosts) -> Result<(), Failed> {
    let records = records(hosts);
    let owner = |partition: PartitionId| -> Option<Placement> {
        let record = records.iter().find(|record| record.partition == partition)?;
        record.placed.map(|placed| read_placement(&placed))
    };
    for number in 0..hosts.options.data.stores {
        let (machine, store) = (machine_of(number), placement(&hosts.options.data, machine_of(number)));
        let Some(sink) = hosts.sink(machine) else {
            return Err(stuck(format!("{store} does not run")));
        };
        for partition in hosts.options.data.all() {
            let known = sink.look(partition).await.map_err(|error| stuck(format!("{store}: {error}")))?;
            let has = known.is_some_and(|durable| durable.copy().is_some());
            if has != (owner(partition) == Some(store)) {
                let says = owner(partition).map_or("nowhere".to_owned(), |at| format!("at {at}"));
                let copy = if has { "a copy" } else { "no copy" };
                return Err(stuck(format!("{store} has {copy} of {partition}, which is {says}")));
            }
        }
    }
    Ok(())
}

/// Each partition moves once more, and writes are blocked no longer than they may be.
async fn moves(hosts: &Hosts, client: &Client, limit: Duration) -> Result<(), Failed> {
    let stores: Vec<Placement> = hosts.options.data.placements().collect();
    lock(&hosts.judge).watch_blocks();
    let here = |record: &PartitionRecord| record.placed.map(|placed| read_placement(&placed));
    for record in records(hosts).into_iter().filter(|record| record.placed.is_some()) {
        let at = stores.iter().position(|store| here(&record) == Some(*store)).unwrap_or(0);
        let Some(to) = stores.iter().cycle().nth(at + 1).copied().filter(|_| stores.len() > 1) else { break };
        let (partition, begin) = (record.partition, Transition::Begin { expected: record.expected(), to });
        let begun = client.apply(PartitionSelector::Id(partition), begin).await;
        if begun.is_err() {
            // As many are in flight as may be, by clients who have gone, or a late request was before this one.
            hosts.event_log.count("store", "last moves that cannot begin");
            continue;
        }
        let until = Instant::now() + limit;
        loop {
            let now = records(hosts).into_iter().find(|now| now.partition == partition);
            let Some(now) = now else { return Err(stuck(format!("{partition} is gone"))) };
            if now.is_settled() && now.migration > record.migration {
                if here(&now) != Some(to) {
                    return Err(stuck(format!("a last move of {partition} to {to} ends as {now}")));
                }
                hosts.event_log.count("store", "last moves");
                break;
            }
            if Instant::now() > until {
                return Err(stuck(format!("a last move of {partition} takes {limit:?}: {now}")));
            }
            sleep(STEP).await;
        }
    }
    let (longest, budget) = (lock(&hosts.judge).longest_block(), hosts.options.data.budget_ms);
    if longest > Duration::from_millis(budget) {
        let found = format!("writes were blocked for {longest:?}");
        let against = format!("nothing failed, and the budget is {budget} ms");
        lock(&hosts.judge).find(own::BLOCKS, found, against);
    }
    Ok(())
}

/// Reads all rows of the partitions that there are.
async fn reads(hosts: &Hosts, nodes: &[u8], book: &Book, limit: Duration) -> Result<(), Failed> {
    let limit_ms = u64::try_from(limit.as_millis()).unwrap_or(u64::MAX);
    let Some(gateway) = gateway(hosts, nodes, 100, limit_ms) else { return Ok(()) };
    let there = records(hosts).into_iter().filter(|record| record.placed.is_some());
    for partition in there.map(|record| record.partition) {
        for key in (0..u64::from(hosts.options.data.rows)).filter_map(key) {
            let begun = book.begin(partition, &key, Call::Read);
            let found = timeout(limit, gateway.get(partition, key.clone())).await;
            match found {
                Ok(Ok(found)) => book.end(&begun, Outcome::Read(register(found.as_ref()))),
                Ok(Err(error)) => return Err(stuck(format!("{key} of {partition} cannot be read: {error}"))),
                Err(_) => return Err(stuck(format!("a read of {key} of {partition} takes {limit:?}"))),
            }
            hosts.event_log.count("store", "rows read at the end");
        }
    }
    Ok(())
}
