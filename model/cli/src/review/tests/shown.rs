//! Snapshots of the whole Markdown. `INSTA_UPDATE=always cargo test -p cutover-cli --lib review` writes them anew.

use super::super::markdown;
use super::scoreboard::mutant;
use super::{check, ended, reached, review, run, scope, verdict, with};
use serde_json::{Value as Json, json};

fn shows(name: &str, base: &str, head: &str) {
    insta::with_settings!({ prepend_module_to_snapshot => false }, {
        insta::assert_snapshot!(name, markdown(&review(base, head)));
    });
}

const INVARIANTS: [&str; 6] = [
    "history.linearizable",
    "migration.cas",
    "migration.clean-abort",
    "migration.epoch",
    "sink.fence",
    "sink.prefix",
];

fn holding(name: &str, unique: u64) -> Vec<Json> {
    let verdicts = INVARIANTS.iter().map(|id| verdict(name, id, "HOLDS"));
    std::iter::once(scope(name, unique)).chain(verdicts).collect()
}

fn violated(name: &str, breaks: &str) -> Vec<Json> {
    let word = |id: &str| if id == breaks { "VIOLATED" } else { "UNKNOWN" };
    let verdicts = INVARIANTS.iter().map(|id| verdict(name, id, word(id)));
    std::iter::once(ended(name, 412, None)).chain(verdicts).collect()
}

fn board(lines: &[Json]) -> String {
    run("mutants", &json!({ "patterns": [] }), lines)
}

#[test]
fn nothing_differs() {
    let text = check(&[holding("migration/life", 27_453), holding("migration/moves", 1_689_777)].concat());
    shows("same", &text, &text);
}

#[test]
fn much_differs() {
    let places = [
        "a migration completed",
        "an abort after a seal",
        "a <late> mover|refused",
        "a gap",
        "there",
        "back",
    ];
    let base: Vec<Json> = places.iter().map(|place| reached("migration/moves", place)).collect();
    let base = [holding("migration/life", 27_453), holding("migration/moves", 1_689_777), base];
    let head = [
        violated("migration/life", "migration.cas"),
        holding("migration/moves", 1_702_001),
        vec![
            reached("migration/moves", "a forced_completion"),
            with(scope("migration/new", 12), "bounds", "1 sink"),
        ],
        vec![verdict("migration/new", "sink.prefix", "HOLDS")],
    ];
    let killed = |name: &str| mutant(name, "KILLED", Some("a.b"));
    let before =
        board(&[killed("cas-without-epoch"), killed("gate-bypassed"), mutant("seal", "SURVIVED", None)]);
    let now = board(&[
        mutant("cas-without-epoch", "SURVIVED", Some("sink.prefix")),
        with(mutant("gate-bypassed", "BROKEN", None), "why", "error: patch failed: src/gate/mod.rs:12"),
        killed("seal"),
    ]);
    shows("much", &format!("{}{before}", check(&base.concat())), &format!("{}{now}", check(&head.concat())));
}

#[test]
fn only_better() {
    let base = check(&violated("migration/life", "migration.cas"));
    shows("better", &base, &check(&holding("migration/life", 27_453)));
}

#[test]
fn not_run_alike() {
    let options = json!({ "symmetry": false });
    let base = check(
        &[holding("a", 10), holding("b", 20), holding("c", 30), holding("d", 40), holding("e", 50)].concat(),
    );
    let head =
        [holding("a", 19), holding("b", 38), holding("c", 30), holding("d", 79), holding("e", 98)].concat();
    shows("not-alike", &base, &run("check", &options, &head));
}

/// Long tables are folded after their first rows.
#[test]
fn many_mutants_are_folded() {
    let all = |verdict: &str, by: Option<&str>| {
        board(&(0..20).map(|number| mutant(&format!("m{number:02}"), verdict, by)).collect::<Vec<_>>())
    };
    let text = markdown(&review(&all("KILLED", Some("a.b")), &all("SURVIVED", None)));
    let (open, folded) = text.split_once("<details><summary>5 more</summary>\n\n").unwrap();
    let count = |part: &str| part.lines().filter(|line| line.starts_with("| **decide** |")).count();
    assert_eq!((count(open), count(folded)), (15, 5), "{text}");
}

#[test]
fn nothing_in_common() {
    shows("nothing", &check(&holding("a", 10)), &check(&holding("b", 20)));
}
