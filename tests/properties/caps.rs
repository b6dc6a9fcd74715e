//! The limits of the placement table.

use super::statements::{BY_A, StatementFields};
use cutover::core::ids::{Epoch, PartitionId, Placement};
use cutover::core::migration::{Caps, Command, MigrationError, PlacementTable, Transition};
use cutover::core::placement::Guarantee;

#[test]
fn each_cap_is_reached_and_not_exceeded() {
    let caps = Caps {
        migrations_per_placement: 1,
        migrations_overall: 2,
        partitions: 4,
        old_copies_per_partition: 1,
    };
    let mut table = PlacementTable::new(caps);
    let mut begun = Vec::new();
    // Each partition moves from its own placement to another, but the second one moves to where the first one is.
    for (partition, at, to) in [(1, 10, 20), (2, 11, 10), (3, 12, 22), (4, 13, 23)] {
        let (partition, at, to) = (PartitionId(partition), Placement(at), Placement(to));
        let mut commit = |transition| table.apply(&Command { partition, transition });
        let epoch = commit(Transition::Create { placement: at, guarantee: Guarantee::Sealed })
            .expect("there is room");
        let expected = table.record(partition).expect("it was created").expected();
        let prepared =
            StatementFields { store: at, partition, migration: expected.migration, ..BY_A }.prepared();
        let mut commit = |transition| table.apply(&Command { partition, transition });
        assert_eq!(commit(Transition::Open { expected, prepared: prepared.into() }), Ok(epoch));
        begun.push(commit(Transition::Begin { expected, to }));
    }
    let fifth = Transition::Create { placement: Placement(0), guarantee: Guarantee::Sealed };
    let full = table.apply(&Command { partition: PartitionId(5), transition: fifth });
    assert_eq!(full, Err(MigrationError::PartitionCap { limit: 4 }));
    let placement = MigrationError::PlacementCap { placement: Placement(10), have: 1, limit: 1 };
    let overall = MigrationError::OverallCap { have: 2, limit: 2 };
    assert_eq!(begun, [Ok(Epoch(2)), Err(placement), Ok(Epoch(2)), Err(overall)]);
}
