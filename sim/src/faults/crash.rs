//! Fault: a node loses power, and with it everything that its disk has not synced. It restarts after a while.

use super::injector::{Cluster, End, Injector};
use super::pause;
use crate::options::{Drawn, Group};
use cutover::core::fault::Fault;

const PPM: Drawn = Drawn::chance(Group::Node, "crash_ppm", &[1_000, 4_000, 15_000]);
/// Scale of the time that a node is down, whatever the fault.
pub const DOWN_MS: Drawn = Drawn::scale(Group::Node, "down_ms", &[20, 300, 2_000]);

/// Ends a node's process, and starts it again after a while.
pub fn down(cluster: &mut dyn Cluster, node: u8, end: End) {
    cluster.end(node, end);
    cluster.forget(pause::paused(node));
    let scale_ms = cluster.options().value(&DOWN_MS);
    cluster.lasts_for(("down", node, 0), "down", scale_ms, |cluster, (_, node, _)| cluster.boot(node));
}

pub struct Crash;

impl Injector for Crash {
    fn name(&self) -> &'static str {
        Fault::Crash.text()
    }

    fn options(&self) -> &'static [Drawn] {
        &[PPM]
    }

    fn is_of_stores(&self) -> bool {
        true
    }

    fn node(&self, cluster: &mut dyn Cluster, node: u8) {
        let ppm = cluster.options().value(&PPM);
        if cluster.strikes(self.name(), node.into(), ppm) && cluster.is_up(node) {
            cluster.count(self.name());
            down(cluster, node, End::Power);
        }
    }
}
