//! A node learns the addresses of members from a snapshot.

use super::{InstantDisk, QUIET, ends, environment, peer, until};
use cutover::core::control_plane::{
    Address, ClusterVoterIdentity, ControlPlaneConsensus as _, ControlPlaneEntry, Endpoints, Founder,
    MembershipChange, ReplicatedControlPlane,
};
use cutover::core::ids::{ClusterId, DirectoryId, HistoryId, Index, NodeId};
use cutover::core::migration::Caps;
use cutover::core::placement::Guarantee;
use cutover::core::raft::{Body, Config, Message, NodeLimits, Output, Peer, SessionLimits};
use cutover::node::driver::{DriverConfig, Queues, Registry, Transport, start};
use cutover_model::host::known_stores;
use std::sync::{Arc, Mutex};

/// Keeps the newest registry.
#[derive(Clone, Default)]
struct Told(Arc<Mutex<Registry>>);

impl Transport for Told {
    fn send(&mut self, _: Message<ControlPlaneEntry>) {}

    fn members(&mut self, registry: &Registry) {
        *self.0.lock().unwrap() = registry.clone();
    }
}

impl Told {
    fn address(&self, node: u8) -> Option<String> {
        let registry = self.0.lock().unwrap();
        let (_, registered) = registry.member(NodeId(node))?;
        registered.endpoints.peer.as_ref().map(ToString::to_string)
    }
}

fn identity(node: u8) -> ClusterVoterIdentity {
    ClusterVoterIdentity::from_certificate_subject(&format!("CN=n{node}")).unwrap()
}

fn admit(peer: Peer, address: &str) -> MembershipChange {
    let address = Address::try_from(address.to_owned()).unwrap();
    let endpoints = Endpoints { peer: Some(address), client: None };
    MembershipChange::Admit { peer, identity: identity(peer.node.0), endpoints }
}

/// A leader of one that takes a snapshot after each entry.
struct Leader(ReplicatedControlPlane);

impl Leader {
    fn settle(&mut self) {
        loop {
            let outputs = self.0.take_outputs();
            if outputs.is_empty() {
                return;
            }
            for output in outputs {
                if let Output::Persist { number, .. } = output {
                    self.0.synced(number);
                }
            }
        }
    }

    fn changes(&mut self, change: MembershipChange) {
        self.0.propose(ControlPlaneEntry::MembershipChange(change), None).unwrap();
        self.settle();
    }

    fn snapshot(&self) -> Message<ControlPlaneEntry> {
        let node = self.0.node();
        Message {
            history: node.history(),
            from: peer(1),
            to: peer(2),
            admitted: Index::ZERO,
            term: node.hard_state().term,
            body: Body::Install(Arc::clone(node.snapshot())),
        }
    }
}

/// The node was away while another member was removed, and admitted again in another directory at another address: it hears
/// of both in one snapshot, in which the members are the same nodes as before.
#[tokio::test]
async fn a_member_that_moved_is_spoken_to_at_its_new_address() {
    let founder = Founder {
        cluster: ClusterId(1),
        history: HistoryId(1),
        voters: vec![(peer(1), identity(1).into())],
        caps: Caps::PRODUCTION,
        sessions: SessionLimits::PRODUCTION,
        stores: known_stores([Guarantee::Sealed; 3]),
    };
    let limits = NodeLimits { compact_after_entries: 1, keep_entries: 0, ..NodeLimits::PRODUCTION };
    let config = |node| Config { me: peer(node), limits };
    let mut leader = Leader(ReplicatedControlPlane::start(config(1), founder.disk().unwrap()).unwrap());
    leader.settle();

    let joiner = ReplicatedControlPlane::start(config(2), founder.empty_disk().unwrap()).unwrap();
    let (told, driver) = (Told::default(), DriverConfig { timing: QUIET, queues: Queues::default() });
    let (handle, inbox, task) = start(driver, Box::new(joiner), InstantDisk, told.clone(), environment());
    leader.changes(admit(peer(2), "n2.example:7000"));
    leader.changes(admit(peer(3), "n3.example:7000"));
    inbox.deliver(leader.snapshot());
    until("the first address", || told.address(3).as_deref() == Some("n3.example:7000")).await;

    leader.changes(MembershipChange::Remove { peer: peer(3), even_so: None });
    let back = Peer { directory: DirectoryId(2), ..peer(3) };
    leader.changes(admit(back, "elsewhere.example:7000"));
    inbox.deliver(leader.snapshot());
    until("the new address", || told.address(3).as_deref() == Some("elsewhere.example:7000")).await;
    handle.stop();
    let _requested = ends("the end of the node", task).await.unwrap();
}
