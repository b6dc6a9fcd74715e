//! What a node meets where it dials a peer: nobody that answers, or somebody else.

use super::certs::Files;
use super::harness::until;
use super::made::{Cluster, security};
use cutover::node::tls::Security;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// What the process at a peer's address does with a connection.
#[derive(Clone, Copy)]
enum Answers {
    /// It accepts, and says nothing.
    Nothing,
    /// It completes the handshake of TLS, and says nothing to what comes then.
    Handshake,
}

/// A process at the address of a node's peer port.
struct Listening {
    task: JoinHandle<()>,
    /// Connections that were accepted.
    dialled: Arc<AtomicUsize>,
    /// Bytes that came after the handshake of TLS.
    said: Arc<AtomicUsize>,
}

impl Listening {
    fn at(cluster: &Cluster, address: SocketAddr, with: Option<&Files>, answers: Answers) -> Self {
        let Security::Mutual(tls) = security(with) else { panic!("no certificate") };
        let listener = until("the port", || cluster.run(TcpListener::bind(address)).ok());
        let (dialled, said) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let (counts, bytes) = (Arc::clone(&dialled), Arc::clone(&said));
        let task = cluster.spawn(async move {
            // Dropped with the task, and the connections with it.
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                counts.fetch_add(1, Ordering::SeqCst);
                let (tls, bytes) = (Arc::clone(&tls), Arc::clone(&bytes));
                connections.spawn(async move {
                    if let Answers::Nothing = answers {
                        return std::future::pending().await;
                    }
                    let Ok(mut stream) = tls.accept(stream).await else { return };
                    let mut buffer = [0; 1024];
                    while let Ok(read @ 1..) = stream.read(&mut buffer).await {
                        bytes.fetch_add(read, Ordering::SeqCst);
                    }
                });
            }
        });
        Self { task, dialled, said }
    }

    /// Waits for a further dial.
    fn is_dialled_again(&self) {
        let before = self.dialled.load(Ordering::SeqCst);
        until("a further dial", || (self.dialled.load(Ordering::SeqCst) > before).then_some(()));
    }

    fn ends(self, cluster: &Cluster) {
        self.task.abort();
        let _aborted = cluster.run(self.task);
    }
}

/// Stops a follower; returns its place and that of the leader.
fn without_a_follower(cluster: &mut Cluster) -> (usize, usize) {
    let leader = cluster.leader();
    let gone = (leader + 1) % cluster.nodes.len();
    cluster.nodes[gone].kill();
    (gone, leader)
}

/// A peer that accepts connections and never answers is given up and dialled again, whichever step it does not answer. When it is
/// back, it is found.
#[test]
fn a_peer_that_never_answers_is_dialled_again() {
    let mut cluster = Cluster::secure(3);
    let (gone, leader) = without_a_follower(&mut cluster);
    let (at, files) = (cluster.nodes[gone].peer, cluster.nodes[gone].files.clone());
    for (answers, lost) in [(Answers::Nothing, "deadline has elapsed"), (Answers::Handshake, "keep-alive")] {
        let silent = Listening::at(&cluster, at, files.as_ref(), answers);
        until("a dial", || (silent.dialled.load(Ordering::SeqCst) > 0).then_some(()));
        silent.is_dialled_again();
        cluster.nodes[leader].hears(lost);
        silent.ends(&cluster);
    }
    cluster.ctl(&["create", "acme", "--at", "A"]).ok();
    cluster.nodes[gone].start();
    until("the follower to catch up", || {
        let commit = cluster.status(leader)?.commit;
        (cluster.status(gone)?.commit >= commit).then_some(())
    });
}

/// An operator who mistypes an address is told so.
#[test]
fn a_node_that_never_answers_is_not_waited_for_when_it_is_added() {
    let cluster = Cluster::secure(1);
    let at = super::harness::free();
    let silent = Listening::at(&cluster, at, cluster.nodes[0].files.as_ref(), Answers::Nothing);
    cluster.ctl(&["members", "add", &at.to_string()]).fails(1, &[&at.to_string(), "no answer in time"]);
    silent.ends(&cluster);
    cluster.serves();
}

/// Any certificate of the authority fits the host name. A process with a gateway's certificate at a peer's address is told nothing,
/// not even a hello.
#[test]
fn who_is_not_the_member_is_told_nothing() {
    let mut cluster = Cluster::secure(3);
    let (gone, leader) = without_a_follower(&mut cluster);
    let gateway = cluster.authority.as_ref().unwrap().issue("gw1", "CN=gw1,OU=gateway,O=example");
    let other = Listening::at(&cluster, cluster.nodes[gone].peer, Some(&gateway), Answers::Handshake);
    until("a dial", || (other.dialled.load(Ordering::SeqCst) > 0).then_some(()));
    other.is_dialled_again();
    let (number, certificate) =
        (cluster.nodes[gone].number, "the certificate is of CN=gw1,OU=gateway,O=example");
    cluster.nodes[leader].hears(&format!(" is CN=n{number},OU=control-plane,O=example, {certificate}"));
    assert_eq!(other.said.load(Ordering::SeqCst), 0, "bytes were sent to it");
    other.ends(&cluster);
}
