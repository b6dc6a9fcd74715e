//! Who leads, and what a node has said of its term and vote.

use super::site::peer;
use super::world::{Placed, all, at, disk, entry, judged, monitor, so};
use cutover::core::control_plane::ControlPlaneEntry;
use cutover::core::ids::{HistoryId, Index, Term};
use cutover::core::invariant::{ClusterFact, ConsensusMonitor, NodeNow};
use cutover::core::raft::{Body, HardState, Message};

const SAFETY: &str = "raft.election-safety";
const COMPLETE: &str = "raft.leader-completeness";
const VOTERS: &str = "raft.voters-only";
const DURABLE: &str = "raft.vote-durable";
const MONOTONE: &str = "raft.monotone";
const MACHINE: &str = "raft.state-machine-safety";

/// Three nodes in this term, whose disks have votes for these.
fn voted(term: u64, votes: [Option<u8>; 3]) -> Vec<Placed> {
    (1..).zip(votes).map(|(node, vote)| Placed::start(node, disk(term, vote, &[]))).collect()
}

fn led<'a>(nodes: &'a [NodeNow<'a>], by: usize) -> ClusterFact<'a> {
    ClusterFact::Led { by: nodes[by].node, nodes }
}

#[test]
fn a_term_has_one_leader() {
    let mut monitor = monitor();
    let first = voted(1, [Some(1); 3]);
    so(&mut monitor, &led(&all(&first), 0));
    so(&mut monitor, &led(&all(&first), 0));
    let second = voted(1, [Some(2); 3]);
    assert_eq!(judged(&monitor, &led(&all(&second), 1)), [SAFETY]);
    let later = voted(2, [Some(2); 3]);
    so(&mut monitor, &led(&all(&later), 1));
    assert_eq!(judged(&monitor, &led(&all(&second), 2)), [SAFETY, VOTERS]);
}

#[test]
fn a_leader_is_forgotten_when_nobody_else_can_lead_its_term() {
    let (first, second) = (voted(1, [Some(1); 3]), voted(1, [Some(2); 3]));
    let remembered = || {
        let mut monitor = monitor();
        so(&mut monitor, &led(&all(&first), 0));
        monitor
    };
    // Every disk is in the term, and nobody stands in it.
    let mut closed = remembered();
    assert!(closed.forgets(&all(&first)));
    closed.forget(&all(&first));
    assert!(!closed.forgets(&all(&first)));
    assert_eq!(judged(&closed, &led(&all(&second), 1)), [""; 0]);
    // One disk is in the term before: its node may still be elected in it.
    let mut open = remembered();
    let mut behind = voted(1, [Some(1); 3]);
    behind[2] = Placed::start(3, disk(0, None, &[]));
    assert!(!open.forgets(&all(&behind)));
    open.forget(&all(&behind));
    assert_eq!(judged(&open, &led(&all(&second), 1)), [SAFETY]);
}

#[test]
fn a_leader_has_the_votes_of_a_quorum_on_their_disks() {
    let case = |votes| judged(&monitor(), &led(&all(&voted(3, votes)), 0));
    assert_eq!(case([Some(1), Some(1), None]), [""; 0]);
    assert_eq!(case([Some(1), None, Some(2)]), [VOTERS]);
    assert_eq!(case([None; 3]), [VOTERS]);
    // A disk in a later term had the vote before; a voter in another directory has lost its disk since.
    let mut later = voted(3, [Some(1), None, None]);
    later[1].disk = disk(4, None, &[]);
    assert_eq!(judged(&monitor(), &led(&all(&later), 0)), [""; 0]);
    let mut earlier = voted(3, [Some(1), None, None]);
    earlier[1].disk = disk(2, Some(1), &[]);
    assert_eq!(judged(&monitor(), &led(&all(&earlier), 0)), [VOTERS]);
    let mut wiped = voted(3, [Some(1), None, None]);
    wiped[1] = Placed::elsewhere(2, 2, disk(3, None, &[]));
    assert_eq!(judged(&monitor(), &led(&all(&wiped), 0)), [""; 0]);
}

#[test]
fn a_leader_has_what_was_committed_before_its_term() {
    let committed = entry(1, 7);
    let with = |node, term| Placed::start(node, disk(term, Some(2), std::slice::from_ref(&committed)));
    let without = |node, term| Placed::start(node, disk(term, Some(2), &[]));
    let mut monitor = monitor();
    let first = [with(1, 1), with(2, 1), without(3, 1)];
    let entries = [(at(1, 2), committed.clone())];
    let nodes = all(&first);
    so(&mut monitor, &ClusterFact::Advanced { by: nodes[0].node, entries: &entries, nodes: &nodes });
    let lacks = [without(1, 2), without(2, 2), without(3, 2)];
    assert_eq!(judged(&monitor, &led(&all(&lacks), 1)), [COMPLETE]);
    let other = [without(1, 2), Placed::start(2, disk(2, Some(2), &[entry(1, 8)])), without(3, 2)];
    assert_eq!(judged(&monitor, &led(&all(&other), 1)), [COMPLETE]);
    let has = [without(1, 2), with(2, 2), without(3, 2)];
    assert_eq!(judged(&monitor, &led(&all(&has), 1)), [""; 0]);
    // What is committed in a term says nothing of those who lead it, or an earlier one.
    let same = [without(1, 1), without(2, 1), without(3, 1)];
    assert_eq!(judged(&monitor, &led(&all(&same), 1)), [""; 0]);
}

#[test]
fn an_entry_counts_from_its_own_term_on_when_the_term_of_its_commit_is_closed() {
    let committed = entry(1, 7);
    let with = |node| Placed::start(node, disk(3, Some(1), std::slice::from_ref(&committed)));
    let first = [with(1), with(2), with(3)];
    let (nodes, entries) = (all(&first), [(at(1, 2), committed.clone())]);
    let mut monitor = monitor();
    so(&mut monitor, &ClusterFact::Advanced { by: nodes[0].node, entries: &entries, nodes: &nodes });
    let lacks: Vec<_> = (1..=3).map(|node| Placed::start(node, disk(2, Some(2), &[]))).collect();
    assert_eq!(judged(&monitor, &led(&all(&lacks), 1)), [""; 0]);
    assert!(monitor.forgets(&nodes));
    monitor.forget(&nodes);
    assert!(!monitor.forgets(&nodes));
    assert_eq!(judged(&monitor, &led(&all(&lacks), 1)), [COMPLETE]);
}

fn claim(term: u64, vote: Option<u8>) -> HardState {
    HardState { term: Term(term), voted_for: vote.map(peer) }
}

#[test]
fn what_a_node_has_said_of_its_term_and_vote_stays_so() {
    let node = Placed::start(1, disk(1, None, &[]));
    let said = |vote| ClusterFact::Revealed { by: node.now(), vote };
    let after = |earlier: &[HardState], vote| {
        let mut monitor = monitor();
        earlier.iter().for_each(|vote| monitor.remember(&said(*vote)));
        judged(&monitor, &said(vote))
    };
    assert_eq!(after(&[], claim(2, Some(1))), [""; 0]);
    assert_eq!(after(&[claim(2, Some(1))], claim(2, Some(1))), [""; 0]);
    assert_eq!(after(&[claim(2, Some(1))], claim(2, None)), [""; 0]);
    assert_eq!(after(&[claim(2, Some(1))], claim(3, Some(2))), [""; 0]);
    assert_eq!(after(&[claim(2, Some(1))], claim(2, Some(2))), [DURABLE]);
    assert_eq!(after(&[claim(2, Some(1))], claim(1, None)), [MONOTONE]);
    // Of what was said the latest counts: a vote after none, and not the other way round; the highest term.
    assert_eq!(after(&[claim(2, None), claim(2, Some(1))], claim(2, Some(2))), [DURABLE]);
    assert_eq!(after(&[claim(2, Some(1)), claim(2, None)], claim(2, Some(2))), [DURABLE]);
    assert_eq!(after(&[claim(3, None), claim(2, Some(1))], claim(2, Some(1))), [MONOTONE]);
    assert_eq!(after(&[claim(2, Some(1)), claim(3, None)], claim(3, Some(2))), [""; 0]);
    // Another node's claims count for itself.
    let other = Placed::start(2, disk(1, None, &[]));
    let mut monitor = monitor();
    monitor.remember(&said(claim(2, Some(1))));
    let of_other = ClusterFact::Revealed { by: other.now(), vote: claim(1, Some(2)) };
    assert_eq!(judged(&monitor, &of_other), [""; 0]);
}

#[test]
fn a_claim_is_remembered_until_the_disk_has_it() {
    let remembers = |on_disk, vote| {
        let node = Placed::start(1, on_disk);
        monitor().remembers(&ClusterFact::Revealed { by: node.now(), vote })
    };
    assert!(remembers(disk(1, None, &[]), claim(2, None)));
    assert!(remembers(disk(2, None, &[]), claim(2, Some(1))));
    assert!(remembers(disk(2, Some(2), &[]), claim(2, Some(1))));
    assert!(!remembers(disk(2, Some(1), &[]), claim(2, Some(1))));
    assert!(!remembers(disk(2, Some(1), &[]), claim(2, None)));
    assert!(!remembers(disk(3, None, &[]), claim(2, Some(1))));
    // The memory lets it go then, and not before.
    let before = Placed::start(1, disk(1, None, &[]));
    let mut monitor = monitor();
    monitor.remember(&ClusterFact::Revealed { by: before.now(), vote: claim(2, Some(1)) });
    assert!(!monitor.forgets(&[before.now()]));
    let after = Placed::start(1, disk(2, Some(1), &[]));
    assert!(monitor.forgets(&[after.now()]));
    monitor.forget(&[after.now()]);
    let again = ClusterFact::Revealed { by: before.now(), vote: claim(2, Some(2)) };
    assert_eq!(judged(&monitor, &again), [""; 0]);
}

fn message(term: u64, body: Body<ControlPlaneEntry>) -> Message<ControlPlaneEntry> {
    Message { history: HistoryId(1), from: peer(1), to: peer(2), admitted: Index(0), term: Term(term), body }
}

#[test]
fn a_message_says_only_what_is_on_the_disk() {
    let sent = |on_disk, message: &Message<ControlPlaneEntry>| {
        let node = Placed::start(1, on_disk);
        judged(&monitor(), &ClusterFact::Sent { by: node.now(), message })
    };
    let two = [entry(1, 1), entry(2, 2)];
    let appended = |matched| message(2, Body::Appended { matched: Index(matched), round: 0 });
    assert_eq!(sent(disk(2, None, &two), &appended(3)), [""; 0]);
    assert_eq!(sent(disk(2, None, &two), &appended(4)), [MACHINE]);
    assert_eq!(sent(disk(2, None, &[]), &appended(1)), [""; 0]);
    // In a later term the log may have been cut since.
    assert_eq!(sent(disk(3, None, &[]), &appended(3)), [""; 0]);
    assert_eq!(sent(disk(1, None, &two[..1]), &appended(2)), [DURABLE]);
    let asks = message(2, Body::RequestVote { last: at(0, 1), transfer: false });
    assert_eq!(sent(disk(2, Some(1), &[]), &asks), [""; 0]);
    assert_eq!(sent(disk(2, None, &[]), &asks), [DURABLE]);
    assert_eq!(sent(disk(2, Some(2), &[]), &asks), [DURABLE]);
    let grants = message(2, Body::VoteReply { granted: true });
    assert_eq!(sent(disk(2, Some(2), &[]), &grants), [""; 0]);
    assert_eq!(sent(disk(2, Some(3), &[]), &grants), [DURABLE]);
    // What it said is remembered, and compared with what it says next.
    let node = Placed::start(1, disk(1, None, &[]));
    let mut monitor = monitor();
    monitor.remember(&ClusterFact::Sent { by: node.now(), message: &asks });
    assert_eq!(judged(&monitor, &ClusterFact::Sent { by: node.now(), message: &grants }), [DURABLE]);
}

#[test]
fn who_can_be_elected_next_has_what_was_committed() {
    let committed = entry(1, 7);
    let with = |node| Placed::start(node, disk(1, Some(1), std::slice::from_ref(&committed)));
    let without = |node| Placed::start(node, disk(1, Some(1), &[]));
    let remembered = |nodes: &[Placed]| -> ConsensusMonitor {
        let (nodes, entries) = (all(nodes), [(at(1, 2), committed.clone())]);
        let mut monitor = monitor();
        monitor.remember(&ClusterFact::Advanced { by: nodes[0].node, entries: &entries, nodes: &nodes });
        monitor
    };
    let quorum = [with(1), with(2), without(3)];
    let monitor = remembered(&quorum);
    assert_eq!(judged(&monitor, &ClusterFact::Now(&all(&quorum))), [""; 0]);
    // Two nodes without it are enough to elect one of them.
    let lost = [with(1), without(2), without(3)];
    assert_eq!(judged(&monitor, &ClusterFact::Now(&all(&lost))), [COMPLETE]);
    // A longer log of another entry wins its election as well.
    let longer = [with(1), without(2), Placed::start(3, disk(2, None, &[entry(2, 8)]))];
    assert!(judged(&monitor, &ClusterFact::Now(&all(&longer))).contains(&COMPLETE));
    assert_eq!(quorum[0].engine.node().commit(), super::world::FOUNDED);
}
