//! Orders among the commands: the table answers as if there were none, and what is left of them is of the records as they are.

use super::choose::Choice;
use super::stores;
use cutover::core::control_plane::{ControlPlaneState, Drain, MoveOrder, OrderChange, OrderOf};
use cutover::core::ids::{MigrationId, PartitionId, Placement};

fn order(choice: &mut Choice<'_>) -> MoveOrder {
    MoveOrder {
        hold: choice.dice.percent(30),
        blocked_budget_ms: choice.dice.percent(30).then_some(500),
        bytes_per_second: choice.dice.percent(20).then_some(1 << 20),
        keep_source_s: choice.dice.percent(60).then_some(10),
        reason: None,
    }
}

/// An order that fits, mostly.
pub fn change(choice: &mut Choice<'_>) -> OrderChange {
    let store = |choice: &mut Choice<'_>| stores::any_of(choice.dice, choice.stores);
    match choice.dice.below(100) {
        0..50 => {
            let partition = choice.partition();
            let record = choice.table.record(partition);
            let seen = record.map(|record| record.expected());
            let moves =
                record.and_then(|record| record.placed).is_some_and(|placed| placed.state.is_migrating());
            let seen = match seen {
                Some(seen) if choice.dice.percent(90) => seen,
                Some(_) | None => choice.any_past(),
            };
            let of = if moves != choice.dice.percent(10) {
                OrderOf::Move(seen.migration)
            } else {
                OrderOf::Next { expected: seen, to: store(choice) }
            };
            OrderChange::Order { partition, of, order: order(choice) }
        }
        50..68 => OrderChange::Drain {
            from: store(choice),
            drain: Drain { to: store(choice), order: order(choice) },
        },
        68..80 => {
            let drained: Vec<Placement> = choice.orders.drains().map(|(from, _)| from).collect();
            let any = drained.is_empty() || choice.dice.percent(30);
            OrderChange::EndDrain { from: if any { store(choice) } else { choice.dice.one_of(&drained) } }
        }
        80..84 => OrderChange::Pause { paused: choice.dice.percent(50) },
        _ => {
            let all: Vec<(PartitionId, MigrationId)> =
                choice.orders.retirements().map(|(partition, one)| (partition, one.copy)).collect();
            let known = !all.is_empty() && choice.dice.percent(90);
            let (partition, copy) =
                if known { choice.dice.one_of(&all) } else { (PartitionId(1), MigrationId(1)) };
            OrderChange::RetireAt { partition, copy, at_s: choice.dice.below(100) }
        }
    }
}

pub const fn kind(change: &OrderChange) -> &'static str {
    match change {
        OrderChange::Order { of: OrderOf::Next { .. }, .. } => "order the next move",
        OrderChange::Order { of: OrderOf::Move(_), .. } => "order a move in flight",
        OrderChange::Drain { .. } => "drain a store",
        OrderChange::EndDrain { .. } => "end a drain",
        OrderChange::Pause { .. } => "pause or resume",
        OrderChange::RetireAt { .. } => "say when a copy is dropped",
    }
}

/// What is ordered is of the records as they are: each order of the move in flight or the last one, or of the next; each retirement of a copy that
/// the record has; each abort of a partition that does not move; each drain between known stores, and none to one that is drained.
pub fn fit(state: &ControlPlaneState) -> Result<(), String> {
    let orders = state.orders();
    let past = (0..64).map(PartitionId).filter(|partition| state.table().record(*partition).is_none());
    for partition in past {
        if orders.ordered(partition).is_some() || orders.aborted(partition).is_some() {
            return Err(format!("something is ordered of {partition}, which is gone"));
        }
    }
    for record in state.table().records() {
        let partition = record.partition;
        if let Some(ordered) = orders.ordered(partition) {
            let fits = match ordered.of {
                OrderOf::Next { expected, .. } => expected == record.expected(),
                OrderOf::Move(migration) => migration == record.migration,
            };
            if !fits {
                return Err(format!("{ordered:?} is ordered of {record:?}"));
            }
        }
        let moves = record.placed.is_some_and(|placed| placed.state.is_migrating());
        if let Some(aborted) = orders.aborted(partition).filter(|_| moves) {
            return Err(format!("{aborted:?} is told of a partition that moves: {record:?}"));
        }
    }
    for (partition, one) in orders.retirements() {
        let record = state.table().record(partition);
        if !record.is_some_and(|record| record.old_copies.iter().any(|old| old.copy == one.copy)) {
            return Err(format!("{one:?} is to be dropped of {record:?}"));
        }
    }
    for (from, drain) in orders.drains() {
        if orders.drains().any(|(other, _)| other == drain.to) && drain.to == from {
            return Err(format!("{from} is drained to itself"));
        }
        for store in [from, drain.to] {
            if state.stores().get(store).is_none() {
                return Err(format!("{from} is drained to {}, and {store} is not known", drain.to));
            }
        }
    }
    Ok(())
}
