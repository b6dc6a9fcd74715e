//! Decides whether a key's operations have an order.
//!
//! A history that has an order mostly shows it at once: the search hardly ever takes a choice back. One that has none is another
//! matter, since every choice up to the contradiction would have to be taken back. So, if the search does not end soon, the first
//! answer is looked for that it cannot place soon. What contradicts that answer is mostly near it, and needs only the *window* of the
//! operations before: their register holds any value at first, and what was open at the window's beginning may take effect in it or not. If
//! the window has no order, the history has none:
//!
//! What ended before the window began comes, in any order, before all of the window. Take what the register holds after it: the order
//! goes on with the operations of the window, and with some of those that were open when it began.
//!
//! If no window shows it, the search takes its time, and what it cannot place then is looked at in the same way.

use super::key::FIRST;
use super::op::Op;
use super::search::{Ended, Search, Start};
use alloc::vec::Vec;

/// What a search may take for each operation, to end *soon*, and besides.
const EACH: u64 = 1;
const BESIDES: u64 = 4_000;
/// What the search of a window may take.
const WINDOW: u64 = 200_000;
/// The operations of the first window, each of which is four times the one before, and those that none has.
const NARROW: usize = 4;
const WIDEST: usize = 5_000;
/// How many answers are held against the windows before them.
const NEAR: usize = 4;
/// How much more than *soon* the second search may take.
const LATER: u64 = 16;

/// Whether operations have an order.
pub(super) enum Decided {
    Order,
    NoOrder {
        /// All answers before this time have an order.
        reached: u64,
        /// If it was found by the way, the first answer that has no place.
        stuck: Option<Stuck>,
    },
    Budget,
}

/// The first answer that no order explains together with all earlier answers.
pub(super) struct Stuck {
    /// The operation's place among all.
    pub(super) at: usize,
    /// When the answer came.
    pub(super) time: u64,
    /// An order of what was known before, in numbers of operations.
    pub(super) order: Vec<usize>,
    /// How many answers came before.
    pub(super) answers: usize,
}

/// Decides about operations in order of invocation. The searches may visit `left` configurations, and those of parts of the history some
/// more.
pub(super) fn decide(ops: &[Op], left: &mut u64) -> Decided {
    let window = WINDOW.min(*left);
    let soon = soon(ops);
    for most in [soon, soon.saturating_mul(LATER), u64::MAX] {
        let (ended, reached) = search(ops, left, most);
        match ended {
            Ended::Found => return Decided::Order,
            Ended::Nothing => return Decided::NoOrder { reached, stuck: None },
            Ended::Budget => {}
        }
        let mut near = near(ops, reached, most, window);
        if near.is_none() && most == soon {
            near = stuck(ops, reached).filter(|stuck| window_fails(&known_at(ops, stuck.time), window));
        }
        if near.is_some() {
            return Decided::NoOrder { reached, stuck: near };
        }
        if *left == 0 {
            break;
        }
    }
    Decided::Budget
}

/// The first answer from `reached` on that contradicts a window before it, if it is one of a few.
fn near(ops: &[Op], reached: u64, most: u64, window: u64) -> Option<Stuck> {
    let ends = ends(ops);
    let fits = ends.partition_point(|(time, _)| *time < reached);
    let mut next = (fits..).zip(ends.iter().skip(fits).take(NEAR));
    let (answers, (time, at)) = next.find(|(_, (time, _))| window_fails(&known_at(ops, *time), window))?;
    let order = order_of(ops, &ends, answers, most);
    let answers = if order.is_some() { answers } else { fits };
    Some(Stuck { at: *at, time: *time, order: order.unwrap_or_default(), answers })
}

/// The answers in order of time, each with the place of its operation.
fn ends(ops: &[Op]) -> Vec<(u64, usize)> {
    let mut ends: Vec<(u64, usize)> =
        ops.iter().enumerate().filter_map(|(at, op)| Some((op.completed?, at))).collect();
    ends.sort_unstable();
    ends
}

/// An order of what was known when so many answers had come, if it is found with so many configurations.
fn order_of(ops: &[Op], ends: &[(u64, usize)], answers: usize, mut most: u64) -> Option<Vec<usize>> {
    let known = known_at(ops, ends.get(answers.checked_sub(1)?)?.0);
    let mut search = Search::new(&known, Start::At(FIRST));
    (search.run(&mut most) == Ended::Found).then(|| search.order().to_vec())
}

fn soon(ops: &[Op]) -> u64 {
    let operations = u64::try_from(ops.len()).unwrap_or(u64::MAX);
    operations.saturating_mul(EACH).saturating_add(BESIDES)
}

/// Also returns a time before which all answers have an order.
fn search(ops: &[Op], left: &mut u64, most: u64) -> (Ended, u64) {
    let mut budget = most.min(*left);
    let before = budget;
    let mut search = Search::new(ops, Start::At(FIRST));
    let ended = search.run(&mut budget);
    *left -= before - budget;
    (ended, search.reached())
}

/// The first answer that a search cannot place soon. All answers before `reached` have an order.
pub(super) fn stuck(ops: &[Op], reached: u64) -> Option<Stuck> {
    let ends = ends(ops);
    let order_of = |answers: usize| order_of(ops, &ends, answers, soon(ops));
    let mut fits = ends.partition_point(|(time, _)| *time < reached).min(ends.len().saturating_sub(1));
    let mut fails = ends.len();
    let mut order = None;
    // It is mostly the next one.
    let (mut step, mut leaps) = (1, true);
    while fails - fits > 1 {
        let middle = if leaps { (fits + step).min(fails - 1) } else { usize::midpoint(fits, fails) };
        match order_of(middle) {
            Some(found) => (fits, order, step) = (middle, Some(found), step * 2),
            None => (fails, leaps) = (middle, false),
        }
    }
    let order = order.or_else(|| order_of(fits)).unwrap_or_default();
    let (time, at) = *ends.get(fails.checked_sub(1)?)?;
    Some(Stuck { at, time, order, answers: fits })
}

/// The operations as they were known at a time: those invoked by then, with the answers that had come.
pub(super) fn known_at(ops: &[Op], time: u64) -> Vec<Op> {
    let known = ops.iter().filter(|op| op.invoked <= time);
    let known = known.map(|op| Op { completed: op.completed.filter(|completed| *completed <= time), ..*op });
    known.collect()
}

/// Whether some last operations have no order, whatever came before.
fn window_fails(ops: &[Op], most: u64) -> bool {
    let mut wide = NARROW;
    while wide < ops.len().min(WIDEST) {
        let (before, window) = ops.split_at(ops.len() - wide);
        let begins = window.first().map_or(0, |op| op.invoked);
        let open = before.iter().filter(|op| {
            op.effect.writes().is_some() && op.completed.is_none_or(|completed| completed > begins)
        });
        let open = open.map(|op| Op { invoked: begins, completed: None, ..*op });
        let known: Vec<Op> = open.chain(window.iter().copied()).collect();
        let mut left = most;
        match Search::new(&known, Start::Anywhere).run(&mut left) {
            Ended::Nothing => return true,
            Ended::Budget => return false,
            Ended::Found => wide = wide.saturating_mul(4),
        }
    }
    false
}
