//! Shrinks a failing seed: which kinds of faults and clients it needs, and the last lines of its run.

use crate::once::once;
use crate::options::Options;
use crate::outcome::{Outcome, Verdict};
use crate::without::kinds;

/// A failing run with as few kinds of faults and clients as were found necessary.
#[derive(Clone, Debug)]
pub struct Shrunk {
    /// Names of the kinds that were switched off.
    pub without: Vec<&'static str>,
    /// Names of the kinds that the failure needs.
    pub needs: Vec<&'static str>,
    /// The result of the smaller run.
    pub outcome: Outcome,
}

fn same(one: &Outcome, other: &Outcome) -> bool {
    let id = |outcome: &Outcome| outcome.findings.first().map(|finding| finding.id);
    one.verdict == other.verdict && id(one) == id(other)
}

/// Switches off one kind of fault or client after the other, as long as the run violates the same invariant. Each
/// kind has its own random streams, so the others stay as they were.
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

/// The last informative lines of a log before the first violation: messages that arrive, and inputs from timers,
/// disk and callers, with a column for the participant.
#[must_use]
pub fn story(log: &str, lines: usize) -> Vec<String> {
    // Lines after the first violation are only the end of the run.
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
