//! A placement table, the stores that it refers to, and all statements that these have made: the material for
//! commands.

use super::happening::Kind;
use super::some::{put, replies};
use super::store::{SMALL, Store, config};
use cutover::core::fence::{
    Body, Config, DropCopy, End, Enforcement, EvidenceQuery, Export, Input, Prepare, Refusal, Reply, Request,
    Seal, Stuck, WatermarkQuery, Write,
};
use cutover::core::ids::{Epoch, Incarnation, MigrationId, PartitionId, Placement, Position, WriteId};
use cutover::core::migration::{
    Caps, Command, Controller, Event, Expected, Operator, Output, PartitionRecord, PlacementTable, Policy,
    Reason, Settlement, Timer, Transition,
};
use cutover::core::placement::PartitionState;
use proptest::sample::Index;
use std::collections::BTreeSet;

pub const PARTITIONS: u64 = 3;
pub const PLACEMENTS: u64 = 3;

/// Limits small enough to be reached.
pub const CAPS: Caps =
    Caps { migrations_per_placement: 1, migrations_overall: 2, partitions: 2, old_copies_per_partition: 2 };

/// The enforcement of a store: the last one cannot refuse a write by its token.
pub fn enforcement(at: Placement) -> Enforcement {
    if at.0 + 1 == PLACEMENTS { Enforcement::Nothing } else { Enforcement::Tokens }
}

/// A placement table with its stores and controllers.
pub struct TableFixture {
    pub table: PlacementTable,
    stores: Vec<Store>,
    controllers: Vec<Controller>,
    /// The running timers of each controller.
    timers: Vec<BTreeSet<Timer>>,
    /// All replies of all stores, in order.
    pub said: Vec<Reply>,
    /// Every state that a command could have named.
    named: Vec<Expected>,
}

impl TableFixture {
    pub fn new(caps: Caps) -> Self {
        let policy = Policy { lag_writes_max: None, ..Policy::PRODUCTION };
        let store = |partition, at: u64| {
            let at_placement = Placement(at);
            let base = config(at_placement, PartitionId(partition), enforcement(at_placement), SMALL);
            Store::new(Config { incarnation: Incarnation(1 + at), ..base })
        };
        Self {
            table: PlacementTable::new(caps),
            stores: (0..PARTITIONS).flat_map(|p| (0..PLACEMENTS).map(move |at| store(p, at))).collect(),
            controllers: (0..PARTITIONS).map(|_| Controller::new(policy)).collect(),
            timers: (0..PARTITIONS).map(|_| BTreeSet::new()).collect(),
            said: Vec::new(),
            named: vec![Expected { migration: MigrationId(1), epoch: Epoch(1) }],
        }
    }

    pub fn record(&self, partition: u64) -> Option<PartitionRecord> {
        self.table.record(PartitionId(partition)).cloned()
    }

    fn store(&mut self, partition: u64, at: Placement) -> &mut Store {
        let [each, at] = [PLACEMENTS, at.0].map(|number| usize::try_from(number).unwrap());
        &mut self.stores[usize::try_from(partition).unwrap() * each + at]
    }

    /// The state that a command names: the present one, or any earlier one of any partition.
    fn expected(&mut self, partition: u64, stale: Option<Index>) -> Expected {
        let present = self.record(partition).map(|record| record.expected());
        self.named.extend(present);
        match (stale, present) {
            (None, Some(present)) => present,
            (stale, _) => stale.map_or(self.named[0], |index| *index.get(&self.named)),
        }
    }

    /// A command of this kind, if stores have made the statement that it needs.
    pub fn command(
        &mut self,
        partition: u64,
        kind: Kind,
        stale: Option<Index>,
        said: Index,
        last: bool,
    ) -> Option<Command> {
        let expected = self.expected(partition, stale);
        let record = self.record(partition);
        let debt = record.as_ref().and_then(|record| record.placed?.debt).map(|debt| debt.migration);
        let migration = debt.unwrap_or(expected.migration);
        if let (Kind::Force { .. }, Some(placed)) = (kind, record.as_ref().and_then(|record| record.placed))
            && let PartitionState::Migrating { to: store, .. } = placed.state
            && stale.is_none()
        {
            // Whoever forces has asked for the end before.
            let Expected { migration, epoch } = expected;
            let body = Body::End(End { migration, epoch });
            let _ = self.ask(&Request { store, partition: PartitionId(partition), body });
        }
        let all = &self.said;
        macro_rules! pick {
            ($kind:ident) => {{
                let of = |reply: &Reply| if let Reply::$kind(said) = reply { Some(*said) } else { None };
                let found: Vec<_> = all.iter().filter_map(of).collect();
                if last { found.last().copied() } else { (!found.is_empty()).then(|| *said.get(&found)) }
            }};
        }
        let transition = match kind {
            Kind::Create(placement, guarantee) => Transition::Create { placement, guarantee },
            Kind::Open => Transition::Open { expected, prepared: pick!(Prepared)?.into() },
            Kind::Begin(to) => Transition::Begin { expected, to },
            Kind::StartBlock => Transition::StartBlock { expected, target: Incarnation(1) },
            Kind::EnterCutover => Transition::EnterCutover { expected, receipt: pick!(Sealed)?.into() },
            Kind::EnterTimedCutover => {
                Transition::EnterTimedCutover { expected, prepared: pick!(Prepared)?.into() }
            }
            Kind::RecordWatermark => {
                Transition::RecordWatermark { expected, reading: pick!(Watermark)?.into() }
            }
            Kind::Complete => Transition::Complete { expected, evidence: pick!(Evidence)?.into() },
            Kind::Abort(why) => Transition::Abort { expected, why },
            Kind::Force { partial } => {
                let (operator, reason) =
                    (Operator::try_from("op".to_owned()), Reason::try_from("lost".to_owned()));
                let (operator, reason) = (operator.expect("short"), reason.expect("short"));
                let ended = pick!(Ended)?.into();
                Transition::Force { expected, ended, partial, operator, reason }
            }
            Kind::SettleSealed => {
                Transition::Settle { migration, proof: Settlement::Sealed(pick!(Sealed)?.into()) }
            }
            Kind::SettleClosed => {
                Transition::Settle { migration, proof: Settlement::Closed(pick!(Prepared)?.into()) }
            }
            Kind::SettleDropped => {
                Transition::Settle { migration, proof: Settlement::Dropped(pick!(Dropped)?.into()) }
            }
            Kind::Retire => {
                let old = record.map(|record| record.old_copies).filter(|old| !old.is_empty());
                let old = old.map(|old| *said.get(&old));
                let (placement, copy) =
                    old.map_or((Placement(0), migration), |old| (old.placement, old.copy));
                Transition::RetireCopy { placement, copy }
            }
            Kind::Forget => Transition::ForgetCopy { dropped: pick!(Dropped)?.into() },
            Kind::Delete => Transition::Delete { expected },
        };
        Some(Command { partition: PartitionId(partition), transition })
    }

    /// Sends a request to a store and keeps its replies.
    pub fn ask(&mut self, request: &Request) -> Vec<Reply> {
        let store = self.store(request.partition.0, request.store);
        let said = replies(&store.step(&Input::Request(request.clone())));
        self.said.extend(said.iter().cloned());
        said
    }

    /// Sends a request that a controller or the mover might send to that store.
    pub fn ask_for(&mut self, partition: u64, store: Placement, what: u8, stale: Option<Index>) {
        let Expected { migration, epoch } = self.expected(partition, stale);
        let body = match what {
            0 => {
                let source = self.record(partition).and_then(|record| record.placed);
                let source = source.map(|placed| placed.state.read_placement());
                Body::Prepare(Prepare { migration, closed_through: epoch, source, keep: None })
            }
            1 => Body::Seal(Seal { migration, through: epoch, target: Incarnation(1) }),
            2 => Body::Evidence(EvidenceQuery { migration, epoch, at_least: Position::ZERO }),
            3 => Body::Watermark(WatermarkQuery { migration, epoch }),
            4 => Body::End(End { migration, epoch }),
            _ => Body::Drop(DropCopy { copy: migration, sealed_through: None }),
        };
        let _ = self.ask(&Request { store, partition: PartitionId(partition), body });
    }

    /// One round of a controller, or of its successor. Returns the proposed commands in order.
    pub fn drive(&mut self, partition: u64, took_over: bool, wait_over: bool) -> Vec<Command> {
        let Some(record) = self.record(partition) else { return Vec::new() };
        let at = usize::try_from(partition).unwrap();
        let mut todo = vec![if took_over { Event::TookOver } else { Event::Observed }];
        if took_over {
            let policy = *self.controllers[at].policy();
            self.controllers[at] = Controller::new(policy);
            self.timers[at].clear();
        }
        let budget = Timer::BlockedBudget { migration: record.migration };
        let mut proposed = Vec::new();
        while let Some(event) = todo.pop() {
            for output in self.controllers[at].handle(&record, &event) {
                match output {
                    Output::Send(request) => {
                        let blocks = matches!(request.body, Body::Seal(seal) if seal.migration == record.migration && seal.through == record.epoch);
                        assert!(
                            !blocks || self.timers[at].contains(&budget),
                            "blocks writes without a budget"
                        );
                        todo.extend(self.ask(&request).into_iter().map(Event::Replied));
                    }
                    Output::Propose(command) => proposed.push(command),
                    Output::SetTimer(timer) => {
                        self.timers[at].insert(timer);
                        if wait_over && matches!(timer, Timer::Barrier { .. }) {
                            todo.push(Event::TimerFired(timer));
                        }
                    }
                }
            }
        }
        let overdue = Timer::Overdue { migration: record.migration };
        assert!(
            !record.may_block() || self.timers[at].contains(&budget) || self.timers[at].contains(&overdue),
            "writes may be blocked in {record:?}, without a budget"
        );
        proposed
    }

    pub fn write(&mut self, partition: u64, at: Placement, id: WriteId, behind: u64) {
        let epoch = self.record(partition).map_or(1, |record| record.epoch.0);
        let write = Write { id, token: Epoch(epoch.saturating_sub(behind)), mutation: put(id) };
        let said = self.store(partition, at).write(write);
        self.said.extend(replies(&said));
    }

    /// The mover moves the next part of a copy, or tells the target why there is none.
    pub fn copy(&mut self, partition: u64) {
        let Some(record) = self.record(partition) else { return };
        let Some(PartitionState::Migrating { from, to, .. }) = record.placed.map(|placed| placed.state)
        else {
            return;
        };
        let migration = record.migration;
        let fence = &self.store(partition, to).fence;
        let Some(copy) = fence.durable().copy().filter(|_| fence.durable().newest() == migration) else {
            return;
        };
        let (after, position) = (copy.frontier().clone(), copy.position());
        let export = Export { migration, after, position, limit: 2 };
        let source = self.store(partition, from);
        let mut said = replies(&source.ask(Body::Export(export)));
        if let Some(chunk) = source.handed.clone() {
            let body = Body::Chunk(chunk);
            said.extend(self.ask(&Request { store: to, partition: record.partition, body }));
        }
        if let Some(why) = said.iter().find_map(stuck) {
            let _ = self.store(partition, to).step(&Input::Stuck { migration, why });
        }
    }

    pub fn trim(&mut self, partition: u64, at: Placement, left: u64) {
        let store = self.store(partition, at);
        let Some(copy) = store.fence.durable().copy() else { return };
        let through = copy.position().minus(left);
        let _ = store.step(&Input::Trim { through });
    }

    pub fn wipe(&mut self, partition: u64, at: Placement) {
        let record = self.record(partition);
        let (epoch, migration) =
            record.map_or((Epoch(1), MigrationId(1)), |record| (record.epoch, record.migration));
        self.store(partition, at).wipe(epoch, migration);
    }
}

/// Why a copy cannot go on, by what its mover was told.
fn stuck(reply: &Reply) -> Option<Stuck> {
    let Reply::Refused { refusal, .. } = reply else { return None };
    let gone = matches!(refusal, Refusal::UnknownPartition { .. } | Refusal::Incomplete { .. });
    let found = [
        (matches!(refusal, Refusal::Trimmed { .. }), Stuck::Trimmed),
        (matches!(refusal, Refusal::OtherSource { .. }), Stuck::OtherSource),
        (gone, Stuck::NoSource),
    ];
    found.into_iter().find(|(is, _)| *is).map(|(_, why)| why)
}
