//! After the faults, when nobody else asks anything: every place is free, everybody knows the leader, a backup holds everything, and
//! when the leader dies its clients find the next one.

use crate::event_log::lock;
use crate::faults::End;
use crate::host::{CALLER, GATEWAY, Hosts, address};
use crate::stream::Stream;
use crate::workload::{Deadline, Library, download, library_client, machine};
use core::time::Duration;
use cutover::core::ids::PartitionId;
use cutover::core::raft::{RoleName, quorum};
use cutover::node::proto::v1::{
    self, error_detail::Why, placements_client::PlacementsClient, watch_response::What,
};
use cutover::node::proto::{PartitionSelector as By, detail_of};
use cutover::node::store::backup;
use std::collections::BTreeMap;
use tokio::time::{Instant, sleep, timeout};
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Status, Streaming};

/// How long an answer may take when nothing fails.
const PATIENCE: Duration = Duration::from_secs(5);
/// In which a watch is told of progress when nothing changes.
const PROGRESS: Duration = Duration::from_secs(7);

/// The drill of a cluster that has recovered.
struct Drill {
    hosts: Hosts,
    mended: Vec<u8>,
    channels: BTreeMap<u8, Channel>,
    limit: Duration,
}

/// Runs the drill.
///
/// # Errors
/// What did not happen, in words.
pub async fn drill(hosts: &Hosts, mended: &[u8], limit: Duration) -> Result<(), String> {
    let channels = mended.iter().filter_map(|node| {
        Some((*node, Endpoint::from_shared(format!("http://{}", address(*node))).ok()?.connect_lazy()))
    });
    let drill = Drill { hosts: hosts.clone(), mended: mended.to_vec(), channels: channels.collect(), limit };
    let ran = machine(4, 2).spawn(drill.run()).await;
    ran.unwrap_or_else(|error| Err(error.to_string()))
}

type Watch = Streaming<v1::WatchResponse>;

impl Drill {
    async fn run(self) -> Result<(), String> {
        let leader = self.leader().ok_or("nobody leads")?;
        let members = self.members(leader);
        self.hints(leader, &members).await?;
        self.backup(leader).await?;
        for node in &members {
            self.places(*node, *node == leader).await?;
        }
        self.progress(&members).await?;
        self.leader_dies(leader).await
    }

    fn leader(&self) -> Option<u8> {
        let judge = lock(&self.hosts.judge);
        let mut leaders = judge
            .nodes()
            .filter(|(node, now)| self.mended.contains(node) && now.node.role() == RoleName::Leader);
        leaders.next().map(|(node, _)| node)
    }

    /// The nodes that are in contact with the leader.
    fn members(&self, leader: u8) -> Vec<u8> {
        let judge = lock(&self.hosts.judge);
        let knows = |node: &u8| judge.look(*node).is_some_and(|look| look.leader() == Some(leader));
        self.mended.iter().copied().filter(knows).collect()
    }

    fn channel(&self, node: u8) -> Result<Channel, String> {
        self.channels.get(&node).cloned().ok_or_else(|| format!("n{node} has no address"))
    }

    /// Each node that follows the leader names it to who asks.
    async fn hints(&self, leader: u8, members: &[u8]) -> Result<(), String> {
        for node in members {
            let wire = v1::ResolveRequest { partition: Some(By::Id(PartitionId(0)).into()) };
            let mut request = Request::new(wire);
            request.set_timeout(PATIENCE);
            let answer = PlacementsClient::new(self.channel(*node)?).resolve(request).await;
            let Err(status) = answer else { continue };
            match detail_of(&status) {
                None if status.code() == tonic::Code::NotFound && *node == leader => {}
                Some(Why::NotLeader(v1::NotLeader { leader: Some(hint) }))
                    if hint.node == u32::from(leader)
                        && hint.client_address == address(leader).to_string() => {}
                found => {
                    return Err(format!("n{node} does not name n{leader} as the leader: {status} {found:?}"));
                }
            }
        }
        Ok(())
    }

    async fn backup(&self, leader: u8) -> Result<(), String> {
        let before = lock(&self.hosts.judge).before(PartitionId(0));
        let bytes = timeout(2 * PATIENCE, download(self.channel(leader)?, PATIENCE)).await;
        let bytes =
            bytes.map_err(|_| "a backup does not end")?.map_err(|status| format!("no backup: {status}"))?;
        let file = backup::decode(&bytes).map_err(|error| format!("no backup: {error}"))?;
        let applied = file.snapshot.applied().map_err(|error| format!("no backup: {error}"))?;
        let mut judge = lock(&self.hosts.judge);
        if let Some((id, found, against)) = judge.backup(&applied, before) {
            judge.find(id, format!("the drill {found}"), against);
        }
        Ok(())
    }

    async fn watch(&self, node: u8, who: Option<&'static str>) -> Result<Watch, Status> {
        let (history, revision) = {
            let judge = lock(&self.hosts.judge);
            (judge.history(), judge.table().state().revision())
        };
        let mut request = Request::new(v1::WatchRequest { after_revision: revision.0, history: history.0 });
        request.set_timeout(Duration::from_secs(60));
        if let Some(who) = who {
            request.metadata_mut().insert(CALLER, tonic::metadata::MetadataValue::from_static(who));
        }
        let channel = self.channel(node).map_err(Status::internal)?;
        let opened = timeout(PATIENCE, PlacementsClient::new(channel).watch(request)).await;
        Ok(opened.map_err(|_| Status::deadline_exceeded("no answer"))??.into_inner())
    }

    /// All watches that a node takes can be opened, one more cannot, and closing them frees their places; refusals take none.
    async fn places(&self, node: u8, leads: bool) -> Result<(), String> {
        let options = &self.hosts.options;
        // The controllers of the node that leads watch, too.
        let watchers = options.queues().watchers - usize::from(leads && options.data.stores > 0);
        let most = watchers.min(options.watches_max);
        let mut each = Vec::new();
        for at in 0..options.watches_each + 2 {
            let opened = self.watch(node, Some(GATEWAY)).await;
            match opened {
                Ok(watch) if at < options.watches_each => each.push(watch),
                Err(_) if at >= options.watches_each => {}
                Ok(_) => return Err(format!("n{node} gives one certificate watch number {}", at + 1)),
                Err(status) => {
                    return Err(format!("n{node} refuses a certificate watch number {}: {status}", at + 1));
                }
            }
        }
        drop(each);
        for round in ["first", "second"] {
            sleep(Duration::from_millis(200)).await;
            let mut open = Vec::new();
            for at in 0..most {
                match self.watch(node, None).await {
                    Ok(watch) => open.push(watch),
                    Err(status) => {
                        return Err(format!(
                            "n{node} has {at} of {most} places in the {round} round: {status}"
                        ));
                    }
                }
            }
            match self.watch(node, None).await {
                Ok(_) => return Err(format!("n{node} takes more than {most} watches")),
                Err(status) if matches!(detail_of(&status), Some(Why::Busy(_))) => {}
                Err(status) => return Err(format!("n{node} refuses a watch too many: {status}")),
            }
        }
        sleep(Duration::from_millis(200)).await;
        Ok(())
    }

    /// A watch goes on while nothing changes, and is told so.
    async fn progress(&self, members: &[u8]) -> Result<(), String> {
        let mut open = Vec::new();
        for node in members {
            let opened = self.watch(*node, None).await;
            open.push((*node, opened.map_err(|status| format!("n{node} refuses a watch: {status}"))?));
        }
        let until = Instant::now() + PROGRESS;
        for (node, mut watch) in open {
            loop {
                let left = until.saturating_duration_since(Instant::now());
                let told = timeout(left, watch.message()).await;
                let told = told.map_err(|_| format!("n{node} tells a watch of no progress"))?;
                let told = told.map_err(|status| format!("n{node} ends a watch: {status}"))?;
                let told = told.ok_or_else(|| format!("n{node} ends a watch"))?;
                if matches!(told.what, Some(What::Progress(_))) {
                    break;
                }
            }
        }
        Ok(())
    }

    /// The leader ends, and stays down: a client that knows it finds the next one.
    async fn leader_dies(&self, leader: u8) -> Result<(), String> {
        // The others are repaired now: what is enough with the leader may not be without it.
        let all = self.hosts.all();
        all.iter().for_each(|node| self.hosts.boot(*node));
        sleep(Duration::from_millis(10)).await;
        let enough = {
            let judge = lock(&self.hosts.judge);
            let left = |voter| {
                let others = all.iter().filter(|node| **node != leader && self.hosts.is_up(**node));
                others.into_iter().any(|node| self.hosts.peer(*node) == voter)
            };
            let now = judge.nodes().find(|(node, _)| *node == leader);
            now.is_some_and(|(_, now)| {
                let later = now.node.uncommitted_configurations();
                later.is_empty() && quorum::is_quorum(now.node.configuration(), left)
            })
        };
        let patience = Duration::from_millis(self.hosts.options.work.patience_ms.max(500));
        let Some(client) = library_client(&all, patience, 0xd1e).filter(|_| enough) else {
            return Ok(());
        };
        let mut chance = Stream::new(self.hosts.options.seed, "drill", 0);
        let mut library = Library::new(client, Deadline::new(&self.hosts, patience));
        let known = library.resolve(By::Id(PartitionId(0))).await;
        self.hosts.event_log.count("mark", "the leader dies after the faults");
        let end = if chance.below(2) == 0 { End::Power } else { End::Process };
        self.hosts.end(leader, end);
        let until = Instant::now() + self.limit;
        let mut found = None;
        while found.is_none() && Instant::now() < until {
            found = library.resolve(By::Id(PartitionId(0))).await;
        }
        let text = || {
            format!("a client of n{leader}, which has ended, finds no other leader within {:?}", self.limit)
        };
        found.map(drop).ok_or_else(text)?;
        let _known_before = known;
        while Instant::now() < until {
            if library.session().await.is_some() {
                return Ok(());
            }
        }
        Err(text())
    }
}
