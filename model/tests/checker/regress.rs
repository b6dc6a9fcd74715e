//! The stored traces of this protocol: narrated runs, and one for each fixed bug that a scope can show.

use cutover::core::trace::{Trace, Verdict};
use cutover_model::Ours;
use cutover_model::catalog::scope_of;
use cutover_model::replay::Ending;
use std::path::Path;

fn replay_all(folder: &str) -> Vec<Trace> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../traces").join(folder);
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut traces = Vec::new();
    for file in files.filter(|file| file.extension().is_some_and(|extension| extension == "trace")) {
        let trace = Trace::parse(&std::fs::read_to_string(&file).unwrap()).unwrap();
        let scope = scope_of::<Ours>(&trace).unwrap();
        assert_eq!(scope.replay(&trace).unwrap().ending, Ending::Holds, "{}", file.display());
        traces.push(trace);
    }
    traces
}

#[test]
fn narrated_runs_hold() {
    assert!(!replay_all("tour").is_empty());
}

#[test]
fn runs_of_fixed_bugs_hold() {
    let traces = replay_all("regress");
    assert!(traces.len() >= 5 && traces.iter().all(|trace| *trace.verdict() == Verdict::Holds));
}
