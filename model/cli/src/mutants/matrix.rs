//! The engines side by side: which of them finds which mutant, and after how much time.

use super::board::Board;
use super::cells::{table, tenths};
use super::row::{Judged, Row};
use cutover_report::{Engine, EngineTotal, MutantVerdict as Verdict};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

/// What each engine found; empty if only one judged.
#[must_use]
pub fn totals(board: &Board<'_>) -> Vec<EngineTotal> {
    let engines = board.engines();
    if engines.len() < 2 {
        return Vec::new();
    }
    engines.into_iter().map(|engine| total(board, engine)).collect()
}

fn total(board: &Board<'_>, engine: Engine) -> EngineTotal {
    let rows = board.rows.iter().filter(|row| row.judge.engine() == engine);
    let killed = rows.clone().filter(|row| is_killed(row));
    let alone = board.judged().filter(|one| {
        let finds = |row: &&Row<'_>| is_killed(row) && row.judge.engine() == engine;
        one.rows.len() > 1
            && one.rows.iter().filter(|row| is_killed(row)).count() == 1
            && one.rows.iter().any(|row| finds(&row))
    });
    let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
    EngineTotal {
        engine,
        judged: count(rows.count()),
        killed: count(killed.clone().count()),
        cpu_s: killed.map(|row| row.outcome.cpu).sum::<Duration>().into(),
        alone: alone.filter_map(|one| Some(one.chosen()?.patch.name.clone())).collect(),
    }
}

fn is_killed(row: &Row<'_>) -> bool {
    row.outcome.finding.verdict == Verdict::Killed
}

/// The table for people: a line for each engine.
pub fn render(text: &mut String, board: &Board<'_>) {
    let totals = totals(board);
    if totals.is_empty() {
        return;
    }
    let mut cells = vec![["engine", "judged", "killed", "alone", "cpu s to the kills"].map(str::to_owned)];
    cells.extend(totals.iter().map(|total| {
        let seconds = total.cpu_s.0;
        [
            total.engine.to_string(),
            total.judged.to_string(),
            total.killed.to_string(),
            total.alone.len().to_string(),
            tenths(seconds),
        ]
    }));
    table(text, &cells, 1);
    text.push('\n');
}

/// The scoreboard as Markdown: a table of the engines, a table of the mutants with a column for each engine, ordered by
/// kinds, and the mutants that nothing finds.
#[must_use]
pub fn markdown(board: &Board<'_>, totals: &[EngineTotal]) -> String {
    let engines = board.engines();
    let mut text = String::from("# Mutants\n\n");
    if !totals.is_empty() {
        text.push_str(
            "| engine | judged | killed | alone | CPU s to the kills |\n| --- | --: | --: | --: | --: |\n",
        );
        for total in totals {
            let EngineTotal { engine, judged, killed, alone, cpu_s } = total;
            let (alone, cpu) = (alone.len(), tenths(cpu_s.0));
            let _ = writeln!(text, "| {engine} | {judged} | {killed} | {alone} | {cpu} |");
        }
        text.push('\n');
    }
    let heads: Vec<_> = engines.iter().map(ToString::to_string).collect();
    let _ = writeln!(text, "| kind | mutant | {} |", heads.join(" | "));
    let _ = writeln!(text, "| --- | --- |{}", " --- |".repeat(engines.len()));
    let mut kinds: BTreeMap<String, Vec<Judged<'_, '_>>> = BTreeMap::new();
    for one in board.judged() {
        let Some(chosen) = one.chosen() else { continue };
        kinds.entry(chosen.patch.kind.clone().unwrap_or_else(|| "-".to_owned())).or_default().push(one);
    }
    for (kind, mutants) in &kinds {
        for one in mutants {
            let name = one.chosen().map_or("", |chosen| chosen.patch.stem());
            let cells: Vec<_> = engines.iter().map(|engine| cell(one, *engine)).collect();
            let _ = writeln!(text, "| {kind} | `{name}` | {} |", cells.join(" | "));
        }
    }
    survivors(&mut text, board);
    text
}

fn cell(one: &Judged<'_, '_>, engine: Engine) -> String {
    let Some(row) = one.rows.iter().find(|row| row.judge.engine() == engine) else { return "-".to_owned() };
    let cpu = tenths(row.outcome.cpu);
    match (&row.outcome.finding.by, row.outcome.finding.verdict) {
        (Some(by), Verdict::Killed) => format!("**{by}** {cpu} s"),
        (_, Verdict::Survived | Verdict::Killed) => {
            format!("{} {cpu} s", row.outcome.finding.word().to_lowercase())
        }
        (_, Verdict::Broken) => "broken".to_owned(),
    }
}

fn survivors(text: &mut String, board: &Board<'_>) {
    let alive = |one: &Judged<'_, '_>| one.rows.iter().all(|row| !is_killed(row));
    let survivors: Vec<_> = board.judged().filter(alive).filter_map(|one| one.chosen()).collect();
    if survivors.is_empty() {
        return;
    }
    text.push_str("\n## Found by none\n\n");
    for chosen in survivors {
        let patch = chosen.patch;
        let harm = patch.harm.as_ref().map(|harm| format!(": {harm}")).unwrap_or_default();
        let equivalent =
            patch.equivalent.as_ref().map(|why| format!(" (equivalent: {why})")).unwrap_or_default();
        let _ = writeln!(text, "- `{}`: {}{harm}{equivalent}", patch.stem(), patch.mechanism);
    }
}
