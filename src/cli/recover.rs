//! Disaster recovery: founds a new cluster from the data directory of one node (`recover`) or from a backup
//! (`restore`). Works offline, only with `--yes`, and writes an audit record next to the new data.

use super::init::{founder, store_failed};
use super::{Failed, NodeConfig, exit};
use crate::core::control_plane::{ControlPlaneEntry, ControlPlaneState};
use crate::core::migration::{Operator, Reason};
use crate::core::raft::{Applied, Content, Entry};
use crate::node::store::{Store, backup};
use core::time::Duration;
use serde_json::json;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The options of `recover`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Use it only when a quorum is lost for good. Entries that only the lost nodes had are lost.\n\
    The data directory in the configuration must not exist yet. It begins a new history of the cluster: lost nodes that come \
    back are refused.\n\nExample:\n  cutover recover --from /var/lib/cutover --config n1-new.toml --operator ann \
    --reason 'n2 and n3 burned' --yes"
)]
pub struct Args {
    /// Data directory of the surviving node
    #[arg(long, value_name = "DIR")]
    from: PathBuf,
    /// Configuration of the surviving node, with a new data directory
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    #[command(flatten)]
    decision: Decision,
}

/// The options of `restore`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Everything that was committed after the backup is lost.\n\n\
    Example:\n  cutover restore --from cluster.backup --config n1.toml --operator ann --reason 'all disks lost' --yes")]
pub struct RestoreArgs {
    /// The backup file
    #[arg(long, value_name = "FILE")]
    from: PathBuf,
    /// Configuration of the new cluster's first node; its data directory must not exist yet
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    #[command(flatten)]
    decision: Decision,
}

/// The responsible operator, for the audit record.
#[derive(Debug, clap::Args)]
struct Decision {
    /// Name of the responsible operator, for the audit record
    #[arg(long)]
    operator: String,
    /// Reason, for the audit record
    #[arg(long)]
    reason: String,
    /// Do it; without this flag, only print what may be lost
    #[arg(long)]
    yes: bool,
}

/// What an operator looks at, and types, for the migrations that a recovery holds.
const HELD: &str = "\
          Writes to these partitions are refused until you release them. Look at both stores:
          - the target has applied writes of clients: it owns the partition, `ctl release NAME --accept-target`
          - otherwise the source owns it: `ctl release NAME --resume` moves it anew, `--keep-source` leaves it there";

struct Order<'a> {
    config: NodeConfig,
    /// The configuration's file.
    file: &'a Path,
    from: &'a Path,
    decision: &'a Decision,
}

pub(super) fn run(args: &Args) -> Result<(), Failed> {
    let config = NodeConfig::load(&args.config).map_err(|error| Failed::new(exit::USAGE, error))?;
    let found = Store::identify(&args.from).map_err(|error| store_failed(&error))?;
    if config.node != found.node {
        let line = format!("{}: node {}, expected {}", args.config.display(), config.node, found.node);
        return Err(Failed::new(exit::USAGE, line));
    }
    let (store, durable) = Store::open(&args.from, found.node).map_err(|error| store_failed(&error))?;
    store.close().map_err(|error| store_failed(&error))?;
    let applied: Applied<ControlPlaneState> =
        durable.assume_committed().map_err(|error| Failed::new(exit::DATA, error))?;
    println!("found     {found} of cluster {}, history {}", applied.machine().cluster(), applied.history());
    println!("          its log ends at {}, its term is {}", durable.log.last(), durable.hard_state.term);
    println!("may be lost: everything that the cluster committed after {}:", applied.last().index);
    lost(&applied);
    println!(
        "may be new:  of the entries after {}, some were never acknowledged:",
        durable.snapshot.last.index
    );
    for (kind, count) in kinds(durable.log.from(durable.snapshot.last.index.next(), u32::MAX)) {
        println!("          {count} {kind}");
    }
    refound(Order { config, file: &args.config, from: &args.from, decision: &args.decision }, applied)
}

pub(super) fn restore(args: &RestoreArgs) -> Result<(), Failed> {
    let config = NodeConfig::load(&args.config).map_err(|error| Failed::new(exit::USAGE, error))?;
    let wrong =
        |error: &dyn core::fmt::Display| Failed::new(exit::DATA, format!("{}: {error}", args.from.display()));
    let bytes = std::fs::read(&args.from).map_err(|error| wrong(&error))?;
    let backup = backup::decode(&bytes).map_err(|error| wrong(&error))?;
    let applied: Applied<ControlPlaneState> = backup.snapshot.applied().map_err(|error| wrong(&error))?;
    let (cluster, history) = (applied.machine().cluster(), applied.history());
    println!("found     a backup of cluster {cluster}, history {history}, through {}", backup.snapshot.last);
    println!("may be lost: everything that was committed after {}:", backup.snapshot.last.index);
    lost(&applied);
    refound(Order { config, file: &args.config, from: &args.from, decision: &args.decision }, applied)
}

/// Prints what a new history lacks, by kind.
fn lost(applied: &Applied<ControlPlaneState>) {
    let (table, members) = (applied.machine().table(), applied.configuration().members());
    let members: Vec<String> = members.iter().map(|member| member.peer.node.to_string()).collect();
    let debts =
        table.records().filter(|record| record.placed.is_some_and(|placed| placed.debt.is_some())).count();
    println!(
        "          creations, deletions and moves of partitions: {} are known\n          \
         flips and aborts of moves in flight: those known are held, see below\n          \
         debts of forced moves, and their settlements: {debts} are known\n          \
         members admitted or removed: {} are known; all but this node leave\n          \
         sessions of clients: their requests without an answer stay unknown; watchers resynchronise",
        table.records().count(),
        members.join(" ")
    );
}

/// How many entries there are of each kind.
fn kinds(entries: &[Entry<ControlPlaneEntry>]) -> BTreeMap<&'static str, usize> {
    let mut kinds = BTreeMap::new();
    for entry in entries {
        let kind = match &entry.content {
            Content::Payload { payload: ControlPlaneEntry::MembershipChange(_), .. } => {
                "changes of the members"
            }
            Content::Payload { payload: ControlPlaneEntry::StoreChange(_), .. } => "changes of the stores",
            Content::Payload { payload: ControlPlaneEntry::OrderChange(_), .. } => "orders",
            Content::Payload { payload: ControlPlaneEntry::LeaderConfiguration { .. }, .. } => {
                "beginnings of terms"
            }
            Content::Payload {
                payload: ControlPlaneEntry::OwnershipTransition(_) | ControlPlaneEntry::NamedTransition { .. },
                ..
            } => "changes of placements",
            Content::OpenSession | Content::CloseSession(_) => "sessions opened or closed",
        };
        *kinds.entry(kind).or_insert(0) += 1;
    }
    kinds
}

/// Waits until no write of the lost history can take effect any more. A store that cannot refuse such a write would apply it to
/// a copy of the new history, as one of that copy's own, and what is missing there would count as copied (ADR 0032). The new
/// history does not exist before, and the lost one resolves no more writes.
fn wait_for_late_writes(config: &NodeConfig) {
    let wait = Duration::from_millis(config.policy.barrier_ms());
    println!(
        "waiting   {wait:?}, as long as a write that the lost history admitted may be on its way to a store"
    );
    std::thread::sleep(wait);
}

fn refound(order: Order<'_>, applied: Applied<ControlPlaneState>) -> Result<(), Failed> {
    let usage = |error: &dyn core::fmt::Display| Failed::new(exit::USAGE, error);
    let operator = Operator::try_from(order.decision.operator.to_owned()).map_err(|error| usage(&error))?;
    let reason = Reason::try_from(order.decision.reason.to_owned()).map_err(|error| usage(&error))?;
    let moving: Vec<String> = in_flight(&applied);
    for line in &moving {
        println!("held      {line}: its flip, or its abort, may have been committed and lost");
    }
    if !moving.is_empty() {
        println!("{HELD}");
    }
    if !order.decision.yes {
        return Err(Failed::new(exit::USAGE, "nothing was done: add --yes to proceed"));
    }
    let config = &order.config;
    wait_for_late_writes(config);
    let last = applied.last();
    let before = applied.history();
    let cluster = applied.machine().cluster();
    let (founder, identity) = founder(config).map_err(|error| store_failed(&error))?;
    let now_s = std::time::SystemTime::UNIX_EPOCH.elapsed().map_or(0, |since| since.as_secs());
    let disk = founder.continued(applied, now_s).map_err(|error| Failed::new(exit::INTERNAL, error))?;
    let store = Store::create(&config.data, &identity, &disk).map_err(|error| store_failed(&error))?;
    store.close().map_err(|error| store_failed(&error))?;
    let audit = json!({
        "type": "recovery", "from": order.from.display().to_string(), "node": identity.to_string(),
        "cluster": cluster.to_string(), "history": founder.history.to_string(), "history_before": before.to_string(),
        "last_index": last.index.0, "last_term": last.term.0, "operator": operator.as_ref(),
        "reason": reason.as_ref(), "check": moving,
        "at_unix_s": now_s,
    });
    let path = config.data.join("recovery.json");
    std::fs::write(&path, format!("{audit}\n"))
        .map_err(|error| Failed::new(exit::INTERNAL, format!("{}: {error}", path.display())))?;
    println!(
        "began     history {} of cluster {cluster}, with {identity} alone, in {}, audit record in {}",
        founder.history,
        config.data.display(),
        path.display()
    );
    println!(
        "next      `cutover serve --config {}`, then start the other nodes on empty directories and add each with `cutover ctl \
         members add HOST:PORT`",
        order.file.display()
    );
    Ok(())
}

fn in_flight(applied: &Applied<ControlPlaneState>) -> Vec<String> {
    let state = applied.machine();
    let moving = state.table().records().filter(|record| record.draining_epoch().is_some());
    let name = |record: &crate::core::migration::PartitionRecord| {
        let name =
            state.directory().name(record.partition).map(|name| format!(" ({name})")).unwrap_or_default();
        let placed = record.placed.map(|placed| placed.state.to_string()).unwrap_or_default();
        format!("{}{name} {placed}@{}", record.partition, record.epoch)
    };
    moving.map(name).collect()
}
