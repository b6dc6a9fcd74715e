//! The verb `replay`.

use super::{replay_partition, replay_recording};
use crate::numbers::count;
use crate::offer::Offer;
use crate::{Format, exit, program, refuse};
use cutover::core::trace::Trace;
use cutover_model::catalog::{Protocols, scope_of};
use cutover_model::replay::{Ending, Replayed};
use cutover_report::{Console, Line, Trace as TraceLine, TraceVerdict};
use serde_json::json;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// Run stored traces again, through the machines of this build
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Files with traces, or directories of them
    #[arg(value_name = "FILE|DIR", required = true)]
    paths: Vec<PathBuf>,
    /// Record the present effects of each choice in the trace files, if all choices still exist
    #[arg(long)]
    accept: bool,
    /// Format of the results
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

/// The verb in a program that replays recordings of nodes, too.
pub fn with_recordings(replay: clap::Command) -> clap::Command {
    replay.mut_arg("paths", |paths| {
        paths.help("Files with traces or recordings of nodes and partitions, or directories of them")
    })
}

/// Runs the verb.
pub fn run<P: Protocols>(args: &Args, offer: Offer) -> u8 {
    let mut files = Vec::new();
    for path in &args.paths {
        if let Err(error) = gather(path, extensions(offer), &mut files) {
            return refuse(&format!("{}: cannot be read: {error}", path.display()), exit::DATA);
        }
    }
    let options = json!({ "paths": args.paths.iter().map(|p| p.display().to_string()).collect::<Vec<_>>() });
    let console = crate::console(args.format, "replay", &options);
    let mut codes = Vec::new();
    for file in &files {
        if args.accept {
            accept::<P>(&console, file);
        }
        codes.push(one::<P>(&console, file, offer));
    }
    let worst = [exit::DATA, exit::VIOLATED, exit::REVIEW, exit::UNKNOWN]
        .into_iter()
        .find(|code| codes.contains(code));
    let code = if codes.is_empty() { exit::NOTHING } else { worst.unwrap_or(exit::HOLDS) };
    if codes.is_empty() {
        eprintln!("{}: no file ends in .{} there", program::name(), extensions(offer).join(" or ."));
    }
    console.finish(code)
}

/// The extensions of the files that are replayed.
const fn extensions(offer: Offer) -> &'static [&'static str] {
    match offer {
        Offer::Protocols => &["trace"],
        Offer::Server => &["trace", "recording"],
    }
}

/// The files at a path with one of these extensions, in order.
pub(super) fn gather(path: &Path, extensions: &[&str], files: &mut Vec<PathBuf>) -> std::io::Result<()> {
    if !path.is_dir() {
        std::fs::metadata(path)?;
        files.push(path.to_owned());
        return Ok(());
    }
    let mut entries: Vec<PathBuf> =
        std::fs::read_dir(path)?.map(|entry| entry.map(|entry| entry.path())).collect::<Result<_, _>>()?;
    entries.sort();
    for entry in entries {
        if entry.is_dir() {
            gather(&entry, extensions, files)?;
        } else if entry.extension().is_some_and(|found| extensions.iter().any(|known| found == *known)) {
            files.push(entry);
        }
    }
    Ok(())
}

/// Rewrites a trace whose choices still exist but have other effects. A reviewer sees the difference in the file.
fn accept<P: Protocols>(console: &Console, file: &Path) {
    let Ok(trace) = read(file) else { return };
    let Ok(scope) = scope_of::<P>(&trace) else { return };
    let anew = match scope.recorded_anew(&trace) {
        Ok(anew) if anew == trace => return,
        Ok(anew) => anew,
        Err((step, why)) => {
            return console.say(&format!("    KEPT  {}   step {step}: {why}", file.display()));
        }
    };
    match super::report::write_whole(file, &anew.to_string()) {
        Ok(()) => console.say(&format!("ACCEPTED  {}", file.display())),
        Err(error) => eprintln!("{}: {}: cannot be written: {error}", program::name(), file.display()),
    }
}

fn one<P: Protocols>(console: &Console, file: &Path, offer: Offer) -> u8 {
    let began = Instant::now();
    let name = file.display();
    if offer == Offer::Server
        && let Ok(bytes) = std::fs::read(file)
    {
        if replay_recording::is_one(&bytes) {
            return replay_recording::one(console, file, &bytes);
        }
        if replay_partition::is_one(&bytes) {
            return replay_partition::one(console, file, &bytes);
        }
    }
    let replayed = match read(file) {
        Ok(trace) => {
            scope_of::<P>(&trace).and_then(|scope| scope.replay(&trace)).map_err(|error| error.to_string())
        }
        Err(error) => Err(error),
    };
    let Replayed { ending, as_recorded, of_a_design } = match replayed {
        Ok(replayed) => replayed,
        Err(error) => return refuse(&format!("{name}: {error}"), exit::DATA),
    };
    let took = began.elapsed();
    let note = if as_recorded { "as recorded" } else { "not as recorded" };
    let (verdict, line, invariant, step) = match &ending {
        Ending::Holds => (TraceVerdict::Holds, format!("   HOLDS  {name}   {note}, {took:.1?}"), None, None),
        Ending::Violates { violation, step } => {
            let (id, found, against) = (violation.invariant.id, &violation.found, &violation.against);
            let facts = format!("          {found}\n          {against}");
            (
                TraceVerdict::Violates,
                format!("VIOLATES  {id} at step {step}   {name}   {note}, {took:.1?}\n{facts}"),
                Some(id),
                Some(*step),
            )
        }
        Ending::Diverged { step, why } => {
            (TraceVerdict::Diverged, format!("DIVERGED  step {step}   {name}   {why}"), None, Some(*step))
        }
        Ending::Stale { mark } => {
            (TraceVerdict::Stale, format!("   STALE  {name}   did not reach: {mark}"), None, None)
        }
    };
    console.say(&line);
    console.line(&Line::Trace(TraceLine {
        path: name.to_string(),
        verdict,
        as_recorded,
        invariant: invariant.map(str::to_owned),
        step: step.map(count),
    }));
    match ending {
        Ending::Violates { .. } if as_recorded && of_a_design => exit::HOLDS,
        Ending::Violates { .. } => exit::VIOLATED,
        Ending::Holds if as_recorded => exit::HOLDS,
        Ending::Holds | Ending::Diverged { .. } | Ending::Stale { .. } => exit::REVIEW,
    }
}

/// Reads a trace.
pub(super) fn read(file: &Path) -> Result<Trace, String> {
    let bytes = std::fs::read(file).map_err(|error| format!("cannot be read: {error}"))?;
    let text = String::from_utf8(bytes).map_err(|_| "is not text, expected a cutover-trace".to_owned())?;
    Trace::parse(&text).map_err(|error| error.to_string())
}
