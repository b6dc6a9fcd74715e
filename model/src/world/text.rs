//! Choices and what they did, in words. A directive names its choice; it holds no contents that replay would need.

use super::{Action, SINKS, State, World};
use cutover::fence::{Body, Reply, Request};
use cutover::ids::WriteId;
use cutover::migration::{Command, Event, Output, PartitionRecord, Settlement, Timer, Transition};
use cutover::placement::{PartitionState, Phase};

/// The lane that a directive happens in, and the directive.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Directive {
    /// Who does it.
    pub lane: String,
    /// What.
    pub text: String,
    /// Whether the environment does damage by it.
    pub fault: bool,
}

impl Directive {
    fn new(lane: impl Into<String>, text: impl Into<String>) -> Self {
        Self { lane: lane.into(), text: text.into(), fault: false }
    }

    fn fault(lane: impl Into<String>, text: impl Into<String>) -> Self {
        Self { fault: true, ..Self::new(lane, text) }
    }
}

impl std::fmt::Display for Directive {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.lane, self.text)
    }
}

impl World {
    /// A choice in words; among the choices of one state, no two read the same.
    #[must_use]
    pub fn directive(&self, state: &State, action: Action) -> Option<Directive> {
        let at = |sink: u8| SINKS.get(usize::from(sink)).map(ToString::to_string);
        Some(match action {
            Action::Send { gateway, revision } => {
                let work = state.clients.gateways.get(usize::from(gateway))?;
                let attempt = if work.attempts == 0 { "send" } else { "resend" };
                let name = format!("gw{}", gateway + 1);
                Directive::new(name, format!("{attempt} {} view r{revision}", written(work)))
            }
            Action::Write { message } => {
                let (write, age) = state.net.writes.get(usize::from(message))?;
                let age = if self.scope.timed.is_some() { format!(" age {age}") } else { String::new() };
                Directive::new(write.store.to_string(), format!("deliver {}{age}", request(write)))
            }
            Action::Apply { sink, index } => {
                let write = state.sinks.get(usize::from(sink))?.fence.admitted().get(usize::from(index))?;
                Directive::new(at(sink)?, format!("apply {} token {}", write.id, write.token))
            }
            Action::Answer { message } => {
                let answer = state.net.answers.get(usize::from(message))?;
                let write = super::client::write_of(answer)?;
                Directive::new(format!("gw{}", write.id.session.0), format!("deliver {}", reply(answer)))
            }
            Action::Resolve { reader, revision } => {
                Directive::new(format!("rd{}", reader + 1), format!("read view r{revision}"))
            }
            Action::Serve { reader } => {
                let (_, read) = state.clients.readers.get(usize::from(reader))?.sent.as_ref()?;
                Directive::new(read.store.to_string(), format!("deliver rd{} {}", reader + 1, request(read)))
            }
            Action::Stale { revision } => Directive::new("cache", format!("read view r{revision}")),
            Action::Request { offer } => {
                let asked = state.offers.requests.get(usize::from(offer))?;
                Directive::new(asked.store.to_string(), format!("deliver {}", request(asked)))
            }
            Action::Misroute { offer } => {
                let asked = state.offers.requests.get(usize::from(offer))?;
                let wrong = SINKS.iter().find(|sink| **sink != asked.store)?;
                let text = format!("deliver {} meant for {}", request(asked), asked.store);
                Directive::fault(wrong.to_string(), text)
            }
            Action::Commit { offer } => {
                let command = state.offers.commits.get(usize::from(offer))?;
                Directive::new("log", format!("commit {}", self::command(&command.command)))
            }
            Action::Chunk { message } => {
                let message = state.net.chunks.get(usize::from(message))?;
                Directive::new(message.store.to_string(), request(message))
            }
            Action::Sync { sink } => Directive::new(at(sink)?, "sync"),
            Action::Crash { sink } => Directive::fault(at(sink)?, "crash lose=unsynced"),
            Action::Wipe { sink } => Directive::fault(at(sink)?, "wipe"),
            Action::Restart { gateway } => Directive::fault(format!("gw{}", gateway + 1), "restart"),
            Action::Controller { offer } => {
                let (name, revision, event) = state.offers.steps.get(usize::from(offer))?;
                Directive::new(format!("c{name}"), format!("{} record r{revision}", self::event(event)))
            }
            Action::Replace { controller } => Directive::fault(format!("c{controller}"), "restart"),
            Action::Fire { controller, timer, revision } => {
                let manager = state.controllers.machines.get(usize::from(controller))?;
                let (timer, _) = manager.timers.get(usize::from(timer))?;
                Directive::new(format!("c{controller}"), format!("{} record r{revision}", self::timer(timer)))
            }
            Action::Tick => Directive::new("clock", "tick"),
            Action::Gain { controller } => Directive::fault(format!("c{controller}"), "gain tick"),
        })
    }

    /// The choice that reads like this.
    #[must_use]
    pub fn find(&self, state: &State, directive: &str) -> Option<Action> {
        let mut actions = Vec::new();
        self.actions(state, &mut actions);
        let reads =
            |action: &Action| self.directive(state, *action).is_some_and(|d| d.to_string() == directive);
        actions.into_iter().find(reads)
    }
}

fn written(gateway: &super::Gateway) -> String {
    use cutover::gate::Work;
    match gateway.operation.work() {
        Work::Write(id) => id.to_string(),
        Work::Read(_) => "read".to_owned(),
    }
}

/// Write ids in a row.
#[must_use]
pub fn ids(ids: &[WriteId]) -> String {
    let ids: Vec<_> = ids.iter().map(ToString::to_string).collect();
    format!("[{}]", ids.join(" "))
}

/// A request, without its address.
#[must_use]
pub fn request(request: &Request) -> String {
    match &request.body {
        Body::Prepare(p) => format!("prepare {} closed-through {}", p.migration, p.closed_through),
        Body::Seal(s) => format!("seal {} through {} for {}", s.migration, s.through, s.target),
        Body::Evidence(q) => format!("evidence? {} at {} position>={}", q.migration, q.epoch, q.at_least),
        Body::Watermark(q) => format!("watermark? {} at {}", q.migration, q.epoch),
        Body::Drop(d) => match d.sealed_through {
            Some(through) => format!("drop copy {} sealed-through {through}", d.copy),
            None => format!("drop copy {}", d.copy),
        },
        Body::Export(e) => format!("export {} from {} count {}", e.migration, e.first, e.count),
        Body::Chunk(c) => {
            format!("copy {} from position {} {} by {}", c.migration, c.first, ids(&c.writes), c.source)
        }
        Body::Write(w) => format!("write {} token {}", w.id, w.token),
        Body::Read(r) => format!("read token {}", r.token),
    }
}

/// An answer.
#[must_use]
pub fn reply(reply: &Reply) -> String {
    match reply {
        Reply::Prepared(p) => {
            let incarnation = p.speaker().incarnation;
            format!("prepared {} closed-through {} by {incarnation}", p.migration(), p.closed_through())
        }
        Reply::Sealed(r) => format!(
            "sealed {} through {} watermark {} for {}",
            r.migration(),
            r.through(),
            r.watermark(),
            r.target()
        ),
        Reply::Evidence(e) => {
            let (said, at) = (e.speaker().incarnation, e.epoch());
            format!("evidence {} position {} at {at} by {said}", e.migration(), e.position())
        }
        Reply::Watermark(w) => {
            format!("watermark {} position {} at {}", w.migration(), w.position(), w.epoch())
        }
        Reply::Dropped(d) => format!("dropped copy {}", d.copy()),
        Reply::ChunkTaken(t) => format!("copy {} reaches position {}", t.migration(), t.position()),
        Reply::Applied { write, position } => {
            format!("applied {} token {} position {position}", write.id, write.token)
        }
        Reply::Refused { refusal, .. } => format!("refused: {refusal}"),
    }
}

/// A command, with the state that it rests on.
#[must_use]
pub fn command(command: &Command) -> String {
    let on =
        |expected: &cutover::migration::Expected| format!("on {}@{}", expected.migration, expected.epoch);
    match &command.transition {
        Transition::Create { placement, guarantee } => format!("create at {placement} {guarantee}"),
        Transition::Open { expected, prepared } => {
            format!("open {} ({})", on(expected), reply(&Reply::Prepared(*prepared)))
        }
        Transition::Begin { expected, to } => format!("begin >{to} {}", on(expected)),
        Transition::EnterCutover { expected, receipt } => {
            let by = receipt.speaker();
            format!(
                "cutover {} ({} {}: {})",
                on(expected),
                by.store,
                by.incarnation,
                reply(&Reply::Sealed(*receipt))
            )
        }
        Transition::EnterTimedCutover { expected, prepared } => {
            format!("cutover {} ({})", on(expected), reply(&Reply::Prepared(*prepared)))
        }
        Transition::RecordWatermark { expected, reading } => {
            format!("watermark {} ({})", on(expected), reply(&Reply::Watermark(*reading)))
        }
        Transition::Complete { expected, evidence } => {
            let by = evidence.speaker().store;
            format!("complete {} ({by}: {})", on(expected), reply(&Reply::Evidence(*evidence)))
        }
        Transition::Abort { expected } => format!("abort {}", on(expected)),
        Transition::Force { expected, prepared, operator, .. } => {
            let by = prepared.speaker().store;
            let said = reply(&Reply::Prepared(*prepared));
            format!("force {} ({by}: {said}) by {}", on(expected), operator.as_ref())
        }
        Transition::Settle { migration, proof } => match proof {
            Settlement::Sealed(receipt) => {
                format!(
                    "settle {migration} ({}: {})",
                    receipt.speaker().store,
                    reply(&Reply::Sealed(*receipt))
                )
            }
            Settlement::Dropped(dropped) => {
                format!(
                    "settle {migration} ({}: {})",
                    dropped.speaker().store,
                    reply(&Reply::Dropped(*dropped))
                )
            }
            Settlement::Closed(prepared) => {
                format!(
                    "settle {migration} ({}: {})",
                    prepared.speaker().store,
                    reply(&Reply::Prepared(*prepared))
                )
            }
        },
        Transition::RetireCopy { placement, copy } => format!("retire {copy} at {placement}"),
        Transition::ForgetCopy { dropped } => {
            let by = dropped.speaker();
            format!("forget {} at {} {}", dropped.copy(), by.store, by.incarnation)
        }
        Transition::Delete { expected } => format!("delete {}", on(expected)),
    }
}

/// What a controller does.
#[must_use]
pub fn controller_output(output: &Output) -> String {
    match output {
        Output::Send(asked) => format!("asks {}: {}", asked.store, request(asked)),
        Output::Propose(proposed) => format!("proposes {}", command(proposed)),
        Output::SetTimer(set) => format!("starts {}", timer(set)),
        Output::CancelTimer(set) => format!("stops {}", timer(set)),
    }
}

fn timer(timer: &Timer) -> String {
    match timer {
        Timer::Retry => "retry timer".to_owned(),
        Timer::BlockedBudget { migration } => format!("budget timer of {migration}"),
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

/// A record in one word: `Draining(A>B)@e2 m2`.
#[must_use]
pub fn record(record: Option<&PartitionRecord>) -> String {
    let Some(record) = record else { return "gone".to_owned() };
    let Some(placed) = record.placed else { return format!("Deleted@{}", record.epoch) };
    let debt = placed.debt.map(|debt| format!(", owes {}", debt.placement)).unwrap_or_default();
    let shown = match placed.state {
        PartitionState::Active(at) => format!("Active({at})"),
        PartitionState::Migrating { from, to, phase: Phase::Draining } => format!("Draining({from}>{to})"),
        PartitionState::Migrating { from, to, phase: Phase::Cutover } => format!("Cutover({from}>{to})"),
    };
    format!("{shown}@{} {}{debt}", record.epoch, record.migration)
}
