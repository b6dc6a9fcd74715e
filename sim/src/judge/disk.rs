//! What a node's disk holds, read as by a process that starts now.

use super::{Judge, own};
use cutover::core::control_plane::ControlPlaneEntry;
use cutover::core::raft::{Batch, Durable};

impl Judge {
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
            Ok(durable) if durable == host.disk => self.event_log.count("mark", "a disk read back"),
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
