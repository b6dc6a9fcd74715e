//! Fault: a process is killed; everything that it wrote to its disk is kept, synced or not.

use super::crash::{DOWN_MS, down};
use super::injector::{Cluster, End, Injector};
use crate::options::{Drawn, Group};

const PPM: Drawn = Drawn::chance(Group::Node, "kill_ppm", &[1_000, 4_000, 15_000]);

pub struct Kill;

impl Injector for Kill {
    fn name(&self) -> &'static str {
        "kill"
    }

    fn options(&self) -> &'static [Drawn] {
        &[PPM, DOWN_MS]
    }

    fn is_of_stores(&self) -> bool {
        true
    }

    fn node(&self, cluster: &mut dyn Cluster, node: u8) {
        let ppm = cluster.options().value(&PPM);
        if cluster.strikes(self.name(), node.into(), ppm) && cluster.is_up(node) {
            cluster.count(self.name());
            down(cluster, node, End::Process);
        }
    }
}
