//! `init`: founds a cluster. Only `init`, `restore` and `recover` make a voter out of an empty disk.

use super::{Failed, NodeConfig, exit};
use crate::core::control_plane::{Founder, Registered};
use crate::core::migration::Caps;
use crate::core::raft::SessionLimits;
use crate::node::store::{Store, StoreError};
use std::path::PathBuf;

/// The options of `init`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  cutover init --config n1.toml && cutover serve --config n1.toml")]
pub struct Args {
    /// The node's configuration
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
}

/// The initial state of a new cluster, with this node as its only voter.
pub(super) fn founder(config: &NodeConfig) -> Founder {
    let registered = Registered { identity: config.identity.clone(), endpoints: config.endpoints.clone() };
    let voters = vec![(config.raft.me, registered)];
    Founder { voters, caps: Caps::PRODUCTION, sessions: SessionLimits::PRODUCTION }
}

/// Maps an error of the node's store to the exit code that reports it.
pub(super) fn store_failed(error: &StoreError) -> Failed {
    let world = matches!(error, StoreError::Io { .. } | StoreError::Refused { .. });
    let code = if world { exit::INTERNAL } else { exit::DATA };
    Failed::new(code, error)
}

pub(super) fn run(args: &Args) -> Result<(), Failed> {
    let config = NodeConfig::load(&args.config).map_err(|error| Failed::new(exit::USAGE, error))?;
    let disk = founder(&config).disk().map_err(|error| Failed::new(exit::INTERNAL, error))?;
    let store =
        Store::create(&config.data, &config.store_identity(), &disk).map_err(|error| store_failed(&error))?;
    store.close().map_err(|error| store_failed(&error))?;
    println!(
        "founded {} with {} ({}) in {}",
        config.raft.cluster,
        config.raft.me,
        config.identity,
        config.data.display()
    );
    Ok(())
}
