//! A table, the stores that it speaks of, and everything these have ever stated: what commands are made of.

use super::some::{placement, replies, write_id};
use super::store::{SMALL, Store, config};
use cutover::fence::{
    Body, Config, DropCopy, Enforcement, EvidenceQuery, Input, Prepare, Reply, Request, Seal, WatermarkQuery,
    Write,
};
use cutover::ids::{Epoch, Incarnation, MigrationId, PartitionId, Placement, Position, WriteId};
use cutover::migration::{
    Caps, Command, Controller, Event, Expected, Operator, Output, PartitionRecord, PlacementTable, Policy,
    Reason, Settlement, Timer, Transition,
};
use cutover::placement::{Guarantee, PartitionState};
use proptest::prelude::*;
use proptest::sample::Index;

pub const PARTITIONS: u32 = 3;
pub const PLACEMENTS: u16 = 3;

/// Bounds small enough to be met.
pub const CAPS: Caps =
    Caps { migrations_per_placement: 1, migrations_overall: 2, partitions: 2, old_copies_per_partition: 2 };

/// Which transition is proposed; what it names is picked when it is.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    Create(Placement, Guarantee),
    Open,
    Begin(Placement),
    EnterCutover,
    EnterTimedCutover,
    RecordWatermark,
    Complete,
    Abort,
    Force,
    SettleSealed,
    SettleClosed,
    Retire,
    Forget,
    Delete,
}

/// One thing that happens.
#[derive(Clone, Debug)]
pub enum Happening {
    /// A command is committed. It names the present record, or an earlier state; its statement is any of that kind.
    Commit { partition: u32, kind: Kind, stale: Option<Index>, said: Index, last: bool },
    /// A store is asked what the present record, or an earlier state, calls for.
    Ask { partition: u32, store: Placement, what: u8, stale: Option<Index> },
    /// A controller takes its steps from the record until it has to wait; all that it sends arrives.
    Drive { partition: u32, wait_over: bool },
    /// A client's write reaches a store with a token near the present epoch.
    Write { partition: u32, store: Placement, id: WriteId, behind: u64 },
    /// The mover copies as much as it can.
    Copy { partition: u32 },
    /// A store comes back empty.
    Wipe { partition: u32, store: Placement },
    /// The log was restored.
    Floor { epoch: u64, migration: u64 },
}

/// Anything that may happen.
pub fn happening() -> impl Strategy<Value = Happening> {
    let partition = || 0..PARTITIONS;
    let stale = || prop::option::weighted(0.15, any::<Index>());
    let kind = prop_oneof![
        4 => (placement(PLACEMENTS), super::some::guarantee()).prop_map(|(at, kind)| Kind::Create(at, kind)),
        1 => Just(Kind::Open),
        5 => placement(PLACEMENTS).prop_map(Kind::Begin),
        2 => Just(Kind::EnterCutover),
        1 => Just(Kind::EnterTimedCutover),
        1 => Just(Kind::RecordWatermark),
        2 => Just(Kind::Complete),
        2 => Just(Kind::Abort),
        2 => Just(Kind::Force),
        1 => Just(Kind::SettleSealed),
        2 => Just(Kind::SettleClosed),
        2 => Just(Kind::Retire),
        1 => Just(Kind::Forget),
        1 => Just(Kind::Delete),
    ];
    prop_oneof![
        10 => (partition(), kind, stale(), any::<Index>(), prop::bool::weighted(0.8)).prop_map(
            |(partition, kind, stale, said, last)| Happening::Commit { partition, kind, stale, said, last }
        ),
        4 => (partition(), placement(PLACEMENTS), 0_u8..5, stale()).prop_map(|(partition, store, what, stale)| {
            Happening::Ask { partition, store, what, stale }
        }),
        6 => (partition(), any::<bool>())
            .prop_map(|(partition, wait_over)| Happening::Drive { partition, wait_over }),
        3 => (partition(), placement(PLACEMENTS), write_id(2, 9), 0_u64..3).prop_map(
            |(partition, store, id, behind)| Happening::Write { partition, store, id, behind }
        ),
        3 => partition().prop_map(|partition| Happening::Copy { partition }),
        1 => (partition(), placement(PLACEMENTS))
            .prop_map(|(partition, store)| Happening::Wipe { partition, store }),
        1 => (0_u64..60, 0_u64..30).prop_map(|(epoch, migration)| Happening::Floor { epoch, migration }),
    ]
}

/// Everything there is.
pub struct World {
    pub table: PlacementTable,
    stores: Vec<Store>,
    controllers: Vec<Controller>,
    /// All replies ever given, by any store, in order.
    pub said: Vec<Reply>,
    /// Every state that some command could have named.
    named: Vec<Expected>,
}

impl World {
    pub fn new(caps: Caps) -> Self {
        let policy = Policy { lag_writes_max: None, ..Policy::PRODUCTION };
        let store = |partition, at: u16| {
            // The last store cannot refuse a write by its token.
            let kind = if at + 1 == PLACEMENTS { Enforcement::Nothing } else { Enforcement::Tokens };
            let base = config(Placement(at), PartitionId(partition), kind, SMALL);
            Store::new(Config { incarnation: Incarnation(1 + u64::from(at)), ..base })
        };
        Self {
            table: PlacementTable::new(caps),
            stores: (0..PARTITIONS).flat_map(|p| (0..PLACEMENTS).map(move |at| store(p, at))).collect(),
            controllers: (0..PARTITIONS).map(|_| Controller::new(policy)).collect(),
            said: Vec::new(),
            named: vec![Expected { migration: MigrationId(1), epoch: Epoch(1) }],
        }
    }

    pub fn record(&self, partition: u32) -> Option<PartitionRecord> {
        self.table.record(PartitionId(partition)).cloned()
    }

    fn store(&mut self, partition: u32, at: Placement) -> &mut Store {
        let (each, at) = (usize::from(PLACEMENTS), usize::from(at.0));
        &mut self.stores[usize::try_from(partition).unwrap() * each + at]
    }

    /// The state that a command names: the present one, or any that ever was, of any partition.
    fn expected(&mut self, partition: u32, stale: Option<Index>) -> Expected {
        let present = self.record(partition).map(|record| record.expected());
        self.named.extend(present);
        match (stale, present) {
            (None, Some(present)) => present,
            (stale, _) => stale.map_or(self.named[0], |index| *index.get(&self.named)),
        }
    }

    /// The command, if stores have stated what it needs.
    pub fn command(
        &mut self,
        partition: u32,
        kind: Kind,
        stale: Option<Index>,
        said: Index,
        last: bool,
    ) -> Option<Command> {
        let expected = self.expected(partition, stale);
        let record = self.record(partition);
        let debt = record.as_ref().and_then(|record| record.placed?.debt).map(|debt| debt.migration);
        let migration = debt.unwrap_or(expected.migration);
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
            Kind::Open => Transition::Open { expected, prepared: pick!(Prepared)? },
            Kind::Begin(to) => Transition::Begin { expected, to },
            Kind::EnterCutover => Transition::EnterCutover { expected, receipt: pick!(Sealed)? },
            Kind::EnterTimedCutover => Transition::EnterTimedCutover { expected, prepared: pick!(Prepared)? },
            Kind::RecordWatermark => Transition::RecordWatermark { expected, reading: pick!(Watermark)? },
            Kind::Complete => Transition::Complete { expected, evidence: pick!(Evidence)? },
            Kind::Abort => Transition::Abort { expected },
            Kind::Force => {
                let (operator, reason) =
                    (Operator::try_from("op".to_owned()), Reason::try_from("lost".to_owned()));
                let (operator, reason) = (operator.expect("short"), reason.expect("short"));
                Transition::Force { expected, prepared: pick!(Prepared)?, operator, reason }
            }
            Kind::SettleSealed => Transition::Settle { migration, proof: Settlement::Sealed(pick!(Sealed)?) },
            Kind::SettleClosed => {
                Transition::Settle { migration, proof: Settlement::Closed(pick!(Prepared)?) }
            }
            Kind::Retire => {
                let old = record.map(|record| record.old_copies).filter(|old| !old.is_empty());
                let old = old.map(|old| *said.get(&old));
                let (placement, copy) =
                    old.map_or((Placement(0), migration), |old| (old.placement, old.copy));
                Transition::RetireCopy { placement, copy }
            }
            Kind::Forget => Transition::ForgetCopy { dropped: pick!(Dropped)? },
            Kind::Delete => Transition::Delete { expected },
        };
        Some(Command { partition: PartitionId(partition), transition })
    }

    /// Lets a store answer, and keeps what it says.
    pub fn ask(&mut self, request: &Request) -> Vec<Reply> {
        let store = self.store(request.partition.0, request.store);
        let said = replies(&store.step(&Input::Request(request.clone())));
        self.said.extend(said.iter().cloned());
        said
    }

    /// What a controller or mover might ask of that store.
    pub fn ask_for(&mut self, partition: u32, store: Placement, what: u8, stale: Option<Index>) {
        let Expected { migration, epoch } = self.expected(partition, stale);
        let body = match what {
            0 => Body::Prepare(Prepare { migration, closed_through: epoch }),
            1 => Body::Seal(Seal { migration, through: epoch, target: Incarnation(1) }),
            2 => Body::Evidence(EvidenceQuery { migration, epoch, at_least: Position::ZERO }),
            3 => Body::Watermark(WatermarkQuery { migration, epoch }),
            _ => Body::Drop(DropCopy { copy: migration, sealed_through: None }),
        };
        let _ = self.ask(&Request { store, partition: PartitionId(partition), body });
    }

    /// One round of a controller: the commands that it proposes, in order.
    pub fn drive(&mut self, partition: u32, wait_over: bool) -> Vec<Command> {
        let Some(record) = self.record(partition) else { return Vec::new() };
        let at = usize::try_from(partition).unwrap();
        let mut todo = vec![Event::Observed];
        let mut proposed = Vec::new();
        while let Some(event) = todo.pop() {
            for output in self.controllers[at].handle(&record, &event) {
                match output {
                    Output::Send(request) => todo.extend(self.ask(&request).into_iter().map(Event::Replied)),
                    Output::Propose(command) => proposed.push(command),
                    Output::SetTimer(timer @ Timer::Barrier { .. }) if wait_over => {
                        todo.push(Event::TimerFired(timer));
                    }
                    Output::SetTimer(_) => {}
                }
            }
        }
        proposed
    }

    pub fn write(&mut self, partition: u32, at: Placement, id: WriteId, behind: u64) {
        let epoch = self.record(partition).map_or(1, |record| record.epoch.0);
        let said = self.store(partition, at).write(Write { id, token: Epoch(epoch.saturating_sub(behind)) });
        self.said.extend(replies(&said));
    }

    pub fn copy(&mut self, partition: u32) {
        let Some(record) = self.record(partition) else { return };
        let Some(PartitionState::Migrating { from, to, .. }) = record.placed.map(|placed| placed.state)
        else {
            return;
        };
        let reached = self.store(partition, to).data.len();
        let first = Position(u64::try_from(reached).unwrap() + 1);
        let export = cutover::fence::Export { migration: record.migration, first, count: 3 };
        let source = self.store(partition, from);
        let _ = source.ask(Body::Export(export));
        if let Some(chunk) = source.handed.clone() {
            let _ = self.ask(&Request { store: to, partition: record.partition, body: Body::Chunk(chunk) });
        }
    }

    pub fn wipe(&mut self, partition: u32, at: Placement) {
        let record = self.record(partition);
        let (epoch, migration) =
            record.map_or((Epoch(1), MigrationId(1)), |record| (record.epoch, record.migration));
        self.store(partition, at).wipe(epoch, migration);
    }
}
