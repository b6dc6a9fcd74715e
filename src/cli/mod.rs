//! The operator's commands: run a node, found a cluster, administer it, back it up, restore or recover it; run a store.
//!
//! May import: `cutover_report`, `core`, `node`, `sink`, `sink::storage`, `client`, `conform`.

#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    clippy::disallowed_macros,
    clippy::result_large_err,
    reason = "the edge: a command line"
)]

mod backup;
mod config;
mod config_file;
mod conform;
mod connect;
mod ctl;
mod demo;
mod init;
mod metrics;
mod ports;
mod process;
mod recover;
mod reload;
mod serve;
mod sink;

pub use config::NodeConfig;
pub use config_file::ConfigError;

use clap::Subcommand;

pub use cutover_report::{Format, exit};

/// The operator's commands, as `clap` parses them; [`run`] executes one.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Found a new cluster with this node as its only member; other nodes are admitted later
    Init(init::Args),
    /// Run a node until SIGTERM or Ctrl-C
    Serve(serve::Args),
    /// Create or run a store, which holds the data of partitions
    #[command(subcommand)]
    Sink(sink::What),
    /// Administer a cluster and move partitions
    Ctl(ctl::Args),
    /// Run the conformance suite of stores against one
    Conform(conform::Args),
    /// Save the committed state of a cluster to a file
    Backup(backup::Args),
    /// Found a new cluster with the state in a backup
    Restore(recover::RestoreArgs),
    /// Continue with one node after a quorum is lost for good; entries only the lost nodes had are lost
    Recover(recover::Args),
    /// Show a move under load: a cluster, stores and gateways on this machine
    Demo(demo::Args),
    /// One process of a demo
    #[command(subcommand, hide = true)]
    DemoPart(demo::Role),
}

/// Why a command failed, and the exit code that reports it.
#[derive(Debug)]
pub struct Failed {
    /// The message for stderr, on one line.
    pub line: String,
    /// The exit code, one of [`exit`].
    pub code: u8,
}

impl Failed {
    pub(crate) fn new(code: u8, line: impl core::fmt::Display) -> Self {
        Self { line: line.to_string(), code }
    }
}

/// Executes a command, prints its error to stderr, and returns the exit code.
#[must_use]
pub fn run(verb: Verb) -> u8 {
    let done = match verb {
        Verb::Init(args) => init::run(&args),
        Verb::Serve(args) => serve::run(&args),
        Verb::Sink(what) => sink::run(&what),
        Verb::Ctl(args) => ctl::run(args),
        Verb::Conform(args) => conform::run(&args),
        Verb::Backup(args) => backup::run(&args),
        Verb::Restore(args) => recover::restore(&args),
        Verb::Recover(args) => recover::run(&args),
        Verb::Demo(args) => return demo::run(&args),
        Verb::DemoPart(role) => demo::run_part(&role),
    };
    match done {
        Ok(()) => exit::DONE,
        Err(Failed { line, code }) => {
            eprintln!("cutover: {line}");
            code
        }
    }
}
