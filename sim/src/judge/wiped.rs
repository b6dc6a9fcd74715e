//! Stores that have lost their disks. What a partition had there is lost if the store owned it, or has vouched for its copy: such a partition is
//! not judged any more. All others go on as if nothing had happened.

use super::Judge;
use super::stores::Stores;
use crate::data::machine_at;
use cutover::core::ids::PartitionId;
use cutover::core::migration::PartitionRecord;
use cutover::core::placement::{PartitionState, Phase};
use cutover::core::trace::partition::{Frame, Step};
use cutover::sink::storage::Beginning;

impl Judge {
    /// Whether the rows of a partition were lost with a store.
    #[must_use]
    pub fn is_lost(&self, partition: PartitionId) -> bool {
        self.stores.lost.contains(&partition)
    }

    /// Call when a store has lost its disk. `forces`: whether an operator may give a partition to it as it is there.
    pub fn store_wiped(&mut self, machine: u8, forces: bool) {
        let table = &self.now.table;
        let Stores { judges, kept, pending, .. } = &mut self.stores;
        for (partition, judge) in judges {
            let mut stores = judge.shadows().map(|(store, _)| store);
            let Some(store) = stores.find(|store| machine_at(*store, table) == Some(machine)) else {
                continue;
            };
            drop(stores);
            judge.lost(store);
            kept.remove(&(store, *partition));
            self.recorded.push(Some(*partition), || Frame::Step(Step::Lost { store }));
        }
        pending.remove(&machine);
        self.loses(machine, forces);
    }

    /// Call before a store begins anew.
    pub fn store_begins(&mut self, machine: u8, beginning: Beginning) {
        self.stores.beginnings.insert(machine, beginning);
        // What was created there meanwhile, and is refused.
        self.loses(machine, false);
    }

    fn loses(&mut self, machine: u8, forces: bool) {
        let at = |store| machine_at(store, &self.now.table) == Some(machine);
        let depends = |record: &&PartitionRecord| {
            let Some(placed) = record.placed else { return false };
            let vouched = match placed.state {
                PartitionState::Migrating { to, phase, .. } => at(to) && (forces || phase == Phase::Cutover),
                PartitionState::Active(_) => false,
            };
            vouched || at(placed.state.read_placement())
        };
        let records = self.now.table.state().table().records();
        let lost: Vec<PartitionId> = records.filter(depends).map(|record| record.partition).collect();
        for partition in lost {
            if self.stores.lost.insert(partition) {
                self.stores.judges.entry(partition).or_default().unjudged();
                self.recorded.push(Some(partition), || Frame::Step(Step::Unjudged));
                self.event_log.count("store", "partitions lost with their store");
            }
        }
    }
}
