//! The load generator, which is the same for both clusters.

use std::future::Future;
use std::pin::Pin;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// One write; resolves to whether it was acknowledged.
pub type Write = Pin<Box<dyn Future<Output = bool> + Send>>;

/// A client with its own connection to the leader.
pub trait Client: Send {
    /// Writes a new key or partition.
    fn write(&mut self) -> Write;
}

/// A cluster of three nodes that is measured.
pub trait Target {
    /// A new client of the current leader.
    fn client(&mut self) -> Pin<Box<dyn Future<Output = Box<dyn Client>> + '_>>;

    /// Kills the leader with SIGKILL. Returns its number, for [`Target::revive`].
    fn kill_leader(&mut self) -> Pin<Box<dyn Future<Output = usize> + '_>>;

    /// Starts a killed node again.
    fn revive(&mut self, node: usize);

    /// A client that follows changes of the leader.
    fn follower(&mut self) -> Box<dyn Client>;
}

/// The processes of three nodes. Dropping the value kills them.
#[derive(Default)]
pub struct Processes([Option<Child>; 3]);

impl Processes {
    pub fn start(&mut self, node: usize, command: &mut Command) {
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        self.0[node] = Some(child.expect("it starts"));
    }

    /// Kills a node with SIGKILL.
    pub fn kill(&mut self, node: usize) {
        if let Some(mut child) = self.0[node].take() {
            child.kill().and_then(|()| child.wait()).expect("it was running");
        }
    }
}

impl Drop for Processes {
    fn drop(&mut self) {
        for child in self.0.iter_mut().flatten() {
            let _ended = child.kill().and_then(|()| child.wait());
        }
    }
}

/// The results of a load.
pub struct Figures {
    pub per_second: f64,
    pub p50: Duration,
    pub p99: Duration,
}

/// Runs a number of clients for some time, each with one write in progress.
pub async fn writes(target: &mut dyn Target, clients: usize, run: Duration) -> Figures {
    let mut all = Vec::new();
    for _ in 0..clients {
        all.push(target.client().await);
    }
    let began = Instant::now();
    let tasks: Vec<_> = all
        .into_iter()
        .map(|mut client| {
            tokio::spawn(async move {
                let mut took = Vec::new();
                while began.elapsed() < run {
                    let sent = Instant::now();
                    assert!(client.write().await, "a write failed in fair weather");
                    took.push(sent.elapsed());
                }
                took
            })
        })
        .collect();
    let mut took = Vec::new();
    for task in tasks {
        took.extend(task.await.expect("a client ends"));
    }
    let elapsed = began.elapsed().as_secs_f64();
    took.sort_unstable();
    let at = |percent: usize| took[(took.len() * percent / 100).min(took.len() - 1)];
    Figures { per_second: took.len() as f64 / elapsed, p50: at(50), p99: at(99) }
}

/// Kills the leader several times. Returns for each kill how long no write was acknowledged.
pub async fn failover(target: &mut dyn Target, kills: usize) -> Vec<Duration> {
    let mut gaps = Vec::new();
    for _ in 0..kills {
        let mut client = target.follower();
        while !client.write().await {}
        let node = target.kill_leader().await;
        let killed = Instant::now();
        while !client.write().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        gaps.push(killed.elapsed());
        target.revive(node);
        tokio::time::sleep(Duration::from_secs(3)).await;
    }
    gaps
}
