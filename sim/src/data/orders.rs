//! What the operator orders of moves: how one is to go, that a held one goes on, that all are paused or resumed, that a store is drained.
//! The leader does the rest.

use super::operator::Mover;
use crate::event_log::lock;
use crate::host::Hosts;
use crate::stream::Stream;
use cutover::client::{Client, ClientError};
use cutover::core::control_plane::{Drain, MoveOrder, OrderChange, OrderOf};
use cutover::core::ids::{MigrationId, PartitionId, Placement};
use cutover::core::migration::{Expected, Reason};
use cutover::node::proto::{PartitionSelector, v1};

/// How a move is to go.
fn how(chance: &mut Stream, budget_ms: u64) -> MoveOrder {
    let budget_ms = u32::try_from(budget_ms).ok();
    MoveOrder {
        hold: chance.below(3) == 0,
        blocked_budget_ms: chance.pick(&[None, None, budget_ms, Some(200)]).flatten(),
        bytes_per_second: chance.pick(&[None, None, Some(2_000)]).flatten(),
        keep_source_s: chance.pick(&[None, Some(0), Some(2)]).flatten(),
        reason: Reason::try_from("there is room".to_owned()).ok().filter(|_| chance.below(2) == 0),
    }
}

const fn counter(change: &OrderChange, done: bool) -> &'static str {
    match change {
        _ if !done => "orders not done",
        OrderChange::Order { order: MoveOrder { hold: true, .. }, .. } => "moves ordered to hold",
        OrderChange::Order { of: OrderOf::Next { .. }, .. } => "moves ordered to go",
        OrderChange::Order { .. } => "holds released",
        OrderChange::Drain { .. } => "drains ordered",
        OrderChange::EndDrain { .. } => "drains cancelled",
        OrderChange::Pause { paused: true } => "pauses of all moves",
        OrderChange::Pause { paused: false } => "pauses ended",
        OrderChange::RetireAt { .. } => "retirements",
    }
}

impl Mover {
    /// Orders something, and says so.
    pub(super) async fn order(&self, change: OrderChange) -> Result<(), ClientError> {
        let done = self.client.order(&change).await;
        let log = &self.hosts.event_log;
        log.note("mover", 0, "orders", &[u64::from(done.is_ok())], || format!("{change}: {done:?}"));
        log.count("operator", counter(&change, done.is_ok()));
        done
    }

    /// Before a move is begun, says how it is to go. Between the two another one may begin: then this order is void.
    pub(super) async fn order_next(&mut self, partition: PartitionId, expected: Expected, to: Placement) {
        lock(&self.hosts.judge).asks_to_begin(partition, expected);
        if self.hosts.options.data.orders && self.ordering.below(4) > 0 {
            let order = how(&mut self.ordering, self.hosts.options.data.budget_ms);
            // Without an answer, the move begins nevertheless.
            let _done =
                self.order(OrderChange::Order { partition, of: OrderOf::Next { expected, to }, order }).await;
        }
    }

    /// Orders something of all moves, or of this partition's, now and then.
    pub(super) async fn order_now_and_then(&mut self, partition: PartitionId) {
        if !self.hosts.options.data.orders {
            return;
        }
        let luck = self.ordering.below(100);
        let Ok(now) = self.client.moves(Some(PartitionSelector::Id(partition)), None).await else { return };
        let change = match luck {
            0..30 if now.paused => Some(OrderChange::Pause { paused: false }),
            0..5 => Some(OrderChange::Pause { paused: true }),
            5..12 => self.drain(&now),
            30..70 => self.of_the_move(&now),
            _ => None,
        };
        if let Some(change) = change {
            let _done = self.order(change).await;
        }
    }

    /// Has a store drained, or ends that.
    fn drain(&mut self, now: &v1::MovesResponse) -> Option<OrderChange> {
        if let Some(drained) = now.drains.first()
            && self.ordering.below(2) == 0
        {
            let from = Placement(drained.from);
            lock(&self.hosts.judge).asks_to_end_the_drain(from);
            return Some(OrderChange::EndDrain { from });
        }
        let mut stores: Vec<Placement> = self.hosts.options.data.placements().collect();
        let from = self.ordering.pick(&stores)?;
        stores.retain(|store| *store != from);
        let to = self.ordering.pick(&stores)?;
        let order = how(&mut self.ordering, self.hosts.options.data.budget_ms);
        Some(OrderChange::Drain { from, drain: Drain { to, order } })
    }

    /// Lets a held move go on, or holds one that is under way.
    fn of_the_move(&mut self, now: &v1::MovesResponse) -> Option<OrderChange> {
        let found = now.moves.first()?;
        let record = found.record.as_ref()?;
        record.placed.as_ref()?.to?;
        let before = MoveOrder::try_from(Some(found.order.clone().unwrap_or_default())).ok()?;
        if !before.hold && self.ordering.below(4) > 0 {
            return None;
        }
        let of = OrderOf::Move(MigrationId(record.migration));
        let order = MoveOrder { hold: !before.hold, ..before };
        Some(OrderChange::Order { partition: PartitionId(record.partition), of, order })
    }
}

/// Lets everything go on that operators have held back. Returns the stores that are still drained.
pub(super) async fn lift(hosts: &Hosts, client: &Client) -> Vec<Placement> {
    let (changes, drained) = {
        let judge = lock(&hosts.judge);
        let state = judge.table().state();
        let (orders, mut changes) = (state.orders(), Vec::new());
        if orders.paused() {
            changes.push(OrderChange::Pause { paused: false });
        }
        for record in state.table().records() {
            if let Some(order) = orders.order_of(record).filter(|order| order.hold) {
                let (of, order) =
                    (OrderOf::Move(record.migration), MoveOrder { hold: false, ..order.clone() });
                changes.push(OrderChange::Order { partition: record.partition, of, order });
            }
        }
        for (from, drain) in orders.drains().filter(|(_, drain)| drain.order.hold) {
            let order = MoveOrder { hold: false, ..drain.order.clone() };
            changes.push(OrderChange::Drain { from, drain: Drain { to: drain.to, order } });
        }
        (changes, orders.drains().map(|(from, _)| from).collect())
    };
    for change in changes {
        // What is refused is ordered again by what the log has then.
        let _done = client.order(&change).await;
    }
    drained
}
