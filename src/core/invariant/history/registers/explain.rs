//! Explains why a key's operations have no order, by the first answer that no order explains together with all earlier answers.
//!
//! If a history is linearizable, so is each of its prefixes in time, with the later answers still open. So binary search finds the
//! first answer that makes a prefix fail, and the prefix before it has an order that can be shown.

use super::super::verdict::{LINES_MAX, Line, Role};
use super::decide::Stuck;
use super::key::{FIRST, Key};
use super::op::Op;
use super::verdict::Failure;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// How many operations at the end of the order are shown in an explanation.
const TAIL: usize = 8;

/// The failure for a key whose operations have no order.
pub(super) fn failure(key: &Key, ops: &[Op], stuck: &Stuck) -> Failure {
    let name = key.name().into();
    let number = ops.get(stuck.at).map_or(usize::MAX, |op| op.number);
    let (order, fits) = (&stuck.order, stuck.answers);
    let states = states(key, ops, order);
    let against = match order.last().and_then(|at| key.operation(*at)) {
        Some(last) => format!(
            "every earlier answer ({fits}) has its place in an order that ends with p{} {last}; the register holds {} \
             then, and nothing that overlaps leads on to that answer",
            last.process(),
            states.last().map_or("null", String::as_str)
        ),
        None if fits > 0 => format!("every earlier answer ({fits}) has its place in an order"),
        None => "no answer came before it; the register holds null at first, and nothing that overlaps leads on to \
                 that answer"
            .into(),
    };
    let found = key
        .operation(number)
        .map_or_else(String::new, |found| format!("p{} {found} ({:?})", found.process(), key.name()));
    Failure { key: name, found, against, lines: lines(key, ops, stuck, &states) }
}

/// What the register holds after each operation of the order.
fn states(key: &Key, ops: &[Op], order: &[usize]) -> Vec<String> {
    let mut state = FIRST;
    let mut states = Vec::new();
    for number in order {
        let at = ops.binary_search_by_key(number, |op| op.number).ok();
        if let Some(written) = at.and_then(|at| ops.get(at)).and_then(|op| op.effect.writes()) {
            state = written;
        }
        states.push(key.value(state).to_string());
    }
    states
}

fn lines(key: &Key, ops: &[Op], stuck: &Stuck, states: &[String]) -> Vec<Line> {
    let order = &stuck.order;
    let tail = order.len().saturating_sub(TAIL);
    let placed = order.iter().zip(states).skip(tail);
    let mut lines: Vec<Line> = placed
        .map(|(operation, state)| Line {
            operation: *operation,
            role: Role::Placed,
            state: Some(state.clone()),
        })
        .collect();
    let Some(end) = ops.get(stuck.at) else { return lines };
    lines.push(Line { operation: end.number, role: Role::Stuck, state: None });
    let mut placed = order.clone();
    placed.sort_unstable();
    // Reads change nothing, so they do not help.
    let open = ops.iter().filter(|op| {
        let overlaps =
            op.invoked <= stuck.time && op.completed.is_none_or(|completed| completed >= end.invoked);
        overlaps
            && op.number != end.number
            && op.effect.writes().is_some()
            && placed.binary_search(&op.number).is_err()
            && key.operation(op.number).is_some()
    });
    // Of the many that may have no end, the last ones.
    let open: Vec<usize> = open.map(|op| op.number).collect();
    let left = LINES_MAX.saturating_sub(lines.len());
    let shown = open.iter().skip(open.len().saturating_sub(left));
    lines.extend(shown.map(|operation| Line { operation: *operation, role: Role::Open, state: None }));
    lines
}
