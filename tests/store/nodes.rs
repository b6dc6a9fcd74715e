//! Raft nodes on real stores: power failures, and the state after them.

use super::ME;
use super::cluster::Cluster;
use super::disk::Disk;
use super::site::{Disk as State, ROUGH, Random};
use cutover::core::control_plane::{
    ControlPlaneConsensus as _, ControlPlaneEntry, OwnershipTransition, ReplicatedControlPlane,
};
use cutover::core::ids::{NodeId, PartitionId, Placement};
use cutover::core::migration::{Caps, Transition};
use cutover::core::placement::Guarantee;
use cutover::core::raft::Batch;
use cutover::node::store::{Store, StoreIdentity};

/// A node's store.
struct Site {
    node: u8,
    disk: Disk,
    store: Store,
    /// Batches that the node treats as durable, to be written to the store in one call.
    group: Vec<Batch<ControlPlaneEntry>>,
}

const fn identity(node: u8) -> StoreIdentity {
    StoreIdentity { node: NodeId(node), ..ME }
}

impl Site {
    fn new(node: u8, state: &State) -> Self {
        let disk = Disk::default();
        let store = Store::create_on(disk.clone(), &identity(node), state).unwrap();
        Self { node, disk, store, group: Vec::new() }
    }

    fn write(&mut self) {
        if !self.group.is_empty() {
            self.store.write(&std::mem::take(&mut self.group)).unwrap();
        }
    }

    /// Simulates a power failure and a restart.
    fn crash(&mut self, random: &mut Random, state: &State) {
        self.write();
        self.disk = self.disk.after_power_failure(&mut |bound| random.below(bound));
        let (store, found) = Store::open_on(self.disk.clone(), NodeId(self.node)).unwrap();
        assert_eq!(found, *state, "n{}", self.node);
        self.store = store;
    }
}

fn create(partition: u64) -> ControlPlaneEntry {
    let transition = Transition::Create { placement: Placement(0), guarantee: Guarantee::Sealed };
    ControlPlaneEntry::OwnershipTransition(OwnershipTransition {
        partition: PartitionId(partition),
        transition,
    })
}

/// Returns how far the log was applied, and how many times a snapshot replaced entries.
fn run(seed: u64) -> (usize, usize) {
    let mut random = Random(seed);
    let mut cluster: Cluster<ReplicatedControlPlane> = Cluster::new(3, Caps::PRODUCTION, seed);
    cluster.weather = ROUGH;
    let mut sites: Vec<Site> = cluster.nodes().map(|node| Site::new(node, cluster.disk(node))).collect();
    let mut compacted = 0;
    for n in 0..3000 {
        let at = random.below(3);
        match random.below(200) {
            0 => {
                let node = sites[at].node;
                sites[at].crash(&mut random, cluster.disk(node));
                cluster.crash(node);
                cluster.start(node);
            }
            1..=12 => _ = cluster.call(sites[at].node, |engine| engine.propose(create(n), None)),
            _ => _ = cluster.step(),
        }
        for (node, batch) in std::mem::take(&mut cluster.written) {
            compacted += usize::from(batch.base.is_some());
            sites[usize::from(node) - 1].group.push(batch);
        }
        if random.chance(30) {
            sites[at].write();
        }
    }
    (cluster.applied.len(), compacted)
}

#[test]
fn nodes_come_back_from_their_stores_with_what_they_promised() {
    let (mut applied, mut compacted) = (0, 0);
    for seed in 0..25 {
        let (more, bases) = run(seed);
        applied += more;
        compacted += bases;
    }
    assert!(applied > 100 && compacted > 20, "{applied} applied, {compacted} compacted");
}
