//! Moving partitions, step by step.

use super::print::{Out, placement, state};
use super::{At, Named};
use crate::cli::Failed;
use crate::cli::connect::failed;
use crate::client::Client;
use crate::core::ids::Placement;
use crate::core::migration::Transition;
use crate::core::placement::Guarantee;
use crate::node::proto::{Asked, v1};
use serde_json::json;

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub(super) enum Kind {
    /// The store seals
    Sealed,
    /// The store cannot seal
    Timed,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub(super) enum Proof {
    /// The source was sealed after all
    Sealed,
    /// The source was prepared for a later copy
    Closed,
    /// The source has no copy any more
    Dropped,
}

#[derive(Debug, clap::Subcommand)]
pub(super) enum What {
    /// A new partition
    Create {
        /// Its name, or a number (p7)
        partition: Named,
        /// Where it is to live
        #[arg(long)]
        at: At,
        /// What the store there can promise
        #[arg(long, value_enum, default_value = "sealed")]
        guarantee: Kind,
    },
    /// The store of a new partition has its copy
    Open {
        /// Which
        partition: Named,
        /// The store's incarnation
        #[arg(long, default_value_t = 1)]
        incarnation: u64,
    },
    /// What a begin would do
    Plan {
        /// Which
        partition: Named,
        /// The target
        #[arg(long)]
        to: At,
    },
    /// Begin to move a partition
    Begin {
        /// Which
        partition: Named,
        /// The target
        #[arg(long)]
        to: At,
    },
    /// The source is sealed: writes are refused from here until the flip
    EnterCutover {
        /// Which
        partition: Named,
        /// Position of the source's last write, from its receipt
        #[arg(long)]
        watermark: u64,
        /// The source's incarnation
        #[arg(long, default_value_t = 1)]
        incarnation: u64,
        /// The prepared target's incarnation
        #[arg(long, default_value_t = 1)]
        target_incarnation: u64,
    },
    /// The same at a store that cannot seal; the wait begins here
    EnterTimedCutover {
        /// Which
        partition: Named,
        /// The prepared target's incarnation
        #[arg(long, default_value_t = 1)]
        target_incarnation: u64,
        /// The target does not hold writes against their tokens
        #[arg(long)]
        not_enforced: bool,
    },
    /// Where the writes of a store that cannot seal ended, read after the wait
    RecordWatermark {
        /// Which
        partition: Named,
        /// Position of the last write
        #[arg(long)]
        position: u64,
        /// The source's incarnation
        #[arg(long, default_value_t = 1)]
        incarnation: u64,
    },
    /// The flip: the target has caught up
    Complete {
        /// Which
        partition: Named,
        /// The position that the target's copy reaches
        #[arg(long)]
        position: u64,
        /// The target's incarnation
        #[arg(long, default_value_t = 1)]
        incarnation: u64,
        /// The target does not hold writes against their tokens
        #[arg(long)]
        not_enforced: bool,
    },
    /// Back to the source, before the flip
    Abort {
        /// Which
        partition: Named,
    },
    /// To the target without the source: writes may be lost
    Force {
        /// Which
        partition: Named,
        /// Who takes the responsibility
        #[arg(long)]
        operator: String,
        /// And why
        #[arg(long)]
        reason: String,
        /// The prepared target's incarnation
        #[arg(long, default_value_t = 1)]
        incarnation: u64,
    },
    /// The source of a forced move acknowledges nothing any more
    Settle {
        /// Which
        partition: Named,
        /// What shows it
        #[arg(long, value_enum)]
        proof: Proof,
        /// The source's incarnation
        #[arg(long, default_value_t = 1)]
        incarnation: u64,
        /// Position of its last write, if it was sealed
        #[arg(long, default_value_t = 0)]
        watermark: u64,
        /// The later copy that it was prepared for, if it was
        #[arg(long, default_value_t = 0)]
        migration: u64,
    },
    /// An old copy is no longer wanted
    Retire {
        /// Which
        partition: Named,
        /// The store that has it
        #[arg(long)]
        at: At,
    },
    /// An old copy is gone
    Forget {
        /// Which
        partition: Named,
        /// The store that had it
        #[arg(long)]
        at: At,
        /// The store's incarnation
        #[arg(long, default_value_t = 1)]
        incarnation: u64,
    },
    /// Delete a partition with all its data
    Delete {
        /// Which
        partition: Named,
    },
}

pub(super) async fn run(client: &Client, out: &Out, what: What) -> Result<(), Failed> {
    if let What::Plan { partition, to } = what {
        return plan(client, out, partition.0, to.0).await;
    }
    let (asked, transition) = if let What::Create { partition, at, guarantee } = what {
        let guarantee = match guarantee {
            Kind::Sealed => Guarantee::Sealed,
            Kind::Timed => Guarantee::Timed,
        };
        (partition.0, Transition::Create { placement: at.0, guarantee })
    } else {
        let asked = what.partition().clone();
        let record = client.resolve(asked).await.map_err(|error| failed(&error))?.record;
        // By number: the name may be another partition's by the time that this arrives.
        (Asked::Id(record.partition), what.transition(&record)?)
    };
    // Under a session of its own: what is sent again after a broken connection is applied once.
    let session = client.session().await.map_err(|error| failed(&error))?;
    let outcome = session.apply(asked.clone(), transition).await;
    let applied = outcome.map_err(|unresolved| failed(&unresolved.error))?.map_err(|error| failed(&error))?;
    let _best_effort = session.close().await;
    let after = client.resolve(Asked::Id(applied.partition)).await;
    let now = after.map_or_else(
        |_| "gone".to_owned(),
        |found| state(v1::Record::of(&found.record, None).placed.as_ref()),
    );
    let (id, epoch) = (applied.partition, applied.epoch);
    out.say(
        || match &asked {
            Asked::Name(name) => format!("{name} ({id})  {now}@{epoch}"),
            Asked::Id(_) => format!("{id}  {now}@{epoch}"),
        },
        || json!({ "type": "applied", "partition": id.0, "epoch": epoch.0, "index": applied.index.0, "state": now }),
    );
    Ok(())
}

async fn plan(client: &Client, out: &Out, asked: Asked, to: Placement) -> Result<(), Failed> {
    let plan = client.plan(asked, to).await.map_err(|error| failed(&error))?;
    let steps = plan.steps.join(", ");
    let (from, to) = (placement(plan.from), placement(plan.to));
    let (migration, epoch, budget) = (plan.migration, plan.draining_epoch, plan.blocked_budget_ms);
    out.say(
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
    const fn partition(&self) -> &Asked {
        match self {
            Self::Create { partition, .. }
            | Self::Open { partition, .. }
            | Self::Plan { partition, .. }
            | Self::Begin { partition, .. }
            | Self::EnterCutover { partition, .. }
            | Self::EnterTimedCutover { partition, .. }
            | Self::RecordWatermark { partition, .. }
            | Self::Complete { partition, .. }
            | Self::Abort { partition }
            | Self::Force { partition, .. }
            | Self::Settle { partition, .. }
            | Self::Retire { partition, .. }
            | Self::Forget { partition, .. }
            | Self::Delete { partition } => &partition.0,
        }
    }
}
