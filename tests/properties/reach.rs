//! Random runs reach interesting states; otherwise properties about what never happens would prove nothing.

use super::cases;
use super::happening::happening;
use super::table::{Entry, Run};
use super::world::CAPS;
use cutover::core::migration::PlacementTable;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use std::collections::BTreeSet;

#[test]
fn random_runs_reach_every_transition() {
    let wanted = [
        "Abort",
        "Begin",
        "Complete",
        "Create",
        "Delete",
        "EnterCutover",
        "EnterTimedCutover",
        "Force",
        "ForgetCopy",
        "Open",
        "RecordWatermark",
        "RetireCopy",
        "Settle",
        "Settle Closed",
        "Settle Dropped",
        "StartBlock",
    ];
    let mut runner = TestRunner::new(cases(1));
    let strategy = prop::collection::vec(happening(), 120);
    let mut reached = BTreeSet::new();
    for _ in 0..20_000 {
        if reached.len() == wanted.len() {
            break;
        }
        let mut run = Run::new();
        for what in &strategy.new_tree(&mut runner).expect("a run can be made").current() {
            run.happen(what).expect("the laws hold");
        }
        let mut table = PlacementTable::new(CAPS);
        for entry in &run.log {
            match entry {
                Entry::Command(command) if table.apply(command).is_ok() => {
                    let name = format!("{:?}", command.transition);
                    let name = name.split([' ', '{']).next().unwrap_or_default().to_owned();
                    let settles = |proof: &str| format!("{command:?}").contains(&format!("proof: {proof}("));
                    let proof = ["Closed", "Dropped"].into_iter().find(|proof| settles(proof));
                    let name = proof.map_or(name.clone(), |proof| format!("{name} {proof}"));
                    reached.insert(name);
                }
                Entry::Command(_) => {}
                Entry::Floor(epoch, migration) => table.raise_floor(*epoch, *migration),
            }
        }
    }
    assert_eq!(reached.iter().map(String::as_str).collect::<Vec<_>>(), wanted);
}
