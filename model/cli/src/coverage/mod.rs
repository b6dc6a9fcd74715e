//! `cutover coverage`: which lines of `src/core` judged runs execute.
//!
//! A judged run is one that fails if a machine does something wrong: a search, a walk, a replay. A line that none
//! executes may do anything. Each such line is in a list with the reason; the list must be true.

mod error;
mod export;
mod html;
mod judge;
mod list;
mod print;
mod runs;
mod source;
mod tools;
mod transitions;

use crate::exit;
use cutover_model::catalog::Protocols;
use cutover_model::protocol::Set;
use cutover_report::{Console, Format};
use error::Error;
use judge::{Files, Measured};
use runs::Checkout;
use source::Source;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};

const EXAMPLES: &str = "\
Examples:
  cutover coverage                              build, run, and hold the result against the list
  cutover coverage --again                      judge the last runs again, after an edit of the list
  cutover coverage --again --html target/coverage/html
  cutover coverage --sim 100                    whether the simulator executes what is listed as its own
  cutover coverage --profiles x.profraw         with profiles of other instrumented runs";

/// Exit codes of the verb with their meanings.
const CODES: &[(u8, &str)] = &[
    (exit::HOLDS, "each line is executed, or listed with a reason"),
    (exit::VIOLATED, "a line is neither, a listed one is executed, or a run failed"),
    (exit::NOTHING, "no LLVM tools fit the compiler"),
    (exit::USAGE, "wrong command line"),
    (exit::DATA, "a list that cannot be read"),
];

/// Show which lines of the machines (`src/core`) judged runs execute, and hold the rest against a list
#[derive(Debug, clap::Args)]
#[command(after_help = format!("{EXAMPLES}\n\n{}", exit::help_of_verb(CODES)))]
pub(crate) struct Args {
    /// The scopes that are searched: few small ones for a pull request, otherwise all of the set
    #[arg(long, value_enum, default_value_t = Set::Pr)]
    set: Set,
    /// Format of the results
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
    /// The list of lines that no judged run executes
    #[arg(long, value_name = "FILE", default_value = "tests/coverage/unexecuted.txt")]
    unexecuted: PathBuf,
    /// Count these profiles of the instrumented build, too
    #[arg(long, value_name = "FILE", num_args = 1..)]
    profiles: Vec<PathBuf>,
    /// Run this many seeds of the simulator, too, and hold against them what the list says of it
    #[arg(long, value_name = "SEEDS")]
    sim: Option<u64>,
    /// Write the annotated sources as HTML into this directory
    #[arg(long, value_name = "DIR")]
    html: Option<PathBuf>,
    /// Remove the entries of the list that are not true
    #[arg(long)]
    prune: bool,
    /// Run nothing: take the profiles of the last run
    #[arg(long)]
    again: bool,
}

/// Runs the verb and returns the exit code.
pub(crate) fn run<P: Protocols>(args: &Args) -> u8 {
    let scopes = searched::<P>(args.set);
    let options = serde_json::json!({
        "scopes": scopes, "unexecuted": args.unexecuted, "profiles": args.profiles, "again": args.again,
        "sim": args.sim,
    });
    let mut console = crate::console(args.format, "coverage", &options);
    let result = judged(args, &scopes, &mut console);
    console.end();
    console.finish(result.unwrap_or_else(|error| {
        console.note(&format!("{}: {error}", crate::program::name()));
        error.exit()
    }))
}

/// The scopes that are searched.
fn searched<P: Protocols>(set: Set) -> Vec<&'static str> {
    match set {
        Set::Pr => runs::SEARCHED.to_vec(),
        Set::Nightly | Set::Regress | Set::Walk => {
            P::scopes().iter().filter(|scope| set.runs(scope.set())).map(|scope| scope.name()).collect()
        }
    }
}

fn judged(args: &Args, scopes: &[&str], console: &mut Console) -> Result<u8, Error> {
    let here = Path::new(".");
    let checkout = Checkout::find(&env::current_dir().map_err(Error::io(here))?)?;
    let tools = tools::find()?;
    let listed = read_list(&args.unexecuted)?;
    let list = list::parse(&args.unexecuted.display().to_string(), &listed)?;
    console.note("building with counters in target/coverage");
    let build = checkout.build()?;
    let runs = runs::all(scopes);
    console.begin("running", Some(u64::try_from(runs.len()).unwrap_or(0)));
    let mut failures = if args.again { Vec::new() } else { checkout.perform(&build, &runs, console)? };
    console.end();
    let export = checkout.export(&tools, &build, &args.profiles)?;
    let files = measured(&checkout.root, &export)?;
    let mut judged = judge::judge(&files, &list);
    if args.prune {
        let untrue = std::mem::take(&mut judged.untrue);
        let pruned = list::without(&listed, &|place| untrue.iter().any(|other| other.place == *place));
        fs::write(&args.unexecuted, pruned).map_err(Error::io(&args.unexecuted))?;
        console.note(&format!("removed  {} entries that were not true", untrue.len()));
    }
    if let Some(seeds) = args.sim {
        let simulated = simulated(&checkout, &tools, seeds, args.again, console)?;
        failures.extend(simulated.1);
        let (untrue, others) = judge::simulated(&judged, &simulated.0);
        judged.untrue.extend(untrue);
        print::simulated(console, &others);
    }
    let taken = transitions::read(&build.profiles())?;
    print::result(console, &files, &judged);
    print::transitions(console, &taken);
    if let Some(dir) = &args.html {
        console.note(&format!("look  {}", html::write(dir, &files, &judged, &taken)?));
    }
    for failure in &failures {
        console.say(&format!("  FAILED  {failure}"));
    }
    console.say(&print::sum(&files, &judged, &failures, console.elapsed()));
    Ok(if judged.holds() && failures.is_empty() { exit::HOLDS } else { exit::VIOLATED })
}

/// What the simulator executes, and what its failed runs said.
fn simulated(
    checkout: &Checkout,
    tools: &tools::Tools,
    seeds: u64,
    again: bool,
    console: &mut Console,
) -> Result<(Files, Vec<String>), Error> {
    console.note("building the simulator with counters in target/coverage/sim");
    let build = checkout.build_simulator()?;
    let runs = runs::simulated(seeds);
    console.begin("simulating", Some(u64::try_from(runs.len()).unwrap_or(0)));
    let failures = if again { Vec::new() } else { checkout.perform(&build, &runs, console)? };
    console.end();
    Ok((measured(&checkout.root, &checkout.export(tools, &build, &[])?)?, failures))
}

fn read_list(path: &Path) -> Result<String, Error> {
    fs::read_to_string(path).map_err(|error| Error::Unreadable {
        file: path.display().to_string(),
        line: 1,
        found: error.to_string(),
        expected: "the list of lines that no judged run executes".to_owned(),
    })
}

/// The files of an export, with their sources.
fn measured(root: &Path, export: &str) -> Result<Files, Error> {
    let mut files = Files::new();
    for (path, lines) in export::parse("llvm-cov export", export)? {
        let path = Path::new(&path);
        let text = fs::read_to_string(path).map_err(Error::io(path))?;
        let name = path.strip_prefix(root).unwrap_or(path).display().to_string();
        files.insert(name, Measured { source: Source::parse(&text), lines });
    }
    Ok(files)
}
