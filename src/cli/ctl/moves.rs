//! The transitions of a migration, one command each.

use super::held::keeps_source;
use super::print::{Out, placement, state};
use super::stores::{self, Kind};
use super::{At, Named};
use crate::cli::Failed;
use crate::cli::connect::failed;
use crate::client::Client;
use crate::core::fence::{Digest, RowsDigest};
use crate::core::ids::Placement;
use crate::core::migration::Transition;
use crate::core::placement::Guarantee;
use crate::node::proto::{PartitionSelector, v1};
use serde_json::json;

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub(super) enum Proof {
    /// The source was sealed after the forced move
    Sealed,
    /// The source was prepared for a later copy, and is closed for this one
    Closed,
    /// The source dropped its copy
    Dropped,
}

/// A digest as a person types it.
#[derive(Clone, Copy, Debug)]
pub(super) struct DigestText(pub(super) Digest);

impl core::str::FromStr for DigestText {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let expected = || format!("found `{text}`, expected two hexadecimal numbers, as in 1f3a/77c0");
        let (rows, ids) = text.split_once('/').ok_or_else(expected)?;
        let number = |digits| u128::from_str_radix(digits, 16).map_err(|_| expected());
        Ok(Self(Digest { rows: RowsDigest::of(number(rows)?), ids: number(ids)? }))
    }
}

#[derive(Debug, clap::Subcommand)]
pub(super) enum What {
    /// Create a partition
    Create {
        /// Name of the new partition, or a number (p7)
        partition: Named,
        /// Store of the partition's first copy
        #[arg(long)]
        at: At,
        /// How the store there ends writes; by default what the log has of the store. Another one is refused
        #[arg(long, value_enum)]
        guarantee: Option<Kind>,
    },
    /// Open a new partition: its sink has created the copy
    Open {
        /// Name or number of the partition
        partition: Named,
        /// Incarnation of the sink
        #[arg(long, default_value_t = 1)]
        incarnation: u64,
        /// You know that the statement counts as reported by you, and not as stated by a store; without it, a note says so
        #[arg(long)]
        reported: bool,
        /// The sink does not enforce write tokens
        #[arg(long)]
        not_enforced: bool,
    },
    /// Show what a migration would do, and change nothing
    Plan {
        /// Name or number of the partition
        partition: Named,
        /// Store of the target
        #[arg(long)]
        to: At,
    },
    /// Begin a migration
    Begin {
        /// Name or number of the partition
        partition: Named,
        /// Store of the target
        #[arg(long)]
        to: At,
    },
    /// Record that writes may be blocked from now on, before the source is asked to seal
    StartBlock {
        /// Name or number of the partition
        partition: Named,
        /// Incarnation of the prepared target
        #[arg(long, default_value_t = 1)]
        target_incarnation: u64,
    },
    /// Enter the cutover with the source's seal receipt; writes are refused until `complete` or `abort`
    EnterCutover {
        /// Name or number of the partition
        partition: Named,
        /// Position of the source's last write, from its seal receipt
        #[arg(long)]
        watermark: u64,
        /// Digest of the source's copy, from its seal receipt, as ROWS/IDS in hexadecimal
        #[arg(long)]
        digest: Option<DigestText>,
        /// Incarnation of the source
        #[arg(long, default_value_t = 1)]
        incarnation: u64,
        /// Incarnation of the prepared target
        #[arg(long, default_value_t = 1)]
        target_incarnation: u64,
    },
    /// Enter the cutover of a source that cannot seal; the bounded wait for its writes begins here
    EnterTimedCutover {
        /// Name or number of the partition
        partition: Named,
        /// Incarnation of the prepared target
        #[arg(long, default_value_t = 1)]
        target_incarnation: u64,
        /// The target does not enforce write tokens
        #[arg(long)]
        not_enforced: bool,
    },
    /// Record the last write of a source that cannot seal, read after the bounded wait
    RecordWatermark {
        /// Name or number of the partition
        partition: Named,
        /// Position of the source's last write
        #[arg(long)]
        position: u64,
        /// Digest of the source's copy, as ROWS/IDS in hexadecimal
        #[arg(long)]
        digest: Option<DigestText>,
        /// Incarnation of the source
        #[arg(long, default_value_t = 1)]
        incarnation: u64,
    },
    /// Complete the migration: the target has caught up and owns the partition from here
    Complete {
        /// Name or number of the partition
        partition: Named,
        /// Position that the target's copy has reached
        #[arg(long)]
        position: u64,
        /// Digest of the target's copy, as ROWS/IDS in hexadecimal; without it, you say that it is the one in the record
        #[arg(long)]
        digest: Option<DigestText>,
        /// Incarnation of the target
        #[arg(long, default_value_t = 1)]
        incarnation: u64,
        /// The target does not enforce write tokens
        #[arg(long)]
        not_enforced: bool,
    },
    /// Abort a migration that is not complete; the source owns the partition again
    Abort {
        /// Name or number of the partition
        partition: Named,
    },
    /// Give the partition to the target without a seal of the source; acknowledged writes may be lost
    Force {
        /// Name or number of the partition
        partition: Named,
        /// Name of the responsible operator, for the record
        #[arg(long)]
        operator: String,
        /// Reason, for the record
        #[arg(long)]
        reason: String,
        /// Position that the target's copy has reached, after it was told to take no more chunks; later writes are lost
        #[arg(long)]
        position: u64,
        /// The copy lacks rows, and you accept that
        #[arg(long)]
        partial: bool,
        /// Incarnation of the prepared target
        #[arg(long, default_value_t = 1)]
        incarnation: u64,
        /// You know that the statement counts as reported by you, and not as stated by a store; without it, a note says so
        #[arg(long)]
        reported: bool,
        /// The target does not enforce write tokens
        #[arg(long)]
        not_enforced: bool,
    },
    /// Settle the debt of a forced move: the old source acknowledges no more writes
    Settle {
        /// Name or number of the partition
        partition: Named,
        /// Kind of the statement that shows it
        #[arg(long, value_enum)]
        proof: Proof,
        /// Incarnation of the source
        #[arg(long, default_value_t = 1)]
        incarnation: u64,
        /// Position of the source's last write (with --proof sealed)
        #[arg(long, default_value_t = 0)]
        watermark: u64,
        /// Migration id of the later copy that the source was prepared for (with --proof closed)
        #[arg(long, default_value_t = 0)]
        migration: u64,
    },
    /// Mark an old copy as to be dropped
    Retire {
        /// Name or number of the partition
        partition: Named,
        /// Store of the old copy
        #[arg(long)]
        at: At,
    },
    /// Record that a retired copy is gone
    Forget {
        /// Name or number of the partition
        partition: Named,
        /// Store of the old copy
        #[arg(long)]
        at: At,
        /// Incarnation of the sink
        #[arg(long, default_value_t = 1)]
        incarnation: u64,
    },
    /// Delete a partition and all its data
    Delete {
        /// Name or number of the partition
        partition: Named,
    },
    /// Write a copy off at a store that is gone for good: its old copy, and the debt of a forced move away from it
    #[command(
        after_help = "A store that is written off must never come back with the data it had: it may acknowledge writes that \
        are lost.\n\nExample:\n  cutover ctl write-off acme --at A --operator ann --reason 'rack 4 burned down'"
    )]
    WriteOff {
        /// Name or number of the partition
        partition: Named,
        /// Store that is gone
        #[arg(long)]
        at: At,
        /// Name of the responsible operator, for the record
        #[arg(long)]
        operator: String,
        /// Reason, for the record
        #[arg(long)]
        reason: String,
    },
    /// Release a migration that is held since the cluster was restored or recovered
    #[command(
        group(clap::ArgGroup::new("how").required(true)),
        after_help = "Look at both stores first. If the target has applied writes of clients, the migration was completed, \
        or forced, and that was lost: accept the target. Otherwise the source owns the partition. The leader asks the stores: `ctl moves` shows what they say.\n\n\
        Example:\n  cutover ctl release acme --accept-target --operator ann --reason 'B has applied writes'"
    )]
    Release {
        /// Name or number of the partition
        partition: Named,
        /// The source owns the partition; the migration begins again, and what the target has is replaced
        #[arg(long, group = "how")]
        resume: bool,
        /// The source owns the partition; the migration is over
        #[arg(long, group = "how")]
        keep_source: bool,
        /// The target owns the partition; what only the source has is lost
        #[arg(long, group = "how")]
        accept_target: bool,
        /// Whichever the stores show to be the owner; refused if they do not
        #[arg(long, group = "how")]
        by_stores: bool,
        /// The target does not enforce write tokens (if it is accepted)
        #[arg(long, conflicts_with_all = ["resume", "keep_source"])]
        not_enforced: bool,
        /// Name of the responsible operator, for the record
        #[arg(long)]
        operator: String,
        /// Reason, for the record
        #[arg(long)]
        reason: String,
    },
}

pub(super) async fn run(client: &Client, out: &Out, mut what: What) -> Result<(), Failed> {
    if let What::Release { partition, by_stores: true, keep_source, .. } = &mut what {
        *keep_source = keeps_source(client, &partition.0).await?;
    }
    if let What::Plan { partition, to } = what {
        let to = to.placement(client).await?;
        return plan(client, out, partition.0, to).await;
    }
    let (asked, transition) = if let What::Create { partition, at, guarantee } = what {
        let placement = at.placement(client).await?;
        let guarantee = match guarantee {
            Some(guarantee) => guarantee.into(),
            // The log refuses a store that it does not know, whatever the guarantee.
            None => stores::guarantee_at(client, placement).await?.unwrap_or(Guarantee::Sealed),
        };
        (partition.0, Transition::Create { placement, guarantee })
    } else {
        let asked = what.partition().clone();
        if let What::Open { reported: false, .. } | What::Force { reported: false, .. } = what {
            eprintln!("note: the log keeps this as reported by you, not as stated by the store (--reported)");
        }
        let record = client.resolve(asked).await.map_err(|error| failed(&error))?.record;
        // By number: by the time this arrives, the name may belong to another partition.
        let at = match what.store() {
            Some(at) => Some(at.placement(client).await?),
            None => None,
        };
        (PartitionSelector::Id(record.partition), what.transition(&record, at)?)
    };
    // In a session, so that a request resent after a broken connection is applied once.
    let session = client.session().await.map_err(|error| failed(&error))?;
    let outcome = session.apply(asked.clone(), transition).await;
    let applied = outcome.map_err(|unresolved| failed(&unresolved.error))?.map_err(|error| failed(&error))?;
    let _best_effort = session.close().await;
    let after = client.resolve(PartitionSelector::Id(applied.partition)).await;
    let now = after.map_or_else(
        |_| "gone".to_owned(),
        |found| state(v1::Record::of(&found.record, None).placed.as_ref()),
    );
    let (id, epoch) = (applied.partition, applied.epoch);
    out.result(
        || match &asked {
            PartitionSelector::Name(name) => format!("{name} ({id})  {now}@{epoch}"),
            PartitionSelector::Id(_) => format!("{id}  {now}@{epoch}"),
        },
        || json!({ "type": "applied", "partition": id.0, "epoch": epoch.0, "index": applied.index.0, "state": now }),
    );
    Ok(())
}

pub(super) async fn plan(
    client: &Client,
    out: &Out,
    asked: PartitionSelector,
    to: Placement,
) -> Result<(), Failed> {
    let plan = client.plan(asked, to).await.map_err(|error| failed(&error))?;
    let steps = plan.steps.join(", ");
    let (from, to) = (placement(plan.from), placement(plan.to));
    let (migration, epoch, budget) = (plan.migration, plan.draining_epoch, plan.blocked_budget_ms);
    out.result(
        || {
            format!(
                "p{} {from}>{to} as m{migration}, Draining@e{epoch}, writes blocked for at most {budget} ms\nsteps  {steps}",
                plan.partition
            )
        },
        || {
            json!({ "type": "plan", "partition": plan.partition, "from": from, "to": to, "migration": migration,
                    "draining_epoch": epoch, "blocked_budget_ms": budget, "steps": plan.steps })
        },
    );
    Ok(())
}

impl What {
    /// The store that a transition names by itself; others name what the record has.
    const fn store(&self) -> Option<&At> {
        match self {
            Self::Begin { to: at, .. }
            | Self::Retire { at, .. }
            | Self::Forget { at, .. }
            | Self::WriteOff { at, .. }
            | Self::Create { at, .. }
            | Self::Plan { to: at, .. } => Some(at),
            Self::Open { .. }
            | Self::StartBlock { .. }
            | Self::EnterCutover { .. }
            | Self::EnterTimedCutover { .. }
            | Self::RecordWatermark { .. }
            | Self::Complete { .. }
            | Self::Abort { .. }
            | Self::Force { .. }
            | Self::Settle { .. }
            | Self::Release { .. }
            | Self::Delete { .. } => None,
        }
    }

    const fn partition(&self) -> &PartitionSelector {
        match self {
            Self::Create { partition, .. }
            | Self::Open { partition, .. }
            | Self::Plan { partition, .. }
            | Self::Begin { partition, .. }
            | Self::StartBlock { partition, .. }
            | Self::EnterCutover { partition, .. }
            | Self::EnterTimedCutover { partition, .. }
            | Self::RecordWatermark { partition, .. }
            | Self::Complete { partition, .. }
            | Self::Abort { partition }
            | Self::Force { partition, .. }
            | Self::Settle { partition, .. }
            | Self::Retire { partition, .. }
            | Self::Forget { partition, .. }
            | Self::WriteOff { partition, .. }
            | Self::Release { partition, .. }
            | Self::Delete { partition } => &partition.0,
        }
    }
}
