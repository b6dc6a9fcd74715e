//! The production store on a simulated disk, as a driver has it.

use crate::disk::{Disk, Trouble};
use crate::event_log::{EventLog, lock};
use crate::host::Report;
use crate::judge::Judge;
use crate::options;
use crate::stream::Stream;
use core::time::Duration;
use cutover::core::control_plane::ControlPlaneEntry;
use cutover::core::raft::Batch;
use cutover::node::driver;
use cutover::node::store::Store;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use tokio::sync::mpsc;

/// Operations of the disk in one write, about: within so many the trouble strikes.
const OPERATIONS: u64 = 24;

/// A store that can be struck.
pub struct Storage {
    /// The store.
    pub store: Store,
    /// Its disk.
    pub disk: Disk,
    /// What may happen to it.
    pub options: options::Disk,
    /// Decides.
    pub chance: Stream,
    /// Whose it is.
    pub node: u8,
    /// Which start of it.
    pub boot: u64,
    /// Who watches.
    pub judge: Arc<Mutex<Judge>>,
    /// Events.
    pub event_log: EventLog,
    /// Where the end of the node is told.
    pub reports: mpsc::UnboundedSender<Report>,
    /// Whether the node has power.
    pub alive: Arc<AtomicBool>,
    /// No faults any more.
    pub calm: Arc<AtomicBool>,
    /// How long the last write took.
    pub took: Duration,
}

impl driver::Storage for Storage {
    type Error = String;

    fn write(&mut self, batches: &[Batch<ControlPlaneEntry>]) -> Result<(), String> {
        let (power, fails) =
            (self.chance.chance(self.options.power_ppm), self.chance.chance(self.options.fail_ppm));
        let (after, calm) = (self.chance.below(OPERATIONS), self.calm.load(Ordering::Relaxed));
        let trouble = match (power, fails) {
            (true, _) => Some(Trouble::PowerFails),
            (false, true) => Some(Trouble::Fails),
            (false, false) => None,
        };
        if let Some(trouble) = trouble.filter(|_| !calm) {
            self.disk.expect(after, trouble);
        }
        let result = self.store.write(batches);
        let struck = self.disk.struck();
        let mut judge = lock(&self.judge);
        match &result {
            Ok(()) => judge.wrote(self.node, batches),
            Err(_) => judge.failed_to_write(self.node, batches),
        }
        drop(judge);
        self.took = self.latency(calm);
        match struck {
            Some(Trouble::PowerFails) => {
                self.event_log.count("fault", "crash-in-write");
                self.alive.store(false, Ordering::Relaxed);
                let _ended = self.reports.send(Report::NoPower { node: self.node, boot: self.boot });
            }
            Some(Trouble::Fails) => self.event_log.count("fault", "disk-error"),
            None => {}
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
    fn latency(&mut self, calm: bool) -> Duration {
        let mut micros = self.chance.between(self.options.write_us_min, self.options.write_us_max);
        let (slow, tail) =
            (self.chance.chance(self.options.slow_ppm), self.chance.tail(self.options.slow_us));
        if slow && !calm {
            self.event_log.count("fault", "slow-disk");
            micros += tail;
        }
        Duration::from_micros(micros)
    }
}
