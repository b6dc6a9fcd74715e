//! The answers of a store that cannot know the outcome.

use super::world::CAPS;
use super::{Cluster, Memory, site};
use cutover::core::ids::{Epoch, Index, PartitionId, Placement};
use cutover::core::migration::{BackendFailure, Caps, Command, MigrationError, MigrationStore, Transition};
use cutover::core::placement::Guarantee;
use cutover::core::raft::NodeLimits;
use cutover::embedded::{self, Embedded, OpenError};
use cutover::node::driver::{Queues, Stopped};

fn create(partition: u64) -> Command {
    let transition = Transition::Create { placement: Placement(0), guarantee: Guarantee::Sealed };
    Command { partition: PartitionId(partition), transition }
}

fn failure<T: std::fmt::Debug>(answer: Result<T, MigrationError>) -> BackendFailure {
    match answer {
        Err(MigrationError::Backend { reason }) => reason,
        other => panic!("an answer without a quorum: {other:?}"),
    }
}

/// A disk that fails at any batch: everything acknowledged is there after a restart.
#[test]
fn a_store_whose_disk_failed_tells_nothing_that_is_not_on_it() {
    for batches in 0..24 {
        let disk = Memory::new(site::founder(1, CAPS).disk().unwrap(), batches);
        let mut told = Vec::new();
        match disk.open() {
            Ok(mut store) => {
                let propose = |store: &mut Embedded, n| MigrationStore::propose(store, &create(n));
                told.extend((0..20).filter(|n| propose(&mut store, *n).is_ok()));
                assert_eq!(failure(propose(&mut store, 0)), BackendFailure::NoLeader, "it stays stopped");
                assert_eq!(failure(store.state(PartitionId(0))), BackendFailure::NoLeader);
                let full = Stopped::Disk("no space left on device".to_owned());
                assert_eq!(store.close(), Err(full), "20 commands do not fit {batches} batches");
            }
            Err(OpenError::Stopped(Stopped::Disk(_))) => assert!(batches < 2, "{batches} are enough to lead"),
            Err(other) => panic!("{batches}: {other}"),
        }
        let mut store = Memory { batches: usize::MAX, ..disk }.open().unwrap();
        for partition in told {
            assert!(store.state(PartitionId(partition)).unwrap().is_some(), "{partition}, {batches} batches");
        }
    }
}

/// There are enough changes for the log to begin with a snapshot.
#[test]
fn a_store_starts_again_with_everything_that_was_committed() {
    let disk = Memory::new(site::founder(1, Caps::PRODUCTION).disk().unwrap(), usize::MAX);
    let mut before = None;
    for partition in 0..9 {
        let mut store = disk.open().unwrap();
        let found = store.read(|view| (view.state().clone(), view.status().term)).unwrap();
        assert!(before.is_none_or(|(state, term)| state == found.0 && term < found.1), "{partition}");
        let created = MigrationStore::propose(&mut store, &create(partition)).unwrap();
        let (record, _) = store.state(PartitionId(partition)).unwrap().expect("it was created");
        assert_eq!(record.epoch, created);
        before = Some(store.read(|view| (view.state().clone(), view.status().term)).unwrap());
        store.close().unwrap();
    }
    assert!(disk.now().log.base().index > Index(2), "{}", disk.now().log.base());
}

#[test]
fn an_entry_that_the_log_does_not_take_is_not_taken() {
    let limits = NodeLimits { entry_bytes_max: 7, ..site::LIMITS };
    let config = cutover::core::raft::Config { limits, ..site::config(1) };
    let disk = site::founder(1, CAPS).disk().unwrap();
    let storage = Memory::new(disk.clone(), usize::MAX);
    let mut store = embedded::start(config, Queues::default(), storage, disk).unwrap();
    assert_eq!(failure(MigrationStore::propose(&mut store, &create(0))), BackendFailure::NotTaken);
    assert_eq!(store.close(), Ok(()));
}

/// Refused, because other nodes may have committed something without this one.
#[test]
fn the_disk_of_a_cluster_is_not_opened_alone() {
    let refused = Memory::new(site::founder(3, CAPS).disk().unwrap(), usize::MAX).open();
    let Err(refused) = refused else { panic!("it is opened") };
    let line = refused.to_string();
    assert_eq!(line, "the members in its log are n1, n2, n3, expected n1 alone");
    let nobody = Memory::new(site::founder(1, CAPS).empty_disk().unwrap(), usize::MAX).open();
    let Err(nobody) = nobody else { panic!("it is opened") };
    let line = nobody.to_string();
    assert_eq!(line, "the members in its log are none, expected n1 alone");
}

/// Two of three nodes go down at any moment: the store returns an error, never "no such partition", and nothing is
/// lost.
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
        // Repeating the command is safe, whether or not it took effect.
        let (exists, again) = (store.state(PartitionId(1)).unwrap(), store.propose(&create(1)));
        let refused = MigrationError::AlreadyExists { partition: PartitionId(1) };
        assert_eq!(again, if exists.is_some() { Err(refused) } else { Ok(Epoch(1)) });
    }
}
