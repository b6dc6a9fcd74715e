//! What clients are told: of calls, of requests under a ticket, of reads.

use super::world::{Placed, all, at, content, disk, entry, judged, monitor, so};
use cutover::core::control_plane::ControlPlaneEntry;
use cutover::core::ids::{Index, Serial, SessionId};
use cutover::core::invariant::{ClusterFact, ConsensusMonitor};
use cutover::core::raft::{Content, Ticket};

const TRUTHFUL: &str = "raft.call-truthful";
const ONCE: &str = "raft.apply-once";
const LINEARIZABLE: &str = "raft.read-linearizable";

const fn ticket(session: u64, serial: u64) -> Ticket {
    Ticket { session: SessionId(session), serial: Serial(serial), acknowledged_through: Serial::ZERO }
}

fn ticketed(number: u64, ticket: Ticket) -> Content<ControlPlaneEntry> {
    match content(number) {
        Content::Payload { payload, .. } => Content::Payload { ticket: Some(ticket), payload },
        other @ (Content::OpenSession | Content::CloseSession(_)) => other,
    }
}

/// Commits an entry with this number at this index, on all three nodes.
fn commit(monitor: &mut ConsensusMonitor, numbers: &[u64]) -> Vec<&'static str> {
    let log: Vec<_> = numbers.iter().map(|number| entry(1, *number)).collect();
    let nodes: Vec<_> = (1..=3).map(|node| Placed::start(node, disk(1, None, &log))).collect();
    let nodes = all(&nodes);
    let last = u64::try_from(log.len()).unwrap();
    let entries = [(at(1, 1 + last), log.last().unwrap().clone())];
    let fact = ClusterFact::Advanced { by: nodes[0].node, entries: &entries, nodes: &nodes };
    let found = judged(monitor, &fact);
    monitor.remember(&fact);
    found
}

#[test]
fn a_request_under_a_ticket_takes_effect_at_one_index() {
    let mut monitor = monitor();
    let took =
        |session, serial, at| ClusterFact::TookEffect { ticket: ticket(session, serial), at: Index(at) };
    so(&mut monitor, &took(1, 1, 5));
    so(&mut monitor, &took(1, 1, 5));
    assert_eq!(judged(&monitor, &took(1, 1, 6)), [ONCE]);
    so(&mut monitor, &took(1, 2, 6));
    so(&mut monitor, &took(2, 1, 7));
    assert_eq!(judged(&monitor, &took(2, 1, 5)), [ONCE]);
}

#[test]
fn a_call_is_told_what_became_of_its_request() {
    let ended = |request, done| ClusterFact::CallEnded { request, done };
    // Without a ticket: committed or not.
    let (request, mut plain) = (content(3), monitor());
    so(&mut plain, &ClusterFact::CallBegan(&request));
    assert_eq!(judged(&plain, &ended(&request, true)), [TRUTHFUL]);
    assert_eq!(judged(&plain, &ended(&request, false)), [""; 0]);
    assert_eq!(commit(&mut plain, &[3]), [""; 0]);
    assert_eq!(judged(&plain, &ended(&request, true)), [""; 0]);
    assert_eq!(judged(&plain, &ended(&request, false)), [TRUTHFUL]);
    // Under a ticket: applied under it or not, whatever else was.
    let (request, mut under) = (ticketed(3, ticket(1, 2)), monitor());
    so(&mut under, &ClusterFact::CallBegan(&request));
    so(&mut under, &ClusterFact::TookEffect { ticket: ticket(1, 1), at: Index(4) });
    so(&mut under, &ClusterFact::TookEffect { ticket: ticket(2, 2), at: Index(5) });
    assert_eq!(judged(&under, &ended(&request, true)), [TRUTHFUL]);
    so(&mut under, &ClusterFact::TookEffect { ticket: ticket(1, 2), at: Index(6) });
    assert_eq!(judged(&under, &ended(&request, true)), [""; 0]);
    assert_eq!(judged(&under, &ended(&request, false)), [TRUTHFUL]);
}

#[test]
fn what_was_told_as_not_done_is_never_done() {
    let request = content(3);
    let mut plain = monitor();
    so(&mut plain, &ClusterFact::CallBegan(&request));
    so(&mut plain, &ClusterFact::CallEnded { request: &request, done: false });
    assert_eq!(commit(&mut plain, &[3]), [TRUTHFUL]);
    // Another request may be committed, and one of which nobody was told anything.
    let mut others = monitor();
    so(&mut others, &ClusterFact::CallBegan(&request));
    so(&mut others, &ClusterFact::CallEnded { request: &request, done: false });
    assert_eq!(commit(&mut others, &[4]), [""; 0]);
    let mut untold = monitor();
    so(&mut untold, &ClusterFact::CallBegan(&request));
    assert_eq!(commit(&mut untold, &[3]), [""; 0]);
    // Without a ticket it is committed once.
    assert_eq!(commit(&mut untold, &[3, 3]), [TRUTHFUL]);
    // Under a ticket its effect counts.
    let (request, mut under) = (ticketed(3, ticket(1, 2)), monitor());
    so(&mut under, &ClusterFact::CallBegan(&request));
    so(&mut under, &ClusterFact::CallEnded { request: &request, done: false });
    so(&mut under, &ClusterFact::TookEffect { ticket: ticket(1, 1), at: Index(4) });
    let took = ClusterFact::TookEffect { ticket: ticket(1, 2), at: Index(5) };
    assert_eq!(judged(&under, &took), [TRUTHFUL]);
}

#[test]
fn a_read_sees_what_was_committed_when_it_came_in() {
    let mut monitor = monitor();
    so(&mut monitor, &ClusterFact::ReadInvoked(1));
    assert_eq!(commit(&mut monitor, &[3]), [""; 0]);
    so(&mut monitor, &ClusterFact::ReadInvoked(2));
    let served = |reader, through| ClusterFact::ReadServed { reader, through: Index(through) };
    assert_eq!(judged(&monitor, &served(1, 1)), [""; 0]);
    assert_eq!(judged(&monitor, &served(1, 0)), [LINEARIZABLE]);
    assert_eq!(judged(&monitor, &served(2, 1)), [LINEARIZABLE]);
    assert_eq!(judged(&monitor, &served(2, 2)), [""; 0]);
    // One that has ended is not waited for any more; the other is.
    monitor.remember(&ClusterFact::ReadEnded(2));
    assert_eq!(judged(&monitor, &served(2, 1)), [""; 0]);
    assert_eq!(judged(&monitor, &served(1, 0)), [LINEARIZABLE]);
    monitor.remember(&served(1, 2));
    assert_eq!(judged(&monitor, &served(1, 0)), [""; 0]);
}
