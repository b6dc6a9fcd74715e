//! A cluster of three etcd nodes, and a client for the parts of its gRPC interface that a put needs.

use super::load::{Client, Processes, Target, Write};
use super::{ELECTION_MS, HEARTBEAT_MS};
use std::future::Future;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tonic::Request;
use tonic::client::Grpc;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::transport::{Channel, Endpoint};
use tonic_prost::ProstCodec;

/// `etcdserverpb.PutRequest`, with the fields that are set here.
#[derive(Clone, PartialEq, prost::Message)]
struct Put {
    #[prost(bytes = "vec", tag = "1")]
    key: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    value: Vec<u8>,
}

/// A response whose fields are not read.
#[derive(Clone, Copy, PartialEq, prost::Message)]
struct Ignored {}

/// `etcdserverpb.StatusResponse`, with the fields that are read here.
#[derive(Clone, PartialEq, prost::Message)]
struct Status {
    #[prost(message, optional, tag = "1")]
    header: Option<Header>,
    #[prost(uint64, tag = "4")]
    leader: u64,
}

#[derive(Clone, Copy, PartialEq, prost::Message)]
struct Header {
    #[prost(uint64, tag = "2")]
    member: u64,
}

static NEXT: AtomicU64 = AtomicU64::new(1);

pub struct Cluster {
    folder: PathBuf,
    nodes: Processes,
}

fn port(node: usize) -> usize {
    17_202 + node * 10
}

async fn connect(node: usize) -> Option<Channel> {
    let endpoint = Endpoint::from_shared(format!("http://127.0.0.1:{}", port(node))).ok()?;
    endpoint.connect_timeout(Duration::from_millis(500)).tcp_nodelay(true).connect().await.ok()
}

async fn ask<Q: prost::Message + 'static, A: prost::Message + Default + 'static>(
    channel: Channel,
    path: &'static str,
    message: Q,
    limit: Duration,
) -> Option<A> {
    let mut grpc = Grpc::new(channel);
    grpc.ready().await.ok()?;
    let mut request = Request::new(message);
    request.set_timeout(limit);
    let path = PathAndQuery::from_static(path);
    grpc.unary(request, path, ProstCodec::<Q, A>::default()).await.ok().map(tonic::Response::into_inner)
}

async fn put(channel: Channel, limit: Duration) -> bool {
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    // About as long as an entry of cutover.
    let put = Put { key: format!("partition-{number}").into_bytes(), value: vec![7; 16] };
    ask::<Put, Ignored>(channel, "/etcdserverpb.KV/Put", put, limit).await.is_some()
}

impl Cluster {
    /// Starts a cluster. `None` if there is no `etcd` on the path.
    pub async fn start(folder: &Path) -> Option<Self> {
        let known =
            Command::new("etcd").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
        if !known.is_ok_and(|status| status.success()) {
            return None;
        }
        let folder = folder.join("bench-etcd");
        let _old = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).expect("a folder");
        let mut cluster = Self { folder, nodes: Processes::default() };
        for node in 0..3 {
            cluster.revive(node);
        }
        cluster.leader().await;
        Some(cluster)
    }

    async fn leader(&self) -> usize {
        loop {
            for node in 0..3 {
                let Some(channel) = connect(node).await else { continue };
                let limit = Duration::from_millis(500);
                let status: Option<Status> =
                    ask(channel, "/etcdserverpb.Maintenance/Status", Ignored {}, limit).await;
                let leads = |status: &Status| {
                    status.leader != 0 && status.header.is_some_and(|header| header.member == status.leader)
                };
                if status.as_ref().is_some_and(leads) {
                    return node;
                }
            }
        }
    }
}

impl Target for Cluster {
    fn client(&mut self) -> Pin<Box<dyn Future<Output = Box<dyn Client>> + '_>> {
        Box::pin(async {
            let channel = connect(self.leader().await).await.expect("a connection");
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
        let peer = |node: usize| format!("http://127.0.0.1:{}", port(node) - 1);
        let client = format!("http://127.0.0.1:{}", port(node));
        let all: Vec<String> = (0..3).map(|node| format!("e{node}={}", peer(node))).collect();
        let (name, data) = (format!("e{node}"), self.folder.join(format!("e{node}")));
        let mut etcd = Command::new("etcd");
        etcd.args(["--name", &name, "--data-dir"]).arg(data);
        etcd.args(["--listen-peer-urls", &peer(node), "--initial-advertise-peer-urls", &peer(node)]);
        etcd.args(["--listen-client-urls", &client, "--advertise-client-urls", &client]);
        etcd.args(["--initial-cluster", &all.join(","), "--initial-cluster-state", "new"]);
        etcd.args(["--heartbeat-interval", &HEARTBEAT_MS.to_string()]);
        etcd.args(["--election-timeout", &ELECTION_MS.to_string(), "--log-level", "fatal"]);
        self.nodes.start(node, etcd.env("ETCD_UNSUPPORTED_ARCH", ""));
    }

    fn follower(&mut self) -> Box<dyn Client> {
        Box::new(Following { node: 0, channel: None })
    }
}

struct Direct(Channel);

impl Client for Direct {
    fn write(&mut self) -> Write {
        Box::pin(put(self.0.clone(), Duration::from_secs(5)))
    }
}

/// A client that tries one node after another; every node forwards a put to the leader.
struct Following {
    node: usize,
    channel: Option<Channel>,
}

impl Client for Following {
    fn write(&mut self) -> Write {
        self.node = (self.node + 1) % 3;
        let node = self.node;
        let _cached = self.channel.take();
        Box::pin(async move {
            let Some(channel) = connect(node).await else { return false };
            put(channel, Duration::from_millis(500)).await
        })
    }
}
