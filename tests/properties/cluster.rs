//! A cluster under random inputs: lost, repeated and reordered messages, slow disks, crashes that keep a part of
//! what was not synced, lost disks. The invariants of the registry are judged after every step.

use super::act::{ClusterEvent, act};
use super::cases;
use super::hosts::Observation;
use super::run::Run;
use cutover::core::raft::{Elections, Mark, Output, RoleName};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use std::collections::BTreeSet;

fn elections() -> impl Strategy<Value = Elections> {
    prop_oneof![Just(Elections::Plain), Just(Elections::Stable)]
}

proptest! {
    #![proptest_config(cases(8))]

    #[test]
    fn a_cluster_is_safe_whatever_happens(
        elections in elections(),
        voters in 1_u8..6,
        acts in prop::collection::vec(act(), 0..300),
    ) {
        let mut run = Run::new(elections, voters);
        for act in &acts {
            let _ = run.take(act);
        }
    }

    /// If no disk is lost, the cluster elects a leader after the faults, and all entries become committed.
    #[test]
    fn a_cluster_recovers_when_the_faults_end(
        elections in elections(),
        voters in 1_u8..6,
        acts in prop::collection::vec(act(), 0..200),
    ) {
        let mut run = Run::new(elections, voters);
        for act in acts.iter().filter(|act| !matches!(act, ClusterEvent::Join(_))) {
            let _ = run.take(act);
        }
        run.calm();
        let nodes: Vec<_> = run.cluster.names().into_iter().filter_map(|at| run.cluster.node(at)).collect();
        let leaders: Vec<_> = nodes.iter().filter(|node| node.role() == RoleName::Leader).collect();
        prop_assert_eq!(leaders.len(), 1, "one leads");
        let (members, last) = (leaders[0].configuration(), leaders[0].log().last().index);
        for node in &nodes {
            let me = node.config().me;
            prop_assert!(!members.is_member(me) || node.commit() == last, "{} has everything committed", me);
        }
    }
}

/// Random inputs reach every mark of the core. Otherwise the properties above would cover less than they seem to.
#[test]
fn random_inputs_reach_every_place() {
    // Only a forged message is of a term too far ahead; `senders.rs` has those. A node that has missed the admission of its
    // leader is rare here; the scope `membership-stale-voter` has one.
    // Nobody forces a change here; `live_quorum.txt` does.
    let elsewhere = [Mark::TermLeap, Mark::NewerHeard, Mark::ChangeForced];
    let mut missing: BTreeSet<Mark> =
        Mark::ALL.iter().copied().filter(|mark| !elsewhere.contains(mark)).collect();
    let mut runner = TestRunner::new(cases(1));
    let strategy = (elections(), 1_u8..6, prop::collection::vec(act(), 200..300));
    for _ in 0..4000 {
        let (elections, voters, acts) = strategy.new_tree(&mut runner).unwrap().current();
        let mut run = Run::new(elections, voters);
        for told in acts.iter().flat_map(|act| run.take(act)) {
            if let Observation::Did(_, Output::Mark(mark)) = told {
                missing.remove(&mark);
            }
        }
        if missing.is_empty() {
            return;
        }
    }
    panic!("not reached: {:?}", missing.iter().map(|mark| mark.text()).collect::<Vec<_>>());
}
