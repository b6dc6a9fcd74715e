//! The operations of one key.

use super::op::{Effect, Number, Op, index, number};
use super::value::{Call, Outcome, Value};
use alloc::borrow::ToOwned;
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;

/// The operations of one key, in order of invocation.
#[derive(Clone, Debug)]
pub struct Key {
    pub(super) name: String,
    numbers: BTreeMap<Value, Number>,
    values: Vec<Value>,
    operations: Vec<Stored>,
}

#[derive(Clone, Debug)]
struct Stored {
    process: u64,
    call: Call<Number>,
    invoked: u64,
    ended: Option<(u64, Outcome<Number>)>,
}

/// The number of [`Value::Nothing`], which each register holds at first.
pub(super) const FIRST: Number = 0;

/// An operation of a key.
#[derive(Clone, Copy, Debug)]
pub struct Operation<'a> {
    key: &'a Key,
    stored: &'a Stored,
}

/// An event of a history: an operation is invoked, or ends.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Event {
    /// When it happened: a number that rises from event to event.
    pub time: u64,
    /// The process of the operation.
    pub process: u64,
    /// The key of the operation.
    pub key: String,
    /// The operation.
    pub call: Call,
    /// What happened.
    pub what: What,
}

/// What happens to an operation.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum What {
    /// It begins.
    Invoked,
    /// It ends.
    Ended(Outcome),
}

impl Key {
    pub(super) fn new(name: &str) -> Self {
        let numbers = BTreeMap::from([(Value::Nothing, FIRST)]);
        Self { name: name.to_owned(), numbers, values: vec![Value::Nothing], operations: Vec::new() }
    }

    /// The name of the key.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    fn number(&mut self, value: &Value) -> Number {
        if let Some(known) = self.numbers.get(value) {
            return *known;
        }
        let new = number(self.values.len());
        self.values.push(value.clone());
        self.numbers.insert(value.clone(), new);
        new
    }

    pub(super) fn value(&self, number: Number) -> Value {
        self.values.get(index(number)).cloned().unwrap_or(Value::Nothing)
    }

    pub(super) fn invoke(&mut self, process: u64, call: &Call, time: u64) -> usize {
        let call = call.map(|value| self.number(value));
        self.operations.push(Stored { process, call, invoked: time, ended: None });
        self.operations.len() - 1
    }

    pub(super) fn complete(&mut self, operation: usize, outcome: &Outcome, time: u64) {
        let outcome = outcome.map(|value| self.number(value));
        if let Some(stored) = self.operations.get_mut(operation) {
            stored.ended = Some((time, outcome));
        }
    }

    /// The number of operations.
    #[must_use]
    pub fn len(&self) -> usize {
        self.operations.len()
    }

    /// Whether there is no operation.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.operations.is_empty()
    }

    /// An operation, by its place in the order of invocation.
    #[must_use]
    pub fn operation(&self, at: usize) -> Option<Operation<'_>> {
        Some(Operation { key: self, stored: self.operations.get(at)? })
    }

    pub(super) fn answered(&self) -> usize {
        self.operations
            .iter()
            .filter(|op| op.ended.as_ref().is_some_and(|(_, ended)| ended.is_answer()))
            .count()
    }

    pub(super) fn unknown(&self) -> usize {
        let is_unknown = |op: &&Stored| {
            let ends = matches!(op.ended, None | Some((_, Outcome::Unknown)));
            ends && !matches!(op.call, Call::Read)
        };
        self.operations.iter().filter(is_unknown).count()
    }

    /// The events of the key, each operation's beside each other.
    pub(super) fn events(&self) -> impl Iterator<Item = Event> {
        self.operations.iter().flat_map(|stored| {
            let event = |time, what| Event {
                time,
                process: stored.process,
                key: self.name.clone(),
                call: stored.call.map(|value| self.value(*value)),
                what,
            };
            let end = |(time, outcome): &(u64, Outcome<Number>)| {
                event(*time, What::Ended(outcome.map(|value| self.value(*value))))
            };
            [Some(event(stored.invoked, What::Invoked)), stored.ended.as_ref().map(end)].into_iter().flatten()
        })
    }

    /// What the operations require and do. Those that say nothing and do nothing are left out.
    pub(super) fn ops(&self) -> Vec<Op> {
        let known = |(number, stored): (usize, &Stored)| {
            let (ended, outcome) = match stored.ended {
                Some((time, outcome)) => (Some(time), outcome),
                None => (None, Outcome::Unknown),
            };
            let (effect, completed) = match (stored.call, outcome) {
                (_, Outcome::Failed) | (Call::Read, Outcome::Unknown | Outcome::Done | Outcome::Refused) => {
                    return None;
                }
                (Call::Read, Outcome::Read(value)) => (Effect::Read(value), ended),
                (Call::Cas { expected, .. }, Outcome::Refused) => (Effect::Not(expected), ended),
                // It changes nothing.
                (Call::Cas { expected, new }, Outcome::Unknown) if expected == new => return None,
                (Call::Cas { expected, new }, Outcome::Done | Outcome::Read(_)) if expected == new => {
                    (Effect::Read(expected), ended)
                }
                (Call::Write(value), Outcome::Unknown) => (Effect::Write(value), None),
                (Call::Cas { expected, new }, Outcome::Unknown) => (Effect::Cas(expected, new), None),
                (Call::Write(value), Outcome::Done | Outcome::Read(_) | Outcome::Refused) => {
                    (Effect::Write(value), ended)
                }
                (Call::Cas { expected, new }, Outcome::Done | Outcome::Read(_)) => {
                    (Effect::Cas(expected, new), ended)
                }
            };
            Some(Op { number, effect, invoked: stored.invoked, completed })
        };
        self.operations.iter().enumerate().filter_map(known).collect()
    }
}

impl Operation<'_> {
    /// The process of the operation.
    #[must_use]
    pub const fn process(&self) -> u64 {
        self.stored.process
    }

    /// What was asked.
    #[must_use]
    pub fn call(&self) -> Call {
        self.stored.call.map(|value| self.key.value(*value))
    }

    /// How it ended; `None` if it did not.
    #[must_use]
    pub fn outcome(&self) -> Option<Outcome> {
        let (_, outcome) = self.stored.ended.as_ref()?;
        Some(outcome.map(|value| self.key.value(*value)))
    }

    /// The times of its events: the number of its invocation among all events of the history, from 1, and that of its end.
    #[must_use]
    pub fn times(&self) -> (u64, Option<u64>) {
        (self.stored.invoked, self.stored.ended.as_ref().map(|(time, _)| *time))
    }

    /// The key.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key.name
    }

    pub(super) fn call_text(&self) -> String {
        format!("{} of {:?}", self.call(), self.key.name)
    }
}

impl core::fmt::Display for Operation<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let outcome = self.outcome().map_or_else(|| "no answer".to_owned(), |outcome| outcome.to_string());
        write!(f, "{}: {outcome}", self.call())
    }
}
