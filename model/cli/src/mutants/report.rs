//! The scoreboard for people.

use super::board::Board;
use super::cells::{table, tenths};
use super::matrix;
use super::patch::Patch;
use super::row::{Baseline, Judged, Row};
use super::run_output::Finding;
use cutover_report::{Chosen as Why, Expect, MutantVerdict as Verdict};
use indicatif::HumanCount;
use std::fmt::Write as _;
use std::time::Duration;

const LONGEST_ORIGIN: usize = 32;
const HEADS: [&str; 8] = ["verdict", "patch", "bug/rule", "killed by", "scope", "states", "cpu s", "steps"];
/// Columns from this one on contain numbers and are aligned to the right.
const FIRST_NUMBER: usize = 5;

/// A table of all mutants, details on every unexpected result, and a summary line.
#[must_use]
pub fn render(board: &Board<'_>, elapsed: Duration) -> String {
    let mut text = String::new();
    if !board.rows.is_empty() {
        let mut cells = vec![HEADS.map(str::to_owned)];
        cells.extend(board.rows.iter().map(row_cells));
        table(&mut text, &cells, FIRST_NUMBER);
        text.push('\n');
    }
    for baseline in board.baselines.iter().filter(|b| !b.holds()) {
        unsound(&mut text, baseline);
    }
    for one in board.judged().filter(|one| !one.as_expected()) {
        in_full(&mut text, &one);
    }
    matrix::render(&mut text, board);
    not_run(&mut text, board);
    let _ = writeln!(text, "done  {}   {} s", sum(board), tenths(elapsed));
    text
}

/// A table of all patches.
#[must_use]
pub fn list(patches: &[&Patch]) -> String {
    let mut text = String::new();
    let heads = ["patch", "bug/rule", "expect", "invariant", "scope"];
    let mut cells = vec![heads.map(str::to_owned)];
    cells.extend(patches.iter().map(|patch| {
        [
            patch.stem().to_owned(),
            shortened(&patch.origin()),
            patch.expect.to_string(),
            patch.named(),
            patch.scope.clone().unwrap_or_else(|| "-".to_owned()),
        ]
    }));
    table(&mut text, &cells, heads.len());
    text
}

fn row_cells(row: &Row<'_>) -> [String; 8] {
    let (patch, outcome) = (row.chosen.patch, &row.outcome);
    let none = || "-".to_owned();
    let by = match (&outcome.finding.by, outcome.finding.verdict) {
        (Some(by), Verdict::Killed) => by.clone(),
        (Some(_) | None, _) => none(),
    };
    [
        outcome.finding.word().to_owned(),
        patch.stem().to_owned(),
        shortened(&patch.origin()),
        by,
        row.judge.place().map_or_else(none, str::to_owned),
        match (outcome.states, outcome.seeds) {
            (Some(states), _) => HumanCount(states).to_string(),
            (None, Some(1)) => "1 seed".to_owned(),
            (None, Some(seeds)) => format!("{} seeds", HumanCount(seeds)),
            (None, None) => none(),
        },
        tenths(outcome.cpu),
        outcome.finding.steps.map_or_else(none, |steps| HumanCount(steps).to_string()),
    ]
}

fn unsound(text: &mut String, baseline: &Baseline) {
    let finding = &baseline.outcome.finding;
    let _ = writeln!(
        text,
        "{}  {}: the mutants were not run, since their verdicts would prove nothing",
        baseline.verdict(),
        baseline.what()
    );
    reasons(text, finding, &baseline.outcome.said);
    text.push('\n');
}

fn in_full(text: &mut String, judged: &Judged<'_, '_>) {
    let Some(row) = judged.rows.iter().find(|row| !row.as_expected()).or(judged.rows.first()) else { return };
    let patch = row.chosen.patch;
    let expected = match patch.expect {
        _ if patch.equivalent.is_some() => {
            "expected nothing to fail: it is said to change nothing".to_owned()
        }
        Expect::Killed | Expect::Open if patch.any => "expected one of the engines to find it".to_owned(),
        Expect::Killed if patch.step.is_some() => {
            format!("expected a {} of {}", patch.named(), patch.scope.as_deref().unwrap_or("the trace"))
        }
        Expect::Killed => format!("expected {} to fail", patch.named()),
        Expect::Survives => "expected nothing to fail".to_owned(),
        Expect::Open => "expected a verdict".to_owned(),
        Expect::DoesNotCompile => "expected the compiler to refuse it".to_owned(),
    };
    let word = row.outcome.finding.word();
    let _ = writeln!(text, "{word}  {}: {expected}", patch.path());
    for row in judged.rows {
        reasons(text, &row.outcome.finding, &row.outcome.said);
    }
    for line in patch.header.lines().chain(patch.diff.lines()) {
        let _ = writeln!(text, "{}", format!("    | {line}").trim_end());
    }
    text.push('\n');
}

fn reasons(text: &mut String, finding: &Finding, said: &[String]) {
    for (index, line) in finding.why.lines().enumerate() {
        let label = if index == 0 { "reason" } else { "" };
        let _ = writeln!(text, "{}", format!("    {label:<6}  {line}").trim_end());
    }
    for line in said {
        let _ = writeln!(text, "    check   {line}");
    }
}

fn not_run(text: &mut String, board: &Board<'_>) {
    if board.not_run.is_empty() {
        return;
    }
    let all = board.rows.len() + board.not_run.len();
    let _ = writeln!(text, "not run  {} of {all}:", board.not_run.len());
    for one in &board.not_run {
        let drawn = if one.why == Why::Sampled { "  (drawn at random)" } else { "" };
        let _ = writeln!(text, "    {}{drawn}", one.patch.stem());
    }
    text.push('\n');
}

fn sum(board: &Board<'_>) -> String {
    let (killed, survived, broken) = board.counts();
    let mut parts = vec![format!("{killed} killed, {survived} survived, {broken} broken")];
    let unsound: Vec<_> = board.baselines.iter().filter(|b| !b.holds()).collect();
    match unsound.first() {
        Some(first) => parts.push(format!("the unmutated tree is {}", first.verdict())),
        None if board.baselines.len() < board.scopes => parts.push(format!(
            "the unmutated tree was checked over {} of {} scopes",
            board.baselines.len(),
            board.scopes
        )),
        None => parts.push("the unmutated tree holds".to_owned()),
    }
    let canaries: Vec<_> =
        board.rows.iter().filter(|row| row.chosen.patch.expect == Expect::Survives).collect();
    let alive = canaries.iter().filter(|row| row.as_expected()).count();
    match (alive, canaries.len()) {
        (_, 0) => {}
        (1, 1) => parts.push("the empty patch survives".to_owned()),
        (0, 1) => parts.push("the empty patch does not survive".to_owned()),
        (alive, all) => parts.push(format!("{alive} of {all} empty patches survive")),
    }
    let (ran, left) = (board.judged().count(), board.not_run.len());
    if left > 0 {
        let lot = if board.not_run.iter().all(|one| one.why == Why::Sampled) {
            ", the rest only drawn at random"
        } else {
            ""
        };
        parts.push(format!("{ran} of {} run{lot}", ran + left));
    }
    if board.interrupted {
        parts.push("interrupted".to_owned());
    }
    parts.join("; ")
}

fn shortened(text: &str) -> String {
    if text.chars().count() <= LONGEST_ORIGIN {
        return text.to_owned();
    }
    let kept: String = text.chars().take(LONGEST_ORIGIN - 3).collect();
    format!("{}...", kept.trim_end())
}
