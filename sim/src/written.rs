//! The recordings of a seed that does not hold, as files.

use crate::campaign::Ran;
use crate::outcome::Recording;
use cutover::core::invariant::Id;
use std::path::Path;

/// Writes the recordings of a seed, of its smaller run if there is one, and returns what a report says of them: the commands that replay
/// those of partitions, and what a replay shows.
#[must_use]
pub fn recordings(directory: Option<&Path>, ran: &Ran) -> Vec<String> {
    let outcome = ran.shrunk.as_ref().map_or(&ran.outcome, |shrunk| &shrunk.outcome);
    let (mut lines, mut nodes) = (Vec::new(), false);
    for recording in &outcome.recordings {
        let Recording { name, bytes, holds } = recording;
        if *holds == Some(true) {
            let rows = Id::Linearizable.entry().id;
            let callers = outcome.findings.iter().all(|finding| finding.id == rows);
            let lies = if callers { "in the edge or at a gateway" } else { "in the edge alone" };
            lines.push(format!("  edge        the machines of {name} hold: the failure lies {lies}"));
        }
        let Some(directory) = directory else { continue };
        let path = directory.join(format!("{:#x}-{name}.recording", ran.seed));
        if let Err(error) = std::fs::create_dir_all(directory).and_then(|()| std::fs::write(&path, bytes)) {
            lines.push(format!("  recording   {}: cannot be written: {error}", path.display()));
        } else if holds.is_some() {
            lines.push(format!("  replay      cutover replay {}", path.display()));
        } else {
            nodes = true;
        }
    }
    let directory = directory.filter(|_| nodes);
    lines.extend(directory.map(|at| format!("  nodes       cutover replay {}", at.display())));
    lines
}
