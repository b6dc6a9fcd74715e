//! Actions and their effects as text. A directive identifies its action and contains nothing else that replay would
//! need.

use super::{Action, Damage, Migration, SINKS, State};
use crate::protocol::Choice;
use cutover::core::fence::{Contents, Reply, Request};
use cutover::core::migration::{Event, Output, PartitionRecord, Timer};

impl Migration {
    /// The text of an action. Actions of one state have different texts.
    pub(super) fn in_words(&self, state: &State, action: Action) -> Option<Choice> {
        let at = |sink: u8| SINKS.get(usize::from(sink)).map(ToString::to_string);
        Some(match action {
            Action::Send { gateway, revision } => {
                let work = state.clients.gateways.get(usize::from(gateway))?;
                let attempt = if work.attempts == 0 { "send" } else { "resend" };
                let name = format!("gw{}", gateway + 1);
                Choice::new(name, format!("{attempt} {} view r{revision}", written(work)))
            }
            Action::Write { message } => {
                let (write, age) = state.net.writes.get(usize::from(message))?;
                let aging = self.bounds.timed.is_some_and(|timed| timed.effect_ticks.is_some());
                let age = if aging { format!(" age {age}") } else { String::new() };
                Choice::new(write.store.to_string(), format!("deliver {}{age}", request(write)))
            }
            Action::Apply { sink, index } => {
                let write = state.sinks.get(usize::from(sink))?.fence.admitted().get(usize::from(index))?;
                Choice::new(at(sink)?, format!("apply {} token {}", write.id, write.token))
            }
            Action::Answer { message } => {
                let answer = state.net.answers.get(usize::from(message))?;
                let write = super::effect::write_of(answer)?;
                Choice::new(format!("gw{}", write.id.session.0), format!("deliver {}", reply(answer)))
            }
            Action::Gate { revision } => {
                Choice::new("gate", format!("send {} view r{revision}", self.gated_id(&state.clients)))
            }
            Action::TakeOver => Choice::fault("control", "restart, answers lost"),
            Action::Restore { revision } => Choice::fault("log", format!("restore r{revision}")),
            Action::Resolve { reader, revision } => {
                Choice::new(format!("rd{}", reader + 1), format!("read view r{revision}"))
            }
            Action::Serve { reader } => {
                let (_, read) = state.clients.readers.get(usize::from(reader))?.sent.as_ref()?;
                Choice::new(read.store.to_string(), format!("deliver rd{} {}", reader + 1, request(read)))
            }
            Action::Stale { revision } => Choice::new("cache", format!("read view r{revision}")),
            Action::Request { offer } => {
                let asked = state.enabled.requests.get(usize::from(offer))?;
                Choice::new(asked.store.to_string(), format!("deliver {}", request(asked)))
            }
            Action::Misroute { offer } => stray(state.enabled.requests.get(usize::from(offer))?)?,
            Action::MisrouteWrite { message } => stray(&state.net.writes.get(usize::from(message))?.0)?,
            Action::MisrouteChunk { message } => stray(state.net.chunks.get(usize::from(message))?)?,
            Action::Commit { offer } => {
                let command = state.enabled.commits.get(usize::from(offer))?;
                Choice::new("log", format!("commit {}", command.command))
            }
            Action::Chunk { message } => {
                let message = state.net.chunks.get(usize::from(message))?;
                Choice::new(message.store.to_string(), request(message))
            }
            Action::Damaged { message, what } => damaged(state.net.chunks.get(usize::from(message))?, what),
            Action::Trim { sink } => Choice::new(at(sink)?, "trim"),
            Action::Stuck { sink } => Choice::new(at(sink)?, "pull is stuck"),
            Action::Sync { sink } => Choice::new(at(sink)?, "sync"),
            Action::Crash { sink } => Choice::fault(at(sink)?, "crash lose=unsynced"),
            Action::Wipe { sink } => Choice::fault(at(sink)?, "wipe"),
            Action::Restart { gateway } => Choice::fault(format!("gw{}", gateway + 1), "restart"),
            Action::Controller { offer } => {
                let (name, revision, event) = state.enabled.steps.get(usize::from(offer))?;
                Choice::new(format!("c{name}"), format!("{} record r{revision}", self::event(event)))
            }
            Action::Replace { controller } => Choice::fault(format!("c{controller}"), "restart"),
            Action::Fire { controller, timer, revision } => {
                let machine = state.controllers.machines.get(usize::from(controller))?;
                fired(controller, &machine.timers.get(usize::from(timer))?.0, revision)
            }
            Action::Tick => Choice::new("clock", "tick"),
            Action::Gain { controller } => Choice::fault(format!("c{controller}"), "gain tick"),
        })
    }
}

/// The rows of a copy, with the positions of their last writes.
pub(super) fn contents(contents: &Contents) -> String {
    let rows = contents.rows().iter();
    let rows: Vec<_> = rows.map(|(key, row)| format!("{key}={}@{}", row.value, row.position)).collect();
    format!("[{}]", rows.join(" "))
}

/// The text of a chunk that arrives without a part of what the source handed over.
fn damaged(message: &super::Message, what: Damage) -> Choice {
    let lacks = match what {
        Damage::Row => "a row",
        Damage::Change => "a change",
        Damage::Ids => "write ids",
    };
    Choice::fault(message.store.to_string(), format!("{} lacks {lacks}", request(message)))
}

/// The text of a timer that fires.
fn fired(controller: u8, timer: &Timer, revision: u8) -> Choice {
    Choice::timer(format!("c{controller}"), format!("{} record r{revision}", self::timer(timer)))
}

/// The text of a message that arrives at the wrong sink.
fn stray(message: &super::Message) -> Option<Choice> {
    let wrong = SINKS.iter().find(|sink| **sink != message.store)?;
    let text = format!("deliver {} meant for {}", request(message), message.store);
    Some(Choice::fault(wrong.to_string(), text))
}

fn written(gateway: &super::Gateway) -> String {
    use cutover::core::gate::Work;
    match gateway.operation.work() {
        Work::Write(id, _) => id.to_string(),
        Work::Read(..) => "read".to_owned(),
    }
}

/// The text of a controller's output.
#[must_use]
pub fn controller_output(output: &Output) -> String {
    match output {
        Output::Send(asked) => format!("asks {}: {}", asked.store, request(asked)),
        Output::Propose(proposed) => format!("proposes {}", proposed),
        Output::SetTimer(set) => format!("starts {}", timer(set)),
    }
}

fn timer(timer: &Timer) -> String {
    match timer {
        Timer::Retry => "retry timer".to_owned(),
        Timer::BlockedBudget { migration } => format!("budget timer of {migration}"),
        Timer::Overdue { migration } => format!("abort timer of {migration}"),
        Timer::Barrier { migration, epoch } => format!("wait of {migration} at {epoch}"),
    }
}

fn event(event: &Event) -> String {
    match event {
        Event::Observed => "observe".to_owned(),
        Event::TookOver => "take over".to_owned(),
        Event::Replied(answer) => format!("deliver {}", reply(answer)),
        Event::TimerFired(fired) => timer(fired),
    }
}

/// The text of a request, without its destination.
#[must_use]
pub fn request(request: &Request) -> String {
    request.to_string()
}

/// The text of a reply.
#[must_use]
pub fn reply(reply: &Reply) -> String {
    reply.to_string()
}

/// The text of a record's state.
#[must_use]
pub fn record(record: Option<&PartitionRecord>) -> String {
    record.map_or_else(|| "gone".to_owned(), ToString::to_string)
}
