//! Commits of the atomic log, and controllers with state of their own.

use super::Design;
use super::beside::{Hashed, judged};
use super::enabled::{Commit, ControlMessages};
use super::mark::Mark;
use super::parts::add;
use super::step::{Done, NextState, feed, now};
use super::{Manager, SINKS, client::sink_of, text};
use crate::env::agrees::CONTROLLERS;
use cutover::core::ids::Placement;
use cutover::core::invariant::Fact;
use cutover::core::migration::{
    AbortReason, Controller, Event, OldCopy, Output, PartitionRecord, Release, Timer, Transition,
};

/// Whether a migration is draining, and the log does not keep yet that it may block writes.
fn drains_freely(record: &PartitionRecord) -> bool {
    record.draining_epoch().is_some() && !record.may_block() && record.held().is_none()
}

/// Whether this is an old copy that nobody has retired, or one for which nothing is owed.
fn is_free(record: &PartitionRecord, old: &OldCopy) -> bool {
    let debt = record.placed.and_then(|placed| placed.debt);
    !old.retiring || debt.is_none_or(|debt| debt.placement != old.placement)
}

/// Whether a commit takes nothing away. Of `commits`, since a target may have answered under two incarnations, and then it
/// matters which one is named.
fn takes_nothing(record: &PartitionRecord, commit: &Commit, commits: &[Commit]) -> bool {
    let starts = |commit: &&Commit| matches!(commit.command.transition, Transition::StartBlock { .. });
    let transition = &commit.command.transition;
    let forgets = matches!(transition, Transition::ForgetCopy { dropped } if record
        .old_copies
        .iter()
        .any(|old| old.placement == dropped.origin().store && old.retiring && is_free(record, old)));
    let retires = matches!(transition, Transition::RetireCopy { copy, .. } if record
        .old_copies
        .iter()
        .any(|old| old.copy == *copy && !old.retiring));
    let only_start = starts(&commit) && commits.iter().filter(starts).count() == 1;
    commit.outcome.is_ok() && (forgets || retires || only_start)
}

impl NextState<'_> {
    /// Commits and applies a command, in one step: the log is atomic here.
    pub(super) fn commit(&mut self, offer: usize) -> Done {
        let enabled = std::sync::Arc::clone(&self.before.enabled);
        self.decided(enabled.commits.get(offer)?)?;
        if self.before.enabled.refused_stale {
            self.mark(Mark::StaleControllerRefused);
        }
        Some(())
    }

    /// Commits at once, as soon as a controller can propose it, what takes nothing away: in the record before, no action is possible
    /// that is not in the one after as well, with the same effect on everything else. So committing it later reaches nothing more.
    ///
    /// - That writes may be blocked. Controllers may act on any record that was ever committed, and the abort of a takeover that
    ///   finds writes blocked is one that they may propose at any time.
    /// - That an old copy is retired, where operators do that. A request to drop it may be delivered afterwards, or never.
    /// - That a dropped copy is forgotten, if nothing is owed for it.
    pub(super) fn commit_at_once(&mut self) {
        loop {
            let Some(record) = self.log.current().cloned() else { return };
            if !(drains_freely(&record) || record.old_copies.iter().any(|old| is_free(&record, old))) {
                return;
            }
            let (log, control) = (self.log.share(self.env), self.control.share(self.env));
            let controllers = self.controllers.share(self.env);
            let enabled = self.env.enabled_in(&log, &control, &controllers);
            let found =
                enabled.commits.iter().find(|commit| takes_nothing(&record, commit, &enabled.commits));
            let Some(commit) = found else { return };
            self.say(|| format!("commit {}", commit.command));
            if self.decided(commit).is_none() || self.log.current() == Some(&record) {
                return;
            }
        }
    }

    /// Processes a command that was committed and applied, by the atomic log or by the nodes.
    pub(super) fn decided(&mut self, Commit { command, outcome, halt, log }: &Commit) -> Done {
        let before = self.log.current().cloned();
        if let Some(halt) = halt {
            self.halted(halt);
        }
        self.log.adopt(log);
        let after = self.log.current().cloned();
        self.say(|| match outcome {
            Ok(_) => format!("the record is {}", text::record(after.as_deref())),
            Err(refusal) => format!("refused: {refusal}"),
        });
        let owner = after.as_ref().and_then(|record| record.placed);
        let owner = owner.map(|placed| placed.state.read_placement());
        let owner =
            owner.and_then(sink_of).and_then(|at| self.sinks.get(at)).map(|sink| sink.share(self.env));
        let fact = Fact::Decided {
            before: before.as_deref(),
            command,
            outcome: *outcome,
            after: after.as_deref(),
            owner: owner.as_ref().map(|sink| now(sink)),
        };
        feed(&mut self.monitor, &mut self.findings, &fact);
        if outcome.is_ok() {
            self.mark_committed(&command.transition, after.as_deref());
        }
        Some(())
    }

    fn mark_committed(&mut self, transition: &Transition, after: Option<&PartitionRecord>) {
        match transition {
            Transition::Complete { .. } => {
                self.mark(Mark::Completed);
                let owner =
                    |record: &PartitionRecord| record.placed.map(|placed| placed.state.read_placement());
                let mut lives =
                    self.log.history.split(|record| record.as_ref().is_none_or(|r| r.placed.is_none()));
                let life = lives.next_back().unwrap_or_default();
                let owners: Vec<Placement> = life.iter().flatten().filter_map(|r| owner(r)).collect();
                let moves = owners.windows(2).filter(|pair| pair[0] != pair[1]).count();
                match (moves, after.and_then(owner)) {
                    (2, Some(at)) if at == SINKS[0] => self.mark(Mark::ThereAndBack),
                    (3.., _) => self.mark(Mark::ThereAgain),
                    _ => {}
                }
            }
            Transition::Abort { expected, why } => {
                if *why == AbortReason::Digest {
                    self.mark(Mark::DigestRefused);
                }
                use cutover::core::fence::Reply;
                let sealed = |reply: &Reply| matches!(reply, Reply::Sealed(receipt) if receipt.migration() == expected.migration);
                if self.control.replies.iter().any(sealed) {
                    self.mark(Mark::SealThenAbort);
                }
            }
            Transition::Force { ended, .. } => {
                self.mark(Mark::Forced);
                if !ended.complete() {
                    self.mark(Mark::ForcedPart);
                }
                let at = after.and_then(|record| record.placed).map(|placed| placed.state.read_placement());
                if at == Some(SINKS[0]) {
                    self.mark(Mark::ForcedBack);
                }
                if !self.monitor.exempt().is_empty() {
                    self.mark(Mark::LeftBehind);
                }
            }
            Transition::Settle { .. } => self.mark(Mark::Settled),
            Transition::ForgetCopy { .. } => self.mark(Mark::Forgotten),
            Transition::Delete { .. } => self.mark(Mark::Deleted),
            Transition::Create { .. } => self.mark(Mark::CreatedAgain),
            Transition::Release { how, .. } => self.mark(match how {
                Release::Resume => Mark::Resumed,
                Release::KeepSource => Mark::KeptSource,
                Release::AcceptTarget { .. } => Mark::AcceptedTarget,
            }),
            Transition::Open { .. }
            | Transition::Begin { .. }
            | Transition::StartBlock { .. }
            | Transition::EnterCutover { .. }
            | Transition::EnterTimedCutover { .. }
            | Transition::RecordWatermark { .. }
            | Transition::WriteOff { .. }
            | Transition::RetireCopy { .. } => {}
        }
    }

    /// A controller with state handles an event. It takes the record of the event's revision for the newest one.
    pub(super) fn controller(&mut self, offer: usize) -> Done {
        let (name, revision, event) = self.before.enabled.steps.get(offer)?.clone();
        self.handle(name, revision, &event)
    }

    pub(super) fn fire(&mut self, name: usize, timer: usize, revision: usize) -> Done {
        let manager = self.controllers.machines.get(name)?.clone();
        let (timer, counted) = *manager.timers.get(timer)?;
        if counted < self.env.duration(&timer) || revision < manager.seen {
            return None;
        }
        let before = manager.machine;
        self.handle(name, revision, &Event::TimerFired(timer))?;
        let managers = &mut self.controllers.edit().machines;
        managers.get_mut(name)?.timers.retain(|(other, _)| *other != timer);
        let accepted = managers.get(name)?.machine != before;
        let record = self.log.history.get(revision)?.clone()?;
        if let Timer::Barrier { epoch, .. } = timer
            && accepted
            && self.log.current() == Some(&record)
            && epoch == record.epoch
            && record.draining_epoch().is_some()
        {
            feed(&mut self.monitor, &mut self.findings, &Fact::Waited(&record));
            self.mark(Mark::Waited);
        }
        Some(())
    }

    fn handle(&mut self, name: usize, revision: usize, event: &Event) -> Done {
        let record = self.log.history.get(revision)?.clone()?;
        let mut manager = self.controllers.machines.get(name)?.clone();
        let outputs = manager.machine.handle(&record, event);
        let before = Hashed::new(&self.before.controllers.machines.get(name)?.machine);
        let done = (outputs.as_slice(), &manager.machine);
        let found = judged(before, Hashed::new(&record), Hashed::new(event), done);
        self.disagrees(&CONTROLLERS, found.as_deref());
        manager.seen = revision;
        for output in outputs {
            self.say(|| text::controller_output(&output));
            match output {
                Output::Send(request) => {
                    add(&mut self.control.edit().requests, request);
                }
                Output::Propose(command) => {
                    add(&mut self.control.edit().proposals, command);
                }
                // Only the barrier timer depends on the clock here. The other timers may fire at any time.
                Output::SetTimer(Timer::Retry | Timer::BlockedBudget { .. } | Timer::Overdue { .. }) => {}
                Output::SetTimer(timer @ Timer::Barrier { .. }) => {
                    if manager.timers.iter().all(|(other, _)| *other != timer) {
                        let counted = self.kept(&mut manager);
                        add(&mut manager.timers, (timer, counted));
                    }
                }
            }
        }
        if !self.keeps_timestamps() {
            self.forget_dead_timers(&mut manager);
        }
        if manager.machine == Controller::new(self.env.bounds.policy) && manager.timers.is_empty() {
            manager.seen = 0;
        }
        *self.controllers.edit().machines.get_mut(name)? = manager;
        Some(())
    }

    fn keeps_timestamps(&self) -> bool {
        self.env.bounds.design == Some(Design::KeptTimestamp)
    }

    /// In the design [`Design::KeptTimestamp`] a new wait continues counting where the partition's last one
    /// stopped.
    fn kept(&self, manager: &mut Manager) -> u64 {
        if !self.keeps_timestamps() {
            return 0;
        }
        manager.timers.drain(..).map(|(_, counted)| counted).max().unwrap_or(0)
    }

    /// Removes timers that would have no effect when they fire, whatever record has been read by then.
    fn forget_dead_timers(&self, manager: &mut Manager) {
        let machine = manager.machine.clone();
        manager.timers.retain(|(timer, _)| {
            self.log.history.iter().flatten().any(|record| {
                let mut after = machine.clone();
                let outputs = after.handle(record, &Event::TimerFired(*timer));
                !outputs.is_empty() || after != machine
            })
        });
    }

    /// Replaces all controllers. The replies to them are lost, and so is everything that they would have sent
    /// because of these.
    pub(super) fn take_over(&mut self) -> Done {
        if *self.control == ControlMessages::default() {
            return None;
        }
        let fresh = self.env.controller();
        self.control.replace(ControlMessages::default());
        self.controllers.edit().machines.fill(fresh);
        self.spent.takeovers += 1;
        self.mark(Mark::TakenOver);
        self.say(|| "what the controllers were told is lost with them".to_owned());
        Some(())
    }

    /// Loses the log from a revision on: it continues as a recovered one.
    pub(super) fn restore(&mut self, revision: usize) -> Done {
        let owner = self.log.restorable(revision)?;
        let table = self.log.tables.get(revision)?.as_ref().clone().recovered(1);
        let record = table.record(super::PARTITION).cloned();
        let current = self.log.current().and_then(|record| record.placed);
        let held = record.as_ref().is_some_and(|record| record.held().is_some());
        if held && current.is_some_and(|placed| !placed.state.is_migrating()) {
            self.mark(Mark::Restored);
        }
        feed(&mut self.monitor, &mut self.findings, &Fact::Recovered(record.as_ref()));
        self.say(|| format!("is lost from there on; the record is {}", text::record(record.as_ref())));
        let log = self.log.edit();
        log.table = table;
        log.history.push(record.map(std::sync::Arc::new));
        log.tables.clear();
        log.lost_owner = Some(owner);
        Some(())
    }

    /// Replaces a controller by a new one without state.
    pub(super) fn replace(&mut self, name: usize) -> Done {
        let fresh = self.env.controller();
        if *self.controllers.machines.get(name)? == fresh {
            return None;
        }
        *self.controllers.edit().machines.get_mut(name)? = fresh;
        self.mark(Mark::WaitLost);
        self.say(|| "is replaced by one that knows nothing".to_owned());
        Some(())
    }
}
