//! Checks of sinks: changes of fences and data, the statements they send, and the data they hold.

use super::Id;
use super::fact::{SinkNow, SinkStep, Statement};
use super::findings::Findings;
use super::past::{Monitor, read_placement};
use crate::core::fence::{Body, Durable};
use crate::core::ids::{Epoch, MigrationId, Placement, Position, WriteId};
use crate::core::migration::PartitionRecord;
use crate::core::placement::PartitionState;
use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

pub(super) fn stepped(monitor: &Monitor, step: &SinkStep<'_>, findings: &mut Findings) {
    let (before, after) = (step.before.fence.durable(), step.after.fence.durable());
    let store = step.after.fence.config().store;
    if step.before.fence.config().incarnation == step.after.fence.config().incarnation {
        // A crash takes back what was not durable, and no statement covered it.
        let from = if step.request.is_none() { step.before.durable } else { before };
        let kept = after.sealed_through() >= from.sealed_through()
            && after.closed_through() >= from.closed_through()
            && after.newest() >= from.newest();
        findings.demand(kept, Id::FenceMonotone, || {
            (format!("the fences of {store} are {}", fences(after)), format!("they were {}", fences(from)))
        });
    }
    let Some(request) = step.request else { return };
    let Some(record) = step.record else { return };
    let Some(placed) = record.placed else { return };
    if store != read_placement(placed.state) || !placed.opened || placed.held.is_some() {
        return;
    }
    match &request.body {
        Body::Write(_) | Body::Read(_) => {}
        Body::Chunk(chunk) => {
            // Until the first client write, a forced target still takes what its source acknowledged in time.
            let forced = monitor.forced == Some(placed.copy);
            let changed = step.before.data != step.after.data || before.copy() != after.copy();
            findings.demand(!changed || forced, Id::StaleMoverHarmless, || {
                (
                    format!("a chunk of {} changed the copy at {store}", chunk.migration),
                    format!("{store} serves reads since {}", placed.owned_since),
                )
            });
        }
        body @ (Body::Prepare(_)
        | Body::Seal(_)
        | Body::Evidence(_)
        | Body::Watermark(_)
        | Body::Drop(_)
        | Body::Export(_)) => {
            // And only if the record says that writes may be blocked.
            let sealing = matches!(body, Body::Seal(seal) if seal.migration == record.migration
                && seal.through <= record.epoch
                && placed.cutover.is_some()
                && matches!(placed.state, PartitionState::Migrating { .. }));
            let taken = if served(before, record.epoch) && !served(after, record.epoch) {
                Some("reads")
            } else if !sealing && written(before, record.epoch) && !written(after, record.epoch) {
                Some("writes")
            } else if !step.after.data.starts_with(step.before.data) {
                Some("data")
            } else {
                None
            };
            findings.demand(taken.is_none(), Id::StaleControllerHarmless, || {
                let taken = taken.unwrap_or_default();
                (
                    format!("{request} took {taken} from {store}"),
                    format!("{store} is the owner: {} at {}", placed.state, record.epoch),
                )
            });
        }
    }
}

/// Whether a read with this token may be served. Stated again here, independently of the code under check.
fn served(fences: &Durable, token: Epoch) -> bool {
    fences.copy().is_some() && token > fences.closed_through()
}

fn written(fences: &Durable, token: Epoch) -> bool {
    served(fences, token) && token > fences.sealed_through()
}

fn fences(durable: &Durable) -> String {
    let (sealed, closed) = (durable.sealed_through(), durable.closed_through());
    format!("sealed {sealed}, closed {closed}, newest {}", durable.newest())
}

pub(super) fn stated(
    statement: &Statement<'_>,
    copy: MigrationId,
    now: &SinkNow<'_>,
    findings: &mut Findings,
) {
    let (durable, data) = (now.durable, now.durable_data);
    // A statement about a copy's writes is valid as long as that copy exists.
    let gone = durable.newest() > copy || durable.copy().is_none();
    let reaches = |position: Position| gone || u64::try_from(data.len()).unwrap_or(u64::MAX) >= position.0;
    let holds = |id: &WriteId| gone || data.contains(id);
    let true_for_good = match statement {
        Statement::Prepared(said) => {
            durable.newest() >= said.migration() && durable.closed_through() >= said.closed_through()
        }
        Statement::Sealed(said) => durable.sealed_through() >= said.through() && reaches(said.watermark()),
        Statement::Evidence(said) => durable.newest() >= said.migration() && reaches(said.position()),
        Statement::Watermark(said) => reaches(said.position()),
        Statement::Dropped(said) => {
            durable.newest() > said.copy() || (durable.newest() == said.copy() && durable.copy().is_none())
        }
        Statement::Applied(write) => holds(&write.id),
        Statement::Handed(chunk) => {
            let skip = usize::try_from(chunk.first.0.saturating_sub(1)).unwrap_or(usize::MAX);
            gone || data.get(skip..).is_some_and(|rest| rest.starts_with(&chunk.writes))
        }
        Statement::Read(value) => value.as_ref().is_none_or(holds),
    };
    findings.demand(true_for_good, Id::StatementDurable, || {
        let store = now.fence.config().store;
        (
            format!("{store} stated {statement:?}"),
            format!("a crash would leave {} and {} writes", fences(durable), data.len()),
        )
    });
}

pub(super) fn now(
    monitor: &Monitor,
    record: Option<&PartitionRecord>,
    sinks: &[SinkNow<'_>],
    findings: &mut Findings,
) {
    for sink in sinks {
        let store = sink.fence.config().store;
        let fences_now = sink.fence.durable();
        let highest = fences_now.sealed_through().max(fences_now.closed_through());
        findings.demand(highest <= monitor.newest_epoch, Id::FenceNotAhead, || {
            (
                format!("the fences of {store} are {}", fences(fences_now)),
                format!("the committed epoch is {}", monitor.newest_epoch),
            )
        });
        let twice =
            sink.data.iter().enumerate().find(|(at, id)| sink.data.iter().skip(at + 1).any(|o| o == *id));
        findings.demand(twice.is_none(), Id::ApplyOnce, || {
            (format!("{store} holds {:?}", ids(sink.data)), "an id takes effect once".to_owned())
        });
    }
    let Some((record, placed)) = record.and_then(|record| Some((record, record.placed?))) else { return };
    // Which store owns the partition is not known before an operator says so.
    if placed.held.is_some() {
        return;
    }
    let at = |placement: Placement| sinks.iter().find(|sink| sink.fence.config().store == placement);
    if let Some(owner) = at(read_placement(placed.state)) {
        let lost = |id: &&WriteId| !owner.data.contains(id) && !monitor.exempt.contains(id);
        let missing = monitor.acknowledged.iter().find(lost);
        findings.demand(missing.is_none(), Id::NoLostWrite, || {
            let id = missing.map(ToString::to_string).unwrap_or_default();
            let store = owner.fence.config().store;
            (
                format!("{id} was acknowledged"),
                format!(
                    "{store} owns the partition ({} at {}) and holds {:?}",
                    placed.state,
                    record.epoch,
                    ids(owner.data)
                ),
            )
        });
    }
    if let PartitionState::Migrating { from, to, .. } = placed.state
        && let (Some(source), Some(target)) = (at(from), at(to))
        && target.fence.durable().newest() == record.migration
    {
        findings.demand(source.durable_data.starts_with(target.data), Id::Prefix, || {
            (
                format!("{to} holds {:?}", ids(target.data)),
                format!("{from} holds {:?}, durably", ids(source.durable_data)),
            )
        });
    }
    if let Some(debt) = monitor.debt
        && let Some(source) = at(debt.placement)
    {
        let fences = source.durable;
        let open =
            fences.copy().is_some() && fences.sealed_through().max(fences.closed_through()) < debt.through;
        let kept =
            placed.debt.is_some_and(|kept| kept.placement == debt.placement && kept.through >= debt.through);
        findings.demand(!open || kept, Id::DebtKept, || {
            (
                format!("{} may still acknowledge writes up to {}", debt.placement, debt.through),
                format!("the record owes {:?}", placed.debt),
            )
        });
    }
}

fn ids(data: &[WriteId]) -> Vec<String> {
    data.iter().map(ToString::to_string).collect()
}
