//! What a leader does by orders of the log beside driving moves: it begins those of a drain, and has copies dropped whose time is over.
//!
//! What is to be proposed follows from the state alone. Two leaders that propose the same change nothing twice: a `begin` and a retirement are
//! compare-and-swaps.

use crate::core::control_plane::{ControlPlaneEntry, ControlPlaneState, OrderChange, Retirement};
use crate::core::ids::{PartitionId, Placement};
use crate::core::migration::{Command, PartitionRecord, PlacementTable, Transition};
use crate::core::placement::PartitionState;
use core::time::Duration;
use std::collections::BTreeMap;
use tokio::time::Instant;

/// The pause before a drain begins a partition's move again that has ended without it; each is twice the one before.
const AGAIN: Duration = Duration::from_millis(500);
/// The longest of these pauses.
const AGAIN_MAX: Duration = Duration::from_secs(60);

/// When the moves of drains may begin again.
#[derive(Default)]
pub(super) struct Duties {
    begun: BTreeMap<PartitionId, (Duration, Instant)>,
}

impl Duties {
    /// What is to be proposed now. `wall_s`: seconds of the Unix epoch.
    pub(super) fn due(
        &mut self,
        state: &ControlPlaneState,
        now: Instant,
        wall_s: u64,
    ) -> Vec<ControlPlaneEntry> {
        let mut due = self.drains(state, now);
        due.extend(
            state
                .orders()
                .retirements()
                .filter_map(|(partition, one)| retires(state, partition, one, wall_s)),
        );
        due
    }

    fn drains(&mut self, state: &ControlPlaneState, now: Instant) -> Vec<ControlPlaneEntry> {
        let mut due = Vec::new();
        if state.orders().paused() {
            return due;
        }
        // The caps count for all that is begun here together.
        let mut table = state.table().clone();
        let mut waits: BTreeMap<PartitionId, (Duration, Instant)> = BTreeMap::new();
        for (from, drain) in state.orders().drains() {
            let mut left = false;
            for record in state.table().records() {
                let Some(placed) = record.placed else { continue };
                // What moves to the store will be there: the drain is not over before that.
                left |= comes_to(placed.state, from);
                if placed.state.read_placement() != from {
                    continue;
                }
                left = true;
                let partition = record.partition;
                if let Some(wait) = self.begun.get(&partition) {
                    waits.insert(partition, *wait);
                }
                let may = !placed.state.is_migrating() && placed.opened && placed.held.is_none();
                if may && waits.get(&partition).is_none_or(|(_, at)| *at <= now) {
                    let begun = begins(&mut table, record, drain.to);
                    if let Some(entry) = begun {
                        let pause =
                            waits.get(&partition).map_or(AGAIN, |(pause, _)| (*pause * 2).min(AGAIN_MAX));
                        waits.insert(partition, (pause, now + pause));
                        due.push(entry);
                    }
                }
            }
            if !left {
                due.push(ControlPlaneEntry::OrderChange(OrderChange::EndDrain { from }));
            }
        }
        self.begun = waits;
        due
    }
}

/// Seconds of the Unix epoch. A clock that is wrong has a copy dropped early or late, and decides nothing else.
pub(super) fn wall_s() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::SystemTime::UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs())
}

/// Whether a partition moves to a store.
fn comes_to(state: PartitionState, store: Placement) -> bool {
    matches!(state, PartitionState::Migrating { to, .. } if to == store)
}

/// The `begin` of a partition's move, if the table takes it.
fn begins(table: &mut PlacementTable, record: &PartitionRecord, to: Placement) -> Option<ControlPlaneEntry> {
    let transition = Transition::Begin { expected: record.expected(), to };
    let command = Command { partition: record.partition, transition };
    table.apply(&command).ok().map(|_| ControlPlaneEntry::OwnershipTransition(command))
}

/// The next step on a former source's copy: to say when it is dropped, and then to have it dropped.
fn retires(
    state: &ControlPlaneState,
    partition: PartitionId,
    one: Retirement,
    wall_s: u64,
) -> Option<ControlPlaneEntry> {
    let Retirement { placement, copy, keep_s, at_s } = one;
    let Some(at_s) = at_s else {
        let at_s = wall_s.saturating_add(keep_s.into());
        return Some(ControlPlaneEntry::OrderChange(OrderChange::RetireAt { partition, copy, at_s }));
    };
    let record = state.table().record(partition)?;
    let waits =
        record.old_copies.iter().any(|old| old.copy == copy && old.placement == placement && !old.retiring);
    let transition = Transition::RetireCopy { placement, copy };
    (waits && at_s <= wall_s)
        .then_some(ControlPlaneEntry::OwnershipTransition(Command { partition, transition }))
}
