//! Orders of moves: the longest ones, and any.

use cutover::core::control_plane::{Drain, MoveOrder, OrderChange, OrderOf};
use cutover::core::ids::{Epoch, MigrationId, PartitionId, Placement};
use cutover::core::migration::{Expected, Reason};
use proptest::prelude::*;

/// The longest order of each kind.
pub fn longest() -> [OrderChange; 6] {
    let reason = Reason::try_from("ä".repeat(128)).expect("as long as it may be");
    let order = MoveOrder {
        hold: true,
        blocked_budget_ms: Some(u32::MAX),
        bytes_per_second: Some(u64::MAX),
        keep_source_s: Some(u32::MAX),
        reason: Some(reason),
    };
    let (partition, store, migration) = (PartitionId(u64::MAX), Placement(u64::MAX), MigrationId(u64::MAX));
    let expected = Expected { migration, epoch: Epoch(u64::MAX) };
    [
        OrderChange::Order { partition, of: OrderOf::Next { expected, to: store }, order: order.clone() },
        OrderChange::Order { partition, of: OrderOf::Move(migration), order: order.clone() },
        OrderChange::Drain { from: store, drain: Drain { to: store, order } },
        OrderChange::EndDrain { from: store },
        OrderChange::Pause { paused: true },
        OrderChange::RetireAt { partition, copy: migration, at_s: u64::MAX },
    ]
}

fn order() -> impl Strategy<Value = MoveOrder> {
    let reason = prop::option::of("[a-zä ]{1,60}x");
    (any::<bool>(), any::<Option<u32>>(), any::<Option<u64>>(), any::<Option<u32>>(), reason).prop_map(
        |(hold, blocked_budget_ms, bytes_per_second, keep_source_s, reason)| MoveOrder {
            hold,
            blocked_budget_ms,
            bytes_per_second,
            keep_source_s,
            reason: reason.map(|text| Reason::try_from(text).expect("it is one")),
        },
    )
}

/// Any order.
pub fn any_change() -> impl Strategy<Value = OrderChange> {
    (0_u8..6, order(), any::<[u64; 4]>(), any::<bool>()).prop_map(|(kind, order, numbers, paused)| {
        let [partition, store, migration, epoch] = numbers;
        let (partition, store, migration) =
            (PartitionId(partition), Placement(store), MigrationId(migration));
        let expected = Expected { migration, epoch: Epoch(epoch) };
        match kind {
            0 => OrderChange::Order { partition, of: OrderOf::Next { expected, to: store }, order },
            1 => OrderChange::Order { partition, of: OrderOf::Move(migration), order },
            2 => OrderChange::Drain { from: store, drain: Drain { to: Placement(epoch), order } },
            3 => OrderChange::EndDrain { from: store },
            4 => OrderChange::Pause { paused },
            _ => OrderChange::RetireAt { partition, copy: migration, at_s: epoch },
        }
    })
}
