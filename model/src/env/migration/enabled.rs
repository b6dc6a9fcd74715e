//! The messages of controllers and operators that may be delivered.
//!
//! A stateless controller can be replaced by a new one at any moment, may act on any record that was ever
//! committed, and may receive any reply at any time, repeated and late. What it sends stays deliverable. So the set
//! of its messages is a function of the committed records and the replies. It is computed here, by asking the
//! production controller about every record and every reply, and is not part of the state. Sending early loses no
//! generality, since no message has to be delivered.
//!
//! Statelessness is checked, not assumed: if an event changes the machine, its outputs are not enabled here, and
//! the event becomes an action of its own.

use super::Design;
use super::beside::{Hashed, judged};
use super::{Controllers, Log, Message, Migration, PARTITION, SINKS, Shared};
use crate::env::agrees::{CONTROLLERS, TABLE};
use crate::protocol::Invariant;
use crate::shared::{Memory, hasher, memory, remembered};
use cutover::core::fence::{Body, CatchUpEvidence, Reply, Request, WatermarkQuery};
use cutover::core::ids::{Epoch, Halt, MigrationId, Names, Placement, Relabel};
use cutover::core::migration::{
    AbortReason, Caps, Command, Controller, Event, MigrationError, Operator, Output, PartitionRecord, Reason,
    Release, Timer, Transition, TransitionKind,
};
use cutover_reference::beside::Disagreement;
use cutover_reference::beside::table::TableBeside;
use std::sync::Arc;

/// Replies to controllers, and the messages of controllers with state.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct ControlMessages {
    /// Replies of sinks, which any controller may receive.
    pub replies: Vec<Reply>,
    /// Requests of controllers with state.
    pub requests: Vec<Request>,
    /// Proposals of controllers with state.
    pub proposals: Vec<Command>,
}

impl Relabel for ControlMessages {
    fn relabel(&self, _: &dyn Names) -> Self {
        self.clone()
    }
}

/// The messages of controllers and operators that may be delivered in a state, in a fixed order.
#[derive(Debug, Default)]
pub struct Enabled {
    /// Requests to sinks.
    pub requests: Vec<Message>,
    /// Commands that change the log's table: those that it accepts, and any that it refuses but that change it
    /// nevertheless.
    pub commits: Vec<Commit>,
    /// Whether a command was left out because the record that it expects is out of date.
    pub refused_stale: bool,
    /// What a controller does, or the table says to a proposed command, and the reference does not.
    pub disagrees: Option<(&'static Invariant, Disagreement)>,
    /// All proposed commands in ascending order, including those that the log would refuse.
    proposed: Vec<Command>,
    /// Events that change a controller with state: number of the controller, revision of the record, event.
    pub steps: Vec<(usize, usize, Event)>,
}

impl Enabled {
    /// Whether this output of a controller is enabled already, or has no effect.
    pub fn has(&self, output: &Output) -> bool {
        match output {
            Output::Send(request) => self.requests.iter().any(|message| **message == *request),
            Output::Propose(command) => {
                self.proposed.binary_search(command).is_ok()
                    || self.proposed.iter().any(|other| same(other, command))
            }
            Output::SetTimer(_) => true,
        }
    }
}

/// Whether two commands abort the same migration, for reasons that make no difference to the table.
fn same(one: &Command, other: &Command) -> bool {
    let (Transition::Abort { expected, why }, Transition::Abort { expected: also, why: for_this }) =
        (&one.transition, &other.transition)
    else {
        return false;
    };
    expected == also && why.keeps() == for_this.keeps()
}

/// A command that may be committed, with its effect on the log.
#[derive(Debug)]
pub struct Commit {
    /// The command to commit.
    pub command: Command,
    /// The table's answer to the command.
    pub outcome: Result<Epoch, MigrationError>,
    /// The violation that the table itself detected, if any.
    pub halt: Option<Halt>,
    /// The log after the command.
    pub log: Shared<Log>,
}

thread_local! {
    /// Few logs and replies occur in many states, so their enabled messages are cached.
    static KNOWN: Memory<Arc<Enabled>> = const { memory() };
}

impl Migration {
    /// The messages of controllers and operators that may be delivered. Cached, since they depend on few parts of
    /// the state.
    pub(crate) fn enabled_in(
        &self,
        log: &Shared<Log>,
        control: &Shared<ControlMessages>,
        controllers: &Shared<Controllers>,
    ) -> Arc<Enabled> {
        // Controller steps contain the number of a controller, so the order of controllers matters for this key.
        let key = (self.key, log.hash(0), control.hash(0), &controllers.machines);
        let key = hasher().hash_one(key);
        remembered(&KNOWN, key, || Arc::new(self.compute_enabled(log, control, controllers)))
    }

    fn compute_enabled(&self, log: &Log, control: &ControlMessages, controllers: &Controllers) -> Enabled {
        let mut gathered = Gathered::default();
        gathered.requests.extend(control.requests.iter().cloned());
        gathered.commands.extend(control.proposals.iter().cloned());
        let fresh = Controller::new(self.bounds.policy);
        let mut events = vec![Event::Observed];
        if self.bounds.polls {
            events.extend([Event::TookOver, Event::TimerFired(Timer::Retry)]);
        }
        events.extend(control.replies.iter().cloned().map(Event::Replied));
        let records = log.history.iter().enumerate();
        let records =
            records.filter_map(|(revision, record)| Some((revision, Hashed::new(record.as_deref()?))));
        let records: Vec<_> = records.collect();
        let machines: Vec<_> = controllers
            .machines
            .iter()
            .map(|manager| (Hashed::new(&manager.machine), manager.seen))
            .collect();
        let fresh = Hashed::new(&fresh);
        let mut at = 0;
        while let Some(event) = events.get(at).cloned() {
            at += 1;
            let hashed = Hashed::new(&event);
            for &(revision, record) in &records {
                let outcome = gathered.ask(fresh, record, hashed);
                for (name, &(machine, seen)) in machines.iter().enumerate() {
                    let outcome = if machine.value() == fresh.value() {
                        outcome.clone()
                    } else {
                        gathered.ask(machine, record, hashed)
                    };
                    if let Some(outcome) = outcome.filter(|_| revision >= seen) {
                        gathered.step(name, revision, &event, outcome);
                    }
                }
            }
            for timer in std::mem::take(&mut gathered.timers) {
                let fired = Event::TimerFired(timer);
                if !events.contains(&fired) {
                    events.push(fired);
                }
            }
        }
        for record in log.history.iter().flatten() {
            self.operators(record, control, &mut gathered.commands);
            gathered.commands.extend(self.release(record, log.lost_owner));
            gathered.requests.extend(self.asked_early(record));
        }
        gathered.requests.extend(self.ends(log));
        gathered.requests.sort();
        gathered.requests.dedup();
        gathered.commands.sort();
        gathered.commands.dedup_by(|later, earlier| later == earlier || same(later, earlier));
        self.drop_ineffective(gathered, log)
    }

    /// Removes the commands that have no effect. Each command is applied to a copy of the log, so one that changes
    /// the table although it is refused is kept, and will be judged.
    fn drop_ineffective(&self, gathered: Gathered, log: &Log) -> Enabled {
        let steps = gathered.steps.into_iter().map(|(step, _)| step).collect();
        let disagrees = gathered.disagrees.map(|found| (&CONTROLLERS, Disagreement::clone(&found)));
        let mut enabled = Enabled { steps, disagrees, ..Enabled::default() };
        enabled.requests.extend(gathered.requests.into_iter().map(Message::new));
        enabled.proposed.clone_from(&gathered.commands);
        for command in gathered.commands {
            if self.is_over(log, &command.transition) {
                continue;
            }
            let (mut after, mut halt) = (log.clone(), None);
            let outcome = after.table.apply_checked(&command, &mut halt);
            let agrees =
                TableBeside::transition(&Caps::PRODUCTION, &log.table, &command, outcome, &after.table);
            enabled.disagrees = enabled.disagrees.or_else(|| Some((&TABLE, agrees.err()?)));
            if let Err(refusal) = outcome
                && after.table == log.table
            {
                let late = !matches!(command.transition, Transition::Begin { .. });
                enabled.refused_stale |= late && matches!(refusal, MigrationError::StaleExpectation { .. });
                continue;
            }
            after.note(&command.transition, after.table.record(PARTITION).cloned());
            enabled.commits.push(Commit { command, outcome, halt, log: self.share(after) });
        }
        enabled
    }

    /// Whether the scope's bound on this transition has been reached.
    fn is_over(&self, log: &Log, transition: &Transition) -> bool {
        let kind = transition.kind();
        let limited = [
            (TransitionKind::Begin, log.begun, self.bounds.migrations),
            (TransitionKind::Create, log.created, self.bounds.creations),
            (TransitionKind::Delete, log.created, self.bounds.creations),
            (TransitionKind::Force, log.forced, self.bounds.forces),
        ];
        limited.into_iter().any(|(counted, used, limit)| counted == kind && used >= limit)
    }

    /// The query of a design that reads the last position as soon as the cutover is committed.
    fn asked_early(&self, record: &PartitionRecord) -> Option<Request> {
        if self.bounds.design != Some(Design::EarlyWatermark) {
            return None;
        }
        let placed = record.placed?;
        record.draining_epoch().filter(|draining| *draining != record.epoch)?;
        let query = WatermarkQuery { migration: record.migration, epoch: record.epoch };
        let store = placed.state.read_placement();
        Some(Request { store, partition: PARTITION, body: Body::Watermark(query) })
    }

    /// The releases that an operator chooses between who has looked at both stores after a restore.
    pub(super) fn release(&self, record: &PartitionRecord, owner: Option<Placement>) -> Vec<Command> {
        let (Some(_), Some(placed), Some(owner)) = (record.held(), record.placed, owner) else {
            return Vec::new();
        };
        let choices = if placed.state.read_placement() == owner {
            vec![Release::Resume, Release::KeepSource]
        } else {
            vec![Release::AcceptTarget { guarantee: self.sink_bounds(owner).guarantee }]
        };
        let named = Operator::try_from("ann".to_owned()).ok();
        let why = Reason::try_from("the log was restored".to_owned()).ok();
        let commands = choices.into_iter().filter_map(|how| {
            let (operator, reason) = (named.clone()?, why.clone()?);
            let transition = Transition::Release { expected: record.expected(), how, operator, reason };
            Some(Command { partition: PARTITION, transition })
        });
        commands.collect()
    }

    /// The commands that an operator may propose, given any committed record.
    fn operators(&self, record: &PartitionRecord, control: &ControlMessages, into: &mut Vec<Command>) {
        let expected = record.expected();
        let mut propose = |transition| into.push(Command { partition: PARTITION, transition });
        if self.bounds.migrations > 0 {
            for to in SINKS {
                propose(Transition::Begin { expected, to });
            }
        }
        if self.bounds.aborts {
            propose(Transition::Abort { expected, why: AbortReason::Operator });
        }
        if self.bounds.creations > 0 {
            propose(Transition::Delete { expected });
            for placement in SINKS {
                let guarantee = self.sink_bounds(placement).guarantee;
                propose(Transition::Create { placement, guarantee });
            }
        }
        if self.bounds.drops {
            for old in &record.old_copies {
                propose(Transition::RetireCopy { placement: old.placement, copy: old.copy });
            }
        }
        let named = |text: &str| Operator::try_from(text.to_owned()).ok();
        let why = |text: &str| Reason::try_from(text.to_owned()).ok();
        for reply in control.replies.iter().filter(|_| self.bounds.forces > 0) {
            if let (Reply::Ended(ended), Some(operator), Some(reason)) =
                (reply, named("ann"), why("the source is gone"))
            {
                let (ended, partial) = ((*ended).into(), self.bounds.partial && !ended.complete());
                propose(Transition::Force { expected, ended, partial, operator, reason });
            }
        }
        // Whoever proposes a flip is not trusted to compare digests: the table does.
        for reply in control.replies.iter().filter(|_| self.bounds.damages > 0) {
            if let Reply::Evidence(said) = reply {
                propose(Transition::Complete { expected, evidence: (*said).into() });
            }
        }
        let digest = record.placed.and_then(|placed| placed.cutover).and_then(|facts| facts.digest);
        for reply in control.replies.iter().filter(|_| self.bounds.overlooks_digest) {
            if let (Reply::Evidence(said), Some(digest)) = (reply, digest)
                && said.digest() != digest
            {
                let (origin, migration, epoch) = (said.origin(), said.migration(), said.epoch());
                let (position, enforces) = (said.position(), said.enforces());
                let evidence =
                    CatchUpEvidence::reported(origin, migration, epoch, position, digest, enforces);
                propose(Transition::Complete { expected, evidence: evidence.into() });
            }
        }
    }
}

#[derive(Default)]
struct Gathered {
    requests: Vec<Request>,
    commands: Vec<Command>,
    timers: Vec<Timer>,
    steps: Vec<((usize, usize, Event), Outcome)>,
    /// What a controller does, and its reference does not.
    disagrees: Option<Arc<Disagreement>>,
}

/// A controller after an event, and its outputs.
type Outcome = (Controller, Vec<Output>);

impl Gathered {
    /// Adds the outputs of a controller for an event. Returns the outcome, and adds nothing, if the event changes the
    /// controller.
    fn ask(
        &mut self,
        machine: Hashed<'_, Controller>,
        record: Hashed<'_, PartitionRecord>,
        event: Hashed<'_, Event>,
    ) -> Option<Outcome> {
        let mut after = machine.value().clone();
        let outputs = after.handle(record.value(), event.value());
        let found = judged(machine, record, event, (&outputs, &after));
        self.disagrees = self.disagrees.take().or(found);
        if after != *machine.value() {
            return Some((after, outputs));
        }
        for output in outputs {
            match output {
                Output::Send(request) => self.requests.push(request),
                Output::Propose(command) => self.commands.push(command),
                Output::SetTimer(timer @ (Timer::BlockedBudget { .. } | Timer::Overdue { .. })) => {
                    self.timers.push(timer);
                }
                // The retry timer repeats what `Observed` sends. The barrier runs on a controller's own clock.
                Output::SetTimer(Timer::Retry | Timer::Barrier { .. }) => {}
            }
        }
        None
    }

    /// Adds a step of a controller with state. A step with the same outcome by an older record leaves it more to read, and
    /// nothing less to do: the other is left out.
    fn step(&mut self, name: usize, revision: usize, event: &Event, outcome: Outcome) {
        let same =
            |((other, ..), with): &&mut ((usize, usize, Event), Outcome)| *other == name && *with == outcome;
        match self.steps.iter_mut().find(same) {
            Some(((_, oldest, with), _)) if revision < *oldest => {
                (*oldest, *with) = (revision, event.clone())
            }
            Some(_) => {}
            None => self.steps.push(((name, revision, event.clone()), outcome)),
        }
    }
}

/// The migration that a reply is about.
fn about(reply: &Reply) -> Option<MigrationId> {
    match reply {
        Reply::Prepared(statement) => Some(statement.migration()),
        Reply::Sealed(statement) => Some(statement.migration()),
        Reply::Evidence(statement) => Some(statement.migration()),
        Reply::Watermark(statement) => Some(statement.migration()),
        Reply::ChunkTaken(statement) => Some(statement.migration()),
        Reply::Ended(statement) => Some(statement.migration()),
        Reply::Dropped(_) | Reply::Applied { .. } | Reply::Refused { .. } => None,
    }
}

impl ControlMessages {
    /// Drops messages about finished migrations.
    pub fn forget(&mut self, record: Option<&PartitionRecord>) {
        let current =
            record.filter(|record| record.draining_epoch().is_some()).map(|record| record.migration);
        self.replies.retain(|reply| about(reply).is_none_or(|migration| current == Some(migration)));
        self.requests.retain(|request| !is_stale(request, record));
        self.proposals.retain(|command| {
            let Transition::RecordWatermark { expected, .. } = &command.transition else { return true };
            current == Some(expected.migration)
        });
    }
}

/// Whether a request was made from a record that has been replaced.
#[must_use]
pub fn is_stale(request: &Request, record: Option<&PartitionRecord>) -> bool {
    record.is_none_or(|record| record.makes_stale(request))
}
