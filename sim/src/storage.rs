//! The production store on a simulated disk, as a driver uses it.

use crate::disk::{Disk, Trouble};
use crate::disk_time::DiskTime;
use crate::ended::Ended;
use crate::event_log::{EventLog, lock};
use crate::faults;
use crate::judge::{Judge, own};
use crate::options::{Values, WRITE_US_MAX, WRITE_US_MIN};
use crate::processes::member_of;
use crate::stream::Stream;
use core::time::Duration;
use cutover::core::control_plane::ControlPlaneEntry;
use cutover::core::ids::NodeId;
use cutover::core::raft::Batch;
use cutover::node::driver;
use cutover::node::store::Store;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use tokio::sync::mpsc;

/// Approximate number of disk operations per write; a failure strikes at one of them.
const OPERATIONS: u64 = 24;

/// A store whose writes can fail.
pub struct Storage {
    /// The production store.
    pub store: Store,
    /// The simulated disk below the store.
    pub disk: Disk,
    /// Probabilities and durations of failures.
    pub options: Values,
    /// Random stream of this disk.
    pub chance: Stream,
    /// Random stream of the reads of what was written.
    pub rereads: Stream,
    /// Number of the node.
    pub node: u8,
    /// Number of the node's start.
    pub boot: u64,
    /// Judges what becomes durable.
    pub judge: Arc<Mutex<Judge>>,
    /// Receives the events.
    pub event_log: EventLog,
    /// Receives a report when the node ends by a failure of its disk.
    pub ended: mpsc::UnboundedSender<Ended>,
    /// False after the node's power has failed.
    pub alive: Arc<AtomicBool>,
    /// True once the phase of faults is over.
    pub calm: Arc<AtomicBool>,
    /// Simulated duration of the last write.
    pub took: Duration,
    /// The times of the disk.
    pub time: DiskTime,
}

impl driver::Storage for Storage {
    type Error = String;

    fn write(&mut self, batches: &[Batch<ControlPlaneEntry>]) -> Result<(), String> {
        let (chance, options) = (&mut self.chance, &self.options);
        // Every kind of fault draws, so that the draws of the others do not depend on it; at most one strikes.
        let kinds = faults::ALL.iter().filter_map(|kind| Some((kind.name(), kind.write(chance, options)?)));
        let drawn = kinds.collect::<Vec<_>>().first().copied();
        let (after, calm) = (self.chance.below(OPERATIONS), self.calm.load(Ordering::Relaxed));
        if let Some((_, trouble)) = drawn.filter(|_| !calm) {
            self.disk.expect(after, trouble);
        }
        let result = self.store.write(batches);
        let struck = self.disk.struck();
        if struck == Some(Trouble::NoRoom) {
            self.event_log.count("fault", faults::FULL_DISK);
            if result.is_ok() {
                let found = format!("n{} acknowledges a write", self.node);
                lock(&self.judge).find(own::DURABLE, found, "its disk has no room for it".to_owned());
            }
        }
        let mut judge = lock(&self.judge);
        match &result {
            Ok(()) => judge.wrote(self.node, batches),
            Err(_) => {
                self.time.fails();
                judge.failed_to_write(self.node, batches);
            }
        }
        drop(judge);
        if result.is_ok() {
            self.read_back(batches);
        }
        self.took = self.latency(calm);
        self.time.writes(self.took);
        if let (Some(Trouble::PowerFails | Trouble::Fails), Some((kind, _))) = (struck, drawn) {
            self.event_log.count("fault", kind);
        }
        if struck == Some(Trouble::PowerFails) {
            self.alive.store(false, Ordering::Relaxed);
            let _ended = self.ended.send(Ended::PowerFailed { node: self.node, boot: self.boot });
        }
        result.map_err(|error| error.to_string())
    }

    fn took(&mut self) -> Duration {
        self.took
    }

    fn bytes(&self) -> u64 {
        self.store.size_bytes()
    }
}

impl Storage {
    /// Reads the disk as a process would that starts now. Groups in which a later batch replaces what an earlier one wrote are read
    /// more often than others.
    fn read_back(&mut self, batches: &[Batch<ControlPlaneEntry>]) {
        let twice = |has: fn(&Batch<ControlPlaneEntry>) -> bool| {
            batches.iter().filter(|batch| has(batch)).count() > 1
        };
        let replaces = twice(|batch| batch.hard_state.is_some()) || twice(|batch| batch.snapshot.is_some());
        let moves = batches.iter().any(|batch| batch.base.is_some());
        let one_in = if replaces {
            1
        } else if moves || batches.len() > 1 {
            8
        } else {
            64
        };
        if self.rereads.below(one_in) == 0 {
            let found = Store::open_on(self.disk.image().mount(), NodeId(member_of(self.node)));
            let found = found.map(|(_, durable)| durable).map_err(|error| error.to_string());
            lock(&self.judge).read_back(self.node, found);
        }
    }

    fn latency(&mut self, calm: bool) -> Duration {
        let mut micros =
            self.chance.between(self.options.get(&WRITE_US_MIN), self.options.get(&WRITE_US_MAX));
        for kind in faults::ALL {
            let longer = kind.latency(&mut self.chance, &self.options);
            if let Some(longer) = longer.filter(|_| !calm) {
                self.event_log.count("fault", kind.name());
                micros += longer;
            }
        }
        if !calm {
            micros = micros.max(self.time.stands_us());
        }
        Duration::from_micros(micros)
    }
}
