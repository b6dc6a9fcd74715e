//! A store that has lost its disk: it is created anew with what the log has committed, as `cutover sink init` does, in another incarnation.

use crate::event_log::lock;
use crate::host::Hosts;
use crate::stream::Stream;
use core::time::Duration;
use cutover::client::Client;
use cutover::core::ids::{Epoch, PartitionId};
use cutover::core::migration::{PartitionRecord, Transition};
use cutover::core::placement::PartitionState;
use cutover::sink::storage::Beginning;
use std::collections::BTreeMap;
use tokio::time::sleep;

/// What the log has committed. The highest migration is read last: all that is committed while the records are read is below it.
async fn beginning(client: &Client) -> Option<Beginning> {
    let (mut partitions, mut after) = (BTreeMap::new(), None);
    loop {
        let page = client.list(after).await.ok()?;
        partitions.extend(page.records.iter().map(|one| (PartitionId(one.partition), Epoch(one.epoch))));
        after = page.records.last().map(|last| PartitionId(last.partition));
        if !page.more || after.is_none() {
            break;
        }
    }
    let (epoch, migration) = client.floor(PartitionId(u64::MAX)).await.ok()?;
    Some(Beginning { known_as: String::new(), migration, epoch, partitions })
}

/// Creates the stores anew that have lost their disks.
pub(super) async fn renew(hosts: &Hosts, client: &Client) {
    for machine in hosts.lost_stores() {
        let beginning = loop {
            match beginning(client).await {
                Some(beginning) => break beginning,
                None => sleep(Duration::from_millis(100)).await,
            }
        };
        hosts.event_log.count("operator", "stores created anew");
        hosts.begin_store(machine, beginning);
    }
}

/// Lets a store lose its disk. Nobody notices for a while; then it is created anew.
pub(super) async fn lose(hosts: &Hosts, client: &Client, chance: &mut Stream) {
    let (store, unnoticed_ms) = (chance.pick(&hosts.stores()), chance.between(0, 3_000));
    let Some(machine) = store else { return };
    hosts.event_log.count("fault", "store-wipe");
    hosts.lose_store(machine);
    sleep(Duration::from_millis(unnoticed_ms)).await;
    renew(hosts, client).await;
}

/// What becomes of a partition whose rows were lost with the store that owned it: it is deleted.
pub(super) fn given_up(hosts: &Hosts, record: &PartitionRecord) -> Option<Transition> {
    let active = matches!(record.placed?.state, PartitionState::Active(_));
    let lost = lock(&hosts.judge).is_lost(record.partition);
    (lost && active).then(|| Transition::Delete { expected: record.expected() })
}
