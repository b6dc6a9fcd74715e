//! Tests of mutants that any violation kills, and of the engines side by side.

use super::super::board::Board;
use super::super::error::Error;
use super::super::judge::{Judge, Program};
use super::super::lines;
use super::super::matrix;
use super::super::patch::Patch;
use super::super::report;
use super::super::row::{Baseline, Row};
use super::super::run_output::RunOutput;
use super::super::select::{Chosen, Selection};
use super::{outcome, ruling, scope};
use cutover_report::{Chosen as Why, Engine, Expect, MutantVerdict as Verdict};
use std::time::Duration;

const OF_A_KIND: &str = "\
# kind: a view goes back
# rule: r
# mechanism: the floor is lowered
# harm: a late write enters the next life of p1
# invariant: any
diff --git a/src/table.rs b/src/table.rs
--- a/src/table.rs
+++ b/src/table.rs
@@ -1 +1 @@
-a
+b
";

fn with(line: &str) -> Result<Patch, Error> {
    Patch::parse(
        "kinds/floor.patch",
        &OF_A_KIND.replace("# invariant: any", &format!("# invariant: any\n{line}")),
    )
}

fn complaint(line: &str) -> String {
    with(line).err().map(|error| error.to_string()).unwrap_or_default()
}

#[test]
fn a_mutant_of_a_kind_has_no_judge_of_its_own() -> Result<(), Error> {
    let patch = Patch::parse("kinds/floor.patch", OF_A_KIND)?;
    assert_eq!((patch.any, patch.named(), patch.expect), (true, "any".to_owned(), Expect::Killed));
    assert_eq!(patch.kind.as_deref(), Some("a view goes back"));
    let all = [Engine::Check, Engine::Replay, Engine::Walk, Engine::Sim, Engine::Reference, Engine::Test];
    let judges = [Judge::Scopes, Judge::Traces, Judge::Walk, Judge::Seeds, Judge::Reference, Judge::Tests];
    assert_eq!(patch.judges(&all), judges);
    assert_eq!(patch.judges(&[Engine::Sim]), [Judge::Seeds]);
    assert_eq!(with("# expect: open")?.expect, Expect::Open);
    let at = "tests/mutants/kinds/floor.patch:6: found";
    let wrong = format!("{at} `scope: migration`, expected none beside `invariant: any`");
    assert_eq!(complaint("# scope: migration"), wrong);
    let wrong = format!("{at} `expect: survives`, expected killed or open, beside `invariant: any`");
    assert_eq!(complaint("# expect: survives"), wrong);
    Ok(())
}

#[test]
fn a_judge_has_an_engine_and_a_program() {
    let cases = [
        (Judge::named(None), Engine::Check, None, Program::Checker),
        (Judge::named(Some("migration/copy")), Engine::Check, Some("migration/copy"), Program::Checker),
        (Judge::named(Some("traces/x.trace")), Engine::Replay, Some("traces/x.trace"), Program::Checker),
        (Judge::named(Some("sim")), Engine::Sim, Some("sim"), Program::Simulator),
        (Judge::Walk, Engine::Walk, Some("walk"), Program::Checker),
        (Judge::Reference, Engine::Reference, Some("reference"), Program::Reference),
        (Judge::Tests, Engine::Test, Some("tests"), Program::Tests),
    ];
    for (judge, engine, place, program) in cases {
        assert_eq!((judge.engine(), judge.place(), judge.program()), (engine, place, program));
    }
}

/// Whatever a check finds kills, also a panic, but not the violation that a published design has to have.
#[test]
fn any_violation_kills() {
    let judge = |stdout: &str, panicked, late: Option<&str>| {
        let finding = RunOutput::read(stdout).judge_any(panicked, "exit status: 101", late);
        (finding.verdict, finding.unknown, finding.by)
    };
    let (killed, survived, broken) = (Verdict::Killed, Verdict::Survived, Verdict::Broken);
    let end = "{\"type\":\"run-finished\",\"exit\":0,\"seconds\":1}\n";
    let fails = ruling("a.b", "VIOLATED");
    let design = scope(true).replace("\"depth\":3", "\"depth\":3,\"expect\":\"a.b\"");
    let by = |what: &str| Some(what.to_owned());
    assert_eq!(judge(&format!("{}{fails}{end}", scope(true)), false, None), (killed, false, by("a.b")));
    assert_eq!(judge(&format!("{design}{fails}{end}"), false, None), (survived, false, None));
    assert_eq!(
        judge(&format!("{}{}{end}", scope(true), ruling("a.b", "HOLDS")), false, None),
        (survived, false, None)
    );
    assert_eq!(judge(&scope(true), false, Some("stopped after 2m")), (survived, true, None));
    let blind = scope(true).replace("\"depth\":3", "\"depth\":3,\"missing\":[\"an abort\"]");
    assert_eq!(judge(&format!("{blind}{end}"), false, None), (killed, false, by("not reached")));
    assert_eq!(judge("", true, None), (killed, false, by("a panic")));
    assert_eq!(judge("", false, None), (broken, false, None));
    let trace = |verdict: &str, as_recorded: bool, step: &str| {
        format!(
            "{{\"type\":\"trace\",\"path\":\"x\",\"verdict\":\"{verdict}\",\"as_recorded\":{as_recorded},\"step\":{step}}}\n"
        )
    };
    let (holds, diverged) = (trace("HOLDS", true, "null"), trace("DIVERGED", false, "4"));
    // A design that was published, and is broken.
    let holds = format!("{holds}{}", trace("VIOLATES", true, "7"));
    assert_eq!(
        judge(&format!("{holds}{diverged}{holds}{end}"), false, None),
        (killed, false, by("divergence at step 4"))
    );
    assert_eq!(judge(&format!("{holds}{holds}{end}"), false, None), (survived, false, None));
}

#[test]
fn a_test_that_fails_kills_by_its_name() {
    let stdout = "running 3 tests\ntest tags ... ok\ntest slow ... ignored, it takes long\ntest walks ... FAILED\n\n\
                  test result: FAILED. 1 passed; 1 failed\n";
    let judge = |stdout: &str| {
        let finding = RunOutput::read_tests(stdout).judge_any(true, "exit status: 101", None);
        (finding.verdict, finding.by)
    };
    assert_eq!(judge(stdout), (Verdict::Killed, Some("walks".to_owned())));
    assert_eq!(judge(&stdout.replace("FAILED", "ok")), (Verdict::Survived, None));
}

#[test]
fn everywhere_means_that_every_engine_judges_every_patch() -> Result<(), Error> {
    let engines = vec![Engine::Check, Engine::Walk];
    let named = Patch::parse("x.patch", super::GOOD)?;
    let of_a_kind = Patch::parse("kinds/floor.patch", OF_A_KIND)?;
    let selection = Selection { engines, ..Selection::default() };
    let own = Judge::Scope("migration/moves".to_owned());
    assert_eq!(selection.judges(&named), std::slice::from_ref(&own));
    assert_eq!(selection.judges(&of_a_kind), [Judge::Scopes, Judge::Walk]);
    let everywhere = Selection { everywhere: true, ..selection };
    assert_eq!(everywhere.judges(&named), [own, Judge::Walk]);
    assert_eq!(everywhere.judges(&of_a_kind), [Judge::Scopes, Judge::Walk]);
    Ok(())
}

fn row<'a>(patch: &'a Patch, judge: Judge, verdict: Verdict, by: Option<&str>) -> Row<'a> {
    Row { chosen: Chosen { patch, why: Why::Named }, judge, outcome: outcome(verdict, by, "w") }
}

/// Two mutants of a kind, of which the walks find the first; the check finds none.
fn board(patches: &[Patch; 2]) -> Board<'_> {
    let [floor, open] = patches;
    Board {
        scopes: 1,
        baselines: vec![Baseline { judge: Judge::Scopes, outcome: outcome(Verdict::Survived, None, "") }],
        rows: vec![
            row(floor, Judge::Scopes, Verdict::Survived, None),
            row(floor, Judge::Walk, Verdict::Killed, Some("a.b")),
            row(open, Judge::Scopes, Verdict::Survived, None),
            row(open, Judge::Walk, Verdict::Survived, None),
        ],
        not_run: Vec::new(),
        interrupted: false,
    }
}

#[test]
fn one_engine_that_finds_a_mutant_is_enough() -> Result<(), Error> {
    let patches = [Patch::parse("kinds/floor.patch", OF_A_KIND)?, with("# expect: open")?];
    let mut both = board(&patches);
    both.rows.iter_mut().skip(2).for_each(|row| row.chosen.patch = &patches[1]);
    assert_eq!((both.exit(), both.counts()), (0, (1, 0, 0)));
    let line = serde_json::to_string(&lines::mutant(&both.rows[0])).unwrap_or_default();
    assert!(line.contains("\"kind\":\"a view goes back\"") && line.contains("\"named\":\"any\""), "{line}");
    assert!(line.contains("\"as_expected\":true") && line.contains("\"scope\":\"pr\""), "{line}");
    both.rows.remove(1);
    assert_eq!((both.exit(), both.counts()), (1, (0, 1, 0)));
    let text = report::render(&both, Duration::ZERO);
    assert!(
        text.contains("SURVIVED  tests/mutants/kinds/floor.patch: expected one of the engines to find it"),
        "{text}"
    );
    Ok(())
}

#[test]
fn what_changes_nothing_must_not_be_found() -> Result<(), Error> {
    let same = with("# equivalent: the guard is repeated below")?;
    let patches = [same.clone(), same];
    let mut both = board(&patches);
    both.rows.truncate(2);
    assert_eq!(both.exit(), 1);
    both.rows.remove(1);
    assert_eq!(both.exit(), 0);
    Ok(())
}

#[test]
fn the_engines_stand_side_by_side() -> Result<(), Error> {
    let patches = [Patch::parse("kinds/floor.patch", OF_A_KIND)?, {
        let text = OF_A_KIND.replace("# kind: a view goes back\n", "").replace("any", "any\n# expect: open");
        Patch::parse("kinds/open.patch", &text)?
    }];
    let board = board(&patches);
    let totals = matrix::totals(&board);
    let found: Vec<_> =
        totals.iter().map(|total| (total.engine, total.judged, total.killed, total.alone.len())).collect();
    assert_eq!(found, [(Engine::Check, 2, 0, 0), (Engine::Walk, 2, 1, 1)]);
    let mut text = String::new();
    matrix::render(&mut text, &board);
    let expected = "\
engine  judged  killed  alone  cpu s to the kills
check        2       0      0                 0.0
walk         2       1      1                 3.2

";
    assert_eq!(text, expected);
    let expected = "\
# Mutants

| engine | judged | killed | alone | CPU s to the kills |
| --- | --: | --: | --: | --: |
| check | 2 | 0 | 0 | 0.0 |
| walk | 2 | 1 | 1 | 3.2 |

| kind | mutant | check | walk |
| --- | --- | --- | --- |
| - | `kinds/open` | survived 3.2 s | survived 3.2 s |
| a view goes back | `kinds/floor` | survived 3.2 s | **a.b** 3.2 s |

## Found by none

- `kinds/open`: the floor is lowered: a late write enters the next life of p1
";
    assert_eq!(matrix::markdown(&board, &totals), expected);
    Ok(())
}
