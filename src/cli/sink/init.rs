//! `sink init`: creates the directory of a store, with what the log has committed so far as its beginning.

use super::config::SinkConfig;
use super::{kind, storage_failed};
use crate::cli::connect::{Connect, block_on, failed};
use crate::cli::ctl::At;
use crate::cli::init::store_failed;
use crate::cli::{Failed, exit};
use crate::client::{Client, ClientError};
use crate::core::control_plane::{StoreFacts, StoreStatement};
use crate::core::fence::{Enforcement, FenceLimits};
use crate::core::ids::{Epoch, Incarnation, PartitionId, Placement};
use crate::core::placement::Guarantee;
use crate::node::server::Listener;
use crate::node::store::draw_id;
use crate::sink::storage::{Beginning, Setup, SinkIdentity, Storage};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// The options of `sink init`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "The log has to know the store first: `cutover ctl stores add`. The directory begins with what the log has committed by now, and \
    is closed to all that was before, since nobody can tell a store that is new from one that lost its data. A store that \
    served under this name before must be down, and stay down.\n\n\
    Example:\n  cutover sink init --config eu-1.toml --store eu-1 -e localhost:7112"
)]
pub struct Args {
    /// The store's configuration
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Name or number of the store in the log
    #[arg(long)]
    store: At,
    /// The store checks no tokens, so it cannot be sealed: the log has it as `timed`
    #[arg(long)]
    cannot_seal: bool,
    #[command(flatten)]
    connect: Connect,
}

pub(super) fn run(args: &Args) -> Result<(), Failed> {
    let config = SinkConfig::load(&args.config).map_err(|error| Failed::new(exit::USAGE, error))?;
    let client = args.connect.client()?;
    let enforcement = if args.cannot_seal { Enforcement::Nothing } else { Enforcement::Tokens };
    let (name, store, beginning) = block_on(async {
        // What serves as this store on this machine has its port. It must not take anything that comes after the beginning is read.
        let _mine =
            Listener::bind(config.listen).await.map_err(|error| Failed::new(exit::UNAVAILABLE, error))?;
        let (store, facts) = known(&client, &args.store).await?;
        fits(&config, enforcement, &facts)?;
        let beginning = beginning(&client, &config).await?;
        Ok((facts.name, store, beginning))
    })?;
    let incarnation = Incarnation(draw_id().map_err(|error| store_failed(&error))?);
    let identity = SinkIdentity { store, incarnation };
    let setup = Setup { enforcement, limits: FenceLimits::PRODUCTION };
    let storage = Storage::create(&config.data, identity, setup, &beginning);
    storage.and_then(Storage::close).map_err(|error| storage_failed(&error))?;
    let (at, who) = (config.data.display(), &config.identity);
    println!("created store {name} ({identity}, {who}) in {at}");
    let Beginning { migration, epoch, partitions, .. } = beginning;
    let many = partitions.len();
    println!("begins after {migration}, closed through {epoch}, and through the epochs of {many} partitions");
    Ok(())
}

/// The store as the log has it.
async fn known(client: &Client, store: &At) -> Result<(Placement, StoreFacts), Failed> {
    let wire = store.store(client).await?;
    let number = Placement(wire.store);
    let facts = StoreFacts::try_from(wire).map_err(|error| Failed::new(exit::INTERNAL, error))?;
    Ok((number, facts))
}

/// Checks that the store is what the log has of it.
fn fits(config: &SinkConfig, enforcement: Enforcement, facts: &StoreFacts) -> Result<(), Failed> {
    let guarantee = match enforcement {
        Enforcement::Tokens => Guarantee::Sealed,
        Enforcement::Nothing => Guarantee::Timed,
    };
    let stated = StoreStatement { kind: kind()?, guarantee, identity: config.identity.clone() };
    facts.check(&stated).map_err(|mismatch| {
        let hint = match (mismatch.what, enforcement) {
            ("guarantee", Enforcement::Tokens) => "; a store that cannot seal is created with --cannot-seal",
            ("guarantee", Enforcement::Nothing) => "; leave out --cannot-seal",
            (_, Enforcement::Tokens | Enforcement::Nothing) => "",
        };
        Failed::new(exit::REFUSED, format!("{}: {mismatch}{hint}", facts.name))
    })
}

/// What the log has committed. The highest migration is read last: all that is committed while the records are read is below it.
async fn beginning(client: &Client, config: &SinkConfig) -> Result<Beginning, Failed> {
    let refused = |error: ClientError| failed(&error);
    let mut partitions = BTreeMap::new();
    let mut after = None;
    loop {
        let page = client.list(after).await.map_err(refused)?;
        partitions.extend(page.records.iter().map(|one| (PartitionId(one.partition), Epoch(one.epoch))));
        after = page.records.last().map(|last| PartitionId(last.partition));
        if !page.more || after.is_none() {
            break;
        }
    }
    // The log gives no partition this number: what it says of it holds for all that are gone.
    let (epoch, migration) = client.floor(PartitionId(u64::MAX)).await.map_err(refused)?;
    Ok(Beginning { known_as: config.identity.to_string(), migration, epoch, partitions })
}
