//! Fault: all nodes and stores lose power at once.

use super::crash::down;
use super::injector::{Cluster, End, Injector};
use crate::options::{Drawn, Group};

const PPM: Drawn = Drawn::chance(Group::Node, "blackout_ppm", &[500, 3_000]);

pub struct Blackout;

impl Injector for Blackout {
    fn name(&self) -> &'static str {
        "blackout"
    }

    fn options(&self) -> &'static [Drawn] {
        &[PPM]
    }

    fn cluster(&self, cluster: &mut dyn Cluster) {
        let ppm = cluster.options().value(&PPM);
        if !cluster.strikes(self.name(), 0, ppm) {
            return;
        }
        cluster.count(self.name());
        for node in cluster.nodes().into_iter().chain(cluster.stores()) {
            if cluster.is_up(node) {
                down(cluster, node, End::Power);
            }
        }
    }
}
