//! A node loses power, and with it what its disk has not synced; it starts again after a while.

use super::injector::{Cluster, End, Injector, LeaveOut};
use super::pause;
use cutover::core::fault::Fault;

/// Ends a node, and starts it again after a while.
pub fn down(cluster: &mut dyn Cluster, node: u8, end: End) {
    cluster.end(node, end);
    cluster.forget(pause::paused(node));
    let scale_ms = cluster.options().node.down_ms;
    cluster.lasts_for(("down", node, 0), "down", scale_ms, |cluster, (_, node, _)| cluster.boot(node));
}

pub struct Crash;

impl Injector for Crash {
    fn name(&self) -> &'static str {
        Fault::Crash.text()
    }

    fn leave_out(&self) -> LeaveOut {
        |options| options.node.crash_ppm = 0
    }

    fn node(&self, cluster: &mut dyn Cluster, node: u8) {
        let ppm = cluster.options().node.crash_ppm;
        if cluster.strikes(self.name(), node.into(), ppm) && cluster.is_up(node) {
            cluster.count(self.name());
            down(cluster, node, End::Power);
        }
    }
}
