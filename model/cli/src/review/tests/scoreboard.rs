//! Comparisons of mutants and of the unmutated tree.

use super::super::{Outcome, markdown};
use super::{check, differences, review, run, scope, with, word};
use cutover_report::{Call, Kind, Value};
use serde_json::{Value as Json, json};

/// A run that selects all mutants.
fn all(lines: &[Json]) -> String {
    run("mutants", &json!({ "patterns": [], "only_changed": null, "sample": null, "timeout_s": 120 }), lines)
}

/// A run that draws some mutants at random.
fn some(lines: &[Json]) -> String {
    run("mutants", &json!({ "patterns": [], "only_changed": null, "sample": 2, "timeout_s": 60 }), lines)
}

pub(super) fn mutant(name: &str, verdict: &str, by: Option<&str>) -> Json {
    json!({ "type": "mutant", "patch": format!("{name}.patch"), "verdict": verdict, "unknown": false,
        "expect": "killed", "as_expected": verdict == "KILLED", "named": "a.b", "by": by, "scope": "s",
        "states": 9, "steps": 4, "cpu_s": 0.5, "why": "because" })
}

fn killed(name: &str) -> Json {
    mutant(name, "KILLED", Some("a.b"))
}

#[test]
fn a_mutant_that_lives_now_awaits_a_decision() {
    let base = all(&[killed("m"), killed("n"), mutant("o", "SURVIVED", None)]);
    let head = all(&[mutant("m", "SURVIVED", Some("c.d")), killed("n"), killed("o")]);
    assert_eq!(
        differences(&review(&base, &head)),
        [
            (
                Call::Decide,
                Kind::Mutant,
                "m".to_owned(),
                word("KILLED by a.b"),
                word("SURVIVED: c.d fails, not a.b")
            ),
            (Call::Better, Kind::Mutant, "o".to_owned(), word("SURVIVED"), word("KILLED by a.b")),
        ]
    );
    assert!(markdown(&review(&base, &head)).starts_with("**A decision is needed on 1 mutant**; 1 more"));
    let standing = review(&base, &base);
    assert_eq!(
        (standing.outcome(), standing.standing),
        (Outcome::Same, vec!["the mutant o is SURVIVED".to_owned()])
    );
}

#[test]
fn steps_states_and_times_of_a_mutant_are_no_difference() {
    let other = with(with(with(killed("m"), "states", 1), "steps", 9), "cpu_s", 8.0);
    assert_eq!(review(&all(&[killed("m")]), &all(&[other])).outcome(), Outcome::Same);
}

#[test]
fn a_mutant_that_is_not_what_its_patch_says() {
    let base = all(&[killed("m")]);
    let call = |head: Json| differences(&review(&base, &all(&[head])))[0].clone();
    let broken = call(with(mutant("m", "BROKEN", None), "why", "error: patch failed\nmore"));
    assert_eq!((broken.0, broken.4), (Call::Decide, word("BROKEN")));
    let unknown = call(with(mutant("m", "SURVIVED", None), "unknown", true));
    assert_eq!((unknown.0, unknown.4), (Call::Decide, word("UNKNOWN")));
    let another = call(mutant("m", "KILLED", Some("c.d")));
    assert_eq!((another.0, another.4), (Call::Decide, word("KILLED by c.d, not by a.b")));
    let renamed = call(with(mutant("m", "KILLED", Some("c.d")), "named", "c.d"));
    assert_eq!((renamed.0, renamed.4), (Call::Note, word("KILLED by c.d")));
    let resigned = call(with(with(mutant("m", "SURVIVED", None), "expect", "survives"), "as_expected", true));
    assert_eq!((resigned.0, resigned.4), (Call::Decide, word("SURVIVED, as it should")));
    let gone = review(&all(&[killed("m"), killed("n")]), &base);
    let removed = (Call::Decide, Kind::Mutant, "n".to_owned(), word("KILLED by a.b"), Value::Absent);
    assert_eq!(differences(&gone), [removed]);
    let added = review(&base, &all(&[killed("m"), killed("n"), mutant("o", "SURVIVED", None)]));
    let calls: Vec<_> = differences(&added).into_iter().map(|(call, _, what, ..)| (call, what)).collect();
    assert_eq!(calls, [(Call::Decide, "o".to_owned()), (Call::Note, "n".to_owned())]);
}

#[test]
fn what_a_selection_leaves_out_is_counted_only() {
    let base = all(&[killed("m"), killed("n"), mutant("o", "SURVIVED", None)]);
    let head = some(&[killed("m")]);
    let less = review(&base, &head);
    let unrun = (Call::Note, Kind::Mutant, "o".to_owned(), word("SURVIVED"), word("not run"));
    assert_eq!(differences(&less), [unrun]);
    assert_eq!((less.mutants, less.base_only, less.head_only), (1, 2, 0));
    assert!(markdown(&less).contains("Not compared: 2 mutants run in base and left out in head."));
    assert_eq!(review(&head, &base).outcome(), Outcome::Decide, "it lives, and was not known to");
    let without_board = review(&format!("{}{base}", check(&[scope("s", 7)])), &check(&[scope("s", 7)]));
    assert_eq!((without_board.base_only, without_board.changes.len()), (3, 1));
}

#[test]
fn patches_that_were_only_applied() {
    let apply = |applies: bool| {
        let why = (!applies).then_some("error: patch does not apply");
        json!({ "type": "apply", "patch": "m.patch", "applies": applies, "why": why })
    };
    let options = json!({ "patterns": [], "apply_only": true });
    let only = |applies: bool| run("mutants", &options, &[apply(applies)]);
    assert_eq!(review(&only(true), &only(true)).outcome(), Outcome::Same);
    let broken = review(&only(true), &only(false));
    let now = (Call::Decide, Kind::Mutant, "m".to_owned(), word("applies, not run"), word("BROKEN"));
    assert_eq!(differences(&broken), [now]);
    assert!(markdown(&broken).contains("**BROKEN** (error: patch does not apply) |"));
    // The result of a mutant that was run takes precedence over one that was only applied, in any order.
    let (ran, applied) = (some(&[killed("m")]), only(true));
    for both in [format!("{ran}{applied}"), format!("{applied}{ran}")] {
        let same = review(&all(&[killed("m")]), &both);
        assert_eq!((same.outcome(), same.mutants), (Outcome::Same, 1));
    }
}

#[test]
fn the_unmutated_tree() {
    let tree = |verdict: &str, states: u64| {
        all(&[
            json!({ "type": "baseline", "scope": "s", "verdict": verdict, "states": states, "cpu_s": 1.0 }),
        ])
    };
    assert_eq!(review(&tree("HOLDS", 7), &tree("HOLDS", 7)).outcome(), Outcome::Same);
    let other =
        (Call::Decide, Kind::Baseline, String::new(), word("HOLDS, 7 states"), word("HOLDS, 8 states"));
    assert_eq!(differences(&review(&tree("HOLDS", 7), &tree("HOLDS", 8))), [other]);
    assert_eq!(review(&tree("HOLDS", 7), &tree("VIOLATED", 3)).outcome(), Outcome::Decide);
    assert_eq!(review(&tree("VIOLATED", 3), &tree("HOLDS", 7)).outcome(), Outcome::Changed);
    assert_eq!(review(&tree("UNKNOWN", 3), &tree("UNKNOWN", 7)).outcome(), Outcome::Unknown);
}
