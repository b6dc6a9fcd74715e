//! The command line of `cutover sim`.

use crate::campaign::{self, Campaign};
use crate::report::{Report, code};
use crate::without;
use clap::Parser;
use cutover_report::exit::{self, Program};
use cutover_report::{Format, usage_error};
use std::ffi::OsString;
use std::path::PathBuf;

const EXAMPLES: &str = "\
Examples:
  cutover sim --seeds 200              run two hundred seeds
  cutover sim --seed 0x2a              run one seed again
  cutover sim --seed 0x2a --log x.txt  write all its events to a file
  cutover sim --seed 0x2a --recordings runs
  cutover sim --seed 0x2a --list-options
  cutover sim --seed 0x2a --without crash,lag
";

/// Runs the production server on a simulated network, clock and disk, from seeds.
#[derive(Debug, Parser)]
#[command(name = "cutover sim", version, max_term_width = 100)]
#[command(after_help = format!("{EXAMPLES}\n{}", exit::help(&[Program::Simulator])))]
struct Args {
    /// Run this seed (decimal, or hexadecimal after 0x)
    #[arg(long, value_parser = number, conflicts_with_all = ["seeds", "from"])]
    seed: Option<u64>,
    /// Number of seeds to run
    #[arg(long, default_value_t = 100)]
    seeds: u64,
    /// First seed
    #[arg(long, value_parser = number, default_value = "1")]
    from: u64,
    /// Seeds to run in parallel [default: one per processor]
    #[arg(long)]
    jobs: Option<usize>,
    /// Format of the results
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// Stop at the first seed that does not hold
    #[arg(long)]
    fail_fast: bool,
    /// Run every seed twice, and compare the runs
    #[arg(long)]
    twice: bool,
    /// Also record each node's calls and what each partition with data was given, and replay the recordings through the pure machines
    #[arg(long)]
    check_recordings: bool,
    /// Write the recordings of a seed that does not hold to this directory: of the partitions that it is about, and of each start of a node
    #[arg(long, value_name = "DIR")]
    recordings: Option<PathBuf>,
    /// Switch off these kinds of faults and of clients, separated by commas
    #[arg(long, value_delimiter = ',')]
    without: Vec<String>,
    /// Print the options that the seeds expand into, and run nothing
    #[arg(long)]
    list_options: bool,
    /// Write all events of the seed to a file
    #[arg(long, requires = "seed")]
    log: Option<PathBuf>,
}

fn number(text: &str) -> Result<u64, String> {
    let parsed = match text.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16),
        None => text.parse(),
    };
    parsed.map_err(|error| format!("{text:?} is not a seed: {error}"))
}

/// Runs a command line and returns the exit code.
pub fn run(args: impl IntoIterator<Item = OsString>) -> u8 {
    let args = match Args::try_parse_from(args) {
        Ok(args) => args,
        Err(error) if !error.use_stderr() => {
            let _printed = error.print();
            return exit::HOLDS;
        }
        Err(error) => {
            eprintln!("cutover sim: {}", usage_error(&error));
            return exit::USAGE;
        }
    };
    let without = match without::named(&args.without) {
        Ok(without) => without,
        Err(wrong) => {
            eprintln!("cutover sim: --without: {wrong}");
            return exit::USAGE;
        }
    };
    let (from, seeds) = args.seed.map_or((args.from, args.seeds), |seed| (seed, 1));
    let processors = || std::thread::available_parallelism().ok().map(Into::into);
    let campaign = Campaign {
        jobs: args.jobs.or_else(processors).unwrap_or(1),
        fail_fast: args.fail_fast,
        twice: args.twice,
        check_recordings: args.check_recordings,
        shrinks: args.format == Format::Human,
        without,
        ..Campaign::new(from, seeds)
    };
    if args.list_options {
        return list(&campaign);
    }
    if let Some(path) = &args.log {
        return log(&campaign, path);
    }
    let mut report = Report::new(args.format, campaign.clone(), args.without).writing(args.recordings);
    campaign::all(&campaign, |ran| report.ran(&ran));
    report.finish()
}

fn list(campaign: &Campaign) -> u8 {
    for at in 0..campaign.seeds {
        match serde_json::to_string(&campaign.options(campaign.from.wrapping_add(at))) {
            Ok(line) => println!("{line}"),
            Err(_) => return exit::INTERNAL,
        }
    }
    if campaign.seeds == 0 { exit::NOTHING } else { exit::HOLDS }
}

fn log(campaign: &Campaign, path: &PathBuf) -> u8 {
    let outcome = campaign::once(&campaign.options(campaign.from), true, campaign.check_recordings);
    if let Err(error) = std::fs::write(path, outcome.log.as_deref().unwrap_or_default()) {
        eprintln!("cutover sim: {}: {error}", path.display());
        return exit::INTERNAL;
    }
    println!("{} {:016x} {} events", outcome.verdict, outcome.hash, outcome.events);
    for finding in &outcome.findings {
        println!("{} {}; {}", finding.id, finding.found, finding.against);
    }
    println!("{}", outcome.note);
    code(outcome.verdict)
}
