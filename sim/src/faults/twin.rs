//! Fault: a copy of a running member's data directory is started at another address. The copy is the same member, and
//! reaches some of the others. In most runs they answer to the member's own address, so nobody answers the copy. In some
//! runs the copy takes the place of the original, and in some a part of the others answers it: with both answered nothing is
//! promised, except that they are found when they meet.

use super::injector::{Cluster, Injector, OperatorTask};
use crate::options::{Drawn, Group};

const PPM: Drawn = Drawn::chance(Group::Node, "twin_ppm", &[500, 2_000]);

pub struct Twin;

impl Injector for Twin {
    fn name(&self) -> &'static str {
        "twin"
    }

    fn options(&self) -> &'static [Drawn] {
        &[PPM]
    }

    fn after(&self, cluster: &mut dyn Cluster) {
        let (ppm, voters) = (cluster.options().value(&PPM), cluster.options().nodes);
        let nodes = cluster.nodes();
        let member = cluster.stream("copied", 0).pick(&nodes).unwrap_or(1);
        let strikes = cluster.strikes(self.name(), 0, ppm);
        // Both are given up when they are found, as after a lost disk.
        if strikes && voters >= 3 && member <= voters && cluster.is_up(member) {
            cluster.ask_operator(OperatorTask::Copy(member));
        }
    }
}
