//! One node before and after an input, and what it does with a message.

use super::site::{LIMITS, peer};
use super::world::{Placed, disk, entry, judged, monitor};
use cutover::core::ids::{DirectoryId, HistoryId, Index, NodeId, Term};
use cutover::core::invariant::{Before, ClusterFact, is_outsider};
use cutover::core::raft::{Body, HardState, Message, Peer, Progress};

const MONOTONE: &str = "raft.monotone";
const DURABLE: &str = "raft.vote-durable";
const MACHINE: &str = "raft.state-machine-safety";
const BOUNDED: &str = "raft.term-bounded";
const OUTSIDER: &str = "raft.outsider-harmless";

fn before(term: u64, commit: u64, durable: HardState) -> Before<&'static [Progress]> {
    Before { term: Term(term), commit: Index(commit), disk: durable, progress: &[] }
}

fn stepped(before: Before<&[Progress]>, after: &Placed, restarted: bool) -> Vec<&'static str> {
    judged(&monitor(), &ClusterFact::Stepped { before, after: after.now(), restarted })
}

const fn durable(term: u64, vote: Option<u8>) -> HardState {
    HardState { term: Term(term), voted_for: if let Some(node) = vote { Some(peer(node)) } else { None } }
}

#[test]
fn the_term_and_the_vote_on_a_disk_do_not_go_back() {
    let after = Placed::start(1, disk(2, Some(1), &[]));
    for (was, found) in [
        (durable(2, Some(1)), vec![]),
        (durable(2, None), vec![]),
        (durable(1, Some(3)), vec![]),
        (durable(2, Some(3)), vec![DURABLE]),
        (durable(3, None), vec![MONOTONE]),
    ] {
        assert_eq!(stepped(before(2, 1, was), &after, false), found, "{was:?}");
        assert_eq!(stepped(before(2, 1, was), &after, true), found, "{was:?}, restarted");
    }
    let without = Placed::start(1, disk(2, None, &[]));
    assert_eq!(stepped(before(2, 1, durable(2, Some(1))), &without, false), [DURABLE]);
}

#[test]
fn a_node_in_memory_goes_on_and_a_restart_begins_anew() {
    let after = Placed::start(1, disk(2, None, &[]));
    let was = durable(2, None);
    assert_eq!(stepped(before(3, 1, was), &after, false), [MONOTONE]);
    assert_eq!(stepped(before(3, 1, was), &after, true), [""; 0]);
    assert_eq!(stepped(before(2, 2, was), &after, false), [MONOTONE]);
    assert_eq!(stepped(before(2, 2, was), &after, true), [""; 0]);
}

#[test]
fn a_term_does_not_leap() {
    let most = LIMITS.term_leap_max;
    let after = |term| Placed::start(1, disk(term, None, &[]));
    assert_eq!(stepped(before(2, 1, durable(2, None)), &after(2 + most), false), [""; 0]);
    assert_eq!(stepped(before(2, 1, durable(2, None)), &after(3 + most), false), [BOUNDED]);
    // A node without a log takes the term of its first leader.
    assert_eq!(stepped(before(2, 0, durable(2, None)), &after(3 + most), false), [""; 0]);
}

#[test]
fn what_a_node_takes_to_be_durable_is_on_its_disk() {
    let log = [entry(1, 1), entry(2, 2)];
    let was = durable(2, None);
    let node = || Placed::start(1, disk(2, None, &log));
    assert_eq!(stepped(before(2, 1, was), &node(), false), [""; 0]);
    let shorter = node().with_disk(disk(2, None, &log[..1]));
    assert_eq!(stepped(before(2, 1, was), &shorter, false), [MACHINE]);
    let other = node().with_disk(disk(2, None, &[entry(1, 1), entry(1, 2)]));
    assert_eq!(stepped(before(2, 1, was), &other, false), [MACHINE]);
}

#[test]
fn a_message_of_an_outsider_does_nothing() {
    let node = Placed::start(1, disk(1, None, &[]));
    let stranger = Peer { node: NodeId(9), directory: DirectoryId(1) };
    let other_life = Peer { directory: DirectoryId(2), ..peer(2) };
    let of = |from, admitted| Message {
        history: HistoryId(1),
        from,
        to: peer(1),
        admitted: Index(admitted),
        term: Term(1),
        body: Body::StaleTerm,
    };
    let heard = |message: &Message<_>, idle| {
        judged(&monitor(), &ClusterFact::Heard { by: node.engine.node(), message, idle })
    };
    for (from, admitted, outsider) in [
        (peer(2), 0, false),
        (stranger, 0, true),
        (stranger, 1, true),
        // Its admission may be newer than what this node has applied.
        (stranger, 2, false),
        (other_life, 1, true),
    ] {
        let message = of(from, admitted);
        assert_eq!(is_outsider(node.engine.node(), &message), outsider, "{from} {admitted}");
        assert_eq!(heard(&message, true), [""; 0]);
        assert_eq!(heard(&message, false), if outsider { vec![OUTSIDER] } else { vec![] });
    }
}
