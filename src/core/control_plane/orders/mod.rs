//! What operators have ordered of moves, and how they ended: how a move is to go, which stores are to be drained, whether moves are paused,
//! when a former source drops its copy, and why the last move was aborted.
//!
//! Nothing here is safety. The table alone decides which transition is allowed, and it knows no order: an order that is lost, or that
//! reaches a controller late, moves a partition earlier or later, and never wrongly (ADR 0044).

mod change;
mod refusal;

pub use change::{Drain, MoveOrder, OrderChange, OrderOf};
pub use refusal::OrderRefusal;

use super::Stores;
use crate::core::ids::{Epoch, MigrationId, PartitionId, Placement};
use crate::core::map::PersistentMap;
use crate::core::migration::{AbortReason, Expected, PartitionRecord, PlacementTable, Policy, Transition};
use crate::core::placement::{Guarantee, PartitionState};
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};

/// An order as the log has it.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct Ordered {
    /// The move that it is of.
    pub of: OrderOf,
    /// How it is to go.
    pub order: MoveOrder,
}

/// A move that was aborted, the last one of its partition.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct Aborted {
    /// The move.
    pub migration: MigrationId,
    /// Where it was to go.
    pub to: Placement,
    /// The epoch of the partition after it.
    pub epoch: Epoch,
    /// Why.
    pub why: AbortReason,
}

/// A copy of a former source that is to be dropped without another word of an operator.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct Retirement {
    /// The store that has the copy.
    pub placement: Placement,
    /// The migration or creation that made it.
    pub copy: MigrationId,
    /// How long it is kept after the flip, in seconds.
    pub keep_s: u32,
    /// When it is dropped, in seconds of the Unix epoch, by the clock of the leader that first saw the flip. `None`: none has yet.
    pub at_s: Option<u64>,
}

/// What operators have ordered, and how moves ended.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default, Serialize, Deserialize)]
pub struct Orders {
    paused: bool,
    orders: PersistentMap<PartitionId, Ordered>,
    drains: PersistentMap<Placement, Drain>,
    retirements: PersistentMap<PartitionId, Vec<Retirement>>,
    aborted: PersistentMap<PartitionId, Aborted>,
}

impl Orders {
    /// Whether moves are paused: copies go on, and no write is blocked for one.
    #[must_use]
    pub const fn paused(&self) -> bool {
        self.paused
    }

    /// The order of a partition's move, be it in flight, over, or yet to begin.
    #[must_use]
    pub fn ordered(&self, partition: PartitionId) -> Option<&Ordered> {
        self.orders.get(&partition)
    }

    /// The stores that are to be drained, by number.
    pub fn drains(&self) -> impl Iterator<Item = (Placement, &Drain)> {
        self.drains.iter().map(|(from, drain)| (*from, drain))
    }

    /// The copies that are to be dropped by themselves.
    pub fn retirements(&self) -> impl Iterator<Item = (PartitionId, Retirement)> {
        self.retirements.iter().flat_map(|(partition, all)| all.iter().map(|one| (*partition, *one)))
    }

    /// The copies of a partition that are to be dropped by themselves.
    #[must_use]
    pub fn retirements_of(&self, partition: PartitionId) -> &[Retirement] {
        self.retirements.get(&partition).map_or(&[], Vec::as_slice)
    }

    /// Why the last move of a partition was aborted; `None` if it was not, or if another one has begun since.
    #[must_use]
    pub fn aborted(&self, partition: PartitionId) -> Option<&Aborted> {
        self.aborted.get(&partition)
    }

    /// How the move in flight is to go: as ordered for it, else as ordered for the drain that it belongs to.
    #[must_use]
    pub fn order_of(&self, record: &PartitionRecord) -> Option<&MoveOrder> {
        let own = self.ordered(record.partition).filter(|own| own.of == OrderOf::Move(record.migration));
        let (from, to) = ends(record)?;
        let drained = self.drains.get(&from).filter(|drain| drain.to == to);
        own.map(|own| &own.order).or_else(|| drained.map(|drain| &drain.order))
    }

    /// The policy by which a controller drives the move in flight, for a leader with this one. The budget of a `timed` move is longer than
    /// its wait, whatever is ordered: it could not complete.
    #[must_use]
    pub fn policy_of(&self, record: &PartitionRecord, leaders: Policy) -> Policy {
        let order = self.order_of(record);
        let timed = record.placed.is_some_and(|placed| placed.guarantee == Guarantee::Timed);
        let long_enough = |budget: &u32| !timed || u64::from(*budget) > leaders.barrier_ms();
        let budget = order.and_then(|order| order.blocked_budget_ms).filter(long_enough);
        Policy {
            hold: leaders.hold || self.paused || order.is_some_and(|order| order.hold),
            blocked_budget_ms: budget.map_or(leaders.blocked_budget_ms, u64::from),
            ..leaders
        }
    }

    /// Applies a change.
    ///
    /// # Errors
    /// [`OrderRefusal`], with nothing changed.
    pub fn apply(
        &mut self,
        change: &OrderChange,
        table: &PlacementTable,
        stores: &Stores,
    ) -> Result<(), OrderRefusal> {
        match change {
            OrderChange::Order { partition, of, order } => {
                let record = table.record(*partition);
                let record = record.ok_or(OrderRefusal::UnknownPartition { partition: *partition })?;
                match *of {
                    OrderOf::Next { expected, to } => {
                        check_state(record, expected)?;
                        check_store(stores, to)?;
                    }
                    OrderOf::Move(migration) => check_moving(record, migration)?,
                }
                self.orders.insert(*partition, Ordered { of: *of, order: order.clone() });
            }
            OrderChange::Drain { from, drain } => {
                check_store(stores, *from)?;
                check_store(stores, drain.to)?;
                if *from == drain.to || self.drains.get(&drain.to).is_some() {
                    return Err(OrderRefusal::DrainedItself { store: drain.to });
                }
                self.drains.insert(*from, drain.clone());
            }
            OrderChange::EndDrain { from } => {
                self.drains.remove(from).ok_or(OrderRefusal::NotDrained { store: *from })?;
            }
            OrderChange::Pause { paused } => self.paused = *paused,
            OrderChange::RetireAt { partition, copy, at_s } => {
                let unknown = OrderRefusal::NotRetired { partition: *partition, copy: *copy };
                let mut all = self.retirements.get(partition).cloned().ok_or(unknown)?;
                let one = all.iter_mut().find(|one| one.copy == *copy).ok_or(unknown)?;
                one.at_s = Some(*at_s);
                self.retirements.insert(*partition, all);
            }
        }
        Ok(())
    }

    /// Takes note of a transition that was applied, with the record before and after it; `None`: there was none, or is none any more.
    pub(super) fn note(
        &mut self,
        partition: PartitionId,
        transition: &Transition,
        before: Option<&PartitionRecord>,
        after: Option<&PartitionRecord>,
    ) {
        let Some(after) = after else {
            self.orders.remove(&partition);
            self.aborted.remove(&partition);
            self.retirements.remove(&partition);
            return;
        };
        match transition {
            Transition::Begin { expected, to } => self.begun(after, *expected, *to),
            Transition::Abort { why, .. } => {
                let flight = before.and_then(|before| Some((before.migration, ends(before)?)));
                if let Some((migration, (_, to))) = flight {
                    let aborted = Aborted { migration, to, epoch: after.epoch, why: *why };
                    self.aborted.insert(partition, aborted);
                }
            }
            Transition::Complete { .. } | Transition::Force { .. } => self.moved(before, after),
            Transition::Create { .. }
            | Transition::Open { .. }
            | Transition::EnterCutover { .. }
            | Transition::EnterTimedCutover { .. }
            | Transition::RecordWatermark { .. }
            | Transition::Settle { .. }
            | Transition::RetireCopy { .. }
            | Transition::ForgetCopy { .. }
            | Transition::Delete { .. }
            | Transition::WriteOff { .. }
            | Transition::Release { .. }
            | Transition::StartBlock { .. } => {}
        }
        self.keep_for(after);
    }

    /// A move has begun: it goes as was ordered for it.
    fn begun(&mut self, after: &PartitionRecord, expected: Expected, to: Placement) {
        let ordered =
            self.orders.get(&after.partition).filter(|one| one.of == OrderOf::Next { expected, to });
        if let Some(ordered) = ordered.cloned() {
            let of = OrderOf::Move(after.migration);
            self.orders.insert(after.partition, Ordered { of, ..ordered });
        }
    }

    /// The partition has moved: if its source's copy is to be kept for a time, that time begins.
    fn moved(&mut self, before: Option<&PartitionRecord>, after: &PartitionRecord) {
        let Some((before, placed)) = before.and_then(|before| Some((before, before.placed?))) else { return };
        let Some(keep_s) = self.order_of(before).and_then(|order| order.keep_source_s) else { return };
        let (placement, copy) = (placed.state.read_placement(), placed.copy);
        let mut all = self.retirements.get(&after.partition).cloned().unwrap_or_default();
        all.push(Retirement { placement, copy, keep_s, at_s: None });
        self.retirements.insert(after.partition, all);
    }

    /// Forgets what is not of this record any more: an order of another move or state, a retirement of a copy that is gone, and the abort
    /// before the move in flight.
    fn keep_for(&mut self, record: &PartitionRecord) {
        let partition = record.partition;
        let is_void = |ordered: &Ordered| match ordered.of {
            OrderOf::Next { expected, .. } => expected != record.expected(),
            OrderOf::Move(migration) => migration != record.migration,
        };
        if self.orders.get(&partition).is_some_and(is_void) {
            self.orders.remove(&partition);
        }
        if ends(record).is_some() && self.aborted.contains_key(&partition) {
            self.aborted.remove(&partition);
        }
        let Some(all) = self.retirements.get(&partition) else { return };
        let has = |one: &&Retirement| record.old_copies.iter().any(|old| old.copy == one.copy);
        let left: Vec<Retirement> = all.iter().filter(has).copied().collect();
        if left.is_empty() {
            self.retirements.remove(&partition);
        } else if left.len() < all.len() {
            self.retirements.insert(partition, left);
        }
    }

    /// A store is gone: nothing is drained from it or to it.
    pub(super) fn without(&mut self, store: Placement) {
        let of = |(from, drain): (&Placement, &Drain)| (*from == store || drain.to == store).then_some(*from);
        for from in self.drains.iter().filter_map(of).collect::<Vec<_>>() {
            self.drains.remove(&from);
        }
    }

    /// The orders of a cluster that was restored or recovered: nothing moves by itself until an operator has looked.
    pub(super) fn recovered(&mut self) {
        self.paused = true;
        self.orders = PersistentMap::new();
        self.retirements = PersistentMap::new();
    }
}

/// Where a move comes from and goes to; `None`: the partition does not move.
fn ends(record: &PartitionRecord) -> Option<(Placement, Placement)> {
    match record.placed?.state {
        PartitionState::Migrating { from, to, .. } => Some((from, to)),
        PartitionState::Active(_) => None,
    }
}

fn check_state(record: &PartitionRecord, expected: Expected) -> Result<(), OrderRefusal> {
    let found = record.expected();
    if found == expected {
        return Ok(());
    }
    Err(OrderRefusal::OtherState { partition: record.partition, found, expected })
}

fn check_moving(record: &PartitionRecord, migration: MigrationId) -> Result<(), OrderRefusal> {
    let partition = record.partition;
    let moves = record.placed.is_some_and(|placed| placed.state.is_migrating());
    match record.migration {
        found if !moves => Err(OrderRefusal::NotMoving { partition, last: found }),
        found if found != migration => Err(OrderRefusal::OtherMove { partition, found, expected: migration }),
        _ => Ok(()),
    }
}

fn check_store(stores: &Stores, store: Placement) -> Result<(), OrderRefusal> {
    stores.get(store).map(|_| ()).ok_or(OrderRefusal::UnknownStore { store })
}
