//! The outcome of a proposal whose leader is deposed.

use super::*;
use crate::site::{CALM, ROUGH};

/// Cuts off a leader with an entry that no other node has, until it notices that it has lost contact. `reaches`:
/// one other node has the entry.
fn cut_off_with_an_entry(reaches: bool) -> (Cluster<ReplicatedControlPlane>, u8, ProposalId) {
    let (mut cluster, old) = led::<ReplicatedControlPlane>(3);
    if !reaches {
        cluster.cut(old);
    }
    let id = propose(&mut cluster, old, create(1), None);
    if reaches {
        // The entry reaches the disk of one other node, whose acknowledgement is lost.
        let followers: Vec<u8> = cluster.nodes().filter(|node| *node != old).collect();
        let index = cluster.engine(old).commit_index().unwrap().next();
        assert!(cluster.run_until(1000, |cluster| {
            followers.iter().any(|follower| cluster.disk(*follower).log.last().index >= index)
        }));
        assert_eq!(cluster.decided(old, id), None, "the outcome is not there yet");
        cluster.cut(old);
    }
    for _ in 0..2 {
        cluster.fire(old, Timer::Election);
        cluster.settle();
    }
    (cluster, old, id)
}

#[test]
fn an_entry_that_nobody_has_is_indeterminate_and_then_gone() {
    let (mut cluster, old, id) = cut_off_with_an_entry(false);
    assert_eq!(cluster.decided(old, id), Some(&Outcome::Indeterminate));
    assert!(!cluster.engine(old).is_leader());
    let new = lead(&mut cluster);
    assert_ne!(new, old);
    assert_eq!(commit(&mut cluster, new, create(2), None).1, fresh(1));
    cluster.heal();
    cluster.fire(new, Timer::Heartbeat);
    cluster.settle();
    for node in cluster.nodes() {
        assert_eq!((has(&cluster, node, 1), has(&cluster, node, 2)), (false, true), "node {node}");
    }
    assert_eq!(cluster.decided(old, id), Some(&Outcome::Indeterminate), "nothing else is told later");
}

#[test]
fn an_entry_that_another_node_has_is_indeterminate_and_committed_by_the_next_leader() {
    let (mut cluster, old, id) = cut_off_with_an_entry(true);
    assert_eq!(cluster.decided(old, id), Some(&Outcome::Indeterminate));
    let new = lead(&mut cluster);
    assert_ne!(new, old);
    assert!(
        has(&cluster, new, 1),
        "the leader of the later term had it, and committed it with its own entry"
    );
    let again = commit(&mut cluster, new, create(1), None).1;
    let refusal = MigrationError::AlreadyExists { partition: PartitionId(1) };
    assert_eq!(again, Effect::Answered { answer: Answer::Refused(refusal), repeated: false });
}

/// A leader that learns of a higher term reports its outstanding proposals as indeterminate at once.
#[test]
fn an_outcome_is_indeterminate_as_soon_as_another_leads() {
    let (mut cluster, old) = led::<ReplicatedControlPlane>(3);
    let new = depose(&mut cluster, old);
    let id = propose(&mut cluster, old, create(1), None);
    cluster.settle();
    assert_eq!(cluster.decided(old, id), None, "it still believes that it leads");
    assert!(cluster.engine(old).is_leader());
    assert!(cluster.engine(old).current_term() < cluster.engine(new).current_term());
    cluster.heal();
    cluster.fire(new, Timer::Heartbeat);
    cluster.settle();
    assert_eq!(cluster.decided(old, id), Some(&Outcome::Indeterminate));
    assert_eq!(cluster.engine(old).leader(), Some(identity(new)));
}

/// With any faults, a proposal has at most one outcome, and all nodes have every entry whose outcome is committed.
#[test]
fn in_any_weather_what_is_told_is_what_all_applied() {
    for seed in 0..300 {
        let mut cluster: Cluster<ReplicatedControlPlane> = Cluster::new(3, Caps::PRODUCTION, seed);
        cluster.weather = ROUGH;
        let mut proposed = Vec::new();
        for partition in 1..=40 {
            for _ in 0..20 {
                cluster.step();
            }
            if let Some(leader) = cluster.leader()
                && let Ok(id) = cluster.call(leader, |engine| engine.propose(create(partition), None))
            {
                proposed.push((leader, id, partition));
            }
        }
        cluster.weather = CALM;
        let done = |cluster: &Cluster<_>| {
            let told = |(node, id, _): &(u8, ProposalId, u64)| cluster.decided(*node, *id).is_some();
            proposed.iter().all(told)
        };
        assert!(cluster.run_until(100_000, done), "seed {seed}: an outcome is owed");
        assert!(cluster.converge(10_000), "seed {seed}");
        for (node, id, partition) in proposed {
            match cluster.decided(node, id).unwrap() {
                Outcome::Committed { index, effect } => {
                    assert_eq!(&cluster.applied[index].1, effect, "seed {seed}");
                    assert!(cluster.nodes().all(|node| has(&cluster, node, partition)), "seed {seed}");
                }
                Outcome::Indeterminate => {}
                Outcome::Rejected(rejection) => panic!("seed {seed}: it was taken, and then {rejection}"),
            }
        }
    }
}
