//! The operator's verbs: run a node, found a cluster, administer it, save it and bring it back.
//!
//! May import: `cutover_report`, `core`, `node`, `client`.

#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    clippy::disallowed_macros,
    clippy::result_large_err,
    reason = "the edge: a command line"
)]

mod backup;
mod config;
mod connect;
mod ctl;
mod init;
mod ports;
mod recover;
mod serve;

pub use config::{ConfigError, NodeConfig};

use clap::Subcommand;

pub use cutover_report::{Format, exit};

/// What an operator does.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Found a new cluster of one node; the others join it
    Init(init::Args),
    /// Run a node until it is told to stop
    Serve(serve::Args),
    /// Administer a cluster, and move partitions
    Ctl(ctl::Args),
    /// Save everything that is committed into a file
    Backup(backup::Args),
    /// Found a new cluster with what a backup holds
    Restore(recover::RestoreArgs),
    /// Go on with one node after the loss of a quorum: what only the lost nodes knew is lost
    Recover(recover::Args),
}

/// What went wrong, on one line, and the exit code that says so.
#[derive(Debug)]
pub struct Failed {
    /// The line.
    pub line: String,
    /// The code.
    pub code: u8,
}

impl Failed {
    pub(crate) fn new(code: u8, line: impl core::fmt::Display) -> Self {
        Self { line: line.to_string(), code }
    }
}

/// Does it, and returns the exit code.
#[must_use]
pub fn run(verb: Verb) -> u8 {
    let done = match verb {
        Verb::Init(args) => init::run(&args),
        Verb::Serve(args) => serve::run(&args),
        Verb::Ctl(args) => ctl::run(args),
        Verb::Backup(args) => backup::run(&args),
        Verb::Restore(args) => recover::restore(&args),
        Verb::Recover(args) => recover::run(&args),
    };
    match done {
        Ok(()) => exit::DONE,
        Err(Failed { line, code }) => {
            eprintln!("cutover: {line}");
            code
        }
    }
}
