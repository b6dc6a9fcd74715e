//! `sink`: the reference store as a program, which holds the data of partitions.

mod config;
mod init;
mod serve;

use super::{Failed, exit};
use crate::core::control_plane::StoreKind;
use crate::sink::storage::StorageError;

#[derive(Debug, clap::Subcommand)]
pub enum What {
    /// Create the directory of a store that the log knows
    Init(init::Args),
    /// Run a store until SIGTERM or Ctrl-C
    Serve(serve::Args),
}

pub(super) use serve::Beside;

pub(super) fn run(what: &What) -> Result<(), Failed> {
    match what {
        What::Init(args) => init::run(args),
        What::Serve(args) => serve::run(args),
    }
}

/// What software the store is, as the log has it.
fn kind() -> Result<StoreKind, Failed> {
    "reference".parse().map_err(|error| Failed::new(exit::INTERNAL, error))
}

/// Maps an error of a store's directory to the exit code that reports it.
fn storage_failed(error: &StorageError) -> Failed {
    match error {
        StorageError::File(error) => super::init::store_failed(error),
        StorageError::Foreign { .. }
        | StorageError::OtherEnforcement { .. }
        | StorageError::Corrupt { .. } => Failed::new(exit::DATA, error),
    }
}
