//! All nodes lose power at once.

use super::crash::down;
use super::injector::{Cluster, End, Injector, LeaveOut};

pub struct Blackout;

impl Injector for Blackout {
    fn name(&self) -> &'static str {
        "blackout"
    }

    fn leave_out(&self) -> LeaveOut {
        |options| options.node.blackout_ppm = 0
    }

    fn cluster(&self, cluster: &mut dyn Cluster) {
        let ppm = cluster.options().node.blackout_ppm;
        if !cluster.strikes(self.name(), 0, ppm) {
            return;
        }
        cluster.count(self.name());
        for node in cluster.nodes() {
            if cluster.is_up(node) {
                down(cluster, node, End::Power);
            }
        }
    }
}
