//! The loss of all nodes, and the start of a new history on one of them, by the functions below `restore` and `recover`.

use super::{Hosts, registered};
use crate::event_log::{lock, now_ns};
use crate::faults::End;
use cutover::core::control_plane::{ControlPlaneEntry, ControlPlaneState, Founder};
use cutover::core::ids::{HistoryId, NodeId};
use cutover::core::raft::{Applied, Durable};
use cutover::node::store::{Store, StoreIdentity};
use std::sync::atomic::Ordering;

/// The seconds since 1970 at the start of a run, by which a new history leaps.
const BEGAN_S: u64 = 1_800_000_000;

impl Hosts {
    /// Whether all nodes are lost at present.
    #[must_use]
    pub fn is_lost(&self) -> bool {
        self.lost.load(Ordering::Relaxed)
    }

    /// Ends all nodes, and reads the disk of one. If that can be read, or if none is given, all disks are lost, and no node
    /// starts until [`Hosts::refound`].
    pub fn lose_all(&self, survivor: Option<u8>) -> Option<Durable<ControlPlaneEntry>> {
        self.retire_copies();
        let all = self.all();
        all.iter().for_each(|node| {
            self.end(*node, End::Power);
            self.fill_disk(*node, None);
        });
        let disk = survivor.and_then(|node| Some((node, lock(&self.hosts).get(&node)?.disk.clone())));
        let durable = match disk {
            None => None,
            Some((node, disk)) => {
                let (store, durable) = Store::open_on(disk.mount(), NodeId(node)).ok()?;
                store.close().ok()?;
                Some(durable)
            }
        };
        lock(&self.judge).lost(durable.clone());
        self.lost.store(true, Ordering::Relaxed);
        all.iter().for_each(|node| {
            self.wipe(*node);
        });
        durable
    }

    /// Begins a new history with one node, which continues from this state. Returns whether its disk could be written.
    pub fn refound(&self, node: u8, applied: Applied<ControlPlaneState>) -> bool {
        let (me, Some(who)) = (self.peer(node), registered(node)) else { return false };
        let history = HistoryId(lock(&self.judge).history().0 + 1);
        let founder = Founder { history, voters: vec![(me, who)], ..(*self.founder).clone() };
        let Ok(durable) = founder.continued(applied, BEGAN_S + now_ns() / 1_000_000_000) else {
            return false;
        };
        let Some(disk) = lock(&self.hosts).get(&node).map(|host| host.disk.clone()) else { return false };
        let identity = StoreIdentity { node: me.node, directory: me.directory };
        let store = Store::create_on(disk.mount(), &identity, &durable);
        if !store.is_ok_and(|store| store.close().is_ok()) {
            return false;
        }
        self.event_log.note("n", node.into(), "begins a history", &[history.0], String::new);
        lock(&self.judge).refounded(history, &durable);
        self.lost.store(false, Ordering::Relaxed);
        self.boot(node);
        true
    }
}
