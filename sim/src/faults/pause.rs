//! Fault: a process is paused for a while, and continues with its old state.

use super::injector::{Cluster, Injector, Lasting};
use crate::options::{Drawn, Group};
use cutover::core::fault::Fault;

const PPM: Drawn = Drawn::chance(Group::Node, "pause_ppm", &[1_000, 5_000, 20_000]);
const SCALE_MS: Drawn = Drawn::scale(Group::Node, "pause_ms", &[50, 500, 3_000]);

/// The lasting fault that a node is paused.
pub const fn paused(node: u8) -> Lasting {
    ("pause", node, 0)
}

pub struct Pause;

impl Injector for Pause {
    fn name(&self) -> &'static str {
        Fault::Pause.text()
    }

    fn options(&self) -> &'static [Drawn] {
        &[PPM, SCALE_MS]
    }

    fn is_of_stores(&self) -> bool {
        true
    }

    fn node(&self, cluster: &mut dyn Cluster, node: u8) {
        let (ppm, scale_ms) = (cluster.options().value(&PPM), cluster.options().value(&SCALE_MS));
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
