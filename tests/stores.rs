//! One suite for everything that holds the table: in this process, in a log of this process, in a cluster.
//!
//! A store is compared with a table that takes the same commands: same answers, same records. A store may fail where the
//! table cannot; then the command is repeated, and has taken effect once.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test says what it expects by stopping"
)]

use cutover::core::control_plane::{ReplicatedControlPlane, SingleNodeControlPlane};
use cutover::core::migration::{Caps, InProcessStore};

#[expect(dead_code, reason = "the tests of the seam use all of it")]
#[path = "support/cluster.rs"]
mod cluster;
#[path = "support/cluster_store.rs"]
mod cluster_store;
#[path = "stores/compared.rs"]
mod compared;
#[path = "stores/failures.rs"]
mod failures;
#[expect(dead_code, reason = "the laws use more of it")]
#[path = "properties/happening.rs"]
mod happening;
#[expect(dead_code, reason = "scripts use all of it")]
#[path = "support/hosts.rs"]
mod hosts;
#[path = "stores/law.rs"]
mod law;
#[path = "support/site.rs"]
mod site;
#[expect(dead_code, reason = "the laws use more of it")]
#[path = "properties/some.rs"]
mod some;
#[expect(dead_code, reason = "the laws use more of it")]
#[path = "support/store.rs"]
mod store;
#[path = "stores/suite.rs"]
mod suite;
#[path = "properties/world.rs"]
mod world;

use cluster_store::ClusterStore;
use cutover::core::control_plane::LogStore;

type Embedded = LogStore<SingleNodeControlPlane, site::Disk>;
type Cluster = ClusterStore<ReplicatedControlPlane>;

fn embedded(caps: Caps) -> Embedded {
    let founder = site::founder(1, caps);
    let (engine, disk) =
        SingleNodeControlPlane::bootstrap_leader(site::config(1), site::identity(1), &founder).unwrap();
    LogStore::new(engine, disk)
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
    in_this_process: InProcessStore::new;
    in_a_log_of_this_process: embedded;
    in_a_cluster_of_one: |caps| Cluster::calm(1, caps);
    in_a_cluster_of_three: |caps| Cluster::calm(3, caps);
    in_a_cluster_of_three_in_bad_weather: |caps| Cluster::rough(3, caps, 11, false);
    in_a_cluster_of_three_in_bad_weather_under_a_session: |caps| Cluster::rough(3, caps, 12, true);
}
