//! Finds a few operations of a key that have no order by themselves.
//!
//! An operation is left out only if every order of the history is one of the rest as well. So what is left contradicts itself, and it
//! does so in the whole history:
//! - A read or a refusal can always be left out.
//! - A write, if nothing that is left can have seen its value: what sees it ended before the write began, or began after another write
//!   that began after this one had ended.
//! - A compare-and-swap likewise; and in place of it, a write of its new value may be left.
//!
//! Without this rule, a read whose write is left out would be all that is left of any history. For the same reason, of the writes that
//! something may have seen by their value, the last is left, even if it was overwritten.

use super::Registers;
use super::decide::{Decided, decide, stuck};
use super::key::{FIRST, Key, What};
use super::op::{Effect, Number, Op};
use super::value::Call;
use alloc::collections::BTreeMap;
use alloc::vec;
use alloc::vec::Vec;

/// How many operations the searches may take up in all, before what is left then is as good as it gets.
const WORK: usize = 60_000_000;

impl Key {
    /// Operations of this key that have no order by themselves, if the key has none; as few as leaving one out at a time leads to. Each
    /// search may visit `budget` configurations.
    #[must_use]
    pub fn minimal(&self, budget: u64) -> Registers {
        let ops = self.ops();
        let mut left = budget;
        let stuck = match decide(&ops, &mut left) {
            Decided::NoOrder { reached, stuck: known } => known.or_else(|| stuck(&ops, reached)),
            Decided::Order | Decided::Budget => None,
        };
        let Some(stuck) = stuck else { return Registers::new() };
        let begun: Vec<Op> = ops.into_iter().filter(|op| op.invoked <= stuck.time).collect();
        let mut shrink = Shrink { budget, work: WORK };
        let kept = shrink.smallest(begun);
        self.only(&kept)
    }

    /// The history of these operations alone.
    fn only(&self, ops: &[Op]) -> Registers {
        let mut only = Registers::new();
        let mut events = Vec::new();
        for op in ops {
            let Some(operation) = self.operation(op.number) else { continue };
            let call = match (operation.call(), op.effect) {
                (Call::Cas { new, .. }, Effect::Write(_)) => Call::Write(new),
                (call, _) => call,
            };
            let (invoked, ended) = operation.times();
            events.push((invoked, operation.process(), call.clone(), What::Invoked));
            if let Some((time, outcome)) = ended.zip(operation.outcome()) {
                events.push((time, operation.process(), call, What::Ended(outcome)));
            }
        }
        events.sort_by_key(|(time, ..)| *time);
        for (_, process, call, what) in events {
            // The events of a part of a history are one.
            let _ = match what {
                What::Invoked => only.invoke(process, &self.name, call),
                What::Ended(outcome) => only.complete(process, outcome),
            };
        }
        only
    }
}

struct Shrink {
    budget: u64,
    /// How many operations searches may still take up.
    work: usize,
}

impl Shrink {
    fn smallest(&mut self, ops: Vec<Op>) -> Vec<Op> {
        let fewer = self.without(ops);
        let mut weaker = fewer.clone();
        for at in 0..weaker.len() {
            let mut one = weaker.clone();
            if let Some(op) = one.get_mut(at)
                && let Effect::Cas(_, new) = op.effect
            {
                op.effect = Effect::Write(new);
                if self.fails(&one) {
                    weaker = one;
                }
            }
        }
        let weaker = self.without(weaker);
        if weaker.len() < fewer.len() { weaker } else { fewer }
    }

    /// Leaves operations out, in ever smaller pieces, until none can be left out.
    fn without(&mut self, mut ops: Vec<Op>) -> Vec<Op> {
        let mut size = ops.len().div_ceil(2);
        while size > 0 && self.work > 0 {
            let before = ops.len();
            let mut from = 0;
            while from < ops.len() && self.work > 0 {
                let rest = rest_without(&ops, from, from + size);
                if rest.len() < ops.len() && self.fails(&rest) {
                    ops = rest;
                } else {
                    from += size;
                }
            }
            if size > 1 || ops.len() == before {
                size /= 2;
            }
        }
        ops
    }

    fn fails(&mut self, ops: &[Op]) -> bool {
        let Some(work) = self.work.checked_sub(ops.len() + 1) else {
            self.work = 0;
            return false;
        };
        self.work = work;
        let mut left = self.budget;
        matches!(decide(ops, &mut left), Decided::NoOrder { .. })
    }
}

/// The operations without those of a piece that can be left out.
fn rest_without(ops: &[Op], from: usize, to: usize) -> Vec<Op> {
    let overwritten = overwritten(ops);
    let written = written(ops);
    let mut out: Vec<bool> = (0..ops.len()).map(|at| (from..to).contains(&at)).collect();
    loop {
        let seers = Seers::of(ops.iter().zip(&out).filter(|(_, out)| !**out).map(|(op, _)| op));
        let mut back = false;
        for ((op, out), until) in ops.iter().zip(&mut out).zip(&overwritten) {
            if *out && op.effect.writes().is_some_and(|value| seers.may_see(value, op.invoked, *until)) {
                // It may see what others wrote, so these are asked again.
                (*out, back) = (false, true);
            }
        }
        for at in unexplained(ops, &out, &written) {
            out.get_mut(at).into_iter().for_each(|out| *out = false);
            back = true;
        }
        if !back {
            break;
        }
    }
    ops.iter().zip(&out).filter(|(_, out)| !**out).map(|(op, _)| *op).collect()
}

/// The places of the writes of each value, in order of invocation.
fn written(ops: &[Op]) -> BTreeMap<Number, Vec<usize>> {
    let mut written: BTreeMap<Number, Vec<usize>> = BTreeMap::new();
    for (at, op) in ops.iter().enumerate() {
        if let Some(value) = op.effect.writes() {
            written.entry(value).or_default().push(at);
        }
    }
    written
}

/// Of what is left out, the last write for each operation that is left and sees a value that nothing that is left can have written.
fn unexplained(ops: &[Op], out: &[bool], written: &BTreeMap<Number, Vec<usize>>) -> Vec<usize> {
    let is_out = |at: usize| out.get(at).copied().unwrap_or(false);
    let mut back = Vec::new();
    for (op, _) in ops.iter().zip(out).filter(|(_, out)| !**out) {
        let Some(value) = op.effect.sees().filter(|value| *value != FIRST) else { continue };
        let Some(writers) = written.get(&value) else { continue };
        let before = |at: &usize| {
            let invoked = ops.get(*at).map_or(u64::MAX, |writer| writer.invoked);
            op.completed.is_none_or(|end| invoked < end)
        };
        let able = writers.get(..writers.partition_point(before)).unwrap_or_default();
        if able.iter().all(|at| is_out(*at)) {
            back.extend(able.last());
        }
    }
    back
}

/// For each operation, the first end of a write that begins after the operation has ended: what begins later does not see this one.
fn overwritten(ops: &[Op]) -> Vec<u64> {
    let mut writes: Vec<(u64, u64)> = ops
        .iter()
        .filter(|op| op.effect.writes().is_some())
        .filter_map(|op| Some((op.invoked, op.completed?)))
        .collect();
    writes.sort_unstable();
    let mut first = u64::MAX;
    for (_, end) in writes.iter_mut().rev() {
        first = first.min(*end);
        *end = first;
    }
    let until = |op: &Op| {
        let next = writes.partition_point(|(invoked, _)| op.completed.is_none_or(|end| *invoked <= end));
        writes.get(next).map_or(u64::MAX, |(_, end)| *end)
    };
    ops.iter().map(until).collect()
}

/// Operations that see a value, in order of invocation, each with the last end of any up to there.
type Spans = Vec<(u64, u64)>;

/// The operations that see values.
struct Seers {
    by_value: BTreeMap<Number, Spans>,
    /// Refusals. They may rest on any value but one.
    refusals: Spans,
}

impl Seers {
    fn of<'a>(ops: impl Iterator<Item = &'a Op>) -> Self {
        let mut seers = Self { by_value: BTreeMap::new(), refusals: vec![] };
        for op in ops {
            let span = (op.invoked, op.completed.unwrap_or(u64::MAX));
            if let Effect::Not(_) = op.effect {
                seers.refusals.push(span);
            } else if let Some(value) = op.effect.sees() {
                seers.by_value.entry(value).or_default().push(span);
            }
        }
        for spans in seers.by_value.values_mut().chain([&mut seers.refusals]) {
            spans.sort_unstable();
            let mut last = 0;
            for (_, end) in spans {
                last = last.max(*end);
                *end = last;
            }
        }
        seers
    }

    /// Whether one of them may see a write of a value that was invoked at a time and is overwritten by another one.
    fn may_see(&self, value: Number, invoked: u64, overwritten: u64) -> bool {
        let some = |spans: &Spans| {
            let begun = spans.partition_point(|(begun, _)| *begun <= overwritten);
            begun.checked_sub(1).and_then(|at| spans.get(at)).is_some_and(|(_, end)| *end >= invoked)
        };
        self.by_value.get(&value).is_some_and(some) || some(&self.refusals)
    }
}
