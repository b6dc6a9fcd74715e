//! Follows the stores with data: each group of inputs is also given to a *shadow*, the pure machine of the partition with its rows in memory.
//! What the store answers must be what the shadow answers, and what it opens after a crash what the shadow has. The migration invariants are
//! judged on the shadows.

use super::shadow::{Shadow, Stepped, handle, statement};
use super::{Judge, own};
use crate::data::{has_data, machine_at};
use crate::event_log::now_ns;
use core::time::Duration;
use cutover::core::control_plane::{Answer, ControlPlaneEntry};
use cutover::core::fence::{Body, Config, Fence, Input, Reply, Request};
use cutover::core::ids::{Epoch, MigrationId, PartitionId, Placement};
use cutover::core::invariant::{Fact, Findings, Monitor, SinkNow, SinkStep};
use cutover::core::migration::{PartitionRecord, Transition};
use cutover::core::raft::{Content, Effect as Applied, Entry};
use cutover::sink::storage::{Beginning, Effect, Storage};
use std::collections::{BTreeMap, BTreeSet};

/// All stores of a partition are compared after so many groups.
const LOOKS: u64 = 16;

/// The inputs of a group, in order.
type Group = Vec<(PartitionId, Input)>;
/// What is said by a store, of a copy.
type Said = (PartitionId, Effect, MigrationId);

/// What is known of all stores with data.
#[derive(Default)]
pub(super) struct Stores {
    pub(super) shadows: BTreeMap<(u8, PartitionId), Shadow>,
    /// A group whose commit failed: on the disk it is there in full, or not at all.
    pub(super) pending: BTreeMap<u8, Group>,
    monitors: BTreeMap<PartitionId, Monitor>,
    /// What stores began with that have lost their disks.
    pub(super) beginnings: BTreeMap<u8, Beginning>,
    /// Partitions whose rows were lost with the store that had them.
    pub(super) lost: BTreeSet<PartitionId>,
    /// Since when writes with tokens below an epoch may not take effect at a store for ever, which had the partition before.
    pub(super) closed: Vec<(PartitionId, Placement, Epoch, u64)>,
    groups: u64,
    /// Since when writes of a partition may be blocked, and the longest time that they were.
    blocked: BTreeMap<PartitionId, u64>,
    longest_ns: u64,
}

impl Stores {
    fn shadow(&mut self, machine: u8, config: Config) -> &mut Shadow {
        let begins = self.beginnings.get(&machine);
        self.shadows.entry((machine, config.partition)).or_insert_with(|| Shadow::begun(config, begins))
    }

    /// Whether a store's disk holds what the shadows do.
    fn is_as(&self, machine: u8, storage: &Storage) -> bool {
        let of = |partition| self.shadows.get(&(machine, partition));
        let known = storage.fences().all(|(partition, fence)| {
            of(partition).is_some_and(|shadow| shadow.fence.durable() == fence.durable())
        });
        let mut shadows = self.shadows.iter().filter(|((at, _), _)| *at == machine);
        known
            && shadows.all(|((_, partition), shadow)| {
                let kept = storage.fence(*partition).is_some();
                let new = Shadow::begun(*shadow.fence.config(), self.beginnings.get(&machine));
                kept || *shadow.fence.durable() == *new.fence.durable()
            })
    }
}

impl Judge {
    fn record_of(&self, partition: PartitionId) -> Option<PartitionRecord> {
        self.now.table.state().table().record(partition).cloned()
    }

    /// Call when a store starts, with what it has read from its disk.
    pub fn store_opened(&mut self, machine: u8, storage: &Storage) {
        let pending = self.stores.pending.remove(&machine);
        if !self.stores.is_as(machine, storage) {
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
        for ((at, _), shadow) in &mut self.stores.shadows {
            if *at == machine {
                let (config, durable) = (*shadow.fence.config(), shadow.fence.durable().clone());
                shadow.fence = Fence::recover(config, durable);
            }
        }
    }

    /// Call with what is on a store's disk, when no group is under way.
    pub fn store_reads(&mut self, machine: u8, storage: &Storage) {
        if !self.stores.is_as(machine, storage) {
            let found = format!("the store on machine {machine} has lost or made up something");
            self.find(own::DURABLE, found, "its machines say otherwise".to_owned());
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
            let shadow = self.stores.shadow(machine, Config { partition: *partition, ..config });
            let kept = storage.fence(*partition).is_none_or(|fence| *fence == shadow.fence);
            if !kept {
                let found = format!("the machine of {partition} on machine {machine} is another");
                self.find(own::STORE, found, "it was given the same inputs".to_owned());
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
        let judged = self.judges_data();
        let (mut said, mut wrong): (Vec<Said>, Vec<(String, String)>) = (Vec::new(), Vec::new());
        let mut findings = Findings::new(true);
        for (at, (partition, input)) in inputs.iter().enumerate() {
            let config = Config { partition: *partition, ..config };
            let record = self.record_of(*partition);
            let lost = self.is_lost(*partition);
            let Stores { shadows, monitors, beginnings, .. } = &mut self.stores;
            let new = || Shadow::begun(config, beginnings.get(&machine));
            let shadow = shadows.entry((machine, *partition)).or_insert_with(new);
            let mut monitor =
                Some(monitors.entry(*partition).or_insert_with(|| Monitor::new(None, Vec::new())));
            if !judged || lost || !has_data(*partition) {
                monitor = None;
            }
            let expected = handle(shadow, input, |step, after, done| {
                let Some(monitor) = &mut monitor else { return };
                let request = if let Input::Request(request) = input { Some(request) } else { None };
                stepped(monitor, &mut findings, step, after, (done, request, record.as_ref()));
            });
            if let Some(found) =
                effects.and_then(|effects| effects.get(at)).filter(|found| **found != expected)
            {
                wrong.push((format!("{found:?}"), format!("{expected:?}")));
            }
            said.extend(expected.iter().map(|effect| {
                let (effect, copy) = shadow.states(effect);
                (*partition, effect, copy)
            }));
        }
        for (found, expected) in wrong {
            self.find(own::STORE, format!("the store on machine {machine}: {found}"), expected);
        }
        for (partition, effect, copy) in said.iter().filter(|_| effects.is_some()) {
            self.stated(machine, *partition, effect, *copy, judged, &mut findings);
        }
        self.found(&findings);
        self.stores.groups += 1;
        let looks = self.stores.groups.is_multiple_of(LOOKS);
        for (partition, input) in inputs {
            let moves = !matches!(
                input,
                Input::Request(Request { body: Body::Write(_) | Body::Read(_) | Body::Export(_), .. })
            );
            if judged && (looks || moves) {
                self.look_at_stores(*partition);
            }
        }
    }

    /// Judges what a store says, when it says it.
    fn stated(
        &mut self,
        machine: u8,
        partition: PartitionId,
        effect: &Effect,
        copy: MigrationId,
        judged: bool,
        findings: &mut Findings,
    ) {
        if let Effect::Halt(halt) = effect {
            self.find(
                halt.invariant.entry().id,
                halt.facts.clone(),
                "the machine of a store halted".to_owned(),
            );
        }
        let judged = judged && !self.is_lost(partition);
        let Stores { shadows, monitors, .. } = &mut self.stores;
        let (Some(shadow), Some(monitor)) =
            (shadows.get(&(machine, partition)), monitors.get_mut(&partition))
        else {
            return;
        };
        if !judged {
            return;
        }
        if let Some(statement) = statement(effect) {
            monitor.feed(&Fact::Stated(statement, copy, shadow.now()), findings);
        }
        if let Effect::Reply(Reply::Applied { write, .. }) = effect {
            monitor.feed(&Fact::Acknowledged(write.id), findings);
        }
    }

    fn found(&mut self, findings: &Findings) {
        for violation in findings.violations() {
            self.find(violation.id.entry().id, violation.found.clone(), violation.against.clone());
        }
    }

    /// Judges the record of a partition and all its copies.
    fn look_at_stores(&mut self, partition: PartitionId) {
        if !has_data(partition) || !self.judges_data() || self.is_lost(partition) {
            return;
        }
        let record = self.record_of(partition);
        let mut findings = Findings::new(true);
        let Stores { shadows, monitors, .. } = &self.stores;
        let of = shadows.iter().filter(|((_, other), _)| *other == partition);
        let sinks: Vec<SinkNow<'_>> = of.map(|(_, shadow)| shadow.now()).collect();
        if let Some(monitor) = monitors.get(&partition) {
            monitor.judge(&Fact::Now(record.as_ref(), &sinks), &mut findings);
        }
        self.found(&findings);
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
        entry: &Entry<ControlPlaneEntry>,
        effect: &Applied<Answer>,
        before: Option<&PartitionRecord>,
    ) {
        let Content::Payload { payload: ControlPlaneEntry::OwnershipTransition(command), .. } =
            &entry.content
        else {
            return;
        };
        let Applied::Answered { answer, repeated: false } = effect else { return };
        if !has_data(command.partition) || !self.judges_data() {
            return;
        }
        let outcome = match answer {
            Answer::Epoch(epoch) => Ok(*epoch),
            Answer::Refused(error) => Err(*error),
            Answer::Named { .. }
            | Answer::Noted
            | Answer::Store { .. }
            | Answer::StoreRefused(_)
            | Answer::OrderRefused(_) => return,
        };
        let partition = command.partition;
        let after = self.record_of(partition);
        self.note_block(partition, after.as_ref().is_some_and(PartitionRecord::may_block));
        self.closes(command, outcome, before);
        let owner = after.as_ref().and_then(|record| record.placed);
        let owner = owner.map(|placed| placed.state.read_placement());
        if self.is_lost(partition) {
            return;
        }
        let owner = owner.and_then(|at| machine_at(at, &self.now.table));
        let mut findings = Findings::new(true);
        let Stores { shadows, monitors, .. } = &mut self.stores;
        let owner = owner.and_then(|machine| shadows.get(&(machine, partition))).map(Shadow::now);
        let monitor = monitors.entry(partition).or_insert_with(|| Monitor::new(None, Vec::new()));
        if let (Transition::RecordWatermark { .. }, Ok(_), Some(before)) =
            (&command.transition, outcome, before)
        {
            monitor.feed(&Fact::Waited(before), &mut findings);
        }
        let fact = Fact::Decided { before, command, outcome, after: after.as_ref(), owner };
        monitor.feed(&fact, &mut findings);
        self.found(&findings);
        self.look_at_stores(partition);
    }
}

/// Reports a step that changed a machine.
fn stepped(
    monitor: &mut Monitor,
    findings: &mut Findings,
    step: &Stepped,
    after: &Shadow,
    (done, request, record): (&Input, Option<&Request>, Option<&PartitionRecord>),
) {
    let Some(request) = request else { return };
    if let (Input::Apply(write), true) = (done, step.wrote) {
        let (store, fences) = (after.fence.config().store, step.before.fence.durable());
        monitor.feed(&Fact::Wrote { store, write, fences, record }, findings);
    }
    let (before, after) = (step.before.now(), after.now());
    monitor.feed(&Fact::SinkStepped(SinkStep { request: Some(request), before, after, record }), findings);
}
