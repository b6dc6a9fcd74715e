//! The results of `coverage`, for people and for machines.

use super::judge::{Block, Files, Judged, Measured};
use super::list::Place;
use super::transitions::Taken;
use crate::numbers::count;
use cutover_report::{Console, Coverage, Line, Transitions, Unexecuted};
use indicatif::HumanCount;
use std::collections::BTreeMap;
use std::time::Duration;

/// How many lines a file has, and what became of them.
#[derive(Default)]
pub(super) struct Row<'a> {
    pub(super) path: &'a str,
    pub(super) lines: u64,
    pub(super) executed: u64,
    pub(super) listed: u64,
}

impl<'a> Row<'a> {
    pub(super) fn new(path: &'a str, measured: &Measured, judged: &Judged) -> Self {
        let executed = measured.lines.values().filter(|count| **count > 0).count();
        let listed = judged.blocks.iter().filter(|block| block.place.path == path && block.reason.is_some());
        Self {
            path,
            lines: count(measured.lines.len()),
            executed: count(executed),
            listed: listed.map(|block| count(block.lines.len())).sum(),
        }
    }

    pub(super) const fn unlisted(&self) -> u64 {
        self.lines.saturating_sub(self.executed).saturating_sub(self.listed)
    }
}

/// Prints a table of the files, then what is not listed in the list's own words, then what the list says wrongly.
pub(super) fn result(console: &Console, files: &Files, judged: &Judged) {
    let rows: Vec<Row<'_>> = files.iter().map(|(path, measured)| Row::new(path, measured, judged)).collect();
    console.say(&format!(
        "{:<48} {:>6} {:>9} {:>8} {:>7} {:>9}",
        "file", "lines", "executed", "", "listed", "unlisted"
    ));
    for row in &rows {
        if row.executed < row.lines {
            console.say(&format!(
                "{:<48} {:>6} {:>9} {:>8} {:>7} {:>9}",
                row.path,
                row.lines,
                row.executed,
                percent(row.executed, row.lines),
                row.listed,
                row.unlisted()
            ));
        }
        console.line(&Line::Coverage(Coverage {
            path: row.path.to_owned(),
            lines: row.lines,
            executed: row.executed,
            listed: row.listed,
        }));
    }
    let whole = rows.iter().filter(|row| row.executed == row.lines).count();
    console.say(&format!("{whole} other files are executed whole"));
    console.say("");
    for block in &judged.blocks {
        console.line(&Line::Unexecuted(Box::new(unexecuted(block))));
    }
    for block in judged.unlisted() {
        let line = block.lines.first().copied().unwrap_or(0);
        console.say(&format!("UNLISTED  {}  (line {line})", block.place));
    }
    for untrue in &judged.untrue {
        console.say(&format!("  UNTRUE  {}: {}", untrue.place, untrue.why));
        console.line(&Line::Untrue { entry: untrue.place.to_string(), why: untrue.why.clone() });
    }
}

/// Prints the transitions that walks took.
pub(super) fn transitions(console: &Console, scopes: &BTreeMap<String, Taken>) {
    console.say(&format!("{:<48} {:>10} {:>9} {:>12}", "walked", "steps", "states", "transitions"));
    for (scope, Taken { steps, states, transitions, never }) in scopes {
        let steps = HumanCount(*steps).to_string();
        console.say(&format!("{scope:<48} {steps:>10} {states:>9} {transitions:>12}"));
        if !never.is_empty() {
            console.say(&format!("   NEVER  {}", never.join(" · ")));
        }
        console.line(&Line::Transitions(Transitions {
            scope: scope.clone(),
            states: *states,
            transitions: *transitions,
            never: never.clone(),
        }));
    }
    console.say("");
}

/// Names what the simulator executes and the list gives another reason for.
pub(super) fn simulated(console: &Console, others: &[Place]) {
    for place in others {
        console.say(&format!("     SIM  {place}"));
        console.line(&Line::Simulated { entry: place.to_string() });
    }
    console
        .say(&format!("{} listed places are executed by the simulator and say another reason", others.len()));
    console.say("");
}

fn unexecuted(Block { place, lines, reason }: &Block) -> Unexecuted {
    Unexecuted {
        path: place.path.clone(),
        function: place.function.clone(),
        line: lines.first().copied().unwrap_or(0),
        lines: count(lines.len()),
        code: place.lines.as_ref().map(|(_, text)| text.clone()),
        reason: reason.clone(),
    }
}

/// The last line: the sums, and how long it took.
pub(super) fn sum(files: &Files, judged: &Judged, failures: &[String], took: Duration) -> String {
    let rows = || files.iter().map(|(path, measured)| Row::new(path, measured, judged));
    let (lines, executed) = (rows().map(|row| row.lines).sum(), rows().map(|row| row.executed).sum());
    let (listed, unlisted): (u64, u64) =
        (rows().map(|row| row.listed).sum(), rows().map(|row| row.unlisted()).sum());
    format!(
        "    done  {} of {} lines executed ({}), {listed} listed with a reason, {unlisted} neither; \
         {} untrue entries, {} failed runs, {took:.1?}",
        HumanCount(executed),
        HumanCount(lines),
        percent(executed, lines),
        judged.untrue.len(),
        failures.len()
    )
}

/// A share with one decimal, rounded down: `100.0 %` is all of it.
pub(super) fn percent(part: u64, whole: u64) -> String {
    let tenths = part.saturating_mul(1_000).checked_div(whole).unwrap_or(1_000);
    format!("{}.{} %", tenths / 10, tenths % 10)
}
