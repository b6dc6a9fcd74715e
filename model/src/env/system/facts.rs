//! The state in words and in abstract: what a walk has covered is told by these.

use super::State;
use super::turn::target;
use cutover::core::control_plane::ControlPlaneEntry;
use cutover::core::ids::Epoch;
use cutover::core::migration::{MigrationError, PartitionRecord, Release, Settlement, Transition};
use cutover::core::placement::{Guarantee, PartitionState, Phase};
use std::sync::Arc;

/// Marks of the world.
pub(super) const MARKS: &[&str] = &[
    "create",
    "create by name",
    "open",
    "begin",
    "start block",
    "enter cutover",
    "enter timed cutover",
    "record watermark",
    "complete",
    "complete after a timed cutover",
    "abort",
    "force",
    "settle with a receipt",
    "settle with a later copy",
    "settle with a drop",
    "retire",
    "forget",
    "delete",
    "write off",
    "resume after a loss",
    "keep the source after a loss",
    "accept the target after a loss",
    "refused by the partition cap",
    "refused by the placement cap",
    "refused by the overall cap",
    "refused by the cap of old copies",
    "answered again under a ticket",
    "refused for the session",
    "a write acknowledged",
    "a write sent again and acknowledged",
    "a write of unknown outcome",
    "a write not sent",
    "a write that found another row",
    "a write forgotten by the store",
    "a write refused when it is applied",
    "a strong read served",
    "a cached read served",
    "a chunk taken",
    "a chunk that goes on elsewhere",
    "a copy that cannot go on",
    "a copy ended",
    "a conditional write refused",
    "changes forgotten",
    "force to a part",
    "a watcher told of everything again",
    "a watcher told of a new history",
];

/// The transition that an entry makes.
pub(super) const fn transition(entry: &ControlPlaneEntry) -> Option<&Transition> {
    match entry {
        ControlPlaneEntry::OwnershipTransition(command) => Some(&command.transition),
        ControlPlaneEntry::NamedTransition { transition, .. } => Some(transition),
        ControlPlaneEntry::MembershipChange(_)
        | ControlPlaneEntry::StoreChange(_)
        | ControlPlaneEntry::OrderChange(_)
        | ControlPlaneEntry::LeaderConfiguration { .. } => None,
    }
}

/// The mark of a command that was applied.
pub(super) fn mark(entry: &ControlPlaneEntry, timed: bool) -> &'static str {
    let Some(transition) = transition(entry) else { return "a change of members" };
    let by_name = matches!(entry, ControlPlaneEntry::NamedTransition { .. });
    match transition {
        Transition::Create { .. } if by_name => "create by name",
        Transition::Create { .. } => "create",
        Transition::Open { .. } => "open",
        Transition::Begin { .. } => "begin",
        Transition::StartBlock { .. } => "start block",
        Transition::EnterCutover { .. } => "enter cutover",
        Transition::EnterTimedCutover { .. } => "enter timed cutover",
        Transition::RecordWatermark { .. } => "record watermark",
        Transition::Complete { .. } if timed => "complete after a timed cutover",
        Transition::Complete { .. } => "complete",
        Transition::Abort { .. } => "abort",
        Transition::Force { partial: true, .. } => "force to a part",
        Transition::Force { .. } => "force",
        Transition::Settle { proof: Settlement::Sealed(_), .. } => "settle with a receipt",
        Transition::Settle { proof: Settlement::Closed(_), .. } => "settle with a later copy",
        Transition::Settle { proof: Settlement::Dropped(_), .. } => "settle with a drop",
        Transition::RetireCopy { .. } => "retire",
        Transition::ForgetCopy { .. } => "forget",
        Transition::Delete { .. } => "delete",
        Transition::WriteOff { .. } => "write off",
        Transition::Release { how: Release::Resume, .. } => "resume after a loss",
        Transition::Release { how: Release::KeepSource, .. } => "keep the source after a loss",
        Transition::Release { how: Release::AcceptTarget { .. }, .. } => "accept the target after a loss",
    }
}

/// The mark of a refusal, if it has one.
pub(super) const fn refusal(refusal: &MigrationError) -> Option<&'static str> {
    if let MigrationError::PartitionCap { .. } = refusal {
        return Some("refused by the partition cap");
    }
    if let MigrationError::PlacementCap { .. } = refusal {
        return Some("refused by the placement cap");
    }
    if let MigrationError::OverallCap { .. } = refusal {
        return Some("refused by the overall cap");
    }
    if let MigrationError::CopyCap { .. } = refusal {
        return Some("refused by the cap of old copies");
    }
    None
}

/// An entry in words.
pub(super) fn entry(entry: &ControlPlaneEntry) -> String {
    match entry {
        ControlPlaneEntry::OwnershipTransition(command) => command.to_string(),
        ControlPlaneEntry::NamedTransition { name, transition } => format!("{name} {transition}"),
        ControlPlaneEntry::StoreChange(change) => change.to_string(),
        ControlPlaneEntry::OrderChange(change) => change.to_string(),
        ControlPlaneEntry::MembershipChange(_) | ControlPlaneEntry::LeaderConfiguration { .. } => {
            format!("{entry:?}")
        }
    }
}

/// The state as pairs of name and value.
pub(super) fn of(state: &State) -> Vec<(String, String)> {
    let records =
        state.log.iter().flat_map(|log| log.records().iter().map(ToString::to_string).collect::<Vec<_>>());
    let sinks = state.sinks.iter().map(|((store, partition), sink)| {
        let disk = sink.fence.durable();
        format!(
            "{store} {partition}: {} of {}, {} writes, sealed through {}, closed through {}",
            disk.newest(),
            sink.fence.config().incarnation,
            sink.data().len(),
            disk.sealed_through(),
            disk.closed_through()
        )
    });
    let gateways = state.gateways.iter().map(|gateway| {
        let (history, revision) = gateway.told();
        format!("at {revision} of history {history}, {} operations", gateway.ops.iter().flatten().count())
    });
    let net = &state.net;
    vec![
        ("records".to_owned(), records.collect::<Vec<_>>().join("; ")),
        ("stores".to_owned(), sinks.collect::<Vec<_>>().join("; ")),
        ("gateways".to_owned(), gateways.collect::<Vec<_>>().join("; ")),
        (
            "messages".to_owned(),
            format!(
                "{} requests, {} answers, {} proposals",
                net.requests.len(),
                net.answers.len(),
                net.proposals.len()
            ),
        ),
        ("clock".to_owned(), state.clock.to_string()),
    ]
}

/// Fields of an abstract state: name and number of values.
const FIELDS: &[(&str, &[&str])] = &[
    ("phase", &["none", "active", "draining", "cutover"]),
    ("guarantee", &["sealed", "timed"]),
    ("opened", &["no", "yes"]),
    ("held", &["no", "yes"]),
    ("block", &["no", "begun", "with a watermark"]),
    ("debt", &["no", "yes"]),
    ("old copies", &["0", "1", "2 or more"]),
    ("retiring", &["no", "yes"]),
    ("source", &["unknown", "no copy", "older copy", "its copy", "newer copy"]),
    ("source sealed", &["no", "below", "through the epoch"]),
    ("source closed", &["no", "below", "through the epoch"]),
    ("target", &["unknown", "no copy", "older copy", "its copy", "newer copy"]),
    ("target closed", &["no", "below", "through the epoch"]),
    ("target has", &["nothing", "less", "all", "more"]),
];

/// The abstract state of each partition: phase, copies and fences relative to the record.
pub(super) fn abstractions(state: &State, into: &mut Vec<u64>) {
    let Some(log) = &state.log else { return };
    into.extend(log.table().records().map(|record| code(state, record)));
}

fn code(state: &State, record: &PartitionRecord) -> u64 {
    let mut values = [0_u64; 14];
    let reach = |fence: Epoch, epoch: Epoch| match fence {
        Epoch::ZERO => 0,
        fence if fence < epoch => 1,
        _ => 2,
    };
    values[6] = u64::try_from(record.old_copies.len()).unwrap_or(2).min(2);
    values[7] = u64::from(record.old_copies.iter().any(|old| old.retiring));
    if let Some(placed) = record.placed {
        let from = placed.state.read_placement();
        let sink = |at| state.sinks.get(&(at, record.partition)).map(Arc::as_ref);
        values[0] = match placed.state {
            PartitionState::Active(_) => 1,
            PartitionState::Migrating { phase: Phase::Draining, .. } => 2,
            PartitionState::Migrating { phase: Phase::Cutover, .. } => 3,
        };
        values[1] = u64::from(placed.guarantee == Guarantee::Timed);
        values[2] = u64::from(placed.opened);
        values[3] = u64::from(placed.held.is_some());
        values[4] = placed.cutover.map_or(0, |facts| if facts.watermark.is_some() { 2 } else { 1 });
        values[5] = u64::from(placed.debt.is_some());
        let copy = |at, of: cutover::core::ids::MigrationId| match sink(at) {
            None => 0,
            Some(sink) if sink.fence.durable().copy().is_none() => 1,
            Some(sink) => match sink.fence.durable().newest().cmp(&of) {
                std::cmp::Ordering::Less => 2,
                std::cmp::Ordering::Equal => 3,
                std::cmp::Ordering::Greater => 4,
            },
        };
        values[8] = copy(from, placed.copy);
        if let Some(source) = sink(from) {
            values[9] = reach(source.fence.durable().sealed_through(), record.epoch);
            values[10] = reach(source.fence.durable().closed_through(), record.epoch);
        }
        if let Some(to) = target(record) {
            values[11] = copy(to, record.migration);
            if let Some(target) = sink(to) {
                values[12] = reach(target.fence.durable().closed_through(), record.epoch);
                let at_source = sink(from).map_or(0, |source| source.data().len());
                values[13] = match target.data().len() {
                    0 => 0,
                    some if some < at_source => 1,
                    some if some == at_source => 2,
                    _ => 3,
                };
            }
        }
    }
    values
        .iter()
        .zip(FIELDS)
        .fold(0, |code, (value, (_, names))| code * u64::try_from(names.len()).unwrap_or(1) + value)
}

/// An abstract state in words.
pub(super) fn abstraction_text(code: u64) -> String {
    crate::env::fields_text(FIELDS, code)
}
