//! Follows the stores with data: each group of inputs is also given to a *shadow*, the pure machine of the partition with its rows in memory.
//! What the store answers must be what the shadow answers, and what it opens after a crash what the shadow has. The judge of each partition,
//! which a replayed recording feeds as well ([`PartitionJudge`]), judges the migration invariants on the shadows.

use super::{Judge, own};
use crate::data::has_data;
use crate::event_log::now_ns;
use core::time::Duration;
use cutover::core::control_plane::{Answer, ControlPlaneEntry};
use cutover::core::fence::{Config, Durable, Input};
use cutover::core::ids::{Epoch, Index, MigrationId, PartitionId, Placement};
use cutover::core::invariant::Id;
use cutover::core::migration::PartitionRecord;
use cutover::core::raft::{Content, Effect as Applied, Entry};
use cutover::core::trace::partition::{Frame, Step};
use cutover::sink::storage::{Beginning, Effect, Storage};
use cutover_model::copies::{PartitionJudge, decision};
use std::collections::{BTreeMap, BTreeSet};

/// The inputs of a group, in order.
type Group = Vec<(PartitionId, Input)>;

/// What is known of all stores with data.
#[derive(Default)]
pub(super) struct Stores {
    pub(super) judges: BTreeMap<PartitionId, PartitionJudge>,
    /// A group whose commit failed: on the disk it is there in full, or not at all.
    pub(super) pending: BTreeMap<u8, Group>,
    /// What stores began with that have lost their disks.
    pub(super) beginnings: BTreeMap<u8, Beginning>,
    /// Partitions whose rows were lost with the store that had them.
    pub(super) lost: BTreeSet<PartitionId>,
    /// Since when writes with tokens below an epoch may not take effect at a store for ever, which had the partition before.
    pub(super) closed: Vec<(PartitionId, Placement, Epoch, u64)>,
    /// What each store's machines last had durable, as the store says.
    pub(super) kept: BTreeMap<(Placement, PartitionId), Durable>,
    /// Whether nothing is judged any more.
    unjudged: bool,
    /// Since when writes of a partition may be blocked, and the longest time that they were.
    blocked: BTreeMap<PartitionId, u64>,
    longest_ns: u64,
}

impl Stores {
    /// A partition of which a store's disk does not hold what its shadow does.
    fn stray(&self, machine: u8, storage: &Storage) -> Option<PartitionId> {
        let store = storage.identity().store;
        let of = |partition| self.judges.get(&partition).and_then(|judge| judge.shadow(store));
        let other = storage.fences().find(|(partition, fence)| {
            of(*partition).is_none_or(|shadow| shadow.fence.durable() != fence.durable())
        });
        let lost = self.judges.keys().copied().find(|partition| {
            let (closed_through, newest) = self.beginning(machine, *partition);
            let has = of(*partition).is_some_and(|shadow| !shadow.has_nothing(closed_through, newest));
            has && storage.fence(*partition).is_none()
        });
        other.map(|(partition, _)| partition).or(lost)
    }

    /// What the store on a machine begins with of a partition: closed through an epoch, and the newest migration.
    fn beginning(&self, machine: u8, partition: PartitionId) -> (Epoch, MigrationId) {
        let begun = self.beginnings.get(&machine);
        begun.map_or((Epoch::ZERO, MigrationId::ZERO), |begun| {
            let epoch = begun.partitions.get(&partition).copied().unwrap_or(begun.epoch);
            (epoch, begun.migration)
        })
    }

    /// Keeps what a store has durable of a partition, as the store says.
    fn keep(&mut self, partition: PartitionId, storage: &Storage) {
        let durable = storage.fence(partition).map(|fence| fence.durable().clone());
        self.kept.extend(durable.map(|durable| ((storage.identity().store, partition), durable)));
    }
}

impl Judge {
    fn record_of(&self, partition: PartitionId) -> Option<PartitionRecord> {
        self.now.table.state().table().record(partition).cloned()
    }

    /// Call before anything is judged.
    pub(super) fn note_unjudged(&mut self) {
        if !self.judges_data() && !self.stores.unjudged {
            self.stores.unjudged = true;
            self.stores.judges.values_mut().for_each(PartitionJudge::unjudged);
            self.recorded.push(None, || Frame::Step(Step::Unjudged));
        }
    }

    /// Call when a store starts, with what it has read from its disk.
    pub fn store_opened(&mut self, machine: u8, storage: &Storage) {
        let pending = self.stores.pending.remove(&machine);
        if self.stores.stray(machine, storage).is_some() {
            // The group whose commit failed is there.
            if let Some(group) = pending {
                let config = storage.fences().next().map(|(_, fence)| *fence.config());
                if let Some(config) = config {
                    self.group(machine, config, &group, None);
                    self.event_log.count("store", "groups that failed and are on the disk");
                }
            }
            self.store_reads(machine, storage);
        }
        let store = storage.identity().store;
        for (partition, judge) in &mut self.stores.judges {
            judge.opened(store);
            self.recorded.push(Some(*partition), || Frame::Step(Step::Opened { store }));
        }
        storage.fences().for_each(|(partition, _)| self.stores.keep(partition, storage));
    }

    /// Call with what is on a store's disk, when no group is under way.
    pub fn store_reads(&mut self, machine: u8, storage: &Storage) {
        if let Some(partition) = self.stores.stray(machine, storage) {
            let found =
                format!("the store on machine {machine} has lost or made up something of {partition}");
            self.find_about(Some(partition), own::DURABLE, found, "its machines say otherwise".to_owned());
        }
    }

    /// Call when a group is durable, with what is to be done about each input. `config`: of any partition of the store.
    pub fn store_performed(
        &mut self,
        machine: u8,
        config: Config,
        inputs: &[(PartitionId, Input)],
        effects: &[Vec<Effect>],
        storage: &Storage,
    ) {
        self.group(machine, config, inputs, Some(effects));
        for (partition, _) in inputs {
            let shadow = self.stores.judges.get(partition).and_then(|judge| judge.shadow(config.store));
            let kept =
                storage.fence(*partition).zip(shadow).is_none_or(|(fence, shadow)| *fence == shadow.fence);
            if !kept {
                let found = format!("the machine of {partition} on machine {machine} is another");
                let against = "it was given the same inputs".to_owned();
                self.find_about(Some(*partition), own::STORE, found, against);
            }
            if self.lowering {
                self.stores.keep(*partition, storage);
            }
        }
    }

    /// Call when the commit of a group failed.
    pub fn store_failed(&mut self, machine: u8, inputs: &[(PartitionId, Input)]) {
        self.stores.pending.entry(machine).or_default().extend_from_slice(inputs);
    }

    /// Hands a group to the shadows, and judges what they do. `effects`: what the store does, if it says so.
    fn group(
        &mut self,
        machine: u8,
        config: Config,
        inputs: &[(PartitionId, Input)],
        effects: Option<&[Vec<Effect>]>,
    ) {
        self.note_unjudged();
        let store = config.store;
        let mut of: BTreeMap<PartitionId, (Vec<Input>, Vec<&Vec<Effect>>)> = BTreeMap::new();
        for (at, (partition, input)) in inputs.iter().enumerate() {
            let (inputs, found) = of.entry(*partition).or_default();
            inputs.push(input.clone());
            found.extend(effects.and_then(|effects| effects.get(at)));
        }
        for (partition, (inputs, found)) in of {
            let record = self.record_of(partition);
            self.begins(machine, Config { partition, ..config });
            let Some(judge) = self.stores.judges.get_mut(&partition) else { continue };
            let expected = judge.group(store, &inputs, effects.is_some(), record.as_ref());
            let answered = effects.is_some();
            self.recorded.push(Some(partition), || Frame::Step(Step::Group { store, inputs, answered }));
            for (found, expected) in
                found.into_iter().zip(&expected).filter(|(found, expected)| found != expected)
            {
                let found = format!("the store on machine {machine}: {found:?}");
                self.find_about(Some(partition), own::STORE, found, format!("{expected:?}"));
            }
            self.found(partition);
        }
    }

    /// The machine of a partition at a store begins with nothing, unless it is there.
    fn begins(&mut self, machine: u8, config: Config) {
        let judged = has_data(config.partition) && !self.stores.unjudged;
        let (closed_through, newest) = self.stores.beginning(machine, config.partition);
        let judge = self.stores.judges.entry(config.partition).or_default();
        if !judged {
            judge.unjudged();
        }
        if judge.shadow(config.store).is_none() {
            judge.begins(config, closed_through, newest);
            let step = Step::Store { config, closed_through, newest };
            self.recorded.push(Some(config.partition), || Frame::Step(step));
        }
    }

    /// Call when no order explains what the callers of gateways saw of a partition.
    pub fn rows_contradict(&mut self, partition: PartitionId, found: String, against: String) {
        let id = Id::Linearizable.entry().id;
        self.recorded.push(Some(partition), || Frame::Found { id: id.to_owned() });
        self.find_about(Some(partition), id, found, against);
    }

    /// Takes over what the judge of a partition has found.
    fn found(&mut self, partition: PartitionId) {
        let violations = self.stores.judges.get_mut(&partition).map(PartitionJudge::take_violations);
        for violation in violations.into_iter().flatten() {
            let id = violation.id.entry().id;
            self.recorded.push(Some(partition), || Frame::Found { id: id.to_owned() });
            self.find_about(Some(partition), id, violation.found, violation.against);
        }
    }

    /// Forgets how long writes were blocked so far.
    pub fn watch_blocks(&mut self) {
        self.stores.longest_ns = 0;
    }

    /// The longest time for which writes may have been blocked since.
    #[must_use]
    pub const fn longest_block(&self) -> Duration {
        Duration::from_nanos(self.stores.longest_ns)
    }

    fn note_block(&mut self, partition: PartitionId, blocks: bool) {
        let Stores { blocked, longest_ns, .. } = &mut self.stores;
        if blocks {
            blocked.entry(partition).or_insert_with(now_ns);
        } else if let Some(since) = blocked.remove(&partition) {
            *longest_ns = (*longest_ns).max(now_ns() - since);
        }
    }

    /// The record that an entry would change, before it does.
    pub(super) fn before_entry(&self, entry: &Entry<ControlPlaneEntry>) -> Option<PartitionRecord> {
        let Content::Payload { payload: ControlPlaneEntry::OwnershipTransition(command), .. } =
            &entry.content
        else {
            return None;
        };
        self.record_of(command.partition)
    }

    /// Judges a command on a partition with data, when it is applied first.
    pub(super) fn decided(
        &mut self,
        at: Index,
        entry: &Entry<ControlPlaneEntry>,
        effect: &Applied<Answer>,
        before: Option<&PartitionRecord>,
    ) {
        let Content::Payload { payload, .. } = &entry.content else { return };
        let Applied::Answered { answer, repeated: false } = effect else { return };
        self.note_unjudged();
        self.recorded.push(None, || Frame::Step(Step::Entry { at, entry: payload.clone() }));
        let (ControlPlaneEntry::OwnershipTransition(command), Some(outcome)) = (payload, decision(answer))
        else {
            return;
        };
        let partition = command.partition;
        if !has_data(partition) || self.stores.unjudged {
            return;
        }
        let after = self.record_of(partition);
        self.note_block(partition, after.as_ref().is_some_and(PartitionRecord::may_block));
        self.closes(command, outcome, before);
        let judge = self.stores.judges.entry(partition).or_default();
        judge.decided(before, command, outcome, after.as_ref());
        self.found(partition);
    }
}
