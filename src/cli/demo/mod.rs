//! `demo`: a cluster with stores, gateways and load in real processes on loopback; a partition moves there and back, and at the end each
//! acknowledged write is looked for.

mod chaos;
mod clock;
mod cluster;
mod event;
mod gateway;
mod history;
mod memory;
mod moves;
mod page;
mod part;
mod place;
mod plot;
mod ports;
mod run;
mod series;
mod table;
mod told;
mod verdict;

pub use part::Role;
pub(super) use part::run as run_part;

use super::{Failed, Format, exit};
use crate::core::fence::VALUE_BYTES_MAX;
use crate::node::store::draw_id;
use cutover_report::Console;
use place::Place;
use serde_json::json;
use std::path::PathBuf;

const EXAMPLES: &str = "\
Examples:
  cutover demo
  cutover demo --chaos --seed 7
  cutover demo --rows 1000000 --moves 20 --dir runs/demo
  cutover demo --rows 5000 --moves 200 --writers 8 --chaos     rounds of kill -9, one at least in each move

Three nodes, two stores and two gateways run as processes on loopback, without certificates. Each
writer has a row, its register, that it writes again and again; for each four of them another client
reads and compares-and-sets registers. Each write notes its value in a row of a ledger as well. At the
end the ledgers, the registers and the table are read back, and the history is judged.";

const CODES: &[(u8, &str)] = &[
    (exit::DONE, "nothing is lost, nothing was done twice, the history is linearizable"),
    (exit::REFUSED, "a write is lost or was done twice, or the history is not linearizable"),
    (exit::INDETERMINATE, "interrupted, or the history could not be judged"),
    (exit::UNSETTLED, "a move did not end, or nothing was acknowledged"),
    (exit::USAGE, "wrong command line"),
    (exit::UNAVAILABLE, "no free ports"),
    (exit::INTERNAL, "a process did not start or ended by itself, or a file could not be written"),
];

/// The options of `demo`.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = format!("{EXAMPLES}\n\n{}", exit::help_of_verb(CODES)))]
pub struct Args {
    /// Rows of the partition before the load begins
    #[arg(long, value_name = "N", default_value_t = 100_000, value_parser = clap::value_parser!(u64).range(1..=10_000_000))]
    rows: u64,
    /// Bytes of the value of each of these rows
    #[arg(long, value_name = "N", default_value_t = 256, value_parser = clap::value_parser!(u64).range(1..=VALUE_BYTES_MAX as u64))]
    value_bytes: u64,
    /// How long the load lasts, at least; it goes on until the last move has ended
    #[arg(long, value_name = "SECONDS", default_value_t = 15)]
    seconds: u64,
    /// Clients that write, of both gateways together
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = clap::value_parser!(u64).range(2..=1000))]
    writers: u64,
    /// Moves, one after the other: to the other store, back, and so on
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    moves: u64,
    /// Kill nodes, stores and gateways: soon after each move has begun, and now and then
    #[arg(long)]
    chaos: bool,
    /// Which process is killed when; without it, drawn at random
    #[arg(long, value_name = "SEED")]
    seed: Option<u64>,
    /// An empty directory for configurations, data, logs and the history, which are kept; without it, they are removed unless something
    /// is wrong
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Where the page with throughput and latency over time is written
    #[arg(long, value_name = "PATH", default_value = "runs/demo.html")]
    html: PathBuf,
    /// Format of the results
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// Runs the verb, and returns the exit code.
pub(super) fn run(args: &Args) -> u8 {
    let seed = args.seed.map_or_else(|| draw_id().map(|drawn| drawn % 1_000_000), Ok);
    let seed = match seed {
        Ok(seed) => seed,
        Err(error) => return failed(&Failed::new(exit::INTERNAL, error)),
    };
    let options = json!({
        "rows": args.rows, "value_bytes": args.value_bytes, "seconds": args.seconds, "writers": args.writers, "moves": args.moves,
        "chaos": args.chaos, "seed": seed, "dir": args.dir, "html": args.html,
    });
    let place = match Place::make(args.dir.as_deref()) {
        Ok(place) => place,
        Err(error) => return failed(&error),
    };
    let console = Console::new(args.format, "demo", env!("CARGO_PKG_VERSION"), &options);
    let code = match run::run(&console, args, seed, place.path()) {
        Ok(code) => code,
        Err(error) => failed(&error),
    };
    if let Some(kept) = place.end(code == exit::DONE) {
        console.note(&format!("files     {}", kept.display()));
    }
    console.finish(code)
}

fn failed(error: &Failed) -> u8 {
    eprintln!("cutover: {}", error.line);
    error.code
}
