//! Judges the facts of a migration's run, in order, and updates the monitor's memory.

use super::fact::{Fact, ReadServed};
use super::findings::Findings;
use super::past::{Monitor, insert, read_placement};
use super::{Id, commit, sink};
use crate::core::fence::{Durable, Write};
use crate::core::gate::Consistency;
use crate::core::ids::{Epoch, Placement, WriteId};
use crate::core::migration::{Command, PartitionRecord, Transition, TransitionKind};
use crate::core::placement::{Guarantee, PartitionState, Phase, Resolution};
use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::ToString;

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
            Fact::WriteInvoked(_) | Fact::ReadInvoked(_) => self.register.is_some(),
            Fact::Wrote { store, write, record, .. } => self.is_exempt(*store, *write, *record),
            Fact::ReadServed(read) => self.register.is_some() && read.consistency == Consistency::Strong,
            Fact::Resolved(..)
            | Fact::Admitted { .. }
            | Fact::SinkStepped(_)
            | Fact::Stated(..)
            | Fact::Now(..) => false,
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
            Fact::SinkStepped(step) => sink::stepped(self, &step, findings),
            Fact::Stated(statement, copy, now) => sink::stated(&statement, copy, &now, findings),
            Fact::Now(record, sinks) => sink::now(self, record, sinks, findings),
            Fact::Recovered(record) => self.recovered(record, findings),
            Fact::Waited(_) | Fact::WriteInvoked(_) | Fact::ReadInvoked(_) | Fact::Acknowledged(_) => {}
        }
    }

    /// Adds a fact to the memory, and judges what only the whole history shows.
    pub fn remember(&mut self, fact: &Fact<'_>, findings: &mut Findings) {
        match *fact {
            Fact::Decided { before, command, after, data, .. } => {
                self.committed(before, command, after, data)
            }
            Fact::Waited(record) => self.waited = Some(record.epoch),
            Fact::Recovered(record) => {
                self.lost_through = self.newest_epoch;
                self.newest_epoch = record.map_or(self.newest_epoch, |record| record.epoch);
                self.debt = record.and_then(|record| record.placed).and_then(|placed| placed.debt);
                self.register = None;
            }
            Fact::WriteInvoked(id) => {
                if let Some(register) = &mut self.register {
                    register.write_invoked(id);
                }
            }
            Fact::ReadInvoked(reader) => {
                if let Some(register) = &mut self.register {
                    register.read_invoked(reader);
                }
            }
            Fact::Wrote { write, .. } => insert(&mut self.exempt, write.id),
            Fact::Acknowledged(id) => self.acknowledged(id, findings),
            Fact::ReadServed(read) => self.read_returned(&read, findings),
            Fact::Resolved(..)
            | Fact::Admitted { .. }
            | Fact::SinkStepped(_)
            | Fact::Stated(..)
            | Fact::Now(..) => {}
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
        data: (&[WriteId], &[WriteId]),
    ) {
        if let Some(record) = after {
            self.newest_epoch = self.newest_epoch.max(record.epoch);
            self.newest_migration = self.newest_migration.max(record.migration);
        } else if let Some(record) = before {
            self.newest_epoch = self.newest_epoch.max(record.epoch);
        }
        if let Transition::Abort { expected } = &command.transition {
            insert(&mut self.aborted, expected.migration);
        }
        let kind = command.transition.kind();
        let was = before.and_then(|record| record.placed).map(|placed| placed.copy);
        let placed = after.and_then(|record| record.placed);
        if let Some(placed) = placed.filter(|placed| placed.debt.is_some() && was != Some(placed.copy))
            && matches!(kind, TransitionKind::Force | TransitionKind::Release)
        {
            // A target that is accepted after a restore has lost what a forced move left behind, and nothing if it was flipped.
            if kind == TransitionKind::Force || self.forced.is_some() {
                self.leave_behind(data);
            }
            (self.debt, self.forced) = (placed.debt, Some(placed.copy));
        }
        if kind == TransitionKind::Force {
            self.register = None;
        }
        if kind == TransitionKind::Delete {
            self.register = None;
            for id in data.0 {
                insert(&mut self.exempt, *id);
            }
        }
    }

    fn leave_behind(&mut self, data: (&[WriteId], &[WriteId])) {
        if !self.lossless {
            for id in data.0.iter().filter(|id| !data.1.contains(id)) {
                insert(&mut self.exempt, *id);
            }
        }
    }

    fn wrote(
        &self,
        store: Placement,
        write: Write,
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
        if let Some(register) = &mut self.register {
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
        let ReadServed { reader, store, token, value, .. } = *read;
        let Some(register) = &mut self.register else { return };
        register.read_returned(reader, value);
        findings.demand(register.is_linearizable(), Id::Linearizable, || {
            let value = value.map_or_else(|| "nothing".to_owned(), |id| id.to_string());
            (
                format!("{store} served a read with token {token}, returning {value}"),
                "no order of the operations explains it".to_owned(),
            )
        });
    }
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
