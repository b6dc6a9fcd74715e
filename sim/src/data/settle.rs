//! What has to be so when nothing fails any more: every record settles, stores have the copies that the records name and no other, and every
//! row is what the last write made of it.

use super::book::key;
use super::callers::{gateway, register};
use super::operator::retire;
use super::orders::lift;
use super::renew::{given_up, renew};
use super::{Book, DataUsers, has_data, machine_of, placement};
use crate::event_log::lock;
use crate::host::Hosts;
use crate::judge::own;
use crate::outcome::Verdict;
use crate::workload::{library_client, machine};
use core::time::Duration;
use cutover::client::Client;
use cutover::core::control_plane::{MoveOrder, OrderChange, OrderOf};
use cutover::core::ids::{PartitionId, Placement};
use cutover::core::invariant::history::registers::{Call, Outcome};
use cutover::core::migration::{AbortReason, PartitionRecord, Placed, Transition};
use cutover::core::placement::PartitionState;
use cutover::node::proto::PartitionSelector;
use std::collections::BTreeSet;
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
    // A drain waits for up to a minute before it begins a move again that was aborted.
    let drains_ms = if options.data.orders { 70_000 } else { 0 };
    let limit = Duration::from_millis(20_000 + slow_ms + 20 * options.data.budget_ms + drains_ms);
    let settled = machine(16, 0).spawn(async move { all(&running, &nodes, &book, limit).await });
    settled.await.unwrap_or_else(|_| Err(stuck("the last reads ended early".to_owned())))
}

async fn all(hosts: &Hosts, nodes: &[u8], book: &Book, limit: Duration) -> Result<(), Failed> {
    let until = Instant::now() + limit;
    let patience = Duration::from_millis(hosts.options.work.patience_ms);
    let Some(client) = library_client(nodes, patience, hosts.options.seed ^ 0x5e77) else { return Ok(()) };
    renew(hosts, &client).await;
    while hosts.stores().into_iter().any(|machine| hosts.sink(machine).is_none()) {
        if Instant::now() > until {
            return Err(stuck("a store does not start".to_owned()));
        }
        sleep(STEP).await;
    }
    {
        let judge = lock(&hosts.judge);
        book.all_lost(|partition| judge.is_lost(partition), hosts.options.data.all());
    }
    let mut drained = BTreeSet::new();
    loop {
        let drains = lift(hosts, &client).await;
        if !drains.is_empty() {
            make_room(hosts, &client).await;
        }
        drained.extend(drains.iter().copied());
        let left: Vec<PartitionRecord> = records(hosts)
            .into_iter()
            .filter(|record| {
                let settled = record.is_settled() && record.old_copies.is_empty();
                !settled || given_up(hosts, record).is_some()
            })
            .collect();
        if left.is_empty() && drains.is_empty() {
            break;
        }
        if Instant::now() > until {
            let first =
                left.first().map_or_else(|| format!("drains of {drains:?}"), PartitionRecord::to_string);
            return Err(stuck(format!("something is not settled after {limit:?}: {first}")));
        }
        for record in &left {
            let retire = retire(record).filter(|_| !retires_itself(hosts, record.partition));
            if let Some(step) = given_up(hosts, record).or(retire) {
                // What is refused is tried again with the next record.
                let _done = client.apply(PartitionSelector::Id(record.partition), step).await;
            }
        }
        sleep(STEP).await;
    }
    empty(hosts, &drained)?;
    hosts.event_log.count("store", "runs in which all records settled");
    copies(hosts).await?;
    moves(hosts, &client, limit).await?;
    reads(hosts, nodes, book, limit).await
}

/// Aborts moves whose statements clients made up that have gone: nobody ends them, and as many are in flight as may be.
async fn make_room(hosts: &Hosts, client: &Client) {
    let left: Vec<PartitionRecord> = {
        let judge = lock(&hosts.judge);
        let others = judge.table().state().table().records().filter(|record| !has_data(record.partition));
        let flies = |placed: Placed| placed.state.is_migrating() && placed.held.is_none();
        others.filter(|record| record.placed.is_some_and(flies)).cloned().collect()
    };
    for record in left {
        let abort = Transition::Abort { expected: record.expected(), why: AbortReason::Operator };
        // What is refused is tried again with the next record.
        let _done = client.apply(PartitionSelector::Id(record.partition), abort).await;
    }
}

/// Whether the leader has a former copy of a partition dropped by itself.
fn retires_itself(hosts: &Hosts, partition: PartitionId) -> bool {
    !lock(&hosts.judge).table().state().orders().retirements_of(partition).is_empty()
}

/// A store that was drained owns nothing.
fn empty(hosts: &Hosts, drained: &BTreeSet<Placement>) -> Result<(), Failed> {
    for _ in drained {
        hosts.event_log.count("store", "stores drained");
    }
    let owns = |record: &PartitionRecord| {
        record.placed.is_some_and(|placed| drained.contains(&read_placement(&placed)))
    };
    match records(hosts).into_iter().find(owns) {
        Some(record) => Err(stuck(format!("{drained:?} were drained, and there is {record}"))),
        None => Ok(()),
    }
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
        let holds = hosts.options.data.orders && hold_first(&record, to, client).await;
        let begun = client.apply(PartitionSelector::Id(partition), begin).await;
        if begun.is_err() {
            // As many are in flight as may be, by clients who have gone, or a late request was before this one.
            hosts.event_log.count("store", "last moves that cannot begin");
            continue;
        }
        if holds {
            go_on(hosts, client, partition).await;
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

/// Orders that a move holds.
async fn hold_first(record: &PartitionRecord, to: Placement, client: &Client) -> bool {
    let of = OrderOf::Next { expected: record.expected(), to };
    let order = MoveOrder { hold: true, ..MoveOrder::default() };
    client.order(&OrderChange::Order { partition: record.partition, of, order }).await.is_ok()
}

/// Lets a held move go on, after a while: first while all moves are paused, then for good. Before that it must block nothing.
async fn go_on(hosts: &Hosts, client: &Client, partition: PartitionId) {
    let lift = async |change: OrderChange| {
        while client.order(&change).await.is_err() {
            sleep(STEP).await;
        }
    };
    sleep(Duration::from_millis(2 * hosts.options.data.retry_ms + 300)).await;
    lift(OrderChange::Pause { paused: true }).await;
    let migration =
        records(hosts).into_iter().find(|now| now.partition == partition).map(|now| now.migration);
    if let Some(migration) = migration {
        let order = MoveOrder::default();
        let order = OrderChange::Order { partition, of: OrderOf::Move(migration), order };
        // If the move is over already, the judge has seen that it did not hold.
        let _done = client.order(&order).await;
    }
    sleep(Duration::from_millis(2 * hosts.options.data.retry_ms + 300)).await;
    let blocks = records(hosts)
        .into_iter()
        .any(|now| now.partition == partition && (now.may_block() || now.is_settled()));
    if blocks {
        let found = format!("{partition} does not hold");
        lock(&hosts.judge).find(
            own::ORDERS,
            found,
            "it was ordered to hold, and then all moves were paused".to_owned(),
        );
    }
    lift(OrderChange::Pause { paused: false }).await;
    hosts.event_log.count("store", "last moves held, and released");
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
