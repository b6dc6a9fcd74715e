//! What a node hears is old for a while: answers to what it asked long ago. At some point nobody hears it any more, and the
//! others may go on without it while answers to it are still on their way.

use super::cut::{is_cut, mend};
use super::injector::{Cluster, Injector};
use super::lull::unheard;
use crate::options::{Drawn, Group};

const PPM: Drawn = Drawn::chance(Group::Link, "lag_ppm", &[2_000, 10_000]);

pub struct Lag;

/// The chance in each tick that a node which lags is not heard any more.
const UNHEARD_PPM: u64 = 100_000;

impl Injector for Lag {
    fn name(&self) -> &'static str {
        "lag"
    }

    fn options(&self) -> &'static [Drawn] {
        &[PPM]
    }

    fn after(&self, cluster: &mut dyn Cluster) {
        let nodes = cluster.nodes();
        for node in &nodes {
            self.one(cluster, *node, &nodes);
        }
    }
}

impl Lag {
    fn one(&self, cluster: &mut dyn Cluster, node: u8, nodes: &[u8]) {
        let longest_ms = cluster.options().timing.election_timeout_ms_max;
        let ppm = cluster.aimed(node, cluster.options().value(&PPM));
        let begins = cluster.strikes(self.name(), node.into(), ppm);
        let ends = cluster.strikes("unheard", node.into(), UNHEARD_PPM);
        if let Some(until_ns) = cluster.lasts_until_ns((self.name(), node, 0)) {
            let others = || nodes.iter().copied().filter(|to| *to != node);
            if ends && others().any(|to| cluster.lasts_until_ns(is_cut(node, to)).is_none()) {
                unheard(cluster);
            }
            for to in others().filter(|_| ends) {
                cluster.cut(node, to, true);
                cluster.lasts(is_cut(node, to), until_ns, mend);
            }
        } else if begins {
            cluster.count(self.name());
            let late_ms = cluster.stream("late", 0).between(1, 2 * longest_ms);
            cluster.slow_down(node, Some(late_ms * 1_000));
            cluster.lasts_for((self.name(), node, 0), "lagging", 6 * longest_ms, |cluster, (_, node, _)| {
                cluster.slow_down(node, None);
            });
        }
    }
}
