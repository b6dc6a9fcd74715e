//! A node is cut off from all others, both ways, for a while.

use super::cut::{SCALE_MS, cut};
use super::injector::{Cluster, Injector};
use super::lull::unheard;
use crate::options::{Drawn, Group};

const PPM: Drawn = Drawn::chance(Group::Link, "isolate_ppm", &[2_000, 10_000]);

pub struct Isolate;

/// That a node is being isolated in this tick.
const NOW: &str = "isolating";

impl Injector for Isolate {
    fn name(&self) -> &'static str {
        "isolate"
    }

    fn options(&self) -> &'static [Drawn] {
        &[PPM, SCALE_MS]
    }

    fn node(&self, cluster: &mut dyn Cluster, node: u8) {
        let ppm = cluster.aimed(node, cluster.options().value(&PPM));
        if cluster.strikes(self.name(), node.into(), ppm) {
            cluster.count(self.name());
            unheard(cluster);
            cluster.lasts((NOW, node, 0), cluster.now_ns(), |_, _| {});
        }
    }

    fn link(&self, cluster: &mut dyn Cluster, from: u8, to: u8) {
        if cluster.lasts_until_ns((NOW, from, 0)).is_some() {
            cut(cluster, from, to);
            cut(cluster, to, from);
        }
    }

    fn after(&self, cluster: &mut dyn Cluster) {
        for node in cluster.nodes() {
            cluster.forget((NOW, node, 0));
        }
    }
}
