//! Prints a failing run for people.

use crate::witness::{Witness, WitnessStep};
use std::fmt::Write;

/// Maximum number of lines of a run. Longer runs are folded: a client's send and the arrival of that message share
/// a line.
const LINES_MAX: usize = 15;

/// The report on a failing run, without the commands to reproduce it. `expected`: the scope holds a design that is
/// known to be unsafe.
#[must_use]
pub fn failure(witness: &Witness, scope: &str, expected: bool) -> String {
    let mut text = String::new();
    let entry = witness.violation.invariant;
    let head = if expected { "BREAKS" } else { "FAIL" };
    let _ = writeln!(text, "{head}  {:<56} scope {scope}", entry.id);
    for line in wrap(entry.claim, 88) {
        let _ = writeln!(text, "      {line}");
    }
    let _ = writeln!(text);
    for fact in [&witness.violation.found, &witness.violation.against] {
        for line in wrap(fact, 88) {
            let _ = writeln!(text, "      {line}");
        }
    }
    let _ = writeln!(text);
    text.push_str(&lanes(&witness.steps));
    if !witness.changed.is_empty() {
        let _ = writeln!(text);
    }
    for (name, before, after) in &witness.changed {
        let _ = writeln!(text, "      ~ {name}   {before} → {after}");
    }
    text
}

/// The run as text, with a line for each step and a lane for each participant.
#[must_use]
pub fn lanes(steps: &[WitnessStep]) -> String {
    let lines = fold(steps);
    let mut text = String::new();
    let last = lines.len();
    for (at, Line { number, times, lane, what, did, fault }) in lines.iter().enumerate() {
        let sign = if at + 1 == last {
            '✗'
        } else if *fault {
            '⚡'
        } else {
            ' '
        };
        let violation = if at + 1 == last { "   ← violation" } else { "" };
        let what = if *times > 1 { format!("{what} ×{times}") } else { what.clone() };
        let arrow = if did.is_empty() { String::new() } else { format!("   {did}") };
        let _ = writeln!(text, "      {number:>2}  {sign} {lane:<5} {what:<44}{arrow}{violation}");
    }
    text
}

struct Line {
    number: usize,
    times: usize,
    lane: String,
    what: String,
    did: String,
    fault: bool,
}

fn fold(steps: &[WitnessStep]) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::new();
    let mut over = steps.len().saturating_sub(LINES_MAX);
    for (at, step) in steps.iter().enumerate() {
        if let Some(previous) = lines.last_mut()
            && at.checked_sub(1).and_then(|before| steps.get(before)).is_some_and(|b| b.choice == step.choice)
        {
            previous.times += 1;
            over = over.saturating_sub(1);
            continue;
        }
        let lane = step.choice.lane.clone();
        let mut line = Line {
            number: at + 1,
            times: 1,
            what: step.choice.text.clone(),
            did: step.said.last().cloned().unwrap_or_default(),
            fault: step.choice.is_fault(),
            lane,
        };
        let sent = at.checked_sub(1).and_then(|previous| steps.get(previous));
        let arrives = sent.is_some_and(|sent| sends(sent, step));
        if over > 0
            && arrives
            && let Some(previous) = lines.pop()
        {
            over -= 1;
            line.what = format!("{} · {}", previous.what, line.lane);
            line.lane = previous.lane;
        }
        lines.push(line);
    }
    lines
}

/// Whether the second step is the arrival of the message that the first step sends.
fn sends(first: &WitnessStep, second: &WitnessStep) -> bool {
    let sent = first.said.iter().find_map(|line| line.strip_prefix("sends "));
    sent.is_some_and(|sent| second.choice.text.ends_with(sent))
}

/// Breaks a text at spaces into lines of at most `width` characters.
#[must_use]
pub fn wrap(text: &str, width: usize) -> Vec<String> {
    let words: Vec<&str> = text.split_whitespace().collect();
    wrap_parts(&words, " ", width)
}

/// Joins parts into lines of at most `width` characters, with `between` as the separator.
#[must_use]
pub fn wrap_parts(parts: &[&str], between: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for part in parts {
        match lines.last_mut() {
            Some(line) if line.chars().count() + between.chars().count() + part.chars().count() <= width => {
                line.push_str(between);
                line.push_str(part);
            }
            Some(_) | None => lines.push((*part).to_owned()),
        }
    }
    lines
}

/// A count with its noun: `1 write`, `2 writes`.
#[must_use]
pub fn plural(count: u64, what: &str) -> String {
    if count == 1 { format!("{count} {what}") } else { format!("{count} {what}s") }
}
