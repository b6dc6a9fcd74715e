//! Judges the facts of a migration's run, in order, and updates the monitor's memory.

use super::fact::{Fact, ReadServed, SinkNow, SinkStep};
use super::findings::Findings;
use super::past::{Monitor, insert, read_placement};
use super::register::Register;
use super::truth::CopyHistory;
use super::{Id, commit, sink};
use crate::core::fence::{self, Body, Durable, Frontier, Write};
use crate::core::gate::Consistency;
use crate::core::ids::{Epoch, Placement, Position, WriteId};
use crate::core::migration::{Command, PartitionRecord, Placed, Transition, TransitionKind};
use crate::core::placement::{Guarantee, PartitionState, Phase, Resolution};
use alloc::borrow::ToOwned;
use alloc::format;
use alloc::sync::Arc;
use alloc::vec::Vec;

impl Monitor {
    /// Judges a fact and adds it to the memory.
    pub fn feed(&mut self, fact: &Fact<'_>, findings: &mut Findings) {
        self.judge(fact, findings);
        if self.remembers(fact) {
            self.remember(fact, findings);
        }
    }

    /// Whether the fact changes the memory; otherwise [`Monitor::judge`] is enough.
    #[must_use]
    pub fn remembers(&self, fact: &Fact<'_>) -> bool {
        match fact {
            Fact::Decided { outcome, .. } => outcome.is_ok(),
            Fact::Waited(_) | Fact::Acknowledged(_) | Fact::Recovered(_) => true,
            Fact::WriteInvoked(_) | Fact::ReadInvoked(_) => !self.registers.is_empty(),
            Fact::Wrote { store, write, record, .. } => self.is_exempt(*store, write, *record),
            Fact::ReadServed(read) => !self.registers.is_empty() && read.consistency == Consistency::Strong,
            Fact::SinkStepped(step) if self.histories.iter().any(|history| is_over(history, step)) => true,
            Fact::SinkStepped(step) => match step.request {
                Some(request) => {
                    (matches!(request.body, Body::Write(_)) && position(step) > was(step)) || finishes(step)
                }
                None => position(step) < was(step),
            },
            Fact::Resolved(..) | Fact::Admitted { .. } | Fact::Stated(..) | Fact::Now(..) => false,
        }
    }

    /// Judges a fact, given the memory.
    pub fn judge(&self, fact: &Fact<'_>, findings: &mut Findings) {
        match *fact {
            Fact::Decided { before, command, outcome, after, .. } => {
                commit::judge(self, before, command, outcome, after, findings);
            }
            Fact::Resolved(record, resolution) => resolved(record, resolution, findings),
            Fact::Admitted { view, token, store } => admitted(view, token, store, findings),
            Fact::Wrote { store, write, fences, record } => {
                self.wrote(store, write, fences, record, findings);
            }
            Fact::ReadServed(read) => self.read_served(&read, findings),
            Fact::SinkStepped(step) => sink::stepped(&step, findings),
            Fact::Stated(statement, copy, now) => sink::stated(&statement, copy, &now, findings),
            Fact::Now(record, sinks) => sink::now(self, record, sinks, findings),
            Fact::Recovered(record) => self.recovered(record, findings),
            Fact::Waited(_) | Fact::WriteInvoked(_) | Fact::ReadInvoked(_) | Fact::Acknowledged(_) => {}
        }
    }

    /// Adds a fact to the memory, and judges what only the whole history shows.
    pub fn remember(&mut self, fact: &Fact<'_>, findings: &mut Findings) {
        match *fact {
            Fact::Decided { before, command, after, owner, .. } => {
                self.committed(before, command, after, owner);
            }
            Fact::Waited(record) => self.waited = Some(record.epoch),
            Fact::Recovered(record) => {
                self.lost_through = self.newest_epoch;
                self.newest_epoch = record.map_or(self.newest_epoch, |record| record.epoch);
                self.debt = record.and_then(|record| record.placed).and_then(|placed| placed.debt);
                self.registers.clear();
            }
            Fact::WriteInvoked(id) => {
                self.registers().for_each(|register| register.write_invoked(id));
            }
            Fact::ReadInvoked(reader) => {
                self.registers().for_each(|register| register.read_invoked(reader));
            }
            Fact::SinkStepped(step) => self.moved(&step),
            Fact::Wrote { write, .. } => insert(&mut self.exempt, write.id),
            Fact::Acknowledged(id) => self.acknowledged(id, findings),
            Fact::ReadServed(read) => self.read_returned(&read, findings),
            Fact::Resolved(..) | Fact::Admitted { .. } | Fact::Stated(..) | Fact::Now(..) => {}
        }
    }

    fn registers(&mut self) -> impl Iterator<Item = &mut Register> {
        self.registers.iter_mut().map(|(_, register)| Arc::make_mut(register))
    }

    /// The copy of a store took a write, or lost some in a crash.
    fn moved(&mut self, step: &SinkStep<'_>) {
        let (store, fences) = (step.after.fence.config().store, step.after.fence.durable());
        self.histories.retain(|history| !is_over(history, step));
        let Some(copy) = fences.copy() else { return };
        let of = |history: &&mut Arc<CopyHistory>| history.store == store && history.copy == fences.newest();
        let Some(history) = self.histories.iter_mut().find(of).map(Arc::make_mut) else { return };
        match step.request.map(|request| &request.body) {
            Some(Body::Write(write)) => history.wrote(copy.position(), write, copy.applied().clone()),
            // What it forgets then, its copies do not know either.
            Some(_) if finishes(step) => history.finished(copy.applied().clone()),
            Some(_) => {}
            None => history.crashed(copy.position()),
        }
    }

    /// What a recovery gives out must be above everything that stores have seen.
    fn recovered(&self, record: Option<&PartitionRecord>, findings: &mut Findings) {
        let Some(record) = record else { return };
        let migrates = record.placed.is_some_and(|placed| placed.state.is_migrating());
        let fresh =
            record.epoch > self.newest_epoch && (!migrates || record.migration > self.newest_migration);
        findings.demand(fresh, Id::EpochMonotone, || {
            (
                format!("recovered: {record}"),
                format!("{} and {} were given before", self.newest_epoch, self.newest_migration),
            )
        });
    }

    fn committed(
        &mut self,
        before: Option<&PartitionRecord>,
        command: &Command,
        after: Option<&PartitionRecord>,
        owner: Option<SinkNow<'_>>,
    ) {
        if let Some(record) = after {
            self.newest_epoch = self.newest_epoch.max(record.epoch);
            self.newest_migration = self.newest_migration.max(record.migration);
        } else if let Some(record) = before {
            self.newest_epoch = self.newest_epoch.max(record.epoch);
        }
        if let Transition::Abort { expected, .. } = &command.transition {
            insert(&mut self.aborted, expected.migration);
        }
        let kind = command.transition.kind();
        let was = before.and_then(|record| record.placed);
        let placed = after.and_then(|record| record.placed);
        let changed = placed.filter(|placed| was.map(|was| was.copy) != Some(placed.copy));
        if let Some(placed) = changed {
            self.owns(was, &placed, owner);
        }
        if let Some(placed) = changed.filter(|placed| placed.debt.is_some())
            && matches!(kind, TransitionKind::Force | TransitionKind::Release)
        {
            // A target that is accepted after a restore has lost what a forced move left behind, and nothing if it was flipped.
            if kind == TransitionKind::Force || self.forced.is_some() {
                self.leave_behind(was, &placed);
            }
            (self.debt, self.forced) = (placed.debt, Some(placed.copy));
        }
        if matches!(kind, TransitionKind::Force | TransitionKind::Delete) {
            self.registers.clear();
        }
        if kind == TransitionKind::Delete
            && let Some(was) = was
        {
            let history = self.history(read_placement(was.state), was.copy);
            let ids: Vec<_> = history.iter().flat_map(|history| history.ids()).map(|(_, id)| id).collect();
            ids.into_iter().for_each(|id| insert(&mut self.exempt, id));
        }
    }

    /// A copy becomes the owner's: what it should hold is what the former owner's copy held at the position up to which it was
    /// copied. Of a forced move of a part, and of a target that an operator accepts after a restore, that is not known: it holds what
    /// it has.
    fn owns(&mut self, was: Option<Placed>, placed: &Placed, owner: Option<SinkNow<'_>>) {
        let (store, copy) = (read_placement(placed.state), placed.copy);
        if self.history(store, copy).is_some() {
            return;
        }
        let source = was.and_then(|was| self.history(read_placement(was.state), was.copy));
        let known = was.and_then(|was| was.cutover).and_then(|facts| facts.watermark);
        let copied = placed.debt.filter(|debt| was.is_none_or(|was| was.debt != Some(*debt)));
        let through = copied.map_or(known, |debt| debt.copied);
        let history = match (source, through, owner) {
            (Some(source), Some(through), _) => source.moved(store, copy, through),
            (Some(source), None, Some(owner)) => {
                let have = owner.fence.durable().copy();
                let position = have.map_or(Position::ZERO, fence::Copy::position);
                let known = have.map(|have| have.applied().clone()).unwrap_or_default();
                source.moved(store, copy, position).found(owner.data.rows().clone(), known)
            }
            (Some(_), None, None) | (None, ..) => CopyHistory::created(store, copy),
        };
        self.histories.push(Arc::new(history));
        self.histories.sort();
    }

    /// The writes of the former owner that did not come along.
    fn leave_behind(&mut self, was: Option<Placed>, placed: &Placed) {
        if self.lossless {
            return;
        }
        let through = placed.debt.and_then(|debt| debt.copied);
        let left = was.and_then(|was| self.history(read_placement(was.state), was.copy));
        let left = left.into_iter().flat_map(CopyHistory::ids);
        let left = left.filter(|(position, _)| through.is_none_or(|through| *position > through));
        let left: Vec<_> = left.map(|(_, id)| id).collect();
        left.into_iter().for_each(|id| insert(&mut self.exempt, id));
    }

    fn wrote(
        &self,
        store: Placement,
        write: &Write,
        fences: &Durable,
        record: Option<&PartitionRecord>,
        findings: &mut Findings,
    ) {
        let (id, token) = (write.id, write.token);
        let exempt = self.is_exempt(store, write, record);
        let Some((record, placed)) = record.and_then(|record| Some((record, record.placed?))) else { return };
        let timed = placed.guarantee == Guarantee::Timed;
        let refused = fences.copy().is_none()
            || (!timed && token <= fences.sealed_through().max(fences.closed_through()));
        findings.demand(!refused, Id::FenceRespected, || {
            let (sealed, closed) = (fences.sealed_through(), fences.closed_through());
            (
                format!("{store} applied {id} with token {token}"),
                format!("sealed through {sealed}, closed through {closed}"),
            )
        });
        if exempt || token <= self.lost_through {
            return;
        }
        let (owner, open) = match placed.state {
            PartitionState::Active(at)
            | PartitionState::Migrating { from: at, phase: Phase::Draining, .. } => (at, true),
            PartitionState::Migrating { from, phase: Phase::Cutover, .. } => {
                (from, timed && self.waited != Some(record.epoch))
            }
        };
        let at = || format!("{store} applied {id} with token {token}");
        findings.demand(open, Id::NoCommitInCutover, || {
            (at(), format!("the record is {} at {}", placed.state, record.epoch))
        });
        let ours = store == owner && token >= placed.owned_since && token <= record.epoch;
        findings.demand(!open || ours, Id::CommitAtOwnerOnly, || {
            (
                at(),
                format!(
                    "{owner} has owned the partition since {}; the record is {} at {}",
                    placed.owned_since, placed.state, record.epoch
                ),
            )
        });
    }

    fn acknowledged(&mut self, id: WriteId, findings: &mut Findings) {
        insert(&mut self.acknowledged, id);
        for (_, register) in self.registers.iter_mut().filter(|(_, register)| register.may_be_written(id)) {
            let register = Arc::make_mut(register);
            register.write_returned(id);
            findings.demand(register.is_linearizable(), Id::Linearizable, || {
                (
                    format!("{id} was acknowledged"),
                    "no order of the operations has it take effect by now".to_owned(),
                )
            });
        }
    }

    fn read_served(&self, read: &ReadServed<'_>, findings: &mut Findings) {
        let ReadServed { token, store, copy, fences, .. } = *read;
        let at = || format!("{store} served a read with token {token}");
        let plain = read.resolved.placed.is_some_and(|placed| placed.guarantee == Guarantee::Timed);
        let refused = fences.copy().is_none() || (!plain && token <= fences.closed_through());
        findings.demand(!refused, Id::FenceRespected, || {
            (at(), format!("closed through {}, copy {:?}", fences.closed_through(), fences.copy()))
        });
        findings.demand(!self.aborted.contains(&copy), Id::CleanAbort, || {
            (at(), format!("its copy was made by {copy}, which was aborted"))
        });
        if read.consistency == Consistency::StaleOk {
            return;
        }
        let named = read.resolved.placed.map(|placed| read_placement(placed.state));
        findings.demand(
            named == Some(store) && token == read.resolved.epoch,
            Id::SingleReadPlacement,
            || (at(), format!("at {} reads belong to {named:?}", read.resolved.epoch)),
        );
    }

    fn read_returned(&mut self, read: &ReadServed<'_>, findings: &mut Findings) {
        let ReadServed { reader, store, token, copy, key, value, .. } = *read;
        let writer = value.map(|row| self.writer(store, copy, row));
        for (of, register) in &mut self.registers {
            let register = Arc::make_mut(register);
            // A reader has one read at a time, of one row; it has an open one of each row until then.
            if of != key {
                register.read_withdrawn(reader);
                continue;
            }
            register.read_returned(reader, writer.flatten());
            let seen = writer.is_none_or(|writer| writer.is_some()) && register.is_linearizable();
            findings.demand(seen, Id::Linearizable, || {
                let value = value.map_or_else(|| "nothing".to_owned(), |row| format!("{row:?}"));
                (
                    format!("{store} served a read of {key} with token {token}, returning {value}"),
                    "no order of the operations explains it".to_owned(),
                )
            });
        }
    }
}

/// Whether the store has durably another copy instead, so that nobody reads this one again.
fn is_over(history: &CopyHistory, step: &SinkStep<'_>) -> bool {
    history.store == step.after.fence.config().store && step.after.durable.newest() > history.copy
}

/// Whether a copy that lacks rows has all that there are from this step on, and not because they came.
fn finishes(step: &SinkStep<'_>) -> bool {
    let whole = |now: &SinkNow<'_>| {
        now.fence.durable().copy().is_some_and(|copy| *copy.frontier() == Frontier::Everything)
    };
    let comes = step.request.is_none_or(|request| matches!(request.body, Body::Chunk(_) | Body::Prepare(_)));
    !comes && whole(&step.after) && !whole(&step.before)
}

/// The position of the store's copy after a step.
fn position(step: &SinkStep<'_>) -> Option<Position> {
    step.after.fence.durable().copy().map(fence::Copy::position)
}

/// The position of the store's copy before a step.
fn was(step: &SinkStep<'_>) -> Option<Position> {
    step.before.fence.durable().copy().map(fence::Copy::position)
}

fn resolved(record: &PartitionRecord, resolution: &Resolution, findings: &mut Findings) {
    let named = resolution.state.read_placement();
    let wanted = record.placed.map(|placed| read_placement(placed.state));
    let same = wanted == Some(named) && resolution.epoch == record.epoch;
    findings.demand(same, Id::SingleReadPlacement, || {
        (
            format!("a node resolved reads to {named} at {}", resolution.epoch),
            format!("at {} they belong to {wanted:?}", record.epoch),
        )
    });
}

fn admitted(view: &Resolution, token: Epoch, store: Placement, findings: &mut Findings) {
    let open = match view.state {
        PartitionState::Active(at) | PartitionState::Migrating { from: at, phase: Phase::Draining, .. } => {
            Some(at)
        }
        PartitionState::Migrating { phase: Phase::Cutover, .. } => None,
    };
    findings.demand(open == Some(store) && token == view.epoch, Id::NoAdmitStale, || {
        (
            format!("a gate let a write out to {store} with token {token}"),
            format!("its view is {} at {}", view.state, view.epoch),
        )
    });
}
