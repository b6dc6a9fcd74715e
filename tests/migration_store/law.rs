//! Random commands give equal tables everywhere.

use super::cases::cases;
use super::compared::Compared;
use super::happening::happening;
use super::world::CAPS;
use super::{Cluster, embedded};
use cutover::core::control_plane::ControlPlaneConsensus;
use cutover::core::migration::MigrationStore;
use proptest::prelude::*;

proptest! {
    #![proptest_config(cases(2))]

    #[test]
    fn random_commands_give_equal_tables(
        happenings in prop::collection::vec(happening(), 0..60),
        seed in any::<u64>(),
    ) {
        let run = |store: &mut dyn MigrationStore| {
            let mut both = Compared::new(store);
            happenings.iter().for_each(|what| both.happen(what));
            (both.world.table, both.repeated)
        };
        let mut embedded = embedded(CAPS);
        let (table, repeated) = run(&mut embedded);
        prop_assert_eq!(embedded.read(|view| view.state().table().clone()), Ok(table.clone()));
        prop_assert_eq!(repeated, 0);

        for in_session in [false, true] {
            let mut cluster = Cluster::rough(3, CAPS, seed, in_session);
            let (same, repeated) = run(&mut cluster);
            prop_assert_eq!(&same, &table);
            prop_assert!(!in_session || repeated == 0, "a session repeats by itself, and has the first answer");
            cluster.recover();
            for node in cluster.cluster.nodes() {
                let state = cluster.cluster.engine(node).state();
                prop_assert_eq!(state.table(), &table, "node {}", node);
            }
        }
    }
}

/// The weather is bad enough for the law to mean something.
#[test]
fn in_bad_weather_requests_do_fail() {
    let mut failures = 0;
    for seed in 0..20 {
        let mut cluster = Cluster::rough(3, CAPS, seed, false);
        super::suite::a_partition_moves_and_its_old_copy_goes(&mut cluster);
        failures += cluster.failures;
    }
    assert!(failures >= 10, "{failures}");
}
