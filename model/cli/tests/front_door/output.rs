//! The output of complete runs: lines for machines, and files.

use super::ran::{judged, lines, of, run};
use cutover::core::invariant::Id;
use cutover::core::trace::Trace;
use cutover_model::Ours;
use cutover_model::catalog::Protocols as _;
use std::collections::BTreeSet;

#[test]
fn a_scope_that_holds_has_a_verdict_for_each_invariant() {
    let dir = tempfile::tempdir().unwrap();
    let ran = run(dir.path(), &["check", "--scope", "migration/life", "--format", "json", "--threads", "1"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
    let lines = lines(&ran.stdout, 0);
    assert_eq!(lines[0]["command"], "check");
    assert_eq!(lines[0]["options"]["scopes"], serde_json::json!(["migration/life"]));
    assert_eq!(lines[0]["options"]["threads"], 1);
    let [scope] = of(&lines, "scope")[..] else { panic!("{}", ran.stdout) };
    assert_eq!((&scope["complete"], &scope["ended_by"]), (&true.into(), &serde_json::Value::Null));
    assert_eq!((&scope["missing"], &scope["expect"]), (&serde_json::json!([]), &serde_json::Value::Null));
    assert!(scope["bounds"].as_str().unwrap().contains("1 gateway, 1 write each"), "{scope}");
    assert!(scope["faults"].as_str().unwrap().contains("pause any"), "{scope}");
    let verdicts = of(&lines, "verdict");
    let ids: Vec<_> = verdicts.iter().map(|line| line["invariant"].as_str().unwrap().to_owned()).collect();
    assert_eq!(ids, judged());
    assert!(verdicts.iter().all(|line| line["verdict"] == "HOLDS" && line["scope"] == "migration/life"));
    assert!(of(&lines, "reached").len() > 5, "{}", ran.stdout);
}

#[test]
fn people_and_machines_are_told_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let args = ["check", "--scope", "migration/life", "--threads", "1"];
    let people = run(dir.path(), &args);
    let machines = run(dir.path(), &[&args[..], &["--format", "json"]].concat());
    let lines = lines(&machines.stdout, 0);
    let unique = of(&lines, "scope")[0]["unique"].as_u64().unwrap();
    let digits: String = people
        .stdout
        .lines()
        .find(|line| line.contains("invariants over all"))
        .and_then(|line| line.split("over all ").nth(1)?.split(' ').next())
        .unwrap()
        .replace(',', "");
    assert_eq!(digits, unique.to_string());
    for line in of(&lines, "reached") {
        assert!(people.stdout.contains(line["what"].as_str().unwrap()), "{line}");
    }
}

/// A search writes a trace file, whose replay has the same verdict.
#[test]
fn a_trace_that_was_written_can_be_replayed() {
    let dir = tempfile::tempdir().unwrap();
    let args = ["check", "--scope", "published/unsealed-force", "--format", "json", "--out", "found"];
    let ran = run(dir.path(), &args);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let lines = lines(&ran.stdout, 0);
    let violated: Vec<_> =
        of(&lines, "verdict").into_iter().filter(|line| line["verdict"] == "VIOLATED").collect();
    let [violated] = violated[..] else { panic!("{}", ran.stdout) };
    assert_eq!(violated["invariant"], "migration.no-lost-write");
    assert_eq!(of(&lines, "scope")[0]["expect"], violated["invariant"]);
    let path = violated["trace"].as_str().unwrap();
    let trace = Trace::parse(&std::fs::read_to_string(dir.path().join(path)).unwrap()).unwrap();
    assert_eq!(violated["steps"].as_u64(), u64::try_from(trace.steps().len()).ok());
    assert_eq!(std::fs::read_dir(dir.path().join("found")).unwrap().count(), 1, "no half of a file is left");

    let replayed = run(dir.path(), &["replay", path]);
    assert_eq!(replayed.code, Some(0), "of a design whose violation is the point: {replayed:?}");
    assert!(replayed.stdout.starts_with("VIOLATES  migration.no-lost-write at step "), "{replayed:?}");
    assert!(replayed.stdout.contains("as recorded"), "{replayed:?}");
    let replayed = run(dir.path(), &["replay", "found", "--format", "json"]);
    let lines = super::ran::lines(&replayed.stdout, 0);
    let [line] = of(&lines, "trace")[..] else { panic!("{}", replayed.stdout) };
    assert_eq!((&line["verdict"], &line["as_recorded"]), (&"VIOLATES".into(), &true.into()));
    assert_eq!(line["step"], violated["steps"]);
}

#[test]
fn the_list_names_every_scope_and_every_invariant_and_runs_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let list = |set| {
        let ran = run(dir.path(), &["check", "--list", "--set", set, "--format", "json"]);
        assert_eq!(ran.code, Some(0), "{ran:?}");
        lines(&ran.stdout, 0)
    };
    // The nightly set has that of pull requests in it.
    let (nightly, regress, walks) = (list("nightly"), list("regress"), list("walk"));
    let listed = [&nightly, &regress, &walks].into_iter().flat_map(|lines| of(lines, "listed"));
    let listed: BTreeSet<_> = listed.map(|line| line["scope"].as_str().unwrap()).collect();
    let all: BTreeSet<_> = Ours::scopes().iter().map(|scope| scope.name()).collect();
    assert_eq!(listed, all);
    let listed: BTreeSet<_> =
        of(&nightly, "invariant").iter().map(|line| line["id"].as_str().unwrap().to_owned()).collect();
    let known = Ours::invariants().into_iter().chain(Ours::goals());
    let known: BTreeSet<_> = known.map(|known| known.id.to_owned()).collect();
    assert_eq!(listed, known);
    assert!(Id::ALL.iter().all(|id| listed.contains(id.entry().id)), "of the machines, and of environments");
    assert!(of(&nightly, "scope").is_empty());
}
