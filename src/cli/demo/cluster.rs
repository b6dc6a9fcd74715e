//! The cluster of a demo: three nodes that run controllers, two stores, and gateways, each a process of its own.

use super::memory::{Kind, Memory};
use super::part::{Part, program};
use super::ports::Ports;
use crate::cli::{Failed, exit};
use core::cell::{RefCell, RefMut};
use core::time::Duration;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Output;

pub(super) const NODES: usize = 3;
/// The stores, by name.
pub(super) const STORES: [&str; 2] = ["eu", "us"];
pub(super) const GATEWAYS: u64 = 2;
/// The partition that moves.
pub(super) const PARTITION: &str = "acme";

/// How long a process may take until it serves.
const START: Duration = Duration::from_secs(20);
/// How long a process may take to end.
const END: Duration = Duration::from_secs(5);

/// The processes of a demo. Nodes come first, then stores, then gateways.
pub(super) struct Cluster {
    pub(super) directory: PathBuf,
    parts: RefCell<Vec<Part>>,
    nodes: Vec<SocketAddr>,
    /// How often each gateway was started.
    lives: RefCell<Vec<u64>>,
    writers: u64,
    _ports: Ports,
}

fn written(path: &Path, text: &str) -> Result<(), Failed> {
    fs::write(path, text).map_err(|error| Failed::new(exit::INTERNAL, format!("{}: {error}", path.display())))
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

impl Cluster {
    /// Founds a cluster in a directory, with both stores and the partition at the first.
    pub(super) async fn found(directory: PathBuf, writers: u64) -> Result<Self, Failed> {
        let mut ports = Ports::claim()?;
        let mut parts = Vec::new();
        let (mut nodes, mut peers, mut stores) = (Vec::new(), Vec::new(), Vec::new());
        let log = |name: &str| directory.join(format!("{name}.log"));
        for number in 1..=NODES {
            let (name, peer, client) = (format!("n{number}"), ports.port(), ports.port());
            let (config, data) = (directory.join(format!("{name}.toml")), directory.join(&name));
            let listen = format!("[listen]\npeer = \"{peer}\"\nclient = \"{client}\"\n");
            written(
                &config,
                &format!("node = {number}\ndata = {data:?}\n{listen}[controllers]\nrun = true\n"),
            )?;
            let arguments = words(&["serve", "--config", &config.display().to_string()]);
            parts.push(Part::new(&name, log(&name), arguments));
            nodes.push(client);
            peers.push(peer);
        }
        for name in STORES {
            let listen = ports.port();
            let (config, data) = (directory.join(format!("{name}.toml")), directory.join(name));
            written(
                &config,
                &format!("data = {data:?}\nidentity = \"demo {name}\"\n[listen]\nstore = \"{listen}\"\n"),
            )?;
            let arguments = words(&["sink", "serve", "--config", &config.display().to_string()]);
            parts.push(Part::new(name, log(name), arguments));
            stores.push(listen);
        }
        parts.extend((1..=GATEWAYS).map(|number| {
            let name = format!("gw{number}");
            Part::new(&name, log(&name), Vec::new())
        }));
        let lives = RefCell::new(vec![0; parts.len()]);
        let cluster = Self { directory, parts: RefCell::new(parts), nodes, lives, writers, _ports: ports };
        cluster.set_up(&peers, &stores).await?;
        Ok(cluster)
    }

    async fn set_up(&self, peers: &[SocketAddr], stores: &[SocketAddr]) -> Result<(), Failed> {
        self.done(&["init", "--config", &self.config("n1")]).await?;
        for node in 0..NODES {
            self.start(node)?;
            self.serves(node).await?;
        }
        for peer in peers.iter().skip(1) {
            self.ctl(&["members", "add", &peer.to_string(), "--promote"]).await?;
        }
        for (at, (name, listen)) in STORES.iter().zip(stores).enumerate() {
            let identity = format!("demo {name}");
            let endpoint = listen.to_string();
            self.ctl(&["stores", "add", name, "--endpoint", &endpoint, "--identity", &identity]).await?;
            let init = ["sink", "init", "--config", &self.config(name), "--store", name];
            self.done(&[&init[..], &["-e", &self.endpoints()]].concat()).await?;
            self.start(NODES + at)?;
            self.serves(NODES + at).await?;
        }
        let [first, ..] = STORES;
        self.ctl(&["create", PARTITION, "--at", first]).await
    }

    fn config(&self, name: &str) -> String {
        self.directory.join(format!("{name}.toml")).display().to_string()
    }

    /// The client addresses of the nodes, as an argument.
    pub(super) fn endpoints(&self) -> String {
        let all: Vec<String> = self.nodes.iter().map(ToString::to_string).collect();
        all.join(",")
    }

    pub(super) fn addresses(&self) -> &[SocketAddr] {
        &self.nodes
    }

    pub(super) fn parts(&self) -> RefMut<'_, Vec<Part>> {
        self.parts.borrow_mut()
    }

    /// The number of processes.
    pub(super) fn size(&self) -> usize {
        self.parts().len()
    }

    pub(super) fn name(&self, part: usize) -> String {
        self.parts().get(part).map_or_else(String::new, |part| part.name.clone())
    }

    /// Runs a verb of this program to its end.
    pub(super) async fn verb(&self, arguments: &[&str]) -> Result<Output, Failed> {
        let mut command = program()?;
        command.args(arguments).stdin(std::process::Stdio::null());
        let ran = tokio::task::spawn_blocking(move || command.output()).await;
        let ran = ran.map_err(|error| Failed::new(exit::INTERNAL, error))?;
        ran.map_err(|error| Failed::new(exit::INTERNAL, format!("{arguments:?}: {error}")))
    }

    /// Runs a verb that has to succeed.
    async fn done(&self, arguments: &[&str]) -> Result<(), Failed> {
        let Output { status, stderr, .. } = self.verb(arguments).await?;
        if status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&stderr).trim().to_owned();
        Err(Failed::new(exit::INTERNAL, format!("{arguments:?} ended with {status}: {said}")))
    }

    /// `ctl`, which has to succeed.
    async fn ctl(&self, arguments: &[&str]) -> Result<(), Failed> {
        self.done(&[&["ctl", "-e", &self.endpoints()], arguments].concat()).await
    }

    /// `ctl`, which may be refused. Returns whether it was done.
    pub(super) async fn try_ctl(&self, arguments: &[&str]) -> Result<bool, Failed> {
        let ran = self.verb(&[&["ctl", "-e", &self.endpoints()], arguments].concat()).await?;
        Ok(ran.status.success())
    }

    /// Starts a process. A gateway begins another life.
    pub(super) fn start(&self, part: usize) -> Result<(), Failed> {
        let gateway = part.checked_sub(NODES + STORES.len()).and_then(|number| u64::try_from(number).ok());
        if let (Some(number), Some(life)) = (gateway, self.lives.borrow_mut().get_mut(part)) {
            let arguments = self.gateway(number, *life);
            *life += 1;
            if let Some(part) = self.parts().get_mut(part) {
                part.with(arguments);
            }
        }
        self.parts().get_mut(part).map_or(Ok(()), Part::start)
    }

    /// The arguments of a gateway, which has its part of all clients. Each gateway has writers and others.
    fn gateway(&self, number: u64, life: u64) -> Vec<String> {
        let record = record(&self.directory, number).display().to_string();
        let endpoints = self.endpoints();
        let numbers = [number, GATEWAYS, self.writers, others(self.writers), life];
        let [number, gateways, writers, others, life] = numbers.map(|number| number.to_string());
        let mut arguments = vec!["gateway", "-e", &endpoints, "--partition", PARTITION, "--number", &number];
        arguments.extend(["--gateways", &gateways, "--writers", &writers, "--others", &others]);
        arguments.extend(["--life", &life, "--record", &record]);
        words(&arguments)
    }

    /// Waits until a process serves.
    pub(super) async fn serves(&self, part: usize) -> Result<(), Failed> {
        let until = tokio::time::Instant::now() + START;
        while tokio::time::Instant::now() < until {
            if let Some(part) = self.parts().get_mut(part) {
                part.check()?;
                if part.serves() {
                    return Ok(());
                }
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let name = self.name(part);
        Err(Failed::new(exit::INTERNAL, format!("{name} does not serve after {START:?}")))
    }

    /// The error of a process that has ended by itself.
    pub(super) fn check(&self) -> Result<(), Failed> {
        self.parts().iter_mut().try_for_each(Part::check)
    }

    /// Notes how much memory each process has resident.
    pub(super) fn look(&self, memory: &Memory) {
        for (number, part) in self.parts().iter().enumerate() {
            let kind = match number {
                0..NODES => Kind::Node,
                _ if number < NODES + STORES.len() => Kind::Store,
                _ => Kind::Gateway,
            };
            if let Some(process) = part.process() {
                memory.look(kind, process);
            }
        }
    }

    /// Starts the load.
    pub(super) async fn start_gateways(&self) -> Result<(), Failed> {
        for part in NODES + STORES.len()..self.size() {
            self.start(part)?;
            self.serves(part).await?;
        }
        Ok(())
    }

    /// Ends the load: each writer ends what it does.
    pub(super) async fn end_gateways(&self) {
        let mut gateways = self.parts().split_off(NODES + STORES.len());
        gateways.iter_mut().for_each(Part::close);
        for gateway in &mut gateways {
            // The longest operation takes ten seconds.
            gateway.end(Duration::from_secs(15)).await;
        }
        self.parts().extend(gateways);
    }

    /// Ends all processes.
    pub(super) async fn end(&self) {
        let mut all = core::mem::take(&mut *self.parts());
        for part in all.iter_mut().rev() {
            part.stop(END).await;
        }
    }
}

/// How many clients read and compare-and-set the registers of so many writers.
const fn others(writers: u64) -> u64 {
    writers.div_ceil(4).next_multiple_of(GATEWAYS)
}

/// Where a gateway records its operations.
pub(super) fn record(directory: &Path, gateway: u64) -> PathBuf {
    directory.join(format!("gw{}.jsonl", gateway + 1))
}
