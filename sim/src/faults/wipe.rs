//! Fault: a node loses its disk, is removed, and joins again in its next directory.

use super::injector::{Cluster, Injector, OperatorTask};
use crate::options::{Drawn, Group};
use cutover::core::fault::Fault;

const PPM: Drawn = Drawn::chance(Group::Node, "rebuild_ppm", &[2_000, 10_000]);

pub struct Wipe;

impl Injector for Wipe {
    fn name(&self) -> &'static str {
        Fault::Wipe.text()
    }

    fn options(&self) -> &'static [Drawn] {
        &[PPM]
    }

    fn after(&self, cluster: &mut dyn Cluster) {
        let (ppm, voters) = (cluster.options().value(&PPM), cluster.options().nodes);
        let nodes = cluster.nodes();
        let victim = cluster.stream("victim", 0).pick(&nodes).unwrap_or(1);
        let strikes = cluster.strikes("rebuild", 0, ppm);
        // With fewer than three voters, a lost disk can lose committed entries.
        if strikes && voters >= 3 && victim <= voters {
            cluster.ask_operator(OperatorTask::Rebuild(victim));
        }
    }
}
