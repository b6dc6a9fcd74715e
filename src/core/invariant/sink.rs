//! Checks of sinks: changes of fences and data, the statements they send, and the data they hold.

use super::Id;
use super::fact::{SinkNow, SinkStep, Statement};
use super::findings::Findings;
use super::past::{Monitor, read_placement};
use super::truth::CopyHistory;
use crate::core::fence::{self, Body, Contents, Durable, Frontier, Known, RowsDigest};
use crate::core::ids::{Epoch, MigrationId, Placement, Position, WriteId};
use crate::core::migration::PartitionRecord;
use crate::core::placement::PartitionState;
use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

pub(super) fn stepped(step: &SinkStep<'_>, findings: &mut Findings) {
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
            let changed = step.before.data != step.after.data || before.copy() != after.copy();
            findings.demand(!changed, Id::StaleMoverHarmless, || {
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
        | Body::Export(_)
        | Body::End(_)) => {
            // And only if the record says that writes may be blocked.
            let sealing = matches!(body, Body::Seal(seal) if seal.migration == record.migration
                && seal.through <= record.epoch
                && placed.cutover.is_some()
                && matches!(placed.state, PartitionState::Migrating { .. }));
            let taken = if served(before, record.epoch) && !served(after, record.epoch) {
                Some("reads")
            } else if !sealing && written(before, record.epoch) && !written(after, record.epoch) {
                Some("writes")
            } else if step.after.data.rows() != step.before.data.rows() {
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
    let durable = now.durable;
    // A statement about a copy's writes is valid as long as that copy exists.
    let gone = durable.newest() > copy || durable.copy().is_none();
    let held = durable.copy().filter(|_| !gone);
    let reaches = |position: Position| held.is_none_or(|copy| copy.position() >= position);
    let true_for_good = match statement {
        Statement::Prepared(said) => {
            durable.newest() >= said.migration() && durable.closed_through() >= said.closed_through()
        }
        Statement::Sealed(said) => {
            let same = held.filter(|copy| copy.position() == said.watermark());
            durable.sealed_through() >= said.through()
                && reaches(said.watermark())
                && same.is_none_or(|_| summed(now.durable_data) == said.digest().rows)
                && held.is_none_or(fence::Copy::finished)
        }
        Statement::Evidence(said) => {
            let whole = |copy: &fence::Copy| *copy.frontier() == Frontier::Everything;
            durable.newest() >= said.migration() && reaches(said.position()) && held.is_none_or(whole)
        }
        Statement::Watermark(said) => reaches(said.position()),
        Statement::Dropped(said) => {
            durable.newest() > said.copy() || (durable.newest() == said.copy() && durable.copy().is_none())
        }
        Statement::Ended(said) => reaches(said.position()) && held.is_none_or(fence::Copy::finished),
        Statement::Applied(write) => held.is_none_or(|copy| copy.applied().known(write.id) != Known::New),
        Statement::Handed(chunk) => reaches(chunk.position),
        Statement::Read(position) => reaches(*position),
    };
    findings.demand(true_for_good, Id::StatementDurable, || {
        let store = now.fence.config().store;
        (
            format!("{store} stated {statement:?}"),
            format!("a crash would leave {} and {:?}", fences(durable), durable.copy()),
        )
    });
}

/// The digest of rows, summed anew.
fn summed(data: &Contents) -> RowsDigest {
    data.rows().iter().fold(RowsDigest::EMPTY, |mut sum, (key, row)| {
        sum.add(key, row);
        sum
    })
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
        known(monitor, record, sink, findings);
    }
    let Some((record, placed)) = record.and_then(|record| Some((record, record.placed?))) else { return };
    // Which store owns the partition is not known before an operator says so.
    if placed.held.is_some() {
        return;
    }
    let at = |placement: Placement| sinks.iter().find(|sink| sink.fence.config().store == placement);
    if let Some(owner) = at(read_placement(placed.state)).filter(|_| placed.opened)
        && let Some(history) = monitor.history(read_placement(placed.state), placed.copy)
    {
        owned(monitor, record, history, owner, findings);
    }
    if let PartitionState::Migrating { from, to, .. } = placed.state
        && let (Some(source), Some(target)) = (at(from), at(to))
        && target.fence.durable().newest() == record.migration
        && let Some(history) = monitor.history(from, placed.copy)
        && !monitor.damage
    {
        prefix(history, source, target, findings);
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

/// A copy that the record does not name is never dropped. Not judged once a log was lost: it may have named copies that the restored one
/// does not.
fn known(monitor: &Monitor, record: Option<&PartitionRecord>, sink: &SinkNow<'_>, findings: &mut Findings) {
    let (store, durable) = (sink.fence.config().store, sink.fence.durable());
    if durable.copy().is_none() || monitor.lost_through > Epoch::ZERO {
        return;
    }
    // A store that is to make a newer copy may still have the one before.
    let up_to = |of: MigrationId| durable.newest() <= of;
    let named = record.is_some_and(|record| {
        let placed = record.placed.is_some_and(|placed| match placed.state {
            PartitionState::Active(at) => at == store && up_to(placed.copy),
            PartitionState::Migrating { from, to, .. } => {
                (from == store && up_to(placed.copy)) || (to == store && up_to(record.migration))
            }
        });
        placed || record.old_copies.iter().any(|old| old.placement == store && up_to(old.copy))
    });
    findings.demand(named, Id::CopyKnown, || {
        let record = record.map_or_else(|| "none".to_owned(), ToString::to_string);
        (
            format!("{store} has a copy of {}", durable.newest()),
            format!("the record does not name it: {record}"),
        )
    });
}

/// The owner has each write that took effect and was acknowledged, each once, and its rows are what they make of them.
fn owned(
    monitor: &Monitor,
    record: &PartitionRecord,
    history: &CopyHistory,
    owner: &SinkNow<'_>,
    findings: &mut Findings,
) {
    let CopyHistory { store, .. } = history;
    let held: Vec<WriteId> = history.ids().map(|(_, id)| id).collect();
    let lost = |id: &&WriteId| !held.contains(id) && !monitor.exempt.contains(id);
    let missing = monitor.acknowledged.iter().find(lost);
    findings.demand(missing.is_none(), Id::NoLostWrite, || {
        let id = missing.map(ToString::to_string).unwrap_or_default();
        let held: Vec<_> = held.iter().map(ToString::to_string).collect();
        (
            format!("{id} was acknowledged"),
            format!("{store} owns the partition ({record}), where these took effect: {held:?}"),
        )
    });
    let twice = held.iter().enumerate().find(|(at, id)| held.iter().skip(at + 1).any(|other| other == *id));
    findings.demand(twice.is_none(), Id::ApplyOnce, || {
        let id = twice.map(|(_, id)| id.to_string()).unwrap_or_default();
        (format!("{id} took effect twice at {store}"), "an id takes effect once".to_owned())
    });
    let copy = owner.fence.durable().copy().filter(|_| owner.fence.durable().newest() == history.copy);
    findings.demand(copy.is_some(), Id::NoLostWrite, || {
        let newest = owner.fence.durable().newest();
        (format!("{store} owns the partition ({record})"), format!("its copy there is gone, newest {newest}"))
    });
    let Some(copy) = copy else { return };
    let new = held.iter().find(|id| copy.applied().known(**id) == Known::New);
    findings.demand(new.is_none(), Id::ApplyOnce, || {
        let id = new.map(ToString::to_string).unwrap_or_default();
        (format!("{id} took effect at {store}"), "the copy there takes it for new".to_owned())
    });
    let at = history.position();
    let differs = history.difference(owner.data.rows(), at, &Frontier::Everything);
    findings.demand(differs.is_none(), Id::NoLostWrite, || {
        let Some(key) = differs else { return (String::new(), String::new()) };
        let have = owner.data.rows().get(key);
        (
            format!("{store} owns the partition ({record}) and has {have:?} as row {key}"),
            format!("the writes that took effect make {:?} of it", history.row_at(key, at)),
        )
    });
}

/// A copy in the making is its source at the copy's position: its rows up to the frontier, none above, and its memory of writes.
fn prefix(history: &CopyHistory, source: &SinkNow<'_>, target: &SinkNow<'_>, findings: &mut Findings) {
    let Some(copy) = target.fence.durable().copy() else { return };
    let (from, to) = (source.fence.config().store, target.fence.config().store);
    let started = *copy.frontier() != Frontier::Nothing;
    let durable = source.durable.copy().filter(|_| source.durable.newest() == history.copy);
    let end = durable.map_or(Position::ZERO, fence::Copy::position);
    findings.demand(!started || copy.position() <= end, Id::Prefix, || {
        (
            format!("the copy at {to} is at position {}", copy.position()),
            format!("{from} is durable up to {end}"),
        )
    });
    if started && !history.reaches(copy.position()) {
        return;
    }
    let differs = history.difference(target.data.rows(), copy.position(), copy.frontier());
    findings.demand(differs.is_none(), Id::Prefix, || {
        let Some(key) = differs else { return (String::new(), String::new()) };
        (
            format!("{to} has {:?} as row {key}", target.data.rows().get(key)),
            format!("{from} had {:?} at position {}", history.row_at(key, copy.position()), copy.position()),
        )
    });
    let known = history.known_at(copy.position()).filter(|_| started);
    findings.demand(known.is_none_or(|known| known == copy.applied()), Id::Prefix, || {
        (
            format!("{to} remembers {:?}", copy.applied()),
            format!("{from} remembered {known:?} at position {}", copy.position()),
        )
    });
}
