//! The stored traces of this protocol: narrated runs, and one for each fixed bug that the pure core can show, with
//! the scopes made for them.

use super::searched::{Search, search};
use cutover::core::trace::{Trace, Verdict};
use cutover_model::Ours;
use cutover_model::catalog::scope_of;
use cutover_model::env::{Consensus, Migration};
use cutover_model::protocol::{Catalog, Set};
use cutover_model::replay::Ending;
use cutover_model::search::Order;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The traces of a folder, by name. A person has to review them, so they are short.
fn replay_all(folder: &str) -> BTreeMap<String, Trace> {
    let files = std::fs::read_dir(root().join("traces").join(folder)).unwrap();
    let mut traces = BTreeMap::new();
    for file in files.map(|entry| entry.unwrap().path()) {
        if file.extension().is_none_or(|extension| extension != "trace") {
            continue;
        }
        let text = std::fs::read_to_string(&file).unwrap();
        assert!(text.lines().count() <= 200, "{} has more than 200 lines", file.display());
        assert!(text.lines().all(|line| line.len() <= 400), "{} has a long line", file.display());
        let trace = Trace::parse(&text).unwrap();
        let scope = scope_of::<Ours>(&trace).unwrap();
        assert_eq!(scope.replay(&trace).unwrap().ending, Ending::Holds, "{}", file.display());
        traces.insert(file.file_stem().unwrap().to_string_lossy().into_owned(), trace);
    }
    traces
}

/// The rows of the first table in `traces/regress/README.md`: a trace, and the mutant that puts its bug back.
fn rows() -> BTreeMap<String, String> {
    let page = std::fs::read_to_string(root().join("traces/regress/README.md")).unwrap();
    let table = page.lines().skip_while(|line| !line.starts_with("| bug | trace |")).skip(2);
    let cells = table.map_while(|line| line.strip_prefix("| ")).map(|row| {
        let [_, trace, mutant] = row.trim_end_matches(" |").split(" | ").collect::<Vec<_>>()[..] else {
            panic!("three cells expected: {row}")
        };
        (trace.trim_matches('`').to_owned(), mutant.trim_matches('`').to_owned())
    });
    cells.collect()
}

#[test]
fn narrated_runs_hold() {
    assert!(!replay_all("tour").is_empty());
}

#[test]
fn runs_of_fixed_bugs_hold() {
    let traces = replay_all("regress");
    assert!(traces.values().all(|trace| *trace.verdict() == Verdict::Holds));
}

/// Each fixed bug has a trace and a mutant. A mutant that is judged by a trace names the trace of its row, and a
/// step of it.
#[test]
fn each_trace_of_a_fixed_bug_has_a_mutant() {
    let (traces, rows) = (replay_all("regress"), rows());
    assert_eq!(traces.keys().collect::<Vec<_>>(), rows.keys().collect::<Vec<_>>());
    assert!(rows.len() > 10, "{rows:?}");
    for (name, mutant) in rows {
        let file = root().join("tests/mutants").join(format!("{mutant}.patch"));
        let patch = std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{mutant}: {error}"));
        let value = |key: &str| {
            patch.lines().find_map(|line| line.strip_prefix("# ")?.strip_prefix(key)?.strip_prefix(": "))
        };
        let Some(trace) = value("trace") else {
            assert!(value("invariant").is_some(), "{mutant} names neither a trace nor an invariant");
            continue;
        };
        assert_eq!(trace, format!("traces/regress/{name}.trace"), "{mutant}");
        let step: usize = value("step").unwrap().parse().unwrap();
        assert!((1..=traces[&name].steps().len()).contains(&step), "{mutant}: step {step}");
    }
}

/// Searches the scopes of one protocol in the set of fixed bugs completely; returns their names.
fn hold<P: Catalog>() -> BTreeSet<&'static str> {
    let scopes = P::scopes().into_iter().filter(|scope| scope.set == Set::Regress);
    let held = scopes.map(|scope| {
        let order = Order::DepthFirst { threads: 2, symmetry: true };
        let Search { found, missing, .. } = search::<P>(&scope, order);
        assert!(found.covered.complete && found.witness.is_none(), "{}: {found:?}", scope.name);
        assert!(missing.is_empty(), "{} never reached: {missing:?}", scope.name);
        assert!(found.covered.unique < 300_000, "{} is no small scope: {found:?}", scope.name);
        scope.name
    });
    held.collect()
}

/// The scopes of `check --set regress` hold, and each is used by a stored trace.
#[test]
fn the_scopes_for_fixed_bugs_hold_and_each_is_used() {
    let held: BTreeSet<_> = hold::<Migration>().into_iter().chain(hold::<Consensus>()).collect();
    let traces = replay_all("regress");
    let used: BTreeSet<_> =
        traces.values().map(Trace::scope).filter(|scope| scope.starts_with("regress/")).collect();
    assert_eq!(held, used);
}

#[test]
fn the_other_sets_leave_the_scopes_for_fixed_bugs_out() {
    let runs = |set: Set| [Set::Pr, Set::Nightly, Set::Regress].map(|other| set.runs(other));
    assert_eq!(runs(Set::Pr), [true, false, false]);
    assert_eq!(runs(Set::Nightly), [true, true, false]);
    assert_eq!(runs(Set::Regress), [false, false, true]);
}
