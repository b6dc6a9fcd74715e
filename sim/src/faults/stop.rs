//! Fault: a node is stopped in order, with requests that wait, and starts again after a while.

use super::injector::{Cluster, Injector};
use crate::options::{Drawn, Group};

const PPM: Drawn = Drawn::chance(Group::Node, "stop_ppm", &[1_000, 3_000, 8_000]);

pub struct Stop;

impl Injector for Stop {
    fn name(&self) -> &'static str {
        "stop"
    }

    fn options(&self) -> &'static [Drawn] {
        &[PPM]
    }

    fn node(&self, cluster: &mut dyn Cluster, node: u8) {
        let ppm = cluster.aimed(node, cluster.options().value(&PPM));
        if cluster.strikes(self.name(), node.into(), ppm) && cluster.is_up(node) && !cluster.is_paused(node) {
            cluster.count(self.name());
            cluster.stop(node);
        }
    }
}
