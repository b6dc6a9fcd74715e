//! What a step was, in a few words that a walk counts.

use super::tally::name;
use cutover::core::fence::{Body, Prepare, Reply, Request};
use cutover::core::ids::{Epoch, MigrationId, Placement};
use cutover::core::migration::{Command, Event, Output, PartitionRecord, Timer, Transition};
use cutover::core::placement::{PartitionState, Phase};

/// The event, in the situation in which it comes.
pub fn situation(record: &PartitionRecord, event: &Event) -> String {
    let at = state(record);
    match event {
        Event::Observed | Event::TookOver => format!("{} of {at}", name(event)),
        Event::TimerFired(timer) => {
            let of = match timer {
                Timer::Retry => None,
                Timer::BlockedBudget { migration } | Timer::Overdue { migration } => {
                    Some(*migration == record.migration)
                }
                Timer::Barrier { epoch, .. } => Some(*epoch == record.epoch),
            };
            let of = of.map_or("", |own| if own { ", own" } else { ", other" });
            format!("{}{of}, {at}", name(timer))
        }
        Event::Replied(Reply::Refused { request, refusal }) => {
            format!("{} to {}", name(refusal), asked(record, request))
        }
        Event::Replied(reply) => format!("{}, {at}", told(record, reply)),
    }
}

/// The state of the record.
fn state(record: &PartitionRecord) -> String {
    let Some(placed) = record.placed else { return "deleted".to_owned() };
    if placed.held.is_some() {
        return "held".to_owned();
    }
    let guarantee = name(&placed.guarantee).to_lowercase();
    let blocked = if placed.cutover.is_some() { " blocked" } else { "" };
    match placed.state {
        PartitionState::Active(_) if !placed.opened => "not open".to_owned(),
        PartitionState::Active(_) => "active".to_owned(),
        PartitionState::Migrating { phase: Phase::Draining, .. } => format!("draining {guarantee}{blocked}"),
        PartitionState::Migrating { phase: Phase::Cutover, .. } => {
            let known = placed.cutover.is_some_and(|facts| facts.watermark.is_some());
            if known { "cutover with W".to_owned() } else { "cutover without W".to_owned() }
        }
    }
}

/// An answer, and what is wrong with it.
fn told(record: &PartitionRecord, reply: &Reply) -> String {
    let (from, to) = match record.placed.map(|placed| placed.state) {
        Some(PartitionState::Migrating { from, to, .. }) => (Some(from), Some(to)),
        Some(PartitionState::Active(at)) => (Some(at), None),
        None => (None, None),
    };
    let word = |migration: MigrationId, epoch: Option<Epoch>, store: Placement, wanted: Option<Placement>| {
        if migration != record.migration {
            " of another migration"
        } else if epoch.is_some_and(|epoch| epoch != record.epoch) {
            " of another epoch"
        } else if Some(store) != wanted {
            " by another store"
        } else {
            ""
        }
    };
    let wrong = match reply {
        Reply::Prepared(of) => {
            let wrong = word(of.migration(), None, of.origin().store, to);
            if wrong.is_empty() && of.finished() { " finished" } else { wrong }
        }
        Reply::Sealed(of) => word(of.migration(), None, of.origin().store, from),
        Reply::Evidence(of) => {
            let wrong = word(of.migration(), Some(of.epoch()), of.origin().store, to);
            let known = record.placed.and_then(|placed| placed.cutover?.digest);
            let differs = known.is_some_and(|known| known != of.digest());
            if wrong.is_empty() && differs { " of another digest" } else { wrong }
        }
        Reply::Watermark(of) => word(of.migration(), Some(of.epoch()), of.origin().store, from),
        Reply::Dropped(_)
        | Reply::Ended(_)
        | Reply::ChunkTaken(_)
        | Reply::Applied { .. }
        | Reply::Refused { .. } => "",
    };
    format!("{}{wrong}", name(reply))
}

/// What was refused, and what of it the record has.
fn asked(record: &PartitionRecord, request: &Request) -> String {
    let body = name(&request.body);
    let placed = record.placed.filter(|placed| placed.held.is_none());
    let debt = record.placed.and_then(|placed| placed.debt);
    if let Body::Seal(seal) = &request.body
        && debt.is_some_and(|debt| debt.migration == seal.migration && debt.placement == request.store)
    {
        return format!("{body} for a debt");
    }
    let Some(PartitionState::Migrating { from, to, phase }) = placed.map(|placed| placed.state) else {
        return format!("{body}, nothing driven");
    };
    if request.body.migration() != Some(record.migration) {
        return format!("{body} of another migration");
    }
    let by = match request.store {
        store if store == from => "source",
        store if store == to => "target",
        _ => "stranger",
    };
    format!("{body} at the {by} in {phase:?}")
}

/// What was done, but for the timer that may always be set.
pub fn done(outputs: &[Output]) -> Vec<String> {
    let said = outputs.iter().filter_map(|output| match output {
        Output::Send(Request { body: Body::Prepare(Prepare { keep: Some(_), .. }), .. }) => {
            Some("asks Prepare and keeps".to_owned())
        }
        Output::Send(request) => Some(format!("asks {}", name(&request.body))),
        Output::Propose(Command { transition: Transition::Abort { why, .. }, .. }) => {
            Some(format!("proposes Abort {why:?}"))
        }
        Output::Propose(command) => Some(format!("proposes {}", name(&command.transition))),
        Output::SetTimer(Timer::Retry) => None,
        Output::SetTimer(timer) => Some(format!("sets {}", name(timer))),
    });
    let mut said: Vec<String> = said.collect();
    said.sort();
    said.dedup();
    if said.is_empty() { vec!["nothing".to_owned()] } else { said }
}
