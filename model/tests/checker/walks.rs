//! Random walks: the same seed walks the same way, everything happens, and what is found is short and replays.

use super::searched::scope;
use cutover::core::trace::{Trace, Verdict};
use cutover_model::env::{Consensus, Migration, System};
use cutover_model::protocol::{Catalog, Protocol, Scope};
use cutover_model::replay::{Ending, replay};
use cutover_model::walk::{Covered, Plan, SHORTENS, Walked, WalkedText, walk};
use std::time::Duration;

fn walked<P: Protocol>(scope: &Scope<P::Bounds>, walks: u64, threads: usize) -> Walked {
    shortened::<P>(scope, walks, threads, Some(SHORTENS))
}

fn shortened<P: Protocol>(
    scope: &Scope<P::Bounds>,
    walks: u64,
    threads: usize,
    shortens: Option<Duration>,
) -> Walked {
    let plan = Plan { seed: 1, walks: Some(walks), ends: None, steps: 2_000, threads, shortens };
    walk::<P>(scope, &plan, &mut |_| false)
}

fn told(covered: &Covered) -> impl PartialEq + std::fmt::Debug + use<> {
    let Covered { walks, steps, marks, kinds, abstractions, walks_to, .. } = covered.clone();
    (walks, steps, marks, kinds, abstractions, walks_to)
}

/// Neither the threads nor the order in which walks end make a difference.
fn walks_alike<P: Catalog>(name: &str, walks: u64) -> Covered {
    let scope = scope::<P>(name);
    let (one, two) = (walked::<P>(&scope, walks, 1), walked::<P>(&scope, walks, 2));
    assert!(one.failed.is_none(), "{:?}", one.failed);
    assert!(two.failed.is_none(), "{:?}", two.failed);
    assert_eq!(told(&one.covered), told(&two.covered));
    assert_eq!(one.covered.walks, walks);
    one.covered
}

#[test]
fn a_seed_walks_through_the_system_in_one_way_and_everything_happens() {
    let covered = walks_alike::<System>("walk/system", 1000);
    let text = WalkedText::of::<System>(&covered);
    let never: Vec<_> = text.kinds.iter().filter(|(_, taken, _)| *taken == 0).collect();
    assert!(never.is_empty(), "{never:?}");
    // What needs more walks than a test takes.
    let rare =
        ["settle with a later copy", "write off", "accept the target after a loss", "resume after a loss"];
    let missing: Vec<_> = text.unreached.iter().filter(|mark| !rare.contains(mark)).collect();
    assert!(missing.is_empty(), "{missing:?}");
    assert!(covered.abstractions.len() > 150, "{} abstract states", covered.abstractions.len());
}

#[test]
fn a_seed_walks_through_the_nodes_in_one_way_and_most_things_happen() {
    let covered = walks_alike::<Consensus>("walk/nodes", 60);
    let text = WalkedText::of::<Consensus>(&covered);
    let never: Vec<_> =
        text.kinds.iter().filter(|(name, taken, _)| *taken == 0 && *name != "forge").collect();
    assert!(never.is_empty(), "{never:?}");
    for mark in ["a node came back with an empty disk", "a change of the members committed", "a read served"]
    {
        assert!(text.marks.iter().any(|(reached, _)| *reached == mark), "{mark}: {:?}", text.marks);
    }
}

/// A design that is known to be unsafe is found by a walk as well, and what is left of the walk replays.
#[test]
fn a_walk_that_fails_is_shortened_to_a_trace() {
    let scope = scope::<Migration>("published/unsealed-force");
    let found = walked::<Migration>(&scope, 2_000, 2).failed.unwrap();
    let expected = scope.expect.unwrap();
    assert_eq!(found.witness.violation.invariant.id, expected);
    let again = walked::<Migration>(&scope, 2_000, 1).failed.unwrap();
    assert_eq!(again.walk, found.walk, "the walk with the lowest number, whatever ends first");
    assert!(found.witness.steps.len() < 12, "{} steps", found.witness.steps.len());
    assert!(u64::try_from(found.witness.steps.len()).unwrap() <= found.steps);
    let trace = found.witness.trace(&scope).unwrap();
    assert_eq!(trace.verdict(), &Verdict::Violates(expected.to_owned()));
    let replayed = replay::<Migration>(&scope, &Trace::parse(&trace.to_string()).unwrap()).unwrap();
    let Ending::Violates { violation, step } = replayed.ending else { panic!("{:?}", replayed.ending) };
    assert_eq!((violation.invariant.id, step), (expected, trace.steps().len()));
    assert_eq!(found.cut_off, Some(false));
}

/// However long it stays, what a failing walk leaves replays, and it says whether shortening came to its end.
#[test]
fn a_walk_that_is_not_shortened_replays_as_well() {
    let scope = scope::<Migration>("published/unsealed-force");
    let mut lengths = Vec::new();
    for (shortens, cut_off) in [(Some(Duration::ZERO), Some(true)), (None, None)] {
        let found = shortened::<Migration>(&scope, 2_000, 1, shortens).failed.unwrap();
        assert_eq!(found.cut_off, cut_off);
        let text = found.witness.trace(&scope).unwrap().to_string();
        let replayed = replay::<Migration>(&scope, &Trace::parse(&text).unwrap()).unwrap();
        let Ending::Violates { violation, step } = replayed.ending else { panic!("{:?}", replayed.ending) };
        assert_eq!((Some(violation.invariant.id), step), (scope.expect, found.witness.steps.len()));
        lengths.push((found.walk, u64::try_from(step).unwrap() <= found.steps));
        assert!(shortens.is_some() || u64::try_from(step) == Ok(found.steps), "{step} of {}", found.steps);
    }
    assert_eq!(lengths.first().map(|found| found.0), lengths.last().map(|found| found.0));
    assert!(lengths.iter().all(|(_, fits)| *fits));
}
