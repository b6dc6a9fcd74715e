//! Explains why a history is not linearizable, by the first answer that no order explains together with all earlier answers.
//!
//! If a history is linearizable, so is each of its prefixes in time, with the later answers still open. So binary search finds the
//! first answer that makes a prefix fail, and the prefix before it has an order that can be shown.

use super::operation::Operation;
use super::revisions::Clash;
use super::search::{Ended, Placed, Search};
use super::verdict::{Failure, LINES_MAX, Line, Role};
use crate::core::ids::PartitionId;
use crate::core::migration::PartitionRecord;
use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;

/// How many operations at the end of the order are shown in an explanation.
const TAIL: usize = 8;

/// An order of the operations before the first answer that no order explains.
struct Before {
    order: Vec<Placed>,
    /// The record after each of the last operations.
    records: Vec<String>,
}

/// The failure for a partition whose operations have no order.
pub(super) fn no_order(
    partition: PartitionId,
    begins_with: Option<&PartitionRecord>,
    own: &[(usize, &Operation)],
    operations: &[Operation],
    budget: u64,
) -> Failure {
    let mut ends: Vec<(u64, usize)> =
        own.iter().filter_map(|(at, operation)| Some((operation.completed?, *at))).collect();
    ends.retain(|(_, at)| operations.get(*at).is_some_and(Operation::is_answered));
    ends.sort_unstable();
    let (mut fits, mut fails) = (0, ends.len());
    let mut before = Before { order: Vec::new(), records: Vec::new() };
    while fails - fits > 1 {
        let middle = usize::midpoint(fits, fails);
        if let Some(found) =
            order_of(partition, begins_with, own, ends.get(..middle).unwrap_or_default(), budget)
        {
            (fits, before) = (middle, found);
        } else {
            fails = middle;
        }
    }
    let stuck = ends.get(fits).map_or(usize::MAX, |(_, at)| *at);
    let against = match before.order.last().and_then(|(at, _)| operations.get(*at)) {
        Some(last) => format!(
            "every earlier answer ({fits}) has its place in an order that ends with c{} {last}; the record is {} \
             then, and nothing that overlaps leads on to that answer",
            last.client,
            before.records.last().map_or("none", String::as_str)
        ),
        None => "no answer came before it, and no record is there yet".to_owned(),
    };
    let lines = lines(own, &before, stuck);
    Failure { partition, found: shown(operations, stuck), against, lines }
}

fn lines(own: &[(usize, &Operation)], before: &Before, stuck: usize) -> Vec<Line> {
    let tail = before.order.len().saturating_sub(before.records.len());
    let mut lines: Vec<Line> = before
        .order
        .iter()
        .skip(tail)
        .zip(&before.records)
        .map(|((operation, _), record)| Line {
            operation: *operation,
            role: Role::Placed,
            state: Some(record.clone()),
        })
        .collect();
    lines.push(Line { operation: stuck, role: Role::Stuck, state: None });
    let Some((_, end)) = own.iter().find(|(at, _)| *at == stuck) else { return lines };
    let mut placed: Vec<usize> = before.order.iter().map(|(at, _)| *at).collect();
    placed.sort_unstable();
    // Reads change nothing, so they do not help.
    let open = own.iter().filter(|(at, operation)| {
        let overlaps = end.completed.is_none_or(|completed| operation.invoked <= completed)
            && operation.completed.is_none_or(|completed| completed >= end.invoked);
        overlaps && *at != stuck && operation.may_change() && placed.binary_search(at).is_err()
    });
    lines.extend(open.map(|(at, _)| Line { operation: *at, role: Role::Open, state: None }));
    lines.truncate(LINES_MAX);
    lines
}

/// An order of the operations invoked before the last of these answers, as if no other answers had come yet. `None` if there is
/// none, or the budget is used up.
fn order_of(
    partition: PartitionId,
    begins_with: Option<&PartitionRecord>,
    own: &[(usize, &Operation)],
    ends: &[(u64, usize)],
    budget: u64,
) -> Option<Before> {
    let now = ends.last()?.0;
    let mut come: Vec<usize> = ends.iter().map(|(_, at)| *at).collect();
    come.sort_unstable();
    let mut known: Vec<(usize, Operation)> = Vec::new();
    for (at, operation) in own.iter().filter(|(_, operation)| operation.invoked <= now) {
        if come.binary_search(at).is_ok() {
            known.push((*at, (*operation).clone()));
        } else if operation.may_change() {
            known.push((*at, operation.unanswered()));
        }
    }
    let known: Vec<(usize, &Operation)> = known.iter().map(|(at, operation)| (*at, operation)).collect();
    let mut search = Search::of(partition, &known, begins_with);
    if search.run(budget).0 != Ended::Found {
        return None;
    }
    let order = search.order().to_vec();
    let tail = order.len().saturating_sub(TAIL);
    let records = order.iter().skip(tail).map(|(_, state)| search.record(*state)).collect();
    Some(Before { order, records })
}

/// The failure for two reads whose revisions contradict each other.
pub(super) fn revisions(operations: &[Operation], clash: &Clash) -> Failure {
    let bare = |operation: usize, role| Line { operation, role, state: None };
    let partition = operations.get(clash.second).map_or(PartitionId(0), |operation| operation.partition);
    Failure {
        partition,
        found: shown(operations, clash.second),
        against: format!("{}: {}", shown(operations, clash.first), clash.why),
        lines: vec![bare(clash.first, Role::Placed), bare(clash.second, Role::Stuck)],
    }
}

fn shown(operations: &[Operation], at: usize) -> String {
    let Some(operation) = operations.get(at) else { return String::new() };
    let Operation { client, invoked, partition, .. } = operation;
    let completed = operation.completed.map_or_else(|| "never".to_owned(), |time| time.to_string());
    format!("c{client} {partition} {operation} (asked {invoked}, answered {completed})")
}
