//! A node is added, and removed again later.

use super::injector::{Cluster, Errand, Injector, LeaveOut};

pub struct Grow;

impl Injector for Grow {
    fn name(&self) -> &'static str {
        "grow"
    }

    fn leave_out(&self) -> LeaveOut {
        |options| options.node.grow_ppm = 0
    }

    fn after(&self, cluster: &mut dyn Cluster) {
        let ppm = cluster.options().node.grow_ppm;
        if cluster.strikes(self.name(), 0, ppm) {
            cluster.ask_operator(Errand::Grow);
        }
    }
}
