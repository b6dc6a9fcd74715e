//! One step: a state and a choice give the next state, what it broke and what it said.

use super::mark::Mark;
use super::offers::Said;
use super::{Action, Clients, Controllers, Log, Net, Shared, Sink, Spent, State, World};
use cutover::ids::Relabel;
use cutover::invariant::{Fact, Findings, Monitor, SinkNow, Violation};
use std::hash::Hash;
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// What a step did.
#[derive(Debug)]
pub struct Outcome {
    /// The next state.
    pub state: State,
    /// What happened, a line each; only if it was asked for.
    pub said: Vec<String>,
    /// What it broke, with the facts; only if it was asked for.
    pub violations: Vec<Violation>,
    /// The places reached by it, as a set.
    pub marks: u64,
}

/// A part of the state, copied once it is written to.
pub(super) struct Part<T> {
    pub(super) shared: Shared<T>,
    own: Option<T>,
}

impl<T> Deref for Part<T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.own.as_ref().unwrap_or(&self.shared)
    }
}

impl<T: Clone + Hash + Relabel> Part<T> {
    fn new(shared: &Shared<T>) -> Self {
        Self { shared: shared.clone(), own: None }
    }

    pub(super) fn edit(&mut self) -> &mut T {
        self.own.get_or_insert_with(|| (*self.shared).clone())
    }

    pub(super) fn replace(&mut self, value: T) {
        self.own = Some(value);
    }

    /// Takes over a part that was made elsewhere.
    pub(super) fn adopt(&mut self, shared: &Shared<T>) {
        self.shared = shared.clone();
        self.own = None;
    }

    pub(super) const fn edited(&self) -> Option<&T> {
        self.own.as_ref()
    }

    fn differs(&self, before: &Shared<T>) -> bool {
        self.own.is_some() || !self.shared.same(before)
    }

    fn finish(self, world: &World) -> Shared<T> {
        match self.own {
            Some(own) => world.share(own),
            None => self.shared,
        }
    }
}

/// The state that a step is building.
pub(super) struct Next<'w> {
    pub(super) world: &'w World,
    pub(super) before: &'w State,
    pub(super) log: Part<Log>,
    pub(super) sinks: [Part<Sink>; 2],
    pub(super) said: Part<Said>,
    pub(super) net: Part<Net>,
    pub(super) clients: Part<Clients>,
    pub(super) controllers: Part<Controllers>,
    pub(super) monitor: Part<Monitor>,
    pub(super) spent: Spent,
    pub(super) findings: Findings,
    /// The strong reader whose request is being delivered.
    pub(super) reading: Option<u8>,
    marks: u64,
    transcript: Option<Vec<String>>,
}

/// `None`: the choice changes nothing.
pub(super) type Done = Option<()>;

impl World {
    /// Takes a step; `None` if it changes nothing.
    #[must_use]
    pub fn next(&self, state: &State, action: Action) -> Option<State> {
        self.run(state, action, false).map(|outcome| outcome.state)
    }

    /// Takes a step, and tells what happened.
    #[must_use]
    pub fn explain(&self, state: &State, action: Action) -> Option<Outcome> {
        self.run(state, action, true)
    }

    fn run(&self, state: &State, action: Action, explain: bool) -> Option<Outcome> {
        let mut next = Next::new(self, state, explain);
        next.take(action)?;
        next.mover();
        next.judge_now();
        let outcome = next.finish()?;
        let seen = self.reached.load(Ordering::Relaxed);
        if outcome.marks & !seen != 0 {
            self.reached.fetch_or(outcome.marks, Ordering::Relaxed);
        }
        Some(outcome)
    }
}

impl<'w> Next<'w> {
    fn new(world: &'w World, before: &'w State, explain: bool) -> Self {
        Self {
            world,
            before,
            log: Part::new(&before.log),
            sinks: [Part::new(&before.sinks[0]), Part::new(&before.sinks[1])],
            said: Part::new(&before.said),
            net: Part::new(&before.net),
            clients: Part::new(&before.clients),
            controllers: Part::new(&before.controllers),
            monitor: Part::new(&before.monitor),
            spent: before.spent,
            findings: Findings::new(explain),
            reading: None,
            marks: 0,
            transcript: explain.then(Vec::new),
        }
    }

    fn take(&mut self, action: Action) -> Done {
        match action {
            Action::Send { gateway, revision } => self.send(gateway.into(), revision.into()),
            Action::Write { message } => self.write(message.into()),
            Action::Apply { sink, index } => self.apply(sink.into(), index.into()),
            Action::Answer { message } => self.answer(message.into()),
            Action::Resolve { reader, revision } => self.resolve(reader.into(), revision.into()),
            Action::Serve { reader } => self.serve(reader.into()),
            Action::Stale { revision } => self.stale(revision.into()),
            Action::Request { offer } => self.request(offer.into(), false),
            Action::Misroute { offer } => self.request(offer.into(), true),
            Action::Commit { offer } => self.commit(offer.into()),
            Action::Chunk { message } => self.chunk(message.into()),
            Action::Sync { sink } => self.sync(sink.into()),
            Action::Crash { sink } => self.crash(sink.into()),
            Action::Wipe { sink } => self.wipe(sink.into()),
            Action::Restart { gateway } => self.restart(gateway.into()),
            Action::Controller { offer } => self.controller(offer.into()),
            Action::Replace { controller } => self.replace(controller.into()),
            Action::Fire { controller, timer, revision } => {
                self.fire(controller.into(), timer.into(), revision.into())
            }
            Action::Tick => self.tick(),
            Action::Gain { controller } => self.gain(controller.into()),
        }
    }

    pub(super) fn moved_sinks_or_log(&self) -> bool {
        self.log.differs(&self.before.log)
            || self.sinks.iter().zip(&self.before.sinks).any(|(sink, before)| sink.differs(before))
    }

    /// Notes what happened, if anybody wants to know.
    pub(super) fn say(&mut self, line: impl FnOnce() -> String) {
        if let Some(transcript) = &mut self.transcript {
            transcript.push(line());
        }
    }

    pub(super) const fn mark(&mut self, mark: Mark) {
        self.marks |= 1 << (mark as u8);
    }

    /// What holds, or not, of every state.
    fn judge_now(&mut self) {
        let sinks = [now(&self.sinks[0]), now(&self.sinks[1])];
        let record = self.log.current().map(AsRef::as_ref);
        self.monitor.judge(&Fact::Now(record, &sinks), &mut self.findings);
    }

    fn finish(self) -> Option<Outcome> {
        let Self { world, before, .. } = self;
        let derived = self.log.differs(&before.log)
            || self.said.differs(&before.said)
            || self.controllers.differs(&before.controllers);
        let mut state = State {
            log: self.log.finish(world),
            sinks: self.sinks.map(|sink| sink.finish(world)),
            said: self.said.finish(world),
            net: self.net.finish(world),
            clients: self.clients.finish(world),
            controllers: self.controllers.finish(world),
            monitor: self.monitor.finish(world),
            spent: self.spent,
            broken: self.findings.bits(),
            offers: Arc::clone(&before.offers),
            mirrored: false,
        };
        let same = state.broken == 0 && state.same_place(before);
        if same {
            world.reached.fetch_or(self.marks, Ordering::Relaxed);
            if self.transcript.is_none() {
                return None;
            }
        }
        if derived {
            state.offers = world.offers(&state.log, &state.said, &state.controllers);
        }
        let violations = self.findings.violations().to_vec();
        let said = self.transcript.unwrap_or_default();
        (!same).then_some(Outcome { state, said, violations, marks: self.marks })
    }
}

/// Feeds a fact to the monitor, copying it only if the fact matters for later.
pub(super) fn feed(monitor: &mut Part<Monitor>, findings: &mut Findings, fact: &Fact<'_>) {
    monitor.judge(fact, findings);
    if monitor.remembers(fact) {
        monitor.edit().remember(fact, findings);
    }
}

pub(super) fn now(sink: &Sink) -> SinkNow<'_> {
    SinkNow { fence: &sink.fence, data: &sink.data, durable: &sink.disk, durable_data: &sink.disk_data }
}
