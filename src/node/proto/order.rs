//! Conversions of orders between protobuf messages and the types of the protocol.

use super::command::{Malformed, expected, need};
use super::v1::{self, order_request::Change};
use crate::core::control_plane::{Drain, MoveOrder, OrderChange, OrderOf};
use crate::core::ids::{MigrationId, PartitionId, Placement};
use crate::core::migration::Reason;

impl TryFrom<Option<v1::MoveOrder>> for MoveOrder {
    type Error = Malformed;

    fn try_from(wire: Option<v1::MoveOrder>) -> Result<Self, Malformed> {
        let v1::MoveOrder { hold, blocked_budget_ms, bytes_per_second, keep_source_s, reason } =
            need("order", wire)?;
        let reason = if reason.is_empty() { None } else { Some(Reason::try_from(reason)?) };
        Ok(Self { hold, blocked_budget_ms, bytes_per_second, keep_source_s, reason })
    }
}

impl From<&MoveOrder> for v1::MoveOrder {
    fn from(order: &MoveOrder) -> Self {
        let MoveOrder { hold, blocked_budget_ms, bytes_per_second, keep_source_s, reason } = order;
        Self {
            hold: *hold,
            blocked_budget_ms: *blocked_budget_ms,
            bytes_per_second: *bytes_per_second,
            keep_source_s: *keep_source_s,
            reason: reason.as_ref().map(|reason| reason.as_ref().to_owned()).unwrap_or_default(),
        }
    }
}

impl TryFrom<Change> for OrderChange {
    type Error = Malformed;

    fn try_from(wire: Change) -> Result<Self, Malformed> {
        Ok(match wire {
            Change::Next(next) => {
                let expected = expected(next.expected)?;
                let of = OrderOf::Next { expected, to: Placement(next.to) };
                Self::Order { partition: PartitionId(next.partition), of, order: next.order.try_into()? }
            }
            Change::Move(moved) => {
                let of = OrderOf::Move(MigrationId(moved.migration));
                Self::Order { partition: PartitionId(moved.partition), of, order: moved.order.try_into()? }
            }
            Change::Drain(drain) => {
                let of = Drain { to: Placement(drain.to), order: drain.order.try_into()? };
                Self::Drain { from: Placement(drain.from), drain: of }
            }
            Change::EndDrain(drain) => Self::EndDrain { from: Placement(drain.from) },
            Change::Pause(pause) => Self::Pause { paused: pause.paused },
        })
    }
}

impl TryFrom<&OrderChange> for Change {
    type Error = Malformed;

    /// A leader alone says when a copy is dropped.
    fn try_from(change: &OrderChange) -> Result<Self, Malformed> {
        Ok(match change {
            OrderChange::Order { partition, of: OrderOf::Next { expected, to }, order } => {
                Self::Next(v1::OrderNext {
                    partition: partition.0,
                    expected: Some((*expected).into()),
                    to: to.0,
                    order: Some(order.into()),
                })
            }
            OrderChange::Order { partition, of: OrderOf::Move(migration), order } => {
                Self::Move(v1::OrderMove {
                    partition: partition.0,
                    migration: migration.0,
                    order: Some(order.into()),
                })
            }
            OrderChange::Drain { from, drain: Drain { to, order } } => {
                Self::Drain(v1::OrderDrain { from: from.0, to: to.0, order: Some(order.into()) })
            }
            OrderChange::EndDrain { from } => Self::EndDrain(v1::EndDrain { from: from.0 }),
            OrderChange::Pause { paused } => Self::Pause(v1::PauseMoves { paused: *paused }),
            OrderChange::RetireAt { .. } => return Err(Malformed::Missing { field: "change" }),
        })
    }
}
