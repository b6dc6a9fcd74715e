//! A cluster of several nodes.

use super::certs::{Authority, Files};
use super::harness::{LONGEST, Node, Ran, cutoverd, until};
use cutover::client::{Client, ClientError, Dialer, Options};
use cutover::core::control_plane::{Address, StoreChange, Subjects};
use cutover::core::placement::Guarantee;
use cutover::node::proto::v1::{
    AddLearner, MemberRef, PeerHello, Role, StatusResponse, change_members_request::Change,
};
use cutover::node::server::PEER_PROTOCOL;
use cutover::node::tls::{Expected, Security, Tls, TlsFiles};
use cutover_model::host::store_facts;
use std::future::Future;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;
use tempfile::TempDir;

/// Number of tests that may run processes at the same time.
const AT_ONCE: usize = 2;
static RUNNING: Mutex<usize> = Mutex::new(0);
static ENDED: Condvar = Condvar::new();
static CLUSTERS: AtomicU64 = AtomicU64::new(1);

/// Permission to run processes.
pub struct ProcessPermit(());

impl ProcessPermit {
    pub fn take() -> Self {
        let running = RUNNING.lock().unwrap();
        *ENDED.wait_while(running, |running| *running >= AT_ONCE).unwrap() += 1;
        Self(())
    }
}

impl Drop for ProcessPermit {
    fn drop(&mut self) {
        *RUNNING.lock().unwrap() -= 1;
        ENDED.notify_one();
    }
}

pub struct Cluster {
    pub nodes: Vec<Node>,
    pub authority: Option<Authority>,
    /// The operator's certificate, in a cluster with TLS.
    pub ann: Option<Files>,
    pub directory: TempDir,
    runtime: tokio::runtime::Runtime,
    _turn: Option<ProcessPermit>,
}

pub fn address(of: SocketAddr) -> Address {
    Address::try_from(of.to_string()).unwrap()
}

pub fn security(files: Option<&Files>) -> Security {
    match files {
        None => Security::Plain,
        Some(Files { ca, cert, key, crl }) => {
            let (ca, cert, key, crl) = (ca.clone(), cert.clone(), key.clone(), crl.clone());
            Security::Mutual(Arc::new(Tls::load(TlsFiles { ca, cert, key, crl }).unwrap()))
        }
    }
}

/// The end of the subjects of all nodes' certificates.
pub const NODES: &str = "OU=control-plane,O=example";

/// How a client with this certificate connects: to nodes alone.
pub fn dialer(files: Option<&Files>) -> Arc<Dialer> {
    Arc::new(match security(files) {
        Security::Plain => Dialer::Plain,
        Security::Mutual(tls) => Dialer::Mutual { tls, nodes: Subjects::parse(NODES).unwrap() },
    })
}

/// Takes the certificate of anybody.
pub fn anybody() -> Expected {
    Arc::new(|_| Ok(()))
}

pub const fn options(deadline_s: u64) -> Options {
    Options {
        deadline: Duration::from_secs(deadline_s),
        attempt: Duration::from_secs(2),
        backoff: Duration::from_millis(20),
        seed: 0,
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

impl Cluster {
    /// Nodes that have not been started.
    pub fn of(nodes: u8, secure: bool) -> Self {
        let turn = ProcessPermit::take();
        let directory = TempDir::new().unwrap();
        let authority = secure.then(|| Authority::new(&directory.path().join("certificates")));
        let ann = authority.as_ref().map(|ca| ca.issue("ann", "CN=ann,OU=ops,O=example"));
        let cluster = CLUSTERS.fetch_add(1, Ordering::Relaxed);
        let node = |number: u8| {
            let subject = format!("CN=n{number},OU=control-plane,O=example");
            let files = authority.as_ref().map(|ca| ca.issue(&format!("n{number}"), &subject));
            Node::new(directory.path(), cluster, number, files)
        };
        let nodes = (1..=nodes).map(node).collect();
        Self { nodes, authority, ann, directory, runtime: runtime(), _turn: Some(turn) }
    }

    /// A second cluster beside the first one of a test: nodes that have not been started, with certificates of its
    /// authority. The test has its permission: two tests that each wait for a second one would wait forever.
    pub fn beside(first: &Self, nodes: u8, directory: &Path) -> Self {
        let authority = first.authority.as_ref().unwrap();
        let node = |number: u8| {
            let subject = format!("CN=n{number},OU=control-plane,O=example");
            Node::new(directory, 0, number, Some(authority.issue(&format!("other-n{number}"), &subject)))
        };
        Self {
            nodes: (1..=nodes).map(node).collect(),
            authority: None,
            ann: Some(authority.issue("other-ann", "CN=ann,OU=ops,O=example")),
            directory: TempDir::new().unwrap(),
            runtime: runtime(),
            _turn: None,
        }
    }

    /// Founds the cluster with the first node, starts all nodes, makes all of them voters, and adds the stores `a`, `b` and `c`, which
    /// are A, B and C in records.
    #[track_caller]
    pub fn found(mut self) -> Self {
        self.nodes[0].verb(&["init"]).ok();
        for node in &mut self.nodes {
            node.start();
        }
        for at in 1..self.nodes.len() {
            self.admit(at);
        }
        self.know_stores();
        self
    }

    /// Adds the stores A, B and C.
    #[track_caller]
    pub fn know_stores(&self) {
        let client = self.client();
        for name in ["a", "b", "c"] {
            let store = store_facts(name, Guarantee::Sealed).unwrap();
            let add = || StoreChange::Add { number: None, store: store.clone() };
            until("a store that is known", || match self.run(client.change_stores(add())) {
                Ok(_) => Some(()),
                Err(ClientError::Refused { reason, .. }) if reason == "NameTaken" => Some(()),
                Err(ClientError::Indeterminate | ClientError::NoLeader(_)) => None,
                Err(error) => panic!("{error:?}"),
            });
        }
    }

    pub fn plain(nodes: u8) -> Self {
        Self::of(nodes, false).found()
    }

    pub fn secure(nodes: u8) -> Self {
        Self::of(nodes, true).found()
    }

    /// Adds a running node as a learner and promotes it when it has caught up.
    #[track_caller]
    pub fn admit(&self, at: usize) {
        let peer_address = self.nodes[at].peer.to_string();
        let client = self.client();
        let added = || {
            self.run(client.members()).ok()?.members.into_iter().find(|one| one.peer_address == peer_address)
        };
        let add = Change::AddLearner(AddLearner { peer_address: peer_address.clone() });
        self.change(&client, &add);
        let member = until("the new member", added);
        let promote = Change::Promote(MemberRef { node: member.node, directory: member.directory });
        self.change(&client, &promote);
    }

    /// Makes a change of the members, and waits as long as it cannot be made yet.
    #[track_caller]
    fn change(&self, client: &Client, change: &Change) {
        until("a change of the members", || match self.run(client.change_members(change.clone())) {
            Ok(_) => Some(()),
            // A learner that has not caught up yet, or a change that was made already.
            Err(ClientError::Refused { reason, .. })
                if matches!(reason.as_str(), "NotCaughtUp" | "InProgress") =>
            {
                None
            }
            Err(ClientError::Indeterminate | ClientError::NoLeader(_)) => None,
            Err(ClientError::Refused { reason, .. }) if reason.starts_with("Already") => Some(()),
            Err(error) => panic!("{error:?}"),
        });
    }

    /// The peer port, data directory and history of a node, as its peers have to name them.
    pub fn hello_to(&self, at: usize) -> PeerHello {
        let status = self.status(at).unwrap();
        PeerHello {
            node: 2,
            directory: 77_777,
            cluster: status.cluster,
            history: status.history,
            to_node: status.node,
            to_directory: status.directory,
            address: String::new(),
            protocol: PEER_PROTOCOL,
            run: 1,
        }
    }

    /// Waits for a future. One that hangs fails the test.
    #[track_caller]
    pub fn run<T>(&self, work: impl Future<Output = T>) -> T {
        let ended = self.runtime.block_on(async { tokio::time::timeout(LONGEST, work).await });
        let Ok(ended) = ended else { panic!("it has not ended after {LONGEST:?}") };
        ended
    }

    pub fn spawn<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> tokio::task::JoinHandle<T> {
        self.runtime.spawn(work)
    }

    pub fn addresses(&self) -> Vec<Address> {
        self.nodes.iter().map(|node| address(node.client)).collect()
    }

    /// A client with the operator's certificate.
    pub fn client(&self) -> Client {
        self.client_of(self.ann.as_ref(), options(10))
    }

    pub fn client_of(&self, files: Option<&Files>, options: Options) -> Client {
        Client::new(self.addresses(), dialer(files), options).unwrap()
    }

    /// The arguments that tell `ctl` the cluster's addresses.
    pub fn endpoints(&self) -> Vec<String> {
        let all: Vec<String> = self.addresses().iter().map(ToString::to_string).collect();
        let mut words = vec!["-e".to_owned(), all.join(",")];
        if let Some(Files { ca, cert, key, .. }) = &self.ann {
            for (name, path) in [("--ca", ca), ("--cert", cert), ("--key", key)] {
                words.extend([name.to_owned(), path.display().to_string()]);
            }
            words.extend(["--nodes".to_owned(), NODES.to_owned()]);
        }
        words
    }

    pub fn ctl(&self, words: &[&str]) -> Ran {
        let mut all = vec!["ctl".to_owned()];
        all.extend(self.endpoints());
        all.extend(words.iter().map(|word| (*word).to_owned()));
        cutoverd(&all)
    }

    /// Runs `ctl` with the address of a single node.
    pub fn ctl_at(&self, endpoint: &str, words: &[&str]) -> Ran {
        let mut all = vec!["ctl".to_owned()];
        all.extend(self.endpoints());
        all[2] = endpoint.to_owned();
        all.extend(words.iter().map(|word| (*word).to_owned()));
        cutoverd(&all)
    }

    /// The output of `ctl status` at that node.
    pub fn status_of(&self, endpoint: &str) -> String {
        self.ctl_at(endpoint, &["--deadline", "2", "status"]).ok()
    }

    pub fn status(&self, at: usize) -> Option<StatusResponse> {
        let client = self.client_of(self.ann.as_ref(), options(2));
        self.run(client.status(&address(self.nodes[at].client))).ok()
    }

    /// The node that believes to be the leader, once it answers reads.
    #[track_caller]
    pub fn leader(&self) -> usize {
        self.serves();
        until("a leader", || {
            let of = |at: &usize| self.nodes[*at].runs().then(|| self.status(*at)).flatten();
            let all: Vec<_> = (0..self.nodes.len()).filter_map(|at| Some((at, of(&at)?))).collect();
            let leads = all.iter().filter(|(_, status)| status.role() == Role::Leader);
            leads.max_by_key(|(_, status)| status.term).map(|(at, _)| *at)
        })
    }

    /// Waits until this node answers a read through its leader.
    #[track_caller]
    pub fn serves(&self) {
        let client = self.client();
        until("a cluster that serves", || self.run(client.members()).ok());
    }
}
