//! Prints what a cluster does, one line each.

use super::hosts::Observation;
use super::network::Participant;
use cutover::core::control_plane::{ControlPlaneEntry, ControlPlaneOutput, ControlPlaneState};
use cutover::core::ids::NodeId;
use cutover::core::raft::{Batch, Elections, Flow, Node, Output, Progress, RoleName};
use cutover_model::host::Host;

/// An observation as a line; timers only if wanted.
pub fn line(observed: &Observation, timers: bool) -> Option<String> {
    match observed {
        Observation::Received(message) => Some(format!("> {message}")),
        Observation::Wrote(at, found) => Some(format!("{at} writes{}", batch(found))),
        Observation::Waits(at, 1) => Some(format!("{at} waits for its disk")),
        Observation::Waits(at, batches) => Some(format!("{at} waits for its disk, {batches} batches")),
        Observation::Did(_, Output::SetTimer(_) | Output::CancelTimer(_)) if !timers => None,
        Observation::Did(at, said) => output(*at, said),
    }
}

fn batch(batch: &Batch<ControlPlaneEntry>) -> String {
    let mut line = String::new();
    if let Some(vote) = batch.hard_state {
        line += &match vote.voted_for {
            Some(candidate) => format!(", {} vote {candidate}", vote.term),
            None => format!(", {} no vote", vote.term),
        };
    }
    if let Some(snapshot) = &batch.snapshot {
        line += &format!(", snapshot at {} {}", snapshot.last, snapshot.configuration);
    }
    if let Some((from, entries)) = &batch.suffix {
        line += &format!(", log from {from}:");
        for entry in entries {
            line += &format!(" {}", entry.term);
        }
    }
    if let Some(base) = batch.base {
        line += &format!(", log begins after {base}");
    }
    line.replacen(',', "", 1)
}

fn output(at: NodeId, said: &ControlPlaneOutput) -> Option<String> {
    let line = match said {
        Output::Persist { .. } => return None,
        Output::Send(message) => return Some(message.to_string()),
        Output::SetTimer(timer) => format!("sets timer {timer}"),
        Output::CancelTimer(timer) => format!("stops timer {timer}"),
        Output::Applied { at, effect, .. } => format!("applies {at}: {effect}"),
        Output::Installed(last) => format!("installs {last}"),
        Output::Decided { id, outcome } => format!("{id}: {outcome}"),
        Output::Read { id, outcome: Ok(index) } => format!("{id}: may read from {index} on"),
        Output::Read { id, outcome: Err(refusal) } => format!("{id}: refused: {refusal}"),
        Output::Transfer(Ok(to)) => format!("handed over to {to}"),
        Output::Transfer(Err(refusal)) => format!("does not hand over: {refusal}"),
        Output::BecameLeader(term) => format!("leads {term}"),
        Output::Mark(mark) => format!("* {}", mark.text()),
        Output::Halt(halt) => format!("HALT {}: {}", halt.invariant, halt.facts),
    };
    Some(format!("{at} {line}"))
}

/// A log on one line.
pub fn log(host: &Host<Participant>, node: Option<&Node<ControlPlaneState>>) -> String {
    let Some(node) = node else { return format!("{} is down", host.me()) };
    let log = node.log();
    let mut line = format!("{} {}]", node.config().me, log.base());
    for (at, entry) in (log.base().index.0 + 1..).zip(log.entries()) {
        line += &format!(" {at}={}", entry.term);
    }
    line + &format!(", committed {}, durable {}", node.commit(), node.stable())
}

/// A node on one line, and a further line for each member that a leader replicates to.
pub fn status(host: &Host<Participant>, node: Option<&Node<ControlPlaneState>>) -> Vec<String> {
    let Some(node) = node else { return vec![format!("{} is down", host.me())] };
    let mut lines = vec![head(node)];
    if node.role() == RoleName::Leader {
        let counts = node.config().limits.elections == Elections::Stable;
        lines.extend(node.progress().iter().map(|of| progress(of, counts)));
    }
    lines
}

fn head(node: &Node<ControlPlaneState>) -> String {
    let vote = node.hard_state();
    let voted = vote.voted_for.map_or_else(|| "no vote".to_owned(), |peer| format!("vote {peer}"));
    let leader = match (node.role(), node.leader()) {
        (RoleName::Follower, Some(leader)) => format!(" of {leader}"),
        (RoleName::Follower | RoleName::PreCandidate | RoleName::Candidate | RoleName::Leader, _) => {
            String::new()
        }
    };
    let change = if node.uncommitted_configurations().is_empty() { "" } else { ", not committed" };
    let (me, role, configuration) = (node.config().me, node.role(), node.configuration());
    format!("{me} {} {voted}, {role}{leader}, {configuration}{change}", vote.term)
}

fn progress(progress: &Progress, counts: bool) -> String {
    let Progress { peer, matched, next, flow, active, active_before: _, round: _, commit_due: _ } = progress;
    let flow = match flow {
        Flow::Probe { waiting: true } => "probe, waits".to_owned(),
        Flow::Probe { waiting: false } => "probe".to_owned(),
        Flow::Replicate { in_flight } if in_flight.is_empty() => "replicate".to_owned(),
        Flow::Replicate { in_flight } => format!("replicate, {} in flight", in_flight.len()),
        Flow::Install { last } => format!("snapshot at {last}"),
    };
    let silent = if *active || !counts { "" } else { ", silent" };
    format!("  {peer} has {matched} next {next} {flow}{silent}")
}
