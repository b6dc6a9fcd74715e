//! Operators: they order under tickets, from a record that may be old, and repeat what they were not answered.

use super::gateway::Gateway;
use super::net::{Answered, Proposed, add};
use super::turn::Turn;
use super::{State, System};
use cutover::core::control_plane::{Answer, ControlPlaneEntry, PartitionName};
use cutover::core::fence::{Body, End, Reply, Request};
use cutover::core::ids::{HistoryId, MigrationId, PartitionId, Placement, Serial, SessionId};
use cutover::core::migration::{
    AbortReason, Command, Expected, Operator, Owner, PartitionRecord, Reason, Release, Settlement, Transition,
};
use cutover::core::placement::Guarantee;
use cutover::core::raft::{Content, Effect, SessionRefusal, Ticket};
use std::sync::Arc;

/// Names that are given.
const NAMES: [&str; 4] = ["acme", "globex", "initech", "umbrella"];

/// An order.
#[derive(Clone, PartialEq, Debug)]
pub enum Order {
    /// Create the partition with the name of this number.
    Create(u8, Placement),
    /// Create the partition with this number.
    Number(PartitionId, Placement),
    /// As `Create`, with the guarantee that the store there cannot give.
    Mislabel(u8, Placement),
    /// A command that is made of the present record and any statement that was ever made of the partition, by number of those.
    Pair(PartitionId, u16),
    /// Ask the target of the migration in flight to take no more chunks, to force it.
    End(PartitionId),
    /// A command of a record, by number of the commands that can be made of it. `stale`: of the record of the first gateway.
    Change {
        /// The partition.
        partition: PartitionId,
        /// Whether the record is the first gateway's.
        stale: bool,
        /// Which command.
        which: u8,
    },
}

/// The operators' desk: a session, and its requests.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub(super) struct Desk {
    session: Option<(HistoryId, SessionId)>,
    serial: u64,
    /// The answered requests above the first one without an answer.
    answered: Vec<u64>,
    through: u64,
}

impl Desk {
    /// An answer under a ticket arrives.
    pub(super) fn hears(&mut self, ticket: Ticket, effect: &Effect<Answer>) {
        if self.session.map(|(_, id)| id) != Some(ticket.session) {
            return;
        }
        match effect {
            Effect::SessionRefused(SessionRefusal::Expired { .. }) => *self = Self::default(),
            Effect::SessionRefused(SessionRefusal::TooMany { .. } | SessionRefusal::Acknowledged { .. })
            | Effect::SessionOpened(_)
            | Effect::SessionClosed(_) => {}
            Effect::Answered { .. } => {
                if ticket.serial.0 > self.through && !self.answered.contains(&ticket.serial.0) {
                    self.answered.push(ticket.serial.0);
                }
                while let Some(at) = self.answered.iter().position(|serial| *serial == self.through + 1) {
                    self.answered.remove(at);
                    self.through += 1;
                }
            }
        }
    }
}

impl Turn<'_> {
    /// An operator makes a command, and proposes it under a ticket.
    pub(super) fn order(&mut self, order: &Order) -> Option<()> {
        let entry = match order {
            Order::End(partition) => {
                let record = self.log.record(*partition)?;
                let (store, partition) = (super::turn::target(record)?, *partition);
                let body = Body::End(End { migration: record.migration, epoch: record.epoch });
                self.send(Request { store, partition, body });
                return Some(());
            }
            Order::Create(name, placement) => {
                named(*name, *placement, self.env.bounds.store(*placement)?.guarantee())?
            }
            Order::Mislabel(name, placement) => {
                let wrong = match self.env.bounds.store(*placement)?.guarantee() {
                    Guarantee::Sealed => Guarantee::Timed,
                    Guarantee::Timed => Guarantee::Sealed,
                };
                named(*name, *placement, wrong)?
            }
            Order::Number(partition, placement) => {
                let guarantee = self.env.bounds.store(*placement)?.guarantee();
                let transition = Transition::Create { placement: *placement, guarantee };
                ControlPlaneEntry::OwnershipTransition(Command { partition: *partition, transition })
            }
            Order::Pair(partition, which) => {
                let transition =
                    pairs(&self.next, &self.log, *partition).into_iter().nth(usize::from(*which))?;
                ControlPlaneEntry::OwnershipTransition(Command { partition: *partition, transition })
            }
            Order::Change { partition, stale, which } => {
                let commands = self.env.commands(&self.next, &self.log, *partition, *stale);
                let transition = commands.into_iter().nth(usize::from(*which))?;
                self.by_name_or_number(*partition, transition)
            }
        };
        let (history, session) = self.session()?;
        let desk = Arc::make_mut(&mut self.next.desk);
        desk.serial += 1;
        let serial = Serial(desk.serial);
        let ticket = Some(Ticket { session, serial, acknowledged_through: Serial(desk.through) });
        self.say(|| format!("proposes {}", super::facts::entry(&entry)));
        add(&mut self.net().proposals, Proposed { history, ticket, entry });
        Some(())
    }

    /// Every second request names the partition by its name, if it has one. The name may be another's, or nobody's, when the
    /// request is decided.
    fn by_name_or_number(&self, partition: PartitionId, transition: Transition) -> ControlPlaneEntry {
        let name = self.log.state().directory().name(partition).filter(|_| self.next.desk.serial % 2 == 1);
        match name.cloned() {
            Some(name) => ControlPlaneEntry::NamedTransition { name, transition },
            None => ControlPlaneEntry::OwnershipTransition(Command { partition, transition }),
        }
    }

    /// The session of the desk; a new one if there is none of this history.
    fn session(&mut self) -> Option<(HistoryId, SessionId)> {
        let history = self.log.history();
        if let Some((of, id)) = self.next.desk.session.filter(|(of, _)| *of == history) {
            return Some((of, id));
        }
        let (index, effect, _) = Arc::make_mut(&mut self.log).commit(Content::OpenSession)?;
        self.sessions_agree(index, &Content::OpenSession, &effect);
        let Effect::SessionOpened(id) = effect else { return None };
        self.next.desk = Arc::new(Desk { session: Some((history, id)), ..Desk::default() });
        Some((history, id))
    }
}

impl System {
    /// The commands that operators make of a record.
    pub(super) fn commands(
        &self,
        state: &State,
        log: &super::Log,
        partition: PartitionId,
        stale: bool,
    ) -> Vec<Transition> {
        let cached = || state.gateways.first().map(Arc::as_ref).map(Gateway::table)?.get(&partition);
        let Some(record) = (if stale { cached() } else { log.record(partition) }) else { return Vec::new() };
        let expected = record.expected();
        let mut all = Vec::new();
        if let Some(placed) = record.placed {
            let owner = placed.state.read_placement();
            let others = self.bounds.stores.iter().filter(|store| store.at != owner);
            all.extend(others.map(|store| Transition::Begin { expected, to: store.at }));
            all.push(Transition::Abort { expected, why: AbortReason::Operator });
            all.push(Transition::Delete { expected });
            all.extend(self.release(state, record));
            if self.bounds.faults.forces {
                all.extend(force(state, record));
            }
        }
        let old = record.old_copies.iter().filter(|old| !old.retiring);
        all.extend(old.map(|old| Transition::RetireCopy { placement: old.placement, copy: old.copy }));
        all
    }

    /// A decision about a held migration: by what the stores say, where that is certain; else the right one, which the operator knows from
    /// elsewhere.
    pub(super) fn release(&self, state: &State, record: &PartitionRecord) -> Option<Transition> {
        record.held()?;
        let to = super::turn::target(record)?;
        let said = |at| state.sinks.get(&(at, record.partition)).map(|sink| sink.said());
        let source = record.placed?.state.read_placement();
        let moved = match record.owner_by(said(source), said(to)) {
            Some(Owner::Source) => false,
            Some(Owner::Target) => true,
            Some(Owner::Unclear(_)) | None => state.truth.owners.get(&record.partition) == Some(&to),
        };
        let how = if moved {
            Release::AcceptTarget { guarantee: self.bounds.store(to)?.guarantee() }
        } else if record.migration.0.is_multiple_of(2) {
            Release::Resume
        } else {
            Release::KeepSource
        };
        let (operator, reason) = signed()?;
        Some(Transition::Release { expected: record.expected(), how, operator, reason })
    }
}

impl System {
    /// Writes an old copy off.
    pub(super) fn write_off(&self, placement: Placement, copy: MigrationId) -> Option<Transition> {
        self.bounds.store(placement)?;
        let (operator, reason) = signed()?;
        Some(Transition::WriteOff { placement, copy, operator, reason })
    }
}

fn named(name: u8, placement: Placement, guarantee: Guarantee) -> Option<ControlPlaneEntry> {
    let name = PartitionName::try_from((*NAMES.get(usize::from(name))?).to_owned()).ok()?;
    let transition = Transition::Create { placement, guarantee };
    Some(ControlPlaneEntry::NamedTransition { name, transition })
}

fn signed() -> Option<(Operator, Reason)> {
    let operator = Operator::try_from("ann".to_owned()).ok()?;
    Some((operator, Reason::try_from("a bad day".to_owned()).ok()?))
}

/// Forces a migration, with the newest statement of its target that it takes no more chunks.
fn force(state: &State, record: &PartitionRecord) -> Option<Transition> {
    let of = |answered: &Answered| match answered {
        Answered::Reply { reply: Reply::Ended(ended), .. } => Some(*ended),
        Answered::Reply { .. } | Answered::Served { .. } => None,
    };
    let migration: MigrationId = record.migration;
    let all = state.net.past.answers.iter().chain(&state.net.answers);
    let mut newest = all.rev().filter_map(of);
    let ended = newest
        .find(|ended| ended.migration() == migration && ended.origin().partition == record.partition)?;
    let (operator, reason) = signed()?;
    let partial = !ended.complete();
    Some(Transition::Force { expected: record.expected(), ended: ended.into(), partial, operator, reason })
}

/// Every command on a record that rests on a true statement, fitting or not, and slips of an operator who reads the wrong line. The
/// table must be safe with all of them: who sends a command is not trusted to choose it well.
pub(super) fn pairs(state: &State, log: &super::Log, partition: PartitionId) -> Vec<Transition> {
    let Some(record) = log.record(partition) else { return Vec::new() };
    let expected = record.expected();
    let debt = record.placed.and_then(|placed| placed.debt);
    let mut all = Vec::new();
    for answered in state.net.past.answers.iter().chain(&state.net.answers) {
        let Answered::Reply { reply, asker: None } = answered else { continue };
        all.extend(rests_on(reply, expected, debt.map(|debt| debt.migration)));
    }
    if let Some(debt) = debt {
        // A copy that is older than that of the debt; and the debt's own, while another one of that store is listed.
        let older = MigrationId(debt.copy.0.saturating_sub(1));
        let other =
            record.old_copies.iter().any(|old| old.placement == debt.placement && old.copy != debt.copy);
        for copy in [Some(older), other.then_some(debt.copy)].into_iter().flatten() {
            if let Some((operator, reason)) = signed() {
                all.push(Transition::WriteOff { placement: debt.placement, copy, operator, reason });
            }
        }
    }
    let listed = log.table().records();
    let copies = listed.flat_map(|other| {
        other.old_copies.iter().map(|old| (old.placement, old.copy)).chain([(Placement(0), other.migration)])
    });
    all.extend(copies.map(|(placement, copy)| Transition::RetireCopy { placement, copy }));
    all
}

fn rests_on(reply: &Reply, expected: Expected, debt: Option<MigrationId>) -> Vec<Transition> {
    let settle = |proof| debt.map(|migration| Transition::Settle { migration, proof });
    let mut all = Vec::new();
    match reply {
        Reply::Prepared(prepared) => {
            let prepared = (*prepared).into();
            all.extend([
                Transition::Open { expected, prepared },
                Transition::EnterTimedCutover { expected, prepared },
                Transition::StartBlock { expected, target: prepared.origin().incarnation },
            ]);
            all.extend(settle(Settlement::Closed(prepared)));
        }
        Reply::Sealed(receipt) => {
            let receipt = (*receipt).into();
            all.push(Transition::EnterCutover { expected, receipt });
            all.extend(settle(Settlement::Sealed(receipt)));
        }
        Reply::Evidence(evidence) => {
            all.push(Transition::Complete { expected, evidence: (*evidence).into() })
        }
        Reply::Watermark(reading) => {
            all.push(Transition::RecordWatermark { expected, reading: (*reading).into() });
        }
        Reply::Dropped(dropped) => {
            let dropped = (*dropped).into();
            all.push(Transition::ForgetCopy { dropped });
            all.extend(settle(Settlement::Dropped(dropped)));
        }
        Reply::Ended(ended) => {
            let ended = (*ended).into();
            all.extend(signed().map(|(operator, reason)| Transition::Force {
                expected,
                ended,
                partial: false,
                operator,
                reason,
            }));
        }
        Reply::ChunkTaken(_) | Reply::Applied { .. } | Reply::Refused { .. } => {}
    }
    all
}

/// The number of names.
pub(super) fn names() -> u8 {
    u8::try_from(NAMES.len()).unwrap_or(0)
}
