//! What happens, in words: a trace stores nothing else of an action.

use super::facts::entry;
use super::net::{Answered, Asker, Late, Sent};
use super::{Action, State, System};
use crate::protocol::Choice;
use cutover::core::ids::WriteId;

impl System {
    pub(super) fn words(&self, state: &State, action: &Action) -> Option<Choice> {
        of_stores(state, action).or_else(|| of_log(state, action)).or_else(|| of_clients(state, action))
    }
}

fn of_stores(state: &State, action: &Action) -> Option<Choice> {
    Some(match action {
        Action::Deliver(at, again) => {
            let message = state.net.requests.get(*at)?;
            Choice::new(name(message.request.store), format!("deliver {}{}", sent(message), copies(*again)))
        }
        Action::Misroute(at, to) => {
            Choice::fault(name(*to), format!("deliver, misrouted, {}", sent(state.net.requests.get(*at)?)))
        }
        Action::Flush(at, partition) => Choice::new(name(*at), format!("the disk has all of {partition}")),
        Action::Apply(at, partition, place) => {
            let write = state.sinks.get(&(*at, *partition))?.fence.admitted().get(*place)?;
            Choice::new(
                name(*at),
                format!(
                    "apply {} under {} to {partition}, admitted as number {place}",
                    write.id, write.token
                ),
            )
        }
        Action::Crash(at, partition) => Choice::fault(name(*at), format!("crash {partition}")),
        Action::Wipe(at, partition) => Choice::fault(name(*at), format!("lose {partition}")),
        Action::Trim(at, partition) => Choice::new(name(*at), format!("forget changes of {partition}")),
        Action::Export(partition, onward) => Choice::new(
            "mover",
            format!("ask for {} of {partition}", if *onward { "more" } else { "the first" }),
        ),
        Action::Commit(..)
        | Action::Order(_)
        | Action::Tick
        | Action::Late(_)
        | Action::Cut(_)
        | Action::BackUp
        | Action::Restart
        | Action::Lose(_)
        | Action::Rest(_)
        | Action::Observe(..)
        | Action::Fire(..)
        | Action::TakeOver(..)
        | Action::Answer(..)
        | Action::Invoke(..)
        | Action::Read(..)
        | Action::Resolved(..)
        | Action::Time(..)
        | Action::Connect(..)
        | Action::Break(_)
        | Action::Watch(_) => return None,
    })
}

fn of_log(state: &State, action: &Action) -> Option<Choice> {
    Some(match action {
        Action::Observe(partition, name) => {
            Choice::new(format!("c{name}"), format!("read the record of {partition}"))
        }
        Action::Fire(partition, name, at) => {
            let (timer, _) = state.managers.get(&(*partition, *name))?.timers.get(*at)?;
            Choice::timer(format!("c{name}"), format!("{timer:?} of {partition}"))
        }
        Action::TakeOver(partition, name) => {
            Choice::fault(format!("c{name}"), format!("take {partition} over"))
        }
        Action::Commit(at, heard, again) => {
            let proposed = state.net.proposals.get(*at)?;
            let ticket = proposed.ticket.map_or_else(String::new, |ticket| {
                format!(" under {ticket}, {} acknowledged", ticket.acknowledged_through)
            });
            let (what, history) = (entry(&proposed.entry), proposed.history);
            let text = format!("commit {what}{ticket}, made in history {history}{}", copies(*again));
            if *heard { Choice::new("log", text) } else { Choice::fault("log", format!("{text}, unheard")) }
        }
        Action::Order(order) => Choice::new("op", format!("{order:?}")),
        Action::Cut(Some(store)) => Choice::fault("network", format!("cuts {store} off")),
        Action::Cut(None) => Choice::new("network", "is whole again"),
        Action::Late(late) => {
            let past = &state.net.past;
            let text = match *late {
                Late::Request(at) => sent(past.requests.get(at)?),
                Late::Answer(at) => match past.answers.get(at)? {
                    Answered::Reply { reply, asker } => format!("{reply}{}", of_asker(asker.as_ref())),
                    Answered::Served { store, token, asker, value } => {
                        let (value, asker) = (writes(value), of_asker(Some(asker)));
                        format!("a read served by {store} under {token}: {value}{asker}")
                    }
                },
                Late::Proposal(at) => {
                    let proposed = past.proposals.get(at)?;
                    let ticket =
                        proposed.ticket.map_or_else(String::new, |ticket| format!(" under {ticket}"));
                    format!("{}{ticket}", entry(&proposed.entry))
                }
            };
            Choice::fault("network", format!("has another copy of {text}"))
        }
        Action::Tick => Choice::timer("clock", "tick"),
        Action::BackUp => Choice::new("log", "back up"),
        Action::Restart => Choice::fault("log", "restart"),
        Action::Lose(true) => Choice::fault("log", "restore the backup"),
        Action::Lose(false) => Choice::fault("log", "recover the node"),
        Action::Rest(None) => Choice::new("all", "act until all has settled"),
        Action::Rest(Some(gone)) => Choice::fault("all", format!("act while {gone} is gone")),
        Action::Deliver(..)
        | Action::Misroute(..)
        | Action::Flush(..)
        | Action::Apply(..)
        | Action::Crash(..)
        | Action::Wipe(..)
        | Action::Trim(..)
        | Action::Export(..)
        | Action::Answer(..)
        | Action::Invoke(..)
        | Action::Read(..)
        | Action::Resolved(..)
        | Action::Time(..)
        | Action::Connect(..)
        | Action::Break(_)
        | Action::Watch(_) => return None,
    })
}

fn of_clients(state: &State, action: &Action) -> Option<Choice> {
    Some(match action {
        Action::Answer(at, name, again) => match state.net.answers.get(*at)? {
            Answered::Reply { reply, asker: None } => {
                Choice::new(format!("c{name}"), format!("hear {reply}{}", copies(*again)))
            }
            Answered::Reply { reply, asker: Some(asker) } => Choice::new(
                lane(asker.gateway),
                format!("{}#{} hears {reply}{}", asker.slot, asker.nonce, copies(*again)),
            ),
            Answered::Served { store, token, asker, value } => Choice::new(
                lane(asker.gateway),
                format!(
                    "{}#{} is served by {store} under {token}: {}{}",
                    asker.slot,
                    asker.nonce,
                    writes(value),
                    copies(*again)
                ),
            ),
        },
        Action::Invoke(name, slot, wish) => Choice::new(lane(*name), format!("{slot} invokes {wish:?}")),
        Action::Read(name, slot) => Choice::new(lane(*name), format!("{slot} reads the record")),
        Action::Resolved(name, slot) => Choice::new(lane(*name), format!("{slot} has the record")),
        Action::Time(name, slot, timer) => Choice::timer(lane(*name), format!("{slot}: {timer:?}")),
        Action::Connect(name, false) => Choice::new(lane(*name), "opens a stream"),
        Action::Connect(name, true) => Choice::new(lane(*name), "opens a stream at a node that is behind"),
        Action::Break(name) => Choice::fault(lane(*name), "the stream breaks"),
        Action::Watch(name) => Choice::new(lane(*name), "hears of the table"),
        Action::Deliver(..)
        | Action::Misroute(..)
        | Action::Flush(..)
        | Action::Apply(..)
        | Action::Crash(..)
        | Action::Wipe(..)
        | Action::Trim(..)
        | Action::Export(..)
        | Action::Commit(..)
        | Action::Order(_)
        | Action::Tick
        | Action::Late(_)
        | Action::Cut(_)
        | Action::BackUp
        | Action::Restart
        | Action::Lose(_)
        | Action::Rest(_)
        | Action::Observe(..)
        | Action::Fire(..)
        | Action::TakeOver(..) => return None,
    })
}

/// The writes that a read has seen.
fn writes(seen: &[WriteId]) -> String {
    let all: Vec<String> = seen.iter().map(ToString::to_string).collect();
    format!("[{}]", all.join(" "))
}

/// The lane of a store.
fn name(at: cutover::core::ids::Placement) -> String {
    at.to_string()
}

/// The lane of a gateway.
fn lane(gateway: u8) -> String {
    format!("g{gateway}")
}

const fn copies(again: bool) -> &'static str {
    if again { ", of which there is another copy" } else { "" }
}

fn of_asker(asker: Option<&Asker>) -> String {
    asker.map_or_else(String::new, |asker| format!(" for g{}.{}#{}", asker.gateway, asker.slot, asker.nonce))
}

fn sent(sent: &Sent) -> String {
    format!("{}{}", sent.request, of_asker(sent.asker.as_ref()))
}
