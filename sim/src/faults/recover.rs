//! Fault: all nodes but one are lost for good. The survivor is recovered alone, and the others join it on empty disks.

use super::injector::{Cluster, Injector, OperatorTask};
use crate::options::{Drawn, Group};

const PPM: Drawn = Drawn::chance(Group::Node, "recover_ppm", &[300, 1_500]);

pub struct Recover;

impl Injector for Recover {
    fn name(&self) -> &'static str {
        "recover"
    }

    fn options(&self) -> &'static [Drawn] {
        &[PPM]
    }

    fn after(&self, cluster: &mut dyn Cluster) {
        let ppm = cluster.options().value(&PPM);
        let nodes = cluster.nodes();
        let survivor = cluster.stream("survivor", 0).pick(&nodes).unwrap_or(1);
        let strikes = cluster.strikes(self.name(), 0, ppm);
        let mut is_voter = false;
        cluster.look_at(survivor, &mut |node| {
            let configuration = node.applied().configuration();
            is_voter = configuration.is_voter(node.config().me);
        });
        if strikes && is_voter {
            cluster.ask_operator(OperatorTask::Recover(survivor));
        }
    }
}
