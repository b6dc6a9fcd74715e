//! The phase after the faults: a quorum of nodes is repaired, the others stay as they are, and the cluster must
//! recover.

use crate::data::{DataUsers, settle};
use crate::drill;
use crate::event_log::lock;
use crate::faults::End;
use crate::host::Hosts;
use crate::nemesis::Nemesis;
use crate::outcome::Verdict;
use crate::stream::Stream;
use crate::workload::{Client, History, Users, machine};
use core::time::Duration;
use cutover::core::ids::{Revision, Term};
use cutover::core::raft::{Configuration, Peer, quorum};
use std::sync::atomic::Ordering;
use tokio::time::{sleep, timeout};

/// Time limit for recovery, in units of the longest election timeout.
const ELECTIONS: u64 = 40;

/// Repairs a quorum and waits until a change is committed.
///
/// # Errors
/// A verdict with its reason, if the cluster does not recover or cannot.
pub async fn heal(
    hosts: &Hosts,
    nemesis: &mut Nemesis,
    users: &Users,
    data: &DataUsers,
) -> Result<(), (Verdict, String)> {
    hosts.calm.store(true, Ordering::Relaxed);
    hosts.network.calm();
    nemesis.calm();
    let Some(mended) = choose(hosts) else {
        return Err((Verdict::Unknown, "no quorum has its disks".to_owned()));
    };
    for node in hosts.all() {
        hosts.pause(node, false);
        if mended.contains(&node) {
            // A disk that stands still comes back with a power cycle: otherwise its node would wait, or give it up.
            if hosts.disk_time(node).left() > hosts.options.timing.election_timeout_max() {
                hosts.end(node, End::Power);
            }
            hosts.boot(node);
        } else {
            hosts.end(node, End::Power);
        }
    }
    for store in hosts.stores() {
        hosts.pause(store, false);
        hosts.end(store, End::Power);
        hosts.boot(store);
    }
    let options = &hosts.options;
    let limit_ms = ELECTIONS * options.timing.election_timeout_ms_max + 10 * options.work.patience_ms + 5_000;
    let mut client = Client::new(199, hosts, mended.clone(), History::default());
    let works = machine(4, 0).spawn(async move { while !client.goes_through().await {} });
    tokio::select! {
        biased;
        () = nemesis.listen() => {}
        done = timeout(Duration::from_millis(limit_ms), works) => {
            if done.is_err() {
                return Err((Verdict::Stuck, stuck(hosts, &mended, limit_ms)));
            }
        }
    }
    users.stop_clients();
    tokio::select! {
        biased;
        () = nemesis.listen() => {}
        settled = settle(hosts, data, &mended) => settled?,
    }
    stays_calm(hosts, &mended).await?;
    caught_up(hosts, users).await?;
    users.stop();
    // A guest may have ended while it was without its role.
    for access in hosts.all().into_iter().filter_map(|node| hosts.access(node)) {
        let _differs = access.replace(crate::host::access(true));
    }
    sleep(Duration::from_secs(1)).await;
    let ran = drill::drill(hosts, &mended, Duration::from_millis(limit_ms)).await;
    ran.map_err(|text| (Verdict::Stuck, text))
}

/// Number of the longest election timeouts in which an election may still happen: messages in flight when clients
/// stop can cause one.
const SETTLES: u32 = 3;
/// Number of the longest election timeouts after that, in which no election may happen.
const CALM: u32 = 6;
/// Interval in which watchers receive progress even without changes, and compare their tables.
const PROGRESS: Duration = Duration::from_secs(6);

/// Checks that no node campaigns: without faults, heartbeats arrive in time.
async fn stays_calm(hosts: &Hosts, mended: &[u8]) -> Result<(), (Verdict, String)> {
    let longest = Duration::from_millis(hosts.options.timing.election_timeout_ms_max);
    let terms = || -> Vec<(Peer, Term)> {
        let judge = lock(&hosts.judge);
        let mended = judge.nodes().filter(|(node, _)| mended.contains(node));
        mended.map(|(_, now)| (now.node.config().me, now.node.hard_state().term)).collect()
    };
    sleep(longest * SETTLES).await;
    let before = terms();
    sleep((longest * CALM).max(PROGRESS)).await;
    let Some(((peer, was), (_, is))) = before.iter().zip(terms()).find(|((_, was), (_, is))| was != is)
    else {
        return Ok(());
    };
    Err((Verdict::Stuck, format!("{peer} went from {was} to {is} although nothing failed any more")))
}

/// Time limit in seconds for watchers: one tries each node in turn, for four times its patience, before it reports
/// an error.
const WATCH_S: u64 = 40;

/// Waits until every watcher that uses the production library has received all changes.
async fn caught_up(hosts: &Hosts, users: &Users) -> Result<(), (Verdict, String)> {
    let (history, last) = {
        let judge = lock(&hosts.judge);
        let last = judge.table().changes().last().map_or(Revision::ZERO, |change| change.revision);
        (judge.history(), last)
    };
    for _ in 0..WATCH_S {
        if users.progress().behind(history, last).is_none() {
            return Ok(());
        }
        sleep(Duration::from_secs(1)).await;
    }
    let Some((watcher, of, told)) = users.progress().behind(history, last) else { return Ok(()) };
    let told = format!("w{watcher} has been told up to {told} of history {of}");
    Err((Verdict::Stuck, format!("{told} and not up to {last} of history {history}")))
}

/// A random set of nodes that contains a quorum of every configuration that may be in force.
fn choose(hosts: &Hosts) -> Option<Vec<u8>> {
    let judge = lock(&hosts.judge);
    let through = judge.committed_through();
    // The node with the best log has every committed entry, known to be committed or not.
    let best = judge.nodes().max_by_key(|(_, now)| now.node.log().last())?.1.node;
    let below = best.uncommitted_configurations().iter().rfind(|(at, _)| *at <= through);
    let committed = below.map_or_else(|| best.applied().configuration(), |(_, configuration)| configuration);
    let mut configurations: Vec<Configuration> = vec![committed.clone()];
    for (_, now) in judge.nodes() {
        let above = now.node.uncommitted_configurations().iter().filter(|(at, _)| *at > through);
        configurations.extend(above.map(|(_, configuration)| configuration.clone()));
    }
    let mut left: Vec<(u8, Peer)> = judge.nodes().map(|(node, now)| (node, now.node.config().me)).collect();
    drop(judge);
    let mut chance = Stream::new(hosts.options.seed, "heal", 0);
    let mut chosen: Vec<(u8, Peer)> = Vec::new();
    let enough = |chosen: &[(u8, Peer)]| {
        configurations.iter().all(|configuration| {
            quorum::is_quorum(configuration, |voter| chosen.iter().any(|(_, peer)| *peer == voter))
        })
    };
    while !enough(&chosen) {
        let at = usize::try_from(chance.below(u64::try_from(left.len()).unwrap_or(0))).unwrap_or(0);
        if at >= left.len() {
            return None;
        }
        chosen.push(left.swap_remove(at));
    }
    Some(chosen.into_iter().map(|(node, _)| node).collect())
}

fn stuck(hosts: &Hosts, mended: &[u8], limit_ms: u64) -> String {
    let judge = lock(&hosts.judge);
    let of = |node: &u8| {
        let found = judge.nodes().find(|(other, _)| other == node);
        found.map_or_else(String::new, |(_, now)| {
            let node = now.node;
            let (me, role, term) = (node.config().me, node.role(), node.hard_state().term);
            format!(
                "{me} {role} in {term} committed {} of {} in {}",
                node.commit(),
                node.log().last(),
                node.configuration()
            )
        })
    };
    let nodes: Vec<String> = mended.iter().map(of).collect();
    format!("no change goes through within {limit_ms} ms; {}", nodes.join("; "))
}
