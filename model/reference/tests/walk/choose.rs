//! The next command: mostly one that the record allows.

use super::around::Around;
use super::dice::Dice;
use super::sinks::{STORES, Sinks};
use super::statements::Statements;
use super::{orders, stores};
use cutover::core::control_plane::{
    ControlPlaneEntry, Directory, MembershipChange, Orders, Override, PartitionName, Stores,
};
use cutover::core::fence::{DropCopy, End, EvidenceQuery, Prepare, Seal, WatermarkQuery};
use cutover::core::ids::{DirectoryId, Epoch, Incarnation, MigrationId, NodeId, PartitionId, Placement};
use cutover::core::migration::{
    AbortReason, Command, Expected, OldCopy, Operator, PartitionRecord, PlacementTable, Reason, Release,
    Settlement, Transition,
};
use cutover::core::placement::{Guarantee, PartitionState, Phase};
use cutover::core::raft::Peer;

/// What a settlement rests on.
#[derive(Clone, Copy)]
enum How {
    Sealed,
    Closed,
    Dropped,
}

/// A kind of command.
#[derive(Clone, Copy)]
enum Kind {
    Create,
    CreateByName,
    Open,
    Begin,
    StartBlock,
    EnterCutover,
    EnterTimedCutover,
    RecordWatermark,
    Complete,
    Abort,
    Force,
    Settle(How),
    Retire,
    Forget,
    Delete,
    WriteOff,
    Release,
}

const ALL: &[Kind] = &[
    Kind::Create,
    Kind::CreateByName,
    Kind::Open,
    Kind::Begin,
    Kind::StartBlock,
    Kind::EnterCutover,
    Kind::EnterTimedCutover,
    Kind::RecordWatermark,
    Kind::Complete,
    Kind::Abort,
    Kind::Force,
    Kind::Settle(How::Sealed),
    Kind::Settle(How::Closed),
    Kind::Settle(How::Dropped),
    Kind::Retire,
    Kind::Forget,
    Kind::Delete,
    Kind::WriteOff,
    Kind::Release,
];

const OF_OLD_COPIES: &[Kind] = &[Kind::Retire, Kind::Forget, Kind::Forget, Kind::WriteOff];
const OF_DEBTS: &[Kind] =
    &[Kind::Settle(How::Sealed), Kind::Settle(How::Closed), Kind::Settle(How::Dropped), Kind::Forget];

pub const NAMES: [&str; 4] = ["acme", "globex", "hooli", "initech"];

pub struct Choice<'a> {
    pub dice: &'a mut Dice,
    pub sinks: &'a mut Sinks,
    pub table: &'a PlacementTable,
    pub directory: &'a Directory,
    pub stores: &'a Stores,
    pub orders: &'a Orders,
    /// Whether stores come and go.
    pub changes_stores: bool,
    /// Records that were seen before, of which a late command may speak.
    pub past: &'a [Expected],
}

impl Choice<'_> {
    pub fn entry(&mut self) -> ControlPlaneEntry {
        if self.dice.percent(2) {
            return ControlPlaneEntry::MembershipChange(self.change());
        }
        if self.dice.percent(6) {
            return ControlPlaneEntry::OrderChange(orders::change(self));
        }
        let often = if stores::nameless(self.stores, self.table).is_empty() { 5 } else { 30 };
        if self.changes_stores && self.dice.percent(often) {
            return ControlPlaneEntry::StoreChange(stores::change(self.dice, self.stores, self.table));
        }
        let partition = self.partition();
        let record = self.table.record(partition).cloned();
        let kind = match &record {
            _ if self.dice.percent(15) => self.dice.one_of(ALL),
            None => self.dice.one_of(&[Kind::Create, Kind::CreateByName]),
            Some(record) => self.fitting(record),
        };
        let by_name = matches!(kind, Kind::CreateByName) || self.dice.percent(25);
        let record = record.unwrap_or_else(|| nothing(partition));
        let transition = self.transition(kind, &record);
        if !by_name {
            return ControlPlaneEntry::OwnershipTransition(Command { partition, transition });
        }
        let creates = matches!(transition, Transition::Create { .. });
        let known = self.directory.name(partition).filter(|_| !creates && self.dice.percent(90)).cloned();
        let name = known.unwrap_or_else(|| self.any_name());
        ControlPlaneEntry::NamedTransition { name, transition }
    }

    fn any_name(&mut self) -> PartitionName {
        self.dice.one_of(&NAMES).to_owned().try_into().expect("it is a name")
    }

    /// A change of the members, which the table notes if it was made in spite of what it may cost.
    fn change(&mut self) -> MembershipChange {
        let node = self.dice.one_of(&[NodeId(1), NodeId(2), NodeId(3)]);
        let peer = Peer { node, directory: DirectoryId(1 + self.dice.below(3)) };
        let by_whom = self.dice.one_of(&["ada", "bob"]);
        let even_so =
            self.dice.percent(50).then(|| Override { operator: operator(by_whom), reason: reason() });
        match self.dice.percent(50) {
            true => MembershipChange::Promote { peer, even_so },
            false => MembershipChange::Remove { peer, even_so },
        }
    }

    /// A state of a record that was seen before.
    pub fn any_past(&mut self) -> Expected {
        let none = Expected { migration: MigrationId(9), epoch: Epoch(9) };
        if self.past.is_empty() { none } else { self.dice.one_of(self.past) }
    }

    pub fn partition(&mut self) -> PartitionId {
        let listed: Vec<PartitionId> = self.table.records().map(|record| record.partition).collect();
        if listed.is_empty() || self.dice.percent(8) {
            return PartitionId(1 + self.dice.below(4));
        }
        self.dice.one_of(&listed)
    }

    fn place(&mut self) -> (Placement, Guarantee) {
        let placement = self.store();
        let known = stores::guarantee_of(self.stores, placement);
        let timed = (known == Guarantee::Timed) == self.dice.percent(95);
        (placement, if timed { Guarantee::Timed } else { Guarantee::Sealed })
    }

    /// A store, mostly one that the log knows.
    fn store(&mut self) -> Placement {
        stores::any_of(self.dice, self.stores)
    }

    fn fitting(&mut self, record: &PartitionRecord) -> Kind {
        let Some(placed) = record.placed else {
            return self.dice.one_of(&[
                Kind::Forget,
                Kind::Forget,
                Kind::WriteOff,
                Kind::Retire,
                Kind::Create,
            ]);
        };
        if !record.old_copies.is_empty() && self.dice.percent(20) {
            return self.dice.one_of(OF_OLD_COPIES);
        }
        if placed.debt.is_some() && self.dice.percent(15) {
            return self.dice.one_of(OF_DEBTS);
        }
        if placed.held.is_some() {
            return if self.dice.percent(60) { Kind::Release } else { self.dice.one_of(ALL) };
        }
        let timed = placed.guarantee == Guarantee::Timed;
        match placed.state {
            PartitionState::Active(_) if !placed.opened => {
                self.dice.one_of(&[Kind::Open, Kind::Open, Kind::Open, Kind::Delete])
            }
            PartitionState::Active(_) => self.dice.one_of(&[
                Kind::Begin,
                Kind::Begin,
                Kind::Begin,
                Kind::Begin,
                Kind::Begin,
                Kind::Delete,
            ]),
            PartitionState::Migrating { phase: Phase::Draining, .. } => {
                let enter = if timed { Kind::EnterTimedCutover } else { Kind::EnterCutover };
                self.dice.one_of(&[Kind::StartBlock, enter, enter, enter, enter, Kind::Abort, Kind::Force])
            }
            PartitionState::Migrating { phase: Phase::Cutover, .. } => {
                let next = match placed.cutover.and_then(|facts| facts.watermark) {
                    None if self.dice.percent(80) => Kind::RecordWatermark,
                    None | Some(_) => Kind::Complete,
                };
                self.dice.one_of(&[next, next, next, next, Kind::Abort, Kind::Force])
            }
        }
    }

    fn expected(&mut self, record: &PartitionRecord, is_abort: bool) -> Expected {
        let now = record.expected();
        match self.dice.below(100) {
            0..3 => Expected { epoch: now.epoch.previous(), ..now },
            3..5 => Expected { epoch: now.epoch.next(), ..now },
            5..7 => Expected { migration: MigrationId(now.migration.0.saturating_sub(1)), ..now },
            7..9 if !self.past.is_empty() => self.dice.one_of(self.past),
            9..11 => Expected { epoch: record.draining_epoch().unwrap_or(now.epoch), ..now },
            11..40 if is_abort => Expected { epoch: record.draining_epoch().unwrap_or(now.epoch), ..now },
            _ => now,
        }
    }

    fn transition(&mut self, kind: Kind, record: &PartitionRecord) -> Transition {
        let expected = self.expected(record, matches!(kind, Kind::Abort));
        let by_whom = self.dice.one_of(&["ada", "bob"]);
        let around = Around::of(record, self.sinks);
        let (from, to, target) = (around.from, around.to, around.target);
        let (partition, migration) = (record.partition, record.migration);
        self.traffic(record, &around);
        let draining = around.draining;
        let own = record.epoch;
        let mut by = Statements { dice: self.dice, sinks: self.sinks, partition };
        match kind {
            Kind::Create | Kind::CreateByName => {
                let (placement, guarantee) = self.place();
                Transition::Create { placement, guarantee }
            }
            Kind::Open => {
                let closed = around.owned_since.previous();
                let prepare = Prepare { migration, closed_through: closed, source: None, keep: None };
                Transition::Open { expected, prepared: by.prepared(from, prepare) }
            }
            Kind::Begin => Transition::Begin { expected, to: self.other_than(from) },
            Kind::StartBlock => Transition::StartBlock { expected, target },
            Kind::EnterCutover => {
                by.sinks.prepare(to, partition, around.prepare(migration));
                let receipt = by.receipt(from, Seal { migration, through: draining, target });
                Transition::EnterCutover { expected, receipt }
            }
            Kind::EnterTimedCutover => {
                let prepared = by.prepared(to, around.prepare(migration));
                Transition::EnterTimedCutover { expected, prepared }
            }
            Kind::RecordWatermark => {
                let reading = by.reading(from, WatermarkQuery { migration, epoch: own });
                Transition::RecordWatermark { expected, reading }
            }
            Kind::Complete => {
                let query = EvidenceQuery { migration, epoch: own, at_least: around.watermark };
                let evidence = by.evidence(to, Some(target), around.digest, query);
                Transition::Complete { expected, evidence }
            }
            Kind::Abort => Transition::Abort { expected, why: self.why() },
            Kind::Force => Transition::Force {
                expected,
                ended: by.ended(to, End { migration, epoch: own }),
                partial: by.dice.percent(30),
                operator: operator(by_whom),
                reason: reason(),
            },
            Kind::Retire | Kind::WriteOff | Kind::Forget => self.of_old_copy(kind, record),
            Kind::Settle(how) => self.settle(how, record),
            Kind::Delete => Transition::Delete { expected },
            Kind::Release => Transition::Release {
                expected,
                how: self.how(),
                operator: operator(by_whom),
                reason: reason(),
            },
        }
    }

    fn other_than(&mut self, from: Placement) -> Placement {
        let known: Vec<Placement> = self.stores.iter().map(|(number, _)| number).collect();
        let all = if known.is_empty() || self.dice.percent(3) { STORES.to_vec() } else { known };
        let others: Vec<Placement> = all.into_iter().filter(|store| *store != from).collect();
        if !others.is_empty() && self.dice.percent(92) { self.dice.one_of(&others) } else { from }
    }

    fn why(&mut self) -> AbortReason {
        self.dice.one_of(&[
            AbortReason::Operator,
            AbortReason::Budget,
            AbortReason::TakenOver,
            AbortReason::Refused,
            AbortReason::Broken,
            AbortReason::Ended,
            AbortReason::Digest,
        ])
    }

    fn how(&mut self) -> Release {
        let guarantee = self.dice.one_of(&[Guarantee::Sealed, Guarantee::Timed]);
        self.dice.one_of(&[Release::Resume, Release::KeepSource, Release::AcceptTarget { guarantee }])
    }

    fn of_old_copy(&mut self, kind: Kind, record: &PartitionRecord) -> Transition {
        let made_up = OldCopy {
            placement: self.store(),
            copy: record.migration,
            sealed_through: None,
            retiring: false,
            late_before: None,
        };
        let by_whom = self.dice.one_of(&["ada", "bob"]);
        let listed = &record.old_copies;
        // The copy of the debt, of which another copy at the same store may be listed.
        let owed = record.placed.and_then(|placed| placed.debt).filter(|_| self.dice.percent(25));
        let owed = owed.map(|debt| OldCopy { placement: debt.placement, copy: debt.copy, ..made_up });
        let old = match owed {
            Some(owed) => owed,
            None if listed.is_empty() || self.dice.percent(5) => made_up,
            None => self.dice.one_of(listed),
        };
        let (placement, copy) = (old.placement, MigrationId(self.dice.near(old.copy.0)));
        if matches!(kind, Kind::Retire) {
            return Transition::RetireCopy { placement, copy };
        }
        if matches!(kind, Kind::WriteOff) {
            return Transition::WriteOff { placement, copy, operator: operator(by_whom), reason: reason() };
        }
        let mut by = Statements { dice: self.dice, sinks: self.sinks, partition: record.partition };
        let sealed_through = old.sealed_through;
        Transition::ForgetCopy { dropped: by.dropped(placement, DropCopy { copy: old.copy, sealed_through }) }
    }

    fn settle(&mut self, how: How, record: &PartitionRecord) -> Transition {
        let debt = record.placed.and_then(|placed| placed.debt);
        let store = debt.map_or_else(|| self.store(), |debt| debt.placement);
        let migration = debt.map_or(record.migration, |debt| debt.migration);
        let (copy, through) = debt.map_or((record.migration, record.epoch), |debt| (debt.copy, debt.through));
        let target = debt.map_or(Incarnation(1), |debt| debt.target);
        let named = MigrationId(self.dice.near(migration.0));
        let later = if self.dice.percent(80) { copy.next() } else { copy };
        let mut by = Statements { dice: self.dice, sinks: self.sinks, partition: record.partition };
        let proof = match how {
            How::Sealed => Settlement::Sealed(by.receipt(store, Seal { migration, through, target })),
            How::Closed => {
                let prepare = Prepare { migration: later, closed_through: through, source: None, keep: None };
                Settlement::Closed(by.prepared(store, prepare))
            }
            How::Dropped => Settlement::Dropped(by.dropped(store, DropCopy { copy, sealed_through: None })),
        };
        Transition::Settle { migration: named, proof }
    }

    /// Clients write, the mover copies, and now and then a store loses everything.
    fn traffic(&mut self, record: &PartitionRecord, around: &Around) {
        let partition = record.partition;
        if self.dice.percent(30) {
            self.sinks.write(around.from, partition, record.epoch);
        }
        if self.dice.percent(60) {
            let parts = self.dice.below(6);
            self.sinks.copy((around.from, around.to), partition, record.migration, parts);
        }
        if self.dice.percent(1) {
            let store = self.dice.one_of(&[around.from, around.to]);
            self.sinks.wipe(store, partition, self.table);
        }
    }
}

/// The record that a command has in mind of a partition that is not listed.
fn nothing(partition: PartitionId) -> PartitionRecord {
    PartitionRecord {
        partition,
        epoch: Epoch(1),
        migration: MigrationId(1),
        placed: None,
        old_copies: Vec::new(),
    }
}

fn operator(name: &str) -> Operator {
    name.to_owned().try_into().expect("it is short")
}

fn reason() -> Reason {
    "lost".to_owned().try_into().expect("it is short")
}
