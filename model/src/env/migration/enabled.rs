//! What is on its way from controllers and operators.
//!
//! A controller that keeps nothing can be replaced by a fresh one at any moment, may act from any record that was ever
//! committed, and may receive any answer at any time, repeated and late. What it sends stays deliverable. So the set
//! of its messages is a function of the committed records and the answers, and sending early is no loss of
//! generality: nobody is obliged to deliver. This is computed here, by asking the production controller for every
//! record and every answer, and need not be stored.
//!
//! That a controller keeps nothing is not assumed: where handling an event changes the machine, its outputs are not
//! offered, and the event becomes a step of its own.

use super::Design;
use super::{Controllers, Log, Manager, Message, Migration, PARTITION, SINKS, Shared};
use crate::shared::{Memory, hasher, memory, remembered};
use cutover::core::fence::{Body, Reply, Request, WatermarkQuery};
use cutover::core::ids::{Epoch, Halt, MigrationId, Names, Relabel};
use cutover::core::migration::{
    Command, Controller, Event, MigrationError, Operator, Output, PartitionRecord, Reason, Timer, Transition,
    TransitionKind,
};
use std::sync::Arc;

/// Answers to controllers, and what controllers that keep something have sent.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Replies {
    /// Answers of sinks.
    pub replies: Vec<Reply>,
    /// Requests of controllers that keep something.
    pub requests: Vec<Request>,
    /// Proposals of such controllers.
    pub proposals: Vec<Command>,
}

impl Relabel for Replies {
    fn relabel(&self, _: &dyn Names) -> Self {
        self.clone()
    }
}

/// What may be delivered, in a fixed order.
#[derive(Debug, Default)]
pub struct Enabled {
    /// Requests to sinks.
    pub requests: Vec<Message>,
    /// Commands that the log would accept as it stands, or that do damage though refused, and the log after each.
    pub commits: Vec<Commit>,
    /// Whether a command was refused because its record is out of date.
    pub refused_stale: bool,
    /// Every command that is on its way, those included that the log would refuse.
    proposed: Vec<Command>,
    /// Events that change a controller: which one, from which revision, what.
    pub steps: Vec<(usize, usize, Event)>,
}

impl Enabled {
    /// Whether this is on its way already.
    pub fn has(&self, output: &Output) -> bool {
        match output {
            Output::Send(request) => self.requests.iter().any(|message| **message == *request),
            Output::Propose(command) => self.proposed.binary_search(command).is_ok(),
            Output::SetTimer(_) | Output::CancelTimer(_) => true,
        }
    }
}

/// A command on offer.
#[derive(Debug)]
pub struct Commit {
    /// The command.
    pub command: Command,
    /// What the table said.
    pub outcome: Result<Epoch, MigrationError>,
    /// The invariant that the table itself found broken.
    pub halt: Option<Halt>,
    /// The log after it.
    pub log: Shared<Log>,
}

thread_local! {
    /// Few logs and answers, many states around them.
    static KNOWN: Memory<Arc<Enabled>> = const { memory() };
}

impl Migration {
    /// What may be delivered.
    pub(crate) fn offers(
        &self,
        log: &Shared<Log>,
        said: &Shared<Replies>,
        controllers: &Shared<Controllers>,
    ) -> Arc<Enabled> {
        // Steps on offer name their controller, so here their order counts.
        let key = (self.key, log.hash(0), said.hash(0), &controllers.machines);
        let key = hasher().hash_one(key);
        remembered(&KNOWN, key, || Arc::new(self.compute_offers(log, said, controllers)))
    }

    fn compute_offers(&self, log: &Log, said: &Replies, controllers: &Controllers) -> Enabled {
        let mut gathered = Gathered::default();
        gathered.requests.extend(said.requests.iter().cloned());
        gathered.commands.extend(said.proposals.iter().cloned());
        let fresh = Controller::new(self.bounds.policy);
        let mut events = vec![Event::Observed];
        if self.bounds.polls {
            events.extend([Event::TookOver, Event::TimerFired(Timer::Retry)]);
        }
        events.extend(said.replies.iter().cloned().map(Event::Replied));
        let mut at = 0;
        while let Some(event) = events.get(at).cloned() {
            at += 1;
            for (revision, record) in log.history.iter().enumerate() {
                let Some(record) = record else { continue };
                let changes = gathered.ask(&fresh, record, &event);
                for (name, Manager { machine, seen, .. }) in controllers.machines.iter().enumerate() {
                    let changes =
                        if *machine == fresh { changes } else { gathered.ask(machine, record, &event) };
                    if changes && revision >= *seen {
                        gathered.steps.push((name, revision, event.clone()));
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
            self.operators(record, said, &mut gathered.commands);
            gathered.requests.extend(self.asked_early(record));
        }
        gathered.requests.sort();
        gathered.requests.dedup();
        gathered.commands.sort();
        gathered.commands.dedup();
        self.on_offer(gathered, log)
    }

    /// Keeps the commands that do something. The refused ones are judged all the same, once for each log: one that
    /// changes the table though it is refused stays on offer, and will be seen.
    fn on_offer(&self, gathered: Gathered, log: &Log) -> Enabled {
        let mut offers = Enabled { steps: gathered.steps, ..Enabled::default() };
        offers.requests.extend(gathered.requests.into_iter().map(Message::new));
        offers.proposed.clone_from(&gathered.commands);
        for command in gathered.commands {
            if self.is_over(log, &command.transition) {
                continue;
            }
            let (mut after, mut halt) = (log.clone(), None);
            let outcome = after.table.apply_checked(&command, &mut halt);
            if let Err(refusal) = outcome
                && after.table == log.table
            {
                let late = !matches!(command.transition, Transition::Begin { .. });
                offers.refused_stale |= late && matches!(refusal, MigrationError::StaleExpectation { .. });
                continue;
            }
            after.note(&command.transition, after.table.record(PARTITION).cloned());
            offers.commits.push(Commit { command, outcome, halt, log: self.share(after) });
        }
        offers
    }

    /// Whether the scope has used up its share of this transition.
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

    /// A design that reads the last position as soon as the cutover is committed.
    fn asked_early(&self, record: &PartitionRecord) -> Option<Request> {
        if self.bounds.design != Some(Design::EarlyWatermark) {
            return None;
        }
        let placed = record.placed?;
        placed.cutover?;
        let query = WatermarkQuery { migration: record.migration, epoch: record.epoch };
        let store = placed.state.read_placement();
        Some(Request { store, partition: PARTITION, body: Body::Watermark(query) })
    }

    /// What an operator may propose, from any record.
    fn operators(&self, record: &PartitionRecord, said: &Replies, into: &mut Vec<Command>) {
        let expected = record.expected();
        let mut propose = |transition| into.push(Command { partition: PARTITION, transition });
        if self.bounds.migrations > 0 {
            for to in SINKS {
                propose(Transition::Begin { expected, to });
            }
        }
        if self.bounds.aborts {
            propose(Transition::Abort { expected });
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
        for reply in said.replies.iter().filter(|_| self.bounds.forces > 0) {
            if let (Reply::Prepared(prepared), Some(operator), Some(reason)) =
                (reply, named("ann"), why("the source is gone"))
            {
                propose(Transition::Force { expected, prepared: *prepared, operator, reason });
            }
        }
    }
}

#[derive(Default)]
struct Gathered {
    requests: Vec<Request>,
    commands: Vec<Command>,
    timers: Vec<Timer>,
    steps: Vec<(usize, usize, Event)>,
}

impl Gathered {
    /// Gathers what the machine would send; `true`, and nothing gathered, if the event would change it.
    fn ask(&mut self, machine: &Controller, record: &PartitionRecord, event: &Event) -> bool {
        let mut after = machine.clone();
        let outputs = after.handle(record, event);
        if after != *machine {
            return true;
        }
        for output in outputs {
            match output {
                Output::Send(request) => self.requests.push(request),
                Output::Propose(command) => self.commands.push(command),
                Output::SetTimer(timer @ (Timer::BlockedBudget { .. } | Timer::SealSuspected { .. })) => {
                    self.timers.push(timer);
                }
                // Retry asks again what Observed asks; a barrier runs on a controller's own clock.
                Output::SetTimer(Timer::Retry | Timer::Barrier { .. }) | Output::CancelTimer(_) => {}
            }
        }
        false
    }
}

/// The migration that an answer is about.
fn about(reply: &Reply) -> Option<MigrationId> {
    match reply {
        Reply::Prepared(said) => Some(said.migration()),
        Reply::Sealed(said) => Some(said.migration()),
        Reply::Evidence(said) => Some(said.migration()),
        Reply::Watermark(said) => Some(said.migration()),
        Reply::ChunkTaken(said) => Some(said.migration()),
        Reply::Dropped(_) | Reply::Applied { .. } | Reply::Refused { .. } => None,
    }
}

impl Replies {
    /// Loses what was said about migrations that are over.
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

/// Whether a request rests on a record that is no longer the committed one.
#[must_use]
pub fn is_stale(request: &Request, record: Option<&PartitionRecord>) -> bool {
    record.is_none_or(|record| record.makes_stale(request))
}
