//! One store: its configuration, its process, and its clients.

use super::certs::Files;
use super::harness::{BINARY, PATIENCE, Ran, free, run, until};
use super::made::{Cluster, address, anybody, security};
use cutover::node::proto::v1::sink_client::SinkClient;
use cutover::node::proto::v1::{self, SinkTarget};
use std::fs::{self, OpenOptions};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use tonic::transport::Channel;

/// The partition of all tests.
pub const PARTITION: u64 = 7;

/// A store, running or not.
pub struct Store {
    pub name: String,
    pub identity: String,
    pub directory: PathBuf,
    pub data: PathBuf,
    pub listen: SocketAddr,
    pub metrics: SocketAddr,
    pub files: Files,
    /// Further sections of its configuration file.
    pub sections: String,
    child: Option<Child>,
    /// Number of bytes of its output at the last start.
    heard: usize,
}

impl Store {
    /// A store with a certificate of the cluster's authority, which the log does not know yet.
    pub fn new(cluster: &Cluster, name: &str) -> Self {
        let directory = cluster.directory.path().join(name);
        fs::create_dir_all(&directory).unwrap();
        let identity = format!("CN={name},OU=store,O=example");
        Self {
            name: name.to_owned(),
            files: cluster.authority.as_ref().unwrap().issue(name, &identity),
            identity,
            data: directory.join("data"),
            directory,
            listen: free(),
            metrics: free(),
            sections: String::new(),
            child: None,
            heard: 0,
        }
    }

    /// A store that the log knows and that serves.
    #[track_caller]
    pub fn serving(cluster: &Cluster, name: &str, sections: &str) -> Self {
        let mut store = Self::new(cluster, name);
        sections.clone_into(&mut store.sections);
        store.known(cluster, &[]).ok();
        store.init(cluster, &[]).ok();
        store.start();
        store
    }

    /// Writes the configuration file and returns its path.
    pub fn configure(&self) -> PathBuf {
        let Self { data, identity, listen, metrics, sections, files, .. } = self;
        let Files { ca, cert, key, .. } = files;
        let text = format!(
            "data = {data:?}\nidentity = \"{identity}\"\n[listen]\nstore = \"{listen}\"\nmetrics = \"{metrics}\"\n\
             [tls]\nca = {ca:?}\ncert = {cert:?}\nkey = {key:?}\n\
             [roles]\ngateway = [\"OU=gateway,O=example\"]\nnode = [\"OU=control-plane,O=example\"]\n\
             store = [\"OU=store,O=example\"]\n{sections}"
        );
        let path = self.directory.join("store.toml");
        fs::write(&path, text).unwrap();
        path
    }

    /// Makes the store known to the log.
    pub fn known(&self, cluster: &Cluster, further: &[&str]) -> Ran {
        let endpoint = format!("localhost:{}", self.listen.port());
        let words = ["stores", "add", &self.name, "--endpoint", &endpoint, "--identity", &self.identity];
        cluster.ctl(&[&words[..], further].concat())
    }

    /// Creates its directory.
    pub fn init(&self, cluster: &Cluster, further: &[&str]) -> Ran {
        let mut command = self.verb("init");
        command.args(["--store", &self.name]).args(cluster.endpoints()).args(further);
        run(&mut command)
    }

    fn verb(&self, verb: &str) -> Command {
        let mut command = Command::new(BINARY);
        command.args(["sink", verb, "--config"]).arg(self.configure()).env("NO_COLOR", "1");
        command
    }

    fn log(&self) -> PathBuf {
        self.directory.join("stderr")
    }

    fn spawn(&mut self) {
        assert!(self.child.is_none());
        let log = OpenOptions::new().create(true).append(true).open(self.log()).unwrap();
        self.heard = usize::try_from(log.metadata().unwrap().len()).unwrap();
        let out = log.try_clone().unwrap();
        let mut command = self.verb("serve");
        self.child = Some(command.stdin(Stdio::null()).stdout(out).stderr(log).spawn().unwrap());
    }

    /// Starts the store, and returns when it listens.
    #[track_caller]
    pub fn start(&mut self) {
        self.spawn();
        until("a store that serves", || {
            let ended = self.child.as_mut().unwrap().try_wait().unwrap();
            assert!(ended.is_none(), "{} ended with {ended:?}:\n{}", self.name, self.said());
            self.said().contains(" serves ").then_some(())
        });
    }

    /// Starts the store, which is expected to end by itself.
    #[track_caller]
    pub fn start_to_end(&mut self) -> Ran {
        self.spawn();
        self.end()
    }

    /// Waits until the process has ended by itself.
    #[track_caller]
    pub fn end(&mut self) -> Ran {
        let mut child = self.child.take().unwrap();
        let status = until("a store that ends", || child.try_wait().unwrap());
        Ran { code: status.code().unwrap_or(-1), out: String::new(), err: self.said() }
    }

    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    pub fn signal(&self, signal: &str) {
        let id = self.child.as_ref().expect("a process").id().to_string();
        assert_eq!(run(Command::new("kill").args([signal, &id])).code, 0);
    }

    #[track_caller]
    pub fn terminate(&mut self) -> Ran {
        self.signal("-TERM");
        self.end()
    }

    /// Its output since its last start.
    pub fn said(&self) -> String {
        let all = fs::read(self.log()).unwrap_or_default();
        String::from_utf8_lossy(&all[self.heard.min(all.len())..]).into_owned()
    }

    #[track_caller]
    pub fn hears(&self, words: &str) {
        until(&format!("{words:?} of {}", self.name), || self.said().contains(words).then_some(()));
    }

    /// A client with this certificate, once the store lets it in.
    pub async fn client(&self, files: &Files) -> SinkClient<Channel> {
        self.dial(Some(files)).await.unwrap()
    }

    /// A client with this certificate, or without any.
    pub async fn dial(&self, files: Option<&Files>) -> Result<SinkClient<Channel>, String> {
        let (at, security, expected) = (address(self.listen), security(files), anybody());
        let dial = cutover::node::tls::channel(&at, &security, &expected);
        let channel = tokio::time::timeout(PATIENCE, dial).await.unwrap();
        channel.map(SinkClient::new).map_err(|error| error.to_string())
    }

    /// The number that the log gave it.
    pub async fn number(&self, files: &Files) -> u64 {
        self.described(files).await.store
    }

    pub async fn described(&self, files: &Files) -> v1::SinkDescribeResponse {
        let asked = v1::SinkDescribeRequest { partition: Some(PARTITION) };
        self.client(files).await.describe(asked).await.unwrap().into_inner()
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            let all = fs::read_to_string(self.log()).unwrap_or_default();
            let tail = all.get(all.len().saturating_sub(4_000)..).unwrap_or(&all);
            eprintln!("--- store {} said:\n{tail}", self.name);
        }
    }
}

pub const fn target(store: u64) -> Option<SinkTarget> {
    Some(SinkTarget { store, partition: PARTITION })
}

/// A write of one row.
pub fn put(store: u64, serial: u64, token: u64, key: &str, value: &str) -> v1::SinkWriteRequest {
    let cell = v1::Cell { key: key.as_bytes().to_vec(), value: Some(value.as_bytes().to_vec()) };
    let id = Some(v1::WriteId { session: 1, serial });
    v1::SinkWriteRequest { target: target(store), id, token, expects: None, effects: vec![cell] }
}

/// The value of a row.
pub async fn get(client: &mut SinkClient<Channel>, store: u64, token: u64, key: &str) -> Option<String> {
    let asked = v1::SinkReadRequest { target: target(store), token, key: key.as_bytes().to_vec() };
    let value = client.read(asked).await.unwrap().into_inner().value;
    value.map(|value| String::from_utf8(value).unwrap())
}

/// A request to begin a copy, or to create the partition.
pub fn prepare(store: u64, migration: u64, source: Option<(u64, SocketAddr)>) -> v1::SinkPrepareRequest {
    v1::SinkPrepareRequest {
        target: target(store),
        migration,
        closed_through: if source.is_some() { 2 } else { 0 },
        source: source.map(|(store, _)| store),
        keep: None,
        source_endpoints: source.iter().map(|(_, at)| at.to_string()).collect(),
        bytes_per_second: None,
    }
}
