//! The text of commands and records, in traces, logs and violations.

use super::{Command, Expected, PartitionRecord, Release, Settlement, Transition};
use crate::core::fence::Reply;
use crate::core::placement::{PartitionState, Phase};
use alloc::format;
use alloc::string::{String, ToString};
use core::fmt;

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.transition)
    }
}

impl fmt::Display for Transition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&transition(self))
    }
}

impl fmt::Display for PartitionRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&record(self))
    }
}

impl fmt::Display for Release {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Resume => f.write_str("resume"),
            Self::KeepSource => f.write_str("keep the source"),
            Self::AcceptTarget { guarantee } => write!(f, "accept the target, {guarantee}"),
        }
    }
}

fn text(reply: Reply) -> String {
    reply.to_string()
}

/// A transition with its expected state.
fn transition(transition: &Transition) -> String {
    let on = |expected: &Expected| format!("on {}@{}", expected.migration, expected.epoch);
    match transition {
        Transition::Create { placement, guarantee } => format!("create at {placement} {guarantee}"),
        Transition::Open { expected, prepared } => {
            format!("open {} ({})", on(expected), text(Reply::Prepared(**prepared)))
        }
        Transition::Begin { expected, to } => format!("begin >{to} {}", on(expected)),
        Transition::EnterCutover { expected, receipt } => {
            let by = receipt.origin();
            format!(
                "cutover {} ({} {}: {})",
                on(expected),
                by.store,
                by.incarnation,
                text(Reply::Sealed(**receipt))
            )
        }
        Transition::EnterTimedCutover { expected, prepared } => {
            format!("cutover {} ({})", on(expected), text(Reply::Prepared(**prepared)))
        }
        Transition::RecordWatermark { expected, reading } => {
            format!("watermark {} ({})", on(expected), text(Reply::Watermark(**reading)))
        }
        Transition::Complete { expected, evidence } => {
            let by = evidence.origin().store;
            format!("complete {} ({by}: {})", on(expected), text(Reply::Evidence(**evidence)))
        }
        Transition::Abort { expected, why } => format!("abort {}: {why}", on(expected)),
        Transition::Force { expected, ended, partial, operator, .. } => {
            let by = ended.origin().store;
            let ended = text(Reply::Ended(**ended));
            let partial = if *partial { " partial" } else { "" };
            format!("force{partial} {} ({by}: {ended}) by {}", on(expected), operator.as_ref())
        }
        Transition::Settle { migration, proof } => match proof {
            Settlement::Sealed(receipt) => {
                format!("settle {migration} ({}: {})", receipt.origin().store, text(Reply::Sealed(**receipt)))
            }
            Settlement::Dropped(dropped) => {
                format!(
                    "settle {migration} ({}: {})",
                    dropped.origin().store,
                    text(Reply::Dropped(**dropped))
                )
            }
            Settlement::Closed(prepared) => {
                format!(
                    "settle {migration} ({}: {})",
                    prepared.origin().store,
                    text(Reply::Prepared(**prepared))
                )
            }
        },
        Transition::RetireCopy { placement, copy } => format!("retire {copy} at {placement}"),
        Transition::ForgetCopy { dropped } => {
            let by = dropped.origin();
            format!("forget {} at {} {}", dropped.copy(), by.store, by.incarnation)
        }
        Transition::Delete { expected } => format!("delete {}", on(expected)),
        Transition::WriteOff { placement, copy, operator, .. } => {
            format!("write off {copy} at {placement} by {}", operator.as_ref())
        }
        Transition::StartBlock { expected, target } => format!("start block {} for {target}", on(expected)),
        Transition::Release { expected, how, operator, .. } => {
            format!("release {} to {how} by {}", on(expected), operator.as_ref())
        }
    }
}

/// A record in short: `Draining(A>B)@e2 m2`; `may block` after it, if the source may have been asked to seal.
fn record(record: &PartitionRecord) -> String {
    let Some(placed) = record.placed else { return format!("Deleted@{}", record.epoch) };
    let watermark =
        placed.cutover.and_then(|facts| facts.watermark).map(|w| format!(" W{w}")).unwrap_or_default();
    let debt = placed.debt.map(|debt| format!(", owes {}", debt.placement)).unwrap_or_default();
    let shown = match placed.state {
        PartitionState::Migrating { from, to, .. } if placed.held.is_some() => format!("Held({from}>{to})"),
        PartitionState::Active(at) => format!("Active({at})"),
        PartitionState::Migrating { from, to, phase: Phase::Draining } => format!("Draining({from}>{to})"),
        PartitionState::Migrating { from, to, phase: Phase::Cutover } => format!("Cutover({from}>{to})"),
    };
    let block = match placed.state {
        PartitionState::Migrating { phase: Phase::Draining, .. } if record.may_block() => " may block",
        PartitionState::Migrating { .. } | PartitionState::Active(_) => "",
    };
    let kept = placed.kept.filter(|_| placed.state.is_migrating());
    let kept = kept.map(|kept| format!(" keeps {}", kept.migration)).unwrap_or_default();
    format!("{shown}@{} {}{kept}{block}{watermark}{debt}", record.epoch, record.migration)
}
