//! Actions, their effects and states as text.

use super::action::{Action, ActionKind, CallEvent, NodeAction, RareRequest};
use super::host::ClientAnswer;
use super::net::bit;
use super::{Consensus, MembershipRequest, State};
use crate::protocol::{Choice, Kind};
use cutover::core::control_plane::ControlPlaneEntry;
use cutover::core::raft::{Append, Batch, Body, Content, Log, Message, RoleName};

/// The text of an action. Actions of one state have different texts.
pub(super) fn choice(env: &Consensus, state: &State, action: Action) -> Option<Choice> {
    let mut choice = what(state, action.what)?;
    if let Some(keep) = action.crash {
        let text = format!("{}, crash before it speaks keep={keep}", choice.text);
        choice = Choice { text, kind: Kind::Fault, ..choice };
    }
    if action.lose == 0 {
        return Some(choice);
    }
    let after = env.take(state, Action { lose: 0, ..action }, false)?;
    let lost = after.state.net.messages().iter().enumerate().filter(|(at, _)| action.lose & (1 << at) != 0);
    let mut lost: Vec<_> = lost.map(|(_, sent)| format!("->{} {}", sent.0.to.node, name(&sent.0))).collect();
    // Messages in flight are ordered by hash, but a stored trace must not depend on a hash function.
    lost.sort_unstable();
    Some(Choice { text: format!("{}, lost: {}", choice.text, lost.join("; ")), kind: Kind::Fault, ..choice })
}

fn what(state: &State, what: ActionKind) -> Option<Choice> {
    let message = |at: u8| state.net.messages().get(usize::from(at)).map(|sent| &sent.0);
    Some(match what {
        ActionKind::Deliver { message: at } => {
            let message = message(at)?;
            Choice::new(message.to.node.to_string(), format!("deliver {}", name(message)))
        }
        ActionKind::Repeat { message: at } => {
            let message = message(at)?;
            Choice::fault(
                message.to.node.to_string(),
                format!("deliver {}, not for the last time", name(message)),
            )
        }
        ActionKind::Forge { node, to, kind } => {
            Choice::fault(format!("n{node}"), format!("forge {} for n{to}", kind.text()))
        }
        ActionKind::Client { write, event } => match event {
            CallEvent::Delay => Choice::fault("client", format!("delay write {write}")),
            CallEvent::Busy => Choice::new("client", format!("find a busy node for write {write}")),
            CallEvent::Deny => Choice::fault("client", format!("be denied write {write}")),
            CallEvent::Expire => Choice::timer("client", format!("deadline of write {write}")),
        },
        ActionKind::Cut { nodes: 0 } => Choice::new("network", "is whole again"),
        ActionKind::Cut { nodes } => Choice::fault("network", format!("cuts {} off", group(nodes))),
        ActionKind::Do { node, action } => deed_in_words(state, node, action)?,
    })
}

/// The names of a set of nodes.
fn group(nodes: u8) -> String {
    let named = (1..=8).filter(|node| nodes & bit(*node) != 0).map(|node| format!("n{node}"));
    named.collect::<Vec<_>>().join(" and ")
}

fn deed_in_words(state: &State, node: u8, action: NodeAction) -> Option<Choice> {
    let lane = format!("n{node}");
    Some(match action {
        NodeAction::Fire(timer) => Choice::timer(lane, format!("timer {timer}")),
        NodeAction::Sync => Choice::new(lane, "sync"),
        NodeAction::SyncAll => Choice::new(lane, "sync all as one"),
        NodeAction::Crash { keep } => Choice::fault(lane, format!("crash keep={keep}")),
        NodeAction::Wipe => Choice::fault(lane, "wipe"),
        NodeAction::Open => Choice::new(lane, "open a session"),
        NodeAction::OpenOther => Choice::new(lane, "open a session for another client"),
        NodeAction::Write(write) => Choice::new(lane, format!("propose write {write}")),
        NodeAction::Arrive(write) => Choice::fault(lane, format!("delayed write {write} arrives")),
        NodeAction::Change(MembershipRequest::Admit(other)) => Choice::new(lane, format!("admit n{other}")),
        NodeAction::Change(MembershipRequest::Promote(other)) => {
            Choice::new(lane, format!("promote n{other}"))
        }
        NodeAction::Change(MembershipRequest::Remove(other)) => Choice::new(lane, format!("remove n{other}")),
        NodeAction::Change(MembershipRequest::PromoteEvenSo(other)) => {
            Choice::new(lane, format!("promote n{other} even so"))
        }
        NodeAction::Change(MembershipRequest::RemoveEvenSo(other)) => {
            Choice::new(lane, format!("remove n{other} even so"))
        }
        NodeAction::Command(at) => {
            Choice::new(lane, format!("propose {}", state.requests.commands.get(usize::from(at))?))
        }
        NodeAction::Read => Choice::new(lane, "read"),
        NodeAction::Transfer(to) => Choice::new(lane, format!("hand over to n{to}")),
        NodeAction::Rare(RareRequest::HandOver) => Choice::new(lane, "hand over"),
        NodeAction::Rare(RareRequest::CloseSession) => Choice::new(lane, "close the oldest session"),
        NodeAction::Rare(RareRequest::OpensTerm) => Choice::new(lane, "propose the entry that opens a term"),
        NodeAction::Rare(RareRequest::ChangeInSession) => {
            Choice::new(lane, "propose a change under a ticket")
        }
        NodeAction::Rare(RareRequest::TakenIdentity) => {
            Choice::new(lane, "admit a node under its own identity")
        }
        NodeAction::Rare(RareRequest::Long) => Choice::new(lane, "propose a long entry"),
    })
}

/// A message without the contents of its entries: what a leader sends after a position in a term is always the
/// same.
fn name(message: &Message<ControlPlaneEntry>) -> String {
    let Message { from, term, body, .. } = message;
    let Body::Append(Append { prev, entries, commit, round }) = body else {
        return format!("{from} {term} {body}");
    };
    let round = if *round > 0 { format!(" round {round}") } else { String::new() };
    format!("{from} {term} Append {prev}+{} commit {commit}{round}", entries.len())
}

/// The contents of a batch.
pub(super) fn batch(batch: &Batch<ControlPlaneEntry>) -> String {
    let mut parts = Vec::new();
    if let Some(vote) = batch.hard_state {
        let voted = vote.voted_for.map_or_else(|| "no vote".to_owned(), |peer| format!("vote for {peer}"));
        parts.push(format!("{} {voted}", vote.term));
    }
    if let Some(snapshot) = &batch.snapshot {
        parts.push(format!("snapshot at {}", snapshot.last));
    }
    if let Some((from, entries)) = &batch.suffix {
        parts.push(format!("{} entries from {from}", entries.len()));
    }
    format!("persists {}", parts.join(", "))
}

/// An answer to a client.
pub(super) fn answer(answer: &ClientAnswer) -> String {
    match answer {
        ClientAnswer::Decided(id, outcome) => format!("answers {id}: {outcome}"),
        ClientAnswer::Read(id, Ok(index)) => format!("answers {id}: from {index} on"),
        ClientAnswer::Read(id, Err(refusal)) => format!("answers {id}: {refusal}"),
    }
}

fn log(log: &Log<ControlPlaneEntry>) -> String {
    let entry = |entry: &cutover::core::raft::Entry<ControlPlaneEntry>| {
        let what = match &entry.content {
            Content::Payload { payload: ControlPlaneEntry::LeaderConfiguration { .. }, .. } => {
                "leads".to_owned()
            }
            Content::Payload { payload: ControlPlaneEntry::OwnershipTransition(command), .. } => {
                command.partition.to_string()
            }
            Content::Payload { payload: payload @ ControlPlaneEntry::NamedTransition { .. }, .. } => {
                payload.to_string()
            }
            Content::Payload { payload: ControlPlaneEntry::MembershipChange(change), .. } => {
                change.to_string()
            }
            Content::Payload { payload: ControlPlaneEntry::StoreChange(change), .. } => change.to_string(),
            Content::Payload { payload: ControlPlaneEntry::OrderChange(change), .. } => change.to_string(),
            Content::OpenSession => "open".to_owned(),
            Content::CloseSession(_) => "close".to_owned(),
        };
        format!("{}:{what}", entry.term)
    };
    let entries: Vec<_> = log.entries().iter().map(entry).collect();
    format!("{}|{}", log.base().index, entries.join(" "))
}

/// A state as pairs of name and value.
pub(super) fn facts(state: &State) -> Vec<(String, String)> {
    let mut facts = Vec::new();
    for (number, host) in state.hosts() {
        let node = host.engine.node();
        let vote = node.hard_state();
        let voted = vote.voted_for.map_or_else(|| "-".to_owned(), |peer| peer.to_string());
        let role = node.role();
        let role = if role == RoleName::Leader {
            format!("{role} {}", node.configuration())
        } else {
            role.to_string()
        };
        let unsynced = match host.batches() {
            0 => String::new(),
            count => format!(", {count} unsynced"),
        };
        let value = format!(
            "{role} {} vote {voted} log {} commit {}{unsynced}",
            vote.term,
            log(node.log()),
            node.commit()
        );
        facts.push((format!("n{number}"), value));
    }
    let messages: Vec<_> =
        state.net.messages().iter().map(|sent| format!("->{} {}", sent.0.to.node, name(&sent.0))).collect();
    facts.push(("net".to_owned(), messages.join("; ")));
    facts.push(("client".to_owned(), state.clients.text()));
    facts
}
