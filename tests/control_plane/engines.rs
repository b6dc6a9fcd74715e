//! The promises of the published seam, checked on every engine.

use super::*;
use crate::site::{CALM, LIMITS, config, founder, peer};
use cutover::core::control_plane::ControlPlaneOutput;
use cutover::core::raft::{NodeLimits, Output, ReadRefusal, Rejection};

on_every_engine! {
    a_leader_has_the_vote_of_its_term_on_disk
    entries_are_committed_in_the_order_in_which_they_were_proposed
    a_refused_transition_is_committed_and_changes_nothing
    the_first_entry_of_a_term_is_the_leaders_alone
    nothing_is_told_before_it_is_durable
    no_read_before_a_commit_in_the_term
    an_entry_that_is_too_long_is_refused
}

fn a_leader_has_the_vote_of_its_term_on_disk<C: Engine>(count: u8) {
    let mut cluster: Cluster<C> = Cluster::new(count, Caps::PRODUCTION, 5);
    for node in cluster.nodes() {
        let engine = cluster.engine(node);
        assert_eq!((engine.leader(), engine.is_leader()), (None, false), "nobody has voted yet");
        assert_eq!(engine.durable_vote(), DurableVoteState::initial());
        assert_eq!(engine.commit_index(), Some(Index(1)), "the founding");
    }
    let leader = lead(&mut cluster);
    for node in cluster.nodes() {
        let engine = cluster.engine(node);
        assert_eq!(engine.current_term(), ControlPlaneTerm(1));
        assert_eq!((engine.leader(), engine.is_leader()), (Some(identity(leader)), node == leader));
    }
    let engine = cluster.engine(leader);
    let (term, voted_for) = (ControlPlaneTerm(1), Some(peer(leader)));
    assert_eq!(engine.durable_vote(), DurableVoteState { term, voted_for, identity: Some(identity(leader)) });
    assert_eq!(engine.commit_index(), Some(Index(2)), "the entry of the term");
    assert_eq!(
        (cluster.disk(leader).hard_state.term, cluster.disk(leader).hard_state.voted_for),
        (term, voted_for)
    );
}

fn entries_are_committed_in_the_order_in_which_they_were_proposed<C: Engine>(count: u8) {
    let (mut cluster, leader) = led::<C>(count);
    let ids: Vec<_> =
        (1..=9).map(|partition| propose(&mut cluster, leader, create(partition), None)).collect();
    let mut last = cluster.engine(leader).commit_index().unwrap();
    for (epoch, id) in (1..).zip(ids) {
        let (index, effect) = committed(&mut cluster, leader, id);
        assert_eq!((index, effect), (last.next(), fresh(1)), "creation {epoch}");
        last = index;
    }
    assert_eq!(cluster.engine(leader).commit_index(), Some(last));
    assert_eq!(cluster.engine(leader).state().revision().0, last.0);
}

fn a_refused_transition_is_committed_and_changes_nothing<C: Engine>(count: u8) {
    let (mut cluster, leader) = led::<C>(count);
    let (first, _) = commit(&mut cluster, leader, create(1), None);
    let before = cluster.engine(leader).state().clone();
    let (second, effect) = commit(&mut cluster, leader, create(1), None);
    let refusal = MigrationError::AlreadyExists { partition: PartitionId(1) };
    assert_eq!(effect, Effect::Answered { answer: Answer::Refused(refusal), repeated: false });
    assert_eq!(second, first.next());
    assert_eq!(cluster.engine(leader).state(), &before);
}

fn the_first_entry_of_a_term_is_the_leaders_alone<C: Engine>(count: u8) {
    let (mut cluster, leader) = led::<C>(count);
    let entry = ControlPlaneEntry::LeaderConfiguration { term: ControlPlaneTerm(1), leader: NodeId(leader) };
    let refused = cluster.call(leader, |engine| engine.propose(entry, None));
    assert_eq!(refused, Err(ControlPlaneError::Rejected(Rejection::OpensTerm)));
}

/// No outcome is given before its entry is durable: with a disk that writes nothing there is none.
fn nothing_is_told_before_it_is_durable<C: Engine>(count: u8) {
    let (mut cluster, leader) = led::<C>(count);
    let before = (cluster.engine(leader).commit_index(), cluster.engine(leader).state().clone());
    let (id, outputs) =
        cluster.call(leader, |engine| (engine.propose(create(1), None).unwrap(), engine.take_outputs()));
    assert!(matches!(outputs[0], Output::Persist { .. }), "{outputs:?}");
    let told = |output: &Output<_>| matches!(output, Output::Decided { .. } | Output::Applied { .. });
    assert!(!outputs.iter().any(told), "{outputs:?}");
    let after = (cluster.engine(leader).commit_index(), cluster.engine(leader).state().clone());
    assert_eq!(before, after, "what is not durable is not committed");
    // The disk is full: no output is performed any more, and the node goes down.
    cluster.settle();
    assert_eq!(cluster.decided(leader, id), None);
    cluster.crash(leader);
    cluster.heal();
    let leader = lead(&mut cluster);
    assert!(!has(&cluster, leader, 1), "it was on no disk");
}

fn no_read_before_a_commit_in_the_term<C: Engine>(count: u8) {
    let mut cluster: Cluster<C> = Cluster::new(count, Caps::PRODUCTION, 5);
    assert!(cluster.run_until(10_000, |cluster| cluster.leader().is_some()));
    let leader = cluster.leader().unwrap();
    let refused = cluster.ask_to_read(leader);
    assert_eq!(refused, Err(ControlPlaneError::ReadRefused(ReadRefusal::NotYetInTerm)));
    let leader = lead(&mut cluster);
    let (index, _) = commit(&mut cluster, leader, create(1), None);
    let id = cluster.ask_to_read(leader).unwrap();
    cluster.settle();
    assert_eq!(cluster.read(leader, id), Some(Ok(index)));
}

/// Makes all batches of the engine durable.
fn sync<C: Engine>(engine: &mut C) -> Vec<ControlPlaneOutput> {
    let said = engine.take_outputs();
    for output in &said {
        if let Output::Persist { number, .. } = output {
            engine.synced(*number);
        }
    }
    said
}

fn an_entry_that_is_too_long_is_refused<C: Engine>(_: u8) {
    let limits = NodeLimits { entry_bytes_max: 4, ..LIMITS };
    let config = cutover::core::raft::Config { limits, ..config(1) };
    let mut engine = C::start(config, founder(1, Caps::PRODUCTION).disk().unwrap()).unwrap();
    while !engine.is_leader() {
        sync(&mut engine);
    }
    let rejection = Rejection::TooLong { have: 8, max: 4 };
    assert_eq!(engine.propose(create(1), None), Err(ControlPlaneError::Rejected(rejection)));
}

#[test]
fn a_follower_may_not_write_and_names_the_leader() {
    let (mut cluster, leader) = led::<ReplicatedControlPlane>(3);
    let follower = cluster.nodes().find(|node| *node != leader).unwrap();
    let no = Some(ControlPlaneError::NotLeader { leader: Some(identity(leader)) });
    assert_eq!(cluster.call(follower, |engine| engine.propose(create(1), None)).err(), no);
    assert_eq!(cluster.call(follower, |engine| engine.open_session()).err(), no);
    assert_eq!(cluster.call(follower, |engine| engine.close_session(SessionId(2))).err(), no);
    assert_eq!(cluster.ask_to_read(follower).err(), no);
    cluster.settle();
    assert_eq!(cluster.engine(leader).commit_index(), Some(Index(2)));

    // A node that has just started knows no leader.
    cluster.crash(follower);
    cluster.start(follower);
    let no = ControlPlaneError::NotLeader { leader: None };
    assert_eq!(cluster.call(follower, |engine| engine.propose(create(1), None)), Err(no));
}

/// Of two batches, one is durable: the entries of the other do not count, and cannot be read.
#[test]
fn a_sole_voter_counts_itself_only_as_far_as_its_disk() {
    let (mut cluster, leader) = led::<SingleNodeControlPlane>(1);
    // What is persisted is taken out of the engine here, and never gets to the disk that the judge looks at.
    cluster.hosts.silent = true;
    let commit = cluster.engine(leader).commit_index().unwrap();
    let said = cluster.call(leader, |engine| {
        engine.propose(create(1), None).unwrap();
        let second = engine.propose(create(2), None).unwrap();
        let said = engine.take_outputs();
        let [Output::Persist { number: one, .. }, Output::Persist { number: two, .. }] = said[..] else {
            panic!("{said:?}")
        };
        engine.synced(one);
        assert_eq!(engine.commit_index(), Some(commit.next()));
        assert!(engine.state().table().record(PartitionId(1)).is_some());
        assert!(engine.state().table().record(PartitionId(2)).is_none(), "it is not durable");
        let said = engine.take_outputs();
        assert!(!said.iter().any(|said| matches!(said, Output::Decided { id, .. } if *id == second)));
        engine.synced(one);
        assert_eq!(engine.take_outputs(), [], "a report that comes again counts for nothing");
        engine.synced(two);
        (second, engine.take_outputs())
    });
    assert!(said.1.iter().any(|output| matches!(output, Output::Decided { id, .. } if *id == said.0)));
}

/// A single process gives exactly the outputs of a cluster of one, except for timers, which it does not need.
#[test]
fn callers_cannot_tell_one_process_from_a_cluster_of_one() {
    let founder = founder(1, Caps::PRODUCTION);
    let (mut single, disk) =
        SingleNodeControlPlane::bootstrap_leader(config(1), identity(1), &founder).unwrap();
    let mut replicated = ReplicatedControlPlane::start(config(1), disk).unwrap();
    let tickets = (1..=8).map(|serial| Ticket {
        session: SessionId(3),
        serial: Serial(serial / 2),
        acknowledged_through: Serial(serial / 4),
    });
    let mut entries: Vec<_> = (1..).map(|partition| create(partition / 3)).zip(tickets.map(Some)).collect();
    entries.extend([(create(1), None), (create(2), None)]);
    let (mut at, mut settled) = (0, 0);
    while settled < 2 {
        let said = sync(&mut single);
        let mut others = sync(&mut replicated);
        others.retain(|said| !matches!(said, Output::SetTimer(_) | Output::CancelTimer(_)));
        assert_eq!(said, others);
        let batches = said.iter().filter(|said| matches!(said, Output::Persist { .. })).count();
        assert_eq!(
            (single.leader(), single.commit_index()),
            (replicated.leader(), replicated.commit_index())
        );
        if batches > 0 {
            continue;
        }
        if at == 0 {
            assert_eq!(single.open_session(), replicated.open_session());
        } else if let Some((entry, ticket)) = entries.get(at - 1) {
            assert_eq!(single.propose(entry.clone(), *ticket), replicated.propose(entry.clone(), *ticket));
        } else {
            assert_eq!(single.read(), replicated.read());
            settled += 1;
        }
        at += 1;
    }
    assert_eq!(single.state(), replicated.state());
    assert_eq!(single.state().table().records().count(), 3);
}

#[test]
fn a_leader_that_hands_over_takes_nothing() {
    let (mut cluster, leader) = led::<ReplicatedControlPlane>(3);
    let other = cluster.nodes().find(|node| *node != leader).unwrap();
    cluster.call(leader, |engine| engine.transfer(Some(NodeId(other))));
    let refused = cluster.call(leader, |engine| engine.propose(create(1), None));
    let rejection = Rejection::Transferring { to: NodeId(other) };
    assert_eq!(refused, Err(ControlPlaneError::Rejected(rejection)));
    cluster.weather = CALM;
    cluster.settle();
    assert_eq!(cluster.leader(), Some(other));
    assert_eq!(commit(&mut cluster, other, create(1), None).1, fresh(1));
}
