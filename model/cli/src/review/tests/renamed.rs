//! Comparisons with a map of names.

use super::super::{Outcome, Renames, Review, Side, Unreadable, text_renamed};
use super::scoreboard::mutant;
use super::{check, differences, run, scope, side, verdict, with};
use cutover_report::{Call, Kind, Value};
use serde_json::{Value as Json, json};

const MAP: &str = "\
# A comment, and an empty line.

scope      old -> new
invariant  a.b -> a.c
mark       an old place -> a new place
mutant     nothing -> control
option     until -> stop_at
bounds     2 sinks -> two sinks
";

fn renamed(text: &str, map: &str) -> Result<(Side, Renames), Unreadable> {
    let mut map = Renames::parse("map.txt", map)?;
    text_renamed("base.jsonl", text, &mut map).map(|side| (side, map))
}

fn review(base: &str, head: &str, map: &str) -> (Review, Vec<String>) {
    let (base, map) = renamed(base, map).unwrap();
    (Review::new(&base, &side("head.jsonl", head)), map.unused())
}

/// A check of one scope, with names of the scope, an option, a mark, the bounds and the faults.
fn checked(names: [&str; 5]) -> String {
    let [name, invariant, place, option, bounds] = names;
    let lines = [
        with(with(scope(name, 7), "bounds", bounds), "expect", invariant),
        verdict(name, invariant, "HOLDS"),
        json!({ "type": "reached", "scope": name, "what": place }),
    ];
    run("check", &json!({ "scopes": [name], option: invariant }), &lines)
}

const OLD: [&str; 5] = ["old", "a.b", "an old place", "until", "2 sinks"];
const NEW: [&str; 5] = ["new", "a.c", "a new place", "stop_at", "two sinks"];

#[test]
fn names_that_the_map_renames_are_no_difference() {
    let (same, unused) = review(&checked(OLD), &checked(NEW), MAP);
    assert_eq!((same.outcome(), same.invariants), (Outcome::Same, 1), "{same:?}");
    assert_eq!(unused, Vec::<String>::new(), "the file has no mutants: that line is not missed");
    assert_ne!(review(&checked(OLD), &checked(NEW), "").0.outcome(), Outcome::Same);
    for (at, name) in OLD.iter().enumerate() {
        let mut head = NEW;
        head[at] = name;
        assert_ne!(review(&checked(OLD), &checked(head), MAP).0.outcome(), Outcome::Same, "{name}");
    }
}

#[test]
fn mutants_are_renamed_with_what_kills_them() {
    let board = |name: &str, by: &str| {
        let line = with(with(mutant(name, "KILLED", Some(by)), "named", by), "scope", "old");
        let baseline = json!({ "type": "baseline", "scope": "old", "verdict": "HOLDS", "states": 7 });
        run("mutants", &json!({ "patterns": ["x"] }), &[line, baseline])
    };
    let head = board("control", "a.c").replace("\"old\"", "\"new\"");
    let (same, unused) = review(&board("nothing", "a.b"), &head, MAP);
    assert_eq!((same.outcome(), same.mutants), (Outcome::Same, 1), "{same:?}");
    assert_eq!(unused, Vec::<String>::new(), "an option of another verb is not missed");
}

fn seed(name: &str, verdict: &str, invariant: Option<&str>, hash: &str) -> Json {
    json!({ "type": "seed", "seed": name, "verdict": verdict, "invariant": invariant, "deterministic": true,
        "hash": hash, "events": hash.len(), "wall_s": "0.370", "simulated_s": "59.526", "options": { "nodes": 3 } })
}

fn mark(name: &str, count: u64) -> Json {
    json!({ "type": "mark", "mark": name, "count": count })
}

#[test]
fn seeds_are_compared_by_verdict_and_marks_not_by_hash() {
    let sim = |lines: &[Json]| run("sim", &json!({ "from": "0x1" }), lines);
    let base = sim(&[
        seed("0x1", "HOLDS", None, "aa"),
        seed("0x2", "VIOLATED", Some("a.b"), "bb"),
        mark("an old place", 3),
        mark("never", 0),
    ]);
    let after = |second: &str, place: &str| {
        sim(&[
            seed("0x1", "HOLDS", None, "cccc"),
            seed("0x2", second, (second == "VIOLATED").then_some("a.c"), "dd"),
            mark(place, 1),
        ])
    };
    let (same, _) = review(&base, &after("VIOLATED", "a new place"), MAP);
    assert_eq!((same.outcome(), same.seeds), (Outcome::Same, 2), "{same:?}");
    assert_eq!(same.standing, ["seed 0x2 is VIOLATED of a.c"]);
    let (better, _) = review(&base, &after("HOLDS", "a new place"), MAP);
    let word = Value::word;
    let found = (Call::Better, Kind::Seed, "0x2".to_owned(), word("VIOLATED of a.c"), word("HOLDS"));
    assert_eq!(differences(&better), [found]);
    let (lost, _) = review(&base, &after("VIOLATED", "elsewhere"), MAP);
    assert_eq!(lost.outcome(), Outcome::Decide);
    assert_eq!(lost.changes[0].what, ["a new place"]);
    let (stuck, _) = review(&after("HOLDS", "p"), &after("STUCK", "p"), "");
    assert_eq!(stuck.outcome(), Outcome::Decide);
    let other = base.replace("\"nodes\":3", "\"nodes\":5");
    assert_eq!(review(&base, &other, "").0.outcome(), Outcome::Decide, "the seeds are other worlds");
}

#[test]
fn a_map_that_is_wrong_is_refused_with_its_line() {
    let refused = |map: &str, words: &[&str]| {
        let error = Renames::parse("map.txt", map).map(|_| ()).unwrap_err().to_string();
        for word in [&["map.txt: line ", "found", "expected"], words].concat() {
            assert!(error.contains(word), "no {word:?} in {error:?}");
        }
    };
    refused("scope a", &["line 1", "`KIND OLD -> NEW`"]);
    refused("\nscope a => b", &["line 2", "`KIND OLD -> NEW`"]);
    refused("scopes a -> b", &["\"scopes a -> b\"", "scope, invariant, mark"]);
    refused("scope a -> a", &["two different names"]);
    refused("scope  -> a", &["expected"]);
    refused("scope a -> b\nscope a -> c", &["line 2", "another old name than that of line 1"]);
    refused("scope a -> c\nscope b -> c", &["line 2", "another new name than that of line 1"]);
    assert!(Renames::parse("map.txt", "scope a -> b\nmark a -> b").is_ok(), "kinds do not meet");
}

#[test]
fn a_map_that_would_make_two_things_one_is_refused() {
    let both = check(&[scope("old", 7), scope("new", 9)]);
    let error = renamed(&both, MAP).map(|_| ()).unwrap_err().to_string();
    assert!(error.contains("map.txt: line 3: found scope \"new\", which base has beside \"old\""), "{error}");
    let (_, unused) = review(&check(&[scope("new", 9)]), &check(&[scope("new", 9)]), MAP);
    assert!(
        unused[0].contains("line 3: scope \"old\" is called by its new name in base already"),
        "{unused:?}"
    );
}
