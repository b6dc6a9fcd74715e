//! A process ends; what it wrote to its disk stays, synced or not.

use super::crash::down;
use super::injector::{Cluster, End, Injector, LeaveOut};

pub struct Kill;

impl Injector for Kill {
    fn name(&self) -> &'static str {
        "kill"
    }

    fn leave_out(&self) -> LeaveOut {
        |options| options.node.kill_ppm = 0
    }

    fn node(&self, cluster: &mut dyn Cluster, node: u8) {
        let ppm = cluster.options().node.kill_ppm;
        if cluster.strikes(self.name(), node.into(), ppm) && cluster.is_up(node) {
            cluster.count(self.name());
            down(cluster, node, End::Process);
        }
    }
}
