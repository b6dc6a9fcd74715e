//! Fault: a backup is taken; later all nodes are lost, and one is restored from the backup, perhaps from an older one. The others
//! join it on empty disks.

use super::injector::{Cluster, Injector, OperatorTask};
use crate::options::{Drawn, Group};

const PPM: Drawn = Drawn::chance(Group::Node, "restore_ppm", &[300, 1_500]);

pub struct Restore;

impl Injector for Restore {
    fn name(&self) -> &'static str {
        "restore"
    }

    fn options(&self) -> &'static [Drawn] {
        &[PPM]
    }

    fn after(&self, cluster: &mut dyn Cluster) {
        let (ppm, voters) = (cluster.options().value(&PPM), cluster.options().nodes);
        let first = cluster.stream("restored", 0).between(1, voters.into());
        if cluster.strikes(self.name(), 0, ppm) {
            cluster.ask_operator(OperatorTask::Restore(u8::try_from(first).unwrap_or(1)));
        }
    }
}
