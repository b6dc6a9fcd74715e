//! Makes histories of correct registers, of any length, and damages them.

use super::super::laws::dice;
use cutover::core::invariant::history::registers::{Call, Event, Outcome, Registers, Value, What};
use std::collections::BTreeMap;

/// The size of a history, and what is in it.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    pub processes: u64,
    pub keys: u64,
    pub operations: usize,
    /// The number of values; 0: each is written once.
    pub values: i64,
    /// Percentages of the operations: reads, compare-and-swaps, deletes. The others are writes.
    pub reads: u64,
    pub cas: u64,
    pub deletes: u64,
    /// Per thousand of the operations whose outcome is not known.
    pub unknown: u64,
}

impl Shape {
    pub const fn plain(processes: u64, keys: u64, operations: usize) -> Self {
        Self { processes, keys, operations, values: 0, reads: 50, cas: 10, deletes: 5, unknown: 20 }
    }
}

struct Flying {
    key: u64,
    call: Call,
    outcome: Option<Outcome>,
}

struct Maker<'a> {
    shape: Shape,
    state: BTreeMap<u64, Value>,
    written: i64,
    roll: &'a mut dyn FnMut(u64) -> u64,
}

/// A history of correct registers. Each operation takes effect at a moment between its events, or never, or, if its outcome
/// is not known, at any moment after its invocation.
pub fn history(shape: Shape, seed: u64) -> Registers {
    let mut roll = dice(seed);
    let mut make = Maker { shape, state: BTreeMap::new(), written: 0, roll: &mut roll };
    let mut history = Registers::new();
    let mut flying: BTreeMap<u64, Flying> = BTreeMap::new();
    let mut adrift: Vec<Flying> = Vec::new();
    let mut begun = 0;
    while begun < shape.operations || !flying.is_empty() {
        let process = (make.roll)(shape.processes);
        match flying.remove(&process) {
            None if begun < shape.operations => {
                let one = make.ask();
                history.invoke(process, &key(one.key), one.call.clone()).unwrap();
                flying.insert(process, one);
                begun += 1;
            }
            None => {}
            Some(mut one) if one.outcome.is_none() => {
                if (make.roll)(1000) < shape.unknown {
                    history.info(process).unwrap();
                    adrift.push(one);
                } else {
                    one.outcome = Some(make.outcome(&one));
                    flying.insert(process, one);
                }
            }
            Some(one) => history.complete(process, one.outcome.unwrap()).unwrap(),
        }
        if !adrift.is_empty() && (make.roll)(20) == 0 {
            let which = (make.roll)(u64::try_from(adrift.len()).unwrap());
            let one = adrift.swap_remove(usize::try_from(which).unwrap());
            make.outcome(&one);
        }
    }
    history
}

fn key(number: u64) -> String {
    format!("k{number}")
}

impl Maker<'_> {
    fn ask(&mut self) -> Flying {
        let key = (self.roll)(self.shape.keys);
        let kind = (self.roll)(100);
        let Shape { reads, cas, deletes, .. } = self.shape;
        let call = match kind {
            _ if kind < reads => Call::Read,
            _ if kind < reads + cas => {
                let held = self.state.get(&key).cloned().unwrap_or(Value::Nothing);
                let expected = if (self.roll)(3) == 0 { self.value() } else { held };
                Call::Cas { expected, new: self.value() }
            }
            _ if kind < reads + cas + deletes => Call::Write(Value::Nothing),
            _ => Call::Write(self.value()),
        };
        Flying { key, call, outcome: None }
    }

    fn value(&mut self) -> Value {
        if self.shape.values == 0 {
            self.written += 1;
            return Value::Number(self.written);
        }
        Value::Number(i64::try_from((self.roll)(u64::try_from(self.shape.values).unwrap())).unwrap())
    }

    /// Takes effect now.
    fn outcome(&mut self, one: &Flying) -> Outcome {
        let state = self.state.entry(one.key).or_insert(Value::Nothing);
        match &one.call {
            Call::Read => Outcome::Read(state.clone()),
            Call::Write(value) => {
                *state = value.clone();
                Outcome::Done
            }
            Call::Cas { expected, new } if expected == state => {
                *state = new.clone();
                Outcome::Done
            }
            Call::Cas { .. } if (self.roll)(2) == 0 => Outcome::Failed,
            Call::Cas { .. } => Outcome::Refused,
        }
    }
}

/// The history of these events.
pub fn replayed(events: &[Event]) -> Registers {
    let mut history = Registers::new();
    for event in events {
        match &event.what {
            What::Invoked => history.invoke(event.process, &event.key, event.call.clone()).unwrap(),
            What::Ended(outcome) => history.complete(event.process, outcome.clone()).unwrap(),
        }
    }
    history
}

/// A bug that a store of registers may have.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Damage {
    /// An acknowledged write is lost: afterwards the register holds what it held before.
    LostWrite,
    /// A read returns what was overwritten before it began.
    StaleRead,
    /// A write takes effect a second time, after another one.
    DuplicateEffect,
    /// What was deleted is there again.
    ResurrectedDelete,
}

impl Damage {
    pub const ALL: [Self; 4] =
        [Self::LostWrite, Self::StaleRead, Self::DuplicateEffect, Self::ResurrectedDelete];
}

/// Damages a history of one key in the middle: one process alone does there what shows the bug. The other operations there have ended.
pub fn damaged(history: &Registers, damage: Damage) -> Registers {
    let events = history.events();
    let mut open = 0_i32;
    let quiet = |at: &usize| {
        open += if matches!(events[*at].what, What::Invoked) { 1 } else { -1 };
        open == 0 && *at >= events.len() / 2
    };
    let middle = (0..events.len()).find(quiet).map_or(events.len(), |at| at + 1);
    let mut bad = replayed(&events[..middle]);
    let mut say = |call: Call, outcome: Outcome| {
        bad.invoke(999, &key(0), call).unwrap();
        bad.complete(999, outcome).unwrap();
    };
    let (old, new) = (Value::from("old"), Value::from("new"));
    say(Call::Write(old.clone()), Outcome::Done);
    say(Call::Read, Outcome::Read(old.clone()));
    match damage {
        Damage::LostWrite => {
            say(Call::Write(new), Outcome::Done);
            say(Call::Cas { expected: old, new: Value::from("after") }, Outcome::Done);
        }
        Damage::StaleRead => {
            say(Call::Write(new), Outcome::Done);
            say(Call::Read, Outcome::Read(old));
        }
        Damage::DuplicateEffect => {
            say(Call::Write(new.clone()), Outcome::Done);
            say(Call::Read, Outcome::Read(new));
            say(Call::Read, Outcome::Read(old));
        }
        Damage::ResurrectedDelete => {
            say(Call::Write(Value::Nothing), Outcome::Done);
            say(Call::Read, Outcome::Read(Value::Nothing));
            say(Call::Read, Outcome::Read(old));
        }
    }
    for event in &events[middle..] {
        match &event.what {
            What::Invoked => bad.invoke(event.process, &event.key, event.call.clone()).unwrap(),
            What::Ended(outcome) => bad.complete(event.process, outcome.clone()).unwrap(),
        }
    }
    bad
}
