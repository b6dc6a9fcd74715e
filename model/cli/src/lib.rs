//! The command line `cutover`, the front door of the harness.
//!
//! [`main`] is for a crate with protocols of its own. [`run`] is that of `cutover` itself, which adds the verbs of
//! the simulator and of the daemon.
//!
//! May import: `cutover_report`, `core`, `cutover_model`, `cutover_model::protocol`, `cutover_model::copies`.

mod coverage;
mod front;
pub mod history_file;
pub mod mutants;
mod numbers;
mod offer;
mod program;
pub mod registers_file;
pub mod registers_writer;
pub mod review;
mod verbs;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use cutover_model::Ours;
use cutover_report::exit::Program;
use cutover_report::{Console, usage_error};
use offer::Offer;
use std::ffi::OsString;
use verbs::{history, sibling};

pub use front::main;

pub use cutover_report::{Format, exit};

/// Checks a protocol that moves a partition of live data without losing a write.
#[derive(Debug, Parser)]
#[command(name = "cutover", version, disable_help_subcommand = true, max_term_width = 100)]
#[command(after_help = exit::help(&[Program::FrontDoor, Program::Simulator, Program::Daemon]))]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    #[command(flatten)]
    OfAny(front::Verb),
    /// Run the production server on a simulated network, clock and disk, from seeds (madsim)
    #[command(disable_help_flag = true)]
    Sim(sibling::Passed),
    /// Show which lines of the machines judged runs execute, and hold the rest against a list
    Coverage(coverage::Args),
    /// Check histories of clients' operations, on the control plane or on registers, for linearizability
    History(history::Args),
    /// Create a new cluster of one node, which others can join
    #[command(disable_help_flag = true)]
    Init(sibling::Passed),
    /// Run a node until it is stopped
    #[command(disable_help_flag = true)]
    Serve(sibling::Passed),
    /// Create or run a store, which holds the data of partitions
    #[command(disable_help_flag = true)]
    Sink(sibling::Passed),
    /// Run the conformance suite of stores against one
    #[command(disable_help_flag = true)]
    Conform(sibling::Passed),
    /// Administer a cluster, and move partitions
    #[command(disable_help_flag = true)]
    Ctl(sibling::Passed),
    /// Save all committed state to a file
    #[command(disable_help_flag = true)]
    Backup(sibling::Passed),
    /// Create a new cluster from a backup
    #[command(disable_help_flag = true)]
    Restore(sibling::Passed),
    /// Continue with a single node after a quorum is lost; what only the lost nodes had is lost
    #[command(disable_help_flag = true)]
    Recover(sibling::Passed),
    /// Show a move under load: a cluster, stores and gateways on this machine
    #[command(disable_help_flag = true)]
    Demo(sibling::Passed),
    /// Print a completion script for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

/// Runs a command line and returns the exit code.
pub fn run(args: impl IntoIterator<Item = OsString>) -> u8 {
    let matches = match front::command::<Cli, Ours>(Offer::Server).try_get_matches_from(args) {
        Ok(matches) => matches,
        Err(error) => return usage::<Cli>(&error),
    };
    let verb = match Cli::from_arg_matches(&matches) {
        Ok(cli) => cli.verb,
        Err(error) => return usage::<Cli>(&error),
    };
    match verb {
        Verb::OfAny(verb) => {
            let build = mutants::Build::of_package("cutover-cli", "cutover", "mutant");
            verb.run::<Ours>(&matches, Offer::Server, build)
        }
        Verb::Sim(args) => sibling::simulate(&args),
        Verb::Coverage(args) => coverage::run::<Ours>(&args),
        Verb::History(args) => history::run(&args),
        Verb::Init(args) => sibling::operate("init", &args),
        Verb::Serve(args) => sibling::operate("serve", &args),
        Verb::Sink(args) => sibling::operate("sink", &args),
        Verb::Conform(args) => sibling::operate("conform", &args),
        Verb::Ctl(args) => sibling::operate("ctl", &args),
        Verb::Backup(args) => sibling::operate("backup", &args),
        Verb::Restore(args) => sibling::operate("restore", &args),
        Verb::Recover(args) => sibling::operate("recover", &args),
        Verb::Demo(args) => sibling::operate("demo", &args),
        Verb::Completions { shell } => {
            let mut command = front::command::<Cli, Ours>(Offer::Server);
            clap_complete::generate(shell, &mut command, "cutover", &mut std::io::stdout());
            exit::HOLDS
        }
    }
}

/// Prints an error of command-line parsing. clap's own exit code for it, 2, would mean `UNKNOWN` here.
fn usage<C: CommandFactory>(error: &clap::Error) -> u8 {
    if !error.use_stderr() {
        let _ = error.print();
        return exit::HOLDS;
    }
    if error.kind() == clap::error::ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        let verbs: Vec<String> =
            C::command().get_subcommands().map(|verb| verb.get_name().to_owned()).collect();
        return refuse(&format!("no verb given, expected one of {}", verbs.join(", ")), exit::USAGE);
    }
    refuse(&usage_error(error), exit::USAGE)
}

/// Starts the output of a verb.
fn console(format: Format, command: &str, options: &impl serde::Serialize) -> Console {
    Console::new(format, command, env!("CARGO_PKG_VERSION"), options)
}

/// Prints a one-line error message, and returns the exit code `code`.
fn refuse(what: &str, code: u8) -> u8 {
    eprintln!("{}: {what}", program::name());
    code
}
