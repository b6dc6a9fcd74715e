//! One step: a state and a choice give the next state, what it broke and what it said.

use super::effect::Delivery;
use super::enabled::{Commit, Replies};
use super::mark::Mark;
use super::{Action, Clients, Controllers, Log, Migration, Net, PARTITION, Shared, Sink, Spent, State};
use crate::protocol::Notes;
use cutover::core::ids::Relabel;
use cutover::core::invariant::{Fact, Findings, Monitor, SinkNow, Violation};
use cutover::core::migration::Command;
use std::hash::Hash;
use std::ops::Deref;
use std::sync::Arc;

/// What a step did.
pub(crate) struct Stepped {
    pub(crate) state: State,
    pub(crate) said: Vec<String>,
    /// The invariants that the step broke, as a set.
    pub(crate) broken: u32,
    pub(crate) violations: Vec<Violation>,
    /// The places that it reached, as a set.
    pub(crate) marks: u64,
}

impl Stepped {
    /// The next state; the rest goes into the notes.
    pub(super) fn tell(self, notes: &mut Notes) -> State {
        let Self { state, said, broken, violations, marks } = self;
        crate::env::tell(notes, broken, &violations, marks.into(), said);
        state
    }
}

/// A part of the state, copied once it is written to.
pub(super) struct Part<'w, T> {
    before: &'w Shared<T>,
    now: Now<T>,
}

enum Now<T> {
    Same,
    Adopted(Shared<T>),
    Own(T),
}

impl<T> Deref for Part<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        match &self.now {
            Now::Same => self.before,
            Now::Adopted(shared) => shared,
            Now::Own(own) => own,
        }
    }
}

impl<'w, T: Clone + Hash + Relabel> Part<'w, T> {
    const fn new(before: &'w Shared<T>) -> Self {
        Self { before, now: Now::Same }
    }

    pub(super) fn edit(&mut self) -> &mut T {
        if !matches!(self.now, Now::Own(_)) {
            self.now = Now::Own((**self).clone());
        }
        match &mut self.now {
            Now::Own(own) => own,
            Now::Same | Now::Adopted(_) => unreachable!("made its own just now"),
        }
    }

    pub(super) fn replace(&mut self, value: T) {
        self.now = Now::Own(value);
    }

    /// Takes over a part that was made elsewhere.
    pub(super) fn adopt(&mut self, shared: &Shared<T>) {
        self.now = Now::Adopted(shared.clone());
    }

    /// The part as it stands, wrapped.
    pub(super) fn share(&self, world: &Migration) -> Shared<T> {
        match &self.now {
            Now::Same => self.before.clone(),
            Now::Adopted(shared) => shared.clone(),
            Now::Own(own) => world.share(own.clone()),
        }
    }

    fn differs(&self) -> bool {
        match &self.now {
            Now::Same => false,
            Now::Adopted(shared) => !shared.same(self.before),
            Now::Own(_) => true,
        }
    }

    fn finish(self, world: &Migration) -> Shared<T> {
        match self.now {
            Now::Same => self.before.clone(),
            Now::Adopted(shared) => shared,
            Now::Own(own) => world.share(own),
        }
    }
}

/// The state that a step is building.
pub(super) struct Next<'w> {
    pub(super) world: &'w Migration,
    pub(super) before: &'w State,
    pub(super) log: Part<'w, Log>,
    pub(super) sinks: [Part<'w, Sink>; 2],
    pub(super) said: Part<'w, Replies>,
    pub(super) net: Part<'w, Net>,
    pub(super) clients: Part<'w, Clients>,
    pub(super) controllers: Part<'w, Controllers>,
    pub(super) monitor: Part<'w, Monitor>,
    pub(super) spent: Spent,
    pub(super) findings: Findings,
    /// The strong reader whose request is being delivered.
    pub(super) reading: Option<u8>,
    marks: u64,
    transcript: Option<Vec<String>>,
}

/// `None`: the choice changes nothing.
pub(super) type Done = Option<()>;

impl Migration {
    /// Takes a step, with words if they are asked for; `None` if it changes nothing.
    pub(crate) fn take(&self, state: &State, action: Action, explain: bool) -> Option<Stepped> {
        self.run_with(state, explain, |next| next.take(action))
    }

    /// A command was committed by a log that is not here. `None`: it changes nothing.
    pub(crate) fn decide(&self, state: &State, command: &Command, explain: bool) -> Option<Stepped> {
        let (mut log, mut halt) = ((*state.log).clone(), None);
        let outcome = log.table.apply_checked(command, &mut halt);
        if outcome.is_ok() || log.table != state.log.table {
            log.note(&command.transition, log.table.record(PARTITION).cloned());
        }
        let commit = Commit { command: command.clone(), outcome, halt, log: self.share(log) };
        self.run_with(state, explain, |next| next.decided(&commit))
    }

    pub(super) fn run_with(
        &self,
        state: &State,
        explain: bool,
        take: impl FnOnce(&mut Next<'_>) -> Done,
    ) -> Option<Stepped> {
        let mut next = Next::new(self, state, explain);
        take(&mut next)?;
        if self.bounds.forgetful {
            next.forget();
        }
        next.mover();
        next.judge_now();
        let outcome = next.finish()?;
        self.reached.add(outcome.marks);
        Some(outcome)
    }

    /// Takes a step that leaves no trace in the state, and returns what it broke.
    pub(super) fn glance(&self, state: &State, action: Action) -> u32 {
        let mut next = Next::new(self, state, false);
        let _ = next.take(action);
        self.reached.add(next.marks);
        next.findings.bits()
    }
}

impl<'w> Next<'w> {
    fn new(world: &'w Migration, before: &'w State, explain: bool) -> Self {
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
            Action::MisrouteWrite { message } => {
                let (message, _) = self.before.net.writes.get(usize::from(message))?;
                self.misroute(message, self.world.arrival())
            }
            Action::MisrouteChunk { message } => {
                self.misroute(self.before.net.chunks.get(usize::from(message))?, Delivery::Arrives)
            }
            Action::Commit { offer } => self.commit(offer.into()),
            Action::Chunk { message } => self.chunk(message.into()),
            Action::Sync { sink } => self.sync(sink.into()),
            Action::Crash { sink } => self.crash(sink.into()),
            Action::Wipe { sink } => self.wipe(sink.into()),
            Action::Restart { gateway } => self.restart(gateway.into()),
            Action::Controller { offer } => self.controller(offer.into()),
            Action::Gate { revision } => self.gate(revision.into()),
            Action::TakeOver => self.take_over(),
            Action::Replace { controller } => self.replace(controller.into()),
            Action::Fire { controller, timer, revision } => {
                self.fire(controller.into(), timer.into(), revision.into())
            }
            Action::Tick => self.tick(),
            Action::Gain { controller } => self.gain(controller.into()),
        }
    }

    pub(super) fn moved_sinks_or_log(&self) -> bool {
        self.log.differs() || self.sinks.iter().any(Part::differs)
    }

    fn forget(&mut self) {
        let mut said = (*self.said).clone();
        said.forget(self.log.current().map(AsRef::as_ref));
        if said != *self.said {
            self.said.replace(said);
        }
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

    pub(super) const fn mark_all(&mut self, bits: u64) {
        self.marks |= bits;
    }

    /// What holds, or not, of every state.
    fn judge_now(&mut self) {
        let sinks = [now(&self.sinks[0]), now(&self.sinks[1])];
        let record = self.log.current().map(AsRef::as_ref);
        self.monitor.judge(&Fact::Now(record, &sinks), &mut self.findings);
    }

    fn finish(self) -> Option<Stepped> {
        let Self { world, before, .. } = self;
        let derived = self.log.differs() || self.said.differs() || self.controllers.differs();
        let mut state = State {
            log: self.log.finish(world),
            sinks: self.sinks.map(|sink| sink.finish(world)),
            said: self.said.finish(world),
            net: self.net.finish(world),
            clients: self.clients.finish(world),
            controllers: self.controllers.finish(world),
            monitor: self.monitor.finish(world),
            spent: self.spent,
            offers: Arc::clone(&before.offers),
            image: 0,
        };
        let broken = self.findings.bits();
        let same = broken == 0 && state.same_place(before);
        if same {
            world.reached.add(self.marks);
            self.transcript.as_ref()?;
        }
        if derived {
            state.offers = world.offers(&state.log, &state.said, &state.controllers);
        }
        let violations = self.findings.violations().to_vec();
        let said = self.transcript.unwrap_or_default();
        (!same).then_some(Stepped { state, said, broken, violations, marks: self.marks })
    }
}

/// Feeds a fact to the monitor, copying it only if the fact matters for later.
pub(super) fn feed(monitor: &mut Part<'_, Monitor>, findings: &mut Findings, fact: &Fact<'_>) {
    monitor.judge(fact, findings);
    if monitor.remembers(fact) {
        monitor.edit().remember(fact, findings);
    }
}

pub(super) fn now(sink: &Sink) -> SinkNow<'_> {
    SinkNow { fence: &sink.fence, data: &sink.data, durable: &sink.disk, durable_data: &sink.disk_data }
}
