//! Follows what is ordered of moves, from the entries of the log alone, and judges that leaders keep to it.
//!
//! An order that is committed while a leader proposes reaches it late, which is allowed. So only what was in force before the move began counts,
//! or before the record was as it is.

use super::{Judge, own};
use crate::data::has_data;
use cutover::core::control_plane::{Answer, ControlPlaneEntry, Drain, OrderChange, OrderOf};
use cutover::core::ids::{Index, MigrationId, PartitionId, Placement};
use cutover::core::migration::{Command, Expected, PartitionRecord, Transition};
use cutover::core::placement::PartitionState;
use cutover::core::raft::{Content, Effect as Applied, Entry};
use std::collections::{BTreeMap, BTreeSet};

/// What was ordered.
#[derive(Default)]
pub(super) struct Orders {
    /// Since which entry all moves are paused.
    paused: Option<Index>,
    /// The order of a partition's move, and whether it holds.
    orders: BTreeMap<PartitionId, (OrderOf, bool)>,
    /// Where stores are drained to, and whether these moves hold.
    drains: BTreeMap<Placement, (Placement, bool)>,
    /// When a store was drained for the first time. A late end of an earlier drain ends a later one, too.
    drained: BTreeMap<Placement, Index>,
    /// Stores whose drain has ended before.
    ended: BTreeSet<Placement>,
    /// The drains that an operator has ended.
    cancelled: BTreeSet<Placement>,
    /// Moves that hold since before they began.
    held: BTreeMap<PartitionId, MigrationId>,
    /// Moves that began since all were paused.
    paused_since: BTreeMap<PartitionId, MigrationId>,
    /// The entry that last changed a record.
    changed: BTreeMap<PartitionId, Index>,
    /// The moves that an operator has asked for.
    asked: BTreeSet<(PartitionId, Expected)>,
}

impl Orders {
    /// Whether a move is to hold: by its own order, else by that of the drain that it belongs to.
    fn holds(&self, record: &PartitionRecord) -> bool {
        let own = self.orders.get(&record.partition);
        let own = own.filter(|(of, _)| *of == OrderOf::Move(record.migration)).map(|(_, hold)| *hold);
        let Some(PartitionState::Migrating { from, to, .. }) = record.placed.map(|placed| placed.state)
        else {
            return false;
        };
        let drain = self.drains.get(&from).filter(|(goes, _)| *goes == to).map(|(_, hold)| *hold);
        own.or(drain).unwrap_or(false)
    }

    fn order(&mut self, at: Index, change: &OrderChange) {
        match change {
            OrderChange::Order { partition, of, order } => {
                self.orders.insert(*partition, (*of, order.hold));
            }
            OrderChange::Drain { from, drain: Drain { to, order } } => {
                self.drains.insert(*from, (*to, order.hold));
                self.drained.entry(*from).or_insert(at);
            }
            OrderChange::EndDrain { from } => {
                self.drains.remove(from);
            }
            OrderChange::Pause { paused: true } => self.paused = self.paused.or(Some(at)),
            OrderChange::Pause { paused: false } => {
                self.paused = None;
                self.paused_since.clear();
            }
            OrderChange::RetireAt { .. } => {}
        }
    }

    /// A drain has ended. Returns what is wrong with that: a partition was at the store, or moved to it, since before the drain.
    fn undrained<'a>(
        &mut self,
        from: Placement,
        mut records: impl Iterator<Item = &'a PartitionRecord>,
    ) -> Option<String> {
        let (cancelled, first) = (self.cancelled.remove(&from), self.ended.insert(from));
        let since = *self.drained.get(&from).filter(|_| first && !cancelled)?;
        let left = records.find(|record| {
            let to = |state| matches!(state, PartitionState::Migrating { to, .. } if to == from);
            let state = record.placed.map(|placed| placed.state);
            let there = state.is_some_and(|state| state.read_placement() == from || to(state));
            there && self.changed.get(&record.partition).is_some_and(|changed| *changed < since)
        })?;
        Some(format!("the drain of {from} is over, and there is {left}"))
    }

    /// A move has begun, with the record after it. Returns what is wrong with that.
    fn begun(&mut self, expected: Expected, to: Placement, after: &PartitionRecord) -> Option<String> {
        let partition = after.partition;
        if let Some((of, _)) = self.orders.get_mut(&partition)
            && *of == (OrderOf::Next { expected, to })
        {
            *of = OrderOf::Move(after.migration);
        }
        if self.holds(after) {
            self.held.insert(partition, after.migration);
        }
        let paused = self.paused?;
        self.paused_since.insert(partition, after.migration);
        let drained = !self.asked.remove(&(partition, expected));
        let since = self.changed.get(&partition).is_some_and(|changed| *changed > paused);
        (drained && since)
            .then(|| format!("a drain begins {} of {partition}, paused since {paused}", after.migration))
    }

    /// Writes may be blocked from now on. Returns what is wrong with that.
    fn blocks(&self, record: &PartitionRecord) -> Option<String> {
        let (partition, migration) = (record.partition, record.migration);
        let is = |moves: &BTreeMap<PartitionId, MigrationId>| moves.get(&partition) == Some(&migration);
        let why = match (is(&self.held), is(&self.paused_since)) {
            (true, _) => "it holds since before it began",
            (false, true) => "moves are paused since before it began",
            (false, false) => return None,
        };
        Some(format!("{migration} of {partition} blocks writes: {why}"))
    }
}

impl Judge {
    /// Call before an operator asks for a move.
    pub fn asks_to_begin(&mut self, partition: PartitionId, expected: Expected) {
        self.orders_of_moves.asked.insert((partition, expected));
    }

    /// Call before an operator ends a drain.
    pub fn asks_to_end_the_drain(&mut self, from: Placement) {
        self.orders_of_moves.cancelled.insert(from);
    }

    /// Judges an entry when it is applied first.
    pub(super) fn ordered(&mut self, at: Index, entry: &Entry<ControlPlaneEntry>, effect: &Applied<Answer>) {
        let Content::Payload { payload, .. } = &entry.content else { return };
        let Applied::Answered { answer, repeated: false } = effect else { return };
        if !self.judges_data() {
            return;
        }
        let wrong = match (payload, answer) {
            (ControlPlaneEntry::OrderChange(change), Answer::Noted) => {
                self.orders_of_moves.order(at, change);
                self.event_log.count("operator", "orders applied");
                self.still_held();
                let OrderChange::EndDrain { from } = change else { return };
                let records = self.now.table.state().table().records();
                self.orders_of_moves.undrained(*from, records)
            }
            (ControlPlaneEntry::OwnershipTransition(command), Answer::Epoch(_)) => self.moved(at, command),
            _ => None,
        };
        if let Some(found) = wrong {
            self.find(own::ORDERS, found, format!("the entry at {at}"));
        }
    }

    fn moved(&mut self, at: Index, command: &Command) -> Option<String> {
        let partition = command.partition;
        let record = self.now.table.state().table().record(partition).filter(|_| has_data(partition))?;
        let orders = &mut self.orders_of_moves;
        let wrong = if let Transition::Begin { expected, to } = &command.transition {
            orders.begun(*expected, *to, record)
        } else if matches!(command.transition, Transition::StartBlock { .. }) {
            orders.blocks(record)
        } else {
            None
        };
        orders.changed.insert(partition, at);
        wrong
    }

    /// A move that another order lets go on does not hold any more.
    fn still_held(&mut self) {
        let (orders, table) = (&mut self.orders_of_moves, self.now.table.state().table());
        let held = std::mem::take(&mut orders.held);
        let holds = |(partition, migration): &(PartitionId, MigrationId)| {
            let record = table.record(*partition).filter(|record| record.migration == *migration);
            record.is_some_and(|record| orders.holds(record))
        };
        orders.held = held.into_iter().filter(holds).collect();
    }
}
