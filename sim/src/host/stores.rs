//! The machines of stores with data, and who does not reach them.

use super::Hosts;
use crate::data::is_store;
use crate::event_log::lock;
use crate::faults::End;
use cutover::sink::driver::SinkHandle;
use cutover::sink::storage::Beginning;
use std::net::IpAddr;

impl Hosts {
    /// The numbers of the machines of all stores.
    #[must_use]
    pub fn stores(&self) -> Vec<u8> {
        lock(&self.hosts).keys().copied().filter(|machine| is_store(*machine)).collect()
    }

    /// The store on a machine, if it runs.
    #[must_use]
    pub fn sink(&self, machine: u8) -> Option<SinkHandle> {
        lock(&self.hosts).get(&machine)?.up.as_ref()?.sink.clone()
    }

    /// A store loses its disk, and does not start before it has begun anew.
    pub fn lose_store(&self, machine: u8) {
        self.end(machine, End::Power);
        let peer = self.wipe(machine);
        if let Some(host) = lock(&self.hosts).get_mut(&machine) {
            host.retired = true;
        }
        self.event_log.note("s", machine.into(), "is lost", &[peer.directory.0], String::new);
        lock(&self.judge).store_wiped(machine, self.options.data.forces);
    }

    /// The machines of stores that have lost their disks, and have not begun anew.
    #[must_use]
    pub fn lost_stores(&self) -> Vec<u8> {
        let hosts = lock(&self.hosts);
        let lost = hosts.iter().filter(|(machine, host)| is_store(**machine) && host.retired);
        lost.map(|(machine, _)| *machine).collect()
    }

    /// Starts a store on an empty disk, with what the log has committed.
    pub fn begin_store(&self, machine: u8, beginning: Beginning) {
        lock(&self.judge).store_begins(machine, beginning.clone());
        if let Some(host) = lock(&self.hosts).get_mut(&machine) {
            (host.beginning, host.retired) = (beginning, false);
        }
        self.boot(machine);
    }

    /// Call when a store serves.
    pub fn serves(&self, machine: u8, sink: &SinkHandle) {
        if let Some(up) = lock(&self.hosts).get_mut(&machine).and_then(|host| host.up.as_mut()) {
            up.sink = Some(sink.clone());
        }
    }

    /// Cuts a machine off from a store, or ends that. Requests that have arrived are answered.
    pub fn cut_off(&self, from: IpAddr, store: u8, cut: bool) {
        let mut cuts = lock(&self.cuts);
        if cut {
            cuts.insert((from, store));
        } else {
            cuts.remove(&(from, store));
        }
    }

    /// Whether a machine is cut off from a store.
    #[must_use]
    pub fn is_cut_off(&self, from: IpAddr, store: u8) -> bool {
        lock(&self.cuts).contains(&(from, store))
    }
}
