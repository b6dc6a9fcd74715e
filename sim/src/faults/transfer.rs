//! The operator hands the leadership over.

use super::injector::{Cluster, Errand, Injector, LeaveOut};

pub struct Transfer;

impl Injector for Transfer {
    fn name(&self) -> &'static str {
        "transfer"
    }

    fn leave_out(&self) -> LeaveOut {
        |options| options.node.transfer_ppm = 0
    }

    fn after(&self, cluster: &mut dyn Cluster) {
        let ppm = cluster.options().node.transfer_ppm;
        if cluster.strikes(self.name(), 0, ppm) {
            cluster.ask_operator(Errand::Transfer);
        }
    }
}
