//! The production store of data on a simulated disk, as its driver uses it.

use super::Hosts;
use crate::disk::{Disk, Trouble};
use crate::disk_time::DiskTime;
use crate::ended::Ended;
use crate::event_log::lock;
use crate::faults;
use crate::judge::own;
use crate::options::{WRITE_US_MAX, WRITE_US_MIN};
use crate::stream::Stream;
use core::time::Duration;
use cutover::core::fence::{Config, Fence, Input};
use cutover::core::ids::{PartitionId, Placement};
use cutover::sink::driver::Groups;
use cutover::sink::storage::{Effect, Setup, Storage, StorageError};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Approximate number of disk operations per commit; a failure strikes at one of them.
const OPERATIONS: u64 = 24;

/// A store whose commits can fail.
pub(super) struct Watched {
    /// The production store.
    pub(super) storage: Storage,
    /// The disk below it.
    pub(super) disk: Disk,
    pub(super) time: DiskTime,
    pub(super) hosts: Hosts,
    /// Of any of its partitions.
    pub(super) config: Config,
    /// Random stream of this disk.
    pub(super) chance: Stream,
    /// Random stream of the reads of what was written.
    pub(super) rereads: Stream,
    /// Number of the store's machine, and of its start.
    pub(super) machine: u8,
    pub(super) boot: u64,
    /// False after the power has failed.
    pub(super) alive: Arc<AtomicBool>,
    /// Whether a group failed: the store has to end.
    pub(super) failed: bool,
    /// Simulated duration of the last group.
    pub(super) took: Duration,
}

impl Groups for Watched {
    fn store(&self) -> Placement {
        self.storage.identity().store
    }

    fn perform(&mut self, inputs: &[(PartitionId, Input)]) -> Result<Vec<Vec<Effect>>, StorageError> {
        if self.failed {
            let found = format!("the store on machine {} goes on", self.machine);
            lock(&self.hosts.judge).find(own::STOP, found, "its disk has failed".to_owned());
        }
        let (chance, options) = (&mut self.chance, &self.hosts.options.disk);
        // Every kind of fault draws, so that the draws of the others do not depend on it; at most one strikes.
        let kinds = faults::ALL.iter().filter_map(|kind| Some((kind.name(), kind.write(chance, options)?)));
        let drawn = kinds.collect::<Vec<_>>().first().copied();
        let (after, calm) = (chance.below(OPERATIONS), self.hosts.calm.load(Ordering::Relaxed));
        if let Some((_, trouble)) = drawn.filter(|_| !calm) {
            self.disk.expect(after, trouble);
        }
        if lock(&self.hosts.judge).is_late(self.config, inputs) {
            self.hosts.event_log.count("fault", "late-write");
            self.disk.expect(0, Trouble::PowerFails);
        }
        let performed = self.storage.perform(inputs);
        let struck = self.disk.struck();
        self.note(inputs.len(), &performed);
        match &performed {
            Ok(effects) => {
                let (machine, config) = (self.machine, self.config);
                lock(&self.hosts.judge).store_performed(machine, config, inputs, effects, &self.storage);
            }
            Err(_) => lock(&self.hosts.judge).store_failed(self.machine, inputs),
        }
        if struck == Some(Trouble::NoRoom) {
            self.hosts.event_log.count("fault", faults::FULL_DISK);
            if performed.is_ok() {
                let found = format!("the store on machine {} acknowledges a group", self.machine);
                lock(&self.hosts.judge).find(own::DURABLE, found, "its disk has no room for it".to_owned());
            }
        }
        if performed.is_ok() {
            self.read_back(inputs);
        }
        if performed.is_err() {
            self.failed = true;
            self.time.fails();
        }
        self.took = self.latency(calm);
        self.time.writes(self.took);
        if let (Some(Trouble::PowerFails | Trouble::Fails), Some((kind, _))) = (struck, drawn) {
            self.hosts.event_log.count("fault", kind);
        }
        if struck == Some(Trouble::PowerFails) {
            self.alive.store(false, Ordering::Relaxed);
            let _ended = self.hosts.ended.send(Ended::PowerFailed { node: self.machine, boot: self.boot });
        }
        performed
    }

    fn fence(&self, partition: PartitionId) -> Option<&Fence> {
        self.storage.fence(partition)
    }

    fn close(self) -> Result<(), StorageError> {
        self.storage.close()
    }

    fn took(&mut self) -> Duration {
        self.took
    }
}

impl Watched {
    fn note(&self, inputs: usize, performed: &Result<Vec<Vec<Effect>>, StorageError>) {
        let facts = [u64::try_from(inputs).unwrap_or(0), u64::from(performed.is_ok())];
        self.hosts.event_log.note("s", self.machine.into(), "group", &facts, || format!("{performed:?}"));
    }

    /// Reads the disk as a store would that starts now: after groups of several partitions more often than after others.
    fn read_back(&mut self, inputs: &[(PartitionId, Input)]) {
        let first = inputs.first().map(|(partition, _)| partition);
        let one_in = if inputs.iter().any(|(partition, _)| Some(partition) != first) { 4 } else { 64 };
        if self.rereads.below(one_in) > 0 {
            return;
        }
        let Config { store, enforcement, limits, .. } = self.config;
        let found = Storage::open_on(self.disk.image().mount(), store, Setup { enforcement, limits });
        let mut judge = lock(&self.hosts.judge);
        match found {
            Ok(found) => judge.store_reads(self.machine, &found),
            Err(error) => {
                let found = format!("the store on machine {} cannot be opened: {error}", self.machine);
                judge.find(own::DURABLE, found, "a group was acknowledged".to_owned());
            }
        }
    }

    fn latency(&mut self, calm: bool) -> Duration {
        let options = &self.hosts.options.disk;
        let mut micros = self.chance.between(options.get(&WRITE_US_MIN), options.get(&WRITE_US_MAX));
        for kind in faults::ALL {
            let longer = kind.latency(&mut self.chance, options);
            if let Some(longer) = longer.filter(|_| !calm) {
                self.hosts.event_log.count("fault", kind.name());
                micros += longer;
            }
        }
        if !calm {
            micros = micros.max(self.time.stands_us());
        }
        Duration::from_micros(micros)
    }
}
