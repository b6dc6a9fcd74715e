//! A process is stopped for a while, and goes on with what it knew.

use super::injector::{Cluster, Injector, Lasting, LeaveOut};
use cutover::core::fault::Fault;

/// That a node is paused.
pub const fn paused(node: u8) -> Lasting {
    ("pause", node, 0)
}

pub struct Pause;

impl Injector for Pause {
    fn name(&self) -> &'static str {
        Fault::Pause.text()
    }

    fn leave_out(&self) -> LeaveOut {
        |options| options.node.pause_ppm = 0
    }

    fn node(&self, cluster: &mut dyn Cluster, node: u8) {
        let (ppm, scale_ms) = (cluster.options().node.pause_ppm, cluster.options().node.pause_ms);
        let strikes = cluster.strikes(self.name(), node.into(), ppm);
        if strikes && cluster.is_up(node) && !cluster.is_paused(node) {
            cluster.count(self.name());
            cluster.pause(node, true);
            cluster.lasts_for(paused(node), "pausing", scale_ms, |cluster, (_, node, _)| {
                cluster.pause(node, false);
            });
        }
    }
}
