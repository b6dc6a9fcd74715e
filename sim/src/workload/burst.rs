//! A crowd of callers: while the leader's disk stands still, and now and then, many changes arrive at once. They are written in one
//! group, applied in one turn, and take every place that there is.

use super::api::Api;
use super::choice;
use crate::event_log::lock;
use crate::host::Hosts;
use crate::stream::Stream;
use core::time::Duration;
use cutover::core::ids::PartitionId;
use cutover::core::migration::Transition;
use cutover::core::raft::RoleName;
use cutover::node::proto::v1::migrations_client::MigrationsClient;
use cutover::node::proto::{PartitionSelector as By, request};
use tokio::time::sleep;
use tonic::Request;

/// First number of the partitions that crowds change.
const OWN: u64 = 9 << 20;
/// How many of them there are. They are changed in descending order.
const PARTITIONS: u64 = 16;

/// A crowd of callers.
pub struct Crowd {
    hosts: Hosts,
    api: Api,
    chance: Stream,
    patience: Duration,
}

impl Crowd {
    /// A crowd that knows the initial nodes.
    #[must_use]
    pub fn new(hosts: &Hosts) -> Self {
        let (seed, patience) = (hosts.options.seed, Duration::from_millis(hosts.options.work.patience_ms));
        let api = Api::new(hosts.all(), patience, Stream::new(seed, "api", 800));
        Self { hosts: hosts.clone(), api, chance: Stream::new(seed, "crowd", 0), patience }
    }

    /// Calls until the run is over.
    pub async fn run(mut self) {
        loop {
            sleep(Duration::from_millis(self.chance.between(50, 150))).await;
            let size = self.chance.pick(&[8, 16, 80, 80]).unwrap_or(16);
            let (now_and_then, most) = (self.chance.below(60) == 0, self.chance.below(24) == 0);
            let Some(leader) = self.leader() else { continue };
            let stands = self.hosts.disk_time(leader).stands_us() > 0;
            if stands || now_and_then {
                // A node takes hundreds of batches more than it wants before its disk would be overrun.
                self.call(leader, if stands && most { 640 } else { size }).await;
                sleep(Duration::from_millis(self.chance.between(500, 4_000))).await;
            }
        }
    }

    fn leader(&self) -> Option<u8> {
        let judge = lock(&self.hosts.judge);
        judge.nodes().find(|(_, now)| now.node.role() == RoleName::Leader).map(|(node, _)| node)
    }

    fn change(&mut self, at: u64) -> (By, Transition) {
        let partition = PartitionId(OWN + PARTITIONS - 1 - at % PARTITIONS);
        let record = lock(&self.hosts.judge).table().state().table().record(partition).cloned();
        (By::Id(partition), choice::next(record.as_ref(), &self.hosts.options.work, &mut self.chance))
    }

    async fn call(&mut self, leader: u8, size: u64) {
        let Some(channel) = self.api.channel(leader) else { return };
        self.hosts.event_log.count("client", "crowds");
        let mut calls = Vec::new();
        for at in 0..size {
            let (by, transition) = self.change(at);
            let mut wire = Request::new(request(by, transition, None));
            wire.set_timeout(self.patience);
            let mut client = MigrationsClient::new(channel.clone());
            calls.push(madsim::task::spawn(async move { client.apply(wire).await.is_ok() }));
        }
        let mut done = 0;
        for call in calls {
            done += u64::from(call.await.unwrap_or(false));
        }
        self.hosts.event_log.note("x", 0, "a crowd called", &[size, done], String::new);
    }
}
