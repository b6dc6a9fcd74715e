//! Comparisons of fabricated runs.

use super::{Outcome, Review, Side, markdown, read_text};
use cutover_report::{Call, Change, Kind, Value};
use serde_json::{Value as Json, json};

mod laws;
mod refused;
mod renamed;
mod scoreboard;
mod shown;

/// The lines of a run, including the first and the last.
pub(super) fn run(command: &str, options: &Json, lines: &[Json]) -> String {
    let started = json!({ "type": "run-started", "schema": "cutover.run/1", "command": command,
        "version": "0.1.0", "options": options });
    let finished = json!({ "type": "run-finished", "exit": 0, "seconds": 1.5 });
    let all = std::iter::once(&started).chain(lines).chain([&finished]);
    all.map(|line| format!("{line}\n")).collect()
}

pub(super) fn check(lines: &[Json]) -> String {
    run("check", &json!({ "threads": 2, "symmetry": true, "stop_at": null }), lines)
}

/// The line of a complete search.
pub(super) fn scope(name: &str, unique: u64) -> Json {
    json!({ "type": "scope", "scope": name, "complete": true, "generated": unique * 2, "unique": unique,
        "depth": 3, "seconds": 0.5, "ended_by": null, "missing": [], "bounds": "2 sinks", "faults": "pause any",
        "expect": null })
}

/// A line with one field changed.
pub(super) fn with(mut line: Json, field: &str, value: impl Into<Json>) -> Json {
    line[field] = value.into();
    line
}

/// The line of a search that was ended early: by a limit, or by a violation if `by` is `None`.
pub(super) fn ended(name: &str, unique: u64, by: Option<&str>) -> Json {
    with(with(scope(name, unique), "complete", false), "ended_by", by)
}

pub(super) fn verdict(scope: &str, invariant: &str, verdict: &str) -> Json {
    let steps = (verdict == "VIOLATED").then_some(6);
    json!({ "type": "verdict", "scope": scope, "invariant": invariant, "verdict": verdict, "steps": steps })
}

pub(super) fn reached(scope: &str, what: &str) -> Json {
    json!({ "type": "reached", "scope": scope, "what": what })
}

pub(super) fn side(name: &str, text: &str) -> Side {
    read_text(name, text).unwrap_or_else(|error| panic!("{error}"))
}

pub(super) fn review(base: &str, head: &str) -> Review {
    Review::new(&side("base.jsonl", base), &side("head.jsonl", head))
}

/// The differences of a review, without the names of scopes.
pub(super) fn differences(review: &Review) -> Vec<(Call, Kind, String, Value, Value)> {
    let one = |c: &Change| (c.call, c.kind, c.what.join(" "), c.base.clone(), c.head.clone());
    review.changes.iter().map(one).collect()
}

pub(super) fn word(text: &str) -> Value {
    Value::word(text)
}

/// The lines of a scope with one invariant and one mark.
fn whole(unique: u64) -> Vec<Json> {
    vec![scope("s", unique), verdict("s", "a.b", "HOLDS"), reached("s", "a place")]
}

#[test]
fn times_threads_versions_and_depths_are_no_difference() {
    let base = check(&whole(7));
    let noise = with(with(with(scope("s", 7), "seconds", 99.0), "depth", 8), "generated", 1);
    let mut lines = whole(7);
    lines[0] = noise;
    let head =
        run("check", &json!({ "threads": 9, "symmetry": true, "budget_s": 60, "pauses": "bounded" }), &lines)
            .replace("0.1.0", "0.2.0");
    let review = review(&base, &head);
    assert_eq!((review.outcome(), review.changes.len()), (Outcome::Same, 0));
    assert_eq!(markdown(&review).lines().next(), Some("No observable protocol change"));
}

#[test]
fn another_state_space_awaits_a_decision() {
    let (base, head) = (check(&whole(1000)), check(&whole(1042)));
    let bigger = (Call::Decide, Kind::Unique, String::new(), Value::Count(1000), Value::Count(1042));
    assert_eq!(differences(&review(&base, &head)), [bigger]);
    assert!(markdown(&review(&base, &head)).contains("| 1,000 → 1,042 (+4.2 %) |"));
    assert!(markdown(&review(&head, &base)).contains("| 1,042 → 1,000 (-4.0 %) |"));
    let hardly = markdown(&review(&check(&whole(9_999)), &check(&whole(10_000))));
    assert!(hardly.contains("9,999 → 10,000 (+under 0.1 %)"), "{hardly}");
}

/// The verdicts that a violation leaves undecided are one difference, not one for each invariant.
#[test]
fn a_violation_takes_the_other_verdicts_with_it() {
    let all = |one: &str, rest: &str| {
        vec![verdict("s", "a.b", one), verdict("s", "c.d", rest), verdict("s", "e.f", rest)]
    };
    let base = check(&[vec![scope("s", 7)], all("HOLDS", "HOLDS")].concat());
    let head = check(&[vec![ended("s", 3, None)], all("VIOLATED", "UNKNOWN")].concat());
    let worse = review(&base, &head);
    assert_eq!(
        differences(&worse),
        [
            (Call::Decide, Kind::Verdict, "a.b".to_owned(), word("HOLDS"), word("VIOLATED")),
            (Call::Decide, Kind::Verdict, "c.d e.f".to_owned(), word("HOLDS"), word("UNKNOWN")),
            (Call::Decide, Kind::Ending, String::new(), word("complete"), word("ended by a violation")),
        ]
    );
    assert!(markdown(&worse).starts_with("**A decision is needed on 1 scope**\n"));
    let better = review(&head, &base);
    assert!(better.changes.iter().all(|change| change.call == Call::Better), "{better:?}");
    assert_eq!(better.outcome(), Outcome::Changed);
    let standing = review(&head, &head);
    assert_eq!(
        (standing.outcome(), standing.standing),
        (Outcome::Same, vec!["a.b is VIOLATED in s".to_owned()])
    );
}

#[test]
fn a_search_that_ended_early_says_nothing_of_sameness() {
    let early = |by: &str, unique| check(&[ended("s", unique, Some(by)), verdict("s", "a.b", "UNKNOWN")]);
    let complete = check(&[scope("s", 7), verdict("s", "a.b", "HOLDS")]);
    let same = review(&early("budget", 3), &early("memory limit", 5));
    assert_eq!((same.outcome(), same.changes.len(), same.unknown.len()), (Outcome::Unknown, 0, 1));
    assert!(markdown(&same).contains("Ended early on both sides, so the rest is unknown: s."));
    assert_eq!(review(&complete, &early("budget", 3)).outcome(), Outcome::Decide);
    assert_eq!(review(&early("budget", 3), &complete).outcome(), Outcome::Changed);
}

/// The lines of a scope with a known violation: verdicts on the expected invariant and on the others.
fn design(breaks: &str, rest: &str, steps: u64) -> String {
    let scope = if breaks == "VIOLATED" { ended("p", 3, None) } else { scope("p", 9) };
    let broken = with(verdict("p", "a.b", breaks), "steps", steps);
    check(&[with(scope, "expect", "a.b"), broken, verdict("p", "c.d", rest)])
}

#[test]
fn a_known_violation_is_to_stay() {
    let broken = design("VIOLATED", "UNKNOWN", 6);
    let same = review(&broken, &broken);
    assert_eq!((same.outcome(), same.standing.len(), same.unknown.len()), (Outcome::Same, 0, 0));
    let lost = review(&broken, &design("HOLDS", "HOLDS", 0));
    let first = &lost.changes[0];
    assert_eq!((first.call, first.kind, &first.head), (Call::Decide, Kind::Verdict, &word("HOLDS")));
    assert_eq!(lost.outcome(), Outcome::Decide);
    let found = review(&design("HOLDS", "HOLDS", 0), &broken);
    assert_eq!(found.outcome(), Outcome::Changed, "{found:?}");
    let longer = review(&broken, &design("VIOLATED", "UNKNOWN", 8));
    let steps = (Call::Decide, Kind::Steps, "a.b".to_owned(), Value::Count(6), Value::Count(8));
    assert_eq!(differences(&longer), [steps]);
    let toothless = design("HOLDS", "HOLDS", 0);
    assert_eq!(review(&toothless, &toothless).standing, ["p is to break, and does not"]);
}

#[test]
fn invariants_and_scopes_come_and_go() {
    let one = check(&[scope("s", 7), verdict("s", "a.b", "HOLDS")]);
    let two = check(&[
        scope("s", 7),
        verdict("s", "a.b", "HOLDS"),
        verdict("s", "c.d", "HOLDS"),
        scope("t", 9),
        verdict("t", "a.b", "HOLDS"),
        verdict("t", "c.d", "HOLDS"),
    ]);
    let more = review(&one, &two);
    assert_eq!(
        differences(&more),
        [
            (Call::Note, Kind::Invariant, "c.d".to_owned(), Value::Absent, word("HOLDS")),
            (Call::Note, Kind::Scope, String::new(), Value::Absent, word("complete")),
        ]
    );
    assert_eq!(more.changes[0].scopes, ["s", "t"]);
    assert_eq!(more.outcome(), Outcome::Changed);
    let less = review(&two, &one);
    assert!(less.changes.iter().all(|change| change.call == Call::Decide), "{less:?}");
    assert!(markdown(&less).starts_with("**A decision is needed on 1 invariant and 1 scope**\n"));
    let unfit = check(&[scope("s", 7), verdict("s", "a.b", "HOLDS"), ended("t", 9, Some("budget"))]);
    assert_eq!(review(&one, &unfit).outcome(), Outcome::Decide, "a new scope, and not complete");
}

#[test]
fn places_come_and_go() {
    let with_places = |places: &[&str], missing: &[&str]| {
        let mut lines = vec![with(scope("s", 7), "missing", missing)];
        lines.extend(places.iter().map(|place| reached("s", place)));
        check(&lines)
    };
    let lost = review(&with_places(&["p", "q"], &[]), &with_places(&["p"], &["q"]));
    let gone = (Call::Decide, Kind::Reached, "q".to_owned(), word("reached"), Value::Absent);
    assert_eq!(differences(&lost), [gone]);
    let new = review(&with_places(&["p"], &[]), &with_places(&["p", "q"], &[]));
    assert_eq!(new.outcome(), Outcome::Changed);
    let wanted = review(&with_places(&["p"], &[]), &with_places(&["p"], &["q"]));
    let unmet = (Call::Decide, Kind::Missing, "q".to_owned(), Value::Absent, word("required, not reached"));
    assert_eq!(differences(&wanted), [unmet]);
}

#[test]
fn runs_that_are_not_alike_are_not_comparable() {
    let with_barrier =
        |ticks: u64| run("check", &json!({ "symmetry": true, "barrier": ticks }), &whole(ticks));
    let other = review(&check(&whole(7)), &with_barrier(3));
    assert_eq!(
        differences(&other),
        [
            (Call::Decide, Kind::Option, "barrier".to_owned(), Value::Absent, word("3")),
            (Call::Note, Kind::Unique, String::new(), Value::Count(7), Value::Count(3)),
        ]
    );
    assert!(markdown(&other).contains("| 7 → 3, not comparable |"));
    // If one side has both searches, the one with the same options is compared.
    let several = format!("{}{}", check(&whole(7)), with_barrier(3));
    assert_eq!(review(&several, &several).outcome(), Outcome::Same);
    let one_more = review(&check(&whole(7)), &several);
    assert_eq!(one_more.changes.len(), 1);
    assert_eq!(one_more.changes[0].scopes, ["s (barrier 3, symmetry true)"]);
    let bounds = |bounds: &str| check(&[with(scope("s", 7), "bounds", bounds), verdict("s", "a.b", "HOLDS")]);
    let looser = review(&bounds("2 migrations"), &bounds("1 migration"));
    let changed = (Call::Decide, Kind::Setup, "bounds".to_owned(), word("2 migrations"), word("1 migration"));
    assert_eq!(differences(&looser), [changed]);
}

/// Files of early versions have no bounds and no expectation; that is no difference.
#[test]
fn lines_without_the_newer_fields_are_compared() {
    let old = json!({ "type": "scope", "scope": "p", "complete": false, "unique": 3 });
    let old = check(&[old, verdict("p", "a.b", "VIOLATED"), verdict("p", "c.d", "UNKNOWN")]);
    let new = design("VIOLATED", "UNKNOWN", 6);
    assert_eq!(review(&old, &new).outcome(), Outcome::Same);
    assert_eq!(review(&new, &old).outcome(), Outcome::Same);
    assert_eq!(review(&old, &design("HOLDS", "HOLDS", 0)).outcome(), Outcome::Decide);
}

#[test]
fn nothing_in_common_is_no_comparison() {
    let of = |name: &str| check(&[scope(name, 7)]);
    let none = review(&of("s"), &of("t"));
    assert_eq!(none.outcome(), Outcome::Nothing);
    assert!(markdown(&none).starts_with("**Nothing was compared:"));
    let listed = run("check --list", &json!({}), &[json!({ "type": "listed", "scope": "s" })]);
    assert_eq!(review(&of("s"), &listed).outcome(), Outcome::Nothing);
}
