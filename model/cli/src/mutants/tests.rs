//! Tests of headers, verdicts and the scoreboard, on fabricated input.

use super::board::Board;
use super::error::Error;
use super::judge::Judge;
use super::lines;
use super::patch::Patch;
use super::report;
use super::row::{Baseline, Row};
use super::run_output::{Finding, RunOutput};
use super::runner::Outcome;
use super::select::Chosen;
use cutover_report::{Chosen as Why, MutantVerdict as Verdict};
use std::time::Duration;

mod engines;
mod header;

const GOOD: &str = "\
# bug: 112
# source: osproxy-control #88
# mechanism: the watermark is read
#   before writes stop
# invariant: migration.no-lost-write
# scope: migration/moves
diff --git a/src/migration.rs b/src/migration.rs
--- a/src/migration.rs
+++ b/src/migration.rs
@@ -1 +1 @@
--- a/no header
+b
";

/// The patch [`GOOD`], changed to be judged by a trace.
fn by_trace() -> String {
    let judged = "# invariant: migration.no-lost-write\n# scope: migration/moves";
    GOOD.replace(judged, "# trace: traces/regress/x.trace\n# step: 5")
}

fn scope(complete: bool) -> String {
    format!(
        "{{\"type\":\"scope\",\"scope\":\"s\",\"complete\":{complete},\"generated\":9,\"unique\":7,\
         \"depth\":3,\"seconds\":0.5}}\n"
    )
}

fn ruling(invariant: &str, verdict: &str) -> String {
    format!(
        "{{\"type\":\"verdict\",\"scope\":\"s\",\"invariant\":\"{invariant}\",\
         \"verdict\":\"{verdict}\",\"steps\":4,\"trace\":null}}\n"
    )
}

#[test]
fn only_the_named_invariant_kills() -> Result<(), Error> {
    let patch = Patch::parse("x.patch", GOOD)?;
    let named = "migration.no-lost-write";
    let judge = |stdout: &str, late: Option<&str>| {
        let finding = RunOutput::read(stdout).judge(&patch, "exit status: 64", late);
        (finding.verdict, finding.unknown, finding.by, finding.why)
    };
    let (yes, no) = (scope(true), scope(false));
    let (fails, holds) = (ruling(named, "VIOLATED"), ruling(named, "HOLDS"));
    let other = ruling("sink.prefix", "VIOLATED");
    let (killed, survived, broken) = (Verdict::Killed, Verdict::Survived, Verdict::Broken);
    let by = |id: &str| Some(id.to_owned());
    assert_eq!(
        judge(&format!("{no}{other}{fails}"), None),
        (killed, false, by(named), format!("{named} fails"))
    );
    assert_eq!(
        judge(&format!("{yes}{other}{holds}"), None),
        (survived, false, by("sink.prefix"), format!("sink.prefix fails instead: {named} holds"))
    );
    assert_eq!(
        judge(&format!("{no}{holds}"), None),
        (survived, true, None, format!("the search ended before {named} was decided"))
    );
    assert_eq!(
        judge("{\"type\":\"sco", Some("stopped after 2m")),
        (survived, true, None, format!("stopped after 2m before {named} was decided"))
    );
    assert_eq!(
        judge("", None),
        (broken, false, None, format!("check gave no verdict on {named}: exit status: 64"))
    );
    Ok(())
}

/// A seed that violates the named invariant kills the mutant; one that violates another invariant does not.
#[test]
fn a_seed_kills_by_the_named_invariant() -> Result<(), Error> {
    let patch = Patch::parse("sim/x.patch", &GOOD.replace("migration/moves", "sim"))?;
    assert_eq!((Judge::named(patch.scope.as_deref()), patch.stem()), (Judge::Seeds, "sim/x"));
    let seed = |verdict: &str, invariant: &str| {
        format!(
            "{{\"type\":\"seed\",\"seed\":\"0x1\",\"verdict\":\"{verdict}\",\"invariant\":{invariant}}}\n"
        )
    };
    let (holds, unknown) = (seed("HOLDS", "null"), seed("UNKNOWN", "null"));
    let fails = seed("VIOLATED", "\"migration.no-lost-write\"");
    let (other, stuck) = (seed("VIOLATED", "\"watch.no-gap\""), seed("STUCK", "\"run.converges\""));
    let end = "{\"type\":\"run-finished\",\"exit\":0,\"seconds\":1}\n";
    let judge = |lines: String, late: Option<&str>| {
        let finding = RunOutput::read(&lines).judge(&patch, "exit status: 70", late);
        (finding.verdict, finding.unknown, finding.by)
    };
    let by = |id: &str| Some(id.to_owned());
    let (killed, survived, broken) = (Verdict::Killed, Verdict::Survived, Verdict::Broken);
    assert_eq!(judge(format!("{holds}{fails}{end}"), None), (killed, false, by("migration.no-lost-write")));
    assert_eq!(judge(format!("{other}{end}"), None), (survived, false, by("watch.no-gap")));
    assert_eq!(judge(format!("{stuck}{end}"), None), (survived, false, by("run.converges")));
    assert_eq!(judge(format!("{holds}{unknown}{end}"), None), (survived, false, None));
    assert_eq!(judge(format!("{unknown}{end}"), None), (survived, true, None));
    assert_eq!(judge(holds.clone(), Some("stopped after 2m")), (survived, true, None));
    assert_eq!(judge(holds.clone(), None), (broken, false, None));
    assert_eq!(judge(end.to_owned(), None), (broken, false, None));
    let all = RunOutput::read(&format!("{holds}{holds}{end}")).judge_seeds(None, "", None);
    assert_eq!((all.verdict, all.unknown, all.why.as_str()), (survived, false, "2 seeds hold"));
    let wrong = RunOutput::read(&format!("{holds}{other}{end}")).judge_seeds(None, "", None);
    assert_eq!((wrong.verdict, wrong.by), (killed, by("watch.no-gap")));
    Ok(())
}

/// A trace kills a mutant by diverging at the named step. Any other result does not kill it, and makes a baseline
/// fail.
#[test]
fn a_trace_kills_where_it_is_to_diverge() -> Result<(), Error> {
    let patch = Patch::parse("x.patch", &by_trace())?;
    let line = |verdict: &str, invariant: &str, step: &str| {
        format!(
            "{{\"type\":\"trace\",\"path\":\"x\",\"verdict\":\"{verdict}\",\"as_recorded\":false,\
             \"invariant\":{invariant},\"step\":{step}}}\n"
        )
    };
    let (killed, survived, broken) = (Verdict::Killed, Verdict::Survived, Verdict::Broken);
    let by = |what: &str| Some(what.to_owned());
    let cases = [
        (line("DIVERGED", "null", "5"), killed, by("divergence at step 5"), killed),
        (line("DIVERGED", "null", "4"), survived, by("divergence at step 4"), killed),
        (line("VIOLATES", "\"sink.prefix\"", "5"), survived, by("sink.prefix"), killed),
        (line("STALE", "null", "null"), survived, None, killed),
        (line("HOLDS", "null", "null"), survived, None, survived),
        (String::new(), broken, None, broken),
    ];
    for (stdout, as_mutant, found, as_baseline) in cases {
        let said = RunOutput::read(&stdout);
        let finding = said.judge(&patch, "exit status: 65", None);
        assert_eq!((finding.verdict, finding.unknown, finding.by), (as_mutant, false, found), "{stdout}");
        assert_eq!(said.judge_trace(None, "exit status: 65", None).verdict, as_baseline, "{stdout}");
    }
    let late = RunOutput::read("").judge(&patch, "", Some("stopped after 2m"));
    assert_eq!((late.verdict, late.unknown), (survived, true));
    Ok(())
}

#[test]
fn where_nothing_may_fail_a_search_that_does_not_end_is_unknown() {
    let word = |stdout: String| {
        let finding = RunOutput::read(&stdout).judge_all("", None);
        (finding.verdict, finding.unknown)
    };
    let holds = ruling("a.b", "HOLDS");
    assert_eq!(word(scope(true) + &holds), (Verdict::Survived, false));
    assert_eq!(word(scope(false) + &holds), (Verdict::Survived, true));
    assert_eq!(word(holds), (Verdict::Survived, true));
    let fails = scope(true) + &ruling("a.b", "VIOLATED");
    assert_eq!(word(fails), (Verdict::Killed, false));
    assert_eq!(word(scope(true)), (Verdict::Broken, false));
    // A design that must break ends when it does.
    let of_design = |text: String| text.replace("\"scope\":\"s\"", "\"scope\":\"d\"");
    let design = of_design(scope(false)).replace("\"depth\":3", "\"depth\":3,\"expect\":\"a.b\"")
        + &of_design(ruling("a.b", "VIOLATED") + &ruling("c.d", "UNKNOWN"));
    let holds = ruling("a.b", "HOLDS");
    assert_eq!(word(scope(true) + &design + &holds), (Verdict::Survived, false));
    assert_eq!(word(scope(false) + &design + &holds), (Verdict::Survived, true));
}

fn outcome(verdict: Verdict, by: Option<&str>, why: &str) -> Outcome {
    Outcome {
        finding: Finding {
            steps: (verdict == Verdict::Killed).then_some(11),
            ..Finding::new(verdict, by, why.to_owned())
        },
        states: Some(1_318_902),
        seeds: None,
        cpu: Duration::from_millis(3_250),
        said: vec!["HOLDS     a.b".to_owned()],
    }
}

fn three_patches() -> Result<[Patch; 3], Error> {
    let rule = GOOD.replace("# bug: 112", "# rule: compare and swap on the epoch, or else nothing");
    let empty = "# mechanism: none\n# invariant: none\n# scope: s\n# expect: survives\n";
    Ok([
        Patch::parse("none.patch", empty)?,
        Patch::parse("watermark.patch", GOOD)?,
        Patch::parse("cas.patch", &rule)?,
    ])
}

fn row(patch: &Patch, outcome: Outcome) -> Row<'_> {
    let judge = Judge::named(patch.scope.as_deref());
    Row { chosen: Chosen { patch, why: Why::Named }, judge, outcome }
}

fn board(patches: &[Patch; 3]) -> Board<'_> {
    let [none, watermark, cas] = patches;
    let id = Some("migration.no-lost-write");
    Board {
        scopes: 1,
        baselines: vec![Baseline {
            judge: Judge::Scope("s".to_owned()),
            outcome: outcome(Verdict::Survived, None, "all invariants hold"),
        }],
        rows: vec![
            row(none, outcome(Verdict::Survived, None, "all invariants hold")),
            row(watermark, outcome(Verdict::Killed, id, "it fails")),
            row(cas, outcome(Verdict::Survived, None, "it holds")),
        ],
        not_run: Vec::new(),
        interrupted: false,
    }
}

#[test]
fn the_scoreboard_shows_a_survivor_in_full() -> Result<(), Error> {
    let patches = three_patches()?;
    let board = board(&patches);
    assert_eq!(board.exit(), 1);
    let expected = "\
verdict   patch      bug/rule                          killed by                scope               states  cpu s  steps
SURVIVED  none       -                                 -                        s                1,318,902    3.2      -
KILLED    watermark  112                               migration.no-lost-write  migration/moves  1,318,902    3.2     11
SURVIVED  cas        compare and swap on the epoch...  -                        migration/moves  1,318,902    3.2      -

SURVIVED  tests/mutants/cas.patch: expected migration.no-lost-write to fail
    reason  it holds
    check   HOLDS     a.b
    | # rule: compare and swap on the epoch, or else nothing
    | # source: osproxy-control #88
    | # mechanism: the watermark is read
    | #   before writes stop
    | # invariant: migration.no-lost-write
    | # scope: migration/moves
    | diff --git a/src/migration.rs b/src/migration.rs
    | --- a/src/migration.rs
    | +++ b/src/migration.rs
    | @@ -1 +1 @@
    | --- a/no header
    | +b

done  1 killed, 1 survived, 0 broken; the unmutated tree holds; the empty patch survives   212 s
";
    assert_eq!(report::render(&board, Duration::from_millis(212_700)), expected);
    Ok(())
}

#[test]
fn the_exit_code_tells_wrong_from_unknown_from_nothing() -> Result<(), Error> {
    let patches = three_patches()?;
    let mut all = board(&patches);
    let survivor = all.rows.pop().map(|row| row.chosen);
    assert_eq!(all.exit(), 0);
    all.not_run.extend(survivor.map(|one| Chosen { why: Why::Sampled, ..one }));
    assert_eq!(all.exit(), 0);
    let text = report::render(&all, Duration::ZERO);
    let tail = "not run  1 of 3:\n    cas  (drawn at random)\n\ndone  1 killed, 0 survived, 0 broken; \
                the unmutated tree holds; the empty patch survives; 2 of 3 run, the rest only drawn \
                at random   0.0 s\n";
    assert!(text.ends_with(tail), "{text}");
    all.not_run.extend(survivor);
    assert_eq!(all.exit(), 2);
    all.rows.clear();
    all.not_run.clear();
    assert_eq!(all.exit(), 4);
    all.baselines.iter_mut().for_each(|b| b.outcome.finding.unknown = true);
    assert_eq!(all.exit(), 2);
    all.baselines.iter_mut().for_each(|b| b.outcome.finding.verdict = Verdict::Killed);
    assert_eq!(all.exit(), 1);
    Ok(())
}

#[test]
fn a_machine_reads_the_line_of_a_mutant() -> Result<(), Error> {
    let patches = three_patches()?;
    let board = board(&patches);
    let lines: Vec<_> = board.rows.iter().map(lines::mutant).collect();
    let text = serde_json::to_string(&lines[1]).unwrap();
    let expected = "{\"type\":\"mutant\",\"bug\":112,\"rule\":null,\"patch\":\"watermark.patch\",\
                    \"engine\":\"check\",\"verdict\":\"KILLED\",\"unknown\":false,\
                    \"expect\":\"killed\",\"as_expected\":true,\
                    \"named\":\"migration.no-lost-write\",\"by\":\"migration.no-lost-write\",\
                    \"scope\":\"migration/moves\",\"states\":1318902,\"seeds\":null,\"cpu_s\":3.25,\
                    \"steps\":11,\"why\":\"it fails\"}";
    assert_eq!(text, expected);
    Ok(())
}
