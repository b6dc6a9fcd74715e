//! The verb `replay`, for the recording of a partition: gives its machines and their judge what they were given in a run.

use crate::numbers::count;
use crate::{exit, refuse};
use cutover::core::trace::partition::{MAGIC, frames};
use cutover_model::copies::{Replayed, replay};
use cutover_report::{Console, Line, Recording, TraceVerdict};
use std::path::Path;
use std::time::Instant;

/// Whether a file begins like a recording of a partition.
pub(super) fn is_one(bytes: &[u8]) -> bool {
    bytes.starts_with(MAGIC)
}

/// Replays a recording, and prints the first violation with the steps before it.
pub(super) fn one(console: &Console, file: &Path, bytes: &[u8]) -> u8 {
    let (began, name) = (Instant::now(), file.display());
    let replayed = match frames(bytes).and_then(replay) {
        Ok(replayed) => replayed,
        Err(error) => return refuse(&format!("{name}: {error}"), exit::DATA),
    };
    let (verdict, note, code) = judged(&replayed);
    let note = format!("{}: {} steps   {note}", replayed.partition, replayed.steps);
    let first = replayed.violations.first();
    let violated =
        first.map_or_else(String::new, |at| format!("  {} at step {}", at.violation.id.entry().id, at.step));
    console.say(&format!("{verdict:>8}{violated}  {name}   {note}, {:.1?}", began.elapsed()));
    if let Some(at) = first {
        console.say(&format!("          {}\n          {}", at.violation.found, at.violation.against));
        console.say(&replayed.told.join("\n"));
    }
    console.line(&Line::Recording(Recording {
        path: name.to_string(),
        verdict,
        calls: replayed.steps,
        note,
        invariant: first.map(|at| at.violation.id.entry().id.to_owned()),
        step: first.map(|at| at.step),
    }));
    code
}

fn judged(replayed: &Replayed) -> (TraceVerdict, String, u8) {
    let Replayed { violations, recorded, ended, strays, unjudged, .. } = replayed;
    let same = if replayed.as_recorded() { "as recorded" } else { "not as recorded" };
    if !violations.is_empty() {
        let lies = ", the machines hold: the failure lies in the edge or at a gateway";
        let lies = if replayed.machines_hold() { lies } else { "" };
        return (TraceVerdict::Violates, format!("{same}{lies}"), exit::VIOLATED);
    }
    if !ended {
        let note = "the recording has no end: there is no state to compare with".to_owned();
        return (TraceVerdict::Unknown, note, exit::UNKNOWN);
    }
    if let Some((step, id)) = recorded.first() {
        let note = format!("not as recorded: the run found {id} at step {step}");
        return (TraceVerdict::Holds, note, exit::REVIEW);
    }
    if let Some(store) = strays.first() {
        let note =
            format!("the machines of {} stores end otherwise, as that of {store}", count(strays.len()));
        return (TraceVerdict::Diverged, note, exit::REVIEW);
    }
    if let Some(row) = unjudged {
        let note = format!("the history of row {row} was not judged to its end");
        return (TraceVerdict::Unknown, note, exit::UNKNOWN);
    }
    (TraceVerdict::Holds, format!("{same}: a failure of the run lies in the edge alone"), exit::HOLDS)
}
