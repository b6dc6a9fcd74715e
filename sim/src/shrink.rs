//! What a failing seed can do without, and what is left of it in a few lines.

use crate::once::once;
use crate::options::Options;
use crate::outcome::{Outcome, Verdict};
use crate::without::kinds;

/// A failing run with as little around it as was found.
#[derive(Clone, Debug)]
pub struct Shrunk {
    /// What it does without.
    pub without: Vec<&'static str>,
    /// What it needs, of what can be left out.
    pub needs: Vec<&'static str>,
    /// The run.
    pub outcome: Outcome,
}

fn same(one: &Outcome, other: &Outcome) -> bool {
    let id = |outcome: &Outcome| outcome.findings.first().map(|finding| finding.id);
    one.verdict == other.verdict && id(one) == id(other)
}

/// Leaves out one kind of fault and of client after the other, as long as the run breaks the same invariant. Each kind draws
/// from a stream of its own, so that the others happen as before.
#[must_use]
pub fn shrink(options: &Options, failed: &Outcome, lowering: bool) -> Option<Shrunk> {
    if matches!(failed.verdict, Verdict::Holds | Verdict::Unknown) {
        return None;
    }
    let (mut least, mut without, mut needs) = (options.clone(), Vec::new(), Vec::new());
    for (name, leave_out) in kinds() {
        let mut fewer = least.clone();
        leave_out.of(&mut fewer);
        if fewer == least {
            continue;
        }
        if same(&once(&fewer, false, lowering), failed) {
            least = fewer;
            without.push(name);
        } else {
            needs.push(name);
        }
    }
    let outcome = once(&least, true, lowering);
    same(&outcome, failed).then_some(Shrunk { without, needs, outcome })
}

/// The last lines of a log, up to what was found, that say something new: what arrives and what is said to a machine by its timers, its disk and its
/// callers; each with its participant in a column.
#[must_use]
pub fn story(log: &str, lines: usize) -> Vec<String> {
    // What comes after the first finding is the end of the run.
    let found = |line: &&str| line.split_whitespace().nth(1).is_some_and(|who| who.starts_with("judge"));
    let through = log.lines().position(|line| found(&line)).map_or(usize::MAX, |at| at + 1);
    let told: Vec<String> = log.lines().take(through).filter_map(line).collect();
    told.get(told.len().saturating_sub(lines)..).unwrap_or_default().to_vec()
}

fn line(line: &str) -> Option<String> {
    let mut words = line.trim_start().splitn(3, ' ');
    let (at, who, rest) = (words.next()?, words.next()?, words.next()?);
    let (what, words) = rest.split_once(" [")?;
    let words = words.split_once(']').map_or("", |(_, words)| words.trim());
    let (lane, words) = match (what, words) {
        ("goes" | "was" | "durable", _) => return None,
        ("call", words) if words.starts_with("Handle(Received") => return None,
        ("call", words) => (who, words.to_owned()),
        (what, words) if who.starts_with("net") => {
            let (link, body) = words.split_once(' ').unwrap_or((words, ""));
            let (from, to) = link.split_once("->").unwrap_or((link, ""));
            let fault = if what == "arrives" { "" } else { "⚡ " };
            let lane = if what == "arrives" { to } else { from };
            (lane, format!("{fault}{body}, from {from} to {to}, {what}"))
        }
        (what @ ("boots" | "ends" | "pauses" | "resumes" | "loses its disk"), _) => {
            (who, format!("⚡ {what}"))
        }
        (what, words) if who.starts_with("judge") => ("✗", format!("{what}: {words}")),
        (what, words) => (who, format!("{what} {words}")),
    };
    let words: String = words.chars().take(120).collect();
    Some(format!("{at:.10}  {lane:<5} {words}"))
}
