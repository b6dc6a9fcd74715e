//! What a node's disk holds, read as by a process that starts now; and what leaves a node while its disk is written.

use super::{Judge, Shadow, own};
use crate::event_log::now_ns;
use cutover::core::control_plane::{ControlPlaneEntry, ControlPlaneOutput, ReplicatedControlPlane};
use cutover::core::invariant::Id;
use cutover::core::raft::{Batch, Body, Durable, Message, Output};
use cutover_model::host::{Engine as _, Host};
use cutover_reference::beside::Disagreement;
use cutover_reference::beside::disk::DiskBeside;

/// What the reference of a disk says.
type Agrees = Result<(), Disagreement>;

/// The outputs of a host that may be performed now, and whether its disk's reference does the same with them.
pub(super) fn outputs(
    host: &mut Host<ReplicatedControlPlane>,
    shadow: &mut Shadow,
) -> (Vec<ControlPlaneOutput>, Agrees) {
    let (mut passed, mut agrees) = (Vec::new(), Ok(()));
    for output in host.engine.drain_outputs() {
        let persisted = if let Output::Persist { number, batch } = &output {
            Some((*number, batch.clone()))
        } else {
            None
        };
        let message = output.message().cloned();
        let output = host.pass(output);
        if let Some(beside) = shadow.beside.as_mut().filter(|_| agrees.is_ok()) {
            agrees = match (persisted, message) {
                (Some((number, batch)), _) => beside.persists(number, &batch),
                (None, Some(message)) => beside.sent(&message, output.is_some()),
                (None, None) => Ok(()),
            };
        }
        passed.extend(output);
    }
    (passed, agrees)
}

impl Judge {
    /// Call when a message leaves a node: judges it against the disk at this moment.
    pub fn sent(&mut self, node: u8, message: &Message<ControlPlaneEntry>) {
        let id = self.id(node);
        if matches!(message.body, Body::TimeoutNow) {
            self.orders.insert(node, now_ns());
        }
        let (Some(host), Some(shadow)) = (self.hosts.get(&id), self.shadows.get_mut(&id)) else { return };
        self.invariants.sent(host, message);
        let free = shadow.free.iter().position(|free| free == message);
        let (early, unsaid) = (free.is_none() && host.holds(message), free.is_none() && !host.holds(message));
        if let Some(at) = free {
            shadow.free.swap_remove(at);
        }
        self.collect();
        self.demand(!early, Id::StateMachineSafety.entry().id, || {
            (format!("n{node} sends {message}"), "it waits for a batch that is not durable".to_owned())
        });
        self.demand(!unsaid, own::LOWERING, || {
            (format!("n{node} sends {message}"), "its machine has not said it".to_owned())
        });
    }

    /// Call when the disk reports that batches are durable.
    pub fn wrote(&mut self, node: u8, batches: &[Batch<ControlPlaneEntry>]) {
        let id = self.id(node);
        let (Some(host), Some(shadow)) = (self.hosts.get_mut(&id), self.shadows.get_mut(&id)) else { return };
        let mut agrees = Ok(());
        for batch in batches {
            let left = host.written(batch);
            if let Some(beside) = shadow.beside.as_mut().filter(|_| agrees.is_ok()) {
                agrees = beside.wrote(batch, &left);
            }
            shadow.free.extend(left);
        }
        shadow.writes += 1;
        if let Some(beside) =
            shadow.beside.as_ref().filter(|_| agrees.is_ok() && shadow.writes.is_multiple_of(64))
        {
            agrees = beside.compare(&host.disk);
        }
        let (vote, last) = (host.disk.hard_state, host.disk.log.last());
        let facts = [u64::try_from(batches.len()).unwrap_or(0), vote.term.0, last.term.0, last.index.0];
        self.event_log.note("n", node.into(), "durable", &facts, String::new);
        self.disk_agrees(node, agrees);
    }

    /// Call when the disk reports an error: the batches are on it or not.
    pub fn failed_to_write(&mut self, node: u8, batches: &[Batch<ControlPlaneEntry>]) {
        let id = self.id(node);
        if let Some(shadow) = self.shadows.get_mut(&id) {
            shadow.pending = Some(batches.to_vec());
        }
    }

    /// The reference of a disk is of no use after a disagreement.
    pub(super) fn disk_agrees(&mut self, node: u8, agrees: Agrees) {
        let Err(Disagreement { machine, reference, rule }) = agrees else { return };
        let id = self.id(node);
        if let Some(shadow) = self.shadows.get_mut(&id) {
            shadow.beside = None;
        }
        self.find(own::DISK, format!("n{node}: {machine}"), format!("by {rule}: {reference}"));
    }

    /// The reference of a disk from which a process starts. It is that of the disk at the crash, if there is one.
    pub(super) fn starts_from(
        &mut self,
        node: u8,
        beside: Option<DiskBeside<ControlPlaneEntry>>,
        found: &Durable<ControlPlaneEntry>,
    ) -> DiskBeside<ControlPlaneEntry> {
        let Some(mut beside) = beside else { return DiskBeside::new(found) };
        if let Err(disagreement) = beside.starts_from(found) {
            self.disk_agrees(node, Err(disagreement));
            return DiskBeside::new(found);
        }
        self.event_log.count("mark", "a disk compared with its reference after a crash");
        beside
    }

    /// The expected contents of a disk after a crash: what was acknowledged, and all or nothing of a batch under
    /// way.
    pub(super) fn reopened(
        &mut self,
        node: u8,
        was: &Durable<ControlPlaneEntry>,
        pending: Option<&[Batch<ControlPlaneEntry>]>,
        found: &Durable<ControlPlaneEntry>,
    ) {
        if was == found {
            return;
        }
        let mut with = was.clone();
        for batch in pending.into_iter().flatten() {
            with.write(batch);
        }
        if pending.is_some() && with == *found {
            self.event_log.count("mark", "a write that failed is on the disk");
            return;
        }
        self.find(
            own::DURABLE,
            format!("the disk of n{node} holds {}", brief(found)),
            format!("{} was acknowledged", brief(was)),
        );
    }

    /// Call with what was read from a disk after its last write was acknowledged.
    pub fn read_back(&mut self, node: u8, found: Result<Durable<ControlPlaneEntry>, String>) {
        let id = self.id(node);
        let Some(host) = self.hosts.get(&id).filter(|_| self.shadows.contains_key(&id)) else { return };
        let against = format!("{} was acknowledged", brief(&host.disk));
        match found {
            Ok(durable) if durable == host.disk => {
                self.event_log.count("mark", "a disk read back");
                let beside = self.shadows.get(&id).and_then(|shadow| shadow.beside.as_ref());
                let agrees = beside.map_or(Ok(()), |beside| beside.compare(&durable));
                self.disk_agrees(node, agrees);
            }
            Ok(durable) => {
                self.find(own::DURABLE, format!("the disk of n{node} holds {}", brief(&durable)), against)
            }
            Err(error) => {
                self.find(own::DURABLE, format!("the disk of n{node} cannot be read: {error}"), against)
            }
        }
    }
}

fn brief(disk: &Durable<ControlPlaneEntry>) -> String {
    let Durable { hard_state, snapshot, log } = disk;
    format!(
        "{hard_state:?}, a snapshot at {}, and a log from {} to {}",
        snapshot.last,
        log.base(),
        log.last()
    )
}
