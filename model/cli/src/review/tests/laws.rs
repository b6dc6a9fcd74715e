//! Properties of the comparison of any two files.

use super::super::{Outcome, Review, markdown, read_text};
use super::{run, side};
use cutover_report::{Change, Kind, Value};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed};
use serde_json::{Value as Json, json};

/// The seed is the same in every run, unless the environment sets one.
fn cases() -> Config {
    let given = Config::default();
    let rng_seed = match given.rng_seed {
        RngSeed::Random => RngSeed::Fixed(17),
        RngSeed::Fixed(seed) => RngSeed::Fixed(seed),
    };
    Config { cases: 512, rng_seed, failure_persistence: None, ..given }
}

/// A run: its verb, its options, and the lines between the first and the last.
type Run = (&'static str, Json, Vec<Json>);

fn print(runs: &[Run]) -> String {
    runs.iter().map(|(command, options, lines)| run(command, options, lines)).collect()
}

const INVARIANTS: [&str; 3] = ["a.b", "c.d", "e.f"];

/// The lines of a scope: verdicts on some invariants, and marks.
fn scope(name: &'static str) -> impl Strategy<Value = Vec<Json>> {
    let expect = prop::option::weighted(0.3, prop::sample::select(&INVARIANTS[..]));
    let judged = prop::sample::subsequence(INVARIANTS.to_vec(), 1..=3);
    let places = prop::sample::subsequence(vec!["p", "q", "r"], 0..=3);
    let missing = prop::sample::subsequence(vec!["q", "x"], 0..=2);
    let bounds = prop::option::weighted(0.8, prop::sample::select(vec!["one", "two"]));
    let ending = prop::sample::select(vec!["complete", "complete", "violated", "early"]);
    (expect, judged, places, missing, bounds, ending, 1_u64..4, 0_usize..3).prop_map(
        move |(expect, judged, places, missing, bounds, ending, unique, broken)| {
            let mut line = json!({ "type": "scope", "scope": name, "complete": ending == "complete",
                "unique": unique, "missing": missing, "faults": "none", "expect": expect,
                "ended_by": (ending == "early").then_some("budget") });
            if let Some(bounds) = bounds {
                line["bounds"] = bounds.into();
            }
            let mut lines = vec![line];
            for (at, id) in judged.iter().enumerate() {
                let verdict = match ending {
                    "complete" => "HOLDS",
                    "violated" if at == broken % judged.len() => "VIOLATED",
                    _ => "UNKNOWN",
                };
                lines.push(json!({ "type": "verdict", "scope": name, "invariant": id, "verdict": verdict,
                    "steps": (verdict == "VIOLATED").then_some(unique) }));
            }
            lines.extend(places.iter().map(|p| json!({ "type": "reached", "scope": name, "what": p })));
            lines
        },
    )
}

/// Runs of `check` that search the same scopes with up to two barriers.
fn checks() -> impl Strategy<Value = Vec<Run>> {
    let some = |name| prop::option::weighted(0.8, scope(name));
    let one = |options: Json| {
        (some("s"), some("t"), some("u")).prop_map(move |(s, t, u)| {
            let lines: Vec<Json> = [s, t, u].into_iter().flatten().flatten().collect();
            ("check", options.clone(), lines)
        })
    };
    let plain = one(json!({ "symmetry": true, "threads": 1 }));
    let barrier = one(json!({ "symmetry": true, "threads": 2, "barrier": 3 }));
    (prop::option::weighted(0.8, plain), prop::option::weighted(0.4, barrier))
        .prop_map(|(plain, barrier)| plain.into_iter().chain(barrier).collect())
}

fn mutant(name: &'static str) -> impl Strategy<Value = Option<Json>> {
    let judged = (
        prop::sample::select(vec!["KILLED", "KILLED", "SURVIVED", "BROKEN"]),
        prop::bool::weighted(0.2),
        prop::sample::select(vec!["killed", "killed", "survives"]),
        prop::option::of(prop::sample::select(&INVARIANTS[..])),
    );
    let judged = judged.prop_map(move |(verdict, unknown, expect, by)| {
        let as_expected = (verdict == "KILLED") == (expect == "killed") && verdict != "BROKEN";
        json!({ "type": "mutant", "patch": name, "verdict": verdict, "unknown": unknown, "expect": expect,
            "as_expected": as_expected, "named": "a.b", "by": by, "why": "w" })
    });
    let applied = any::<bool>().prop_map(move |ok| json!({ "type": "apply", "patch": name, "applies": ok }));
    let idle = Just(json!({ "type": "not-run", "patch": name, "chosen": "named" }));
    prop_oneof![5 => judged.prop_map(Some), 1 => applied.prop_map(Some), 1 => idle.prop_map(Some), 2 => Just(None)]
}

fn baseline() -> impl Strategy<Value = Option<Json>> {
    let verdict = prop::sample::select(vec!["HOLDS", "HOLDS", "VIOLATED", "UNKNOWN"]);
    let line = (verdict, 1_u64..3)
        .prop_map(|(v, n)| json!({ "type": "baseline", "scope": "s", "verdict": v, "states": n }));
    prop::option::of(line)
}

fn mutants() -> impl Strategy<Value = Run> {
    let lines = (mutant("m.patch"), mutant("n.patch"), mutant("o.patch"), baseline());
    (lines, any::<bool>()).prop_map(|((m, n, o, b), sampled)| {
        let options = json!({ "patterns": [], "sample": sampled.then_some(2) });
        ("mutants", options, [m, n, o, b].into_iter().flatten().collect())
    })
}

/// Any file.
fn runs() -> impl Strategy<Value = Vec<Run>> {
    (checks(), prop::option::of(mutants())).prop_filter_map("at least one run", |(mut runs, mutants)| {
        runs.extend(mutants);
        (!runs.is_empty()).then_some(runs)
    })
}

/// The same file twice, with the runs, and the lines of each run, in another order.
fn shuffled() -> impl Strategy<Value = (Vec<Run>, Vec<Run>)> {
    runs().prop_flat_map(|runs| {
        let lines: Vec<_> = runs
            .iter()
            .map(|(command, options, lines)| {
                let (command, options) = (*command, options.clone());
                Just(lines.clone()).prop_shuffle().prop_map(move |lines| (command, options.clone(), lines))
            })
            .collect();
        (Just(runs), lines.prop_flat_map(|runs| Just(runs).prop_shuffle()))
    })
}

type Listed = (Kind, Vec<String>, Vec<String>, Value, Value);

/// All differences and remarks of a review, in one list.
fn listed(review: &Review, mirrored: bool) -> Vec<Listed> {
    let one = |change: &Change| {
        let (base, head) = (change.base.clone(), change.head.clone());
        let (base, head) = if mirrored { (head, base) } else { (base, head) };
        (change.kind, change.scopes.clone(), change.what.clone(), base, head)
    };
    let mut all: Vec<Listed> = review.changes.iter().map(one).collect();
    all.sort();
    all
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn a_file_does_not_differ_from_itself(runs in runs()) {
        let side = side("x.jsonl", &print(&runs));
        let review = Review::new(&side, &side);
        prop_assert_eq!(&review.changes, &[]);
        let text = markdown(&review);
        let first = text.lines().next().unwrap_or_default();
        match review.outcome() {
            Outcome::Same | Outcome::Unknown => prop_assert_eq!(first, "No observable protocol change"),
            Outcome::Nothing => prop_assert!(first.starts_with("**Nothing was compared")),
            Outcome::Changed | Outcome::Decide => prop_assert!(false, "{:?}", review),
        }
    }

    #[test]
    fn the_other_way_round_lists_the_same_mirrored(a in runs(), b in runs()) {
        let (a, b) = (side("a.jsonl", &print(&a)), side("b.jsonl", &print(&b)));
        let (there, back) = (Review::new(&a, &b), Review::new(&b, &a));
        prop_assert_eq!(listed(&there, false), listed(&back, true));
        prop_assert_eq!((there.base_only, there.head_only), (back.head_only, back.base_only));
        prop_assert_eq!((&there.standing, &there.unknown), (&back.standing, &back.unknown));
        prop_assert_eq!((there.mutants, there.in_common), (back.mutants, back.in_common));
    }

    #[test]
    fn the_order_of_lines_does_not_matter((runs, other) in shuffled()) {
        prop_assert_eq!(side("x.jsonl", &print(&runs)), side("x.jsonl", &print(&other)));
    }

    /// Every row of every table has as many cells as the header.
    #[test]
    fn tables_are_whole(a in runs(), b in runs()) {
        let review = Review::new(&side("a.jsonl", &print(&a)), &side("b.jsonl", &print(&b)));
        let text = markdown(&review);
        let bars = |line: &str| line.replace("\\|", "").matches('|').count();
        let rows: Vec<&str> = text.lines().collect();
        for pair in rows.windows(2).filter(|pair| pair.iter().all(|line| line.starts_with('|'))) {
            prop_assert_eq!(bars(pair[0]), bars(pair[1]), "{}", text);
        }
    }

    /// A truncated file is refused, unless complete runs are left.
    #[test]
    fn a_part_of_a_run_is_refused(runs in runs(), at in any::<prop::sample::Index>()) {
        let text = print(&runs[..1]);
        let whole = text.trim_end().len();
        let at = at.index(whole);
        prop_assert!(read_text("x.jsonl", &text[..at]).is_err());
    }

    #[test]
    fn no_text_is_a_panic(runs in runs(), junk in ".{0,20}", at in any::<prop::sample::Index>(), keep in any::<bool>()) {
        let mut text = print(&runs);
        let mut at = at.index(text.len());
        while !text.is_char_boundary(at) {
            at -= 1;
        }
        let rest = text.split_off(at);
        let rest = if keep { rest.as_str() } else { rest.split_once('\n').map_or("", |(_, rest)| rest) };
        let text = format!("{text}{junk}{rest}");
        if let Ok(side) = read_text("x.jsonl", &text) {
            let _ = markdown(&Review::new(&side, &side));
        }
    }
}
