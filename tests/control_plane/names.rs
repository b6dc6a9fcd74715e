//! Named partitions: the log assigns each number once, and a name belongs to its partition.

use super::{commit, committed, led};
use cutover::core::control_plane::{
    Answer, ControlPlaneConsensus as _, ControlPlaneEntry, PartitionName, ReplicatedControlPlane,
};
use cutover::core::fence::{Claim, Dropped, StatementOrigin};
use cutover::core::ids::{Epoch, Incarnation, MigrationId, PartitionId, Placement, Serial};
use cutover::core::migration::{Command, Expected, MigrationError, Transition};
use cutover::core::placement::Guarantee;
use cutover::core::raft::{Effect, Ticket};

fn name(text: &str) -> PartitionName {
    text.parse().unwrap()
}

fn create(text: &str) -> ControlPlaneEntry {
    by_name(text, Transition::Create { placement: Placement(0), guarantee: Guarantee::Sealed })
}

fn by_name(text: &str, transition: Transition) -> ControlPlaneEntry {
    ControlPlaneEntry::NamedTransition { name: name(text), transition }
}

fn numbered(partition: u64, transition: Transition) -> ControlPlaneEntry {
    ControlPlaneEntry::OwnershipTransition(Command { partition: PartitionId(partition), transition })
}

fn created(partition: u64, epoch: u64) -> Effect<Answer> {
    let answer = Answer::Named { partition: PartitionId(partition), epoch: Epoch(epoch) };
    Effect::Answered { answer, repeated: false }
}

fn expected(migration: u64, epoch: u64) -> Expected {
    Expected { migration: MigrationId(migration), epoch: Epoch(epoch) }
}

/// Records that the copy at A with this creation is gone.
fn forget(partition: u64, copy: u64) -> ControlPlaneEntry {
    numbered(partition, Transition::ForgetCopy { dropped: dropped(partition, copy) })
}

/// The statement of A that this copy is gone.
fn dropped(partition: u64, copy: u64) -> Claim<Dropped> {
    let speaker = StatementOrigin {
        store: Placement(0),
        partition: PartitionId(partition),
        incarnation: Incarnation(1),
    };
    Dropped::reported(speaker, MigrationId(copy)).into()
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
    let Effect::Answered { answer: Answer::Named { partition, epoch }, .. } =
        commit(&mut cluster, leader, create("acme"), None).1
    else {
        panic!("it was not created");
    };
    assert_eq!(partition, PartitionId(2), "another partition");
    assert!(epoch > Epoch(1), "no epoch comes twice");
}

/// A command by name goes to the partition that has the name when it is applied, and its answer says which that is.
#[test]
fn a_name_is_looked_up_when_the_command_is_applied() {
    let (mut cluster, leader) = led::<ReplicatedControlPlane>(3);
    let refused = |refusal| Effect::Answered { answer: Answer::Refused(refusal), repeated: false };
    let delete = |migration, epoch| Transition::Delete { expected: expected(migration, epoch) };
    let nobody = commit(&mut cluster, leader, by_name("acme", delete(1, 1)), None).1;
    assert_eq!(nobody, refused(MigrationError::UnknownName));
    commit(&mut cluster, leader, create("zeta"), None);
    commit(&mut cluster, leader, create("acme"), None);
    let stale = commit(&mut cluster, leader, by_name("acme", delete(1, 1)), None).1;
    assert!(matches!(stale, Effect::Answered { answer: Answer::Refused(_), .. }), "{stale:?}");
    assert_eq!(commit(&mut cluster, leader, by_name("acme", delete(2, 1)), None).1, created(2, 2));
    // With the last copy the name goes, by the very command that names it.
    let forgotten = Transition::ForgetCopy { dropped: dropped(2, 2) };
    assert_eq!(commit(&mut cluster, leader, by_name("acme", forgotten.clone()), None).1, created(2, 2));
    let gone = commit(&mut cluster, leader, by_name("acme", forgotten), None).1;
    assert_eq!(gone, refused(MigrationError::UnknownName));
}

/// The command that takes its name away, and one that found no partition of its name, are answered alike under their tickets,
/// whatever became of the name since.
#[test]
fn a_retry_by_name_gets_the_first_answer() {
    let (mut cluster, leader) = led::<ReplicatedControlPlane>(3);
    let opened = cluster.call(leader, |engine| engine.open_session()).expect("it is the leader");
    let (_, Effect::SessionOpened(session)) = committed(&mut cluster, leader, opened) else {
        panic!("no session");
    };
    let forget = Transition::ForgetCopy { dropped: dropped(1, 1) };
    let requests = [
        by_name("zeta", Transition::Delete { expected: expected(1, 1) }),
        create("acme"),
        by_name("acme", Transition::Delete { expected: expected(1, 1) }),
        by_name("acme", forget),
    ];
    let mut ask = |serial: Option<u64>, entry: &ControlPlaneEntry| {
        let ticket = |serial| Ticket { session, serial: Serial(serial), acknowledged_through: Serial::ZERO };
        let effect = commit(&mut cluster, leader, entry.clone(), serial.map(ticket)).1;
        let Effect::Answered { answer, repeated } = effect else { panic!("{effect:?}") };
        (answer, repeated)
    };
    let first: Vec<_> = (1..).zip(&requests).map(|(serial, entry)| ask(Some(serial), entry)).collect();
    assert_eq!(first[0].0, Answer::Refused(MigrationError::UnknownName));
    assert!(first[1..].iter().all(|(answer, _)| matches!(answer, Answer::Named { .. })), "{first:?}");
    for name in ["zeta", "acme"] {
        assert!(matches!(ask(None, &create(name)).0, Answer::Named { .. }));
    }
    let again: Vec<_> = (1..).zip(&requests).map(|(serial, entry)| ask(Some(serial), entry)).collect();
    assert_eq!(again, first.iter().map(|(answer, _)| (*answer, true)).collect::<Vec<_>>());
}
