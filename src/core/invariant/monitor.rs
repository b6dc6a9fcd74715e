//! The monitor: fed with what happens in a run, it keeps what the invariants need to know of the past.

use super::fact::{Fact, ReadServed};
use super::findings::Findings;
use super::{Id, Register, commit, sink};
use crate::core::fence::{Durable, Write};
use crate::core::gate::Consistency;
use crate::core::ids::{Epoch, MigrationId, Names, Placement, Relabel, WriteId};
use crate::core::migration::{Command, Debt, PartitionRecord, Transition};
use crate::core::placement::{Guarantee, PartitionState, Phase, Resolution};
use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::ToString;
use alloc::vec::Vec;

/// Keeps what the invariants need to know of the past, and judges.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Monitor {
    pub(super) aborted: Vec<MigrationId>,
    pub(super) newest_migration: MigrationId,
    pub(super) newest_epoch: Epoch,
    pub(super) acknowledged: Vec<WriteId>,
    /// Not promised: left behind by a forced move, or deleted with their partition.
    pub(super) exempt: Vec<WriteId>,
    pub(super) debt: Option<Debt>,
    lossless: bool,
    waited: Option<Epoch>,
    register: Option<Register>,
}

impl Monitor {
    /// Of a run that begins with this record. `register`: also judge strong reads.
    #[must_use]
    pub fn new(record: Option<&PartitionRecord>, register: Option<Register>) -> Self {
        Self {
            aborted: Vec::new(),
            newest_migration: record.map_or(MigrationId::ZERO, |record| record.migration),
            newest_epoch: record.map_or(Epoch::ZERO, |record| record.epoch),
            acknowledged: Vec::new(),
            exempt: Vec::new(),
            debt: None,
            lossless: false,
            waited: None,
            register,
        }
    }

    /// Judges a forced move as if it had promised to lose nothing.
    #[must_use]
    pub fn without_exemptions(self) -> Self {
        Self { lossless: true, ..self }
    }

    /// Client writes that are not promised, so far.
    #[must_use]
    pub fn exempt(&self) -> &[WriteId] {
        &self.exempt
    }

    /// Takes a fact, and notes what it breaks.
    pub fn feed(&mut self, fact: &Fact<'_>, findings: &mut Findings) {
        self.judge(fact, findings);
        if self.remembers(fact) {
            self.remember(fact, findings);
        }
    }

    /// Whether the fact matters for what comes later; otherwise [`Monitor::judge`] is all there is to do.
    #[must_use]
    pub fn remembers(&self, fact: &Fact<'_>) -> bool {
        match fact {
            Fact::Decided { outcome, .. } => outcome.is_ok(),
            Fact::Waited(_) | Fact::Acknowledged(_) => true,
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

    /// Judges a fact by what is known of the past.
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
            Fact::Waited(_) | Fact::WriteInvoked(_) | Fact::ReadInvoked(_) | Fact::Acknowledged(_) => {}
        }
    }

    /// Keeps what matters for later, and judges what only the whole history shows.
    pub fn remember(&mut self, fact: &Fact<'_>, findings: &mut Findings) {
        match *fact {
            Fact::Decided { before, command, after, data, .. } => {
                self.committed(before, command, after, data)
            }
            Fact::Waited(record) => self.waited = Some(record.epoch),
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

    /// A write that nobody promises to keep: at the source of a forced move, up to the debt, or between a deletion and
    /// the drop that carries it out.
    fn is_exempt(&self, store: Placement, write: Write, record: Option<&PartitionRecord>) -> bool {
        let Some(placed) = record.and_then(|record| record.placed) else { return true };
        if self.lossless {
            return false;
        }
        self.debt.is_some_and(|debt| {
            debt.placement == store && write.token <= debt.through && placed.owned_since > debt.through
        })
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
        match &command.transition {
            Transition::Abort { expected } => insert(&mut self.aborted, expected.migration),
            Transition::Force { .. } => {
                self.debt = after.and_then(|record| record.placed).and_then(|placed| placed.debt);
                self.register = None;
                for id in data.0.iter().filter(|id| !self.lossless && !data.1.contains(id)) {
                    insert(&mut self.exempt, *id);
                }
            }
            Transition::Delete { .. } => {
                self.register = None;
                for id in data.0 {
                    insert(&mut self.exempt, *id);
                }
            }
            Transition::Create { .. }
            | Transition::Open { .. }
            | Transition::Begin { .. }
            | Transition::EnterCutover { .. }
            | Transition::EnterTimedCutover { .. }
            | Transition::RecordWatermark { .. }
            | Transition::Complete { .. }
            | Transition::Settle { .. }
            | Transition::RetireCopy { .. }
            | Transition::ForgetCopy { .. } => {}
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
        if exempt {
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

/// In the words of the protocol: the source until the flip.
pub(super) const fn read_placement(state: PartitionState) -> Placement {
    match state {
        PartitionState::Active(at) => at,
        PartitionState::Migrating { from, .. } => from,
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

pub(super) fn insert<T: Ord>(sorted: &mut Vec<T>, value: T) {
    if let Err(at) = sorted.binary_search(&value) {
        sorted.insert(at, value);
    }
}

impl Relabel for Monitor {
    fn relabel(&self, names: &dyn Names) -> Self {
        let mut acknowledged = self.acknowledged.relabel(names);
        acknowledged.sort_unstable();
        let mut exempt = self.exempt.relabel(names);
        exempt.sort_unstable();
        Self { acknowledged, exempt, register: self.register.relabel(names), ..self.clone() }
    }
}
