//! A request that is proposed again under its session takes effect once.

use super::*;
use crate::site::LIMITS;
use cutover::core::raft::{Change, Rejection, SessionRefusal};

on_every_engine! {
    a_retry_is_answered_as_before
    a_retry_is_answered_as_before_by_a_node_that_starts_from_a_snapshot
    a_closed_session_is_never_new_again
}

on_every_cluster! {
    a_change_of_members_goes_without_a_session
}

fn ticket(session: SessionId, serial: u64) -> Option<Ticket> {
    Some(Ticket { session, serial: Serial(serial), acknowledged_through: Serial::ZERO })
}

fn open<C: Engine>(cluster: &mut Cluster<C>, leader: u8) -> SessionId {
    let id = cluster.call(leader, |engine| engine.open_session()).unwrap();
    match committed(cluster, leader, id) {
        (index, Effect::SessionOpened(session)) => {
            assert_eq!(session.0, index.0, "its id is its place in the log");
            session
        }
        other => panic!("{other:?}"),
    }
}

fn repeated(effect: Effect<Answer>) -> Effect<Answer> {
    let Effect::Answered { answer, repeated: false } = effect else { panic!("{effect:?}") };
    Effect::Answered { answer, repeated: true }
}

fn a_retry_is_answered_as_before<C: Engine>(count: u8) {
    let (mut cluster, leader) = led::<C>(count);
    let session = open(&mut cluster, leader);
    let (first, created) = commit(&mut cluster, leader, create(1), ticket(session, 1));
    assert_eq!(created, fresh(1));
    let state = cluster.engine(leader).state().clone();
    let (second, again) = commit(&mut cluster, leader, create(1), ticket(session, 1));
    assert!(second > first, "a retry has a place of its own in the log");
    assert_eq!((again, cluster.engine(leader).state()), (repeated(created), &state));
    // A refusal is remembered as an answer, too.
    let (_, refused) = commit(&mut cluster, leader, create(1), ticket(session, 2));
    let (_, again) = commit(&mut cluster, leader, create(1), ticket(session, 2));
    assert_eq!(again, repeated(refused));
}

fn a_retry_is_answered_as_before_by_a_node_that_starts_from_a_snapshot<C: Engine>(count: u8) {
    let (mut cluster, leader) = led::<C>(count);
    let session = open(&mut cluster, leader);
    let (first, created) = commit(&mut cluster, leader, create(1), ticket(session, 1));
    for partition in 2..12 {
        commit(&mut cluster, leader, create(partition), None);
    }
    cluster.fire(leader, Timer::Heartbeat);
    cluster.settle();
    for node in cluster.nodes() {
        let disk = cluster.disk(node);
        assert!(disk.snapshot.last.index.0 + LIMITS.compact_after_entries >= disk.log.last().index.0);
        assert!(disk.log.base().index > first, "the entry is gone from the log of node {node}");
        cluster.crash(node);
    }
    cluster.heal();
    let leader = lead(&mut cluster);
    let before = cluster.engine(leader).state().clone();
    let (_, again) = commit(&mut cluster, leader, create(1), ticket(session, 1));
    assert_eq!((again, cluster.engine(leader).state()), (repeated(created), &before));
}

fn a_closed_session_is_never_new_again<C: Engine>(count: u8) {
    let (mut cluster, leader) = led::<C>(count);
    let session = open(&mut cluster, leader);
    let id = cluster.call(leader, |engine| engine.close_session(session)).unwrap();
    assert_eq!(committed(&mut cluster, leader, id).1, Effect::SessionClosed(session));
    let expired = Effect::SessionRefused(SessionRefusal::Expired { session });
    assert_eq!(commit(&mut cluster, leader, create(1), ticket(session, 1)).1, expired);
    assert!(!has(&cluster, leader, 1));
    // Of four sessions three are kept: the least recently used one is closed.
    let sessions: Vec<_> = (0..4).map(|_| open(&mut cluster, leader)).collect();
    let expired = Effect::SessionRefused(SessionRefusal::Expired { session: sessions[0] });
    assert_eq!(commit(&mut cluster, leader, create(1), ticket(sessions[0], 1)).1, expired);
    assert_eq!(commit(&mut cluster, leader, create(1), ticket(sessions[1], 1)).1, fresh(1));
}

fn a_change_of_members_goes_without_a_session<C: Engine>(count: u8) {
    let (mut cluster, leader) = led::<C>(count);
    let session = open(&mut cluster, leader);
    let refused = cluster.call(leader, |engine| engine.propose(admit(9, 9), ticket(session, 1)));
    let change = Change::AddLearner(crate::site::peer(9));
    assert_eq!(refused, Err(ControlPlaneError::Rejected(Rejection::ChangeInSession { change })));
    assert_eq!(commit(&mut cluster, leader, create(1), ticket(session, 1)).1, fresh(1));
}

#[test]
fn a_retry_is_answered_as_before_by_the_next_leader() {
    let (mut cluster, old) = led::<ReplicatedControlPlane>(3);
    let session = open(&mut cluster, old);
    let (_, created) = commit(&mut cluster, old, create(1), ticket(session, 1));
    let new = depose(&mut cluster, old);
    assert_ne!(new, old);
    let before = cluster.engine(new).state().clone();
    let (_, again) = commit(&mut cluster, new, create(1), ticket(session, 1));
    assert_eq!((again, cluster.engine(new).state()), (repeated(created), &before));
}

/// The next leader commits the first attempt, whose answer was lost; the retry comes after it in the log.
#[test]
fn a_retry_of_what_was_indeterminate_applies_once() {
    for heard in [false, true] {
        let (mut cluster, old) = led::<ReplicatedControlPlane>(3);
        let session = open(&mut cluster, old);
        let follower = cluster.nodes().find(|node| *node != old).unwrap();
        if !heard {
            cluster.cut(old);
        }
        let id = propose(&mut cluster, old, create(1), ticket(session, 1));
        if heard {
            let at = cluster.engine(old).commit_index().unwrap().next();
            assert!(cluster.run_until(1000, |cluster| cluster.disk(follower).log.last().index >= at));
        }
        cluster.crash(old);
        assert_eq!(cluster.decided(old, id), None);
        let new = lead(&mut cluster);
        let (_, effect) = commit(&mut cluster, new, create(1), ticket(session, 1));
        assert_eq!(effect, if heard { repeated(fresh(1)) } else { fresh(1) });
        assert_eq!(cluster.engine(new).state().table().records().count(), 1);
    }
}
