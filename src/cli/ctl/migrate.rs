//! `ctl migrate`, and what belongs to it: a move with one command.

use super::follow::{self, Until};
use super::print::{Out, name, placement};
use super::{At, Named};
use crate::cli::connect::failed;
use crate::cli::{Failed, exit};
use crate::client::Client;
use crate::core::control_plane::{Drain, MoveOrder, OrderChange, OrderOf};
use crate::core::ids::{Epoch, MigrationId, PartitionId, Placement};
use crate::core::migration::{Expected, Reason, Transition};
use crate::node::proto::{PartitionSelector, v1};
use bytesize::ByteSize;
use core::time::Duration;
use serde_json::json;

#[derive(Debug, clap::Args)]
#[command(
    group(clap::ArgGroup::new("what").required(true)),
    after_help = "A move that is under way to the same store is followed, with new options if you give some. Ctrl-C leaves it under way.\n\n\
    Example:\n  cutover ctl migrate acme --to us-1\n  cutover ctl migrate acme --to us-1 --hold, and at noon: cutover ctl cutover acme\n  \
    cutover ctl migrate --all-from eu-1 --to us-1 --keep-source 24h"
)]
pub(super) struct Migrate {
    /// Name or number of the partition
    #[arg(group = "what")]
    partition: Option<Named>,
    /// Store to be drained: all its partitions are moved, as many at a time as the caps allow, until it has none
    #[arg(long, value_name = "STORE", group = "what")]
    all_from: Option<At>,
    /// Store of the target
    #[arg(long, value_name = "STORE", required_unless_present = "stop")]
    to: Option<At>,
    /// Show what the move would do, and what going back would cost; change nothing
    #[arg(long, conflicts_with_all = ["all_from", "hold", "detach"])]
    plan: bool,
    /// Catch up, and block no write until `ctl cutover`
    #[arg(long)]
    hold: bool,
    /// How long writes may be blocked, such as 500ms; if that is not enough, the move is aborted
    #[arg(long, value_name = "TIME", value_parser = budget)]
    budget: Option<u32>,
    /// The most bytes per second that are copied, such as 50MB
    #[arg(long, value_name = "SIZE", value_parser = rate)]
    rate: Option<u64>,
    /// How long the source keeps its copy after the move, such as 24h; without it, until `ctl retire`
    #[arg(long, value_name = "TIME", value_parser = keep)]
    keep_source: Option<u32>,
    /// Reason, shown with the move
    #[arg(long)]
    reason: Option<String>,
    /// Begin, and do not wait
    #[arg(long)]
    detach: bool,
    /// Begin no further move of a store that is drained (with --all-from)
    #[arg(long, requires = "all_from", conflicts_with_all = ["to", "hold", "budget", "rate", "keep_source", "detach"])]
    stop: bool,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  cutover ctl cutover acme")]
pub(super) struct Cutover {
    /// Name or number of the partition
    partition: Named,
    /// How long writes may be blocked, such as 500ms; if that is not enough, the move is aborted
    #[arg(long, value_name = "TIME", value_parser = budget)]
    budget: Option<u32>,
    /// Do not wait until it has arrived
    #[arg(long)]
    detach: bool,
}

fn time(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text).map_err(|error| format!("{error}; expected a time such as 500ms or 24h"))
}

fn budget(text: &str) -> Result<u32, String> {
    match u32::try_from(time(text)?.as_millis()) {
        Ok(ms) if ms > 0 => Ok(ms),
        Ok(_) | Err(_) => Err("expected 1ms to 49days".to_owned()),
    }
}

fn keep(text: &str) -> Result<u32, String> {
    u32::try_from(time(text)?.as_secs()).map_err(|_| "expected at most 136 years".to_owned())
}

fn rate(text: &str) -> Result<u64, String> {
    match text.parse::<ByteSize>() {
        Ok(ByteSize(bytes)) if bytes > 0 => Ok(bytes),
        Ok(_) | Err(_) => Err("expected a size per second such as 50MB".to_owned()),
    }
}

impl Migrate {
    /// What was asked for; `None`: nothing but the move.
    fn order(&self) -> Result<Option<MoveOrder>, Failed> {
        let reason = self.reason.clone().map(Reason::try_from).transpose();
        let order = MoveOrder {
            hold: self.hold,
            blocked_budget_ms: self.budget,
            bytes_per_second: self.rate,
            keep_source_s: self.keep_source,
            reason: reason.map_err(|error| Failed::new(exit::USAGE, error))?,
        };
        Ok(Some(order).filter(|order| *order != MoveOrder::default()))
    }
}

pub(super) async fn run(client: &Client, out: &Out, what: Migrate) -> Result<(), Failed> {
    if let Some(from) = &what.all_from {
        return drain(client, out, from, &what).await;
    }
    let (Some(partition), Some(to)) = (what.partition.clone(), what.to.clone()) else {
        return Err(Failed::new(exit::USAGE, "expected a partition and --to STORE"));
    };
    let to = to.placement(client).await?;
    let order = what.order()?;
    let (record, now) = follow::one(client, partition.0).await?;
    let number = PartitionId(record.partition);
    if what.plan {
        return plan(client, out, &record, to).await;
    }
    let flies = record.placed.as_ref().and_then(|placed| placed.to);
    let migration = if flies == Some(to.0) {
        // The move that is under way: it is followed, as now ordered.
        if let Some(order) = order {
            replace(client, &record, order).await?;
        }
        record.migration
    } else {
        begin(client, number, to, order).await?
    };
    follow::warn(&now);
    if what.detach {
        out.result(
            || format!("{} moves to {to} as m{migration}; `cutover ctl moves` shows how far it is", name(&record)),
            || json!({ "type": "begun", "partition": number.0, "to": to.to_string(), "migration": migration }),
        );
        return Ok(());
    }
    let until = if what.hold { Until::CaughtUp } else { Until::Arrived };
    follow::follow(client, out, &record, migration, until).await
}

/// Orders a move and begins it. Between the two, another one may begin: then this one is refused, and its order is void.
async fn begin(
    client: &Client,
    partition: PartitionId,
    to: Placement,
    order: Option<MoveOrder>,
) -> Result<u64, Failed> {
    let plan = client.plan(PartitionSelector::Id(partition), to).await.map_err(|error| failed(&error))?;
    let expected = plan.expected.ok_or_else(|| Failed::new(exit::INTERNAL, "the plan expects no state"))?;
    let expected = Expected { migration: MigrationId(expected.migration), epoch: Epoch(expected.epoch) };
    if let Some(order) = order {
        let change = OrderChange::Order { partition, of: OrderOf::Next { expected, to }, order };
        client.order(&change).await.map_err(|error| failed(&error))?;
    }
    let session = client.session().await.map_err(|error| failed(&error))?;
    let begun = session.apply(PartitionSelector::Id(partition), Transition::Begin { expected, to }).await;
    begun.map_err(|unresolved| failed(&unresolved.error))?.map_err(|error| failed(&error))?;
    let _best_effort = session.close().await;
    let (record, _) = follow::one(client, PartitionSelector::Id(partition)).await?;
    Ok(record.migration)
}

async fn replace(client: &Client, record: &v1::Record, order: MoveOrder) -> Result<(), Failed> {
    let of = OrderOf::Move(MigrationId(record.migration));
    let change = OrderChange::Order { partition: PartitionId(record.partition), of, order };
    client.order(&change).await.map_err(|error| failed(&error))
}

async fn plan(client: &Client, out: &Out, record: &v1::Record, to: Placement) -> Result<(), Failed> {
    super::moves::plan(client, out, PartitionSelector::Id(PartitionId(record.partition)), to).await?;
    let Some(placed) = &record.placed else { return Ok(()) };
    let kept = placed.kept.as_ref().filter(|kept| kept.placement == to.0);
    let source = placement(placed.from);
    let mut notes = vec![match kept {
        Some(kept) => format!("copy   goes on with that of m{}, which was aborted", kept.migration),
        None => "copy   all rows, from the first".to_owned(),
    }];
    notes.push(format!(
        "back   all rows again: {source} keeps its copy until it is retired, and what is written after the move is not in it"
    ));
    out.notes(&notes);
    Ok(())
}

pub(super) async fn cutover(client: &Client, out: &Out, what: Cutover) -> Result<(), Failed> {
    let (record, now) = follow::one(client, what.partition.0).await?;
    if record.placed.as_ref().is_none_or(|placed| placed.to.is_none()) {
        let aborted = now.moves.first().and_then(|one| one.aborted.as_ref());
        let why = aborted.map_or_else(String::new, |aborted| {
            format!(": m{} was aborted, {}", aborted.migration, aborted.text)
        });
        return Err(Failed::new(exit::REFUSED, format!("{} does not move{why}", name(&record))));
    }
    if now.paused {
        return Err(Failed::new(exit::REFUSED, "all moves are paused; `cutover ctl resume` lets them go on"));
    }
    let before = now.moves.first().and_then(|one| one.order.clone());
    let before = MoveOrder::try_from(Some(before.unwrap_or_default()));
    let before = before.map_err(|error| Failed::new(exit::INTERNAL, error))?;
    let blocked_budget_ms = what.budget.or(before.blocked_budget_ms);
    replace(client, &record, MoveOrder { hold: false, blocked_budget_ms, ..before }).await?;
    follow::warn(&now);
    if what.detach {
        out.result(
            || format!("{} goes on; `cutover ctl moves` shows how far it is", name(&record)),
            || json!({ "type": "begun", "partition": record.partition, "migration": record.migration }),
        );
        return Ok(());
    }
    follow::follow(client, out, &record, record.migration, Until::Arrived).await
}

pub(super) async fn pause(client: &Client, out: &Out, paused: bool) -> Result<(), Failed> {
    client.order(&OrderChange::Pause { paused }).await.map_err(|error| failed(&error))?;
    out.result(
        || {
            if paused {
                "all moves are paused: copies go on, and no write is blocked for them"
            } else {
                "moves go on"
            }
            .to_owned()
        },
        || json!({ "type": "paused", "paused": paused }),
    );
    Ok(())
}

async fn drain(client: &Client, out: &Out, from: &At, what: &Migrate) -> Result<(), Failed> {
    let from = from.placement(client).await?;
    let change = match &what.to {
        Some(to) => {
            let order = what.order()?.unwrap_or_default();
            OrderChange::Drain { from, drain: Drain { to: to.placement(client).await?, order } }
        }
        None => OrderChange::EndDrain { from },
    };
    client.order(&change).await.map_err(|error| failed(&error))?;
    if what.stop || what.detach {
        out.result(
            || {
                if what.stop {
                    format!("no further move from {from} begins")
                } else {
                    format!("{from} is drained; `cutover ctl moves` shows how far it is")
                }
            },
            || json!({ "type": if what.stop { "drain-ended" } else { "drain" }, "from": from.to_string() }),
        );
        return Ok(());
    }
    follow::drained(client, out, from).await
}
