//! `init`: founds a cluster. Only `init`, `restore` and `recover` make a voter out of an empty disk.

use super::{Failed, NodeConfig, exit};
use crate::core::control_plane::{Founder, Stores};
use crate::core::ids::{ClusterId, DirectoryId, HistoryId};
use crate::core::migration::Caps;
use crate::core::raft::SessionLimits;
use crate::node::store::{Store, StoreError, StoreIdentity, draw_id};
use std::path::PathBuf;

/// The options of `init`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  cutover init --config n1.toml && cutover serve --config n1.toml")]
pub struct Args {
    /// The node's configuration
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
}

/// The initial state of a cluster with this node as its only voter, and the identity of its data directory, newly drawn.
pub(super) fn founder(config: &NodeConfig) -> Result<(Founder, StoreIdentity), StoreError> {
    let identity = StoreIdentity { node: config.node, directory: DirectoryId(draw_id()?) };
    let me = config.raft(identity.directory).me;
    let founder = Founder {
        cluster: ClusterId(draw_id()?),
        history: HistoryId(draw_id()?),
        voters: vec![(me, config.registered())],
        caps: Caps::PRODUCTION,
        sessions: SessionLimits::PRODUCTION,
        stores: Stores::none(),
    };
    Ok((founder, identity))
}

/// Maps an error of the node's store to the exit code that reports it.
pub(super) fn store_failed(error: &StoreError) -> Failed {
    let world = matches!(error, StoreError::Io { .. } | StoreError::Refused { .. });
    let code = if world { exit::INTERNAL } else { exit::DATA };
    Failed::new(code, error)
}

pub(super) fn run(args: &Args) -> Result<(), Failed> {
    let config = NodeConfig::load(&args.config).map_err(|error| Failed::new(exit::USAGE, error))?;
    let (founder, identity) = founder(&config).map_err(|error| store_failed(&error))?;
    let disk = founder.disk().map_err(|error| Failed::new(exit::INTERNAL, error))?;
    let store = Store::create(&config.data, &identity, &disk).map_err(|error| store_failed(&error))?;
    store.close().map_err(|error| store_failed(&error))?;
    println!(
        "founded cluster {} with {} ({}) in {}",
        founder.cluster,
        config.node,
        config.identity,
        config.data.display()
    );
    println!(
        "the other nodes join it: start them without `init`, and run `cutover ctl members add HOST:PORT` here"
    );
    Ok(())
}
