//! The operator: transfers leadership, rebuilds nodes with lost disks, adds and removes nodes.

use super::api::{Api, Failed, Operation};
use super::library;
use crate::event_log::{EventLog, lock, now_ns};
use crate::faults::{End, OperatorTask};
use crate::host::{Hosts, registered};
use crate::stream::Stream;
use core::time::Duration;
use cutover::core::control_plane::ControlPlaneState;
use cutover::core::raft::{Applied, Peer};
use cutover::node::proto::v1::{self, change_members_request::Change};
use cutover::node::store::backup;
use std::collections::BTreeSet;
use tokio::sync::mpsc;
use tokio::time::sleep;

/// Executes one task after the other.
pub struct Operator {
    hosts: Hosts,
    event_log: EventLog,
    api: Api,
    chance: Stream,
    tasks: mpsc::Receiver<OperatorTask>,
    /// Whether the additional node is a member at present.
    extra: bool,
    /// The last backup.
    backup: Option<Vec<u8>>,
    /// When a transfer whose outcome is unknown is over, at the latest.
    settled_ns: u64,
}

fn reference(peer: Peer) -> v1::MemberRef {
    v1::MemberRef { node: peer.node.0.into(), directory: peer.directory.0 }
}

impl Operator {
    /// An operator that takes its tasks from a queue.
    #[must_use]
    pub fn new(hosts: Hosts, tasks: mpsc::Receiver<OperatorTask>) -> Self {
        let seed = hosts.options.seed;
        let patience = Duration::from_millis(hosts.options.work.patience_ms);
        let api = Api::new(hosts.all(), patience, Stream::new(seed, "api", 200));
        let event_log = hosts.event_log.clone();
        Self {
            hosts,
            event_log,
            api,
            chance: Stream::new(seed, "operator", 0),
            tasks,
            extra: false,
            backup: None,
            settled_ns: 0,
        }
    }

    /// Executes tasks until the queue is closed.
    pub async fn run(mut self) {
        while let Some(task) = self.tasks.recv().await {
            match task {
                OperatorTask::Transfer => self.transfer().await,
                OperatorTask::Rebuild(node) => self.rebuild(node).await,
                OperatorTask::Grow => self.grow().await,
                OperatorTask::Copy(node) => self.copy(node).await,
                OperatorTask::Restore(node) => self.restore(node).await,
                OperatorTask::Recover(node) => self.recover(node).await,
            }
        }
    }

    async fn pause(&mut self) {
        sleep(Duration::from_millis(self.chance.between(20, 300))).await;
    }

    async fn transfer(&mut self) {
        let to = self.chance.pick(&self.hosts.all()).unwrap_or(0);
        let to = if self.chance.below(2) == 0 { 0 } else { to };
        for _ in 0..4 {
            let (node, asked_ns) = (self.api.node(), now_ns());
            match self.api.operate(Operation::Transfer(to)).await {
                Ok(()) => return self.event_log.count("operator", "transfers"),
                Err(Failed::NotCommitted) => {
                    // An earlier transfer may be the one that goes on.
                    if asked_ns > self.settled_ns {
                        lock(&self.hosts.judge).not_transferred(node, asked_ns);
                    }
                    self.pause().await;
                }
                Err(Failed::Indeterminate) => {
                    self.settled_ns =
                        now_ns() + 4 * self.hosts.options.timing.election_timeout_ms_max * 1_000_000;
                    return;
                }
                Err(Failed::Refused(_) | Failed::SessionExpired) => return,
            }
        }
    }

    async fn rebuild(&mut self, node: u8) {
        self.event_log.count("fault", "wipe");
        self.hosts.end(node, End::Power);
        let old = self.hosts.peer(node);
        let new = self.hosts.wipe(node);
        // For a while nobody notices: the node runs with an empty disk, and the others have it as a voter.
        self.hosts.boot(node);
        sleep(Duration::from_millis(self.chance.between(0, 4_000))).await;
        self.replace(old, new).await;
        self.event_log.count("operator", "rebuilt");
    }

    /// Starts a copy of a member. After a while, both are stopped, and the member is replaced. In most runs all others go on
    /// answering the original; in some, they answer the copy alone; in some, each of them answers one of the two.
    async fn copy(&mut self, node: u8) {
        self.event_log.count("fault", "twin");
        let old = self.hosts.peer(node);
        let copy = self.hosts.copy(node);
        for other in self.hosts.all() {
            self.hosts.network.cut(copy, other, self.chance.below(3) == 0);
        }
        let mut answers = Stream::new(self.hosts.options.seed, "answers", copy.into());
        let others = self.hosts.all().into_iter().filter(|other| *other != node);
        let (by, replaced) = match answers.below(4) {
            0 => (others.collect(), true),
            1 => (others.filter(|_| answers.below(2) == 0).collect(), false),
            _ => (BTreeSet::new(), false),
        };
        self.hosts.network.copied(node, by, replaced);
        let longest_ms = self.hosts.options.timing.election_timeout_ms_max;
        sleep(Duration::from_millis(self.chance.between(longest_ms, 4 * longest_ms))).await;
        self.hosts.retire_copies();
        self.replace(old, self.hosts.peer(node)).await;
        self.event_log.count("operator", "copied members replaced");
    }

    /// Loses all nodes a while after a backup, and restores one from it. The last backup may be used again.
    async fn restore(&mut self, node: u8) {
        if self.backup.is_none() || self.chance.below(2) == 0 {
            let patience = Duration::from_millis(self.hosts.options.work.patience_ms);
            let client = library::client(&self.hosts.all(), patience, self.hosts.options.seed ^ 0xbac);
            if let Some(client) = client
                && let Ok(backup) = client.backup().await
            {
                self.backup = Some(backup);
            }
        }
        let found = self.backup.as_ref().and_then(|bytes| backup::decode(bytes).ok());
        let Some(applied) = found.and_then(|backup| backup.snapshot.applied().ok()) else { return };
        sleep(Duration::from_millis(self.chance.between(0, 8_000))).await;
        self.event_log.count("fault", "restore");
        self.hosts.lose_all(None);
        self.begin_anew(node, applied).await;
    }

    /// Loses all nodes but one, and recovers that one.
    async fn recover(&mut self, node: u8) {
        let Some(disk) = self.hosts.lose_all(Some(node)) else { return };
        self.event_log.count("fault", "recover");
        if let Ok(applied) = disk.assume_committed() {
            self.begin_anew(node, applied).await;
        }
    }

    /// Begins a new history with one node, and lets the others join it.
    async fn begin_anew(&mut self, node: u8, applied: Applied<ControlPlaneState>) {
        sleep(Duration::from_millis(self.chance.between(1_000, 3_000))).await;
        self.extra = false;
        if !self.hosts.refound(node, applied) {
            return;
        }
        for other in (1..=self.hosts.options.nodes).filter(|other| *other != node) {
            self.join(self.hosts.peer(other)).await;
        }
        self.event_log.count("operator", "clusters begun anew");
    }

    /// Removes a node whose disk is lost, and admits it in its next directory.
    async fn replace(&mut self, old: Peer, new: Peer) {
        self.until(Change::Remove(reference(old)), |members| !members.iter().any(|member| is(member, old)))
            .await;
        self.join(new).await;
    }

    async fn grow(&mut self) {
        let node = self.hosts.options.nodes + 1;
        if !self.hosts.all().contains(&node) {
            self.hosts.add(node, false);
        }
        let peer = self.hosts.peer(node);
        if self.extra {
            self.until(Change::Remove(reference(peer)), |members| {
                !members.iter().any(|member| is(member, peer))
            })
            .await;
            self.hosts.end(node, End::Power);
            self.hosts.wipe(node);
            self.event_log.count("operator", "shrunk");
        } else {
            self.join(peer).await;
            self.event_log.count("operator", "grown");
        }
        self.extra = !self.extra;
    }

    /// Adds a node with an empty disk, first as a learner, and promotes it.
    async fn join(&mut self, peer: Peer) {
        self.hosts.boot(peer.node.0);
        let Some(registered) = registered(peer.node.0) else { return };
        let address = registered.endpoints.peer.map(|address| address.to_string()).unwrap_or_default();
        let admit = v1::AddLearner { peer_address: address };
        self.until(Change::AddLearner(admit), |members| members.iter().any(|member| is(member, peer))).await;
        self.until(Change::Promote(reference(peer)), |members| {
            members.iter().any(|member| is(member, peer) && member.voter)
        })
        .await;
    }

    /// Requests a membership change until the members satisfy `done`.
    async fn until(&mut self, change: Change, done: impl Fn(&[v1::Member]) -> bool) {
        self.api.know(self.hosts.all());
        loop {
            if let Some(found) = self.api.members().await
                && done(&found.members)
            {
                return;
            }
            if self.api.operate(Operation::Change(change.clone())).await.is_ok() {
                self.event_log.count("operator", "changes of the members");
            }
            self.pause().await;
        }
    }
}

fn is(member: &v1::Member, peer: Peer) -> bool {
    member.node == u32::from(peer.node.0) && member.directory == peer.directory.0
}
