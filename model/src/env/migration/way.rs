//! The way on from a state of the sinks: a run without a further fault.
//!
//! What is in flight is lost, and so is what controllers knew: a new one takes over. Both sinks live, the mover copies, an
//! operator retires old copies and releases what is held, proposals are committed, and the timers that the machines set fire in
//! the order of their durations. There is no bound: attempts are as many as it takes.
//!
//! The first answer to each request of a controller is lost, too, and so is the first proposal of each command, and whatever a gateway
//! asks for the first time: that had been sent when the last fault happened. What is lost has to be asked for again.
//!
//! The mover of a migration that has to complete is late: it copies after the target has said often enough that it is behind.

use super::client::sink_of;
use super::effect::Delivery;
use super::goals::{CLEAN_UP, COMPLETE, SETTLE};
use super::{Leaving, Log, Message, Migration, PARTITION, SINKS, Sink, State};
use crate::protocol::GoalSet;
use crate::shared::{Memory, Shared, hasher, memory, remembered};
use crate::ways::Way;
use cutover::core::fence::{Body, Refusal, Reply, Request};
use cutover::core::gate::Operation;
use cutover::core::ids::{MigrationId, Placement};
use cutover::core::migration::{
    Command, Controller, Event, Output, PartitionRecord, Placed, PlacementTable, Timer, Transition,
};
use cutover::core::placement::{Guarantee, PartitionState, Phase};
use std::collections::VecDeque;

/// Number of timers that fire before a run that came nowhere is judged.
const FIRED_MAX: u32 = 60;

/// A run is given up after this many steps.
const STEPS_MAX: u64 = 2_000;

/// How often a target says that it is behind before the mover copies: once more than a command is lost.
const BEHIND: u32 = 2;

/// Number of timers that fire before the mover copies, whatever the target has said.
const LATE: u32 = 12;

thread_local! {
    static TABLES: Memory<u64> = const { memory() };
}

pub(super) struct Run<'e> {
    pub(super) env: &'e Migration,
    table: PlacementTable,
    lost_owner: Option<Placement>,
    pub(super) sinks: [Shared<Sink>; 2],
    controller: Controller,
    timers: Vec<(u64, Timer)>,
    now: u64,
    events: VecDeque<Event>,
    pub(super) steps: u64,
    passed: Vec<u64>,
    /// The requests whose first answer was lost, and the commands whose first proposal was.
    asked: Vec<Request>,
    proposed: Vec<Command>,
    /// The copy that is pulled.
    pub(super) pulls: Option<MigrationId>,
    /// The migration that has to complete.
    completes: Option<MigrationId>,
    /// What the mover waits for: so many answers that the target is behind, or so many timers.
    pub(super) late: (u32, u32),
    lines: Option<Vec<String>>,
}

fn table_key(table: &PlacementTable, lost_owner: Option<Placement>) -> u64 {
    hasher().hash_one((table, lost_owner))
}

fn sinks_key(table: u64, sinks: &[Shared<Sink>; 2]) -> u64 {
    hasher().hash_one((table, sinks[0].hash(0), sinks[1].hash(0)))
}

fn in_flight(record: &PartitionRecord) -> bool {
    record
        .placed
        .is_some_and(|placed| !placed.opened || matches!(placed.state, PartitionState::Migrating { .. }))
}

/// What the record has not come to yet.
fn missing(record: Option<&PartitionRecord>) -> GoalSet {
    let Some(record) = record else { return 0 };
    let owes = record.placed.is_some_and(|placed| placed.debt.is_some());
    let mut missing = 0;
    if in_flight(record) {
        missing |= SETTLE;
    }
    if owes || !record.old_copies.is_empty() {
        missing |= CLEAN_UP;
    }
    missing
}

/// The migration in flight, if nothing but its budget can end it: writes are not blocked yet, the source has the copy that the record
/// names, and the target takes one of this migration.
fn completes(record: &PartitionRecord, sinks: &[Shared<Sink>; 2]) -> Option<MigrationId> {
    let placed = record.placed.filter(|placed| placed.cutover.is_none() && placed.held.is_none())?;
    let PartitionState::Migrating { from, to, phase: Phase::Draining } = placed.state else { return None };
    let [source, target] = [from, to].map(|store| Some(sinks.get(sink_of(store)?)?.fence.durable()));
    let (source, target) = (source?, target?);
    let has =
        source.copy().is_some() && source.newest() == placed.copy && source.sealed_through() < record.epoch;
    let takes = target.newest() < record.migration
        || (target.newest() == record.migration && target.copy().is_some_and(|copy| !copy.finished()));
    (has && takes).then_some(record.migration)
}

impl Migration {
    /// As [`completes`], if the copy at the target, as far as it is, is right and can go on.
    fn must_complete(&self, record: &PartitionRecord, sinks: &[Shared<Sink>; 2]) -> Option<MigrationId> {
        let migration = completes(record, sinks).filter(|_| self.bounds.damages == 0)?;
        let PartitionState::Migrating { from, to, .. } = record.placed?.state else { return None };
        let [source, target] = [from, to].map(|store| sinks.get(sink_of(store)?));
        // A copy that is kept has the id of the migration that made it.
        let copy = target?.fence.durable().newest();
        self.cannot_go_on(target?, source?, copy).is_none().then_some(migration)
    }
}

/// Whether a target says that its copy does not reach as far as it was asked.
const fn is_behind(leaving: &Leaving) -> bool {
    matches!(
        leaving,
        Leaving::Reply(Reply::Refused { refusal: Refusal::Behind { .. } | Refusal::Incomplete { .. }, .. })
    )
}

/// The move away from an owner that owes and cannot seal.
fn moved_away(record: &PartitionRecord) -> Option<Transition> {
    let placed = record.placed.filter(|placed| placed.opened && placed.guarantee == Guarantee::Timed)?;
    let owner = placed.debt.map(|debt| debt.placement)?;
    let to = SINKS.into_iter().find(|sink| *sink != owner)?;
    (placed.state == PartitionState::Active(owner))
        .then(|| Transition::Begin { expected: record.expected(), to })
}

impl Migration {
    /// The gateways' writes that have begun and not ended, if the record is settled.
    fn begun(&self, state: &State) -> Vec<Operation> {
        let settled = state.log.current().is_some_and(|record| record.placed.is_some() && !in_flight(record));
        let gateways = state.clients.gateways.iter().filter(|_| settled);
        let operations = gateways.map(|gateway| gateway.operation.clone());
        operations.filter(|operation| !operation.is_idle() && !operation.is_done()).collect()
    }

    /// The goals to which no way leads on.
    pub(crate) fn stuck_in(&self, state: &State) -> GoalSet {
        let table = |log: &Log| table_key(&log.table, log.lost_owner);
        let table =
            remembered(&TABLES, hasher().hash_one((self.key, state.log.hash(0))), || table(&state.log));
        let begun = self.begun(state);
        let key = sinks_key(table, &state.sinks);
        let key = if begun.is_empty() { key } else { hasher().hash_one((key, &begun)) };
        self.ways.judge(key, || {
            let mut run = Run::new(self, state, false);
            let way = run.judge(&begun).within(run.steps, STEPS_MAX);
            (way, run.steps, run.passed)
        })
    }

    /// What the run from a state comes to, and the end of it, in words.
    pub(crate) fn waits_in(&self, state: &State) -> (String, String) {
        let mut run = Run::new(self, state, true);
        let _ = run.judge(&self.begun(state));
        let timers = run.timers.iter().map(|(_, timer)| format!("{timer:?}")).collect::<Vec<_>>();
        let record = super::text::record(run.record());
        let sinks = run.sinks.iter().map(|sink| {
            let (store, durable) = (sink.fence.config().store, sink.fence.durable());
            let copy =
                durable.copy().map_or_else(|| "no copy".to_owned(), |_| format!("copy {}", durable.newest()));
            let (sealed, closed) = (durable.sealed_through(), durable.closed_through());
            format!("{store} has {copy}, sealed through {sealed}, closed through {closed}")
        });
        let found =
            std::iter::once(format!("the record is {record}")).chain(sinks).collect::<Vec<_>>().join("; ");
        let lines = run.lines.unwrap_or_default();
        let last = lines.iter().skip(lines.len().saturating_sub(8)).cloned().collect::<Vec<_>>().join(", ");
        let timers = if timers.is_empty() {
            "no timer runs".to_owned()
        } else {
            format!("timers: {}", timers.join(" "))
        };
        (found, format!("with no further fault, after {} steps, {timers}; the last ones: {last}", run.steps))
    }
}

impl<'e> Run<'e> {
    fn new(env: &'e Migration, state: &State, explain: bool) -> Self {
        let mut run = Self {
            env,
            table: state.log.table.clone(),
            lost_owner: state.log.lost_owner,
            sinks: state.sinks.clone(),
            controller: Controller::new(env.bounds.policy),
            timers: Vec::new(),
            now: 0,
            events: VecDeque::from([Event::TookOver]),
            steps: 0,
            passed: Vec::new(),
            asked: Vec::new(),
            proposed: Vec::new(),
            pulls: None,
            completes: state.log.current().and_then(|record| env.must_complete(record, &state.sinks)),
            late: (0, 0),
            lines: explain.then(Vec::new),
        };
        for at in 0..run.sinks.len() {
            run.settle_sink(at);
        }
        // The budget of a `timed` migration is hardly more than its wait.
        let sealed = |placed: Placed| placed.guarantee == Guarantee::Sealed;
        if run.completes.is_some() && run.record().and_then(|record| record.placed).is_some_and(sealed) {
            run.late = (BEHIND, LATE);
        }
        run
    }

    fn say(&mut self, line: impl FnOnce() -> String) {
        if let Some(lines) = &mut self.lines {
            lines.push(line());
        }
    }

    pub(super) fn record(&self) -> Option<&PartitionRecord> {
        self.table.record(PARTITION)
    }

    /// What a sink has admitted takes effect; what waited for the disk is lost.
    fn settle_sink(&mut self, at: usize) {
        let admitted = self.sinks.get(at).map(|sink| sink.fence.admitted().to_vec()).unwrap_or_default();
        for write in admitted {
            let request = Request { store: SINKS[at], partition: PARTITION, body: Body::Write(write) };
            let _lost = self.deliver(at, request, Delivery::Applies);
        }
        let _lost = self.sync(at);
    }

    fn sync(&mut self, at: usize) -> Vec<Leaving> {
        let Some(sink) = self.sinks.get_mut(at) else { return Vec::new() };
        if sink.is_synced() && sink.held.is_empty() {
            return Vec::new();
        }
        let mut synced = (**sink).clone();
        synced.sync();
        let held = std::mem::take(&mut synced.held);
        *sink = self.env.share(synced);
        held.into_iter().map(|held| held.output).collect()
    }

    /// A request arrives. Returns what leaves the sink, and whether it serves a read.
    pub(super) fn deliver(
        &mut self,
        at: usize,
        request: Request,
        delivery: Delivery,
    ) -> (Vec<Leaving>, bool) {
        self.steps += 1;
        let Some(sink) = self.sinks.get(at) else { return (Vec::new(), false) };
        let effect = self.env.effect(sink, &Message::new(request.clone()), delivery, None);
        self.say(|| super::text::request(&request));
        if let Some(sink) = self.sinks.get_mut(at) {
            *sink = effect.sink.clone();
        }
        self.pulls = effect.pulls.or(self.pulls);
        let mut leaving: Vec<Leaving> = effect.released.iter().map(|held| held.output.clone()).collect();
        leaving.extend(self.sync(at));
        (leaving, effect.served)
    }

    fn controller(&mut self, event: &Event) {
        let Some(record) = self.record().cloned() else { return };
        self.steps += 1;
        for output in self.controller.handle(&record, event) {
            match output {
                Output::SetTimer(timer) => {
                    let due = self.now + self.env.duration(&timer).max(1);
                    if self.timers.iter().all(|(_, running)| *running != timer) {
                        self.timers.push((due, timer));
                    }
                }
                Output::Propose(command) if !self.proposed.contains(&command) => self.proposed.push(command),
                Output::Propose(command) => self.commit(&command),
                Output::Send(request) => {
                    let Some(at) = sink_of(request.store) else { continue };
                    if !self.asked.contains(&request) {
                        self.asked.push(request.clone());
                        let _lost = self.deliver(at, request, Delivery::Arrives);
                        continue;
                    }
                    let (leaving, _) = self.deliver(at, request, Delivery::Arrives);
                    if leaving.iter().any(is_behind) {
                        self.late.0 = self.late.0.saturating_sub(1);
                    }
                    let replies = leaving.into_iter().filter_map(|leaving| match leaving {
                        Leaving::Reply(reply) => Some(Event::Replied(reply)),
                        Leaving::Chunk(_) | Leaving::Value { .. } => None,
                    });
                    self.events.extend(replies);
                }
            }
        }
    }

    fn commit(&mut self, command: &Command) {
        self.steps += 1;
        let before = self.record().cloned();
        let outcome = self.table.apply(command);
        self.say(|| format!("{command}: {}", if outcome.is_ok() { "committed" } else { "refused" }));
        if self.record() != before.as_ref() {
            self.events.push_back(Event::Observed);
        }
    }

    /// Operators retire every old copy, and release what is held. They move away from an owner whose debt only a drop settles.
    fn operators(&mut self) {
        let Some(record) = self.record().cloned() else { return };
        let retire = record.old_copies.iter().filter(|old| !old.retiring).map(|old| Command {
            partition: PARTITION,
            transition: Transition::RetireCopy { placement: old.placement, copy: old.copy },
        });
        let release = self.env.release(&record, self.lost_owner).into_iter().take(1);
        let away = moved_away(&record).map(|transition| Command { partition: PARTITION, transition });
        for command in release.chain(away).chain(retire.collect::<Vec<_>>()) {
            self.commit(&command);
        }
    }

    /// Whether writes may be blocked by the migration that has to complete. Who took over now would rather abort it.
    fn blocks(&self) -> bool {
        let placed = self.record().and_then(|record| record.placed);
        self.completes.is_some() && placed.is_some_and(|placed| placed.cutover.is_some())
    }

    /// Everybody acts until nobody has anything to do but wait for a timer.
    fn rest(&mut self) {
        loop {
            self.operators();
            let Some(event) = self.events.pop_front() else { return self.mover() };
            self.controller(&event);
            if self.steps > STEPS_MAX {
                return;
            }
        }
    }

    fn judge(&mut self, begun: &[Operation]) -> Way {
        for _ in 0..FIRED_MAX {
            self.rest();
            let key = sinks_key(table_key(&self.table, self.lost_owner), &self.sinks);
            let own = begun.is_empty() && !self.blocks();
            if own && self.steps > 0 && self.env.ways.knows(key) {
                return Way::Leads;
            }
            if own {
                self.passed.push(key);
            }
            if missing(self.record()) == 0 || self.steps > STEPS_MAX {
                break;
            }
            let next = self.timers.iter().enumerate().min_by_key(|(_, (due, _))| *due).map(|(at, _)| at);
            let Some(next) = next else { break };
            let (due, timer) = self.timers.swap_remove(next);
            self.now = due;
            self.late.1 = self.late.1.saturating_sub(1);
            self.say(|| format!("timer {timer:?}"));
            self.events.push_back(Event::TimerFired(timer));
        }
        let owner = self.record().and_then(|record| record.placed).map(|placed| placed.copy);
        match missing(self.record()) {
            // A later copy is that of a later migration.
            0 if owner < self.completes && owner.is_some() => Way::Stuck(COMPLETE),
            0 => self.serves(begun),
            missing => Way::Stuck(missing),
        }
    }
}
