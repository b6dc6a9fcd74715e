//! A guest: it calls as somebody whose role does not permit everything, tries to hold more watches than it may, and watches while its
//! role is taken away.

use super::api::Api;
use crate::event_log::lock;
use crate::host::{CALLER, GATEWAY, Hosts, NOBODY, VIEWER};
use crate::judge::own;
use crate::stream::Stream;
use core::time::Duration;
use cutover::core::ids::PartitionId;
use cutover::node::proto::v1::{
    self, cluster_client::ClusterClient, error_detail::Why, migrations_client::MigrationsClient,
    placements_client::PlacementsClient, sessions_client::SessionsClient, watch_response::What,
};
use cutover::node::proto::{PartitionSelector, detail_of};
use tokio::time::{sleep, timeout};
use tonic::transport::Channel;
use tonic::{Request, Status, Streaming};

/// The calls, each with the guests that may make it (`docs/operating.md`).
const CALLS: [(&str, &[&str]); 14] = [
    ("status", &[VIEWER, GATEWAY]),
    ("members", &[VIEWER, GATEWAY]),
    ("list", &[VIEWER, GATEWAY]),
    ("plan", &[VIEWER, GATEWAY]),
    ("audit", &[VIEWER, GATEWAY]),
    ("resolve", &[GATEWAY]),
    ("floor", &[GATEWAY]),
    ("watch", &[GATEWAY]),
    ("apply", &[]),
    ("open", &[GATEWAY]),
    ("close", &[]),
    ("change-members", &[]),
    ("transfer", &[]),
    ("backup", &[]),
];

/// A guest.
pub struct Guest {
    number: u8,
    hosts: Hosts,
    api: Api,
    chance: Stream,
    patience: Duration,
}

fn wire<T>(who: &'static str, within: Duration, message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.set_timeout(within);
    request.metadata_mut().insert(CALLER, tonic::metadata::MetadataValue::from_static(who));
    request
}

/// Makes a call whose effect, if it is permitted by mistake, is small.
async fn call(name: &str, who: &'static str, within: Duration, at: Channel) -> Result<(), Status> {
    let partition = PartitionId((7 << 20) + 1);
    let selected = || Some(PartitionSelector::Id(partition).into());
    let (mut placements, mut migrations) =
        (PlacementsClient::new(at.clone()), MigrationsClient::new(at.clone()));
    let (mut sessions, mut cluster) = (SessionsClient::new(at.clone()), ClusterClient::new(at));
    match name {
        "status" => cluster.status(wire(who, within, v1::StatusRequest {})).await.map(drop),
        "members" => cluster.members(wire(who, within, v1::MembersRequest {})).await.map(drop),
        "transfer" => cluster.transfer(wire(who, within, v1::TransferRequest { to: 255 })).await.map(drop),
        "backup" => cluster.backup(wire(who, within, v1::BackupRequest {})).await.map(drop),
        "change-members" => {
            let asked = v1::ChangeMembersRequest { change: None, even_so: None };
            cluster.change_members(wire(who, within, asked)).await.map(drop)
        }
        "list" => {
            placements.list(wire(who, within, v1::ListRequest { after: None, limit: 1 })).await.map(drop)
        }
        "resolve" => placements
            .resolve(wire(who, within, v1::ResolveRequest { partition: selected() }))
            .await
            .map(drop),
        "floor" => {
            placements.floor(wire(who, within, v1::FloorRequest { partition: partition.0 })).await.map(drop)
        }
        "watch" => {
            let asked = v1::WatchRequest { after_revision: 0, history: 0 };
            placements.watch(wire(who, within, asked)).await.map(drop)
        }
        "plan" => migrations
            .plan(wire(who, within, v1::PlanRequest { partition: selected(), to: 1 }))
            .await
            .map(drop),
        "audit" => {
            let asked = v1::AuditRequest { after_index: 0, limit: 1 };
            migrations.audit(wire(who, within, asked)).await.map(drop)
        }
        "apply" => {
            let asked = v1::ApplyRequest { partition: selected(), ticket: None, transition: None };
            migrations.apply(wire(who, within, asked)).await.map(drop)
        }
        "open" => sessions.open(wire(who, within, v1::OpenSessionRequest {})).await.map(drop),
        _ => {
            let asked = v1::CloseSessionRequest { session: 1, history: 1 };
            sessions.close(wire(who, within, asked)).await.map(drop)
        }
    }
}

fn is_denied(status: &Status) -> bool {
    matches!(detail_of(status), Some(Why::Denied(_)))
}

impl Guest {
    /// A guest that knows the initial nodes.
    #[must_use]
    pub fn new(number: u8, hosts: &Hosts) -> Self {
        let (seed, patience) = (hosts.options.seed, Duration::from_millis(hosts.options.work.patience_ms));
        let api = Api::new(hosts.all(), patience, Stream::new(seed, "api", 700 + u64::from(number)));
        let chance = Stream::new(seed, "guest", number.into());
        Self { number, hosts: hosts.clone(), api, chance, patience }
    }

    /// Calls until the run is over.
    pub async fn run(mut self) {
        loop {
            sleep(Duration::from_millis(self.chance.between(100, 1_200))).await;
            let node = self.chance.pick(&self.hosts.all()).unwrap_or(1);
            let Some(channel) = self.api.channel(node) else { return };
            match self.chance.below(8) {
                0 => self.crowd(node, channel).await,
                1 | 2 => self.watch_on(node, channel).await,
                _ => self.knock(channel).await,
            }
        }
    }

    fn wrong(&self, found: &str, against: &str) {
        let found = format!("g{} {found}", self.number);
        lock(&self.hosts.judge).find(own::ROLES, found, against.to_owned());
    }

    async fn knock(&mut self, channel: Channel) {
        let Some((name, may)) = self.chance.pick(&CALLS) else { return };
        let who = self.chance.pick(&[VIEWER, GATEWAY, NOBODY]).unwrap_or(NOBODY);
        let called = timeout(self.patience, call(name, who, self.patience, channel)).await;
        let facts = [u64::from(called.is_ok())];
        self.hosts.event_log.note("g", self.number.into(), "calls", &facts, || format!("{name} as {who}"));
        let Ok(answer) = called else { return };
        self.hosts.event_log.count("client", "calls of guests");
        let refused = match &answer {
            Ok(()) => Some(false),
            // Without a detail, it may be a failure of the connection.
            Err(status) => detail_of(status)
                .map(|_| is_denied(status))
                .or_else(|| (status.code() == tonic::Code::InvalidArgument).then_some(false)),
        };
        match (refused, may.contains(&who)) {
            (Some(false), false) => {
                self.wrong(&format!("calls {name} as {who}"), "its role does not permit it")
            }
            (Some(true), true) => self.wrong(&format!("is denied {name} as {who}"), "its role permits it"),
            (Some(_) | None, _) => {}
        }
    }

    async fn watch(&self, channel: Channel) -> Option<Result<Streaming<v1::WatchResponse>, Status>> {
        let asked =
            wire(GATEWAY, Duration::from_secs(60), v1::WatchRequest { after_revision: 0, history: 0 });
        let opened = timeout(Duration::from_secs(1), PlacementsClient::new(channel).watch(asked)).await;
        opened.ok().map(|answer| answer.map(tonic::Response::into_inner))
    }

    /// Opens one watch more than a guest may hold.
    async fn crowd(&mut self, node: u8, channel: Channel) {
        let (boot, each) = (self.hosts.boot_of(node), self.hosts.options.watches_each);
        let mut open = Vec::new();
        for _ in 0..=each {
            match self.watch(channel.clone()).await {
                Some(Ok(stream)) => open.push(stream),
                Some(Err(_)) | None => break,
            }
        }
        self.hosts.event_log.count("client", "crowds of watches");
        // Other guests hold watches, too; a node that starts anew has forgotten those before, and a watch that falls behind is ended.
        if open.len() > each {
            let mut held = Vec::new();
            for mut stream in open {
                let ended = async { while let Ok(Some(_)) = stream.message().await {} };
                if timeout(Duration::from_millis(50), ended).await.is_err() {
                    held.push(stream);
                }
            }
            open = held;
        }
        if open.len() > each && boot == self.hosts.boot_of(node) {
            self.wrong(&format!("holds {} watches at n{node}", open.len()), &format!("{each} are allowed"));
        }
        sleep(Duration::from_millis(self.chance.below(50))).await;
    }

    /// Watches, loses its role, and must be told nothing that happens afterwards.
    async fn watch_on(&mut self, node: u8, channel: Channel) {
        let boot = self.hosts.boot_of(node);
        let (Some(access), Some(Ok(mut stream))) = (self.hosts.access(node), self.watch(channel).await)
        else {
            return;
        };
        let before = Duration::from_millis(self.chance.below(1_500));
        let _told = timeout(before, async { while let Ok(Some(_)) = stream.message().await {} }).await;
        let _differs = access.replace(crate::host::access(false));
        let (history, revision) = {
            let judge = lock(&self.hosts.judge);
            (judge.history(), judge.table().state().revision())
        };
        self.hosts.event_log.count("client", "roles taken away");
        let mut late = None;
        let listens = async {
            while let Ok(Some(told)) = stream.message().await {
                let same = told.history == history.0;
                late = late.or(match told.what {
                    Some(What::Change(change)) => Some(change.revision).filter(|at| same && *at > revision.0),
                    Some(What::Resync(resync)) => Some(resync.revision).filter(|at| same && *at > revision.0),
                    Some(What::Progress(_)) | None => None,
                });
            }
        };
        let for_ms = self.chance.between(200, 7_000);
        let _ended = timeout(Duration::from_millis(for_ms), listens).await;
        if let Some(at) = late.filter(|_| boot == self.hosts.boot_of(node)) {
            let found = format!("is told by n{node} what changed at r{at}");
            self.wrong(&found, &format!("its role was taken away at {revision}"));
        }
        let _differs = access.replace(crate::host::access(true));
    }
}
