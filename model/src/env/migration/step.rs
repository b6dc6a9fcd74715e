//! Applies an action to a state, and reports violations, marks and a transcript.

use super::effect::Delivery;
use super::enabled::{Commit, ControlMessages};
use super::mark::Mark;
use super::{Action, Clients, Controllers, Log, Migration, Net, PARTITION, Shared, Sink, Spent, State};
use crate::protocol::{Invariant, Notes};
use cutover::core::ids::Relabel;
use cutover::core::invariant::{Fact, Findings, Monitor, SinkNow, Violation};
use cutover::core::migration::Command;
use cutover_reference::beside::Disagreement;
use std::hash::Hash;
use std::ops::Deref;
use std::sync::Arc;

/// The result of a step.
pub(crate) struct Stepped {
    pub(crate) state: State,
    pub(crate) lines: Vec<String>,
    /// The violated invariants, a bit each.
    pub(crate) broken: u64,
    pub(crate) violations: Vec<Violation>,
    /// The invariants by which a machine differs from its reference, with both.
    disagreements: Vec<(&'static Invariant, Disagreement)>,
    /// The marks reached, a bit each.
    pub(crate) marks: u64,
}

impl Stepped {
    /// Moves everything but the next state into `notes`.
    pub(super) fn tell(self, notes: &mut Notes) -> State {
        let Self { state, lines, broken, violations, disagreements, marks } = self;
        crate::env::tell(notes, broken, &violations, marks.into(), lines);
        for (invariant, Disagreement { machine, reference, rule }) in disagreements {
            notes.demand(false, invariant, || (machine, format!("by {rule}: {reference}")));
        }
        state
    }
}

/// A part of the state, copied on the first write.
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

    /// Replaces the part by a shared one that was computed elsewhere.
    pub(super) fn adopt(&mut self, shared: &Shared<T>) {
        self.now = Now::Adopted(shared.clone());
    }

    /// The part in its present form, as a shared value.
    pub(super) fn share(&self, env: &Migration) -> Shared<T> {
        match &self.now {
            Now::Same => self.before.clone(),
            Now::Adopted(shared) => shared.clone(),
            Now::Own(own) => env.share(own.clone()),
        }
    }

    fn differs(&self) -> bool {
        match &self.now {
            Now::Same => false,
            Now::Adopted(shared) => !shared.same(self.before),
            Now::Own(_) => true,
        }
    }

    fn finish(self, env: &Migration) -> Shared<T> {
        match self.now {
            Now::Same => self.before.clone(),
            Now::Adopted(shared) => shared,
            Now::Own(own) => env.share(own),
        }
    }
}

/// The next state while a step computes it.
pub(super) struct NextState<'w> {
    pub(super) env: &'w Migration,
    pub(super) before: &'w State,
    pub(super) log: Part<'w, Log>,
    pub(super) sinks: [Part<'w, Sink>; 2],
    pub(super) control: Part<'w, ControlMessages>,
    pub(super) net: Part<'w, Net>,
    pub(super) clients: Part<'w, Clients>,
    pub(super) controllers: Part<'w, Controllers>,
    pub(super) monitor: Part<'w, Monitor>,
    pub(super) spent: Spent,
    pub(super) findings: Findings,
    disagreements: Vec<(&'static Invariant, Disagreement)>,
    /// Number of the strong reader whose request is being delivered.
    pub(super) reading: Option<u8>,
    marks: u64,
    transcript: Option<Vec<String>>,
}

/// `None` if the action changes nothing.
pub(super) type Done = Option<()>;

impl Migration {
    /// Applies an action; `None` if it changes nothing. `explain`: also produce the transcript and the facts of
    /// violations.
    pub(crate) fn take(&self, state: &State, action: Action, explain: bool) -> Option<Stepped> {
        self.run_with(state, explain, |next| next.take(action))
    }

    /// Applies a command that the nodes of the composed environment have committed; `None` if it changes nothing.
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
        take: impl FnOnce(&mut NextState<'_>) -> Done,
    ) -> Option<Stepped> {
        let mut next = NextState::new(self, state, explain);
        take(&mut next)?;
        if self.bounds.forgetful {
            next.forget();
        }
        if self.log_is_atomic && self.bounds.at_once {
            next.commit_at_once();
        }
        next.mover();
        next.judge_now();
        let outcome = next.finish()?;
        self.reached.add(outcome.marks);
        Some(outcome)
    }

    /// Applies an action that does not change the state, and returns the violated invariants.
    pub(super) fn glance(&self, state: &State, action: Action) -> u64 {
        let mut next = NextState::new(self, state, false);
        let _ = next.take(action);
        self.reached.add(next.marks);
        next.findings.bits()
    }
}

impl<'w> NextState<'w> {
    fn new(env: &'w Migration, before: &'w State, explain: bool) -> Self {
        Self {
            env,
            before,
            log: Part::new(&before.log),
            sinks: [Part::new(&before.sinks[0]), Part::new(&before.sinks[1])],
            control: Part::new(&before.control),
            net: Part::new(&before.net),
            clients: Part::new(&before.clients),
            controllers: Part::new(&before.controllers),
            monitor: Part::new(&before.monitor),
            spent: before.spent,
            findings: Findings::new(explain),
            disagreements: Vec::new(),
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
                self.misroute(message, self.env.arrival())
            }
            Action::MisrouteChunk { message } => {
                self.misroute(self.before.net.chunks.get(usize::from(message))?, Delivery::Arrives)
            }
            Action::Commit { offer } => self.commit(offer.into()),
            Action::Chunk { message } => self.chunk(message.into()),
            Action::Damaged { message, what } => self.damaged(message.into(), what),
            Action::Trim { sink } => self.trim(sink.into()),
            Action::Stuck { sink } => {
                let input = self.env.stuck(self.before, sink.into())?;
                self.mark(Mark::Stuck);
                self.told(sink.into(), &input)
            }
            Action::Sync { sink } => self.sync(sink.into()),
            Action::Crash { sink } => self.crash(sink.into()),
            Action::Wipe { sink } => self.wipe(sink.into()),
            Action::Restart { gateway } => self.restart(gateway.into()),
            Action::Controller { offer } => self.controller(offer.into()),
            Action::Gate { revision } => self.gate(revision.into()),
            Action::TakeOver => self.take_over(),
            Action::Restore { revision } => self.restore(revision.into()),
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
        let mut control = (*self.control).clone();
        control.forget(self.log.current().map(AsRef::as_ref));
        if control != *self.control {
            self.control.replace(control);
        }
    }

    /// Adds a line to the transcript, if there is one.
    pub(super) fn say(&mut self, line: impl FnOnce() -> String) {
        if let Some(transcript) = &mut self.transcript {
            transcript.push(line());
        }
    }

    /// Reports that a machine differs from its reference.
    pub(super) fn disagrees(&mut self, by: &'static Invariant, found: Option<&Disagreement>) {
        self.disagreements.extend(found.map(|found| (by, found.clone())));
    }

    pub(super) const fn mark(&mut self, mark: Mark) {
        self.marks |= 1 << (mark as u8);
    }

    pub(super) const fn mark_all(&mut self, bits: u64) {
        self.marks |= bits;
    }

    /// Judges the invariants that are about states, not steps. The state before was judged: one in which nothing of what they are
    /// about has changed need not be.
    fn judge_now(&mut self) {
        if !(self.moved_sinks_or_log() || self.monitor.differs()) {
            return;
        }
        let sinks = [now(&self.sinks[0]), now(&self.sinks[1])];
        let record = self.log.current().map(AsRef::as_ref);
        self.monitor.judge(&Fact::Now(record, &sinks), &mut self.findings);
    }

    fn finish(self) -> Option<Stepped> {
        let Self { env, before, mut disagreements, .. } = self;
        let derived = self.log.differs() || self.control.differs() || self.controllers.differs();
        let mut state = State {
            log: self.log.finish(env),
            sinks: self.sinks.map(|sink| sink.finish(env)),
            control: self.control.finish(env),
            net: self.net.finish(env),
            clients: self.clients.finish(env),
            controllers: self.controllers.finish(env),
            monitor: self.monitor.finish(env),
            spent: self.spent,
            enabled: Arc::clone(&before.enabled),
            image: 0,
        };
        let broken = self.findings.bits();
        let same = broken == 0 && disagreements.is_empty() && state.same_place(before);
        if same {
            env.reached.add(self.marks);
            self.transcript.as_ref()?;
        }
        if derived {
            state.enabled = env.enabled_in(&state.log, &state.control, &state.controllers);
            disagreements.extend(state.enabled.disagrees.clone());
        }
        let violations = self.findings.violations().to_vec();
        let lines = self.transcript.unwrap_or_default();
        (!same).then_some(Stepped { state, lines, broken, violations, disagreements, marks: self.marks })
    }
}

/// Gives a fact to the monitor. The monitor is copied only if it has to remember the fact.
pub(super) fn feed(monitor: &mut Part<'_, Monitor>, findings: &mut Findings, fact: &Fact<'_>) {
    monitor.judge(fact, findings);
    if monitor.remembers(fact) {
        monitor.edit().remember(fact, findings);
    }
}

pub(super) fn now(sink: &Sink) -> SinkNow<'_> {
    SinkNow { fence: &sink.fence, data: &sink.data, durable: &sink.disk, durable_data: &sink.disk_data }
}
