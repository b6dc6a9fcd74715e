//! Members, identified by the subjects of their certificates.

use super::*;
use crate::site::{config, founder, peer};
use cutover::core::control_plane::AloneError;
use cutover::core::control_plane::{ClusterVoterIdentity, Registered};
use cutover::core::ids::{DirectoryId, HistoryId, Term};
use cutover::core::raft::{
    Append, Batch, Body, Change, ChangeRefusal, Content, Entry, HardState, LogPosition, Message, Peer,
    Rejection,
};

on_every_cluster! {
    an_identity_has_one_node
    a_learner_that_hears_nothing_does_not_come_to_vote
}

fn promote(node: u8) -> ControlPlaneEntry {
    ControlPlaneEntry::MembershipChange(MembershipChange::Promote { peer: peer(node), even_so: None })
}

fn remove(node: u8) -> ControlPlaneEntry {
    ControlPlaneEntry::MembershipChange(MembershipChange::Remove { peer: peer(node), even_so: None })
}

fn noted() -> Effect<Answer> {
    Effect::Answered { answer: Answer::Noted, repeated: false }
}

fn an_identity_has_one_node<C: Engine>(count: u8) {
    let (mut cluster, leader) = led::<C>(count);
    let taken = |by| ControlPlaneError::IdentityTaken { identity: identity(by), by: NodeId(by) };
    assert_eq!(cluster.call(leader, |engine| engine.propose(admit(9, 1), None)), Err(taken(1)));
    // Every spelling of the subject means the same identity.
    let spelled = ClusterVoterIdentity::from_certificate_subject("commonName = node\\2d1").unwrap();
    let entry = ControlPlaneEntry::MembershipChange(MembershipChange::Admit {
        peer: peer(9),
        identity: spelled,
        endpoints: Endpoints::NONE,
    });
    assert_eq!(cluster.call(leader, |engine| engine.propose(entry, None)), Err(taken(1)));
    assert_eq!(commit(&mut cluster, leader, admit(9, 9), None).1, noted());
    assert_eq!(cluster.engine(leader).state().node_of(&identity(9)), Some(NodeId(9)));
    assert_eq!(cluster.call(leader, |engine| engine.propose(admit(10, 9), None)), Err(taken(9)));
    // A node can be a member only once.
    let (change, found) = (Change::AddLearner(peer(9)), peer(9));
    let refusal = ChangeRefusal::AlreadyMember { found };
    let refused = cluster.call(leader, |engine| engine.propose(admit(9, 10), None));
    assert_eq!(refused, Err(ControlPlaneError::Rejected(Rejection::Change { change, refusal })));
    // The identity of a removed node may return as another node.
    assert_eq!(commit(&mut cluster, leader, remove(9), None).1, noted());
    assert_eq!(cluster.engine(leader).state().node_of(&identity(9)), None);
    assert_eq!(commit(&mut cluster, leader, admit(10, 9), None).1, noted());
    assert_eq!(cluster.engine(leader).state().identity(NodeId(10)), Some(&identity(9)));
}

fn a_learner_that_hears_nothing_does_not_come_to_vote<C: Engine>(count: u8) {
    let (mut cluster, leader) = led::<C>(count);
    cluster.add(count + 1, founder(1, Caps::PRODUCTION).empty_disk().unwrap());
    cluster.cut(count + 1);
    commit(&mut cluster, leader, admit(count + 1, count + 1), None);
    let change = Change::Promote(peer(count + 1));
    let refusal = ChangeRefusal::NotCaughtUp { learner: peer(count + 1) };
    let refused = cluster.call(leader, |engine| engine.propose(promote(count + 1), None));
    assert_eq!(refused, Err(ControlPlaneError::Rejected(Rejection::Change { change, refusal })));
}

/// A cluster is founded with one voter, and others join. Then the founder leaves.
#[test]
fn a_cluster_grows_from_one_and_its_founder_leaves() {
    let (mut cluster, first) = led::<ReplicatedControlPlane>(1);
    commit(&mut cluster, first, create(1), None);
    for node in 2..=3 {
        cluster.add(node, founder(1, Caps::PRODUCTION).empty_disk().unwrap());
        assert_eq!(cluster.engine(node).commit_index(), None, "an empty disk knows nothing");
        assert_eq!(cluster.engine(node).leader(), None);
        assert_eq!(commit(&mut cluster, first, admit(node, node), None).1, noted());
        assert!(has(&cluster, node, 1), "it took the snapshot");
        assert_eq!(cluster.engine(node).leader(), Some(identity(first)));
        assert_eq!(commit(&mut cluster, first, promote(node), None).1, noted());
    }
    cluster.fire(first, Timer::Heartbeat);
    cluster.settle();
    let everybody: Vec<_> = (1..=3).map(|node| (NodeId(node), identity(node).into())).collect();
    for node in cluster.nodes() {
        assert_eq!(cluster.engine(node).state().directory().nodes(), everybody, "node {node}");
        assert_eq!(cluster.engine(node).node().configuration().voters().count(), 3);
    }
    assert_eq!(commit(&mut cluster, first, remove(first), None).1, noted());
    assert!(!cluster.engine(first).is_leader(), "it leads until the entry is committed, and no longer");
    let next = lead(&mut cluster);
    assert_ne!(next, first);
    assert_eq!(cluster.engine(next).state().identity(NodeId(first)), None);
    assert_eq!(commit(&mut cluster, next, create(2), None).1, fresh(1));
}

/// A voter that lost its disk returns in another directory, with the same certificate.
#[test]
fn a_node_without_its_disk_comes_back_in_another_life() {
    let (mut cluster, leader) = led::<ReplicatedControlPlane>(3);
    let lost = cluster.nodes().find(|node| *node != leader).unwrap();
    cluster.cut(lost);
    let again = Peer { directory: DirectoryId(2), ..peer(lost) };
    let back = ControlPlaneEntry::MembershipChange(MembershipChange::Admit {
        peer: again,
        identity: identity(lost),
        endpoints: Endpoints::NONE,
    });
    let (change, refusal) = (Change::AddLearner(again), ChangeRefusal::AlreadyMember { found: peer(lost) });
    let refused = cluster.call(leader, |engine| engine.propose(back.clone(), None));
    assert_eq!(refused, Err(ControlPlaneError::Rejected(Rejection::Change { change, refusal })));
    commit(&mut cluster, leader, remove(lost), None);
    assert_eq!(commit(&mut cluster, leader, back, None).1, noted());
    let node = cluster.engine(leader).node();
    assert!(node.configuration().is_member(again) && !node.configuration().is_member(peer(lost)));
    assert_eq!(cluster.engine(leader).state().identity(NodeId(lost)), Some(&identity(lost)));
}

/// A single process has no peer port, so it refuses to admit a node, and logs nothing.
#[test]
fn one_process_admits_nobody() {
    let (mut cluster, leader) = led::<SingleNodeControlPlane>(1);
    let commit_before = cluster.engine(leader).commit_index();
    for entry in [admit(2, 2), admit(2, 1), promote(2), promote(1)] {
        let refused = cluster.call(leader, |engine| engine.propose(entry, None));
        assert_eq!(refused, Err(ControlPlaneError::RunsAlone));
    }
    let refused = cluster.call(leader, |engine| engine.propose(remove(2), None));
    assert!(matches!(refused, Err(ControlPlaneError::Rejected(Rejection::Change { .. }))), "{refused:?}");
    cluster.settle();
    assert_eq!(cluster.engine(leader).commit_index(), commit_before);
    assert_eq!(cluster.engine(leader).members(), [(peer(1), identity(1).into())]);
}

/// The replicated engine starts from the disk of the single-node engine with everything on it, and others can join.
#[test]
fn one_process_grows_into_a_cluster_and_keeps_everything() {
    let (mut alone, _) = led::<SingleNodeControlPlane>(1);
    let opened = alone.call(1, |engine| engine.open_session().unwrap());
    let (_, effect) = committed(&mut alone, 1, opened);
    let Effect::SessionOpened(session) = effect else { panic!("{effect:?}") };
    let ticket = Some(Ticket { session, serial: Serial(1), acknowledged_through: Serial::ZERO });
    for partition in 1..=9 {
        let ticket = ticket.filter(|_| partition == 9);
        assert_eq!(commit(&mut alone, 1, create(partition), ticket).1, fresh(1));
    }
    let (state, term) = (alone.engine(1).state().clone(), alone.engine(1).current_term());
    assert!(alone.disk(1).log.base().index > Index(1), "its log begins with a snapshot");

    let mut cluster: Cluster<ReplicatedControlPlane> = Cluster::new(0, Caps::PRODUCTION, 5);
    cluster.add(1, alone.disk(1).clone());
    let leader = lead(&mut cluster);
    assert_eq!(cluster.engine(leader).state(), &state);
    assert!(cluster.engine(leader).current_term() > term);
    let again = Effect::Answered { answer: Answer::Epoch(Epoch(1)), repeated: true };
    assert_eq!(commit(&mut cluster, leader, create(9), ticket).1, again, "its sessions are kept");
    cluster.add(2, founder(1, Caps::PRODUCTION).empty_disk().unwrap());
    assert_eq!(commit(&mut cluster, leader, admit(2, 2), None).1, noted());
    assert_eq!(commit(&mut cluster, leader, promote(2), None).1, noted());
    assert_eq!(cluster.engine(2).state().table(), state.table());
    let refused = SingleNodeControlPlane::open(config(1), cluster.disk(1).clone());
    assert!(matches!(refused, Err(AloneError::OtherMembers { .. })), "{refused:?}");
}

#[test]
fn a_sole_voter_cannot_leave() {
    let (mut cluster, leader) = led::<SingleNodeControlPlane>(1);
    let (change, refusal) = (Change::Remove(peer(1)), ChangeRefusal::LastVoter { voter: peer(1) });
    let refused = cluster.call(leader, |engine| engine.propose(remove(1), None));
    assert_eq!(refused, Err(ControlPlaneError::Rejected(Rejection::Change { change, refusal })));
    assert_eq!(config(1).me, peer(1));
}

/// A node that has restarted, and does not know what of its log is committed: node 3 was removed, and admitted again in
/// another directory at another address. A candidate may be either of them, and needs this node's answer.
#[test]
fn uncommitted_entries_add_members_and_replace_none() {
    let term = ControlPlaneTerm(1);
    let back = Peer { directory: DirectoryId(2), ..peer(3) };
    let endpoints = Endpoints { peer: Some("n3.example:7000".parse().unwrap()), client: None };
    let admitted = Registered { identity: identity(3), endpoints: endpoints.clone() };
    let change = MembershipChange::Admit { peer: back, identity: identity(3), endpoints };
    let entry = |payload| Entry { term, content: Content::Payload { ticket: None, payload } };
    let entries = vec![entry(remove(3)), entry(ControlPlaneEntry::MembershipChange(change))];
    let hard_state = Some(HardState { term, voted_for: None });
    let mut disk = founder(3, Caps::PRODUCTION).disk().unwrap();
    disk.write(&Batch { hard_state, snapshot: None, suffix: Some((Index(2), entries)), base: None });
    let mut engine = ReplicatedControlPlane::start(config(2), disk).unwrap();
    let committed = (1..=3).map(|node| (peer(node), identity(node).into()));
    let expected: Vec<_> = committed.chain([(back, admitted)]).collect();
    assert_eq!(engine.members(), expected);

    // Another leader has neither entry: what is left are the committed members.
    let entries = vec![Entry { term: term.next(), content: Content::OpenSession }];
    let prev = LogPosition { term: Term::GENESIS, index: Index(1) };
    let body = Body::Append(Append { prev, entries, commit: Index(1), round: 0 });
    engine.receive(Message {
        history: HistoryId(1),
        from: peer(3),
        to: peer(2),
        admitted: Index::ZERO,
        term: term.next(),
        body,
    });
    assert_eq!(engine.members(), expected[..3]);
}
