//! A cluster of three cutover nodes, and its clients.

use super::load::{Client, Processes, Target, Write};
use super::{ELECTION_MS, HEARTBEAT_MS};
use cutover::client::{Client as Production, Dialer, Options};
use cutover::core::control_plane::{Address, StoreChange, StoreFacts};
use cutover::core::placement::Guarantee;
use cutover::node::proto::v1::{self, migrations_client::MigrationsClient};
use cutover::node::tls::{Security, channel};
use std::future::Future;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tonic::Request;
use tonic::transport::Channel;

/// The next partition number that was not used yet.
static NEXT: AtomicU64 = AtomicU64::new(1);

pub struct Cluster {
    folder: PathBuf,
    nodes: Processes,
    production: Production,
}

fn address(node: usize) -> Address {
    format!("127.0.0.1:{}", 17_102 + node * 10).parse().expect("an address")
}

fn binary() -> &'static str {
    env!("CARGO_BIN_EXE_cutoverd")
}

impl Cluster {
    pub async fn start(folder: &Path) -> Self {
        let folder = folder.join("bench-cutover");
        let _old = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).expect("a folder");
        let addresses = (0..3).map(address).collect();
        let options = Options { attempt: Duration::from_millis(500), ..Options::default() };
        let production = Production::new(addresses, Arc::new(Dialer::Plain), options).expect("addresses");
        let mut cluster = Self { folder, nodes: Processes::default(), production };
        for node in 0..3 {
            let base = 17_101 + node * 10;
            let config = format!(
                "node = {}\ndata = {:?}\n[listen]\npeer = \"127.0.0.1:{base}\"\nclient = \"127.0.0.1:{}\"\n\
                 [timing]\nheartbeat_ms = {HEARTBEAT_MS}\nelection_timeout_ms_min = {ELECTION_MS}\n\
                 election_timeout_ms_max = {}\n",
                node + 1,
                cluster.folder.join(format!("d{node}")),
                base + 1,
                ELECTION_MS * 2,
            );
            std::fs::write(cluster.config(node), config).expect("a configuration");
        }
        let founded = Command::new(binary()).arg("init").arg("--config").arg(cluster.config(0)).output();
        assert!(founded.expect("init runs").status.success(), "the cluster is founded");
        for node in 0..3 {
            cluster.revive(node);
        }
        cluster.admit().await;
        cluster.know_store().await;
        cluster
    }

    fn config(&self, node: usize) -> PathBuf {
        self.folder.join(format!("n{node}.toml"))
    }

    async fn admit(&self) {
        use v1::change_members_request::Change;
        for node in 1..3_u32 {
            let at = usize::try_from(node).expect("small");
            let base = 17_101 + at * 10;
            let add = v1::AddLearner { peer_address: format!("127.0.0.1:{base}") };
            let member = loop {
                let added = self.production.change_members(Change::AddLearner(add.clone())).await;
                if let Some(member) = added.ok().and_then(|answer| answer.member) {
                    break member;
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            };
            while self.production.change_members(Change::Promote(member)).await.is_err() {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }

    /// Adds the store at which partitions are created.
    async fn know_store(&self) {
        let store = StoreFacts {
            name: "a".parse().expect("a name"),
            kind: "reference".parse().expect("a kind"),
            endpoints: vec!["a:7400".parse().expect("an address")].try_into().expect("one"),
            guarantee: Guarantee::Sealed,
            identity: "CN=a".parse().expect("an identity"),
        };
        let add = StoreChange::Add { number: None, store };
        let added = self.production.change_stores(add).await;
        added.expect("the store is known");
    }

    async fn leader(&self) -> usize {
        loop {
            for node in 0..3 {
                let status = self.production.status(&address(node)).await;
                if status.is_ok_and(|status| status.role() == v1::Role::Leader) {
                    return node;
                }
            }
        }
    }
}

impl Target for Cluster {
    fn client(&mut self) -> Pin<Box<dyn Future<Output = Box<dyn Client>> + '_>> {
        Box::pin(async {
            let anybody: cutover::node::tls::Expected = Arc::new(|_| Ok(()));
            let channel = channel(&address(self.leader().await), &Security::Plain, &anybody)
                .await
                .expect("a connection");
            Box::new(Direct(channel)) as Box<dyn Client>
        })
    }

    fn kill_leader(&mut self) -> Pin<Box<dyn Future<Output = usize> + '_>> {
        Box::pin(async {
            let leader = self.leader().await;
            self.nodes.kill(leader);
            leader
        })
    }

    fn revive(&mut self, node: usize) {
        let mut serve = Command::new(binary());
        self.nodes.start(node, serve.args(["serve", "--log", "error", "--config"]).arg(self.config(node)));
    }

    fn follower(&mut self) -> Box<dyn Client> {
        Box::new(Following(self.production.clone()))
    }
}

fn create() -> (u64, cutover::core::migration::Transition) {
    let (placement, guarantee) =
        (cutover::core::ids::Placement(0), cutover::core::placement::Guarantee::Sealed);
    (
        NEXT.fetch_add(1, Ordering::Relaxed),
        cutover::core::migration::Transition::Create { placement, guarantee },
    )
}

struct Direct(Channel);

impl Client for Direct {
    fn write(&mut self) -> Write {
        let mut client = MigrationsClient::new(self.0.clone());
        let (number, transition) = create();
        let asked = cutover::node::proto::PartitionSelector::Id(cutover::core::ids::PartitionId(number));
        let mut request = Request::new(cutover::node::proto::request(asked, transition, None));
        request.set_timeout(Duration::from_secs(5));
        Box::pin(async move { client.apply(request).await.is_ok() })
    }
}

struct Following(Production);

impl Client for Following {
    fn write(&mut self) -> Write {
        let client = self.0.clone();
        let (number, transition) = create();
        let asked = cutover::node::proto::PartitionSelector::Id(cutover::core::ids::PartitionId(number));
        Box::pin(async move { client.apply(asked, transition).await.is_ok() })
    }
}
