//! The next input of a store: mostly one that fits, now and then one from before.

use super::chunks::damaged;
use super::dice::Dice;
use super::world::{Host, PARTITION};
use cutover::core::fence::{
    Body, Cell, Chunk, Copy, DropCopy, Durable, End, EvidenceQuery, Export, Frontier, Input, Key, Mutation,
    Output, Prepare, Read, Request, Seal, Stuck, Value, WatermarkQuery, Write,
};
use cutover::core::ids::{
    Epoch, Incarnation, MigrationId, PartitionId, Placement, Position, Serial, SessionId, WriteId,
};

/// Requests, and chunks, from before that may come again.
const PAST: usize = 24;

/// The keys of all rows.
const KEYS: [&str; 4] = ["", "a", "b", "cd"];
const VALUES: [&str; 4] = ["", "x", "y", "a long value"];

pub struct Requests {
    /// The newest epoch and migration.
    epoch: u64,
    migration: u64,
    /// The next number of each session.
    serials: Vec<u64>,
    past: Vec<Request>,
    /// Writes that were admitted somewhere.
    admitted: Vec<Write>,
    /// Chunks that were handed over.
    chunks: Vec<Chunk>,
}

pub fn key(dice: &mut Dice) -> Key {
    Key::try_from(dice.one_of(&KEYS).as_bytes()).expect("it is short")
}

fn value(dice: &mut Dice) -> Option<Value> {
    let value = dice.one_of(&VALUES);
    dice.percent(65).then(|| Value::try_from(value.as_bytes()).expect("it is short"))
}

fn small(number: u64) -> usize {
    usize::try_from(number).expect("it is small")
}

/// Of many, the newest.
fn push<T>(into: &mut Vec<T>, one: T) {
    into.push(one);
    let surplus = into.len().saturating_sub(PAST);
    into.drain(..surplus);
}

impl Requests {
    pub fn new() -> Self {
        Self {
            epoch: 1,
            migration: 1,
            serials: vec![1; 6],
            past: Vec::new(),
            admitted: Vec::new(),
            chunks: Vec::new(),
        }
    }

    pub const fn newest(&self) -> (u64, u64) {
        (self.epoch, self.migration)
    }

    pub fn heard(&mut self, outputs: &[Output]) {
        for output in outputs {
            if let Output::Admitted(write) = output {
                push(&mut self.admitted, write.clone());
            }
        }
    }

    pub fn hands(&mut self, chunk: Chunk) {
        push(&mut self.chunks, chunk);
    }

    /// The next input, and the store that gets it.
    pub fn next(&mut self, dice: &mut Dice, hosts: &[Host], at: usize) -> (usize, Input) {
        if dice.percent(35)
            && let Some((at, body)) = self.copying(dice, hosts)
        {
            let store = hosts[at].fence.config().store;
            let request = Request { store, partition: PARTITION, body };
            push(&mut self.past, request.clone());
            return (at, Input::Request(request));
        }
        (at, self.input(dice, hosts, at))
    }

    /// What a copy in the making needs next: the chunk that goes on, or an export by the store that it comes from.
    fn copying(&self, dice: &mut Dice, hosts: &[Host]) -> Option<(usize, Body)> {
        let open = |host: &Host| host.fence.durable().copy().is_some_and(|copy| !copy.finished());
        let targets: Vec<usize> = (0..hosts.len()).filter(|at| open(&hosts[*at])).collect();
        let at = *targets.get(small(dice.below(targets.len().max(1) as u64)))?;
        let target = hosts[at].fence.durable();
        if let Some(chunk) = self.fitting(target) {
            let chunk = chunk.clone();
            return Some((at, Body::Chunk(if dice.percent(12) { damaged(dice, chunk) } else { chunk })));
        }
        let from = (at + 1) % hosts.len();
        let copy = target.copy()?;
        if !has_more(hosts[from].fence.durable().copy()?, copy) && dice.percent(97) {
            return None;
        }
        Some((from, Body::Export(of_copy(dice, target.newest(), copy.frontier().clone(), copy.position()))))
    }

    /// The newest chunk that goes on where a copy is.
    fn fitting(&self, durable: &Durable) -> Option<&Chunk> {
        let copy = durable.copy()?;
        self.chunks.iter().rev().find(|chunk| {
            let first = chunk.after == Frontier::Nothing;
            let there = chunk.after == *copy.frontier() && (first || chunk.from == copy.position());
            let goes_on = chunk.through != chunk.after || chunk.position != copy.position();
            let by = copy.source().is_none_or(|source| source == chunk.source);
            chunk.migration == durable.newest() && there && goes_on && by
        })
    }

    fn input(&mut self, dice: &mut Dice, hosts: &[Host], at: usize) -> Input {
        let durable = hosts[at].fence.durable();
        if dice.percent(20) && !self.admitted.is_empty() {
            let waiting = hosts[at].fence.admitted();
            let known =
                if waiting.is_empty() || dice.percent(10) { self.admitted.as_slice() } else { waiting };
            return Input::Apply(known[small(dice.below(known.len() as u64))].clone());
        }
        if dice.percent(2) {
            let end = durable.copy().map_or(Position::ZERO, |copy| copy.position()).0;
            let through = end.saturating_sub(dice.below(6));
            return Input::Trim { through: Position(dice.near(through)) };
        }
        if dice.percent(1) {
            let why = dice.one_of(&[Stuck::Trimmed, Stuck::OtherSource, Stuck::NoSource]);
            return Input::Stuck { migration: MigrationId(dice.near(durable.newest().0)), why };
        }
        if dice.percent(12) && !self.past.is_empty() {
            let request = self.past[small(dice.below(self.past.len() as u64))].clone();
            let store = if dice.percent(50) { request.store } else { hosts[at].fence.config().store };
            return Input::Request(Request { store, ..request });
        }
        let body = self.body(dice, hosts, at);
        let config = hosts[at].fence.config();
        let store = if dice.percent(98) { config.store } else { Placement(dice.below(4)) };
        let partition = if dice.percent(98) { PARTITION } else { PartitionId(dice.below(4)) };
        let request = Request { store, partition, body };
        push(&mut self.past, request.clone());
        Input::Request(request)
    }

    fn body(&mut self, dice: &mut Dice, hosts: &[Host], at: usize) -> Body {
        let durable = hosts[at].fence.durable();
        let newest = durable.newest().0;
        let end = durable.copy().map_or(Position::ZERO, |copy| copy.position()).0;
        let lacks = durable.copy().is_none() && dice.percent(35);
        let (migration, epoch) = (MigrationId(dice.near(newest)), Epoch(dice.near(self.epoch)));
        match if lacks { 0 } else { dice.below(100) } {
            0..4 => self.prepare(dice, newest, lacks),
            4..8 => {
                let named = match durable.receipt() {
                    Some(receipt) if dice.percent(50) => receipt.migration().0,
                    Some(_) | None => dice.near(self.migration),
                };
                let (migration, through) = (MigrationId(named), epoch);
                Body::Seal(Seal { migration, through, target: Incarnation(1 + dice.below(3)) })
            }
            8..14 => {
                let at_least = Position(dice.near(end));
                Body::Evidence(EvidenceQuery { migration, epoch, at_least })
            }
            14..17 => Body::Watermark(WatermarkQuery { migration, epoch }),
            17..19 => {
                let more = dice.below(2);
                let sealed = dice.near(durable.sealed_through().0 + more);
                let sealed_through = dice.percent(50).then_some(Epoch(sealed));
                Body::Drop(DropCopy { copy: migration, sealed_through })
            }
            19..21 => Body::End(End { migration, epoch }),
            21..30 => Body::Export(export(dice, hosts)),
            30..44 => self.chunk(dice, hosts, at),
            44..52 => Body::Read(Read { token: self.token(dice, hosts, at), key: key(dice) }),
            _ => {
                let (id, token) = (self.id(dice), self.token(dice, hosts, at));
                Body::Write(Write { id, token, mutation: mutation(dice, &hosts[at]) })
            }
        }
    }

    fn prepare(&mut self, dice: &mut Dice, newest: u64, lacks: bool) -> Body {
        if lacks || dice.percent(60) {
            self.advance(dice);
        }
        let named = if dice.percent(70) { self.migration } else { dice.near(newest) };
        let source = dice.percent(75).then(|| dice.one_of(&[Placement(0), Placement(1), Placement(2)]));
        let (migration, closed_through) = (MigrationId(named), Epoch(dice.near(self.epoch)));
        let keep = dice.percent(55).then(|| MigrationId(dice.near(newest)));
        Body::Prepare(Prepare { migration, closed_through, source, keep })
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
            // Rarely of a copy in the making: the first write ends it.
            _ if durable.copy().is_some_and(|copy| !copy.finished()) && dice.percent(85) => {
                durable.closed_through()
            }
            _ => fences.next(),
        }
    }

    fn id(&mut self, dice: &mut Dice) -> WriteId {
        let session = if dice.percent(80) { dice.below(4) } else { dice.below(6) };
        let next = &mut self.serials[small(session)];
        let serial = if dice.percent(65) {
            *next += 1;
            *next - 1
        } else {
            next.saturating_sub(1 + dice.below(5)).max(1)
        };
        WriteId { session: SessionId(session + 1), serial: Serial(serial) }
    }

    /// A chunk that was handed over: mostly one that fits the copy, else any, late or again; now and then a damaged one.
    fn chunk(&mut self, dice: &mut Dice, hosts: &[Host], at: usize) -> Body {
        let durable = hosts[at].fence.durable();
        let fitting = self.fitting(durable).filter(|_| dice.percent(75));
        let any = || self.chunks.get(small(dice.below(self.chunks.len().max(1) as u64)));
        let Some(chunk) = fitting.or_else(any).cloned() else { return Body::Export(export(dice, hosts)) };
        Body::Chunk(if dice.percent(30) { damaged(dice, chunk) } else { chunk })
    }
}

/// What a store would ask for that makes a copy, or nearly that.
fn export(dice: &mut Dice, hosts: &[Host]) -> Export {
    let target = hosts[small(dice.below(3))].fence.durable();
    let (after, position) = target
        .copy()
        .map_or((Frontier::Nothing, Position::ZERO), |copy| (copy.frontier().clone(), copy.position()));
    let after = match dice.below(30) {
        0 => Frontier::Nothing,
        1 => Frontier::Through(key(dice)),
        2 => Frontier::Everything,
        _ => after,
    };
    let (migration, position) = (MigrationId(dice.near(target.newest().0)), Position(dice.near(position.0)));
    of_copy(dice, migration, after, position)
}

/// Whether a source has what a copy needs next.
fn has_more(source: &Copy, copy: &Copy) -> bool {
    let (complete, end) = (*source.frontier() == Frontier::Everything, source.position());
    let reaches = copy.position() <= end && copy.position() >= source.logged_after();
    let more = match copy.frontier() {
        Frontier::Nothing => true,
        Frontier::Through(_) => reaches,
        Frontier::Everything => reaches && copy.position() < end,
    };
    complete && more
}

fn of_copy(dice: &mut Dice, migration: MigrationId, after: Frontier, position: Position) -> Export {
    let limit = if dice.percent(60) { 1 + dice.below(3) } else { dice.below(6) };
    Export { migration, after, position, limit: u32::try_from(limit).expect("it is small") }
}

fn mutation(dice: &mut Dice, host: &Host) -> Mutation {
    let cell = |dice: &mut Dice| Cell { key: key(dice), value: value(dice) };
    let found = |key: &Key| host.contents.rows().get(key).map(|row| row.value.clone());
    let expects = |dice: &mut Dice| {
        let key = key(dice);
        let value = if dice.percent(70) { found(&key) } else { value(dice) };
        Cell { key, value }
    };
    match dice.below(10) {
        0..4 => {
            let Cell { key, value } = cell(dice);
            value.map_or_else(|| Mutation::delete(key.clone()), |value| Mutation::put(key.clone(), value))
        }
        4..7 => {
            let Cell { key, value: expected } = expects(dice);
            Mutation::cas(key, expected, value(dice))
        }
        _ => {
            let expects = dice.percent(40).then(|| expects(dice));
            let mut effects: Vec<Cell> = (0..=dice.below(3)).map(|_| cell(dice)).collect();
            effects.sort();
            effects.dedup_by(|one, other| one.key == other.key);
            Mutation::new(expects, effects).expect("it is small")
        }
    }
}
