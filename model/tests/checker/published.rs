//! The published designs: each violates the expected invariant, with a run that is short enough to be read.

use super::searched::{Search, scope, search};
use cutover::core::trace::{Trace, Verdict};
use cutover_model::env::Migration;
use cutover_model::protocol::invariant_named;
use cutover_model::render;
use cutover_model::replay::{Ending, replay};
use cutover_model::search::Order;
use cutover_model::witness::Witness;

fn shows(name: &str) {
    let scope = scope::<Migration>(&format!("published/{name}"));
    let expected = scope.expect.unwrap();
    let number = invariant_named::<Migration>(expected).unwrap();
    let Search { protocol, found, .. } = search::<Migration>(&scope, Order::BreadthFirst);
    assert!(!found.covered.complete && found.covered.ended_by.is_none(), "{found:?}");
    let actions = found.witness.unwrap();
    let witness = Witness::run(&*protocol, &actions, number).unwrap();
    assert_eq!(witness.violation.invariant.id, expected);
    assert_eq!(witness.steps.len(), actions.len(), "it breaks with its last step");
    let lanes = render::lanes(&witness.steps);
    assert!(lanes.lines().count() <= 15, "{} lines\n{lanes}", lanes.lines().count());
    assert_eq!(lanes.matches("← violation").count(), 1);
    insta::with_settings!({ snapshot_path => "../snapshots", prepend_module_to_snapshot => false }, {
        insta::assert_snapshot!(name, render::failure(&witness, scope.name, true));
    });

    let trace = witness.trace(&scope).unwrap();
    assert_eq!(trace.verdict(), &Verdict::Violates(expected.to_string()));
    let text = trace.to_string();
    assert_eq!(Trace::parse(&text).unwrap(), trace, "what is written is read back as itself");
    assert_eq!(Trace::parse(&text).unwrap().to_string(), text);
    let replayed = replay::<Migration>(&scope, &trace).unwrap();
    assert!(replayed.as_recorded && replayed.of_a_design);
    let Ending::Violates { violation, step } = replayed.ending else { panic!("{:?}", replayed.ending) };
    assert_eq!((violation.invariant.id, step), (expected, trace.steps().len()));

    // Every step is necessary: without any one of them, the run does not violate the invariant.
    assert_eq!(Witness::shorten(&*protocol, &actions, number), actions);
}

#[test]
fn unsealed_force() {
    shows("unsealed-force");
}

#[test]
fn fails_open() {
    shows("fails-open");
}

#[test]
fn kept_timestamp() {
    shows("kept-timestamp");
}

#[test]
fn drain_barrier() {
    shows("drain-barrier");
}
