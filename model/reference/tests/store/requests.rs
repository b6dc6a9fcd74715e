//! The next input of a store: mostly one that fits, now and then one from before.

use super::dice::Dice;
use super::world::{Host, PARTITION};
use cutover::core::fence::{
    Body, Chunk, DropCopy, EvidenceQuery, Export, Input, Output, Prepare, Read, Request, Seal,
    WatermarkQuery, Write,
};
use cutover::core::ids::{
    Epoch, Incarnation, MigrationId, PartitionId, Placement, Position, Serial, SessionId, WriteId,
};

/// Requests from before that may come again.
const PAST: usize = 24;

pub struct Requests {
    /// The newest epoch and migration.
    epoch: u64,
    migration: u64,
    /// The next number of each session.
    serials: Vec<u64>,
    past: Vec<Request>,
    /// Writes that were admitted somewhere.
    admitted: Vec<Write>,
}

impl Requests {
    pub fn new() -> Self {
        Self { epoch: 1, migration: 1, serials: vec![1; 6], past: Vec::new(), admitted: Vec::new() }
    }

    pub const fn newest(&self) -> (u64, u64) {
        (self.epoch, self.migration)
    }

    pub fn heard(&mut self, outputs: &[Output]) {
        for output in outputs {
            if let Output::Admitted(write) = output {
                self.admitted.push(*write);
                let surplus = self.admitted.len().saturating_sub(PAST);
                self.admitted.drain(..surplus);
            }
        }
    }

    pub fn input(&mut self, dice: &mut Dice, hosts: &[Host], at: usize) -> Input {
        if dice.percent(20) && !self.admitted.is_empty() {
            let waiting = hosts[at].fence.admitted();
            let write = if waiting.is_empty() || dice.percent(10) {
                dice.one_of(&self.admitted)
            } else {
                dice.one_of(waiting)
            };
            return Input::Apply(write);
        }
        if dice.percent(12) && !self.past.is_empty() {
            let past = dice.one_of(&(0..self.past.len() as u64).collect::<Vec<_>>());
            let request = self.past[usize::try_from(past).expect("it is small")].clone();
            let store = if dice.percent(50) { request.store } else { hosts[at].fence.config().store };
            return Input::Request(Request { store, ..request });
        }
        let body = self.body(dice, hosts, at);
        let config = hosts[at].fence.config();
        let store = if dice.percent(98) { config.store } else { Placement(dice.below(4)) };
        let partition = if dice.percent(98) { PARTITION } else { PartitionId(dice.below(4)) };
        let request = Request { store, partition, body };
        self.past.push(request.clone());
        let surplus = self.past.len().saturating_sub(PAST);
        self.past.drain(..surplus);
        Input::Request(request)
    }

    fn body(&mut self, dice: &mut Dice, hosts: &[Host], at: usize) -> Body {
        let durable = hosts[at].fence.durable();
        let newest = durable.newest().0;
        let end = durable.copy().map_or(Position::ZERO, |copy| copy.watermark()).0;
        let lacks = durable.copy().is_none() && dice.percent(35);
        match if lacks { 0 } else { dice.below(100) } {
            0..5 => {
                if lacks || dice.percent(60) {
                    self.advance(dice);
                }
                let named = if dice.percent(70) { self.migration } else { dice.near(newest) };
                let (migration, closed_through) = (MigrationId(named), Epoch(dice.near(self.epoch)));
                Body::Prepare(Prepare { migration, closed_through })
            }
            5..9 => {
                let named = match durable.receipt() {
                    Some(receipt) if dice.percent(50) => receipt.migration().0,
                    Some(_) | None => dice.near(self.migration),
                };
                let (migration, through) = (MigrationId(named), Epoch(dice.near(self.epoch)));
                Body::Seal(Seal { migration, through, target: Incarnation(1 + dice.below(3)) })
            }
            9..15 => {
                let (migration, epoch) = (MigrationId(dice.near(newest)), Epoch(dice.near(self.epoch)));
                Body::Evidence(EvidenceQuery { migration, epoch, at_least: Position(dice.near(end)) })
            }
            15..19 => {
                let (migration, epoch) = (MigrationId(dice.near(newest)), Epoch(dice.near(self.epoch)));
                Body::Watermark(WatermarkQuery { migration, epoch })
            }
            19..21 => {
                let more = dice.below(2);
                let sealed = dice.near(durable.sealed_through().0 + more);
                let sealed_through = dice.percent(50).then_some(Epoch(sealed));
                Body::Drop(DropCopy { copy: MigrationId(dice.near(newest)), sealed_through })
            }
            21..30 => {
                let first = Position(if dice.percent(80) { dice.below(end + 1) } else { dice.below(8) });
                Body::Export(Export {
                    migration: MigrationId(dice.near(newest)),
                    first,
                    count: dice.below(7),
                })
            }
            30..46 => Body::Chunk(self.chunk(dice, hosts, at)),
            46..56 => Body::Read(Read { token: self.token(dice, hosts, at) }),
            _ => Body::Write(Write { id: self.id(dice), token: self.token(dice, hosts, at) }),
        }
    }

    /// A later epoch, and often a later migration: both only grow.
    fn advance(&mut self, dice: &mut Dice) {
        self.epoch += 1 + dice.below(2);
        self.migration += dice.below(3);
    }

    fn token(&mut self, dice: &mut Dice, hosts: &[Host], at: usize) -> Epoch {
        let durable = hosts[at].fence.durable();
        let fences = durable.sealed_through().max(durable.closed_through());
        match dice.below(100) {
            0..8 => fences,
            8..12 => durable.closed_through().next(),
            12..20 => Epoch(dice.near(self.epoch)),
            20..22 => Epoch(dice.below(self.epoch + 1)),
            _ => fences.next(),
        }
    }

    fn id(&mut self, dice: &mut Dice) -> WriteId {
        let session = if dice.percent(80) { dice.below(4) } else { dice.below(6) };
        let next = &mut self.serials[usize::try_from(session).expect("it is small")];
        let serial = if dice.percent(65) {
            *next += 1;
            *next - 1
        } else {
            next.saturating_sub(1 + dice.below(5)).max(1)
        };
        WriteId { session: SessionId(session + 1), serial: Serial(serial) }
    }

    /// Writes of another store's copy, which is what a mover brings; or made up.
    fn chunk(&mut self, dice: &mut Dice, hosts: &[Host], at: usize) -> Chunk {
        let durable = hosts[at].fence.durable();
        let end = durable.copy().map_or(Position::ZERO, |copy| copy.watermark()).0;
        let from = &hosts[usize::try_from(dice.below(3)).expect("it is small")];
        let limit = u64::from(from.fence.config().limits.chunk_writes_max);
        let first = match dice.below(10) {
            0..6 => end + 1,
            6..8 => end.saturating_sub(dice.below(3)),
            8 => end + 2,
            _ => dice.below(6),
        };
        let count = dice.below(limit + 1) + u64::from(dice.percent(5));
        let writes: Vec<WriteId> = match &from.reference.store().state.copy {
            Some(copy) if dice.percent(70) => {
                let skipped = usize::try_from(first.saturating_sub(1)).expect("it is small");
                let count = usize::try_from(count).expect("it is small");
                copy.writes.iter().skip(skipped).take(count).copied().collect()
            }
            Some(_) | None => (0..count).map(|_| self.id(dice)).collect(),
        };
        let source = match durable.copy().and_then(|copy| copy.source()) {
            Some(source) if dice.percent(90) => source,
            Some(_) | None => Incarnation(1 + dice.below(3)),
        };
        let migration = MigrationId(dice.near(durable.newest().0));
        Chunk { migration, source, first: Position(first), writes }
    }
}
