//! What is committed, and what the logs of nodes have in common.

use super::site::peer;
use super::world::{Placed, all, at, disk, entry, judged, monitor, so};
use cutover::core::control_plane::{ControlPlaneConsensus as _, ControlPlaneEntry};
use cutover::core::ids::Index;
use cutover::core::ids::{DirectoryId, NodeId};
use cutover::core::invariant::{ClusterFact, NodeNow};
use cutover::core::raft::{Entry, LogPosition, Peer};

const COMPLETE: &str = "raft.leader-completeness";
const MACHINE: &str = "raft.state-machine-safety";
const MATCHING: &str = "raft.log-matching";
const OVERLAP: &str = "raft.quorum-overlap";

type Committed = [(LogPosition, Entry<ControlPlaneEntry>)];

fn advanced<'a>(nodes: &'a [NodeNow<'a>], entries: &'a Committed) -> ClusterFact<'a> {
    ClusterFact::Advanced { by: nodes[0].node, entries, nodes }
}

/// Three nodes, each with these entries on its disk, and in this term.
fn with(term: u64, entries: [&[Entry<ControlPlaneEntry>]; 3]) -> Vec<Placed> {
    (1..).zip(entries).map(|(node, entries)| Placed::start(node, disk(term, None, entries))).collect()
}

#[test]
fn what_is_committed_is_on_the_disks_of_a_quorum() {
    let (one, other) = ([entry(1, 7)], [entry(1, 8)]);
    let entries = [(at(1, 2), one[0].clone())];
    let case = |logs| judged(&monitor(), &advanced(&all(&with(1, logs)), &entries));
    assert_eq!(case([&one, &one, &[]]), [""; 0]);
    assert_eq!(case([&one, &[], &[]]), [MACHINE]);
    assert_eq!(case([&one, &other, &[]]), [MACHINE]);
    // In memory it is not durable.
    let mut memory = with(1, [&one, &one, &[]]);
    memory[1].disk = disk(1, None, &[]);
    assert_eq!(judged(&monitor(), &advanced(&all(&memory), &entries)), [MACHINE]);
    // A voter in another directory has lost its disk since.
    let mut wiped = with(1, [&one, &[], &[]]);
    wiped[1] = Placed::elsewhere(2, 2, disk(1, None, &[]));
    assert_eq!(judged(&monitor(), &advanced(&all(&wiped), &entries)), [""; 0]);
    // A snapshot has it as well.
    let mut snapshot = with(1, [&one, &[], &[]]);
    let mut compacted = disk(1, None, &[]);
    std::sync::Arc::make_mut(&mut compacted.snapshot).last = at(1, 2);
    snapshot[1].disk = compacted;
    assert_eq!(judged(&monitor(), &advanced(&all(&snapshot), &entries)), [""; 0]);
}

#[test]
fn an_index_has_one_committed_entry() {
    let (one, other) = ([entry(1, 7)], [entry(1, 8)]);
    let mut monitor = monitor();
    so(&mut monitor, &advanced(&all(&with(1, [&one, &one, &[]])), &[(at(1, 2), one[0].clone())]));
    assert_eq!(monitor.committed_through(), Index(2));
    so(&mut monitor, &advanced(&all(&with(1, [&one, &one, &[]])), &[(at(1, 2), one[0].clone())]));
    assert_eq!(monitor.committed_through(), Index(2));
    let others = with(1, [&other, &other, &other]);
    assert_eq!(judged(&monitor, &advanced(&all(&others), &[(at(1, 2), other[0].clone())])), [MACHINE]);
    let two = [entry(1, 7), entry(1, 8)];
    so(&mut monitor, &advanced(&all(&with(1, [&two, &two, &[]])), &[(at(1, 3), two[1].clone())]));
    assert_eq!(monitor.committed_through(), Index(3));
}

#[test]
fn logs_agree_up_to_where_their_terms_do() {
    let case = |one: &[_], other: &[_]| {
        let nodes = with(3, [one, other, &[]]);
        judged(&monitor(), &ClusterFact::Now(&all(&nodes)))
    };
    let (a, b, c) = (entry(1, 1), entry(2, 2), entry(2, 3));
    assert_eq!(case(&[a.clone(), b.clone()], &[a.clone(), b.clone()]), [""; 0]);
    assert_eq!(case(&[a.clone(), b.clone()], std::slice::from_ref(&a)), [""; 0]);
    // Different terms at an index: what is there may differ.
    assert_eq!(case(&[a.clone(), b.clone()], &[a.clone(), entry(3, 2)]), [""; 0]);
    // The same term, another entry.
    assert_eq!(case(&[a.clone(), b.clone()], &[a.clone(), c.clone()]), [MATCHING]);
    // They agree at the end, and not before.
    assert_eq!(case(&[a, b.clone()], &[entry(1, 9), b]), [MATCHING]);
}

#[test]
fn a_later_leader_has_what_is_committed() {
    // A node that leads a later term alone: it votes for itself, as the only voter of its own disk.
    let one = [entry(1, 7)];
    let entries = [(at(1, 2), one[0].clone())];
    let mut nodes = with(1, [&one, &one, &[]]);
    let mut alone = super::site::founder(1, cutover::core::migration::Caps::PRODUCTION).disk().unwrap();
    alone.hard_state.term = cutover::core::ids::Term(4);
    let mut leader = Placed::start(1, alone);
    leader.engine.fire(cutover::core::raft::Timer::Election);
    (1..=3).for_each(|batch| leader.engine.synced(cutover::core::raft::BatchNumber(batch)));
    assert!(leader.engine.is_leader());
    leader.disk = disk(5, Some(1), &[]);
    nodes[2] = leader;
    assert!(judged(&monitor(), &advanced(&all(&nodes), &entries)).contains(&COMPLETE));
}

#[test]
fn configurations_that_follow_each_other_have_quorums_that_meet() {
    use cutover::core::control_plane::MembershipChange;
    use cutover::core::raft::Content;
    let change = |term, change| Entry {
        term,
        content: Content::Payload { ticket: None, payload: ControlPlaneEntry::MembershipChange(change) },
    };
    let stranger = Peer { node: NodeId(4), directory: DirectoryId(1) };
    let remove = |node| MembershipChange::Remove { peer: peer(node), even_so: None };
    let admit = MembershipChange::Admit {
        peer: stranger,
        identity: super::site::identity(4),
        endpoints: cutover::core::control_plane::Endpoints::NONE,
    };
    let term = cutover::core::ids::Term(1);
    let case = |entries: &[Entry<ControlPlaneEntry>]| {
        judged(&monitor(), &ClusterFact::Now(&all(&with(1, [entries, &[], &[]]))))
    };
    assert_eq!(case(&[change(term, remove(3))]), [""; 0]);
    assert_eq!(case(&[change(term, admit.clone())]), [""; 0]);
    // Two changes that are both not committed.
    assert_eq!(case(&[change(term, admit), change(term, remove(3))]), [OVERLAP]);
}
