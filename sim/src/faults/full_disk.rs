//! Fault: a disk is full, in the middle of a write or between two, until somebody makes room. The node must stop and say why, and it
//! must start again once there is room, with all that it has acknowledged.

use super::injector::{Cluster, Injector};
use crate::options::{Drawn, Group};

const PPM: Drawn = Drawn::chance(Group::Node, "full_ppm", &[300, 1_000, 3_000]);
/// Scale of the time until there is room.
const FULL_MS: Drawn = Drawn::scale(Group::Node, "full_ms", &[300, 2_000, 6_000]);

pub struct FullDisk;

/// The name of the kind, which is counted for each write that is refused.
pub const FULL_DISK: &str = "full-disk";

impl Injector for FullDisk {
    fn name(&self) -> &'static str {
        FULL_DISK
    }

    fn options(&self) -> &'static [Drawn] {
        &[PPM, FULL_MS]
    }

    fn is_of_stores(&self) -> bool {
        true
    }

    fn node(&self, cluster: &mut dyn Cluster, node: u8) {
        let (ppm, scale_ms) = (cluster.options().value(&PPM), cluster.options().value(&FULL_MS));
        let after = cluster.stream("filling", 0).below(40);
        let what = (self.name(), node, 0);
        let is_full = cluster.lasts_until_ns(what).is_some();
        if cluster.strikes(self.name(), node.into(), ppm) && cluster.is_up(node) && !is_full {
            cluster.fill_disk(node, Some(after));
            cluster.lasts_for(what, "full", scale_ms, |cluster, (_, node, _)| cluster.fill_disk(node, None));
        }
    }
}
