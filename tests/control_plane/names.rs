//! Named partitions: the log assigns each number once, and a name belongs to its partition.

use super::{commit, led};
use cutover::core::control_plane::{
    Answer, ControlPlaneConsensus as _, ControlPlaneEntry, PartitionName, ReplicatedControlPlane,
};
use cutover::core::fence::{Dropped, StatementOrigin};
use cutover::core::ids::{Epoch, Incarnation, MigrationId, PartitionId, Placement};
use cutover::core::migration::{Command, Expected, MigrationError, Transition};
use cutover::core::placement::Guarantee;
use cutover::core::raft::Effect;

fn name(text: &str) -> PartitionName {
    text.parse().unwrap()
}

fn create(text: &str) -> ControlPlaneEntry {
    ControlPlaneEntry::CreatePartition {
        name: name(text),
        placement: Placement(0),
        guarantee: Guarantee::Sealed,
    }
}

fn numbered(partition: u64, transition: Transition) -> ControlPlaneEntry {
    ControlPlaneEntry::OwnershipTransition(Command { partition: PartitionId(partition), transition })
}

fn created(partition: u64, epoch: u64) -> Effect<Answer> {
    let answer = Answer::Created { partition: PartitionId(partition), epoch: Epoch(epoch) };
    Effect::Answered { answer, repeated: false }
}

fn expected(migration: u64, epoch: u64) -> Expected {
    Expected { migration: MigrationId(migration), epoch: Epoch(epoch) }
}

/// Records that the copy at A with this creation is gone.
fn forget(partition: u64, copy: u64) -> ControlPlaneEntry {
    let speaker = StatementOrigin {
        store: Placement(0),
        partition: PartitionId(partition),
        incarnation: Incarnation(1),
    };
    numbered(
        partition,
        Transition::ForgetCopy { dropped: Dropped::reported(speaker, MigrationId(copy)).into() },
    )
}

#[test]
fn the_log_numbers_what_people_name() {
    let (mut cluster, leader) = led::<ReplicatedControlPlane>(3);
    let placement = Placement(0);
    let by_number = Transition::Create { placement, guarantee: Guarantee::Sealed };
    assert_eq!(commit(&mut cluster, leader, create("acme"), None).1, created(1, 1));
    commit(&mut cluster, leader, numbered(2, by_number), None);
    assert_eq!(commit(&mut cluster, leader, create("zeta"), None).1, created(3, 1), "2 is taken");
    let refusal = MigrationError::AlreadyExists { partition: PartitionId(1) };
    let again = commit(&mut cluster, leader, create("acme"), None).1;
    assert_eq!(again, Effect::Answered { answer: Answer::Refused(refusal), repeated: false });
    for node in cluster.nodes() {
        let directory = cluster.engine(node).state().directory();
        assert_eq!(directory.partition(&name("zeta")), Some(PartitionId(3)), "node {node}");
        assert_eq!(directory.name(PartitionId(1)), Some(&name("acme")));
        assert_eq!(directory.name(PartitionId(2)), None);
    }
}

/// As long as an old copy exists, the name stays with the partition's number, also when it is created again. After
/// the last copy is gone, the name is free, and the number is never used again.
#[test]
fn a_name_goes_with_the_last_copy_of_its_partition() {
    let (mut cluster, leader) = led::<ReplicatedControlPlane>(1);
    commit(&mut cluster, leader, create("acme"), None);
    commit(&mut cluster, leader, numbered(1, Transition::Delete { expected: expected(1, 1) }), None);
    let known = |cluster: &crate::cluster::Cluster<ReplicatedControlPlane>| {
        cluster.engine(leader).state().directory().partition(&name("acme"))
    };
    assert_eq!(known(&cluster), Some(PartitionId(1)), "a copy is left");
    commit(&mut cluster, leader, forget(1, 1), None);
    assert_eq!(known(&cluster), None);
    let Effect::Answered { answer: Answer::Created { partition, epoch }, .. } =
        commit(&mut cluster, leader, create("acme"), None).1
    else {
        panic!("it was not created");
    };
    assert_eq!(partition, PartitionId(2), "another partition");
    assert!(epoch > Epoch(1), "no epoch comes twice");
}
