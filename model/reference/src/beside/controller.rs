//! A controller and its reference.

use super::Disagreement;
use super::statements::{dropped, evidence, prepared, reading, receipt};
use super::table;
use crate::controller::{Controller, Does, Event, Heard, Output, Timer};
use crate::table::command::Subject;
use cutover::core::fence::Reply;
use cutover::core::ids::PartitionId;
use cutover::core::migration::{self, PartitionRecord, Policy};

/// The reference of a controller, beside the machine.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ControllerBeside(Controller);

impl ControllerBeside {
    /// Beside a controller that knows nothing.
    #[must_use]
    pub const fn new(policy: &Policy) -> Self {
        Self(Controller::new(policy.lag_writes_max, policy.hold))
    }

    /// Beside a controller in any state.
    #[must_use]
    pub fn of(machine: &migration::Controller) -> Self {
        let waits = machine.waits().map(|(migration, epoch, ended)| ((migration, epoch), ended));
        let policy = machine.policy();
        Self(Controller { waits: waits.collect(), ..Controller::new(policy.lag_writes_max, policy.hold) })
    }

    /// The machine follows another policy.
    pub const fn follows(&mut self, policy: &Policy) {
        self.0.lag = policy.lag_writes_max;
        self.0.holds = policy.hold;
    }

    /// What the reference has.
    #[must_use]
    pub const fn controller(&self) -> &Controller {
        &self.0
    }

    /// Judges the outputs of one event, and the waits of the machine after it.
    ///
    /// # Errors
    /// The machine and the reference differ. The reference is then of no use any more.
    pub fn handled(
        &mut self,
        record: &PartitionRecord,
        event: &migration::Event,
        outputs: &[migration::Output],
        after: &migration::Controller,
    ) -> Result<(), Disagreement> {
        let rule = rule_of(event);
        let Some(read) = table::record(record) else {
            return Err(Disagreement::new("T1 to T33", record, "no record is like this one"));
        };
        let before = self.0.clone();
        let does = self.0.handle(&read, &event_of(event));
        let told = |what: &str| Disagreement::new(rule, (record, event, outputs), (what, &before, &does));
        let done: Option<Vec<Output>> = outputs.iter().map(|output| done(record.partition, output)).collect();
        let done = done.ok_or_else(|| told("it speaks of another partition, or reports"))?;
        if !does.must.iter().all(|must| done.contains(must)) {
            return Err(told("something is left out"));
        }
        if !done.iter().all(|output| does.must.contains(output) || does.may.contains(output)) {
            return Err(told("something else is done"));
        }
        if !is_in_order(record, &does, &done) {
            return Err(Disagreement::new("M10", outputs, does));
        }
        let waits = Self::of(after);
        if waits != *self {
            return Err(Disagreement::new("M9", waits, &self.0));
        }
        Ok(())
    }
}

/// The budget is set before anything is asked for the migration.
fn is_in_order(record: &PartitionRecord, does: &Does, done: &[Output]) -> bool {
    let budget = Output::Sets(Timer::Budget(record.migration));
    let asks = |output: &Output| matches!(output, Output::Asks(_, body) if body.migration() == Some(record.migration));
    let at = |wanted: &dyn Fn(&Output) -> bool| done.iter().position(wanted);
    let (set, asked) = (at(&|output| *output == budget), at(&asks));
    !does.must.contains(&budget) || asked.is_none_or(|asked| set.is_some_and(|set| set < asked))
}

/// In the reference's words; `None`: it is nothing that a controller of this partition does.
fn done(partition: PartitionId, output: &migration::Output) -> Option<Output> {
    match output {
        migration::Output::Send(request) => {
            (request.partition == partition).then(|| Output::Asks(request.store, request.body.clone()))
        }
        migration::Output::Propose(command) => {
            let command = table::command(command);
            let stated = !command.reported && command.responsible.is_none();
            (stated && command.subject == Subject::Number(partition))
                .then_some(Output::Proposes(command.change))
        }
        migration::Output::SetTimer(timer) => Some(Output::Sets(timer_of(timer))),
    }
}

const fn timer_of(timer: &migration::Timer) -> Timer {
    match *timer {
        migration::Timer::Retry => Timer::Retry,
        migration::Timer::BlockedBudget { migration } => Timer::Budget(migration),
        migration::Timer::Overdue { migration } => Timer::Overdue(migration),
        migration::Timer::Barrier { migration, epoch } => Timer::Wait(migration, epoch),
    }
}

fn event_of(event: &migration::Event) -> Event {
    match event {
        migration::Event::Observed => Event::Looked,
        migration::Event::TookOver => Event::TookOver,
        migration::Event::Replied(reply) => Event::Heard(heard(reply)),
        migration::Event::TimerFired(timer) => Event::Fired(timer_of(timer)),
    }
}

fn heard(reply: &Reply) -> Heard {
    match reply {
        Reply::Prepared(of) => Heard::Prepared(prepared(of)),
        Reply::Sealed(of) => Heard::Sealed(receipt(of)),
        Reply::Evidence(of) => Heard::Evidence(evidence(of)),
        Reply::Watermark(of) => Heard::Watermark(reading(of)),
        Reply::Dropped(of) => Heard::Dropped(dropped(of)),
        Reply::Refused { request, refusal } => Heard::Refused(request.clone(), refusal.clone()),
        Reply::ChunkTaken(_) | Reply::Ended(_) | Reply::Applied { .. } => Heard::Other,
    }
}

const fn rule_of(event: &migration::Event) -> &'static str {
    match event {
        migration::Event::Observed | migration::Event::TimerFired(migration::Timer::Retry) => {
            "M3 to M10, M13, M14"
        }
        migration::Event::TookOver => "M12",
        migration::Event::Replied(reply) => match reply {
            Reply::Prepared(_) => "M15, M16, M26, M28",
            Reply::Watermark(_) => "M17",
            Reply::Evidence(_) => "M18, M27, M28",
            Reply::Sealed(_) => "M19",
            Reply::Dropped(_) => "M20",
            Reply::Refused { .. } => "M21 to M23",
            Reply::ChunkTaken(_) | Reply::Ended(_) | Reply::Applied { .. } => "M23",
        },
        migration::Event::TimerFired(
            migration::Timer::BlockedBudget { .. } | migration::Timer::Overdue { .. },
        ) => "M11",
        migration::Event::TimerFired(migration::Timer::Barrier { .. }) => "M24",
    }
}
