//! What a store says when it cannot tell.

use super::world::CAPS;
use super::{Cluster, embedded, site};
use cutover::core::control_plane::{
    ControlPlaneConsensus, ControlPlaneEntry, Disk, DiskFailed, LogStore, ReplicatedControlPlane,
    SingleNodeControlPlane, Stopped,
};
use cutover::core::ids::{Epoch, Index, PartitionId, Placement};
use cutover::core::migration::{BackendFailure, Caps, Command, MigrationError, MigrationStore, Transition};
use cutover::core::placement::Guarantee;
use cutover::core::raft::{Batch, Limits};

fn create(partition: u32) -> Command {
    let transition = Transition::Create { placement: Placement(0), guarantee: Guarantee::Sealed };
    Command { partition: PartitionId(partition), transition }
}

fn failure<T: std::fmt::Debug>(answer: Result<T, MigrationError>) -> BackendFailure {
    match answer {
        Err(MigrationError::Backend { reason }) => reason,
        other => panic!("an answer without a quorum: {other:?}"),
    }
}

/// Writes so many batches, and then no more.
struct Full {
    disk: site::Disk,
    batches: u32,
}

impl Disk for Full {
    fn write(&mut self, batch: &Batch<ControlPlaneEntry>) -> Result<(), DiskFailed> {
        self.batches = self.batches.checked_sub(1).ok_or(DiskFailed)?;
        Disk::write(&mut self.disk, batch)
    }
}

/// A disk that fails anywhere: what was told before is there after a restart, and what was not told is not needed.
#[test]
fn a_store_whose_disk_failed_tells_nothing_that_is_not_on_it() {
    for batches in 0..24 {
        let disk = site::founder(1, CAPS).disk().unwrap();
        let engine = SingleNodeControlPlane::start(site::config(1), disk.clone()).unwrap();
        let mut store = LogStore::new(engine, Full { disk, batches });
        let told: Vec<_> = (0..20).filter(|n| store.propose(&create(*n)).is_ok()).collect();
        assert_eq!(
            store.stopped(),
            Some(&Stopped::Disk(DiskFailed)),
            "20 commands do not fit {batches} batches"
        );
        assert_eq!(failure(store.propose(&create(0))), BackendFailure::NoLeader, "it stays stopped");
        assert_eq!(failure(store.state(PartitionId(0))), BackendFailure::NoLeader);

        let disk = store.into_disk().disk;
        let engine = SingleNodeControlPlane::start(site::config(1), disk.clone()).unwrap();
        let mut store = LogStore::new(engine, disk);
        for partition in told {
            assert!(store.state(PartitionId(partition)).unwrap().is_some(), "{partition}, {batches} batches");
        }
    }
}

/// Often enough for the log to begin with a snapshot.
#[test]
fn a_store_starts_again_with_everything_that_was_committed() {
    let mut store = embedded(Caps::PRODUCTION);
    for partition in 0..9 {
        let created = store.propose(&create(partition)).unwrap();
        let (record, _) = store.state(PartitionId(partition)).unwrap().expect("it was created");
        assert_eq!(record.epoch, created);
        let (engine, disk) = (store.engine().clone(), store.into_disk());
        let again = SingleNodeControlPlane::start(site::config(1), disk.clone()).unwrap();
        assert!(!again.is_leader(), "its vote is not durable yet");
        store = LogStore::new(again, disk);
        assert!(store.engine().current_term() > engine.current_term());
        assert_eq!(store.engine().state(), engine.state());
    }
    assert!(store.disk().log.base().index > Index(2), "{}", store.disk().log.base());
}

#[test]
fn an_entry_that_the_log_does_not_take_is_not_taken() {
    let limits = Limits { entry_bytes_max: 7, ..site::LIMITS };
    let config = cutover::core::raft::Config { limits, ..site::config(1) };
    let disk = site::founder(1, CAPS).disk().unwrap();
    let mut store = LogStore::new(SingleNodeControlPlane::start(config, disk.clone()).unwrap(), disk);
    assert_eq!(failure(store.propose(&create(0))), BackendFailure::NotTaken);
    assert_eq!(store.stopped(), None);
}

/// It is of no use, and says so: nobody answers its messages.
#[test]
fn an_engine_that_needs_others_has_no_leader() {
    let disk = site::founder(3, CAPS).disk().unwrap();
    let mut store =
        LogStore::new(ReplicatedControlPlane::start(site::config(1), disk.clone()).unwrap(), disk.clone());
    assert_eq!(failure(store.propose(&create(0))), BackendFailure::NoLeader);
    assert_eq!(failure(store.state(PartitionId(0))), BackendFailure::NoLeader);
    let mut store =
        LogStore::new(SingleNodeControlPlane::start(site::config(1), disk.clone()).unwrap(), disk);
    assert_eq!(failure(store.propose(&create(0))), BackendFailure::NoLeader);
}

/// Two of three are gone, at any moment: no answer, never "no such partition", and nothing is lost.
#[test]
fn without_a_quorum_there_is_a_failure_and_nothing_else() {
    for seed in 0..30 {
        let mut store = Cluster::calm(3, CAPS);
        store.cluster.random.0 = seed;
        assert_eq!(store.propose(&create(0)), Ok(Epoch(1)));
        let leader = store.cluster.leader().unwrap();
        let keep = if seed % 2 == 0 { leader } else { leader % 3 + 1 };
        for node in store.cluster.nodes().filter(|node| *node != keep) {
            store.cluster.crash(node);
        }
        let reason = failure(store.propose(&create(1)));
        assert!(matches!(reason, BackendFailure::NoLeader | BackendFailure::Indeterminate), "{reason}");
        let reason = failure(store.state(PartitionId(0)));
        assert!(matches!(reason, BackendFailure::NoLeader | BackendFailure::NoQuorum), "{reason}");

        store.recover();
        assert!(store.state(PartitionId(0)).unwrap().is_some());
        // Whether or not it came through, repeating it is safe.
        let (exists, again) = (store.state(PartitionId(1)).unwrap(), store.propose(&create(1)));
        let refused = MigrationError::AlreadyExists { partition: PartitionId(1) };
        assert_eq!(again, if exists.is_some() { Err(refused) } else { Ok(Epoch(1)) });
    }
}
