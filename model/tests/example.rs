//! The protocol of `model/examples/`: its scopes have the expected verdicts, and its stored trace replays.

#![expect(clippy::unwrap_used, reason = "a test says what it expects by stopping")]

#[path = "../examples/two_phase_commit/protocol.rs"]
mod protocol;

use cutover::core::trace::Trace;
use cutover_model::catalog::{AnyScope, Protocols, scope_of};
use cutover_model::check::{Checked, How, Observer};
use cutover_model::replay::Ending;
use cutover_model::search::Progress;
use protocol::TwoPhaseCommit;

type Only = (TwoPhaseCommit,);

const TRACE: &str = include_str!("../examples/two_phase_commit/traces/impatient.trace");

struct Nobody;

impl Observer for Nobody {
    fn begin(&mut self, _: &str) {}
    fn progress(&mut self, _: &str, _: Progress) {}
    fn end(&mut self) {}
    fn interrupted(&self) -> bool {
        false
    }
}

fn scope(name: &str) -> Box<dyn AnyScope> {
    Only::scopes().into_iter().find(|scope| scope.name() == name).unwrap()
}

fn check(name: &str, symmetry: bool) -> Checked {
    let how = How {
        threads: 2,
        symmetry,
        breadth_first: false,
        stop_at: None,
        ends: None,
        ends_all: None,
        memory: None,
    };
    scope(name).check(&how, &mut Nobody)
}

#[test]
fn two_phase_commit_holds_and_its_participants_are_alike() {
    let [folded, apart] = [true, false].map(|symmetry| {
        let checked = check("two-phase-commit", symmetry);
        assert!(checked.covered.complete && checked.witness.is_none(), "{checked:?}");
        assert!(checked.missing.is_empty(), "{:?}", checked.missing);
        checked.covered.unique
    });
    assert_eq!((folded, apart), (262, 1_106));
}

#[test]
fn impatience_is_found_and_its_stored_run_replays() {
    let checked = check("impatient", true);
    let witness = checked.witness.unwrap();
    assert_eq!(witness.violation.invariant.id, "2pc.agreement");
    let found = scope("impatient").trace(&witness).unwrap();
    let stored = Trace::parse(TRACE).unwrap();
    assert_eq!(found, stored, "{found}");
    let replayed = scope_of::<Only>(&stored).unwrap().replay(&stored).unwrap();
    assert!(replayed.as_recorded && replayed.of_a_design);
    let Ending::Violates { step, .. } = replayed.ending else { unreachable!("as recorded") };
    assert_eq!(step, stored.steps().len());
}
