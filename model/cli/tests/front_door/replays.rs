//! Traces whose replay differs from the recorded run.

use super::ran::{Ran, lines, of, run};

const HEAD: &str = "cutover-trace 1\nscope migration/moves\nholds\n";
const SEND: &str = "gw1 send w1.1 view r0\n  > sends write w1.1 token e1 k0=v1\n";
const BEGIN: &str = "log commit begin >B on m1@e1\n  > the record is Draining(A>B)@e2 m2\n";

/// Replays a trace. Returns the output for people and the line for machines.
fn replayed(trace: &str, code: i32) -> (Ran, serde_json::Value) {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("a.trace"), trace).unwrap();
    let people = run(dir.path(), &["replay", "a.trace"]);
    let machines = run(dir.path(), &["replay", "a.trace", "--format", "json"]);
    assert_eq!((people.code, machines.code), (Some(code), Some(code)), "{people:?}");
    assert_eq!(people.stderr, "", "a trace that runs is no error");
    let lines = lines(&machines.stdout, code);
    let [line] = of(&lines, "trace")[..] else { panic!("{}", machines.stdout) };
    (people, line.clone())
}

fn diverges(trace: &str, step: u64, words: &[&str]) {
    let (people, line) = replayed(trace, 5);
    assert!(people.stdout.starts_with(&format!("DIVERGED  step {step}   ")), "{people:?}");
    for word in words {
        assert!(people.stdout.contains(word), "no {word:?} in {people:?}");
    }
    assert_eq!((&line["verdict"], &line["step"]), (&"DIVERGED".into(), &step.into()));
    assert_eq!(line["as_recorded"], false);
}

#[test]
fn a_run_that_is_as_recorded_holds() {
    let (people, line) = replayed(&format!("{HEAD}\n{SEND}{BEGIN}end 2\n"), 0);
    assert!(people.stdout.contains("HOLDS") && people.stdout.contains("as recorded"), "{people:?}");
    assert_eq!((&line["verdict"], &line["as_recorded"]), (&"HOLDS".into(), &true.into()));
}

#[test]
fn a_run_that_does_something_else_diverges_where_it_does() {
    let other = SEND.replace("token e1 ", "token e7 ");
    let words = ["found \"sends write w1.1 token e1 k0=v1\"", "expected \"sends write w1.1 token e7 k0=v1\""];
    diverges(&format!("{HEAD}\n{other}end 1\n"), 1, &words);
    let missing = "log commit begin >B on m1@e1\n";
    diverges(&format!("{HEAD}\n{SEND}{missing}end 2\n"), 2, &["expected nothing", "Draining(A>B)@e2 m2"]);
    let surplus = format!("{SEND}  > and more\n");
    diverges(&format!("{HEAD}\n{BEGIN}{surplus}end 2\n"), 2, &["found nothing", "expected \"and more\""]);
    let absent = "gw9 send w9.1 view r0\n";
    diverges(
        &format!("{HEAD}\n{SEND}{BEGIN}{absent}end 3\n"),
        3,
        &["gw9 send w9.1 view r0", "cannot happen here"],
    );
}

#[test]
fn a_run_that_misses_a_place_is_stale() {
    let (people, line) = replayed(&format!("{HEAD}mark a migration completed\n\n{SEND}end 1\n"), 5);
    assert!(
        people.stdout.contains("STALE") && people.stdout.contains("did not reach: a migration completed")
    );
    assert_eq!((&line["verdict"], &line["as_recorded"]), (&"STALE".into(), &false.into()));
}

#[test]
fn a_run_that_breaks_nothing_is_not_the_violation_it_claims() {
    let head = HEAD.replace("holds", "violates migration.no-lost-write");
    let (people, line) = replayed(&format!("{head}\n{SEND}end 1\n"), 5);
    assert!(people.stdout.contains("HOLDS") && people.stdout.contains("not as recorded"), "{people:?}");
    assert_eq!((&line["verdict"], &line["as_recorded"]), (&"HOLDS".into(), &false.into()));
}

/// A bad trace does not keep the others in its folder from being replayed.
#[test]
fn every_trace_of_a_folder_is_judged() {
    let dir = tempfile::tempdir().unwrap();
    let good = format!("{HEAD}\n{SEND}end 1\n");
    std::fs::create_dir(dir.path().join("more")).unwrap();
    std::fs::write(dir.path().join("a.trace"), "nothing").unwrap();
    std::fs::write(dir.path().join("b.trace"), &good).unwrap();
    std::fs::write(dir.path().join("more/c.trace"), &good).unwrap();
    std::fs::write(dir.path().join("more/note.txt"), "nothing").unwrap();
    let ran = run(dir.path(), &["replay", ".", "--format", "json"]);
    assert_eq!(ran.code, Some(65), "{ran:?}");
    assert_eq!(ran.stderr.lines().count(), 1, "{ran:?}");
    assert_eq!(of(&lines(&ran.stdout, 65), "trace").len(), 2, "{ran:?}");
}
