//! A node loses its disk, is removed, and joins again with its next incarnation.

use super::injector::{Cluster, Errand, Injector, LeaveOut};
use cutover::core::fault::Fault;

pub struct Wipe;

impl Injector for Wipe {
    fn name(&self) -> &'static str {
        Fault::Wipe.text()
    }

    fn leave_out(&self) -> LeaveOut {
        |options| options.node.rebuild_ppm = 0
    }

    fn after(&self, cluster: &mut dyn Cluster) {
        let (ppm, voters) = (cluster.options().node.rebuild_ppm, cluster.options().nodes);
        let nodes = cluster.nodes();
        let victim = cluster.stream("victim", 0).pick(&nodes).unwrap_or(1);
        let strikes = cluster.strikes("rebuild", 0, ppm);
        // Without its disk, a node of fewer than three could take committed entries with it.
        if strikes && voters >= 3 && victim <= voters {
            cluster.ask_operator(Errand::Rebuild(victim));
        }
    }
}
