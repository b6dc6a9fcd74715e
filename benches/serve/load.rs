//! One load generator for both.

use std::future::Future;
use std::pin::Pin;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// One write, to be acknowledged or not.
pub type Write = Pin<Box<dyn Future<Output = bool> + Send>>;

/// A client with a connection of its own to the leader.
pub trait Client: Send {
    /// Writes something new.
    fn write(&mut self) -> Write;
}

/// A cluster under load.
pub trait Target {
    /// A client of whoever leads now.
    fn client(&mut self) -> Pin<Box<dyn Future<Output = Box<dyn Client>> + '_>>;

    /// kill -9 of the leader; it comes back afterwards with [`Target::revive`].
    fn kill_leader(&mut self) -> Pin<Box<dyn Future<Output = usize> + '_>>;

    /// Starts a node that was killed.
    fn revive(&mut self, node: usize);

    /// A client that finds the leader by itself, however often it changes.
    fn follower(&mut self) -> Box<dyn Client>;
}

/// The processes of a cluster of three. They end with it.
#[derive(Default)]
pub struct Processes([Option<Child>; 3]);

impl Processes {
    pub fn start(&mut self, node: usize, command: &mut Command) {
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        self.0[node] = Some(child.expect("it starts"));
    }

    /// kill -9
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

/// What a load came to.
pub struct Figures {
    pub per_second: f64,
    pub p50: Duration,
    pub p99: Duration,
}

/// So many clients, each with one write under way, for so long.
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

/// For how long nothing is acknowledged after the leader is gone.
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
