//! The log, and controllers that keep something.

use super::mark::Mark;
use super::parts::add;
use super::step::{Done, Next, feed};
use super::{SINKS, client::sink_of, text};
use cutover::ids::Placement;
use cutover::invariant::Fact;
use cutover::migration::{Controller, Event, Output, PartitionRecord, Timer, Transition};
use std::sync::Arc;

impl Next<'_> {
    /// Commits a command and applies it: here the log is atomic.
    pub(super) fn commit(&mut self, offer: usize) -> Done {
        let command = self.before.offers.commands.get(offer)?.clone();
        let scope = &self.world.scope;
        let over = match command.transition {
            Transition::Begin { .. } => self.log.begun >= scope.migrations,
            Transition::Create { .. } => self.log.created >= scope.creations,
            Transition::Delete { .. } => self.log.created >= scope.creations,
            Transition::Force { .. } => self.log.forced >= scope.forces,
            Transition::Open { .. }
            | Transition::EnterCutover { .. }
            | Transition::EnterTimedCutover { .. }
            | Transition::RecordWatermark { .. }
            | Transition::Complete { .. }
            | Transition::Abort { .. }
            | Transition::Settle { .. }
            | Transition::RetireCopy { .. }
            | Transition::ForgetCopy { .. } => false,
        };
        if over {
            return None;
        }
        let before = self.log.current().cloned();
        let outcome = self.log.edit().table.apply(&command);
        let after = self.log.table.record(super::PARTITION).cloned().map(Arc::new);
        self.say(|| match &outcome {
            Ok(_) => format!("the record is {}", text::record(after.as_deref())),
            Err(refusal) => format!("refused: {refusal}"),
        });
        let data = (self.data_at(before.as_deref()), self.data_at(after.as_deref()));
        let fact = Fact::Decided {
            before: before.as_deref(),
            command: &command,
            outcome,
            after: after.as_deref(),
            data: (&data.0, &data.1),
        };
        feed(&mut self.monitor, &mut self.findings, &fact);
        if before != after {
            self.log.edit().history.push(after.clone());
        }
        let log = self.log.edit();
        match command.transition {
            Transition::Begin { .. } => log.begun += 1,
            Transition::Create { .. } => log.created += 1,
            Transition::Force { .. } => log.forced += 1,
            Transition::Open { .. }
            | Transition::EnterCutover { .. }
            | Transition::EnterTimedCutover { .. }
            | Transition::RecordWatermark { .. }
            | Transition::Complete { .. }
            | Transition::Abort { .. }
            | Transition::Settle { .. }
            | Transition::RetireCopy { .. }
            | Transition::ForgetCopy { .. }
            | Transition::Delete { .. } => {}
        }
        if outcome.is_ok() {
            self.mark_committed(&command.transition, before.as_deref(), after.as_deref());
        }
        if self.before.offers.refused_stale {
            self.mark(Mark::StaleControllerRefused);
        }
        Some(())
    }

    fn data_at(&self, record: Option<&PartitionRecord>) -> Vec<cutover::ids::WriteId> {
        let placement = record.and_then(|record| record.placed).map(|placed| placed.state.read_placement());
        let sink = placement.and_then(sink_of).and_then(|at| self.sinks.get(at));
        sink.map(|sink| sink.data.clone()).unwrap_or_default()
    }

    fn mark_committed(
        &mut self,
        transition: &Transition,
        before: Option<&PartitionRecord>,
        after: Option<&PartitionRecord>,
    ) {
        match transition {
            Transition::Complete { .. } => {
                self.mark(Mark::Completed);
                let owner = |record: &PartitionRecord| record.placed.map(|placed| placed.state.read_placement());
                let owners: Vec<Placement> = self.log.history.iter().flatten().filter_map(|r| owner(r)).collect();
                let moves = owners.windows(2).filter(|pair| pair[0] != pair[1]).count();
                match (moves, after.and_then(owner)) {
                    (2, Some(at)) if at == SINKS[0] => self.mark(Mark::ThereAndBack),
                    (3.., _) => self.mark(Mark::ThereAgain),
                    _ => {}
                }
            }
            Transition::Abort { expected } => {
                use cutover::fence::Reply;
                let sealed = |reply: &Reply| {
                    matches!(reply, Reply::Sealed(receipt) if receipt.migration() == expected.migration)
                };
                if self.said.replies.iter().any(sealed) {
                    self.mark(Mark::SealThenAbort);
                }
            }
            Transition::Force { .. } => {
                self.mark(Mark::Forced);
                if !self.monitor.exempt().is_empty() {
                    self.mark(Mark::LeftBehind);
                }
            }
            Transition::Settle { .. } => self.mark(Mark::Settled),
            Transition::ForgetCopy { .. } => self.mark(Mark::Forgotten),
            Transition::Delete { .. } => self.mark(Mark::Deleted),
            Transition::Create { .. } => self.mark(Mark::CreatedAgain),
            Transition::Open { .. }
            | Transition::Begin { .. }
            | Transition::EnterCutover { .. }
            | Transition::EnterTimedCutover { .. }
            | Transition::RecordWatermark { .. }
            | Transition::RetireCopy { .. } => {}
        }
        let _ = before;
    }

    /// A controller that keeps something takes an event, with any committed record for the newest that it has read.
    pub(super) fn controller(&mut self, offer: usize) -> Done {
        let (name, revision, event) = self.before.offers.steps.get(offer)?.clone();
        let record = self.log.history.get(revision)?.clone()?;
        self.handle(name, &record, &event)
    }

    pub(super) fn fire(&mut self, name: usize, timer: usize, revision: usize) -> Done {
        let (timer, counted) = *self.controllers.timers.get(name)?.get(timer)?;
        if counted < self.world.duration(&timer) {
            return None;
        }
        let record = self.log.history.get(revision)?.clone()?;
        let waiting = self.controllers.machines.get(name)?.clone();
        self.handle(name, &record, &Event::TimerFired(timer))?;
        self.controllers.edit().timers.get_mut(name)?.retain(|(other, _)| *other != timer);
        let accepted = self.controllers.machines.get(name) != Some(&waiting);
        let current = self.log.current() == Some(&record);
        if let Timer::Barrier { epoch, .. } = timer
            && accepted
            && current
            && epoch == record.epoch
        {
            feed(&mut self.monitor, &mut self.findings, &Fact::Waited(&record));
            self.mark(Mark::Waited);
        }
        Some(())
    }

    fn handle(&mut self, name: usize, record: &PartitionRecord, event: &Event) -> Done {
        let mut machine = self.controllers.machines.get(name)?.clone();
        let outputs = machine.handle(record, event);
        *self.controllers.edit().machines.get_mut(name)? = machine;
        for output in outputs {
            self.say(|| text::controller_output(&output));
            match output {
                Output::Send(request) => {
                    add(&mut self.said.edit().requests, request);
                }
                Output::Propose(command) => {
                    add(&mut self.said.edit().proposals, command);
                }
                Output::SetTimer(timer) => {
                    let timers = self.controllers.edit().timers.get_mut(name)?;
                    if timers.iter().all(|(other, _)| *other != timer) {
                        timers.push((timer, 0));
                        timers.sort();
                    }
                }
            }
        }
        Some(())
    }

    /// A controller is replaced by one that knows nothing.
    pub(super) fn replace(&mut self, name: usize) -> Done {
        let fresh = Controller::new(self.world.scope.policy);
        let controllers = self.controllers.edit();
        if controllers.machines.get(name) == Some(&fresh) && controllers.timers.get(name)?.is_empty() {
            return None;
        }
        *controllers.machines.get_mut(name)? = fresh;
        controllers.timers.get_mut(name)?.clear();
        self.mark(Mark::WaitLost);
        self.say(|| "is replaced by one that knows nothing".to_owned());
        Some(())
    }
}
