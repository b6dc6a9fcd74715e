//! The verb `replay`, for a flight recording: gives one node's recorded calls to the pure machine.

use crate::{exit, refuse};
use cutover::core::control_plane::ControlPlaneStatus;
use cutover::core::trace::recording::{MAGIC, RecordingError, Replayed, frames, replay};
use cutover_report::{Console, Line, Recording, TraceVerdict};
use std::path::Path;
use std::time::Instant;

/// Whether a file begins like a recording.
pub(super) fn is_one(bytes: &[u8]) -> bool {
    bytes.starts_with(MAGIC)
}

/// Replays a recording, and prints the state in which the node ended.
pub(super) fn one(console: &Console, file: &Path, bytes: &[u8]) -> u8 {
    let (began, name) = (Instant::now(), file.display());
    let replayed = match frames(bytes).and_then(replay) {
        Ok(replayed) => replayed,
        Err(error @ RecordingError::Diverged { .. }) => {
            say(console, file, TraceVerdict::Diverged, &error.to_string(), 0);
            return exit::REVIEW;
        }
        Err(error) => return refuse(&format!("{name}: {error}"), exit::DATA),
    };
    let took = began.elapsed();
    let Replayed { calls, engine, ended } = replayed;
    let ControlPlaneStatus { config, role, term, commit, halted, .. } = engine.status();
    let state = format!("{} {role:?} in {term}, committed through {commit}", config.me);
    let (verdict, note, code) = if halted {
        (TraceVerdict::Violates, "the node found an invariant broken and stopped".to_owned(), exit::VIOLATED)
    } else if ended {
        (TraceVerdict::Holds, "the state that the node ended in".to_owned(), exit::HOLDS)
    } else {
        (
            TraceVerdict::Unknown,
            "the recording has no end: there is no state to compare with".to_owned(),
            exit::UNKNOWN,
        )
    };
    say(console, file, verdict, &format!("{calls} calls, {state}   {note}, {took:.1?}"), calls);
    code
}

fn say(console: &Console, file: &Path, verdict: TraceVerdict, note: &str, calls: u64) {
    console.say(&format!("{verdict:>8}  {}   {note}", file.display()));
    console.line(&Line::Recording(Recording {
        path: file.display().to_string(),
        verdict,
        calls,
        note: note.to_owned(),
        invariant: None,
        step: None,
    }));
}
