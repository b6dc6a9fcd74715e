//! One suite for everything that holds the table: the embedded control plane, and clusters.
//!
//! A store is compared with a table that takes the same commands: same answers, same records. A store may fail where the
//! table cannot; then the command is repeated, and has taken effect once.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test says what it expects by stopping"
)]
#![allow(clippy::disallowed_types, reason = "a disk that its store and its test share")]

use cutover::core::control_plane::{ControlPlaneEntry, ReplicatedControlPlane};
use cutover::core::migration::Caps;
use cutover::core::raft::Batch;
use cutover::embedded::{self, Embedded};
use cutover::node::driver::{Queues, Storage};
use std::sync::{Arc, Mutex, PoisonError};

#[path = "support/cases.rs"]
mod cases;
#[expect(dead_code, reason = "the tests of the seam use all of it")]
#[path = "support/cluster.rs"]
mod cluster;
#[path = "support/cluster_store.rs"]
mod cluster_store;
#[path = "migration_store/compared.rs"]
mod compared;
#[path = "migration_store/failures.rs"]
mod failures;
#[expect(dead_code, reason = "the laws use more of it")]
#[path = "properties/happening.rs"]
mod happening;
#[expect(dead_code, reason = "scripts use all of it")]
#[path = "support/hosts.rs"]
mod hosts;
#[path = "migration_store/law.rs"]
mod law;
#[path = "support/site.rs"]
mod site;
#[expect(dead_code, reason = "the laws use more of it")]
#[path = "properties/some.rs"]
mod some;
#[expect(dead_code, reason = "the laws use more of it")]
#[path = "support/store.rs"]
mod store;
#[path = "migration_store/suite.rs"]
mod suite;
#[path = "properties/world.rs"]
mod world;

use cluster_store::ClusterStore;
type Cluster = ClusterStore<ReplicatedControlPlane>;

/// A disk in memory that takes so many batches, and then no more. Clones share it.
#[derive(Clone)]
struct Memory {
    disk: Arc<Mutex<site::Disk>>,
    batches: usize,
}

impl Memory {
    fn new(disk: site::Disk, batches: usize) -> Self {
        Self { disk: Arc::new(Mutex::new(disk)), batches }
    }

    fn now(&self) -> site::Disk {
        self.disk.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Opens a control plane on it.
    fn open(&self) -> Result<Embedded, embedded::OpenError> {
        embedded::start(site::config(1), Queues::default(), self.clone(), self.now())
    }
}

impl Storage for Memory {
    type Error = &'static str;

    fn write(&mut self, batches: &[Batch<ControlPlaneEntry>]) -> Result<(), &'static str> {
        self.batches = self.batches.checked_sub(batches.len()).ok_or("no space left on device")?;
        let mut disk = self.disk.lock().unwrap_or_else(PoisonError::into_inner);
        batches.iter().for_each(|batch| disk.write(batch));
        Ok(())
    }
}

fn embedded(caps: Caps) -> Embedded {
    Memory::new(site::founder(1, caps).disk().unwrap(), usize::MAX).open().unwrap()
}

/// The suite on one kind of store.
macro_rules! suite {
    ($($kind:ident: $make:expr;)*) => {
        $(mod $kind {
            use super::*;

            #[test]
            fn a_partition_moves_and_its_old_copy_goes() {
                suite::a_partition_moves_and_its_old_copy_goes(&mut $make(world::CAPS));
            }

            #[test]
            fn a_migration_is_aborted_in_each_phase() {
                suite::a_migration_is_aborted_in_each_phase(&mut $make(world::CAPS));
            }

            #[test]
            fn what_does_not_fit_is_refused_and_changes_nothing() {
                suite::what_does_not_fit_is_refused_and_changes_nothing(&mut $make(world::CAPS));
            }

            #[test]
            fn no_epoch_and_no_id_comes_twice() {
                suite::no_epoch_and_no_id_comes_twice(&mut $make(world::CAPS));
            }

            #[test]
            fn a_forced_move_is_settled() {
                suite::a_forced_move_is_settled(&mut $make(world::CAPS));
            }
        })*
    };
}

suite! {
    embedded_in_this_process: embedded;
    in_a_cluster_of_one: |caps| Cluster::calm(1, caps);
    in_a_cluster_of_three: |caps| Cluster::calm(3, caps);
    in_a_cluster_of_three_in_bad_weather: |caps| Cluster::rough(3, caps, 11, false);
    in_a_cluster_of_three_in_bad_weather_under_a_session: |caps| Cluster::rough(3, caps, 12, true);
}
