//! A control plane of one node, on loopback.

use cutover::client::{Client, Dialer, Options};
use cutover::core::control_plane::{Address, ClusterVoterIdentity, Founder, SingleNodeControlPlane, Stores};
use cutover::core::ids::{ClusterId, DirectoryId, HistoryId, NodeId};
use cutover::core::migration::{Caps, Policy};
use cutover::core::raft::{Config, NodeLimits, Peer, SessionLimits};
use cutover::node::driver::{DriverConfig, Environment, Queues, Timing};
use cutover::node::server::{Access, Parts, Plain, Running, SharedAccess, client_services, start};
use cutover::node::store::{Store, StoreIdentity};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng as _;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;

/// The most bytes of a request.
const REQUEST_BYTES_MAX: usize = 1 << 20;

/// A runtime of its own, so that what runs in it can be killed.
pub fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap()
}

pub struct Plane {
    pub address: SocketAddr,
    runtime: Option<Runtime>,
}

/// Serves a control plane that is founded in this directory.
async fn serve(path: &Path, listener: TcpListener) {
    let me = Peer { node: NodeId(1), directory: DirectoryId(1) };
    let subject = ClusterVoterIdentity::from_certificate_subject("CN=node-1").unwrap();
    let founder = Founder {
        cluster: ClusterId(1),
        history: HistoryId(1),
        voters: vec![(me, subject.into())],
        caps: Caps::PRODUCTION,
        sessions: SessionLimits::PRODUCTION,
        stores: Stores::none(),
    };
    let durable = founder.disk().unwrap();
    let identity = StoreIdentity { node: me.node, directory: me.directory };
    let storage = Store::create(path, &identity, &durable).unwrap();
    let engine =
        SingleNodeControlPlane::open(Config { me, limits: NodeLimits::PRODUCTION }, durable).unwrap();
    let Running { service, task, .. } = start(Parts {
        engine: Box::new(engine),
        driver: DriverConfig { timing: Timing::default(), queues: Queues::default() },
        storage,
        transport: (),
        environment: Environment {
            clock: Box::new(()),
            jitter: ChaCha8Rng::seed_from_u64(0),
            recorder: None,
        },
        access: SharedAccess::from(Access::default()),
        identify: Arc::new(Plain),
        introducer: Arc::new(()),
        policy: Policy::PRODUCTION,
    });
    let mut server = Server::builder();
    let router = client_services(&mut server, service, REQUEST_BYTES_MAX);
    tokio::spawn(router.serve_with_incoming(TcpIncoming::from(listener)));
    let stopped = task.await;
    panic!("{stopped:?}");
}

impl Plane {
    pub async fn start(path: &Path) -> Self {
        let runtime = runtime();
        let path = path.to_owned();
        let listening = runtime.spawn(async { TcpListener::bind("127.0.0.1:0").await.unwrap() });
        let listener = listening.await.unwrap();
        let address = listener.local_addr().unwrap();
        runtime.spawn(async move { serve(&path, listener).await });
        Self { address, runtime: Some(runtime) }
    }

    /// A client with a connection of its own.
    pub fn client(&self) -> Client {
        let address = Address::try_from(self.address.to_string()).unwrap();
        let options = Options {
            deadline: Duration::from_secs(60),
            attempt: Duration::from_secs(10),
            backoff: Duration::from_millis(5),
            seed: 1,
        };
        Client::new(vec![address], Arc::new(Dialer::Plain), options).unwrap()
    }

    /// It answers nobody any more, and its connections are closed.
    pub fn kill(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Drop for Plane {
    fn drop(&mut self) {
        self.kill();
    }
}
